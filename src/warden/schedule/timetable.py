"""When the ticks of a schedule are: an interval, or a calendar expression in a time zone. APScheduler does the computing.

All moments are in UTC. APScheduler 3.11 was run over changes of clocks: its answer there depends on the moment that it is
asked from, it loses times that fall into the hour that is jumped over, gives one moment twice, and makes a daily tick come
twice in the hour that is repeated. So it computes on the clock on the wall, and these rules are added:

- Where clocks go back, a schedule with fixed hours comes at the first of the two, and one with hours `*` at both: the first
  follows the clock on the wall, the second real time. (Vixie cron does the same.)
- A time that clocks jump over comes by as much later; when another tick is there already, they are one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Protocol

from warden.errors import UsageError, quote
from warden.schedule.crontab import Crontab, listed, parse_crontab
from warden.schedule.interval import parse_interval, to_words

MILLISECOND = timedelta(milliseconds=1)
NEAR = timedelta(hours=3)
"""Clocks are changed by less than this."""


class Timetable(Protocol):
    """The ticks of a schedule; a pure function of time."""

    @property
    def text(self) -> str:
        """The schedule in words that do not change: a part of its name in the ledger."""
        ...

    def next_after(self, last: datetime, moment: datetime) -> datetime | None:
        """Return the first tick after `moment`, given that `last` was a tick or the anchor; None when none comes."""
        ...

    def latest(self, last: datetime, now: datetime) -> datetime | None:
        """Return the latest tick after `last` and not after `now`, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """A tick in each `seconds`, counted from the last one."""

    seconds: int

    @property
    def text(self) -> str:
        """`every 5m`."""
        return f"every {to_words(self.seconds)}"

    def next_after(self, last: datetime, moment: datetime) -> datetime:
        """Return the first of last + k times the interval that is after `moment`, for whole k, also below 0."""
        step = timedelta(seconds=self.seconds)
        return last + ((moment - last) // step + 1) * step

    def latest(self, last: datetime, now: datetime) -> datetime | None:
        """Return the latest of them after `last`."""
        step = timedelta(seconds=self.seconds)
        steps = (now - last) // step
        return last + steps * step if steps > 0 else None


class Calendar:
    """The ticks of a crontab expression in a time zone.

    APScheduler is asked on the clock on the wall, as if it were UTC; what changes of clocks mean is decided here.
    """

    def __init__(self, expression: Crontab, zone: tzinfo, zone_name: str) -> None:
        from apscheduler.triggers.cron import CronTrigger

        self.text = f"cron {expression.text} {zone_name}"
        self._zone = zone
        self._known: deque[tuple[datetime, datetime]] = deque(maxlen=4)  # between the two the answer is the second
        self._wall_after = lru_cache(maxsize=1024)(
            self._compute_wall_after
        )  # near a change of clocks all are asked again
        self._follows_wall = not expression.any_hour
        shared = {
            "minute": listed(expression.minutes, 60),
            "hour": listed(expression.hours, 24),
            "month": listed(expression.months, 12),
            "timezone": UTC,
        }
        self._triggers: list[Any] = [
            CronTrigger(day=days, day_of_week=weekdays, second="0", **shared)
            for days, weekdays in expression.alternatives
        ]

    def next_after(self, last: datetime, moment: datetime) -> datetime | None:
        """Return the first tick after `moment`."""
        for begin, tick in self._known:
            if begin <= moment < tick:
                return tick
        found = self._find(moment)
        if found is not None:
            self._known.appendleft((moment, found))
        return found

    def _find(self, moment: datetime) -> datetime | None:
        """Near a change of clocks all ticks are looked at that may come before another."""
        try:
            wall = self._wall_after(self._to_wall(moment) - self._shift(moment))
            best: datetime | None = None
            while wall is not None:
                ticks = [tick for tick in self._moments(wall) if tick > moment]
                best = min([*ticks, *([best] if best else [])], default=None)
                if best is not None and wall >= self._to_wall(best) + self._shift(best):
                    break
                wall = self._wall_after(wall)
            return best
        except (OverflowError, ValueError):  # beyond the last year that there is
            return None

    def _to_wall(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone).replace(tzinfo=None)

    def _compute_wall_after(self, wall: datetime) -> datetime | None:
        start = (wall + timedelta(microseconds=1)).replace(tzinfo=UTC)
        found = [tick for trigger in self._triggers if (tick := trigger.get_next_fire_time(None, start)) is not None]
        return min(found).replace(tzinfo=None) if found else None

    def _shift(self, moment: datetime) -> timedelta:
        """Return by how much clocks are changed around this moment; mostly by nothing."""
        around = [
            (moment + hours).astimezone(self._zone).utcoffset() or timedelta(0) for hours in (-NEAR, timedelta(0), NEAR)
        ]
        return max(around) - min(around)

    def _moments(self, wall: datetime) -> tuple[datetime, ...]:
        """Return when the clock on the wall shows this; a time that it jumps over counts as much later (PEP 495)."""
        first, second = (wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        return (first, second) if first < second and not self._follows_wall else (first,)

    def latest(self, last: datetime, now: datetime) -> datetime | None:
        """Return the latest tick after `last` and not after `now`, looking back further until one is found."""
        for window in (timedelta(hours=2), timedelta(days=2), timedelta(days=35), timedelta(days=400), now - last):
            found = None
            start = max(last, now - window)
            tick = self.next_after(last, start)
            while tick is not None and tick <= now:
                found, tick = tick, self.next_after(last, tick)
            if found is not None or start == last:
                return found
        return None


def count_between(table: Timetable, last: datetime, end: datetime, limit: int) -> int:
    """Return how many ticks there are after `last` and before `end`, counting no further than `limit`."""
    if isinstance(table, Interval):
        return min(limit, max(0, -((last - end) // timedelta(seconds=table.seconds)) - 1))
    count, tick = 0, table.next_after(last, last)
    while tick is not None and tick < end and count < limit:
        count, tick = count + 1, table.next_after(last, tick)
    return count


def read_zone(name: str) -> tzinfo:
    """Return the time zone with this IANA name; raises `UsageError`."""
    from zoneinfo import ZoneInfo

    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise UsageError(
            f"there is no time zone {quote(name)}",
            "use an IANA name such as `Europe/Berlin`; the system's package tzdata holds them",
        ) from error


def build_timetable(every: str | None, cron: str | None, zone_name: str) -> Timetable | None:
    """Return the timetable that flags or configuration name, None when they name none; raises `UsageError`."""
    if every is not None and cron is not None:
        raise UsageError("an interval and a calendar expression exclude each other", "keep one of them")
    if every is not None:
        return Interval(parse_interval(every))
    return Calendar(parse_crontab(cron), read_zone(zone_name), zone_name) if cron is not None else None


def to_ms(moment: datetime) -> datetime:
    """Return the moment cut to whole milliseconds, as entries keep it."""
    return moment - timedelta(microseconds=moment.microsecond % 1000)


def next_ticks(table: Timetable, last: datetime | None, now: datetime, count: int) -> Sequence[datetime]:
    """Return the next `count` ticks after `now`."""
    found: list[datetime] = []
    tick = table.next_after(last or now, now)
    while tick is not None and len(found) < count:
        found.append(tick)
        tick = table.next_after(tick, tick)
    return found
