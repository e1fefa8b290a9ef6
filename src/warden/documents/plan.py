"""Saved plans as JSON files: written item by item, read back strictly.

A file is one JSON object: `schema`, the header's fields, and `items`. What is read must have exactly these fields with
exactly these types; whether it is *our* plan is decided by its digest and the ledger, not here.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TextIO

from warden.errors import DocumentError, quote
from warden.model.disposition import Disposition
from warden.model.saved_plan import SCHEMA, PlanHeader, PlanItem, SavedPlan

MAX_PLAN_BYTES = 256 * 1024 * 1024
"""INVARIANT (bounded): a larger plan file is refused."""

_AGAIN = "make a new one with `warden worker run --dry-run --out FILE`"
_HEADER = tuple(field.name for field in fields(PlanHeader))
_ITEM = tuple(field.name for field in fields(PlanItem))


class PlanWriter:
    """Writes a plan to a text stream as its items come, so that its length does not matter."""

    def __init__(self, stream: TextIO, header: PlanHeader) -> None:
        self._stream = stream
        head = json.dumps({"schema": SCHEMA, **header.fields()}, ensure_ascii=True, indent=2)
        stream.write(head.removesuffix("\n}") + ',\n  "items": [')
        self._first = True

    def add(self, item: PlanItem) -> None:
        """Write the next item, on a line of its own."""
        self._stream.write("\n" if self._first else ",\n")
        self._first = False
        self._stream.write("    " + json.dumps(item.fields(), ensure_ascii=True))

    def close(self) -> None:
        """Write the end of the document."""
        self._stream.write("]\n}\n" if self._first else "\n  ]\n}\n")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DocumentError("an object names a field twice", _AGAIN)
    return found


def _refuse_number(text: str) -> object:
    raise DocumentError(f"number {quote(text)} has no place in a plan", _AGAIN)


def read_plan(data: bytes, name: str) -> SavedPlan:
    """Return the plan in `data`; `name` is used in errors.

    Raises `DocumentError` for anything that `PlanWriter` would not have written.
    """
    if len(data) > MAX_PLAN_BYTES:
        raise DocumentError(f"larger than {MAX_PLAN_BYTES} bytes", _AGAIN, name)
    try:
        document = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_refuse_number,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
        plan = _plan(document)
        _ = plan.digest
    except DocumentError as error:
        raise DocumentError(error.message, error.hint, name) from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DocumentError("not a plan: it is not JSON", _AGAIN, name) from error
    except ValueError as error:  # a lone surrogate, or a name outside ASCII: nothing that has a digest
        raise DocumentError("not a plan: it holds text that no plan holds", _AGAIN, name) from error
    return plan


def _object(value: object, names: tuple[str, ...], what: str) -> dict[str, object]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise DocumentError(f"{what} does not have exactly the fields of a plan", _AGAIN)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise DocumentError("a field of the plan is not a string", _AGAIN)
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise DocumentError("a field of the plan is not a list", _AGAIN)
    return value


def _plan(document: object) -> SavedPlan:
    top = _object(document, ("schema", *_HEADER, "items"), "the document")
    if top["schema"] != SCHEMA:
        raise DocumentError(f"the document's schema is not {quote(SCHEMA)}", _AGAIN)
    header = PlanHeader(**{name: _text(top[name]) for name in _HEADER})
    return SavedPlan(header, tuple(_item(item) for item in _list(top["items"])))


def _item(value: object) -> PlanItem:
    item = _object(value, _ITEM, "an item")
    disposition = _text(item["disposition"])
    if disposition not in tuple(Disposition):
        raise DocumentError(f"{quote(disposition)} is not a disposition", _AGAIN)
    entry = item["catalog_entry"]
    return PlanItem(
        message_id=_text(item["message_id"]),
        message_digest=_text(item["message_digest"]),
        reason=_text(item["reason"]),
        detail=_text(item["detail"]),
        catalog_entry=None if entry is None else _text(entry),
        disposition=disposition,
        proposals=tuple(_proposal(proposal) for proposal in _list(item["proposals"])),
        action_digests=tuple(_text(digest) for digest in _list(item["action_digests"])),
    )


def _proposal(value: object) -> tuple[str, tuple[tuple[str, str], ...]]:
    proposal = _object(value, ("kind", "arguments"), "a proposal")
    arguments = proposal["arguments"]
    if not isinstance(arguments, dict):
        raise DocumentError("a proposal's arguments are not an object", _AGAIN)
    return _text(proposal["kind"]), tuple(sorted((name, _text(value)) for name, value in arguments.items()))
