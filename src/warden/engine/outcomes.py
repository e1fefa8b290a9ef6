"""Outcomes: for some channels the receipt is not the end of a delivery.

The message of such a delivery is held until an outcome ends it. Reports come in any order, late, twice, or before our own
receipt is written down: what they amount to depends on the set of them, never on their order. A report that comes after the
message has ended changes nothing; it is kept, and an alert says so when it contradicts the end.

A run takes the reports that were heard since the last one before it delivers anything, and then gives up on deliveries of
which nothing was heard for too long: a peer that was killed reports nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from warden.errors import InputError
from warden.model.disposition import Disposition
from warden.model.outcome import Outcome, OutcomeStatus
from warden.model.records import IntentState
from warden.model.workload import ENDS, WorkloadState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from warden.engine.bench import Bench
    from warden.engine.outbox import Outbox
    from warden.engine.parts import Parts, Terms
    from warden.model.workload import Report, WorkloadRecord
    from warden.ports import LedgerStore

AWAITING = "awaiting-outcome"
"""Reason code of a message that is held until its delivery's outcome is known."""
CONTRADICTED = "outcome-after-end"
"""Code of the alert about a report that came after the end and says something else."""
UNKNOWN = "unknown-workload"
"""Reason for which a report of a delivery that we never made is quarantined."""

REPORTS_AT_ONCE = 256
TAKEN_LIMIT = 40 * REPORTS_AT_ONCE
"""INVARIANT (bounded): reports that one run takes; the rest is the next run's."""
SWEEP_LIMIT = 500
"""INVARIANT (bounded): silent workloads that one run gives up on."""


class OutcomeSource(Protocol):
    """Reports of what became of deliveries, written down by whoever heard them and waiting to be taken. Raises `StateError`.

    INVARIANT (nothing-lost): a report waits until it is settled; one that is given twice is taken once (by its event id).
    """

    def waiting(self, limit: int) -> Sequence[Report]:
        """Return reports that nobody has taken, oldest first."""
        ...

    def settle(self, taken: Sequence[Report], refused: Sequence[tuple[Report, str]]) -> None:
        """Write down that reports are in the ledger, and for which reason others are quarantined."""
        ...

    def end(self, workload_ids: Sequence[str]) -> None:
        """Revoke whatever these workloads were granted: they have ended, or are about to."""
        ...


def standing(outcomes: Iterable[Outcome], closes: Disposition) -> tuple[Disposition, str]:
    """Return what a delivered message is, by all that was reported: a failure is a person's, a completion closes it."""
    statuses = {outcome.status for outcome in outcomes}
    for end in ENDS:
        if end in statuses:
            return (
                (closes, end.value)
                if end is OutcomeStatus.COMPLETED
                else (Disposition.ESCALATED, f"outcome-{end.value}")
            )
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
    _write(bench, outcome)
    if record.closes is not None and record.state is IntentState.DONE:
        after, reason = standing((*known, outcome), record.closes)
        message = record.intent.message
        before = store.dispositions([message]).get(message)
        if before is not None and before.reason == AWAITING:
            outbox.close(record, after, reason, before.generation, store.head())
        elif before is not None and before.disposition is not after:
            bench.journal.write("alert_raised", code=CONTRADICTED, subject=outcome.key)
    bench.journal.commit()


def _write(bench: Bench, outcome: Outcome) -> None:
    bench.opening.write(judging=True)
    bench.journal.write(
        "outcome_reported",
        key=outcome.key,
        correlation_id=outcome.correlation_id,
        event_id=outcome.event_id,
        status=outcome.status.value,
    )


def take_reports(parts: Parts, terms: Terms, bench: Bench, outbox: Outbox, source: OutcomeSource) -> int:
    """Take what was reported of workloads; returns how many reports that were. Raises `StateError` and `LedgerError`.

    A report of a workload that is not ours is refused: it is quarantined and changes nothing.
    """
    number = 0
    while number < TAKEN_LIMIT and not parts.stop.requested():
        reports = source.waiting(REPORTS_AT_ONCE)
        if not reports:
            break
        taken: list[Report] = []
        refused: list[tuple[Report, str]] = []
        for report in reports:
            workload = parts.store.workload(report.outcome.key)
            if workload is None or workload.message.agent != terms.agent:
                refused.append((report, UNKNOWN))
                continue
            _take(parts.store, bench, outbox, workload, report.outcome)
            taken.append(report)
        # INVARIANT (nothing-lost): settled only now; a run that dies before takes them again, each by its event id.
        source.settle(taken, refused)
        number += len(reports)
    return number


def _take(store: LedgerStore, bench: Bench, outbox: Outbox, workload: WorkloadRecord, outcome: Outcome) -> None:
    if not workload.state.ended:
        take_outcome(store, bench, outbox, outcome)
        return
    # Ended: the message is over, and the text of its delivery may have been purged since.
    known = store.outcomes(outcome.key)
    if any(earlier.event_id == outcome.event_id for earlier in known):
        return
    _write(bench, outcome)
    if _contradicts(outcome.status, workload.state):
        bench.journal.write("alert_raised", code=CONTRADICTED, subject=outcome.key)
    bench.journal.commit()


def _contradicts(status: OutcomeStatus, end: WorkloadState) -> bool:
    """Return whether a report tells another end than this one; what was withdrawn should never have been begun."""
    return end is WorkloadState.WITHDRAWN or (status in ENDS and status.value != end.value)


def silent(parts: Parts, terms: Terms, hub_id: str, limit: int) -> tuple[str, ...]:
    """Return delivered workloads of which nothing was heard for `terms.drop_after_s`, oldest first."""
    if terms.drop_after_s is None:
        return ()
    since = parts.clock.now() - timedelta(seconds=terms.drop_after_s)
    return parts.store.silent_workloads(hub_id, terms.agent, since, limit)


def sweep(parts: Parts, terms: Terms, bench: Bench, outbox: Outbox, source: OutcomeSource) -> int:
    """Give up on silent workloads: each is reported as dropped, which escalates its message; returns how many.

    Raises `StateError` and `LedgerError`.
    """
    dropped = silent(parts, terms, bench.traits.hub_id, SWEEP_LIMIT)
    source.end(dropped)  # before the entries: what is given up must not be able to use what it was granted
    for workload_id in dropped:
        # One event id for all sweeps: a sweep that is repeated after a crash gives nothing up twice.
        event_id = f"warden:sweep:{workload_id}"
        take_outcome(parts.store, bench, outbox, Outcome(workload_id, workload_id, event_id, OutcomeStatus.DROPPED))
    return len(dropped)
