"""Calendar expressions of five fields, as cron reads them, turned into triggers of APScheduler.

The fields are read here and handed on as plain lists, because APScheduler 3 reads some of them otherwise than cron does: it
counts weekdays from Monday (cron: Sunday is 0 and 7), wants the day of the month *and* the weekday to match when both are
restricted (cron: either), and drops what follows a name (`mon#1`, `jan-mar/2`) without a word. What is not understood here
is refused. Rules: crontab(5) of Vixie cron.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass

from warden.errors import UsageError, quote

EXPRESSION_LIMIT = 100
"""INVARIANT (bounded): characters of an expression; it is part of a schedule's name in the ledger."""
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
HINT = 'write five fields as in crontab(5): minute, hour, day of month, month, weekday ("*/5 * * * *")'
_ITEM = re.compile(r"(?:(\*)|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/([0-9]{1,2}))?")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _Field("weekday", 0, 7, WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Crontab:
    """An expression, as sets of numbers. Weekdays count from Sunday, 0.

    `any_day` and `any_weekday` say that the field begins with `*`: then both have to match, else one of them is enough.
    `any_hour` says that the hour begins with `*`: such a schedule follows real time when clocks change, any other one the
    clock on the wall.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    any_hour: bool
    any_day: bool
    any_weekday: bool

    @property
    def alternatives(self) -> tuple[tuple[str, str], ...]:
        """Return pairs of (days of the month, weekdays) for APScheduler; a moment counts when one of them matches."""
        days = listed(self.days, 31)
        weekdays = ",".join(WEEKDAYS[number] for number in self.weekdays) if len(self.weekdays) < 7 else "*"
        if self.any_day or self.any_weekday:
            return ((days, weekdays),)
        return ((days, "*"), ("*", weekdays))


def parse_crontab(text: str) -> Crontab:
    """Return the expression; raises `UsageError` for anything that cron would not read, or that never comes."""
    if len(text) > EXPRESSION_LIMIT or not text.isascii() or not text.isprintable():
        raise UsageError(f"calendar expression {quote(text)} cannot be used", HINT)
    words = MACROS.get(text.strip().lower(), text).lower().split()
    if len(words) != len(_FIELDS):
        raise UsageError(f"calendar expression {quote(text)} has {len(words)} fields, not 5", HINT)
    minutes, hours, days, months, weekdays = (_parse(field, word) for field, word in zip(_FIELDS, words, strict=True))
    found = Crontab(
        text=" ".join(words),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=tuple(sorted({number % 7 for number in weekdays})),
        any_hour=words[1].startswith("*"),
        any_day=words[2].startswith("*"),
        any_weekday=words[4].startswith("*"),
    )
    if found.any_weekday and not any(day <= _longest(month) for day in found.days for month in found.months):
        raise UsageError(f"calendar expression {quote(text)} never comes", "name a day that one of the months has")
    return found


def _longest(month: int) -> int:
    return calendar.monthrange(2024, month)[1]  # a leap year


def _parse(field: _Field, word: str) -> tuple[int, ...]:
    found: set[int] = set()
    for item in word.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise _refuse(field, item)
        star, first, last, step = match.groups()
        if star is None and last is None and step is not None:
            raise _refuse(field, item)  # `5/10` means different things to different crons
        low = field.low if star else _number(field, item, first)
        high = (6 if field.high == 7 else field.high) if star else _number(field, item, last or first)
        if last == "sun" and high < low:
            high = 7
        if low > high or (step is not None and not 0 < int(step) <= field.high):
            raise _refuse(field, item)
        found.update(range(low, high + 1, int(step or 1)))
    return tuple(sorted(found))


def _number(field: _Field, item: str, word: str) -> int:
    if word in field.names:
        return field.names.index(word) + (field.low if field.names is MONTHS else 0)
    if not word.isdigit() or not field.low <= int(word) <= field.high:
        raise _refuse(field, item)
    return int(word)


def _refuse(field: _Field, item: str) -> UsageError:
    names = f" or {field.names[0]} to {field.names[-1]}" if field.names else ""
    return UsageError(
        f"{quote(item)} cannot stand for a {field.name}",
        f"use `*`, numbers from {field.low} to {field.high}{names}, ranges, lists and steps (`*/5`, `1-5`, `0,30`)",
    )


def listed(numbers: tuple[int, ...], all_of_them: int) -> str:
    """Return a field for APScheduler; it is quickest with `*`, so that stands for a field that has all its numbers."""
    return "*" if len(numbers) == all_of_them else ",".join(map(str, numbers))
