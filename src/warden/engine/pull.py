"""From a hub's listing to messages that may be read: redacted, checked, with our facts about them.

Listing never changes the hub. What is redacted here is what every later step sees, stores and shows; the raw text does not
leave this module.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from warden.model.digests import canonical_bytes, digest_text
from warden.model.disposition import Disposition
from warden.model.ids import MessageKey
from warden.model.message import Mail, Message, MessageFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warden.engine.parts import Parts, Terms
    from warden.model.hub import HubTraits, InboxPage
    from warden.model.records import DispositionRecord
    from warden.model.report import MessageReport
    from warden.ports import Scanner

_IDENTIFIER = re.compile(r"[^\s\x00-\x20\x7f-\xa0\ud800-\udfff]{1,128}\Z")
MAX_PAGES = 10_000
"""INVARIANT (bounded): pages of one listing; a hub whose cursors never end is read again by the next run."""

IN_DOUBT = "in-doubt"
"""Reason code of a message that is held because its delivery was perhaps taken."""

_WITH_A_PERSON = frozenset({IN_DOUBT, "awaiting-outcome", "approval", "person"})
"""Reason codes of held messages that are not planned again: delivered perhaps or on their way, or a person's to release."""
_PLAN_AGAIN = frozenset({Disposition.HELD, Disposition.QUARANTINED})


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as all later steps know it: redacted, with facts, and where our ledger stood with it before."""

    message: Message
    facts: MessageFacts
    size_bytes: int
    before: DispositionRecord | None = None

    @property
    def text_bytes(self) -> bytes:
        """Canonical JSON of the redacted text: the blob that the ledger keeps of this message."""
        content = self.message.content
        metadata = [[name, content.metadata[name]] for name in sorted(content.metadata)]
        return canonical_bytes({"subject": content.subject, "body": content.body, "metadata": metadata})


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that the hub listed and that cannot be read: only its id (or the digest of it) and a reason code."""

    key: MessageKey
    reason: str

    def report(self) -> MessageReport:
        """Return what people are told: no word of the message, only what it is called and why nobody reads it."""
        from warden.model.report import MessageReport

        return MessageReport(
            message_id=self.key.message_id,
            thread_id="",
            sender="",
            subject="",
            message_digest="",
            disposition=Disposition.QUARANTINED,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class Pulled:
    """One page of work: what is to be planned, what cannot be read, how many were decided before or wait behind their thread;
    `stale` are the items of an applied plan that do not hold any more."""

    fresh: tuple[Seen, ...]
    unreadable: tuple[Unreadable, ...]
    decided: int
    waiting: int
    blocked: bool
    stale: tuple[MessageReport, ...] = ()


def readable_problem(message: Message, scanner: Scanner) -> str:
    """Return why the message cannot be read, or an empty string.

    Ids end up in the ledger and in what we send, so one that is malformed or holds a secret quarantines the message.
    """
    return identifier_problem(_identifiers(message), scanner)


def _identifiers(message: Message) -> list[str]:
    content = message.content
    ids = [message.key.message_id, message.sender.name, content.thread_id, content.kind]
    return ids if content.in_reply_to is None else [*ids, content.in_reply_to]


def identifier_problem(identifiers: list[str], scanner: Scanner) -> str:
    """Return why these identifiers cannot be written down, or an empty string."""
    if not all(_IDENTIFIER.match(value) for value in identifiers):
        return "malformed-id"
    # One look at all of them, each a paragraph of its own: a look costs more than the few characters that it is at.
    return "secret-in-id" if scanner.scan("\n\n".join(identifiers)) else ""


def read_message(
    message: Message, agent: str, hop_limit: int, scanner: Scanner, before: DispositionRecord | None = None
) -> Seen | Unreadable:
    """Return the message as later steps may know it, or why it cannot be read.

    INVARIANT (no-secret): from here on nobody holds the text as it came.
    """
    # Imported here because most runs find an empty inbox, and the guard's rules take longer to load than such a run.
    from warden.engine.cleaning import Cleaner
    from warden.guard.intent import read_facts

    problem = readable_problem(message, scanner)
    if problem:
        return unreadable(message.key, problem)
    content = message.content
    texts = [content.subject, content.body, *(part for item in sorted(content.metadata.items()) for part in item)]
    cleaner = Cleaner(scanner, texts)
    if any(map(cleaner.holds_value, _identifiers(message))):
        return unreadable(message.key, "secret-in-id")
    redacted = cleaner.redacted
    clean = Mail(
        subject=redacted(content.subject),
        body=redacted(content.body),
        kind=content.kind,
        thread_id=content.thread_id,
        in_reply_to=content.in_reply_to,
        metadata={redacted(name): redacted(value) for name, value in sorted(content.metadata.items())},
    )
    try:
        shown = replace(message, content=clean)
        canonical_bytes([clean.subject, clean.body, message.received_at, sorted(clean.metadata.items())])
    except ValueError:
        return unreadable(message.key, "unreadable-text")
    facts = read_facts(message, agent, hop_limit, cleaner.kinds)
    return Seen(shown, facts, len(content.body.encode("utf-8", "surrogatepass")), before)


def unreadable(key: MessageKey, reason: str) -> Unreadable:
    """Return the record of an unreadable message; an id that may not be written down is replaced by its digest."""
    if reason == "malformed-id" or reason == "secret-in-id":
        key = replace(key, message_id=digest_text(key.message_id))
    return Unreadable(key, reason)


def needs_planning(record: DispositionRecord | None) -> bool:
    """Return whether a message with this record is planned in this run.

    An escalated message is not planned again until its sender adds to the thread or a person ends it; a failed one is the
    outbox's; a held one is judged again each time, unless a person or a delivery has it in hand.
    """
    if record is None or record.reopened:
        return True
    return record.disposition in _PLAN_AGAIN and record.reason not in _WITH_A_PERSON


class Puller:
    """Walks the unread messages of one inbox, a page at a time."""

    def __init__(self, parts: Parts, terms: Terms, traits: HubTraits) -> None:
        self._parts = parts
        self._terms = terms
        self._traits = traits
        self._listed: set[str] = set()

    def pages(self) -> Iterator[Pulled]:
        """Yield page after page until the end, the limit of messages, or a request to stop.

        INVARIANT (nothing-lost): a message counts as decided only by a disposition in our own ledger.
        """
        after: str | None = None
        left = self._terms.limit
        for _ in range(MAX_PAGES):
            if left is not None and left <= 0:
                return
            page = self._parts.hub.list_unread(self._terms.agent, after, self._terms.page_size)
            pulled, taken = self._sort(page, left)
            yield pulled
            if left is not None:
                left -= taken
            if page.after is None or page.after == after or self._parts.stop.requested():
                return
            after = page.after

    def _sort(self, page: InboxPage, left: int | None) -> tuple[Pulled, int]:
        """Return the work of one page, at most `left` messages of it, and how many messages that takes."""
        messages = self._not_listed_before(page)
        records = self._parts.store.dispositions(message.key for message in messages)
        busy = self._parts.store.busy_threads(self._traits.hub_id, self._terms.agent)
        wanted = [message for message in messages if needs_planning(records.get(message.key))]
        ready = [message for message in wanted if message.content.thread_id not in busy]
        taken = ready if left is None else ready[:left]
        read = [self._read(message, records.get(message.key)) for message in taken]
        broken = self._new_unreadable(self._broken(page) + [item for item in read if isinstance(item, Unreadable)])
        listed = len(page.messages) + len(page.quarantined)
        pulled = Pulled(
            fresh=tuple(item for item in read if isinstance(item, Seen)),
            unreadable=broken,
            decided=len(messages) - len(wanted),
            waiting=len(wanted) - len(ready),
            blocked=not self._traits.pages and listed >= self._traits.page_size and not wanted and not broken,
        )
        return pulled, len(taken)

    def _not_listed_before(self, page: InboxPage) -> list[Message]:
        """INVARIANT (exactly-once): a listing may repeat a message, on one page or on several; a run takes it once."""
        fresh: dict[str, Message] = {}
        for message in page.messages:
            if message.key.message_id not in self._listed:
                fresh.setdefault(message.key.message_id, message)
        self._listed.update(fresh)
        return list(fresh.values())

    def _broken(self, page: InboxPage) -> list[Unreadable]:
        """What the hub's adapter could not read. Nobody has looked at these ids: they may be anything."""
        found: list[Unreadable] = []
        for identity, _ in page.quarantined:
            key = MessageKey(self._traits.hub_id, self._terms.agent, identity)
            found.append(unreadable(key, identifier_problem([identity], self._parts.scanner) or "malformed"))
        return found

    def _read(self, message: Message, before: DispositionRecord | None) -> Seen | Unreadable:
        return read_message(message, self._terms.agent, self._terms.hop_limit, self._parts.scanner, before)

    def _new_unreadable(self, found: list[Unreadable]) -> tuple[Unreadable, ...]:
        known = self._parts.store.dispositions(item.key for item in found) if found else {}
        return tuple({item.key: item for item in found if item.key not in known}.values())
