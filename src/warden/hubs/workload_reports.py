"""Lifecycle reports between the one who hears them and the run that takes them; implements `engine.outcomes.OutcomeSource`.

`keep_report` runs inside a transaction that its caller commits. A report is kept once by (workload, event id), however often
it is sent; one that ends its workload revokes what that was granted in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from warden.hubs.capabilities import end_workload
from warden.hubs.intake_operations import Refused, quarantine
from warden.model.digests import digest_text
from warden.model.outcome import Outcome, OutcomeStatus
from warden.model.workload import ENDS, Report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

    from warden.hubs.database import Database
    from warden.ports import Clock

LIFECYCLE: Final = "lifecycle"
"""The source under which refused reports are quarantined."""
REPORTS_OF_ONE: Final = 1_000
"""INVARIANT (bounded): reports of one workload that are kept; a runtime that restarts a workload for ever sends more."""
WAITING_REPORTS: Final = 100_000
"""INVARIANT (bounded): reports that wait for a run; more mean that no run is made, or that somebody sends rubbish."""
_KEPT_S: Final = 90 * 86_400.0
_PURGED_AT_ONCE: Final = 200


_PURGES: Final = (
    "DELETE FROM reports WHERE number IN"
    " (SELECT number FROM reports WHERE received_at < ? AND state <> 'waiting' LIMIT ?)",
    "DELETE FROM capabilities WHERE id IN (SELECT id FROM capabilities WHERE revoked_at < ? LIMIT ?)",
    "DELETE FROM ended WHERE workload_id IN (SELECT workload_id FROM ended WHERE at < ? LIMIT ?)",
)
"""INVARIANT (bounded): what is over is forgotten after `_KEPT_S`; that a workload ended is known from the ledger as well."""


@dataclass(frozen=True, slots=True)
class HeardReport:
    """A report as it was heard: `details` is redacted text, `occurred_at` the runtime's own word."""

    workload_id: str
    event_id: str
    status: OutcomeStatus
    occurred_at: str
    details: str = ""


def keep_report(connection: Connection, heard: HeardReport, now: float) -> str:
    """Keep a report; returns `new`, `duplicate`, or `too-many` for one that is not kept."""
    known = connection.execute(
        "SELECT 1 FROM reports WHERE workload_id = ? AND event_id = ?", (heard.workload_id, heard.event_id)
    ).fetchone()
    if known:
        return "duplicate"
    waiting = "SELECT count(*) FROM (SELECT 1 FROM reports WHERE state = 'waiting' LIMIT ?)"
    if connection.execute(waiting, (WAITING_REPORTS,)).fetchone()[0] >= WAITING_REPORTS:
        return "too-many"
    if heard.status in ENDS:
        end_workload(connection, heard.workload_id, heard.status.value, now)
    else:
        (number,) = connection.execute(
            "SELECT count(*) FROM reports WHERE workload_id = ?", (heard.workload_id,)
        ).fetchone()
        if number >= REPORTS_OF_ONE:
            return "too-many"
    connection.execute(
        "INSERT INTO reports (workload_id, event_id, status, occurred_at, details, received_at, state, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, 'waiting', '')",
        (heard.workload_id, heard.event_id, heard.status.value, heard.occurred_at, heard.details, now),
    )
    return "new"


def quarantine_report(connection: Connection, reason: str, digest: str, size: int, now: float) -> int:
    """Write down that a datagram was refused, and why: nobody vouches for it, so no word of it is kept."""
    return quarantine(connection, Refused(LIFECYCLE, reason, "", (), "", digest, size, now))


class ReportFile:
    """The reports in an open `intake.db`. Safe to call from several threads and processes; raises `StateError`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def waiting(self, limit: int) -> tuple[Report, ...]:
        """Return reports that nobody has taken, oldest first."""
        rows = self._database.read(
            "SELECT number, workload_id, event_id, status FROM reports WHERE state = 'waiting' ORDER BY number LIMIT ?",
            (limit,),
        )
        return tuple(_report(row) for row in rows)

    def settle(self, taken: Sequence[Report], refused: Sequence[tuple[Report, str]]) -> None:
        """Write down which reports are in the ledger, and which are quarantined for which reason."""
        now = self._clock.now().timestamp()

        def write(connection: Connection) -> None:
            for report in taken:
                connection.execute("UPDATE reports SET state = 'taken' WHERE number = ?", (report.number,))
            for report, reason in refused:
                connection.execute(
                    "UPDATE reports SET state = 'refused', reason = ? WHERE number = ?", (reason, report.number)
                )
                outcome = report.outcome
                quarantine_report(connection, reason, digest_text(f"{outcome.key} {outcome.event_id}"), 0, now)
            for statement in _PURGES:
                connection.execute(statement, (now - _KEPT_S, _PURGED_AT_ONCE))

        self._database.write(write)

    def end(self, workload_ids: Sequence[str]) -> None:
        """Revoke whatever these workloads were granted."""
        now = self._clock.now().timestamp()

        def write(connection: Connection) -> None:
            for workload_id in workload_ids:
                end_workload(connection, workload_id, OutcomeStatus.DROPPED.value, now)

        self._database.write(write)

    def heard(self, workload_id: str, limit: int = REPORTS_OF_ONE) -> tuple[tuple[Any, ...], ...]:
        """Return what was heard of one workload, oldest first: event id, status, occurred at, details, received at, state."""
        return tuple(
            self._database.read(
                "SELECT event_id, status, occurred_at, details, received_at, state FROM reports WHERE workload_id = ?"
                " ORDER BY number LIMIT ?",
                (workload_id, limit),
            )
        )


def _report(row: tuple[Any, ...]) -> Report:
    return Report(row[0], Outcome(row[1], row[1], row[2], OutcomeStatus(row[3])))
