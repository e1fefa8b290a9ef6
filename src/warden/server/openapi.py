"""What the OpenAPI 3.1 documents of our servers share: the shell, and JSON as the one content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def reference(name: str) -> dict[str, Any]:
    """Return a reference to one of the document's schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def content(schema: Schema | str) -> dict[str, Any]:
    """Return JSON of a schema, or of the one of this name, as the content of a body or an answer."""
    return {"application/json": {"schema": reference(schema) if isinstance(schema, str) else schema}}


def document(info: Mapping[str, str], paths: Schema, schemas: Schema) -> dict[str, Any]:
    """Return a document whose operations take a bearer token unless they say otherwise."""
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "security": [{"token": []}],
        "paths": dict(paths),
        "components": {
            "schemas": dict(schemas),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
