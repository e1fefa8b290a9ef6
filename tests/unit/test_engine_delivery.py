"""What each way of failing makes of an intent and its message, on each kind of hub."""

from __future__ import annotations

from itertools import product

import pytest

from enginebed import SENDER, Bed, answering, planning, traits_with
from warden.engine.parts import BATCH_MESSAGES
from warden.errors import (
    HubAnswerError,
    HubBusyError,
    HubConflictError,
    HubCredentialError,
    HubError,
    HubNotFoundError,
    HubRejectedError,
    HubUncertainError,
    HubUnreachableError,
)
from warden.model.delivery import DeliveryFault, Fault
from warden.model.disposition import Disposition
from warden.model.hub import DeliveryMeans
from warden.model.retry import RetryPolicy
from warden.ports import Pool
from warden.testing.engine import InlinePool, LazyPool, Patience

KEY, LOOKUP, NONE = DeliveryMeans.IDEMPOTENCY_KEY, DeliveryMeans.LOOKUP, DeliveryMeans.NONE
CERTAIN = [
    (HubUnreachableError("down"), "open", Disposition.FAILED),
    (HubBusyError("later"), "open", Disposition.FAILED),
    (HubCredentialError("no"), "open", Disposition.FAILED),
    (HubRejectedError("no"), "dead", Disposition.DEAD),
    (HubNotFoundError("gone"), "dead", Disposition.DEAD),
    (HubConflictError("other"), "in_doubt", Disposition.HELD),
]
UNCERTAIN = [HubUncertainError("time-out"), HubAnswerError("nonsense"), HubError("odd"), RuntimeError("broken channel")]


@pytest.mark.parametrize(("means", "row"), list(product([KEY, LOOKUP, NONE], CERTAIN)))
def test_what_is_known_of_a_failure_decides_alike_on_every_hub(
    means: DeliveryMeans, row: tuple[HubError, str, Disposition]
) -> None:
    """A failure that was certainly not taken is tried again, dead, or in doubt, whatever the hub declares."""
    error, state, disposition = row
    bed = Bed(traits=traits_with(means))
    bed.send()
    bed.faults.plan("post_message", error)
    report = bed.execute()
    assert bed.outbox()["route_answer m1"] == (state, 1)
    assert bed.disposition("m1") is disposition
    assert report.exit_status == (7 if isinstance(error, HubCredentialError) else 3)
    assert not bed.hub.is_read("m1")
    assert bed.events() == []


@pytest.mark.parametrize(("means", "error", "applied"), list(product([KEY, LOOKUP, NONE], UNCERTAIN, [False, True])))
def test_an_uncertain_failure_is_repeated_only_where_the_hub_can_tell(
    means: DeliveryMeans, error: Exception, applied: bool
) -> None:
    """With keys or a look-up the reply arrives once in the end; with neither it is in doubt and never repeated."""
    bed = Bed(traits=traits_with(means))
    bed.send()
    bed.faults.plan("post_message", error, applied)
    assert bed.execute().exit_status == 3
    for _ in range(3):
        bed.clock.advance(3600)
        bed.execute()
    if means is NONE:
        assert bed.disposition("m1") is Disposition.HELD
        assert len(bed.replies()) == int(applied)
    else:
        assert bed.disposition("m1") is Disposition.ANSWERED
        assert len(bed.replies()) == 1


@pytest.mark.parametrize("means", [KEY, LOOKUP])
def test_an_uncertain_failure_that_never_ends_is_in_doubt(means: DeliveryMeans) -> None:
    """After the bounded number of attempts an uncertain delivery is a person's, and no further attempt is made."""
    bed = Bed(traits=traits_with(means))
    bed.send()
    for operation in ("post_message", "get_thread"):
        bed.faults.plan(operation, HubUncertainError("time-out"), times=100)
    for _ in range(15):
        bed.execute()
        bed.clock.advance(4000)
    assert bed.outbox()["route_answer m1"] == ("in_doubt", 12)
    assert bed.disposition("m1") is Disposition.HELD
    assert bed.record("m1").reason == "in-doubt"  # type: ignore[union-attr]


def test_retries_wait_longer_each_time_and_never_longer_than_the_longest() -> None:
    """The delay doubles from the first to the longest, drawn between its half and its whole."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", HubUncertainError("time-out"), times=100)
    retry = RetryPolicy(first_delay_s=10.0, longest_delay_s=50.0, attempts_limit=6)
    for _ in range(8):
        bed.execute(retry=retry)
        bed.clock.advance(60)
    waits = [entry["retry_in_ms"] for entry in bed.entries("faulted")]
    assert waits == [7500, 15000, 30000, 37500, 37500, None]
    assert bed.disposition("m1") is Disposition.HELD


def test_retries_of_a_hub_that_is_away_wait_no_longer_than_an_outage_asks_for() -> None:
    """What waits for a hub that is down has a shorter longest delay of its own."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", HubUnreachableError("down"), times=100)
    retry = RetryPolicy(first_delay_s=10.0, longest_delay_s=3600.0, outage_delay_s=40.0, attempts_limit=2)
    for _ in range(6):
        bed.execute(retry=retry)
        bed.clock.advance(60)
    assert [entry["retry_in_ms"] for entry in bed.entries("faulted")] == [7500, 15000, 30000, 30000, 30000, 30000]


