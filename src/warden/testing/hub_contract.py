"""The contract suite of `ports.Hub`: every hub, fake or real, near or far, passes it.

A test module derives a class from `HubContract` and gives it a fixture `hub`: an empty hub in which one may act as
anybody. Where hubs may differ the suite asks `traits`, or the class attributes below, and tests what holds then. A source of
messages that nobody sends through it passes `SourceContract`, the part about what arrives.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import pytest

from warden.errors import HubConflictError, HubError, HubNotFoundError, HubRejectedError
from warden.model.delivery import OutgoingMessage, ProgressEvent
from warden.model.hub import DeliveryMeans
from warden.model.message import Assurance, Message

if TYPE_CHECKING:
    from warden.ports import Hub

ALICE = "alice"
BOB = "bob"
EVE = "eve"
HELLO = OutgoingMessage(ALICE, BOB, "hello", "who issues certificates?", "request", "", "")
NOTE = ProgressEvent(BOB, "answered one message", "status")

REFUSED_MESSAGES = {
    "nul in body": (replace(HELLO, body="a\x00b"), "body"),
    "escape in body": (replace(HELLO, body="\x1b[31mred"), "body"),
    "c1 control in body": (replace(HELLO, body="next\x85line"), "body"),
    "delete in body": (replace(HELLO, body="\x7f"), "body"),
    "lone surrogate in body": (replace(HELLO, body="half \ud83d"), "body"),
    "newline in subject": (replace(HELLO, subject="one\ntwo"), "subject"),
    "tab in subject": (replace(HELLO, subject="one\ttwo"), "subject"),
    "line separator in subject": (replace(HELLO, subject="one\u2028two"), "subject"),
    "lone surrogate in subject": (replace(HELLO, subject="\udc00"), "subject"),
    "long subject": (replace(HELLO, subject="x" * 1001), "subject"),
    "empty sender": (replace(HELLO, from_agent=""), "from_agent"),
    "sender with a space": (replace(HELLO, from_agent="a b"), "from_agent"),
    "recipient with a slash": (replace(HELLO, to_agent="../bob"), "to_agent"),
    "long recipient": (replace(HELLO, to_agent="b" * 129), "to_agent"),
    "capital kind": (replace(HELLO, kind="Request"), "kind"),
    "empty kind": (replace(HELLO, kind=""), "kind"),
    "long kind": (replace(HELLO, kind="k" * 33), "kind"),
    "metadata name": (replace(HELLO, metadata={"Auto-Submitted": "no"}), "metadata"),
    "metadata value": (replace(HELLO, metadata={"note": "a\nb"}), "metadata.note"),
    "metadata surrogate": (replace(HELLO, metadata={"note": "\ud800"}), "metadata.note"),
    "much metadata": (replace(HELLO, metadata={f"n-{n}": "v" for n in range(65)}), "metadata"),
}


class SourceContract:
    """What `ports.Hub` promises of the messages that arrive, wherever they come from; `arrive` lets one do so."""

    def unread(self, hub: Hub, agent: str = BOB) -> list[Message]:
        """Return the whole unread inbox, page by page."""
        found: list[Message] = []
        after: str | None = None
        while True:
            page = hub.list_unread(agent, after, 7)
            assert page.quarantined == ()
            found += page.messages
            if page.after is None:
                return found
            after = page.after

    def arrive(self, hub: Hub) -> str:
        """Let a message arrive and return its id."""
        raise NotImplementedError

    def test_states_one_identity(self, hub: Hub) -> None:
        """Traits are the same whenever they are asked for, and name the hub."""
        assert hub.traits() == hub.traits()
        assert hub.traits().hub_id

    def test_empty_inbox(self, hub: Hub) -> None:
        """An agent that nobody wrote to has an empty inbox, not an error."""
        page = hub.list_unread("nobody")
        assert (page.messages, page.after, page.quarantined) == ((), None, ())

    def test_listing_is_oldest_first_in_pages(self, hub: Hub) -> None:
        """Pages hold every message once, oldest first, and the last page has no cursor."""
        sent = [self.arrive(hub) for _ in range(20)]
        assert [message.key.message_id for message in self.unread(hub)] == sent
        first = hub.list_unread(BOB, None, 5)
        if hub.traits().pages:
            assert [message.key.message_id for message in first.messages] == sent[:5]
            assert first.after is not None
        else:
            assert first.after is None

    def test_page_that_ends_exactly(self, hub: Hub) -> None:
        """A page that holds the last message says that it is the last."""
        for _ in range(4):
            self.arrive(hub)
        assert hub.list_unread(BOB, None, 4).after is None

    def test_listing_is_stable_while_messages_arrive(self, hub: Hub) -> None:
        """What arrives between two pages comes after what was there, and nothing is skipped or repeated."""
        sent = [self.arrive(hub) for _ in range(6)]
        page = hub.list_unread(BOB, None, 3)
        late = self.arrive(hub)
        hub.mark_read(BOB, sent[0])
        rest = hub.list_unread(BOB, page.after, 10).messages if page.after else page.messages[3:]
        seen = [message.key.message_id for message in (*page.messages[:3], *rest)]
        assert seen[:6] == sent
        assert seen[6:] == ([late] if hub.traits().pages else [])

    def test_listing_changes_nothing(self, hub: Hub) -> None:
        """Looking marks nothing."""
        sent = self.arrive(hub)
        first = self.unread(hub)
        hub.get_message(BOB, sent)
        hub.get_thread(BOB, first[0].content.thread_id)
        assert self.unread(hub) == first
        assert first[0].digest == self.unread(hub)[0].digest

    @pytest.mark.parametrize("limit", [0, -1, 1001])
    def test_limit_out_of_bounds_is_refused(self, hub: Hub, limit: int) -> None:
        """A page of no messages, or of too many, is refused."""
        with pytest.raises(HubRejectedError):
            hub.list_unread(BOB, None, limit)

    def test_marked_message_leaves_the_unread(self, hub: Hub) -> None:
        """A message that is marked read is unread no longer, can still be looked at, and can be marked again."""
        first, second = self.arrive(hub), self.arrive(hub)
        assert hub.mark_read(BOB, first).id == first
        assert hub.mark_read(BOB, first).id == first
        assert [message.key.message_id for message in self.unread(hub)] == [second]
        assert hub.get_message(BOB, first).key.message_id == first

    @pytest.mark.parametrize(
        "identifier", ["m999", "999", "nonsense", "../etc", "m1?x=1", "m01", "m-1", "", "m\x00", "m١"]
    )
    def test_unknown_message(self, hub: Hub, identifier: str) -> None:
        """An id that was never given is not found, whatever is in it."""
        self.arrive(hub)
        with pytest.raises(HubNotFoundError):
            hub.get_message(BOB, identifier)
        with pytest.raises(HubNotFoundError):
            hub.mark_read(BOB, identifier)
        with pytest.raises(HubNotFoundError):
            hub.get_thread(BOB, identifier or "t")

    def test_a_listed_message_is_the_one_that_is_asked_for(self, hub: Hub) -> None:
        """Listed and by id it is the same, and so is its thread's newest."""
        sent = self.arrive(hub)
        (message,) = self.unread(hub)
        assert hub.get_message(BOB, sent) == message
        assert hub.get_thread(BOB, message.content.thread_id)[-1].key.message_id == sent


