"""What follows a failed attempt, at the borders of age, attempts and delays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enginebed import Bed
from warden.engine.retry import NextStep, next_step
from warden.errors import HubBusyError
from warden.model.delivery import DeliveryFault, Fault
from warden.model.hub import DeliveryMeans
from warden.model.records import IntentState, OutboxRecord
from warden.model.retry import RetryPolicy

POLICY = RetryPolicy(
    first_delay_s=4.0, longest_delay_s=100.0, attempts_limit=5, outage_delay_s=20.0, age_limit_s=1000.0
)


@pytest.fixture(scope="module")
def record() -> OutboxRecord:
    """The record of a reply of which one attempt has failed."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", HubBusyError("later"))
    bed.execute()
    bed.clock.advance(3600)
    (found,) = [record for record in bed.pending() if record.intent.channel == "message"]
    return found


def after(
    record: OutboxRecord, fault: Fault, age_s: float = 0.0, drawn: float = 0.0, asked_s: float | None = None
) -> NextStep:
    """What follows on a hub that knows our keys."""
    failed = DeliveryFault(record.intent.key, fault, retry_after_s=asked_s)
    return next_step(record, failed, DeliveryMeans.IDEMPOTENCY_KEY, age_s, POLICY, drawn)


def test_a_delivery_is_tried_again_up_to_its_age_limit(record: OutboxRecord) -> None:
    """At exactly the limit it is tried once more, and not later."""
    assert after(record, Fault.BUSY, age_s=1000.0).state is IntentState.OPEN
    assert after(record, Fault.BUSY, age_s=1000.001) == NextStep(IntentState.DEAD)


def test_the_last_attempt_is_the_one_with_the_number_of_the_limit(record: OutboxRecord) -> None:
    """After as many attempts as allowed none follows; attempts that never reached the hub do not count."""
    assert after(replace(record, spent=3), Fault.UNCERTAIN).state is IntentState.OPEN
    assert after(replace(record, spent=4), Fault.UNCERTAIN) == NextStep(IntentState.IN_DOUBT)
    assert after(replace(record, spent=4), Fault.BUSY).state is IntentState.OPEN


@pytest.mark.parametrize(
    ("attempts", "fault", "longest_s"),
    [
        (0, Fault.UNCERTAIN, 4.0),
        (1, Fault.UNCERTAIN, 4.0),
        (2, Fault.UNCERTAIN, 8.0),
        (5, Fault.UNCERTAIN, 64.0),
        (6, Fault.UNCERTAIN, 100.0),
        (100_000, Fault.UNCERTAIN, 100.0),
        (2, Fault.UNREACHABLE, 8.0),
        (100_000, Fault.UNREACHABLE, 20.0),
    ],
)
def test_delays_double_up_to_a_ceiling(record: OutboxRecord, attempts: int, fault: Fault, longest_s: float) -> None:
    """Each delay lies between half of its ceiling and the ceiling; while a hub is away it stays short."""
    made = replace(record, attempts=attempts)
    assert after(made, fault, drawn=0.0).delay_s == longest_s / 2
    assert after(made, fault, drawn=1.0).delay_s == longest_s


@pytest.mark.parametrize(
    ("asked_s", "delay_s"), [(None, 2.0), (-5.0, 2.0), (1.0, 2.0), (30.0, 30.0), (500.0, 500.0), (9e9, 500.0)]
)
def test_a_hub_may_ask_for_more_time_but_not_for_all_of_it(
    record: OutboxRecord, asked_s: float | None, delay_s: float
) -> None:
    """What a hub asks for lengthens the delay, up to half of the age limit."""
    assert after(record, Fault.BUSY, asked_s=asked_s).delay_s == delay_s


@pytest.mark.parametrize("fault", [Fault.DEFERRED, Fault.CREDENTIAL])
def test_what_was_no_try_is_due_at_once(record: OutboxRecord, fault: Fault) -> None:
    """A delivery that was not attempted, or that no credential could make, waits for nothing but the next run."""
    assert after(replace(record, attempts=7), fault) == NextStep(IntentState.OPEN, 0.0)
