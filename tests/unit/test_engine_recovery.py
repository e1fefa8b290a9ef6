"""What an earlier run left behind, and what may not be done with it."""

from __future__ import annotations

import pytest

from enginebed import AGENT, SENDER, Bed, planning, traits_with
from warden.engine import recovery
from warden.engine.letters import Person, dropping, retrying
from warden.errors import (
    HubBusyError,
    HubCredentialError,
    HubError,
    HubRejectedError,
    HubUncertainError,
    HubUnreachableError,
)
from warden.model.disposition import Disposition
from warden.model.entry import Batch, Entry
from warden.model.hub import DeliveryMeans
from warden.model.posted import Accepted
from warden.store.queries import read_stuck
from warden.testing.engine import Killed

NOTE = planning(("progress_note", {"template": "status_received"}))
READ = planning(("mark_read", {}))
REPLY = planning(("reply", {"body": "Certainly."}))
YEAR_S = 366 * 86400.0


def killed_run(bed: Bed, operation: str, applied: bool) -> None:
    """Make an executing run that dies at the first `operation`."""
    bed.faults.plan(operation, Killed(), applied)
    with pytest.raises(Killed):
        bed.execute()


@pytest.mark.parametrize("applied", [False, True])
def test_a_run_killed_at_a_reply_is_finished_by_the_next(applied: bool) -> None:
    """The next run delivers the reply under the same key, whether the hub had taken it or not: once."""
    bed = Bed()
    bed.send()
    killed_run(bed, "post_message", applied)
    assert bed.disposition("m1") is None
    report = bed.execute()
    assert report.exit_status == 0
    assert len(bed.replies()) == 1
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert bed.hub.is_read("m1")
    assert len(bed.events()) == 1
    assert [entry["ordinal"] for entry in bed.entries("intended") if entry["kind"] == "audit_event"] == [0]
    assert bed.brain.asked == 1  # type: ignore[attr-defined]


def test_what_was_never_attempted_is_delivered_on_any_hub() -> None:
    """What follows a reply that is delivered late is in no doubt, also where the hub gives no means to know."""
    bed = Bed(traits=traits_with(DeliveryMeans.NONE))
    bed.send()
    bed.faults.plan("post_message", HubUnreachableError("down"))
    bed.execute()
    bed.clock.advance(60)
    assert bed.execute().exit_status == 0
    assert (len(bed.replies()), len(bed.events())) == (1, 1)
    assert {state for state, _ in bed.outbox().values()} == {"done"}


@pytest.mark.parametrize(("answer", "operation"), [(NOTE, "post_progress"), (READ, "mark_read")])
@pytest.mark.parametrize("applied", [False, True])
def test_a_clock_that_was_set_back_does_not_hide_what_is_in_flight(
    answer: object, operation: str, applied: bool
) -> None:
    """After a kill and a clock that jumps back a year, the intent is delivered, not planned a second time."""
    bed = Bed(answer)  # type: ignore[arg-type]
    bed.send()
    killed_run(bed, operation, applied)
    bed.clock.advance(-YEAR_S)
    assert bed.execute().exit_status == 0
    assert bed.hub.is_read("m1")
    assert len(bed.entries("planned")) == 1


def test_a_reply_in_doubt_is_held_and_not_planned_again() -> None:
    """Where the hub gives no means to know, an uncertain reply waits for a person, however many runs follow."""
    bed = Bed(traits=traits_with(DeliveryMeans.NONE))
    bed.send()
    bed.faults.plan("post_message", HubUncertainError("time-out"), applied=True)
    assert bed.execute().exit_status == 3
    for _ in range(3):
        bed.clock.advance(3600)
        assert bed.execute().counts.get("answered") is None
    assert bed.record("m1").reason == "in-doubt"  # type: ignore[union-attr]
    assert len(bed.replies()) == 1
    assert bed.dry().counts == {"decided": 1}


@pytest.mark.parametrize("applied", [False, True])
def test_a_kill_on_a_hub_without_means_leaves_the_reply_in_doubt(applied: bool) -> None:
    """An attempt without a recorded end is not repeated blindly: its message is held for a person."""
    bed = Bed(traits=traits_with(DeliveryMeans.NONE))
    bed.send()
    killed_run(bed, "post_message", applied)
    for _ in range(2):
        bed.execute()
        assert bed.disposition("m1") is Disposition.HELD
        assert len(bed.replies()) == int(applied)
    assert not bed.hub.is_read("m1")
    assert bed.outbox()["route_answer m1"] == ("in_doubt", 1)


