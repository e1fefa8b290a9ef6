"""The step from a parsed document to a validation model, and from a model's complaints to `file:line` sentences.

Imported only while a document is being read: this module is what loads pydantic.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from warden.documents.yaml import Document
from warden.errors import DocumentError, quote


class Strict(BaseModel):
    """A mapping with known keys only, and values of exactly the declared types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True, hide_input_in_errors=True)


M = TypeVar("M", bound=Strict)


def validate(model: type[M], document: Document) -> M:
    """Return the document as `model`; raises `DocumentError` for the first complaint, with its line."""
    if document.value is None:
        raise DocumentError("the file is empty", "see docs/reference/policy.md for what it may hold", document.place())
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        raise _refusal(model, document, error.errors(include_url=False, include_input=False)) from None


_WORDING = {
    "dict_type": "this must be a mapping",
    "model_type": "this must be a mapping",
    "list_type": "this must be a list",
    "string_type": "this must be a string; put it in quotes",
    "int_type": "this must be a whole number",
    "float_type": "this must be a number",
    "bool_type": "this must be true or false",
}


def _refusal(model: type[Strict], document: Document, complaints: Iterable[Any]) -> DocumentError:
    """Return the error for the complaint that stands first; a key that is missing comes last, for a misspelt one explains
    it."""
    located = [(_path(document, item), item) for item in complaints]
    path, first = min(located, key=lambda item: (item[1]["type"] == "missing", document.line(item[0])))
    kind = first["type"]
    shown = quote(".".join(str(step) for step in path)) if path else "the document"
    if kind == "extra_forbidden":
        known = _known_keys(model, path[:-1])
        close = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {quote(close[0])}?" if close else f"known keys: {', '.join(known)}" if known else ""
        return DocumentError(f"unknown key {shown}", hint, document.place(path))
    if kind == "missing":
        return DocumentError(f"{shown} lacks the key {quote(first['loc'][-1])}", "", document.place(path))
    message = _WORDING.get(kind) or str(first["msg"]).removeprefix("Value error, ")
    return DocumentError(f"{shown}: {message[:1].lower()}{message[1:]}", "", document.place(path))


def _path(document: Document, complaint: Any) -> tuple[str | int, ...]:
    """Return the part of the complaint's path that exists in the document: models add steps of their own to it."""
    mark, path = document.mark, []
    for step in complaint["loc"]:
        child = mark.children.get(step)
        if child is None:
            break
        mark = child
        path.append(step)
    return tuple(path)


def _known_keys(model: type[Any], path: tuple[str | int, ...]) -> list[str]:
    """Return the keys that the mapping at `path` may have, by walking the declared types."""
    current: Any = model
    for step in path:
        current = _child(current, step)
    fields = getattr(current, "model_fields", None)
    return list(fields) if fields else []


def _child(current: Any, step: str | int) -> Any:
    fields = getattr(current, "model_fields", None)
    annotation = fields[step].annotation if fields and step in fields else current if not fields else None
    return _innermost(annotation, isinstance(step, int) or not fields)


def _innermost(annotation: Any, inside: bool) -> Any:
    """Return the model or container inside an optional, and what a container holds when the path goes into it."""
    arguments = getattr(annotation, "__args__", ())
    if not arguments:
        return annotation
    if getattr(annotation, "__origin__", None) in (list, tuple, dict) and inside:
        return _innermost(arguments[-1], False)
    chosen = [item for item in arguments if item is not type(None)]
    is_union = getattr(annotation, "__origin__", None) not in (list, tuple, dict)
    return _innermost(chosen[0], inside) if is_union and len(chosen) == 1 else annotation
