"""One JSON document out of bytes that nobody vouches for: UTF-8, no duplicate names, no NaN, no bottomless nesting."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from warden.errors import HubRejectedError, quote


class MalformedDocumentError(HubRejectedError):
    """The bytes are not one acceptable JSON document."""

    code = "malformed"


def parse_json(data: bytes) -> object:
    """Return the one JSON document in `data` (RFC 8259, and names must differ); raises `MalformedDocumentError`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedDocumentError(f"the document is not UTF-8 at byte {error.start + 1}") from None
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise MalformedDocumentError(f"the document is not JSON at {place}") from None
    except RecursionError:
        raise MalformedDocumentError("the document is nested too deeply") from None
    except ValueError:  # an integer of thousands of digits
        raise MalformedDocumentError("the document holds a number that cannot be read") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise MalformedDocumentError(f"the name {quote(name)} stands twice in one object", "", name)
            seen.add(name)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedDocumentError(f"{quote(name)} is not JSON")
