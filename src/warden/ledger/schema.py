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

TICK_OUTCOMES = ("done", "partial", "failed", "locked", "stopped", "skipped", "missed", "interrupted")
"""How a tick of a schedule ends."""

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


def is_id(value: object) -> bool:
    """Return whether `value` is a word that is not empty."""
    return is_word(value) and value != ""


def is_digest(value: object) -> bool:
    """Return whether `value` is `sha256:` and 64 hex digits."""
    return type(value) is str and _DIGEST.fullmatch(value) is not None


def is_count(value: object) -> bool:
    """Return whether `value` is an integer from 0 to 2^53 - 1."""
    return type(value) is int and 0 <= value <= MAX_INTEGER


def is_integer(value: object) -> bool:
    """Return whether `value` is an integer that JSON keeps exactly."""
    return type(value) is int and -MAX_INTEGER <= value <= MAX_INTEGER


def is_flag(value: object) -> bool:
    """Return whether `value` is true or false."""
    return type(value) is bool


def is_words(value: object) -> bool:
    """Return whether `value` is a list of at most 64 words."""
    if type(value) is not list or len(value) > ITEMS_LIMIT:
        return False
    for item in value:  # noqa: SIM110 - plain loops: this is the hottest code of an append
        if not is_word(item):
            return False
    return True


def is_counts(value: object) -> bool:
    """Return whether `value` maps at most 64 ASCII words to counts."""
    if type(value) is not dict or len(value) > ITEMS_LIMIT:
        return False
    for name, number in value.items():  # noqa: SIM110 - as above
        if not (is_word(name) and name.isascii() and is_count(number)):
            return False
    return True


def is_layers(value: object) -> bool:
    """Return whether `value` lists at most 64 layers of a prompt: name, digest, size, whether cut, redactions by kind."""
    if type(value) is not list or len(value) > ITEMS_LIMIT:
        return False
    return all(type(item) is dict and item.keys() == _LAYER.keys() and _is_layer(item) for item in value)


def _is_layer(item: dict[str, object]) -> bool:
    return all(check(item[name]) for name, check in _LAYER.items())


_LAYER: Mapping[str, Check] = {
    "name": is_id,
    "digest": is_digest,
    "size_bytes": is_count,
    "cut": is_flag,
    "redactions": is_counts,
}


def is_reference(value: object) -> bool:
    """Return whether `value` is the key of a message."""
    if type(value) is not dict or value.keys() != _REFERENCE_NAMES:
        return False
    return is_id(value["hub_id"]) and is_id(value["agent"]) and is_id(value["message_id"])


class Optional:
    """A check that also takes null."""

    __slots__ = ("check",)

    def __init__(self, check: Check) -> None:
        self.check = check

    def __call__(self, value: object) -> bool:
        """Return whether the value fits."""
        return value is None or self.check(value)


class OneOf:
    """A check that takes these words only."""

    __slots__ = ("words",)

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def __call__(self, value: object) -> bool:
        """Return whether the value fits."""
        return type(value) is str and value in self.words


def _one_of(*words: str) -> OneOf:
    return OneOf(words)


_SEEN = {"run_id": is_id, "ref": is_reference, "thread_id": is_word, "sender": is_word}
_OPTIONAL_DIGEST = Optional(is_digest)
_OPTIONAL_COUNT = Optional(is_count)
_EFFECT = _one_of("deny", "require_approval", "allow_with_constraints", "allow")
_SCOPE = {"agent": is_id, "hub_id": is_id}
_BASIS = {"charter_digest": is_digest, "snapshot": is_id, "brain_digest": is_digest, "catalog_digest": is_digest}
_DISPOSITION = _one_of("dead", "quarantined", "held", "failed", "escalated", "answered", "noted", "read", "skipped")

