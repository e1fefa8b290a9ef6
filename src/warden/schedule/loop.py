"""The long-running worker: waits for ticks, claims each in the ledger, and has a pass made for it.

What it does: one thing at a time, on one thread; everything durable about time is in the ledger, so that the process may be
killed at any moment. What it does not: know what a pass does, hold a lock, or read a configuration: a reload hands it a new
plan. When the ledger cannot be written, no pass is made: the tick is still due when it can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from warden.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_TERMINATED, TransitionError, WardenError
from warden.model.entry import Entry
from warden.model.schedule import JobRecord
from warden.ports import Clock
from warden.schedule import entries
from warden.schedule.notify import ServiceManager
from warden.schedule.quiet import Quiet
from warden.schedule.ticks import Anchor, Due, Moment, decide
from warden.schedule.timetable import Timetable, to_ms

BEAT_S = 30.0
"""INVARIANT (bounded): the longest sleep; also how soon a clock that was set is noticed."""
RETRY_S = 15.0
"""How long to wait before the ledger is tried again."""


class Stop(Protocol):
    """Signals, as wishes that are asked for."""

    def requested(self) -> str:
        """Return an empty string, or why the worker is to end."""
        ...

    def idle(self, seconds: float) -> None:
        """Let seconds pass, or return early when something is asked for."""
        ...

    def reload_requested(self) -> bool:
        """Return whether the configuration is to be loaded anew, and forget the wish."""
        ...


class Ticks(Protocol):
    """The schedule's ticks in the ledger; raises `StateError` and `LedgerError`."""

    def last(self, job: str) -> JobRecord | None:
        """Return where the schedule stands."""
        ...

    def is_claimed(self, job: str, scheduled: datetime) -> bool:
        """Return whether the tick was claimed before."""
        ...

    def commit(self, entries: Sequence[Entry]) -> None:
        """Make the entries durable; raises `TransitionError` for a tick that somebody else has claimed."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """When passes are made, as configuration and command line say."""

    agent: str
    table: Timetable
    grace: timedelta
    jitter_s: float
    quiet: Quiet

    @property
    def job(self) -> str:
        """The schedule's name in the ledger."""
        return entries.job_name(self.agent, self.table.text)


@dataclass(frozen=True, slots=True)
class PassEnd:
    """How a pass ended: its exit status, and a code when it failed."""

    exit_status: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the worker is given.

    `draw` returns a number from 0 to below 1; `reload` a new plan, or raises `WardenError` when the configuration does not
    hold; `beat` takes a state and the next tick; `tell` says an error to people; `after_tick` is called when the
    end of a tick is recorded.
    """

    clock: Clock
    stop: Stop
    ticks: Ticks
    manager: ServiceManager
    make_pass: Callable[[], PassEnd]
    reload: Callable[[], Plan]
    beat: Callable[[Plan, str, datetime | None], None]
    tell: Callable[[WardenError], None]
    draw: Callable[[], float]
    after_tick: Callable[[], None] = lambda: None


class Worker:
    """One life of the long-running worker."""

    def __init__(self, plan: Plan, given: Surroundings) -> None:
        self._plan = plan
        self._given = given
        self._last: JobRecord | None = None
        self._known = False
        self._waits: tuple[datetime, datetime] | None = None
        self._delay = self._draw_delay()
        self._free_since: datetime | None = None
        self._told_failure = False

    def run(self) -> int:
        """Work until a stop is requested, and return the exit status that it asks for."""
        given = self._given
        given.manager.ready(f"started: {self._plan.table.text}")
        while not given.stop.requested():
            if given.stop.reload_requested():
                self._reload()
            self._look()
        given.manager.stopping("stopping")
        given.beat(self._plan, "stopped", None)
        return {"interrupted": EXIT_INTERRUPTED, "terminated": EXIT_TERMINATED}.get(given.stop.requested(), EXIT_DONE)

    def _look(self) -> None:
        """Do what is to be done now, or wait."""
        try:
            wait_s = self._step()
        except TransitionError:
            self._known = False  # another process has claimed this tick: read where the schedule stands, and go on
            wait_s = 1.0
        except WardenError as error:
            self._given.tell(error)
            self._known = False
            wait_s = RETRY_S
        self._given.manager.feed(self._given.clock.monotonic())
        if wait_s > 0:
            self._given.stop.idle(wait_s)

    def _step(self) -> float:
        """Claim and carry out what is due; returns how many seconds there is nothing to do."""
        plan, given = self._plan, self._given
        now = to_ms(given.clock.now())
        if not self._known:
            self._waits = None
            self._last = given.ticks.last(plan.job)
            self._known = True
        if self._waits is not None and self._waits[0] <= now < self._waits[1]:
            return self._idle(self._waits[1], now)
        moment = Moment(now, self._delay, plan.grace)
        decision = decide(plan.table, self._last, moment, lambda tick: given.ticks.is_claimed(plan.job, tick))
        if isinstance(decision, Anchor):
            given.ticks.commit(entries.anchor(plan.job, plan.agent, decision.reason))
            self._known = False
            return 0.0
        if isinstance(decision, Due):
            self._carry_out(decision, now)
            given.after_tick()
            return 0.0
        until = None if decision.until is None else decision.until + self._delay
        self._waits = None if until is None else (now, until)
        return self._idle(until, now)

    def _idle(self, until: datetime | None, now: datetime) -> float:
        self._given.beat(self._plan, "waiting", until)
        self._given.manager.status("waiting" if until is None else f"waiting for {entries.to_text(until)}")
        left = BEAT_S if until is None else (until - now).total_seconds()
        longest = BEAT_S if self._given.manager.watchdog_s is None else min(BEAT_S, self._given.manager.watchdog_s / 3)
        return min(max(left, 0.001), longest)

    def _carry_out(self, due: Due, now: datetime) -> None:
        plan, given = self._plan, self._given
        self._known = False
        self._delay = self._draw_delay()
        quiet = plan.quiet.reason(now)
        claimed = entries.claim(plan.job, plan.agent, due, self._was_down(due))
        if quiet and not due.too_late:
            given.ticks.commit([*claimed, entries.finish(plan.job, due.scheduled, "skipped", 0, quiet)])
            return
        given.ticks.commit(claimed)
        if due.too_late:
            return
        given.beat(plan, "running", None)
        given.manager.status("making a pass")
        end = given.make_pass()
        given.ticks.commit(
            entries.ended(plan.job, plan.agent, due.scheduled, end.exit_status, end.reason, self._told_failure)
        )
        self._free_since = given.clock.now()
        self._told_failure = entries.OUTCOMES.get(end.exit_status, "failed") == "failed"

    def _was_down(self, due: Due) -> bool:
        """Ticks that came while the last pass was busy were no fault; one after it was missed because nothing ran."""
        if due.missed_from is None or self._free_since is None:
            return due.missed_from is not None
        following = self._plan.table.next_after(due.missed_from, max(self._free_since, due.missed_from))
        return following is not None and following < due.scheduled

    def _reload(self) -> None:
        self._given.manager.reloading()
        try:
            self._plan = self._given.reload()
            self._known = False
            said = f"reloaded: {self._plan.table.text}"
        except WardenError as error:
            self._given.tell(error)
            said = "the new configuration does not hold; the old one stays in force"
        self._given.manager.ready(said)

    def _draw_delay(self) -> timedelta:
        return timedelta(seconds=round(self._given.draw() * self._plan.jitter_s, 3))