@pytest.mark.parametrize("answer", [NOTE, REPLY])
@pytest.mark.parametrize("applied", [False, True])
def test_a_lookup_finds_what_an_earlier_attempt_left(answer: object, applied: bool) -> None:
    """On a hub that can be looked at, the earlier delivery is found and not made again; a lost one is made."""
    bed = Bed(answer, traits=traits_with(DeliveryMeans.LOOKUP))  # type: ignore[arg-type]
    bed.send()
    killed_run(bed, "post_message" if answer is REPLY else "post_progress", applied)
    assert bed.execute().exit_status == 0
    assert len(bed.replies()) + len(bed.events("note")) == 1
    assert bed.hub.is_read("m1")
    assert bed.entries("received")[0]["replayed"] is applied


def test_a_person_who_has_a_reply_tried_again_does_not_send_it_twice() -> None:
    """A retry that a person asked for looks for the earlier attempt first, although its attempts are counted anew."""
    bed = Bed(traits=traits_with(DeliveryMeans.LOOKUP))
    bed.send()
    bed.faults.plan("post_message", HubUncertainError("time-out"), applied=True)
    bed.execute()
    key = bed.entries("intended")[0]["key"]
    bed.store.commit(Batch((Entry("attempted", {"run_id": "run-other", "key": key, "number": 2}),)))
    fault = {"key": key, "number": 2, "fault": "uncertain", "next": "in_doubt", "retry_in_ms": None, "detail": ""}
    bed.store.commit(Batch((Entry("faulted", {"run_id": "run-other", **fault}),)))
    retried = {"key": key, "by": "ada", "reason_digest": None}
    bed.store.commit(Batch((Entry("dead_retried", retried),)))
    bed.execute()
    assert len(bed.replies()) == 1
    assert bed.disposition("m1") is Disposition.ANSWERED


def _open(bed: Bed) -> list[str]:
    return [name for name, (state, _) in bed.outbox().items() if state == "open"]


def test_replies_in_one_thread_keep_their_order_across_batches() -> None:
    """When the first reply of a thread must wait, one that belongs to a later batch of the same run does not pass it."""
    bed = Bed()
    bed.send()
    for number in range(70):
        bed.send(sender=f"agent-{number}")
    bed.send(thread="t1")
    bed.faults.plan("post_message", HubBusyError("later"))
    assert bed.execute().exit_status == 3
    assert bed.replies(SENDER) == []
    bed.clock.advance(60)
    bed.execute()
    assert [message.content.in_reply_to for message in bed.replies(SENDER)] == ["m1", "m72"]


def test_replies_in_one_thread_keep_their_order_across_runs() -> None:
    """When the first reply of a thread waits for its time, the one behind it waits too."""
    bed = Bed()
    bed.send()
    bed.send(thread="t1")
    bed.faults.plan("post_message", HubBusyError("later", retry_after_s=60.0))
    bed.execute()
    assert bed.replies() == []
    bed.clock.advance(30)
    bed.execute()
    bed.clock.advance(31)
    bed.execute()
    assert [message.content.in_reply_to for message in bed.replies(SENDER)] == ["m1", "m2"]


def test_a_reply_behind_one_that_keeps_failing_is_not_given_up_untried() -> None:
    """A reply that only waited for the one before it in the thread is delivered when that one is given up."""
    bed = Bed()
    bed.send()
    bed.send(thread="t1")
    bed.faults.plan("post_message", HubUncertainError("time-out"), times=12)
    for _ in range(14):
        bed.execute()
        bed.clock.advance(4000)
    assert bed.disposition("m1") is Disposition.HELD
    assert bed.disposition("m2") is Disposition.ANSWERED


@pytest.mark.parametrize("error", [HubUnreachableError("down"), HubBusyError("later")])
def test_a_hub_that_is_away_over_a_night_costs_no_delivery(error: HubError) -> None:
    """What certainly never reached the hub is tried for days, however often that is, and leaves soon after the hub is back."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", error, times=100)
    for _ in range(16 * 6):
        bed.execute()
        bed.clock.advance(600)
    assert bed.disposition("m1") is Disposition.FAILED
    assert bed.outbox()["route_answer m1"][1] > 12
    bed.faults.clear()
    bed.clock.advance(900)
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert len(bed.replies()) == 1


def test_attempts_that_never_reached_the_hub_do_not_use_up_the_others() -> None:
    """After a long outage an uncertain failure is still tried as often as without one."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", HubUnreachableError("down"), times=20)
    bed.faults.plan("post_message", HubUncertainError("time-out"), times=11)
    for _ in range(40):
        bed.execute()
        bed.clock.advance(3600)
    assert bed.disposition("m1") is Disposition.ANSWERED