KINDS: Mapping[str, Mapping[str, Check]] = {
    "log_started": {
        "log_id": is_id,
        "version": is_id,
        "public_key": is_word,
        "previous_head": Optional(is_word),
    },
    "run_started": {
        "run_id": is_id,
        "mode": _one_of("dry-run", "execute", "apply"),
        "trigger": _one_of("manual", "headless", "scheduled"),
        "agent": is_id,
        "hub_id": is_id,
        "brain": is_word,
        "brain_digest": _OPTIONAL_DIGEST,
        "charter_digest": _OPTIONAL_DIGEST,
        "snapshot": is_word,
        "catalog_digest": _OPTIONAL_DIGEST,
        "guard_digest": _OPTIONAL_DIGEST,
        "version": is_id,
    },
    "run_finished": {
        "run_id": is_id,
        "exit_status": is_count,
        "stopped": is_word,
        "counts": is_counts,
        "plan_digest": _OPTIONAL_DIGEST,
    },
    "message_seen": {
        **_SEEN,
        "assurance": _one_of("claimed", "token", "signed"),
        "content_kind": is_word,
        "message_digest": is_digest,
        "text_digest": _OPTIONAL_DIGEST,
        "size_bytes": is_count,
        "secret_kinds": is_counts,
    },
    "planned": {
        "run_id": is_id,
        "ref": is_reference,
        "plan_digest": is_digest,
        "brain": is_word,
        "reason": is_word,
        "catalog_entry": Optional(is_word),
        "score": Optional(is_integer),
        "kinds": is_words,
    },
    "decided": {
        "run_id": is_id,
        "ref": is_reference,
        "kind": is_word,
        "ordinal": is_count,
        "effect": _EFFECT,
        "rule_ids": is_words,
        "snapshot": is_word,
        "action_digest": _OPTIONAL_DIGEST,
        "request_digest": _OPTIONAL_DIGEST,
        "body_bytes": is_count,
        "secret_kinds": is_words,
        "errors": is_words,
    },
    "intended": {
        **_SEEN,
        "key": is_id,
        "kind": is_id,
        "ordinal": is_count,
        "channel": is_id,
        "action_digest": is_digest,
        "payload_digest": is_digest,
        "size_bytes": is_count,
        "is_reply": is_flag,
        "stage": is_count,
        "closes": OneOf(("", *_DISPOSITION.words)),
        "rule_ids": is_words,
        "snapshot": is_word,
    },
    "counted": {"run_id": is_id, "ref": is_reference, "bucket": is_digest},
    "attempted": {"run_id": is_id, "key": is_id, "number": is_count},
    "faulted": {
        "run_id": is_id,
        "key": is_id,
        "number": is_count,
        "fault": is_id,
        "next": _one_of("open", "in_doubt", "dead"),
        "retry_in_ms": _OPTIONAL_COUNT,
        "detail": is_word,
    },
    "received": {"run_id": is_id, "key": is_id, "number": is_count, "remote_id": is_word, "replayed": is_flag},
    "outcome_reported": {
        "run_id": is_id,
        "correlation_id": is_id,
        "key": is_id,
        "status": _one_of("running", "completed", "failed", "aborted", "preempted", "dropped"),
        "event_id": is_id,
    },
    "disposed": {**_SEEN, "disposition": _DISPOSITION, "reason": is_word},
    "closed": {"ref": is_reference, "by": is_id, "disposition": _DISPOSITION, "reason_digest": is_digest},
    "reopened": {"run_id": is_id, "ref": is_reference, "by_message_id": is_id},
    "review_asked": {
        "run_id": is_id,
        "ref": is_reference,
        "thread_id": is_word,
        "sender": is_word,
        "kind": is_id,
        "ordinal": is_count,
        "capability": is_word,
        "action_digest": is_digest,
        "payload_digest": is_digest,
        "message_digest": is_digest,
        "request_digest": is_digest,
        "snapshot": is_word,
        "rule_ids": is_words,
        "requested_by": is_id,
        "expires_in_ms": _OPTIONAL_COUNT,
        "replaces": _OPTIONAL_COUNT,
    },
    "review_acknowledged": {"item": is_count, "by": is_id, "reason_digest": _OPTIONAL_DIGEST},
    "review_assigned": {"item": is_count, "by": is_id, "owner": is_id, "reason_digest": _OPTIONAL_DIGEST},
    "review_reopened": {"item": is_count, "by": is_id, "reason_digest": _OPTIONAL_DIGEST},
    "review_approved": {
        "item": is_count,
        "by": is_id,
        "action_digest": is_digest,
        "message_digest": is_digest,
        "snapshot": is_word,
        "same_uid": is_flag,
        "reason_digest": _OPTIONAL_DIGEST,
    },
    "review_decided": {
        "item": is_count,
        "by": is_id,
        "verdict": _one_of("accept", "edit", "respond", "ignore", "replan"),
        "action_digest": _OPTIONAL_DIGEST,
        "message_digest": _OPTIONAL_DIGEST,
        "snapshot": is_word,
        "same_uid": is_flag,
        "reason_digest": _OPTIONAL_DIGEST,
    },
    "review_reevaluated": {"item": is_count, "by": is_id, "snapshot": is_word, "request_digest": is_digest},
    "review_expired": {"run_id": is_id, "item": is_count},
    "review_superseded": {"item": is_count, "by": is_id, "reason": is_word},
    "answer_kept": {
        "run_id": is_id,
        "ref": is_reference,
        "input_digest": is_digest,
        "brain_digest": is_digest,
        "answer_digest": is_digest,
        "size_bytes": is_count,
    },
    "model_asked": {
        **_SEEN,
        "input_digest": is_digest,
        "brain_digest": is_digest,
        "model": is_word,
        "outcome": is_id,
        "context_digest": is_digest,
        "layers": is_layers,
        "calls": is_count,
        "prompt_tokens": is_count,
        "completion_tokens": is_count,
        "cost_microunits": _OPTIONAL_COUNT,
        "wall_ms": is_count,
    },
    "plan_applied": {"run_id": is_id, "plan_digest": is_digest},
    "alert_raised": {"run_id": Optional(is_id), "code": is_id, "subject": is_word},
    "shakedown_finished": {**_SCOPE, **_BASIS, "report_digest": is_digest, "passes": is_count, "clean": is_count},
    "schedule_approved": {**_SCOPE, **_BASIS, "report_digest": is_digest, "by": is_id, "reason_digest": is_digest},
    "schedule_enabled": {
        **_SCOPE,
        **_BASIS,
        "policy_files_digest": is_digest,
        "allow_drift": is_words,
        "by": is_id,
        "reason_digest": _OPTIONAL_DIGEST,
    },
    "schedule_disabled": {**_SCOPE, "by": is_id, "reason_digest": _OPTIONAL_DIGEST},
    "schedule_anchored": {"job": is_id, "agent": is_id, "reason": _one_of("start", "clock-stepped")},
    "tick_claimed": {
        "job": is_id,
        "agent": is_id,
        "scheduled_ms": is_count,
        "attempt": is_count,
        "late_ms": is_count,
        "missed": is_count,
        "missed_from_ms": _OPTIONAL_COUNT,
    },
    "tick_finished": {
        "job": is_id,
        "scheduled_ms": is_count,
        "outcome": _one_of(*TICK_OUTCOMES),
        "exit_status": is_count,
        "reason": is_word,
    },
    "notified": {
        "agent": is_id,
        "target": is_id,
        "message_id": is_id,
        "notice": _one_of("first", "reminder"),
        "subject": is_id,
        "state": is_word,
        "code": is_id,
    },
    "dead_retried": {"key": is_id, "by": is_id, "reason_digest": _OPTIONAL_DIGEST},
    "dead_dropped": {"key": is_id, "by": is_id, "reason_digest": is_digest},
    "text_purged": {"before": is_id, "blobs": is_count},
    "log_archived": {"segment": is_id, "first": is_count, "last": is_count, "file_digest": is_digest},
    "state_restored": {"by": is_id, "source_size": is_count, "source_root": is_digest},
    "heads_compared": {
        "run_id": is_id,
        "hub_id": is_id,
        "agent": is_id,
        "cursor": is_id,
        "events": is_count,
        "others": is_count,
    },
    "heads_excused": {"by": is_id, "first": is_count, "last": is_count},
    "ledger_repaired": {"by": is_id, "damage": is_id, "evidence_digest": _OPTIONAL_DIGEST},
}

BLOB_FIELDS: Mapping[str, str] = {
    "message_seen": "text_digest",
    "intended": "payload_digest",
    "answer_kept": "answer_digest",
    "review_asked": "payload_digest",
    "review_acknowledged": "reason_digest",
    "review_assigned": "reason_digest",
    "review_reopened": "reason_digest",
    "review_approved": "reason_digest",
    "review_decided": "reason_digest",
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
