"""What the schemas are made of: closed objects, lists, and the words and digests that come in many of them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

from warden.model.disposition import Disposition

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DIGEST = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
FLAG = {"type": "boolean"}
NOTHING = {"type": "null"}
MOMENT = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}(Z|[+]00:00)$"}
"""A moment in UTC as RFC 3339 writes it."""
DISPOSITION = {"enum": [one.value for one in Disposition]}


def closed(required: Schema, optional: Schema | None = None) -> Schema:
    """Return the schema of an object with these members and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


def listed(item: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": item}


def named(value: Schema) -> Schema:
    """Return the schema of an object whose members have names that are data, and values of one kind."""
    return {"type": "object", "additionalProperties": value}


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that may be null."""
    return {"oneOf": [schema, NOTHING]}


def words(values: type[Enum] | Iterable[str]) -> Schema:
    """Return the schema of one of some words."""
    return {"enum": [value.value if isinstance(value, Enum) else value for value in values]}


def members(schema: Schema, names: Iterable[str]) -> Schema:
    """Return an object of members that all are alike."""
    return dict.fromkeys(names, schema)


def document(title: str, name: str, schema: Schema) -> Schema:
    """Return a whole schema for documents that say `"schema": name`."""
    return {"$schema": DIALECT, "title": title, **_with_name(name, schema)}


def either(title: str, name: str, *forms: Schema) -> Schema:
    """Return a whole schema for documents that say `"schema": name` and have one of several forms."""
    return {"$schema": DIALECT, "title": title, "oneOf": [_with_name(name, form) for form in forms]}


def _with_name(name: str, schema: Schema) -> Schema:
    properties = {"schema": {"const": name}, **schema["properties"]}
    return {**schema, "required": ["schema", *schema["required"]], "properties": properties}