@pytest.mark.parametrize(
    ("last", "days"), [(HubRejectedError("no"), 0), (HubUnreachableError("down"), 4), (HubBusyError("later"), 4)]
)
@pytest.mark.parametrize("applied", [False, True])
def test_what_was_perhaps_taken_once_never_ends_as_a_dead_letter(last: HubError, days: int, applied: bool) -> None:
    """An uncertain attempt that only certain failures follow ends in doubt: nobody knows that it was not made."""
    bed = Bed(traits=traits_with(DeliveryMeans.IDEMPOTENCY_KEY))
    bed.send()
    bed.faults.plan("post_message", HubUncertainError("time-out"), applied)
    bed.execute()
    bed.faults.plan("post_message", last)
    bed.clock.advance(60)
    bed.execute()
    bed.clock.advance(days * 86400.0)
    bed.execute()
    assert bed.outbox()["route_answer m1"][0] == "in_doubt"
    assert bed.disposition("m1") is Disposition.HELD
    assert len(bed.replies()) == int(applied)


def test_a_doubt_outlives_a_persons_retry() -> None:
    """A delivery that a person lets be made again, and that then fails for certain, is in doubt as before."""
    bed = Bed(traits=traits_with(DeliveryMeans.NONE))
    bed.send()
    bed.faults.plan("post_message", HubUncertainError("time-out"))
    bed.execute()
    (letter,) = bed.store.read(lambda connection: read_stuck(connection, AGENT))
    bed.store.commit(Batch(retrying(letter, Person("ada", "sha256:" + "1" * 64))))
    bed.faults.plan("post_message", HubRejectedError("no"))
    bed.execute()
    assert bed.outbox()["route_answer m1"][0] == "in_doubt"


def test_a_delivery_that_ends_its_process_each_time_is_not_made_for_ever() -> None:
    """Attempts that nothing came back from are bounded too: then a person decides."""
    bed = Bed()
    bed.send()
    for _ in range(12):
        killed_run(bed, "post_message", False)
    bed.execute()
    assert bed.outbox()["route_answer m1"] == ("in_doubt", 12)
    assert bed.entries("faulted")[0]["detail"] == "no-receipt-too-often"
    assert bed.replies() == []


def test_a_credential_that_is_refused_for_long_keeps_the_reply() -> None:
    """A refused credential stops each run with its own status and gives nothing up."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", HubCredentialError("no"), times=20)
    for _ in range(20):
        report = bed.execute()
        assert (report.exit_status, report.stopped) == (7, "credential")
        bed.clock.advance(60)
    assert bed.disposition("m1") is Disposition.FAILED
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED


@pytest.mark.parametrize("applied", [False, True])
def test_an_intent_older_than_its_age_limit_is_not_delivered(applied: bool) -> None:
    """A key that the hub may have forgotten is not used again: what was perhaps taken is in doubt."""
    bed = Bed()
    bed.send()
    killed_run(bed, "post_message", applied)
    bed.clock.advance(YEAR_S)
    bed.execute()
    assert len(bed.replies()) == int(applied)
    assert bed.disposition("m1") is Disposition.HELD
    assert bed.outbox()["route_answer m1"][0] == "in_doubt"


@pytest.mark.parametrize(("more_s", "state"), [(0.0, "done"), (0.001, "in_doubt")])
def test_an_intent_is_delivered_up_to_its_age_limit(more_s: float, state: str) -> None:
    """At exactly the limit an earlier attempt is still made good, and a moment later it is not."""
    bed = Bed()
    bed.send()
    killed_run(bed, "post_message", False)
    bed.clock.advance(bed.terms().retry.age_limit_s + more_s)
    bed.execute()
    assert bed.outbox()["route_answer m1"][0] == state


def test_a_run_that_only_recovers_names_the_policy_and_looks_at_its_log() -> None:
    """What an earlier run left is judged again: by a policy that the run names, on a ledger whose old entries it looked at."""
    bed = Bed()
    bed.send()
    killed_run(bed, "post_message", False)
    looked: list[int] = []
    bed.store.check_log = lambda: looked.append(bed.runs)  # type: ignore[method-assign]
    bed.execute()
    assert bed.entries("run_started")[-1]["snapshot"] == bed.kernel.snapshot
    assert looked == [bed.runs]


def test_an_intent_that_was_never_taken_dies_of_age() -> None:
    """What was certainly not taken and is too old is a dead letter, and no attempt is made."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", HubBusyError("later"))
    bed.execute()
    bed.clock.advance(YEAR_S)
    before = len(bed.faults.calls)
    report = bed.execute()
    assert "post_message" not in [call.operation for call in bed.faults.calls[before:]]
    assert bed.disposition("m1") is Disposition.DEAD
    assert report.exit_status == 3


