"""Entries to fill a ledger with in tests: a message and what happens to it, with the fewest words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from warden.model.delivery import Action, OutgoingMessage, Payload, ProgressEvent, ReadMark
from warden.model.digests import digest_bytes, digest_text
from warden.model.entry import Batch, Entry
from warden.model.ids import MessageKey

RUN = "run-00000001"
ZERO = digest_text("")


@dataclass(frozen=True, slots=True)
class Story:
    """One message from `sender` in `thread_id`, and the entries that tell what is done with it."""

    number: str = "1"
    hub_id: str = "hub"
    agent: str = "ops-warden"
    sender: str = "flex-auth"
    thread_id: str = "thread-1"

    @property
    def key(self) -> MessageKey:
        """The message's key."""
        return MessageKey(self.hub_id, self.agent, self.number)

    @property
    def ref(self) -> dict[str, str]:
        """The message's key as entries write it."""
        return {"hub_id": self.hub_id, "agent": self.agent, "message_id": self.number}

    @property
    def seen(self) -> dict[str, object]:
        """The fields that several kinds share."""
        return {"run_id": RUN, "ref": self.ref, "thread_id": self.thread_id, "sender": self.sender}

    def action(self, kind: str = "reply", ordinal: int = 0, body: str = "ask platform-ops") -> Action:
        """Return an action of this message: a reply, a progress event or a read mark."""
        payload: Payload
        if kind == "mark_read":
            payload = ReadMark(self.number)
        elif kind == "reply":
            payload = OutgoingMessage(
                self.agent, self.sender, "Re: x", body, "reply", self.thread_id, self.number, {"warden-hops": "1"}
            )
        else:
            payload = ProgressEvent(self.agent, body, "audit", message_id=self.number)
        return Action(self.key, kind, ordinal, payload)

    def intended(self, action: Action | None = None, **changes: Any) -> Batch:
        """Return the batch that makes an action a durable promise."""
        action = action or self.action()
        data = action.payload_bytes
        fields: dict[str, object] = {
            **self.seen,
            "key": action.key,
            "kind": action.kind,
            "ordinal": action.ordinal,
            "channel": action.channel,
            "action_digest": action.digest,
            "payload_digest": digest_bytes(data),
            "size_bytes": len(data),
            "is_reply": action.channel == "message",
            "stage": 0,
            "closes": "answered" if action.channel == "message" else "",
            "rule_ids": ["charter/messaging"],
            "snapshot": ZERO,
        }
        return Batch((Entry("intended", {**fields, **changes}),), {digest_bytes(data): data})

    def attempted(self, number: int = 1, key: str = "") -> Entry:
        """Return the entry that comes before attempt `number`."""
        return Entry("attempted", {"run_id": RUN, "key": key or self.action().key, "number": number})

    def faulted(self, number: int = 1, after: str = "open", retry_in_ms: int | None = 0, key: str = "") -> Entry:
        """Return the entry of a failed attempt, after which the intent is `after`."""
        fields = {"run_id": RUN, "key": key or self.action().key, "number": number, "fault": "busy", "next": after}
        return Entry("faulted", {**fields, "retry_in_ms": retry_in_ms, "detail": "hub-busy"})

    def received(self, number: int = 1, key: str = "") -> Entry:
        """Return the entry of a receipt."""
        fields = {"run_id": RUN, "key": key or self.action().key, "number": number}
        return Entry("received", {**fields, "remote_id": "r-1", "replayed": False})

    def disposed(self, disposition: str = "answered", reason: str = "routing-question") -> Entry:
        """Return the entry of a disposition."""
        return Entry("disposed", {**self.seen, "disposition": disposition, "reason": reason})

    def closed(self, disposition: str = "skipped") -> Entry:
        """Return the entry of a person's disposition."""
        return Entry("closed", {"ref": self.ref, "by": "person", "disposition": disposition, "reason_digest": ZERO})

    def reopened(self) -> Entry:
        """Return the entry that says that the sender wrote again."""
        return Entry("reopened", {"run_id": RUN, "ref": self.ref, "by_message_id": "later"})


def run_started(mode: str = "execute", run_id: str = RUN) -> Entry:
    """Return the entry of a run's start."""
    fields: dict[str, object] = {"run_id": run_id, "mode": mode, "trigger": "manual", "agent": "ops-warden"}
    digests = dict.fromkeys(("brain_digest", "charter_digest", "catalog_digest", "guard_digest"), ZERO)
    return Entry(
        "run_started", {**fields, **digests, "hub_id": "hub", "brain": "rule", "snapshot": ZERO, "version": "0.1.0"}
    )


def run_finished(plan_digest: str | None = None, run_id: str = RUN) -> Entry:
    """Return the entry of a run's end."""
    fields: dict[str, object] = {"run_id": run_id, "exit_status": 0, "stopped": "", "counts": {"answered": 1}}
    return Entry("run_finished", {**fields, "plan_digest": plan_digest})


def alert(code: str = "inbox-blocked") -> Entry:
    """Return an entry that changes no projection."""
    return Entry("alert_raised", {"run_id": None, "code": code, "subject": ""})


def model_asked(story: Story, **changes: Any) -> Entry:
    """Return the entry of one question to a model about this message."""
    layer = {"name": "message", "digest": ZERO, "size_bytes": 9, "cut": False, "redactions": {}}
    digests = dict.fromkeys(("input_digest", "brain_digest", "context_digest"), ZERO)
    used = {"calls": 1, "prompt_tokens": 100, "completion_tokens": 20, "cost_microunits": 7, "wall_ms": 20}
    fields = {**story.seen, **digests, "model": "openai/m", "outcome": "answered", "layers": [layer], **used}
    return Entry("model_asked", {**fields, **changes})


def plan_applied(plan_digest: str) -> Entry:
    """Return the entry that uses a saved plan."""
    return Entry("plan_applied", {"run_id": RUN, "plan_digest": plan_digest})


def by_person(kind: str, key: str) -> Entry:
    """Return a `dead_retried` or `dead_dropped` entry."""
    return Entry(kind, {"key": key, "by": "person", "reason_digest": ZERO})


def delivered(story: Story) -> tuple[Batch, Batch]:
    """Return the two batches of a message that is answered at the first attempt."""
    return story.intended(), Batch((story.attempted(), story.received(), story.disposed()))
