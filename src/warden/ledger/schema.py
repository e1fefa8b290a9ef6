"""The closed schema of ledger entries: every kind, every field, every type.

What is not here cannot be written and is not read back. Words are bounded and hold no control characters, so that an
entry can be shown on a terminal and never carries a text. A field that can be unknown is written as null, never left
out: each kind has exactly one set of fields.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from warden.errors import LedgerError, quote
from warden.model.digests import MAX_INTEGER, digest_text

WORD_LIMIT = 256
"""Characters of an id, a code or any other word."""
ITEMS_LIMIT = 64
"""Items of a list or a map."""

Check = Callable[[object], bool]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REFERENCE_NAMES = {"hub_id", "agent", "message_id"}
_BAD_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def is_word(value: object) -> bool:
    """Return whether `value` may stand in an entry as a word: at most 256 characters, without control characters, line
    separators or lone surrogates; it may be empty."""
    if type(value) is not str or len(value) > WORD_LIMIT:
        return False
    if value.isascii():
        return value.isprintable()
    return value.isprintable() or not any(unicodedata.category(character) in _BAD_CATEGORIES for character in value)


def bounded_word(text: str) -> str:
    """Return `text` when it may stand in an entry, else its digest: for names that somebody outside chose."""
    return text if is_word(text) else digest_text(text)


def _id(value: object) -> bool:
    return is_word(value) and value != ""


def _digest(value: object) -> bool:
    return type(value) is str and _DIGEST.fullmatch(value) is not None


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_INTEGER


def _integer(value: object) -> bool:
    return type(value) is int and -MAX_INTEGER <= value <= MAX_INTEGER


def _flag(value: object) -> bool:
    return type(value) is bool


def _words(value: object) -> bool:
    if type(value) is not list or len(value) > ITEMS_LIMIT:
        return False
    for item in value:  # noqa: SIM110 - plain loops: this is the hottest code of an append
        if not is_word(item):
            return False
    return True


def _counts(value: object) -> bool:
    if type(value) is not dict or len(value) > ITEMS_LIMIT:
        return False
    for name, number in value.items():  # noqa: SIM110 - as above
        if not (is_word(name) and name.isascii() and _count(number)):
            return False
    return True


def _reference(value: object) -> bool:
    if type(value) is not dict or value.keys() != _REFERENCE_NAMES:
        return False
    return _id(value["hub_id"]) and _id(value["agent"]) and _id(value["message_id"])


def _optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _one_of(*words: str) -> Check:
    return lambda value: type(value) is str and value in words


_SEEN = {"run_id": _id, "ref": _reference, "thread_id": is_word, "sender": is_word}
_OPTIONAL_DIGEST = _optional(_digest)
_OPTIONAL_COUNT = _optional(_count)
_EFFECT = _one_of("deny", "require_approval", "allow_with_constraints", "allow")
_DISPOSITION = _one_of("dead", "quarantined", "held", "failed", "escalated", "answered", "noted", "read", "skipped")

KINDS: Mapping[str, Mapping[str, Check]] = {
    "log_started": {
        "log_id": _id,
        "version": _id,
        "public_key": is_word,
        "previous_head": _optional(is_word),
    },
    "run_started": {
        "run_id": _id,
        "mode": _one_of("dry-run", "execute", "apply"),
        "trigger": _one_of("manual", "scheduled"),
        "agent": _id,
        "hub_id": _id,
        "brain": is_word,
        "brain_digest": _OPTIONAL_DIGEST,
        "charter_digest": _OPTIONAL_DIGEST,
        "snapshot": is_word,
        "catalog_digest": _OPTIONAL_DIGEST,
        "guard_digest": _OPTIONAL_DIGEST,
        "version": _id,
    },
    "run_finished": {
        "run_id": _id,
        "exit_status": _count,
        "stopped": is_word,
        "counts": _counts,
        "plan_digest": _OPTIONAL_DIGEST,
    },
    "message_seen": {
        **_SEEN,
        "assurance": _one_of("claimed", "token", "signed"),
        "content_kind": is_word,
        "message_digest": _digest,
        "text_digest": _OPTIONAL_DIGEST,
        "size_bytes": _count,
        "secret_kinds": _counts,
    },
    "planned": {
        "run_id": _id,
        "ref": _reference,
        "plan_digest": _digest,
        "brain": is_word,
        "reason": is_word,
        "catalog_entry": _optional(is_word),
        "score": _optional(_integer),
        "kinds": _words,
    },
    "decided": {
        "run_id": _id,
        "ref": _reference,
        "kind": is_word,
        "ordinal": _count,
        "effect": _EFFECT,
        "rule_ids": _words,
        "snapshot": is_word,
        "action_digest": _OPTIONAL_DIGEST,
        "request_digest": _OPTIONAL_DIGEST,
        "body_bytes": _count,
        "secret_kinds": _words,
        "errors": _words,
    },
    "intended": {
        **_SEEN,
        "key": _id,
        "kind": _id,
        "ordinal": _count,
        "channel": _id,
        "action_digest": _digest,
        "payload_digest": _digest,
        "size_bytes": _count,
        "is_reply": _flag,
        "stage": _count,
        "closes": lambda value: value == "" or _DISPOSITION(value),
        "rule_ids": _words,
        "snapshot": is_word,
    },
    "counted": {"run_id": _id, "ref": _reference, "bucket": _digest},
    "attempted": {"run_id": _id, "key": _id, "number": _count},
    "faulted": {
        "run_id": _id,
        "key": _id,
        "number": _count,
        "fault": _id,
        "next": _one_of("open", "in_doubt", "dead"),
        "retry_in_ms": _OPTIONAL_COUNT,
        "detail": is_word,
    },
    "received": {"run_id": _id, "key": _id, "number": _count, "remote_id": is_word, "replayed": _flag},
    "outcome_reported": {
        "run_id": _id,
        "correlation_id": _id,
        "key": _id,
        "status": _one_of("running", "completed", "failed", "aborted", "preempted", "dropped"),
        "event_id": _id,
    },
    "disposed": {**_SEEN, "disposition": _DISPOSITION, "reason": is_word},
    "closed": {"ref": _reference, "by": _id, "disposition": _DISPOSITION, "reason_digest": _digest},
    "reopened": {"run_id": _id, "ref": _reference, "by_message_id": _id},
    "answer_kept": {
        "run_id": _id,
        "ref": _reference,
        "input_digest": _digest,
        "brain_digest": _digest,
        "answer_digest": _digest,
        "size_bytes": _count,
    },
    "plan_applied": {"run_id": _id, "plan_digest": _digest},
    "alert_raised": {"run_id": _optional(_id), "code": _id, "subject": is_word},
    "dead_retried": {"key": _id, "by": _id, "reason_digest": _OPTIONAL_DIGEST},
    "dead_dropped": {"key": _id, "by": _id, "reason_digest": _digest},
    "text_purged": {"before": _id, "blobs": _count},
    "log_archived": {"segment": _id, "first": _count, "last": _count, "file_digest": _digest},
    "state_restored": {"by": _id, "source_size": _count, "source_root": _digest},
    "ledger_repaired": {"by": _id, "damage": _id, "evidence_digest": _OPTIONAL_DIGEST},
}

BLOB_FIELDS: Mapping[str, str] = {
    "message_seen": "text_digest",
    "intended": "payload_digest",
    "answer_kept": "answer_digest",
}
"""Per kind, the field that names the blob which must be stored with the entry."""


def check_fields(kind: str, fields: object) -> None:
    """Raise `LedgerError` when `kind` is unknown or `fields` are not exactly what the kind has."""
    checks = KINDS.get(kind)
    if checks is None:
        raise LedgerError(f"unknown kind of entry {quote(kind)}", "a newer warden may have written it: update")
    if not isinstance(fields, Mapping):
        raise LedgerError(f"the fields of a {quote(kind)} entry are not an object")
    if fields.keys() != checks.keys():
        names = ", ".join(sorted(quote(name) for name in set(fields) ^ set(checks)))
        raise LedgerError(f"a {quote(kind)} entry has missing or unknown fields: {names}")
    for name, check in checks.items():
        if not check(fields[name]):
            raise LedgerError(f"field {quote(name)} of a {quote(kind)} entry is not acceptable")
