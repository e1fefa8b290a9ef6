"""From a planned action to an action with its final text.

A brain chooses a kind and, where the kind takes one, a catalogue entry, a template's name or a body. Everything else that
leaves (recipient, thread, subject, marks of automatic mail) is made here from the message. What cannot be drafted keeps its
kind, so that the kernel can say what it says about that kind; it can never become an intent.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from warden.model.delivery import (
    Action,
    OutgoingMessage,
    Payload,
    ProgressEvent,
    ReadMark,
    ScriptRun,
    TriggerLine,
    WorkloadStart,
)
from warden.model.disposition import Disposition
from warden.model.ids import idempotency_key
from warden.model.message import AUTO_SUBMITTED, DRAFTED_BY, HOPS, MARKER, Message, MessageFacts
from warden.model.plan import Plan, PlannedAction

if TYPE_CHECKING:
    from warden.ports import AnswerSource

MAX_PLANNED_ACTIONS = 8
"""INVARIANT (bounded): more planned actions than this make a plan unusable."""

MAX_SUBJECT = 200

NOTE_TEMPLATES: Mapping[str, str] = {
    "status_received": "status report received from {sender}",
    "information_received": "information received from {sender}",
}
"""Progress notes that a brain may choose by name; it cannot add a word to them."""

_UNSENT: Mapping[str, str] = {
    "Cc": "a control character",
    "Cf": "an invisible or direction-changing character",
    "Cs": "a lone surrogate",
    "Co": "a character for private use",
    "Cn": "a character that does not exist",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
"""Unicode categories that a body may not hold: a reader would not see them, or would see something else."""

ANSWERING = frozenset({"route_answer", "reply"})
ORDERED = frozenset({"run_script", "start_workload", "send_trigger"})
"""Kinds that only an operator's own rule can name."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A planned action on its way to the kernel: `action` is None when there is nothing to deliver or when `problem` says why
    no final text could be made. `text_source` is catalog, draft, template, rule or none; `ordered` says that an operator's own
    rule named the action, not a brain."""

    kind: str
    ordinal: int
    action: Action | None = None
    text_source: str = "none"
    problem: str = ""
    ordered: bool = False


class _ArgumentError(Exception):
    """A planned action's arguments do not have the shape that its kind asks for."""


def _take(arguments: Mapping[str, object], *names: str) -> list[str]:
    """Return the string arguments `names`; raises `_ArgumentError` when one is missing, of another type, or one too many."""
    if set(arguments) != set(names):
        raise _ArgumentError("takes " + (" and ".join(names) if names else "no arguments"))
    values = [arguments[name] for name in names]
    if not all(isinstance(value, str) for value in values):
        raise _ArgumentError("arguments are strings")
    return [str(value) for value in values]


def text_problem(text: str) -> str:
    """Return why `text` cannot be sent as a body, or an empty string: control and bidi characters, lone surrogates."""
    if not text.strip():
        return "text is empty"
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return ""
    for character in text:
        category = unicodedata.category(character)
        if character not in "\n\t" and category in _UNSENT:
            return f"text holds {_UNSENT[category]}"
    return ""


