"""Calendar expressions as cron reads them, and nothing that would mean something else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warden.errors import UsageError
from warden.schedule.crontab import parse_crontab
from warden.schedule.interval import LONGEST_S, parse_interval, to_words
from warden.schedule.timetable import (
    Calendar,
    Interval,
    build_timetable,
    count_between,
    next_ticks,
    read_zone,
    to_ms,
)

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = datetime(2026, 3, 1, tzinfo=UTC)


def calendar(text: str, zone: str = "UTC") -> Calendar:
    """Return the timetable of an expression."""
    return Calendar(parse_crontab(text), read_zone(zone), zone)


def walls(text: str, start: datetime, count: int, zone: str = "Europe/Berlin") -> list[str]:
    """Return the next ticks after `start` on the clock on the wall."""
    ticks = next_ticks(calendar(text, zone), None, start.astimezone(UTC), count)
    return [tick.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M%z") for tick in ticks]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1", 1), ("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86400), ("7d", LONGEST_S)]
)
def test_an_interval_is_seconds_minutes_hours_or_days(text: str, seconds: int) -> None:
    """A number with a unit, or of seconds without one; its words are read back as the same."""
    assert parse_interval(text) == seconds
    assert parse_interval(to_words(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "1.5h", "5 m", "m", "8d", "1w", "٣s", "5m\n", "999999999"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    """Everything else is a usage error that says what would be one."""
    with pytest.raises(UsageError) as raised:
        parse_interval(text)
    assert "5m" in raised.value.hint


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0 0 * * 0", {6}),
        ("0 0 * * 7", {6}),
        ("0 0 * * sun", {6}),
        ("0 0 * * 1-5", {0, 1, 2, 3, 4}),
        ("0 0 * * mon-fri", {0, 1, 2, 3, 4}),
        ("0 0 * * fri-sun", {4, 5, 6}),
        ("0 0 * * 5-7", {4, 5, 6}),
        ("0 0 * * SAT,SUN", {5, 6}),
        ("0 0 * * */2", {6, 1, 3, 5}),
        ("@weekly", {6}),
    ],
)
def test_weekdays_count_from_sunday(text: str, days: set[int]) -> None:
    """0 and 7 are Sunday, as in cron; names and numbers mean the same days (Monday is 0 in the result)."""
    ticks = next_ticks(calendar(text), None, SUNDAY, 14)
    assert {tick.weekday() for tick in ticks} == days


def test_day_of_month_and_weekday_are_alternatives() -> None:
    """With both restricted either is enough, as crontab(5) says."""
    ticks = next_ticks(calendar("0 0 13 * fri"), None, SUNDAY, 6)
    assert [(tick.day, tick.strftime("%a")) for tick in ticks] == [
        (6, "Fri"),
        (13, "Fri"),
        (20, "Fri"),
        (27, "Fri"),
        (3, "Fri"),
        (10, "Fri"),
    ]
    assert any(
        tick.day == 13 and tick.weekday() != 4 for tick in next_ticks(calendar("0 0 13 * fri"), None, SUNDAY, 20)
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "a * * * *",
        "*/0 * * * *",
        "*/99 * * * *",
        "5-1 * * * *",
        "5/10 * * * *",
        "0 0 * * mon#1",
        "0 0 * jan-mar/2/3 *",
        "0 0 L * *",
        "0 0 last * *",
        "0 0 31 2 *",
        "0 0 31 4,6,9,11 *",
        "0 0 * * sun-mon-tue",
        "1,,2 * * * *",
        "-1 * * * *",
        "* * * * \x00",
        "٣ * * * *",
        "@reboot",
        "0 " * 60,
        "* * * * *\ud800",
    ],
)
def test_what_cron_would_not_read_is_refused(text: str) -> None:
    """Nothing is shifted, dropped or guessed: a usage error says what may be written."""
    with pytest.raises(UsageError):
        parse_crontab(text)


def test_a_step_over_names_is_kept() -> None:
    """`jan-jul/3` is January, April and July."""
    assert parse_crontab("0 0 1 jan-jul/3 *").months == (1, 4, 7)


NUMBERS = st.integers(0, 59)


@given(
    st.sets(NUMBERS, min_size=1, max_size=5),
    st.sets(st.integers(0, 23), min_size=1, max_size=4),
    st.integers(0, 500_000),
)
def test_every_minute_that_matches_is_a_tick(minutes: set[int], hours: set[int], offset: int) -> None:
    """Against looking at every minute of two days: the ticks are exactly those whose minute and hour are listed."""
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=offset)
    table = calendar(f"{','.join(map(str, minutes))} {','.join(map(str, hours))} * * *")
    wanted = [
        moment
        for step in range(1, 2880)
        if (moment := start + timedelta(minutes=step)).minute in minutes and moment.hour in hours
    ]
    assert next_ticks(table, None, start, len(wanted)) == wanted


def test_a_time_that_clocks_jump_over_comes_later_once() -> None:
    """2:30 does not exist on the day in spring: the tick comes at 3:30, and two that fall together come once."""
    night = datetime(2026, 3, 28, 12, tzinfo=BERLIN)
    assert walls("30 2 * * *", night, 2) == ["03-29 03:30+0200", "03-30 02:30+0200"]
    assert walls("15,45 2,3 * * *", night, 3) == ["03-29 03:15+0200", "03-29 03:45+0200", "03-30 02:15+0200"]


def test_a_fixed_time_that_clocks_repeat_comes_once() -> None:
    """2:30 comes twice on the day in autumn: the tick comes at the first."""
    night = datetime(2026, 10, 24, 12, tzinfo=BERLIN)
    assert walls("30 2 * * *", night, 2) == ["10-25 02:30+0200", "10-26 02:30+0100"]
    assert walls("*/20 2 * * *", night, 4) == [
        "10-25 02:00+0200",
        "10-25 02:20+0200",
        "10-25 02:40+0200",
        "10-26 02:00+0100",
    ]


def test_every_hour_follows_real_time() -> None:
    """A schedule for all hours is even in real time on both days."""
    for day in (datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)):
        ticks = next_ticks(calendar("*/30 * * * *", "Europe/Berlin"), None, day.astimezone(UTC), 20)
        assert {second - first for first, second in pairwise(ticks)} == {timedelta(minutes=30)}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
@pytest.mark.parametrize("text", ["*/7 * * * *", "30 2 * * *", "0 */2 * * *", "59 23 * * 0", "0 0 29 2 *"])
def test_ticks_go_forward_and_stay_where_they_are(zone: str, text: str) -> None:
    """Each tick is after the last; asked from any moment between two ticks, the answer is the second."""
    table = calendar(text, zone)
    for start in (
        datetime(2026, 3, 27, tzinfo=UTC),
        datetime(2026, 10, 3, tzinfo=UTC),
        datetime(2026, 10, 31, tzinfo=UTC),
    ):
        ticks = next_ticks(table, None, start, 60 if "29 2" not in text else 2)
        for first, second in pairwise(ticks):
            assert first < second
            assert table.next_after(start, second - timedelta(microseconds=1)) == second
            assert table.latest(first, second) == second
            assert table.latest(first, second - timedelta(microseconds=1)) is None


def test_the_latest_tick_is_found_far_back() -> None:
    """After two years of silence the latest tick of a yearly schedule is the last one that was."""
    table = calendar("0 0 1 1 *")
    last, now = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
    assert table.latest(last, now) == datetime(2026, 1, 1, tzinfo=UTC)
    assert count_between(table, last, datetime(2026, 1, 1, tzinfo=UTC), 100) == 5
    assert count_between(table, last, datetime(2026, 1, 1, tzinfo=UTC), 3) == 3


def test_a_calendar_ends_with_the_years() -> None:
    """Where no tick comes before the last year that there is, there is none."""
    assert calendar("0 0 1 1 *").next_after(SUNDAY, datetime(9999, 6, 1, tzinfo=UTC)) is None


@given(st.integers(1, 100_000), st.integers(-(10**9), 10**9))
def test_an_interval_goes_on_from_the_last_tick(seconds: int, offset_ms: int) -> None:
    """The next tick is after the moment and whole intervals from the last; the latest is not after it."""
    last = datetime(2026, 1, 1, tzinfo=UTC)
    moment = last + timedelta(milliseconds=offset_ms)
    table, step = Interval(seconds), timedelta(seconds=seconds)
    following = table.next_after(last, moment)
    assert timedelta(0) < following - moment <= step
    assert (following - last) % step == timedelta(0)
    latest = table.latest(last, moment)
    if latest is None:
        assert moment < last + step
    else:
        assert moment - step < latest <= moment
        assert count_between(table, last, latest, 10**12) == (latest - last) // step - 1


def test_a_timetable_is_built_from_one_of_two() -> None:
    """An interval or an expression, not both; a zone that is unknown is refused."""
    assert build_timetable(None, None, "UTC") is None
    interval = build_timetable("5m", None, "UTC")
    assert interval is not None
    assert interval.text == "every 5m"
    found = build_timetable(None, "*/5  * * * *", "Europe/Berlin")
    assert found is not None
    assert found.text == "cron */5 * * * * Europe/Berlin"
    for arguments in (
        ("5m", "* * * * *", "UTC"),
        (None, "* * * * *", "Mars/Base"),
        (None, "* * * * *", "../etc/passwd"),
    ):
        with pytest.raises(UsageError):
            build_timetable(*arguments)


def test_moments_are_kept_to_the_millisecond() -> None:
    """What an entry cannot hold is cut off before it is compared."""
    assert to_ms(datetime(2026, 1, 1, 0, 0, 0, 123_999, UTC)).microsecond == 123_000
