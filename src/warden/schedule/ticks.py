"""What to do about time: a pure function of the timetable, the last tick in the ledger, and now.

Catch-up policy: of all ticks that are due, the latest is carried out, once, unless it is older than the grace; those before
it are counted as missed and become one with it. A tick that was claimed and not finished (its process died) is claimed again
while it is within the grace and no later one is due. A clock that was set back by more than the tolerance starts the
counting anew from now, and no tick that was claimed before is claimed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from warden.model.schedule import JobRecord
from warden.schedule.timetable import Interval, Timetable, count_between

STEP_TOLERANCE = timedelta(seconds=60)
"""How far a clock may be behind the last tick before it counts as set back: time servers step clocks by less."""
COUNTED = 10_000
"""INVARIANT (bounded): missed ticks that are counted; more than that is written as this."""
ATTEMPTS = 3
"""How often one tick is claimed at most."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Ticks are to be counted from now on: `start` at first, `clock-stepped` when the clock was set back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due before `until`; None when no tick ever comes."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Due:
    """A tick is to be claimed. `missed` ticks before it, the first at `missed_from`, become one with it; `attempt` is above 1
    for one that was interrupted; `too_late` says that it is older than the grace: it is recorded and not carried out.
    `interrupted` names an earlier tick whose process died, which is over now."""

    scheduled: datetime
    late: timedelta
    missed: int = 0
    missed_from: datetime | None = None
    attempt: int = 1
    too_late: bool = False
    interrupted: datetime | None = None


Decision = Anchor | Wait | Due


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, by how much a tick is delayed (jitter; the tick itself stays what the timetable says), and how late one may be."""

    now: datetime
    delay: timedelta
    grace: timedelta


def decide(table: Timetable, last: JobRecord | None, moment: Moment, claimed: Callable[[datetime], bool]) -> Decision:
    """Return what is to be done now; `last` is what the ledger says of this schedule, None when it knows none.

    `claimed` says whether a tick was claimed before; it is asked only of ticks that are about to be claimed.
    """
    now, grace = moment.now, moment.grace
    if last is None:
        # An interval's first tick is at once; a calendar's first is still to come, and must not be lost by a restart.
        return Due(now, timedelta(0)) if isinstance(table, Interval) else Anchor("start")
    if now < last.last_at - STEP_TOLERANCE:
        return Anchor("clock-stepped")
    due = table.latest(last.last_at, now - moment.delay)
    if due is None or claimed(due):
        if last.unfinished and now - last.last_at <= grace and last.attempt < ATTEMPTS:
            return Due(last.last_at, max(now - last.last_at, timedelta(0)), attempt=last.attempt + 1)
        return Wait(table.next_after(last.last_at, max(now - moment.delay, last.last_at)))
    missed = count_between(table, last.last_at, due, COUNTED)
    return Due(
        due,
        now - due,
        missed,
        table.next_after(last.last_at, last.last_at) if missed else None,
        too_late=now - due > grace,
        interrupted=last.last_at if last.unfinished else None,
    )
