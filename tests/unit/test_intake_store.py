"""What the file of events promises: one task a delivery, one at a time a key, locks with fences, and a hub over it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from warden.cli.clock import SystemClock
from warden.errors import HubConflictError, HubNotFoundError, HubRejectedError
from warden.hubs import intake_locks, intake_operations, intake_queries
from warden.hubs.database import Database
from warden.hubs.intake import HOLD_S, IntakeHub, open_database
from warden.hubs.intake_operations import NewDelivery, Refused, Taken
from warden.model.delivery import OutgoingMessage, ProgressEvent
from warden.model.event import Concurrency, Event, Flag, NewTask, Trust
from warden.model.message import Assurance
from warden.testing.engine import FixedClock

TASK = NewTask("s", "run", "script", "ops/site#7")
EVENT = Event(
    "forge", "d-1", "issues", "issues", "opened", "ops/site", "7", sender="alice", trust=Trust.OWNER, text="hello"
)


class Store:
    """A file, a clock and shorthands."""

    def __init__(self, path: Path) -> None:
        self.clock = FixedClock()
        self.path = path
        self.database = open_database(path, self.clock)
        self._number = 0

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    @property
    def now(self) -> float:
        """The moment of the clock."""
        return self.clock.now().timestamp()

    def hub(self, takes: bool = False) -> IntakeHub:
        """Return the second source."""
        return IntakeHub(self.database, self.clock, takes, 3600.0, 900.0)

    def delivery(self, *tasks: NewTask, **more: Any) -> NewDelivery:
        """Return another delivery."""
        self._number += 1
        event = replace(EVENT, delivery_id=f"d-{self._number}", **more)
        digest = f"sha256:{self._number:064x}"
        return NewDelivery(event, "signed", digest, b"{}", (), self.now, tasks or (TASK,))

    def accept(self, *tasks: NewTask, **more: Any) -> Taken:
        """Take another delivery in."""
        return self.take(self.delivery(*tasks, **more))

    def take(self, new: NewDelivery) -> Taken:
        """Take this delivery in."""
        found: Any = self.database.write(partial(intake_operations.accept, new=new))
        return found  # type: ignore[no-any-return]

    def listed(self, takes: bool = False) -> list[str]:
        """Return the ids of the messages that wait."""
        return [message.key.message_id for message in self.hub(takes).list_unread("warden").messages]

    def states(self) -> list[str]:
        """Return the states of all tasks."""
        return [str(row[0]) for row in self.database.read("SELECT state FROM tasks ORDER BY id")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty file."""
    found = Store(tmp_path / "intake.db")
    yield found
    found.close()


def test_a_task_is_a_message_of_its_sender(store: Store) -> None:
    """Sender, thread and facts come from the delivery; how far it was vouched for too."""
    store.accept(labels=("a", "b"), flags=frozenset({Flag.PULL}))
    (message,) = store.hub().list_unread("warden").messages
    assert (message.sender.name, message.sender.assurance) == ("alice@forge", Assurance.SIGNED)
    assert (message.content.thread_id, message.content.kind, message.source) == ("forge:ops/site#7", "event", "intake")
    assert (message.content.subject, message.content.body) == ("issues opened", "hello")
    assert message.content.metadata["labels"] == "a\nb"
    assert message.content.metadata["rule-set"] == "s"
    assert store.hub().get_message("warden", "e1") == message
    assert store.hub().traits().hub_id.startswith("intake-")


def test_two_intakes_on_one_file_make_one_task(store: Store) -> None:
    """Whoever comes second finds the delivery known, however close they are."""
    pair = [open_database(store.path, SystemClock()) for _ in range(2)]
    new = store.delivery()

    def take(database: Database) -> str:
        found: Any = database.write(partial(intake_operations.accept, new=new))
        return str(found.state)

    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(take, pair * 8))
    for database in pair:
        database.close()
    assert sorted(states) == ["duplicate"] * 15 + ["new"]
    assert store.states() == ["waiting"]


def test_a_rules_window_drops_what_comes_again_under_its_key(store: Store) -> None:
    """A second event of the same key inside the window is dropped, one after it is not; another key is another matter."""
    task = replace(TASK, window_s=60)
    store.accept(task)
    store.accept(task)
    store.accept(replace(task, key="other"))
    store.clock.advance(61)
    store.accept(task)
    assert store.states() == ["waiting", "dropped", "waiting", "waiting"]


