"""The strict shape of a model's decision: the schema that it is asked to keep, and the reader that holds it to it.

A decision is `{"asks": ..., "action": {"kind": ..., ...}}`; `asks` may be left out, and so may everything but the inner object.
What a model says that a message asks for comes first, so that it chooses after it has read; an action that does not fit its own
reading (a reply to a request to decide something, say) is refused: small models promise whatever they are asked for.
One kind, one set of fields:

- `route_answer` with `entry_id`: the catalogue's own answer, of an entry that the model was shown;
- `reply` with `body`: a draft;
- `progress_note` with `template`: one of two fixed sentences;
- `mark_read`: nothing is to be answered;
- `escalate` with `reason`: one of a few words.

What a model may want beside these (recipients, subjects, several actions, other kinds) has no place to be written in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from warden.brains.llm.answers import RefusedAnswerError

TEMPLATES: Final = ("status_received", "information_received")
REASONS: Final = ("unsure", "needs_person", "not_ours", "suspicious")

ASKS: Final = ("nothing", "who_or_where", "several_things", "to_act_or_decide", "something_else")
_FITS: Final[Mapping[str, tuple[str, ...]]] = {
    "route_answer": ("who_or_where",),
    "reply": ("who_or_where", "several_things", "something_else"),
    "progress_note": ("nothing",),
    "mark_read": ("nothing",),
    "escalate": ASKS,
}
"""What a message may ask for that is handled so."""

_FIELD: Final[Mapping[str, str | None]] = {
    "route_answer": "entry_id",
    "reply": "body",
    "progress_note": "template",
    "mark_read": None,
    "escalate": "reason",
}
_RECIPIENTS = frozenset({"to", "cc", "bcc", "recipient", "recipients", "to_agent", "reply_to", "address", "channel"})


def decision_schema(entry_ids: Sequence[str]) -> dict[str, object]:
    """Return the JSON schema of a decision about a message for which these entries were shown.

    It bounds no lengths: some servers turn a bound into a grammar of that size and fail.
    """
    kinds = [
        _kind("reply", "body", {"type": "string"}),
        _kind("progress_note", "template", {"type": "string", "enum": list(TEMPLATES)}),
        _kind("mark_read", None, {}),
        _kind("escalate", "reason", {"type": "string", "enum": list(REASONS)}),
    ]
    if entry_ids:
        kinds.insert(0, _kind("route_answer", "entry_id", {"type": "string", "enum": list(entry_ids)}))
    return {
        "type": "object",
        "properties": {"asks": {"type": "string", "enum": list(ASKS)}, "action": {"anyOf": kinds}},
        "required": ["asks", "action"],
        "additionalProperties": False,
    }


def _kind(kind: str, field: str | None, shape: dict[str, object]) -> dict[str, object]:
    properties: dict[str, object] = {"kind": {"type": "string", "enum": [kind]}}
    if field is not None:
        properties[field] = shape
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class Decision:
    """What a model decided: a kind, and the value of the one field that this kind has (empty when it has none)."""

    kind: str
    text: str = ""


def read_decision(value: Mapping[str, Any], entry_ids: Sequence[str]) -> Decision:
    """Return what a decoded answer decides; raises `RefusedAnswerError` for everything that is not exactly one decision."""
    asks: object = None
    if "action" in value:
        if set(value) - {"asks", "action"}:
            raise RefusedAnswerError(_extra(value))
        asks = value.get("asks", None)
        value = _only(value["action"])
    decision = _read_action(value, entry_ids)
    if asks is not None:
        if asks not in ASKS:
            raise RefusedAnswerError("answer-schema")
        if asks not in _FITS[decision.kind]:
            raise RefusedAnswerError("answer-inconsistent")
    return decision


def _read_action(value: Mapping[str, Any], entry_ids: Sequence[str]) -> Decision:
    kind = value.get("kind")
    if not isinstance(kind, str):
        raise RefusedAnswerError("answer-schema")
    if kind not in _FIELD:
        raise RefusedAnswerError("answer-kind")
    field = _FIELD[kind]
    if set(value) - {"kind", field}:
        raise RefusedAnswerError(_extra(value))
    if field is None:
        return Decision(kind)
    text = value.get(field)
    if isinstance(text, list) and len(text) == 1:
        text = text[0]
    if not isinstance(text, str):
        raise RefusedAnswerError("answer-schema")
    _check_value(kind, text, entry_ids)
    return Decision(kind, text)


def _check_value(kind: str, text: str, entry_ids: Sequence[str]) -> None:
    if kind == "route_answer" and text not in entry_ids:
        raise RefusedAnswerError("answer-entry")
    if kind == "reply" and not text.strip():
        raise RefusedAnswerError("answer-empty")
    if kind == "progress_note" and text not in TEMPLATES:
        raise RefusedAnswerError("answer-schema")
    if kind == "escalate" and text not in REASONS:
        raise RefusedAnswerError("answer-schema")


def _only(value: object) -> Mapping[str, Any]:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, list) and value:
        raise RefusedAnswerError("answer-ambiguous")
    if not isinstance(value, dict):
        raise RefusedAnswerError("answer-schema")
    return value


def _extra(value: Mapping[str, Any]) -> str:
    return "answer-recipient" if _RECIPIENTS & {key.lower() for key in value} else "answer-field"
