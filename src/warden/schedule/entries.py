"""What the schedule writes into the ledger, as entries. Pure."""

from __future__ import annotations

from datetime import datetime

from warden.ledger.schema import bounded_word
from warden.model.alerts import CLOCK_STEPPED, RUN_FAILED, SCHEDULE_MISSED
from warden.model.entry import Entry
from warden.schedule.ticks import COUNTED, Due
from warden.schedule.timetable import MILLISECOND

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
OUTCOMES = {0: "done", 3: "partial", 11: "locked", 130: "stopped", 143: "stopped"}
"""How a tick ended, by the exit status of its pass; any other status is `failed`."""


def to_milliseconds(moment: datetime) -> int:
    """Return whole milliseconds since 1970."""
    return (moment - EPOCH) // MILLISECOND


def job_name(agent: str, timetable: str) -> str:
    """Return the name of a schedule: another agent or another timetable is another schedule."""
    return bounded_word(f"{agent} {timetable}")


def alert(code: str, agent: str, detail: str) -> Entry:
    """Return an alert of the schedule."""
    return Entry("alert_raised", {"run_id": None, "code": code, "subject": bounded_word(f"{agent}: {detail}")})


def anchor(job: str, agent: str, reason: str) -> tuple[Entry, ...]:
    """Return the entries with which ticks begin to count; a clock that was set back is an alert."""
    found = Entry("schedule_anchored", {"job": job, "agent": agent, "reason": reason})
    if reason == CLOCK_STEPPED:
        return found, alert(CLOCK_STEPPED, agent, "the clock was set back; ticks are counted anew from now")
    return (found,)


def claim(job: str, agent: str, due: Due, missed_while_down: bool) -> tuple[Entry, ...]:
    """Return the entries with which a tick is claimed; ticks that were missed while nothing ran are an alert.

    A tick whose process died, and one that is too late, end here.
    """
    found: list[Entry] = []
    if due.interrupted is not None:
        found.append(finish(job, due.interrupted, "interrupted", 1, "its process ended"))
    claimed = {
        "job": job,
        "agent": agent,
        "scheduled_ms": to_milliseconds(due.scheduled),
        "attempt": due.attempt,
        "late_ms": due.late // MILLISECOND,
        "missed": due.missed,
        "missed_from_ms": None if due.missed_from is None else to_milliseconds(due.missed_from),
    }
    found.append(Entry("tick_claimed", claimed))
    if due.too_late:
        found.append(finish(job, due.scheduled, "missed", 0, "later than the grace"))
    if due.too_late or (due.missed and missed_while_down):
        found.append(alert(SCHEDULE_MISSED, agent, missed_text(due)))
    return tuple(found)


def missed_text(due: Due) -> str:
    """Return which ticks were missed, in words."""
    number = due.missed + due.too_late
    first = due.missed_from or due.scheduled
    many = f"{COUNTED} or more" if due.missed >= COUNTED else str(number)
    return f"{many} missed from {to_text(first)} to {to_text(due.scheduled)}"


def finish(job: str, scheduled: datetime, outcome: str, exit_status: int, reason: str) -> Entry:
    """Return the entry of a tick's end."""
    fields = {"job": job, "scheduled_ms": to_milliseconds(scheduled), "outcome": outcome, "exit_status": exit_status}
    return Entry("tick_finished", {**fields, "reason": bounded_word(reason)})


def ended(job: str, agent: str, scheduled: datetime, status: int, reason: str, told: bool) -> tuple[Entry, ...]:
    """Return the entries of a pass's end; `told` says that its failure was alerted before and nothing went through since."""
    outcome = OUTCOMES.get(status, "failed")
    found = (finish(job, scheduled, outcome, status, reason),)
    return (*found, failure(agent, status, reason)) if outcome == "failed" and not told else found


def failure(agent: str, status: int, reason: str) -> Entry:
    """Return the alert that a pass failed."""
    return alert(RUN_FAILED, agent, f"exit status {status}" + (f", {reason}" if reason else ""))


def to_text(moment: datetime) -> str:
    """Return a moment for people and programs: RFC 3339 in UTC, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