def test_what_coalesces_takes_the_place_of_those_nobody_began_with(store: Store) -> None:
    """The newest is left; one that was begun with goes on, and the next waits for it."""
    task = replace(TASK, concurrency=Concurrency.COALESCE)
    store.accept(task)
    store.accept(task)
    assert store.states() == ["coalesced", "waiting"]
    assert store.listed(takes=True) == ["e2"]
    store.accept(task)
    store.accept(task)
    assert store.states() == ["coalesced", "waiting", "coalesced", "waiting"]
    assert store.listed() == ["e2"]
    store.hub().mark_read("warden", "e2")
    assert store.listed() == ["e4"]


def test_a_dry_listing_begins_with_nothing(store: Store) -> None:
    """Looking at what waits does not keep a later event from taking its place."""
    task = replace(TASK, concurrency=Concurrency.COALESCE)
    store.accept(task)
    assert store.listed() == ["e1"]
    store.accept(task)
    assert store.states() == ["coalesced", "waiting"]


def test_what_is_queued_waits_its_turn(store: Store) -> None:
    """One at a time in the order of arrival; one that never ends holds the others back for a day, not for ever."""
    task = replace(TASK, concurrency=Concurrency.QUEUE)
    store.accept(task)
    store.accept(task)
    store.accept(replace(task, key="other"))
    assert store.listed() == ["e1", "e3"]
    store.clock.advance(HOLD_S + 1)
    assert store.listed() == ["e1", "e2", "e3"]


def test_pages(store: Store) -> None:
    """A listing goes on where the last page ended."""
    for _ in range(3):
        store.accept()
    page = store.hub().list_unread("warden", None, 2)
    assert [message.key.message_id for message in page.messages] == ["e1", "e2"]
    page = store.hub().list_unread("warden", page.after, 2)
    assert ([message.key.message_id for message in page.messages], page.after) == (["e3"], None)


def test_answers_are_kept_beside_their_event_once(store: Store) -> None:
    """The same key and text answer the first id, other text under it is refused; the thread holds both sides."""
    store.accept()
    hub = store.hub()
    reply = OutgoingMessage(
        "warden", "alice@forge", "Re: x", "an answer", "reply", "forge:ops/site#7", "e1", {"a": "b"}
    )
    first = hub.post_message(reply, "key-1")
    again = hub.post_message(reply, "key-1")
    assert (first.id, first.replayed, again.id, again.replayed) == ("r1", False, "r1", True)
    with pytest.raises(HubConflictError):
        hub.post_message(replace(reply, body="another"), "key-1")
    event, answer = hub.get_thread("warden", "forge:ops/site#7")
    assert (event.key.message_id, answer.content.body, answer.content.in_reply_to) == ("e1", "an answer", "e1")
    (entry,) = intake_queries.read_log(store.database)
    assert entry["tasks"][0]["answers"][0]["body"] == "an answer"
    with pytest.raises(HubNotFoundError):
        hub.post_message(replace(reply, in_reply_to="e9"))
    with pytest.raises(HubRejectedError):
        hub.post_message(replace(reply, metadata=5))  # type: ignore[arg-type]


@pytest.mark.parametrize("identifier", ["e9", "x1", "e", "e1x", "e" + "9" * 30, "", "r1"])
def test_what_there_is_not(store: Store, identifier: str) -> None:
    """An id that names nothing is refused as such, whatever it looks like."""
    hub = store.hub()
    with pytest.raises(HubNotFoundError):
        hub.get_message("warden", identifier)
    with pytest.raises(HubNotFoundError):
        hub.mark_read("warden", identifier)
    with pytest.raises(HubNotFoundError):
        hub.get_thread("warden", identifier)


def test_progress_is_kept_by_agent(store: Store) -> None:
    """Events are listed page by page to the agent that posted them, once a key."""
    hub = store.hub()
    event = ProgressEvent("warden", "did a thing", "note", metadata={"a": "b"})
    assert hub.post_progress(event, "k").id == "p1"
    assert hub.post_progress(event, "k").replayed
    hub.post_progress(replace(event, summary="more"))
    page = hub.list_progress("warden", None, 1)
    assert ([one.summary for one in page.events], page.after) == (["did a thing"], "p1")
    assert [one.summary for one in hub.list_progress("warden", page.after).events] == ["more"]
    assert hub.list_progress("other").events == ()


def test_an_issues_lock_keeps_other_tasks_of_it_back(store: Store) -> None:
    """With `lock` one task of an issue is begun with at a time; its end frees the issue."""
    first, second = replace(TASK, lock=True), replace(TASK, rule="other", key="k", lock=True)
    store.accept(first, second)
    assert store.listed(takes=True) == ["e1"]
    assert store.listed(takes=True) == ["e1"]
    (lock,) = intake_locks.list_locks(store.database._writer, store.now)
    assert (lock.name, lock.owner, lock.fence, lock.state) == ("ops/site#7", "e1", 1, "held")
    store.hub().mark_read("warden", "e1")
    assert store.listed(takes=True) == ["e2"]


