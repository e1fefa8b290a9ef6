"""Requests as JSON and as YAML values: a strict pair, and the reading of requests that a person wrote.

`request_to_json` is canonical: the same request always gives the same bytes, which is what the ledger keeps beside a
decision. Reading takes the same keys, all but `topic` optional, and refuses everything else.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from typing import Any, NoReturn

from warden.errors import DocumentError, quote
from warden.model.digests import MAX_INTEGER, canonical_bytes
from warden.model.request import McpCall, Request, request_fields

MAX_REQUEST_BYTES = 1024 * 1024
MAX_ITEMS = 1_000
FIELDS = (
    "tenant",
    "topic",
    "capability",
    "risk_tags",
    "requires",
    "pack_id",
    "actor_id",
    "actor_type",
    "labels",
    "secrets_present",
    "mcp",
    "counts",
)
MCP_FIELDS = ("server", "tool", "resource", "action")

Path = tuple[str | int, ...]
Refuse = Callable[[str, str, Path], DocumentError]


def request_to_json(request: Request) -> bytes:
    """Return the canonical JSON of the request (RFC 8785); raises `ValueError` for what has no canonical form."""
    return canonical_bytes(request_fields(request))


def request_from_json(data: bytes) -> Request:
    """Return the request in `data`; raises `DocumentError` naming the field."""
    return request_from_value(parse_json(data), _refuse_dotted)


def requests_from_json(data: bytes) -> tuple[list[Request], bool]:
    """Return the requests in a JSON object or list of objects, and whether it was a list."""
    value = parse_json(data)
    if not isinstance(value, list):
        return [request_from_value(value, _refuse_dotted)], False
    return [request_from_value(item, _refuse_dotted, (index,)) for index, item in enumerate(value)], True


def parse_json(data: bytes) -> object:
    """Return the JSON value in `data`, with duplicate keys, NaN and infinities refused; raises `DocumentError`."""
    if len(data) > MAX_REQUEST_BYTES:
        raise DocumentError(f"the request has more than {MAX_REQUEST_BYTES} bytes")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_pairs, parse_constant=_constant)
    except UnicodeDecodeError:
        raise DocumentError("the request is not UTF-8", "save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise DocumentError(f"not valid JSON in line {error.lineno}: {error.msg.lower()}") from None
    except RecursionError:
        raise DocumentError("the request is nested too deeply") from None
    except ValueError:
        raise DocumentError("a number in the request is too long") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise DocumentError(f"key {quote(name)} stands in one object twice", "keep one of them")
        values[name] = value
    return values


def _constant(text: str) -> NoReturn:
    raise DocumentError(f"{quote(text)} is not a JSON number")


def _refuse_dotted(message: str, hint: str, path: Path) -> DocumentError:
    return DocumentError(message, hint, ".".join(str(step) for step in path) or "request")


class _Reader:
    """Takes the fields of one request apart; every complaint carries the path of its field."""

    def __init__(self, value: object, refuse: Refuse, at: Path) -> None:
        self.refuse = refuse
        self.at = at
        self.fields = self.mapping(value, at)
        for name in self.fields:
            if name not in FIELDS:
                close = difflib.get_close_matches(name, FIELDS, n=1)
                hint = f"did you mean {quote(close[0])}?" if close else f"known keys: {', '.join(FIELDS)}"
                raise refuse(f"unknown key {quote(name)}", hint, (*at, name))

    def mapping(self, value: object, at: Path) -> dict[str, object]:
        if not isinstance(value, dict) or len(value) > MAX_ITEMS:
            raise self.refuse("this must be a mapping with string keys", "", at)
        return value

    def text(self, value: object, at: Path) -> str:
        if not isinstance(value, str):
            raise self.refuse("this must be a string", "put it in quotes", at)
        return value

    def field(self, name: str, default: str = "") -> str:
        return self.text(self.fields.get(name, default), (*self.at, name))

    def names(self, name: str) -> frozenset[str]:
        value = self.fields.get(name, [])
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise self.refuse("this must be a list of strings", "", (*self.at, name))
        return frozenset(self.text(item, (*self.at, name, index)) for index, item in enumerate(value))

    def labels(self) -> dict[str, str]:
        at = (*self.at, "labels")
        return {
            name: self.text(item, (*at, name)) for name, item in self.mapping(self.fields.get("labels", {}), at).items()
        }

    def counts(self) -> dict[str, int]:
        at = (*self.at, "counts")
        counts: dict[str, int] = {}
        for name, item in self.mapping(self.fields.get("counts", {}), at).items():
            if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item <= MAX_INTEGER:
                raise self.refuse("this must be a whole number that is not negative", "", (*at, name))
            counts[name] = item
        return counts

    def secrets(self) -> bool | None:
        value = self.fields.get("secrets_present")
        if value is not None and not isinstance(value, bool):
            raise self.refuse("this must be true, false or null", "", (*self.at, "secrets_present"))
        return value

    def mcp(self) -> McpCall | None:
        at = (*self.at, "mcp")
        value = self.fields.get("mcp")
        if value is None:
            return None
        fields = self.mapping(value, at)
        for name in fields:
            if name not in MCP_FIELDS:
                raise self.refuse(f"unknown key {quote(name)}", f"known keys: {', '.join(MCP_FIELDS)}", (*at, name))
        return McpCall(**{name: self.text(item, (*at, name)) for name, item in fields.items()})


def request_from_value(value: object, refuse: Refuse, at: Path = ()) -> Request:
    """Return the request in a parsed mapping; `refuse` makes the error from message, hint and path."""
    reader = _Reader(value, refuse, at)
    if "topic" not in reader.fields:
        raise refuse("a request needs a `topic`", "for example `topic: job.warden.reply`", at)
    return Request(
        topic=reader.field("topic"),
        capability=reader.field("capability"),
        actor_id=reader.field("actor_id"),
        actor_type=reader.field("actor_type"),
        tenant=reader.field("tenant", "default"),
        risk_tags=reader.names("risk_tags"),
        requires=reader.names("requires"),
        pack_id=reader.field("pack_id"),
        labels=reader.labels(),
        secrets_present=reader.secrets(),
        mcp=reader.mcp(),
        counts=reader.counts(),
    )
