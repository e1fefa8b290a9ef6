"""What may be done after a failed attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.model.delivery import DeliveryFault, Fault
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
    INVARIANT (bounded): attempts and age end every retry.
    """
    if fault.fault is Fault.REJECTED:
        return NextStep(IntentState.DEAD)
    if fault.fault is Fault.CONFLICT:
        return NextStep(IntentState.IN_DOUBT)
    repeatable = means is not DeliveryMeans.NONE or record.intent.channel == "read"
    if fault.fault is Fault.UNCERTAIN and not repeatable:
        return NextStep(IntentState.IN_DOUBT)
    # Neither of these two was a try of this delivery: they count towards its age only.
    untried = fault.fault in (Fault.DEFERRED, Fault.CREDENTIAL)
    if age_s > policy.age_limit_s or (record.attempts >= policy.attempts_limit and not untried):
        return NextStep(IntentState.IN_DOUBT if fault.fault is Fault.UNCERTAIN else IntentState.DEAD)
    if untried:
        return NextStep(IntentState.OPEN, 0.0)
    ceiling = min(policy.longest_delay_s, policy.first_delay_s * 2.0 ** max(0, record.attempts - 1))
    delay = ceiling * (0.5 + drawn / 2)
    asked = min(max(0.0, fault.retry_after_s or 0.0), policy.age_limit_s)
    return NextStep(IntentState.OPEN, max(delay, asked))
