"""What may be done after a failed attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.model.delivery import UNCOUNTED, DeliveryFault, Fault
from warden.model.hub import DeliveryMeans
from warden.model.records import IntentState, OutboxRecord

if TYPE_CHECKING:
    from warden.model.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class NextStep:
    """The state that the intent goes to, and when it is due again (seconds from now; None when it is not)."""

    state: IntentState
    delay_s: float | None = None


def next_step(
    record: OutboxRecord, fault: DeliveryFault, means: DeliveryMeans, age_s: float, policy: RetryPolicy, drawn: float
) -> NextStep:
    """Return what follows a fault. `drawn` is a random number in [0, 1), injected.

    INVARIANT (exactly-once): an attempt that was perhaps taken is repeated only where the hub lets us know; setting a read
    flag twice is the same as once, so it may always be repeated.
    However often it certainly failed later, a delivery that was perhaps taken once ends in doubt, never as a dead letter.
    INVARIANT (bounded): attempts and age end every retry. Attempts that never reached the hub count towards the age only.
    """
    given_up = NextStep(IntentState.IN_DOUBT if record.doubtful or fault.fault is Fault.UNCERTAIN else IntentState.DEAD)
    if fault.fault is Fault.REJECTED:
        return given_up
    if fault.fault is Fault.CONFLICT:
        return NextStep(IntentState.IN_DOUBT)
    repeatable = means is not DeliveryMeans.NONE or record.intent.channel == "read"
    if fault.fault is Fault.UNCERTAIN and not repeatable:
        return NextStep(IntentState.IN_DOUBT)
    counted = fault.fault not in UNCOUNTED
    if age_s > policy.age_limit_s or (counted and record.spent + 1 >= policy.attempts_limit):
        return given_up
    if fault.fault in (Fault.DEFERRED, Fault.CREDENTIAL):  # not a try of this delivery
        return NextStep(IntentState.OPEN, 0.0)
    longest_s = policy.longest_delay_s if counted else policy.outage_delay_s
    ceiling = min(longest_s, policy.first_delay_s * 2.0 ** min(64, max(0, record.attempts - 1)))
    delay = ceiling * (0.5 + drawn / 2)
    asked = min(max(0.0, fault.retry_after_s or 0.0), policy.age_limit_s / 2)  # it is tried again before it is too old
    return NextStep(IntentState.OPEN, max(delay, asked))
