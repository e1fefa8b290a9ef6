"""What `warden plan show` shows, from a saved plan or from the ledger's entries: plans, decisions, questions to a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from warden.ledger.entry import StoredEntry, parse_entry

if TYPE_CHECKING:
    from warden.model.saved_plan import PlanItem, SavedPlan

Fields = Mapping[str, Any]
Blob = Callable[[str], bytes | None]

AUDIT = "audit_event"
FEW = 64
"""So many messages are looked for in an entry's bytes before it is parsed."""

_NAMES = {"planned": "planned", "model_asked": "asked", "answer_kept": "answer"}


@dataclass
class ShownMessage:
    """What is known of the plan for one message: from a saved plan `item`, from the ledger the rest, each of the newest run."""

    message_id: str
    run_id: str = ""
    item: PlanItem | None = None
    planned: Fields | None = None
    decided: list[Fields] = field(default_factory=list)
    asked: Fields | None = None
    answer: Fields | None = None


def from_plan(plan: SavedPlan) -> list[ShownMessage]:
    """Return the messages of a saved plan."""
    return [ShownMessage(item.message_id, plan.header.run_id, item) for item in plan.items]


def mentions(raws: Iterable[bytes], word: str) -> Iterator[StoredEntry]:
    """Yield the entries that may be about `word`; most others are passed over without being parsed."""
    part = _as_written(word)
    for raw in raws:
        if part in raw:
            yield parse_entry(raw)


def _as_written(word: str) -> bytes:
    """Return a word as canonical JSON writes it inside of its quotes."""
    return json.dumps(word, ensure_ascii=False)[1:-1].encode("utf-8", "replace")


def of_run(newest_first: Iterable[bytes], run_id: str) -> tuple[bool, list[ShownMessage]]:
    """Return whether the ledger knows this run, and its messages in the order in which they were planned."""
    found = [entry for entry in mentions(newest_first, run_id) if entry.fields.get("run_id") == run_id]
    shown: dict[str, ShownMessage] = {}
    for entry in reversed(found):
        _take(entry, shown)
    return bool(found), list(shown.values())


def of_messages(newest_first: Iterable[bytes], agent: str, known: Mapping[str, ShownMessage]) -> None:
    """Fill what the ledger knows of these messages in: the newest plan with its decisions, and the newest question."""
    parts = {_as_written(number) for number in known} if len(known) <= FEW else {b""}
    for raw in newest_first:
        entry = _about(raw, agent, known) if any(part in raw for part in parts) else None
        if entry is None:
            continue
        fields: Fields = entry.fields
        shown = known[fields["ref"]["message_id"]]
        if entry.kind == "decided":
            _put_decision(shown, fields)
        elif entry.kind in _NAMES and getattr(shown, _NAMES[entry.kind]) is None:
            setattr(shown, _NAMES[entry.kind], fields)
        shown.run_id = shown.run_id or str(fields.get("run_id", ""))


def _put_decision(shown: ShownMessage, fields: Fields) -> None:
    """Take a decision of the newest plan: it was written after the plan, so it is met before it. The audit event is no part."""
    is_newest = shown.planned is None and (not shown.decided or shown.decided[0]["run_id"] == fields["run_id"])
    if is_newest and fields["kind"] != AUDIT:
        shown.decided.insert(0, fields)


def _about(raw: bytes, agent: str, wanted: Mapping[str, ShownMessage]) -> StoredEntry | None:
    if b'"ref":{' not in raw:
        return None
    entry = parse_entry(raw)
    ref: Any = entry.fields.get("ref")
    return entry if isinstance(ref, dict) and ref["agent"] == agent and ref["message_id"] in wanted else None


def _take(entry: StoredEntry, shown: dict[str, ShownMessage]) -> None:
    fields: Fields = entry.fields
    if entry.kind not in _NAMES and entry.kind != "decided":
        return
    number = fields["ref"]["message_id"]
    message = shown.setdefault(number, ShownMessage(number, fields["run_id"]))
    if entry.kind != "decided":
        setattr(message, _NAMES[entry.kind], fields)
    elif fields["kind"] != AUDIT:
        message.decided.append(fields)


def to_document(message: ShownMessage, blob: Blob | None) -> dict[str, object]:
    """Return one message as JSON values; with `blob`, the texts that are still kept."""
    item, planned = message.item, message.planned
    return {
        "message_id": message.message_id,
        "run_id": message.run_id,
        "saved": None if item is None else item.fields(),
        "planned": None if planned is None else _without(planned, "run_id", "ref"),
        "decisions": [_without(one, "run_id", "ref") for one in message.decided],
        "asked": None if message.asked is None else _asked(message.asked, message.answer, blob),
    }


def _asked(asked: Fields, answer: Fields | None, blob: Blob | None) -> dict[str, object]:
    document = _without(asked, "ref")
    document["layers"] = [
        {**layer, "text": text_of(blob, layer["digest"])} if blob else dict(layer) for layer in asked["layers"]
    ]
    document["answer_digest"] = None if answer is None else answer["answer_digest"]
    if blob is not None:
        document["answer"] = None if answer is None else text_of(blob, answer["answer_digest"])
    return document


def text_of(blob: Blob, digest: str) -> str | None:
    """Return a kept text, None when it was removed after retention."""
    data = blob(digest)
    return None if data is None else data.decode("utf-8", "replace")


def _without(fields: Fields, *names: str) -> dict[str, object]:
    return {name: value for name, value in fields.items() if name not in names}
