"""Hours in which nothing runs: quiet hours that come again, and blackout windows that come once. Pure.

Both are read on the clock on the wall of the schedule's time zone. A window may cross midnight: with weekdays it belongs to the
day on which it begins. Where clocks are changed a window is as long as the clock on the wall says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from warden.errors import ConfigError, quote

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOWS_LIMIT = 256
_QUIET = re.compile(r"(?:([a-z,-]+) )?([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")
_QUIET_HINT = 'write them as "22:00-06:00" or "fri,sat 20:00-08:00" or "sat-sun 00:00-24:00"'
_BLACKOUT_HINT = 'write it as "2026-12-24T18:00/2026-12-27T08:00"'
_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From minute `begin` of each of `days` (0 is Monday) for `length` minutes."""

    text: str
    days: frozenset[int]
    begin: int
    length: int

    def covers(self, local: datetime) -> bool:
        """Return whether this moment on the wall lies in one of the windows."""
        minute = local.hour * 60 + local.minute
        today, yesterday = local.weekday(), (local.weekday() - 1) % 7
        if today in self.days and self.begin <= minute < self.begin + self.length:
            return True
        return yesterday in self.days and minute + _MINUTES < self.begin + self.length


@dataclass(frozen=True, slots=True)
class Blackout:
    """From `begin` to before `end`, on the wall."""

    text: str
    begin: datetime
    end: datetime

    def covers(self, local: datetime) -> bool:
        """Return whether this moment on the wall lies in the window."""
        return self.begin <= local.replace(tzinfo=None) < self.end


@dataclass(frozen=True, slots=True)
class Quiet:
    """All windows of a schedule, in its time zone."""

    zone: tzinfo
    windows: tuple[QuietHours | Blackout, ...] = ()

    def reason(self, moment: datetime) -> str:
        """Return an empty string, or which window `moment` lies in: `quiet hours ...` or `blackout ...`."""
        local = moment.astimezone(self.zone)
        for window in self.windows:
            if window.covers(local):
                kind = "quiet hours" if isinstance(window, QuietHours) else "blackout"
                return f"{kind} {window.text}"
        return ""


def build_quiet(zone: tzinfo, quiet_hours: Iterable[str], blackouts: Iterable[str]) -> Quiet:
    """Return the windows that these texts name; raises `ConfigError`."""
    windows: tuple[QuietHours | Blackout, ...] = (*map(parse_quiet_hours, quiet_hours), *map(parse_blackout, blackouts))
    if len(windows) > WINDOWS_LIMIT:
        raise ConfigError(f"more than {WINDOWS_LIMIT} quiet hours and blackouts", "merge some")
    return Quiet(zone, windows)


def parse_quiet_hours(text: str) -> QuietHours:
    """Return the hours that `[DAYS ]HH:MM-HH:MM` stands for; raises `ConfigError`."""
    match = _QUIET.fullmatch(text.strip().lower())
    begin = end = _MINUTES
    if match is not None:
        begin, end = int(match[2]) * 60 + int(match[3]), int(match[4]) * 60 + int(match[5])
    if match is None or begin >= _MINUTES or end > _MINUTES or begin == end:
        raise ConfigError(f"{quote(text)} cannot stand for quiet hours", _QUIET_HINT)
    return QuietHours(text.strip().lower(), _days(text, match[1]), begin, (end - begin) % _MINUTES or _MINUTES)


def _days(text: str, words: str | None) -> frozenset[int]:
    found: set[int] = set()
    for word in (words or "mon-sun").split(","):
        first, dash, last = word.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ConfigError(f"{quote(text)} cannot stand for quiet hours", _QUIET_HINT)
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found.update(day % 7 for day in range(begin, end + (7 if end < begin else 0) + 1))
    return frozenset(found)


def parse_blackout(text: str) -> Blackout:
    """Return the window that `BEGIN/END` stands for, two moments without an offset; raises `ConfigError`."""
    first, _, last = text.strip().partition("/")
    try:
        begin, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
        if len(last) == len("2026-12-27"):  # a day: until its end
            end = datetime.combine(end.date(), time()) + timedelta(days=1)
        if begin.tzinfo is None and end.tzinfo is None and begin < end:
            return Blackout(text.strip(), begin, end)
    except (ValueError, OverflowError):
        pass
    raise ConfigError(f"{quote(text)} cannot stand for a blackout", _BLACKOUT_HINT)
