"""Outcomes: what a channel reports after the receipt decides what becomes of the message, in whatever order it comes."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from enginebed import Bed
from warden.channels.hub import messaging_channels
from warden.engine.bench import Bench
from warden.engine.outbox import Outbox
from warden.engine.outcomes import take_outcome
from warden.errors import InputError
from warden.model.disposition import Disposition
from warden.testing.channels import LifecycleChannel

if TYPE_CHECKING:
    from warden.model.outcome import Outcome


def lifecycle_bed() -> tuple[Bed, LifecycleChannel]:
    """A bed whose answers go through a channel with outcomes."""
    channel = LifecycleChannel()
    bed = Bed()
    bed.channels = {**messaging_channels(bed.hub, bed.traits.delivery), "message": channel}
    return bed, channel


def report(bed: Bed, *outcomes: Outcome) -> None:
    """Let reports arrive, one after the other."""
    parts, terms = bed.parts(executing=True), bed.terms()
    bench = Bench(parts, terms, "execute")
    outbox = Outbox(parts, terms, bench.enforcer, bench.journal, lambda: 0.5)
    for outcome in outcomes:
        take_outcome(bed.store, bench, outbox, outcome)


def standing(bed: Bed) -> tuple[Disposition, str]:
    """Where the bed's one message stands."""
    (record,) = bed.store.dispositions(
        {message.key for message in bed.hub.list_inbox("ops-warden", False).messages}
    ).values()
    return record.disposition, record.reason


def test_a_receipt_alone_leaves_the_message_held() -> None:
    """Until an outcome is reported the message waits, and nothing says that it was answered."""
    bed, _ = lifecycle_bed()
    bed.send()
    bed.execute()
    assert standing(bed) == (Disposition.HELD, "awaiting-outcome")
    assert bed.hub.list_progress("ops-warden").events == ()


@pytest.mark.parametrize("order", list(permutations(("running", "preempted", "completed"))))
def test_a_completion_closes_the_message_in_any_order(order: tuple[str, ...]) -> None:
    """Running, preempted and completed amount to the same in every order; the audit event goes out once, with the next run."""
    bed, channel = lifecycle_bed()
    bed.send()
    bed.execute()
    report(bed, *(channel.report(channel.delivered[0], status, f"e-{status}") for status in order))
    assert standing(bed) == (Disposition.ANSWERED, "completed")
    bed.execute()
    bed.execute()
    assert len(bed.hub.list_progress("ops-warden").events) == 1


@pytest.mark.parametrize("failure", ["failed", "aborted", "dropped"])
def test_a_failure_is_escalated(failure: str) -> None:
    """A delivery that ended badly is a person's."""
    bed, channel = lifecycle_bed()
    bed.send()
    bed.execute()
    report(bed, channel.report(channel.delivered[0], failure, "e1"))
    assert standing(bed) == (Disposition.ESCALATED, f"outcome-{failure}")


def test_an_outcome_that_comes_before_our_receipt_counts() -> None:
    """A peer that reports completion before our receipt is recorded closes the message with the receipt."""
    bed, channel = lifecycle_bed()
    bed.send()
    deliver = channel.deliver

    def report_then_take(intent):  # type: ignore[no-untyped-def]
        receipt = deliver(intent)
        report(bed, channel.report(intent, "completed", "e1"))
        return receipt

    channel.deliver = report_then_take  # type: ignore[method-assign]
    bed.execute()
    assert standing(bed) == (Disposition.ANSWERED, "completed")


def test_the_same_report_twice_is_one_and_a_late_contradiction_raises_an_alert() -> None:
    """Reports are idempotent by event id; a failure after the end is recorded and raises an alert, no more."""
    bed, channel = lifecycle_bed()
    bed.send()
    bed.execute()
    done = channel.report(channel.delivered[0], "completed", "e1")
    report(bed, done, done)
    assert len(bed.entries("outcome_reported")) == 1
    report(bed, channel.report(channel.delivered[0], "failed", "e2"))
    assert standing(bed) == (Disposition.ANSWERED, "completed")
    assert [entry["code"] for entry in bed.entries("alert_raised")] == ["outcome-after-end"]


def test_an_outcome_of_somebody_elses_delivery_is_refused() -> None:
    """A report for a key that we never delivered changes nothing."""
    bed, channel = lifecycle_bed()
    bed.send()
    bed.execute()
    foreign = channel.report(channel.delivered[0], "completed", "e1")
    with pytest.raises(InputError):
        report(bed, type(foreign)("wk1-" + "0" * 64, "w", "e", foreign.status))
    assert bed.entries("outcome_reported") == []


def test_a_message_that_awaits_its_outcome_is_neither_planned_again_nor_marked_read() -> None:
    """Runs that come before the outcome change nothing; the read mark follows the completion."""
    bed, channel = lifecycle_bed()
    bed.send()
    for _ in range(3):
        bed.execute()
    assert (len(channel.delivered), len(bed.entries("planned"))) == (1, 1)
    assert not bed.hub.is_read("m1")
    report(bed, channel.report(channel.delivered[0], "completed", "e-1"))
    bed.execute()
    assert bed.hub.is_read("m1")


def test_a_failed_outcome_is_not_acted_on_again_when_the_sender_writes_again() -> None:
    """What was delivered once and failed stays a person's: more mail in its thread intends nothing a second time."""
    bed, channel = lifecycle_bed()
    bed.send()
    bed.execute()
    report(bed, channel.report(channel.delivered[0], "failed", "e-1"))
    bed.send(thread="t1")
    for _ in range(3):
        bed.execute()
    assert bed.record("m1").disposition is Disposition.ESCALATED  # type: ignore[union-attr]
    assert bed.record("m1").reason == "acted-before"  # type: ignore[union-attr]
    assert not bed.hub.is_read("m1")
    assert [intent.message.message_id for intent in channel.delivered] == ["m1", "m2"]
