"""A worker on a simulated clock, over a real ledger in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from warden.errors import WardenError
from warden.ledger.entry import StoredEntry, parse_entry
from warden.schedule.crontab import parse_crontab
from warden.schedule.loop import PassEnd, Plan, Surroundings, Worker
from warden.schedule.notify import ServiceManager
from warden.schedule.quiet import Quiet
from warden.schedule.timetable import Calendar, Timetable, read_zone
from warden.store.sqlite import SqliteLedgerStore
from warden.store.ticks import TickLedger

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


class KilledError(BaseException):
    """The process is gone."""


class SimulatedClock:
    """Time that passes only when somebody waits; `offset` is what the clock was set wrong by."""

    def __init__(self, start: datetime = START) -> None:
        self.true = start
        self.offset = timedelta(0)
        self.begun = start

    def now(self) -> datetime:
        """Return what the clock shows."""
        return self.true + self.offset

    def monotonic(self) -> float:
        """Return seconds since the world began."""
        return (self.true - self.begun).total_seconds()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.true += timedelta(seconds=max(seconds, 0.0))


class SimulatedStop:
    """Ends the worker at a true time, or when told; `events` are called when their true time has come."""

    def __init__(self, clock: SimulatedClock, end: datetime) -> None:
        self._clock = clock
        self.end = end
        self.reload = False
        self.events: list[tuple[datetime, Callable[[], None]]] = []

    def requested(self) -> str:
        """Return `terminated` at the end."""
        return "terminated" if self._clock.true >= self.end else ""

    def idle(self, seconds: float) -> None:
        """Let time pass, up to the next event or the end."""
        until = min(self._clock.true + timedelta(seconds=seconds), self.end)
        if self.events and self.events[0][0] <= until:
            moment, call = self.events.pop(0)
            self._clock.true = max(moment, self._clock.true)
            call()
            return
        self._clock.true = until

    def reload_requested(self) -> bool:
        """Return whether a reload was asked for."""
        wanted, self.reload = self.reload, False
        return wanted


class _Kept:
    """A ledger that stays open when it is closed."""

    def __init__(self, store: SqliteLedgerStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        return (lambda: None) if name == "close" else getattr(self._store, name)


def cron(text: str, zone: str = "UTC") -> Timetable:
    """Return a calendar."""
    return Calendar(parse_crontab(text), read_zone(zone), zone)


@dataclass
class ScheduleBed:
    """One ledger, one clock, and workers that live on them one after the other."""

    table: Timetable
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    quiet: Quiet = field(default_factory=lambda: Quiet(UTC))
    grace: timedelta = timedelta(hours=1)
    jitter_s: float = 0.0
    make_pass: Callable[[], PassEnd] = lambda: PassEnd(0)
    reload: Callable[[], Plan] | None = None
    store: SqliteLedgerStore = field(init=False)
    passes: list[datetime] = field(default_factory=list)
    told: list[WardenError] = field(default_factory=list)
    beats: list[tuple[str, datetime | None]] = field(default_factory=list)
    after_tick: Callable[[], None] = lambda: None
    draws: Callable[[], float] = lambda: 0.5

    def __post_init__(self) -> None:
        self.store = SqliteLedgerStore(":memory:", self.clock)

    @property
    def plan(self) -> Plan:
        """The plan of the next worker."""
        return Plan("ops-warden", self.table, self.grace, self.jitter_s, self.quiet)

    def stop_after(self, length: timedelta) -> SimulatedStop:
        """Return a stop that comes after so much true time."""
        return SimulatedStop(self.clock, self.clock.true + length)

    def run(self, stop: SimulatedStop) -> int | None:
        """Let a worker live until it is stopped, or killed (None)."""

        def pass_once() -> PassEnd:
            self.passes.append(self.clock.now())
            return self.make_pass()

        given = Surroundings(
            clock=self.clock,
            stop=stop,
            ticks=TickLedger(lambda: _Kept(self.store), "ops-warden"),  # type: ignore[arg-type,return-value]
            manager=ServiceManager(),
            make_pass=pass_once,
            reload=self.reload or (lambda: self.plan),
            beat=lambda plan, state, until: self.beats.append((state, until)),
            tell=self.told.append,
            draw=self.draws,
            after_tick=self.after_tick,
        )
        try:
            return Worker(self.plan, given).run()
        except KilledError:
            return None

    def entries(self, *kinds: str) -> list[StoredEntry]:
        """Return the ledger's entries of these kinds."""
        rows = self.store.read(lambda c: c.execute("SELECT raw FROM entries ORDER BY seq").fetchall())
        found = [parse_entry(raw) for (raw,) in rows]
        return [entry for entry in found if not kinds or entry.kind in kinds]

    def outcomes(self) -> list[str]:
        """Return how ticks ended, in order."""
        return [str(entry.fields["outcome"]) for entry in self.entries("tick_finished")]
