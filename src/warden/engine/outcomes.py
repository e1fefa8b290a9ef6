"""Outcomes: for some channels the receipt is not the end of a delivery.

The message of such a delivery is held until an outcome ends it. Reports come in any order, late, twice, or before our own
receipt is written down: what they amount to depends on the set of them, never on their order. A report that comes after the
message has ended changes nothing; it is kept, and an alert says so when it contradicts the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.errors import InputError
from warden.model.disposition import Disposition
from warden.model.outcome import OutcomeStatus
from warden.model.records import IntentState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from warden.engine.bench import Bench
    from warden.engine.outbox import Outbox
    from warden.model.outcome import Outcome
    from warden.ports import LedgerStore

AWAITING = "awaiting-outcome"
"""Reason code of a message that is held until its delivery's outcome is known."""

_FAILURES = (OutcomeStatus.FAILED, OutcomeStatus.ABORTED, OutcomeStatus.DROPPED)


def standing(outcomes: Iterable[Outcome], closes: Disposition) -> tuple[Disposition, str]:
    """Return what a delivered message is, by all that was reported: a failure is a person's, a completion closes it."""
    statuses = {outcome.status for outcome in outcomes}
    for failure in _FAILURES:
        if failure in statuses:
            return Disposition.ESCALATED, f"outcome-{failure.value}"
    if OutcomeStatus.COMPLETED in statuses:
        return closes, "completed"
    return Disposition.HELD, AWAITING


def take_outcome(store: LedgerStore, bench: Bench, outbox: Outbox, outcome: Outcome) -> None:
    """Record one report and let the message's disposition follow it; the same report again changes nothing.

    Raises `InputError` for a delivery that we never made. The audit event of a message that ends here is in the outbox.
    """
    record = store.intent(outcome.key)
    if record is None:
        raise InputError("an outcome was reported for a delivery that is not ours", "quarantine it")
    known = store.outcomes(outcome.key)
    if any(earlier.event_id == outcome.event_id for earlier in known):
        return
    bench.opening.write(judging=True)
    bench.journal.write(
        "outcome_reported",
        key=outcome.key,
        correlation_id=outcome.correlation_id,
        event_id=outcome.event_id,
        status=outcome.status.value,
    )
    if record.closes is not None and record.state is IntentState.DONE:
        after, reason = standing((*known, outcome), record.closes)
        message = record.intent.message
        before = store.dispositions([message]).get(message)
        if before is not None and before.reason == AWAITING:
            outbox.close(record, after, reason, before.generation, store.head())
        elif before is not None and before.disposition is not after:
            bench.journal.write("alert_raised", code="outcome-after-end", subject=outcome.key)
    bench.journal.commit()