class HubContract(SourceContract):
    """What `ports.Hub` promises."""

    sees_sent: ClassVar[bool] = True
    """Whether a sender can look at what it sent, and threads hold both sides."""
    lists_progress: ClassVar[bool] = True
    """Whether progress events can be listed."""
    knows_reader: ClassVar[bool] = True
    """Whether marking a message as read says who reads."""

    def arrive(self, hub: Hub) -> str:
        """Send one."""
        return hub.post_message(HELLO).id

    def test_message_arrives_as_sent(self, hub: Hub) -> None:
        """Every field arrives as it was sent, with odd but legal text in it."""
        sent = replace(
            HELLO,
            subject="Ünïcode ✓ 𝔘 \u202e",
            body="line\r\n\ttab \U0010ffff \ue000 ' \" \\ </script>",
            kind="some_kind",
            metadata={"auto-submitted": "no", "warden-hops": "2", "empty": ""},
        )
        accepted = hub.post_message(sent)
        (message,) = self.unread(hub)
        content = message.content
        assert message.key.message_id == accepted.id
        assert (message.key.hub_id, message.key.agent) == (hub.traits().hub_id, BOB)
        assert (message.sender.name, message.sender.assurance) == (ALICE, Assurance.CLAIMED)
        assert (content.subject, content.body, content.kind) == (sent.subject, sent.body, sent.kind)
        assert content.metadata == sent.metadata
        assert content.in_reply_to is None
        assert content.thread_id
        assert message.received_at.endswith("Z")

    def test_empty_texts_arrive(self, hub: Hub) -> None:
        """Subject and body may be empty."""
        hub.post_message(replace(HELLO, subject="", body=""))
        (message,) = self.unread(hub)
        assert (message.content.subject, message.content.body) == ("", "")

    def test_large_body_arrives(self, hub: Hub) -> None:
        """A body just under the limit of a request arrives whole."""
        body = "äöü\n" * 130_000
        hub.post_message(replace(HELLO, body=body))
        assert self.unread(hub)[0].content.body == body

    def test_too_large_request_is_refused(self, hub: Hub) -> None:
        """A message over 1 MiB is refused and not stored."""
        with pytest.raises(HubRejectedError):
            hub.post_message(replace(HELLO, body="x" * 1024 * 1024))
        assert self.unread(hub) == []

    @pytest.mark.parametrize(("message", "field"), REFUSED_MESSAGES.values(), ids=REFUSED_MESSAGES)
    def test_bad_message_is_refused(self, hub: Hub, message: OutgoingMessage, field: str) -> None:
        """A field that breaks a rule is named, its value is not repeated, and nothing is stored."""
        with pytest.raises(HubRejectedError) as caught:
            hub.post_message(message)
        assert caught.value.field == field
        assert caught.value.message.isprintable()
        assert self.unread(hub) == []

    @pytest.mark.parametrize(
        "event",
        [replace(NOTE, summary=""), replace(NOTE, summary="a\nb"), replace(NOTE, detail="\0"), replace(NOTE, kind="-")],
    )
    def test_bad_progress_is_refused(self, hub: Hub, event: ProgressEvent) -> None:
        """A progress event that breaks a rule is refused, and nothing is stored."""
        with pytest.raises(HubRejectedError):
            hub.post_progress(event)
        assert hub.list_progress(BOB).events == ()

    def test_unread_is_only_ones_own(self, hub: Hub) -> None:
        """An inbox holds what was sent to its agent, and nothing that it sent."""
        hub.post_message(HELLO)
        hub.post_message(replace(HELLO, to_agent=EVE))
        assert [message.content.subject for message in self.unread(hub, BOB)] == ["hello"]
        assert self.unread(hub, ALICE) == []

    def test_message_by_id(self, hub: Hub) -> None:
        """A message that is asked for by id is the one that was listed."""
        sent = hub.post_message(HELLO).id
        assert hub.get_message(BOB, sent) == self.unread(hub)[0]
        if self.sees_sent:
            assert hub.get_message(ALICE, sent).content == self.unread(hub)[0].content

    def test_foreign_message_does_not_exist(self, hub: Hub) -> None:
        """Who takes no part in a message or thread cannot see that it exists."""
        sent = hub.post_message(HELLO).id
        thread = self.unread(hub)[0].content.thread_id
        with pytest.raises(HubNotFoundError):
            hub.get_message(EVE, sent)
        with pytest.raises(HubNotFoundError):
            hub.get_thread(EVE, thread)
        if self.knows_reader:
            for reader in (EVE, ALICE):
                with pytest.raises(HubNotFoundError):
                    hub.mark_read(reader, sent)
            assert len(self.unread(hub)) == 1

    def test_answer_joins_the_thread(self, hub: Hub) -> None:
        """An answer lies in the thread of what it answers, whether it names the thread or not."""
        first = hub.post_message(HELLO).id
        thread = self.unread(hub)[0].content.thread_id
        hub.post_message(OutgoingMessage(BOB, ALICE, "re: hello", "the host", "reply", thread, first))
        hub.post_message(OutgoingMessage(BOB, ALICE, "re: hello", "again", "reply", "", first))
        answers = self.unread(hub, ALICE)
        assert [(m.content.thread_id, m.content.in_reply_to) for m in answers] == [(thread, first)] * 2
        found = hub.get_thread(ALICE, thread)
        assert [message.content.body for message in found] == ([HELLO.body] if self.sees_sent else []) + [
            "the host",
            "again",
        ]
        told = [message.recipient for message in found if message.recipient]
        assert told in ([], [BOB if message.sender.name == ALICE else ALICE for message in found])

    def test_an_inbox_says_to_whom(self, hub: Hub) -> None:
        """A message from an inbox is known to have been sent to its agent, and metadata names may hold underscores."""
        hub.post_message(replace(HELLO, metadata={"drafted_by": "somebody"}))
        (message,) = self.unread(hub)
        assert (message.recipient, message.content.metadata) == (BOB, {"drafted_by": "somebody"})

    def test_thread_is_seen_by_both(self, hub: Hub) -> None:
        """Both sides of a thread see it; its messages carry the key of the one who looks."""
        hub.post_message(HELLO)
        thread = self.unread(hub)[0].content.thread_id
        for agent in (ALICE, BOB) if self.sees_sent else (BOB,):
            (message,) = hub.get_thread(agent, thread)
            assert message.key.agent == agent

    def test_new_messages_open_threads(self, hub: Hub) -> None:
        """Two messages that name no thread are in two threads."""
        hub.post_message(HELLO)
        hub.post_message(HELLO)
        assert len({message.content.thread_id for message in self.unread(hub)}) == 2

    def test_posting_into_a_foreign_thread_is_refused(self, hub: Hub) -> None:
        """Nobody can post into a thread, answer a message, or report on either without taking part in it."""
        sent = hub.post_message(HELLO).id
        thread = self.unread(hub)[0].content.thread_id
        for message in (
            OutgoingMessage(EVE, BOB, "s", "b", "info", thread, ""),
            OutgoingMessage(EVE, BOB, "s", "b", "info", "", sent),
            OutgoingMessage(EVE, BOB, "s", "b", "info", "no-such-thread", ""),
        ):
            with pytest.raises(HubNotFoundError):
                hub.post_message(message)
        for event in (replace(NOTE, agent=EVE, thread_id=thread), replace(NOTE, agent=EVE, message_id=sent)):
            with pytest.raises(HubNotFoundError):
                hub.post_progress(event)
        assert len(self.unread(hub)) == 1

    def test_answer_in_another_thread_is_refused(self, hub: Hub) -> None:
        """A message cannot answer one thread's message in another thread."""
        first = hub.post_message(HELLO).id
        hub.post_message(HELLO)
        other = self.unread(hub)[1].content.thread_id
        with pytest.raises(HubRejectedError):
            hub.post_message(OutgoingMessage(BOB, ALICE, "s", "b", "reply", other, first))

    def test_progress_is_kept(self, hub: Hub) -> None:
        """Progress events come back as they were posted, oldest first, to their agent only."""
        sent = hub.post_message(HELLO).id
        thread = self.unread(hub)[0].content.thread_id
        events = (
            replace(NOTE, detail="two\nlines", message_id=sent, thread_id=thread, metadata={"warden-key": "k"}),
            *(replace(NOTE, summary=f"event {n}") for n in range(5)),
        )
        ids = [hub.post_progress(event).id for event in events]
        assert len(set(ids)) == 6
        if not self.lists_progress:
            return
        page = hub.list_progress(BOB, None, 4)
        rest = hub.list_progress(BOB, page.after, 4)
        found = (*page.events, *rest.events)
        assert [event.id for event in found] == ids
        assert (found[0].detail, found[0].message_id, found[0].thread_id) == ("two\nlines", sent, thread)
        assert (found[0].metadata, found[1].detail, found[1].metadata) == ({"warden-key": "k"}, None, {})
        assert [event.summary for event in found] == [event.summary for event in events]
        assert rest.after is None
        assert hub.list_progress(ALICE).events == ()

    def test_same_key_answers_the_first_result(self, hub: Hub) -> None:
        """The same key and content take effect once where keys are honoured, and each time where they are not."""
        first, second = hub.post_message(HELLO, "key-1"), hub.post_message(HELLO, "key-1")
        keyed = hub.traits().delivery is DeliveryMeans.IDEMPOTENCY_KEY
        assert (first.replayed, second.replayed) == (False, keyed)
        assert (first.id == second.id) == keyed
        assert len(self.unread(hub)) == (1 if keyed else 2)
        posted, again = hub.post_progress(NOTE, "key-2"), hub.post_progress(NOTE, "key-2")
        assert (posted.id == again.id) == keyed
        assert (hub.mark_read(BOB, first.id, "k").replayed, hub.mark_read(BOB, first.id, "k").replayed) == (
            False,
            keyed,
        )

    def test_the_order_of_metadata_is_no_other_content(self, hub: Hub) -> None:
        """A delivery that is read back from a ledger has its names in another order, and is the same delivery."""
        if hub.traits().delivery is not DeliveryMeans.IDEMPOTENCY_KEY:
            return
        names = {"b": "1", "a": "2"}
        turned = dict(reversed(names.items()))
        event = ProgressEvent(ALICE, "done", "note", metadata=names)
        posted = hub.post_progress(event, "key-order-1")
        again = hub.post_progress(replace(event, metadata=turned), "key-order-1")
        assert (again.id, again.replayed) == (posted.id, True)
        message = replace(HELLO, metadata=names)
        sent = hub.post_message(message, "key-order-2")
        resent = hub.post_message(replace(message, metadata=turned), "key-order-2")
        assert (resent.id, resent.replayed) == (sent.id, True)

    def test_same_key_with_other_content_conflicts(self, hub: Hub) -> None:
        """A key that was used for one thing cannot be used for another, nor for another operation."""
        if hub.traits().delivery is not DeliveryMeans.IDEMPOTENCY_KEY:
            return
        sent = hub.post_message(HELLO, "key-1")
        with pytest.raises(HubConflictError):
            hub.post_message(replace(HELLO, body="something else"), "key-1")
        hub.mark_read(BOB, sent.id, "key-2")
        with pytest.raises(HubConflictError):
            hub.post_progress(NOTE, "key-2")
        assert len(self.unread(hub)) == 0
        assert hub.list_progress(BOB).events == ()

    def test_keys_belong_to_one_agent(self, hub: Hub) -> None:
        """Two agents can use the same key."""
        first = hub.post_message(HELLO, "shared")
        second = hub.post_message(replace(HELLO, from_agent=EVE), "shared")
        assert first.id != second.id
        assert second.replayed is False

    def test_refused_request_does_not_use_its_key_up(self, hub: Hub) -> None:
        """A key under which something was refused is free."""
        with pytest.raises(HubNotFoundError):
            hub.post_message(replace(HELLO, thread_id="unknown"), "key-1")
        assert hub.post_message(HELLO, "key-1").replayed is False

    @pytest.mark.parametrize("key", ["", "a b", "schlüssel", "k\n", "x" * 201])
    def test_bad_key_is_refused(self, hub: Hub, key: str) -> None:
        """A key that cannot stand in a header is refused, in process as well."""
        with pytest.raises(HubRejectedError):
            hub.post_message(HELLO, key)
        assert self.unread(hub) == []

    def test_many_at_once(self, hub: Hub) -> None:
        """Sixteen threads that send at once lose, repeat and mix up nothing."""
        with ThreadPoolExecutor(16) as pool:
            accepted = list(pool.map(lambda n: hub.post_message(replace(HELLO, body=str(n))).id, range(64)))
        found = {message.key.message_id: message.content.body for message in self.unread(hub)}
        assert found == {identifier: str(n) for n, identifier in enumerate(accepted)}

    def test_one_key_at_once(self, hub: Hub) -> None:
        """Sixteen threads that send the same under one key make one message."""
        if hub.traits().delivery is not DeliveryMeans.IDEMPOTENCY_KEY:
            return
        with ThreadPoolExecutor(16) as pool:
            accepted = list(pool.map(lambda _: hub.post_message(HELLO, "one"), range(16)))
        assert len({made.id for made in accepted}) == 1
        assert sorted(made.replayed for made in accepted) == [False] + [True] * 15
        assert len(self.unread(hub)) == 1

    def test_only_hub_errors_come_out(self, hub: Hub) -> None:
        """Whatever name, id or cursor is asked for, nothing but a `HubError` is raised."""
        for odd in ("\x00", "\ud800", "a" * 10_000, "%00", "a/b", "?", "é"):
            for look in (hub.list_unread, hub.list_progress):
                with pytest.raises(HubError):
                    look(odd)
            with pytest.raises(HubError):
                hub.get_message(BOB, odd)
            for agent, thread in ((odd, "t1"), (BOB, odd)):
                with pytest.raises(HubError):
                    hub.get_thread(agent, thread)
            with pytest.raises(HubError):
                hub.get_message(odd, "m1")