def test_a_run_whose_recovery_fails_says_so() -> None:
    """A delivery that fails again while the outbox is drained makes the run partial."""
    bed = Bed()
    bed.send()
    killed_run(bed, "post_message", False)
    bed.faults.plan("post_message", HubBusyError("later"))
    assert bed.execute().exit_status == 3
    assert bed.disposition("m1") is Disposition.FAILED


def test_a_dead_first_action_does_not_block_its_thread() -> None:
    """When a message's first action is refused for good, what waits behind it does not hold up the thread."""
    bed = Bed(planning(("progress_note", {"template": "status_received"}), ("reply", {"body": "Noted."})))
    bed.send()
    bed.faults.plan("post_progress", HubRejectedError("no"))
    bed.execute()
    assert bed.disposition("m1") is Disposition.DEAD
    bed.send(thread="t1")
    bed.execute()
    assert bed.disposition("m2") is Disposition.ANSWERED


def test_what_the_audit_event_and_the_read_mark_missed_is_made_up_for() -> None:
    """A run killed after the reply posts the audit event and the read mark in the next run, once each."""
    bed = Bed()
    bed.send()
    killed_run(bed, "post_progress", True)
    assert bed.disposition("m1") is Disposition.ANSWERED
    bed.execute()
    assert len(bed.events()) == 1
    assert bed.hub.is_read("m1")
    assert _open(bed) == []


def test_a_read_mark_may_be_repeated_on_any_hub() -> None:
    """Setting a flag twice is setting it once: an uncertain read mark is repeated even without means to know."""
    bed = Bed(READ, traits=traits_with(DeliveryMeans.NONE))
    bed.send()
    killed_run(bed, "mark_read", True)
    bed.execute()
    assert bed.disposition("m1") is Disposition.READ
    assert isinstance(bed.hub.mark_read(AGENT, "m1"), Accepted)


def test_a_restored_state_holds_what_was_in_flight() -> None:
    """After a restore, a message whose reply may have left is held in doubt, and later runs plan the others."""
    bed = Bed()
    bed.send()
    killed_run(bed, "post_message", True)
    root = "sha256:" + "0" * 64
    restored = {"by": "ada", "source_size": 1, "source_root": root}
    bed.store.commit(Batch((Entry("state_restored", restored),)))
    bed.send(sender="other")
    bed.execute()
    assert (bed.disposition("m1"), bed.disposition("m3")) == (Disposition.HELD, Disposition.ANSWERED)
    assert len(bed.replies(SENDER)) == 1


def test_a_dropped_reply_whose_sender_writes_again_stays_with_the_person() -> None:
    """A dead letter that a person dropped is not planned again, whatever its sender adds."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", HubRejectedError("no"))
    bed.execute()
    (record,) = bed.store.read(lambda connection: read_stuck(connection, AGENT))
    person = Person("ada", "sha256:" + "1" * 64)
    bed.store.commit(Batch(dropping(record, (), person, arrived=False, open_message=True)))
    assert bed.disposition("m1") is Disposition.ESCALATED
    bed.send(thread="t1")
    for _ in range(2):
        bed.execute()
    assert bed.disposition("m1") is Disposition.ESCALATED
    assert [message.content.in_reply_to for message in bed.replies()] == ["m2"]


def test_a_drain_has_a_bounded_number_of_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into the rounds of one run is delivered by the next."""
    bed = Bed(planning(("mark_read", {})))
    for number in range(70):
        bed.send(sender=f"agent-{number}")
    bed.faults.plan("mark_read", HubBusyError("later"), times=70)
    bed.execute()
    bed.clock.advance(60)
    monkeypatch.setattr(recovery, "MAX_ROUNDS", 1)
    assert bed.execute().counts["recovered"] == 64
    assert bed.execute().counts["recovered"] == 64


def test_a_refused_audit_event_does_not_keep_a_message_unread() -> None:
    """At a hub that takes no progress events the answer is sent and, with the next run, the message is marked read."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_progress", HubRejectedError("no such thing here"), times=9)
    bed.execute()
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert bed.hub.list_unread(AGENT).messages == ()
    assert len(bed.replies()) == 1
