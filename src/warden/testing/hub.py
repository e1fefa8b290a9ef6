"""A hub in memory, for tests and simulations: `ports.Hub` with a hook before and after everything that it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from warden.errors import HubConflictError, HubNotFoundError, quote
from warden.hubs.contract import KEY_DAYS, check_message, check_progress
from warden.hubs.names import THREAD_MESSAGES, check_cursor, check_key, check_limit, check_name, refuse
from warden.model.hub import DeliveryMeans, HubTraits, InboxPage
from warden.model.ids import MessageKey
from warden.model.message import Assurance, Mail, Message, Principal
from warden.model.posted import Accepted, ProgressPage, ProgressRecord

if TYPE_CHECKING:
    from warden.model.delivery import OutgoingMessage, ProgressEvent
    from warden.ports import Clock

MEMORY_TRAITS: Final = HubTraits("hub-memory", DeliveryMeans.IDEMPOTENCY_KEY, authenticated_senders=False)


@dataclass(frozen=True, slots=True)
class Call:
    """What the hook is told: the operation of the port, its idempotency key, and whether it was already applied.

    Raising before makes it a request that never arrived; raising after, one whose answer was lost.
    """

    operation: str
    applied: bool
    key: str | None = None


Hook = Callable[[Call], None]


def no_fault(_: Call) -> None:
    """Let everything pass."""


@dataclass(slots=True)
class _Stored:
    message: Message
    recipient: str
    read: bool = False

    def concerns(self, agent: str | None) -> bool:
        return agent in (None, self.recipient, self.message.sender.name)


@dataclass(slots=True)
class _State:
    messages: dict[str, _Stored] = field(default_factory=dict)
    events: list[ProgressRecord] = field(default_factory=list)
    keys: dict[tuple[str, str], tuple[object, Accepted, float]] = field(default_factory=dict)


class MemoryHub:
    """A hub that forgets everything; its traits decide whether it has cursors and honours keys."""

    def __init__(self, clock: Clock, traits: HubTraits = MEMORY_TRAITS, hook: Hook = no_fault) -> None:
        self._clock = clock
        self._traits = traits
        self._hook = hook
        self._state = _State()
        self._turn = threading.RLock()

    def traits(self) -> HubTraits:
        """Return what the hub was made with."""
        self._hook(Call("traits", applied=False))
        return self._traits

    def list_unread(self, agent: str, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page of unread messages, oldest first."""
        return self.list_inbox(agent, unread=True, after=after, limit=limit)

    def list_inbox(self, agent: str, unread: bool, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page of messages, oldest first."""
        self._hook(Call("list_unread" if unread else "list_inbox", applied=False))
        check_name(agent, "to_agent")
        check_limit(limit)
        start = check_cursor(after)
        with self._turn:
            found = [
                (number, replace(stored.message, key=self._key(agent, number)))
                for number, stored in enumerate(self._state.messages.values(), start=1)
                if stored.recipient == agent and number > start and not (unread and stored.read)
            ]
        if not self._traits.pages:
            return InboxPage(tuple(message for _, message in found[: self._traits.page_size]))
        more = len(found) > limit
        return InboxPage(tuple(message for _, message in found[:limit]), str(found[limit - 1][0]) if more else None)

    def get_message(self, agent: str | None, message_id: str) -> Message:
        """Return one message that `agent` sent or received; None sees all."""
        self._hook(Call("get_message", applied=False))
        if agent is not None:
            check_name(agent, "agent")
        with self._turn:
            stored = self._find(message_id)
            if stored is None or not stored.concerns(agent):
                raise _unknown("message", message_id)
            return self._seen_by(agent, stored)

    def get_thread(self, agent: str | None, thread_id: str) -> tuple[Message, ...]:
        """Return the newest messages of a thread that `agent` takes part in, oldest first; None sees all."""
        self._hook(Call("get_thread", applied=False))
        if agent is not None:
            check_name(agent, "agent")
        with self._turn:
            found = self._thread(thread_id)
            if not any(stored.concerns(agent) for stored in found):
                raise _unknown("thread", thread_id)
            return tuple(self._seen_by(agent, stored) for stored in found)[-THREAD_MESSAGES:]

    def list_progress(self, agent: str, after: str | None = None, limit: int = 100) -> ProgressPage:
        """Return one page of progress events, oldest first."""
        self._hook(Call("list_progress", applied=False))
        check_name(agent, "agent")
        check_limit(limit)
        start = check_cursor(after)
        with self._turn:
            found = [
                (number, event)
                for number, event in enumerate(self._state.events, start=1)
                if event.agent == agent and number > start
            ]
        more = len(found) > limit
        return ProgressPage(tuple(event for _, event in found[:limit]), str(found[limit - 1][0]) if more else None)

    def post_message(self, message: OutgoingMessage, key: str | None = None) -> Accepted:
        """Send a message."""
        checked, _ = check_message(message)
        return self._once("post_message", checked.from_agent, key, checked, lambda: self._add_message(checked))

    def mark_read(self, agent: str | None, message_id: str, key: str | None = None) -> Accepted:
        """Set the read flag of a message in `agent`'s inbox; None for whosever inbox it lies in."""
        with self._turn:
            stored = self._find(message_id)
            if stored is None or agent not in (None, stored.recipient):
                raise _unknown("message", message_id)

        def mark() -> Accepted:
            stored.read = True
            return Accepted(message_id)

        return self._once("mark_read", stored.recipient, key, message_id, mark)

    def post_progress(self, event: ProgressEvent, key: str | None = None) -> Accepted:
        """Post a progress event."""
        checked, _ = check_progress(event)
        return self._once("post_progress", checked.agent, key, checked, lambda: self._add_event(checked))

    def close(self) -> None:
        """Do nothing; what was stored can still be looked at."""

    def recipient(self, message_id: str) -> str:
        """Return to whom a message was sent."""
        stored = self._find(message_id)
        if stored is None:
            raise _unknown("message", message_id)
        return stored.recipient

    def is_read(self, message_id: str) -> bool:
        """Return whether a message is marked read."""
        stored = self._find(message_id)
        return stored is not None and stored.read

    def sent_by(self, agent: str) -> tuple[Message, ...]:
        """Return what `agent` sent, oldest first."""
        return tuple(stored.message for stored in self._state.messages.values() if stored.message.sender.name == agent)

    def _once(
        self, operation: str, agent: str, key: str | None, content: object, make: Callable[[], Accepted]
    ) -> Accepted:
        check_key(key)
        if self._traits.delivery is not DeliveryMeans.IDEMPOTENCY_KEY:
            key = None
        self._hook(Call(operation, applied=False, key=key))
        with self._turn:
            made = make() if key is None else self._replay((agent, key), (operation, content), make)
        self._hook(Call(operation, applied=True, key=key))
        return made

    def _replay(self, place: tuple[str, str], content: object, make: Callable[[], Accepted]) -> Accepted:
        now = self._clock.now().timestamp()
        kept = self._state.keys.get(place)
        if kept is not None and kept[2] > now - timedelta(days=KEY_DAYS).total_seconds():
            if kept[0] != content:
                raise HubConflictError("something else was sent before under this idempotency key")
            return replace(kept[1], replayed=True)
        made = make()
        self._state.keys[place] = (content, made, now)
        return made

    def _add_message(self, message: OutgoingMessage) -> Accepted:
        number = len(self._state.messages) + 1
        vouched = Assurance.TOKEN if self._traits.authenticated_senders else Assurance.CLAIMED
        mail = Mail(
            subject=message.subject,
            body=message.body,
            kind=message.kind,
            thread_id=self._find_thread(message) or f"t{number}",
            in_reply_to=message.in_reply_to or None,
            metadata=dict(message.metadata),
        )
        made = Message(
            self._key(message.to_agent, number),
            Principal(message.from_agent, vouched),
            self._time(),
            mail,
            recipient=message.to_agent,
        )
        self._state.messages[f"m{number}"] = _Stored(made, message.to_agent)
        return Accepted(f"m{number}")

    def _find_thread(self, message: OutgoingMessage) -> str:
        if message.thread_id and not self._takes_part(message.from_agent, message.thread_id):
            raise _unknown("thread", message.thread_id)
        if not message.in_reply_to:
            return message.thread_id
        answered = self._find(message.in_reply_to)
        if answered is None or not self._takes_part(message.from_agent, answered.message.content.thread_id):
            raise _unknown("message", message.in_reply_to)
        if message.thread_id not in ("", answered.message.content.thread_id):
            raise refuse("in_reply_to", "names a message of another thread")
        return answered.message.content.thread_id

    def _add_event(self, event: ProgressEvent) -> Accepted:
        about = self._find(event.message_id) if event.message_id is not None else None
        if event.message_id is not None and (
            about is None or not self._takes_part(event.agent, about.message.content.thread_id)
        ):
            raise _unknown("message", event.message_id)
        if event.thread_id is not None and not self._takes_part(event.agent, event.thread_id):
            raise _unknown("thread", event.thread_id)
        made = ProgressRecord(
            id=f"p{len(self._state.events) + 1}",
            agent=event.agent,
            created_at=self._time(),
            kind=event.kind,
            summary=event.summary,
            detail=event.detail,
            message_id=event.message_id,
            thread_id=event.thread_id,
            metadata=dict(event.metadata),
        )
        self._state.events.append(made)
        return Accepted(made.id)

    def _find(self, message_id: str) -> _Stored | None:
        return self._state.messages.get(message_id)

    def _thread(self, thread_id: str) -> list[_Stored]:
        return [stored for stored in self._state.messages.values() if stored.message.content.thread_id == thread_id]

    def _takes_part(self, agent: str, thread_id: str) -> bool:
        return any(stored.concerns(agent) for stored in self._thread(thread_id))

    def _seen_by(self, agent: str | None, stored: _Stored) -> Message:
        key = stored.message.key
        return replace(stored.message, key=replace(key, agent=agent if agent is not None else stored.recipient))

    def _key(self, agent: str, number: int) -> MessageKey:
        return MessageKey(self._traits.hub_id, agent, f"m{number}")

    def _time(self) -> str:
        return self._clock.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unknown(thing: str, identifier: str) -> HubNotFoundError:
    return HubNotFoundError(f"there is no {thing} {quote(identifier)} that this agent takes part in", "check the id")