def test_who_lost_a_lock_writes_nothing_more(store: Store) -> None:
    """After its time another task has the issue under the next fence number, and the first one's answer is refused."""
    store.accept(replace(TASK, lock=True))
    store.listed(takes=True)
    store.clock.advance(3601)
    store.accept(replace(TASK, rule="other", lock=True))
    store.database.write(lambda c: intake_locks.take(c, "ops/site#7", "e2", store.now, 60.0))
    reply = OutgoingMessage("warden", "alice@forge", "Re: x", "late", "reply", "forge:ops/site#7", "e1")
    with pytest.raises(HubConflictError):
        store.hub().post_message(reply)


def test_a_closed_issue_keeps_its_lock_for_a_grace(store: Store) -> None:
    """Nobody begins anew on what was just closed, until the grace is over."""
    store.accept(replace(TASK, lock=True), flags=frozenset({Flag.CLOSED}))
    store.listed(takes=True)
    store.hub().mark_read("warden", "e1")
    store.accept(replace(TASK, lock=True))
    assert store.listed(takes=True) == []
    store.clock.advance(901)
    assert store.listed(takes=True) == ["e2"]


def test_locks_by_their_fence(store: Store) -> None:
    """Taking again renews, another is turned away, a release by a person spends the number."""

    def run(function: Any, *arguments: Any) -> Any:
        return store.database.write(lambda connection: function(connection, *arguments))

    assert run(intake_locks.take, "r#1", "a", 0.0, 10.0).fence == 1
    assert run(intake_locks.take, "r#1", "a", 5.0, 10.0).expires_at == 15.0
    assert run(intake_locks.take, "r#1", "b", 6.0, 10.0) is None
    assert run(intake_locks.check, "r#1", 1, 14.0).owner == "a"
    assert run(intake_locks.take, "r#1", "b", 26.0, 10.0).fence == 2
    with pytest.raises(HubConflictError):
        run(intake_locks.check, "r#1", 1, 27.0)
    assert not run(intake_locks.give_back, "r#1", 1, 27.0)
    assert run(intake_locks.release, "r#1", 27.0)
    assert not run(intake_locks.release, "r#1", 28.0)
    assert not run(intake_locks.release, "r#9", 28.0)
    with pytest.raises(HubConflictError):
        run(intake_locks.check, "r#1", 2, 28.0)
    assert run(intake_locks.take, "r#1", "c", 28.0, 10.0).fence == 4


def test_the_same_refusal_is_counted_not_kept_again(store: Store) -> None:
    """Whoever sends the same rubbish again fills no disk."""
    refused = Refused("forge", "signature-wrong", "127.0.0.1", [("user-agent", "x")], "d", "b", 3, store.now)
    for _ in range(3):
        store.database.write(partial(intake_operations.quarantine, refused=refused))
    store.database.write(partial(intake_operations.quarantine, refused=replace(refused, body_digest="c")))
    found = intake_queries.read_quarantine(store.database, 10)
    assert [(one["id"], one["times"]) for one in found] == [("q2", 1), ("q1", 3)]
    assert intake_queries.read_stats(store.database)["refused"] == 4


def test_the_quarantine_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest rows go when there are too many."""
    monkeypatch.setattr(intake_operations, "QUARANTINE_ROWS", 3)
    for number in range(6):
        refused = Refused("forge", "x", "a", (), "d", f"b{number}", 3, store.now)
        store.database.write(partial(intake_operations.quarantine, refused=refused))
    assert intake_queries.read_stats(store.database)["quarantine"] == 3


def test_old_deliveries_go_when_they_are_done(store: Store) -> None:
    """What still waits stays, however old it is."""
    store.accept()
    store.accept()
    store.hub().mark_read("warden", "e1")
    store.clock.advance(100)
    assert store.database.write(partial(intake_operations.purge, before=store.now)) == 1
    assert [entry["id"] for entry in intake_queries.read_log(store.database)] == ["d2"]
    assert store.states() == ["waiting"]


def test_what_was_asked_for_is_known_when_a_webhook_brought_it(store: Store) -> None:
    """A revision that came another way is no new delivery; webhooks themselves are not held against it."""
    revision = ("rev:ops/site comment 7 now",)
    store.accept(revisions=revision)
    asked = replace(store.delivery(revisions=revision), origin="reconcile")
    assert store.take(asked).state == "duplicate"
    assert store.accept(revisions=revision).state == "new"
    other = replace(store.delivery(revisions=("rev:other",)), origin="reconcile")
    assert store.take(other).state == "new"