def reply_subject(subject: str) -> str:
    """Return the subject of a reply to a message with this subject: one line, one `Re:`, at most `MAX_SUBJECT` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in subject).split())
    bare = line[3:].strip() if line[:3].lower() == "re:" else line
    return ("Re: " + (bare or "your message"))[:MAX_SUBJECT]


@dataclass(frozen=True, slots=True)
class Drafter:
    """Drafts for one agent, with one catalogue; `author` is named as the writer of what no catalogue holds."""

    agent: str
    author: str
    catalog: AnswerSource

    def draft(self, plan: Plan, message: Message, facts: MessageFacts) -> tuple[Draft, ...]:
        """Return a draft per planned action, in order, and the read mark that follows an answer or a note. None follows what an
        operator's rule named: its end is in our own ledger, and what the event asks for must not keep it from being noted.

        The plan's kinds and argument mappings are sound (`planning` saw to it); their values may be anything.
        """
        drafts: list[Draft] = []
        ordinals: dict[str, int] = {}
        for planned in plan.actions[:MAX_PLANNED_ACTIONS]:
            kind = planned.kind
            ordinal = ordinals.get(kind, 0)
            ordinals[kind] = ordinal + 1
            draft = self._draft_one(planned, kind, ordinal, message, facts, plan.ordered)
            drafts.append(replace(draft, ordered=plan.ordered))
        if len(plan.actions) > MAX_PLANNED_ACTIONS:
            drafts.append(Draft("unknown", ordinals.get("unknown", 0), problem="the plan has too many actions"))
        kinds = {draft.kind for draft in drafts}
        if kinds & _FOLLOWED and "mark_read" not in kinds and not plan.ordered:
            drafts.append(self._draft_one(PlannedAction("mark_read"), "mark_read", 0, message, facts))
        # The flag is set last, wherever a brain put it.
        return tuple(sorted(drafts, key=lambda draft: draft.kind == "mark_read"))

    def _draft_one(
        self,
        planned: PlannedAction,
        kind: str,
        ordinal: int,
        message: Message,
        facts: MessageFacts,
        ordered: bool = False,
    ) -> Draft:
        maker = _MAKERS.get(kind)
        if maker is None or (kind in ORDERED and not ordered):
            return Draft(kind, ordinal)
        if ordinal > 0:
            return Draft(kind, ordinal, problem="one action of this kind is enough for a message")
        try:
            payload, source = maker(self, dict(planned.arguments), message, facts)
        except _ArgumentError as error:
            return Draft(kind, ordinal, problem=str(error))
        except (TypeError, ValueError, AttributeError):
            return Draft(kind, ordinal, problem="arguments cannot be read")
        return Draft(kind, ordinal, Action(message.key, kind, ordinal, payload), source)

    def _answer(self, arguments: Mapping[str, object], message: Message, facts: MessageFacts) -> tuple[Payload, str]:
        (entry_id,) = _take(arguments, "entry_id")
        entry = self.catalog.find(entry_id)
        if entry is None:
            raise _ArgumentError("the catalogue has no such entry")
        return self._message(entry.reply_body, "route_answer", message, facts, {}), "catalog"

    def _reply(self, arguments: Mapping[str, object], message: Message, facts: MessageFacts) -> tuple[Payload, str]:
        (body,) = _take(arguments, "body")
        problem = text_problem(body)
        if problem:
            raise _ArgumentError(problem)
        return self._message(body, "reply", message, facts, {DRAFTED_BY: self.author}), "draft"

    def _note(self, arguments: Mapping[str, object], message: Message, facts: MessageFacts) -> tuple[Payload, str]:
        (name,) = _take(arguments, "template")
        template = NOTE_TEMPLATES.get(name)
        if template is None:
            raise _ArgumentError("there is no such note template")
        return self._event(template, message), "template"

    def _event(self, template: str, message: Message) -> ProgressEvent:
        return ProgressEvent(
            agent=self.agent,
            summary=template.format(sender=message.sender.name),
            kind="note",
            message_id=message.key.message_id,
            thread_id=message.content.thread_id,
            metadata={MARKER: idempotency_key(message.key, "progress_note", 0)},
        )

    def _read(self, arguments: Mapping[str, object], message: Message, facts: MessageFacts) -> tuple[Payload, str]:
        _take(arguments)
        return ReadMark(message.key.message_id), "none"

    def _script(self, arguments: Mapping[str, object], message: Message, facts: MessageFacts) -> tuple[Payload, str]:
        rule, argv, stdin = _take(arguments, "rule", "argv", "stdin")
        return ScriptRun(rule, argv, stdin), "rule"

    def _workload(self, arguments: Mapping[str, object], message: Message, facts: MessageFacts) -> tuple[Payload, str]:
        key = idempotency_key(message.key, "start_workload", 0)
        if "response_policy" in arguments:
            source, action, policy = _take(arguments, "source", "action", "response_policy")
            return WorkloadStart(key, message.key.message_id, source, action, policy), "rule"
        source, action = _take(arguments, "source", "action")
        return WorkloadStart(key, message.key.message_id, source, action), "rule"

    def _trigger(self, arguments: Mapping[str, object], message: Message, facts: MessageFacts) -> tuple[Payload, str]:
        (kind,) = _take({"kind": arguments.get("kind")}, "kind")
        values = {name: value for name, value in arguments.items() if name != "kind"}
        texts = dict(zip(values, _take(values, *values), strict=True))
        return TriggerLine(kind, {**texts, MARKER: idempotency_key(message.key, "send_trigger", 0)}), "rule"

    def _message(
        self, body: str, kind: str, message: Message, facts: MessageFacts, extra: Mapping[str, str]
    ) -> OutgoingMessage:
        # INVARIANT (reply-to-sender): the recipient is the message's sender and the thread is the message's thread,
        # whatever the plan says; a plan has no field for either.
        return OutgoingMessage(
            from_agent=self.agent,
            to_agent=message.sender.name,
            subject=reply_subject(message.content.subject),
            body=body,
            kind="reply",
            thread_id=message.content.thread_id,
            in_reply_to=message.key.message_id,
            metadata={
                AUTO_SUBMITTED: "auto-replied",
                HOPS: str(facts.hops + 1),
                MARKER: idempotency_key(message.key, kind, 0),
                **extra,
            },
        )


_Maker = Callable[[Drafter, Mapping[str, object], Message, MessageFacts], tuple[Payload, str]]

_MAKERS: Mapping[str, _Maker] = {
    "route_answer": Drafter._answer,
    "reply": Drafter._reply,
    "progress_note": Drafter._note,
    "mark_read": Drafter._read,
    "run_script": Drafter._script,
    "start_workload": Drafter._workload,
    "send_trigger": Drafter._trigger,
}
_FOLLOWED = ANSWERING | {"progress_note"}
"""Kinds after which the message is marked as read."""


def outgoing_text(payload: Payload) -> str:
    """Return the foreign or drafted text in a payload: what the guard scans. Marks of our own are left out."""
    match payload:
        case OutgoingMessage():
            return f"{payload.to_agent}\n{payload.subject}\n\n{payload.body}"
        case ProgressEvent():
            return "\n".join(filter(None, (payload.summary, payload.detail)))
        case ReadMark():
            return ""
    return shown_text(payload) or ""


def shown_text(payload: Payload) -> str | None:
    """Return the text of a payload as a person is shown it: a reply's body, a note's summary, None for a read mark."""
    match payload:
        case OutgoingMessage():
            return payload.body
        case ProgressEvent():
            return payload.summary
        case ScriptRun():
            return f"{payload.argv}\n{payload.stdin}"
        case WorkloadStart():
            return " ".join(filter(None, (payload.source, payload.action, payload.response_policy)))
        case TriggerLine():
            values = (f"{name}={value}" for name, value in payload.metadata.items() if name != MARKER)
            return " ".join((payload.kind, *values))
    return None


def closing_disposition(actions: list[Action]) -> Disposition:
    """Return what the receipts of these actions make of the message."""
    kinds = {action.kind for action in actions}
    if kinds & ANSWERING:
        return Disposition.ANSWERED
    return Disposition.NOTED if kinds & (ORDERED | {"progress_note"}) else Disposition.READ