def test_a_hub_that_asks_for_more_time_is_given_it() -> None:
    """Retry-After is a lower bound of the delay."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", HubBusyError("later", retry_after_s=1000.0))
    bed.execute()
    bed.clock.advance(999)
    assert bed.execute().counts == {"decided": 1}
    bed.clock.advance(2)
    assert bed.execute().counts == {"recovered": 3}


def test_a_refused_credential_stops_the_run() -> None:
    """After a 401 nothing more is delivered or planned, and the exit status is 7."""
    bed = Bed()
    for number in range(130):
        bed.send(sender=f"agent-{number}")
    bed.faults.plan("post_message", HubCredentialError("no"))
    report = bed.execute()
    assert (report.exit_status, report.stopped) == (7, "credential")
    assert [call.operation for call in bed.faults.calls].count("post_message") == 131
    assert bed.replies() == []
    assert bed.execute().exit_status == 0
    assert len(bed.replies()) == 130


@pytest.mark.parametrize("pool", [InlinePool(), LazyPool()])
def test_a_credential_refused_at_a_follow_up_stops_the_run_too(pool: Pool) -> None:
    """When audit events are refused for who we are, later batches are not begun, however late that is known."""
    bed = Bed(pool=pool)
    for number in range(130):
        bed.send(sender=f"agent-{number}")
    bed.faults.plan("post_progress", HubCredentialError("no"))
    report = bed.execute()
    assert (report.exit_status, report.stopped) == (7, "credential")
    assert len(bed.replies()) == 64
    bed.execute()
    assert len(bed.replies()) == 130
    assert len(bed.events()) == 130


@pytest.mark.parametrize(("why", "status"), [("interrupted", 130), ("terminated", 143), ("deadline", 3)])
def test_a_run_that_is_asked_to_stop_ends_between_steps(why: str, status: int) -> None:
    """Wherever the request comes, the run ends with its status and the next one does the rest, once."""
    ended = 0
    for looks in range(20):
        bed = Bed()
        for number in range(3):
            bed.send(sender=f"agent-{number}")
        bed.stop = Patience(looks, why)
        report = bed.execute()
        ended += report.stopped == ""
        assert (report.exit_status, report.stopped) == ((0, "") if ended else (status, why))
        bed.stop = Patience()
        bed.execute()
        assert len(bed.replies()) == 3
        assert len(bed.events()) == 3
        assert all(state == "done" for state, _ in bed.outbox().values())
    assert 0 < ended < 15


def test_a_run_that_is_asked_to_stop_begins_no_other_batch() -> None:
    """A run that is to stop while it plans a batch plans no other one; the next run does what is left, once."""
    bed = Bed()
    for number in range(BATCH_MESSAGES + 1):
        bed.send(sender=f"agent-{number}")

    class Stopping(Patience):
        def requested(self) -> str:
            return "terminated" if bed.brain.asked else ""  # type: ignore[attr-defined]

    bed.stop = Stopping()
    assert bed.execute().stopped == "terminated"
    assert bed.brain.asked == BATCH_MESSAGES  # type: ignore[attr-defined]
    bed.stop = Patience()
    bed.execute()
    assert bed.brain.asked == len(bed.replies()) == BATCH_MESSAGES + 1  # type: ignore[attr-defined]


def test_a_follow_up_that_fails_leaves_the_message_answered() -> None:
    """The read mark and the audit event are tried again later; the message's disposition does not change."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_progress", HubUnreachableError("down"))
    bed.faults.plan("mark_read", HubRejectedError("no"))
    assert bed.execute().exit_status == 3
    assert bed.disposition("m1") is Disposition.ANSWERED
    bed.clock.advance(60)
    assert bed.execute().exit_status == 3
    bed.clock.advance(60)
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert len(bed.events()) == 1


def test_the_worst_of_a_messages_failures_counts() -> None:
    """When the first of two actions is dead, the second, which only waited, does not make the message merely failed."""
    bed = Bed(planning(("route_answer", {"entry_id": "ssh-cert"}), ("reply", {"body": "And this."})))
    bed.send()
    bed.faults.plan("post_message", HubRejectedError("no"))
    bed.execute()
    assert bed.disposition("m1") is Disposition.DEAD
    assert bed.outbox()["reply m1"][0] == "open"


def test_a_message_with_two_answers_is_answered_when_both_have_arrived() -> None:
    """The disposition comes with the last receipt, not with the first."""
    bed = Bed(planning(("route_answer", {"entry_id": "ssh-cert"}), ("reply", {"body": "And this."})))
    bed.send()
    bed.faults.plan("post_message", HubUnreachableError("down"))
    bed.execute()
    assert bed.disposition("m1") is Disposition.FAILED
    bed.clock.advance(60)
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert [message.content.metadata["warden-key"] for message in bed.replies(SENDER)] == [
        entry["key"] for entry in bed.entries("intended") if entry["channel"] == "message"
    ]


def test_a_fault_carries_no_text_of_the_hub() -> None:
    """What a hub says in an error is not written down: the ledger has a code."""
    bed = Bed(answering)
    bed.send()
    bed.faults.plan("post_message", RuntimeError("a long story with ghp_secrets"))
    bed.execute()
    (entry,) = [entry for entry in bed.entries("faulted") if entry["fault"] == "uncertain"]
    assert entry["detail"] == "RuntimeError"
    assert DeliveryFault(entry["key"], Fault.UNCERTAIN).detail == ""
