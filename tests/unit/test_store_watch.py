"""What the ledger counts for onlookers: from entries alone, bounded, and the same after a rebuild."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from warden.model.entry import Batch, Entry
from warden.model.watch import Standing
from warden.store import watch
from warden.store.migration import rederive
from warden.store.sqlite import SqliteLedgerStore
from warden.testing.engine import FixedClock
from warden.testing.ledger import Story, delivered, run_finished, run_started

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[SqliteLedgerStore]:
    """A ledger in memory."""
    found = SqliteLedgerStore(":memory:", FixedClock())
    yield found
    found.close()


def agent_of(store: SqliteLedgerStore) -> str:
    """Return whose ledger the stories are about."""
    return str(store.read(lambda c: c.execute("SELECT agent FROM tallies WHERE name = 'messages'").fetchone()[0]))


def standing(store: SqliteLedgerStore, agent: str) -> Standing:
    """Return how the agent stands."""
    return store.read(lambda connection: watch.read_standing(connection, agent, LONG_AGO))


def notified(target: str = "webhook", subject: str = "review:1", message: str = "ntf_1", **more: str) -> Entry:
    """Return the entry of one notification."""
    fields = {
        "agent": "a",
        "target": target,
        "message_id": message,
        "notice": "first",
        "state": "open",
        "code": "escalation",
    }
    return Entry("notified", {**fields, "subject": subject, **more})


def alert(code: str, subject: str) -> Entry:
    """Return an alert that no run raised."""
    return Entry("alert_raised", {"run_id": None, "code": code, "subject": subject})


def test_counters_follow_from_the_entries(store: SqliteLedgerStore) -> None:
    """A run with one answered and one escalated message is counted once each, and again after every table was made anew."""
    store.commit(Batch((run_started(),)))
    for batch in delivered(Story("1")):
        store.commit(batch)
    store.commit(Batch((Story("2").disposed("escalated"), run_finished())))
    agent = agent_of(store)
    before = standing(store, agent)
    assert before.tallies["messages", "answered"] == 1
    assert before.tallies["messages", "escalated"] == 1
    assert before.tallies["deliveries", "received"] >= 1
    assert before.backlog == {"escalated": 1}
    assert before.waiting("escalation") == 1
    assert before.entries == store.head().size

    def again(connection: object) -> tuple[Entry, ...]:
        rederive(connection, None)  # type: ignore[arg-type]
        return ()

    store.revise(again)
    after = standing(store, agent)
    assert (after.tallies, after.backlog, after.reviews) == (before.tallies, before.backlog, before.reviews)


def test_what_a_target_was_told_is_kept_by_subject(store: SqliteLedgerStore) -> None:
    """The newest state counts; reminders of a state are counted, and another state begins anew."""
    store.commit(
        Batch((notified(), notified(message="ntf_2", notice="reminder"), notified("apprise", message="ntf_3")))
    )

    def told(target: str) -> dict[str, tuple[str, int]]:
        found = store.read(lambda connection: watch.read_notices(connection, "a", target))
        return {subject: (one.state, one.reminders) for subject, one in found.items()}

    assert told("webhook") == {"review:1": ("open", 1)}
    assert told("apprise") == {"review:1": ("open", 0)}
    store.commit(Batch((notified(message="ntf_4", state="dead"),)))
    assert told("webhook") == {"review:1": ("dead", 0)}


def test_a_digest_counts_as_one_notification(store: SqliteLedgerStore) -> None:
    """Several subjects under one id are one message, for the hour's limit and for the metric."""
    store.commit(Batch(tuple(notified(subject=f"review:{n}") for n in range(5))))
    sent = store.read(lambda connection: watch.read_sent_since(connection, "a", "webhook", LONG_AGO))
    later = store.read(
        lambda connection: watch.read_sent_since(connection, "a", "webhook", store.now() + timedelta(hours=1))
    )
    assert (sent, later) == (1, 0)
    assert standing(store, "a").tallies["notifications", "webhook"] == 1


def test_a_failing_target_is_known_until_it_takes_something(store: SqliteLedgerStore) -> None:
    """The alert makes a target a failing one; the next notification that it takes ends that."""
    store.commit(Batch((alert("notify-failed", "a: webhook"),)))
    assert standing(store, "a").failing_targets == ("webhook",)
    assert standing(store, "a").alerts == {"notify-failed": 1}
    store.commit(Batch((notified(),)))
    assert standing(store, "a").failing_targets == ()


def test_alerts_are_counted_for_their_agent(store: SqliteLedgerStore) -> None:
    """An alert of a run belongs to the run's agent, another one to whom its subject names."""
    story = run_started()
    run = {"run_id": story.fields["run_id"], "code": "policies", "subject": "x"}
    store.commit(Batch((story, Entry("alert_raised", run), alert("clock-stepped", "b: set back"))))
    assert standing(store, str(story.fields["agent"])).alerts == {"policies": 1}
    assert standing(store, "b").alerts == {"clock-stepped": 1}
    codes = store.read(lambda connection: watch.read_alert_codes(connection, "b", LONG_AGO))
    assert codes == {"clock-stepped": 1}


def test_tables_are_bounded(store: SqliteLedgerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest alerts and notices are forgotten first; the counters keep counting."""
    monkeypatch.setattr(watch, "ALERTS_KEPT", 3)
    monkeypatch.setattr(watch, "NOTICES_KEPT", 3)
    monkeypatch.setattr(watch, "MESSAGES_KEPT", 3)
    for number in range(6):
        store.commit(
            Batch((alert("clock-stepped", "a: x"), notified(subject=f"review:{number}", message=f"ntf_{number}")))
        )
    found = standing(store, "a")
    assert found.alerts == {"clock-stepped": 3}
    assert found.tallies["alerts", "clock-stepped"] == 6
    assert found.tallies["notifications", "webhook"] == 6
    kept = store.read(lambda connection: watch.read_notices(connection, "a", "webhook"))
    assert set(kept) == {"review:3", "review:4", "review:5"}


def test_conditions_are_what_wants_a_person(store: SqliteLedgerStore) -> None:
    """An open item and a standing alert are conditions; they go when the item is acknowledged and a pass goes through."""
    store.commit(Batch((run_started(), Story("2").disposed("escalated"))))
    agent = agent_of(store)
    store.commit(Batch((alert("run-failed", f"{agent}: exit status 1"),)))
    found = store.read(lambda connection: watch.read_conditions(connection, agent, LONG_AGO))
    assert {(one.subject, one.code) for one in found} == {
        ("review:1", "escalation"),
        ("alert:run-failed", "run-failed"),
    }
    store.commit(
        Batch((Entry("review_acknowledged", {"item": 1, "by": "uid:1(a)", "reason_digest": None}), run_finished()))
    )
    assert store.read(lambda connection: watch.read_conditions(connection, agent, LONG_AGO)) == ()


def test_what_was_over_before_anybody_could_be_told_is_told(store: SqliteLedgerStore) -> None:
    """The good pass that makes up for missed ticks ends their alert; it is a condition all the same, one that does not last."""
    store.commit(Batch((run_started(), alert("schedule-missed", "ops-warden: 9 missed"), run_finished())))
    agent = "ops-warden"
    (found,) = store.read(lambda connection: watch.read_conditions(connection, agent, LONG_AGO))
    assert (found.subject, found.lasting) == ("alert:schedule-missed", False)
    later = store.now() + timedelta(days=1)
    assert store.read(lambda connection: watch.read_conditions(connection, agent, later)) == ()
