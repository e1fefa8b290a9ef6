"""Schemas of what the commands print that look at the ledger, copy it, prove it or put it right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from docs.schemas.parts import (
    COUNT,
    DIGEST,
    DISPOSITION,
    FLAG,
    INTEGER,
    MOMENT,
    NOTHING,
    TEXT,
    Schema,
    closed,
    document,
    either,
    listed,
    named,
    or_null,
    words,
)

from warden.ledger import schema as ledger
from warden.ledger.damage import Damage
from warden.model.disposition import Disposition
from warden.model.records import IntentState

REFERENCE = closed({"hub_id": TEXT, "agent": TEXT, "message_id": TEXT})
LAYER = {"name": TEXT, "digest": DIGEST, "size_bytes": COUNT, "cut": FLAG, "redactions": named(COUNT)}
_KNOWN: dict[Callable[[object], bool], Schema] = {
    ledger.is_digest: DIGEST,
    ledger.is_count: COUNT,
    ledger.is_integer: INTEGER,
    ledger.is_flag: FLAG,
    ledger.is_id: TEXT,
    ledger.is_word: TEXT,
    ledger.is_words: listed(TEXT),
    ledger.is_counts: named(COUNT),
    ledger.is_layers: listed(closed(LAYER)),
    ledger.is_reference: REFERENCE,
}


def checked(check: Any) -> Schema:
    """Return the schema of what a check of the ledger takes; raises `KeyError` for a check that is new."""
    if isinstance(check, ledger.Optional):
        return or_null(checked(check.check))
    return words(check.words) if isinstance(check, ledger.OneOf) else _KNOWN[check]


def fields_of(kind: str, *left_out: str) -> Schema:
    """Return the members of an entry of this kind, without some."""
    return {name: checked(check) for name, check in ledger.KINDS[kind].items() if name not in left_out}


def _entry(more: Schema | None = None) -> Schema:
    """Return the schema of an entry: its fields are exactly those of its kind."""
    body = {"seq": COUNT, "at": MOMENT, "kind": words(ledger.KINDS), "prev": DIGEST, "digest": DIGEST}
    cases = [
        {"if": {"properties": {"kind": {"const": kind}}}, "then": {"properties": {"fields": closed(fields_of(kind))}}}
        for kind in ledger.KINDS
    ]
    return {**closed({**body, "fields": {"type": "object"}, **(more or {})}), "allOf": cases}


_VERDICT = closed(
    {
        "entries": COUNT,
        "entry_digest": DIGEST,
        "root": DIGEST,
        "checkpoints": COUNT,
        "signed": COUNT,
        "head_size": or_null(COUNT),
    }
)
_FINDINGS = listed(closed({"damage": words(Damage), "entry": or_null(COUNT), "detail": TEXT}))
_HEX = {"type": "string", "pattern": "^([0-9a-f]{2})+$"}


def _verification() -> Schema:
    shared = {"sound": FLAG, "origin": TEXT, "verdict": or_null(_VERDICT), "findings": _FINDINGS}
    here = {"key": TEXT, "key_pinned": FLAG, "texts": COUNT, "unread": listed(TEXT)}
    heads = {"kept_heads": COUNT, "excused_heads": COUNT, "other_heads": COUNT}
    return either(
        "Whether a ledger, or an export of one, verifies",
        "warden.ledger-verify/1",
        closed({**shared, **here, **heads}),
        closed({**shared, "key_given": FLAG}),
    )


def _statistics() -> Schema:
    sums = ("entries", "entry_bytes", "checkpoints", "archived_entries", "archived_segments")
    sizes = ("texts", "text_bytes", "database_bytes")
    body = {
        "origin": TEXT,
        **dict.fromkeys((*sums, *sizes), COUNT),
        "first_at": MOMENT,
        "last_at": MOMENT,
        "kinds": closed({}, dict.fromkeys(ledger.KINDS, COUNT)),
        "dispositions": closed({}, {one.value: COUNT for one in Disposition}),
        "deliveries": closed({}, {one.value: COUNT for one in IntentState}),
    }
    return document("What is in a ledger", "warden.ledger-stats/1", closed(body))


def _repair() -> Schema:
    done = {"repaired": {"const": True}, "damage": TEXT, "evidence": TEXT, "previous_head": TEXT}
    return either(
        "A repair of the ledger",
        "warden.ledger-repair/1",
        closed({"repaired": {"const": False}}),
        closed({**done, "dispositions": COUNT, "deliveries_in_doubt": COUNT}),
    )


def _trace() -> Schema:
    names = {name for fields in ledger.KINDS.values() for name in fields}
    return closed(
        {
            "seq": COUNT,
            "at": MOMENT,
            "kind": words(ledger.KINDS),
            "fields": closed({}, {name: {} for name in sorted(names)}),
        }
    )


TRACE = _trace()
"""An entry in the history of something: a member of its fields may be that of any kind."""
_SEGMENT = closed({"first": COUNT, "last": COUNT, "file": TEXT})
_LETTER = {
    "key": TEXT,
    "state": words((IntentState.DEAD, IntentState.IN_DOUBT)),
    "message_id": TEXT,
    "thread_id": TEXT,
    "kind": TEXT,
    "channel": TEXT,
    "to": TEXT,
    "attempts": COUNT,
    "last_fault": TEXT,
    "created_at": MOMENT,
    "rule_ids": listed(TEXT),
    "snapshot": TEXT,
}


def ledger_schemas() -> tuple[Schema, ...]:
    """Return the schemas of these documents."""
    copied = {"entries": COUNT, "lost": COUNT, "in_doubt": COUNT, "evidence": TEXT}
    proof = {"path": listed(_HEX)}
    text = {"text": or_null(TEXT), "text_purged": FLAG}
    point = {"origin": TEXT, "size": COUNT, "root": DIGEST, "note": TEXT}
    part = closed({"name": TEXT, "size_bytes": COUNT, "digest": DIGEST})
    manifest = {"version": TEXT, "made_at": MOMENT, "entries": COUNT, "parts": listed(part)}
    letter = closed({**_LETTER, "text": or_null(TEXT)})
    return (
        document("Entries of the ledger", "warden.ledger-log/1", closed({"entries": listed(_entry())})),
        document("One entry, with the text that it names", "warden.ledger-entry/1", _entry(text)),
        _statistics(),
        _verification(),
        document("A signed checkpoint", "warden.checkpoint/1", closed(point)),
        document("A log's public key", "warden.ledger-key/1", closed({"key": TEXT, "fingerprint": DIGEST})),
        document("A rebuilt ledger", "warden.ledger-rebuild/1", closed({"entries": COUNT})),
        document("Texts that were removed", "warden.ledger-purge/1", closed({"texts": COUNT})),
        document("An archived segment", "warden.ledger-archive/1", closed({"segment": {"oneOf": [_SEGMENT, NOTHING]}})),
        _repair(),
        document("A copy of the ledger", "warden.ledger-backup/1", closed({"file": TEXT, "entries": COUNT})),
        document("A ledger that was put back", "warden.ledger-restore/1", closed(copied)),
        document(
            "That an entry is in a log (RFC 6962, section 2.1.1)",
            "warden.inclusion-proof/1",
            closed({"entry": TEXT, **proof, "checkpoint": TEXT}),
        ),
        document(
            "That a log continues another (RFC 6962, section 2.1.2)",
            "warden.consistency-proof/1",
            closed({"old": TEXT, "new": TEXT, **proof}),
        ),
        document(
            "Whether a proof holds",
            "warden.proof-check/1",
            closed({"holds": FLAG, "origin": TEXT, "says": TEXT, "problem": TEXT}),
        ),
        document(
            "A backup of everything",
            "warden.backup/1",
            closed({"file": TEXT, "files": COUNT, "entries": COUNT, "size_bytes": COUNT}),
        ),
        document("What a backup holds", "warden.backup-manifest/1", closed(manifest)),
        document(
            "A backup that was put back",
            "warden.restore/1",
            closed({"files": COUNT, "kept": listed(TEXT), **copied}),
        ),
        either(
            "Deliveries that were given up, or are in doubt",
            "warden.dead/1",
            closed({"letters": listed(closed(_LETTER))}),
            closed({"letter": letter}),
        ),
    )


__all__ = ["DISPOSITION", "LAYER", "TRACE", "fields_of", "ledger_schemas"]
