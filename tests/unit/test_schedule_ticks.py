"""What is done about time is a pure function of timetable, last tick and now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from warden.errors import ConfigError
from warden.model.schedule import JobRecord
from warden.schedule.crontab import parse_crontab
from warden.schedule.entries import claim, ended, job_name, missed_text
from warden.schedule.quiet import build_quiet
from warden.schedule.ticks import ATTEMPTS, COUNTED, Anchor, Due, Moment, Wait, decide
from warden.schedule.timetable import Calendar, Interval, Timetable, read_zone

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
EVERY = Interval(60)


def job(last: datetime, outcome: str = "done", attempt: int = 1) -> JobRecord:
    """Return where a schedule stands."""
    return JobRecord("j", "a", last, outcome, attempt)


def look(
    last: JobRecord | None,
    now: datetime,
    table: Timetable = EVERY,
    delay: timedelta = timedelta(0),
    claimed: Callable[[datetime], bool] = lambda tick: False,
) -> object:
    """Decide with a grace of an hour."""
    return decide(table, last, Moment(now, delay, HOUR), claimed)


def test_an_interval_begins_at_once() -> None:
    """The first tick of an interval is now; a calendar counts from now on and its first tick is still to come."""
    assert look(None, NOON) == Due(NOON, timedelta(0))
    assert look(None, NOON, Calendar(parse_crontab("@daily"), UTC, "UTC")) == Anchor("start")


def test_nothing_is_due_between_ticks() -> None:
    """Until the next tick there is nothing to do, and how long is said."""
    assert look(job(NOON), NOON) == Wait(NOON + MINUTE)
    assert look(job(NOON), NOON + timedelta(seconds=59)) == Wait(NOON + MINUTE)
    assert look(job(NOON), NOON + MINUTE) == Due(NOON + MINUTE, timedelta(0))


def test_missed_ticks_become_one() -> None:
    """After five minutes the last tick is due, late by half a minute, and four before it are counted."""
    late = timedelta(seconds=30)
    found = look(job(NOON), NOON + 5 * MINUTE + late)
    assert found == Due(NOON + 5 * MINUTE, late, missed=4, missed_from=NOON + MINUTE)
    assert isinstance(found, Due)
    assert missed_text(found) == "4 missed from 2026-05-01T12:01:00Z to 2026-05-01T12:05:00Z"


def test_a_tick_beyond_the_grace_is_recorded_and_not_made_up_for() -> None:
    """A daily tick that is two hours late is too late."""
    table = Calendar(parse_crontab("0 12 * * *"), UTC, "UTC")
    found = look(job(NOON - timedelta(days=1)), NOON + 2 * HOUR, table)
    assert found == Due(NOON, 2 * HOUR, too_late=True)
    assert isinstance(found, Due)
    kinds = [
        (entry.kind, entry.fields.get("outcome"), entry.fields.get("code")) for entry in claim("j", "a", found, False)
    ]
    assert kinds == [
        ("tick_claimed", None, None),
        ("tick_finished", "missed", None),
        ("alert_raised", None, "schedule-missed"),
    ]


def test_an_interrupted_tick_is_made_again_within_the_grace() -> None:
    """Its process died: it is claimed again, a bounded number of times, and not when it is too old."""
    soon = NOON + timedelta(seconds=20)
    assert look(job(NOON, ""), soon) == Due(NOON, timedelta(seconds=20), attempt=2)
    assert look(job(NOON, "", ATTEMPTS), soon) == Wait(NOON + MINUTE)
    daily = Calendar(parse_crontab("0 12 * * *"), UTC, "UTC")
    assert look(job(NOON, ""), NOON + 2 * HOUR, daily) == Wait(NOON + timedelta(days=1))


def test_an_interrupted_tick_ends_with_the_next() -> None:
    """When a later tick is due, the interrupted one is over, and both are written."""
    found = look(job(NOON, ""), NOON + MINUTE)
    assert found == Due(NOON + MINUTE, timedelta(0), interrupted=NOON)
    assert isinstance(found, Due)
    first, second = claim("j", "a", found, False)
    assert (first.kind, first.fields["outcome"], second.kind) == ("tick_finished", "interrupted", "tick_claimed")


def test_a_clock_that_is_set_back_starts_the_counting_anew() -> None:
    """An hour back is a step; half a minute is the clock being slewed, and is waited for."""
    assert look(job(NOON), NOON - HOUR) == Anchor("clock-stepped")
    assert look(job(NOON), NOON - timedelta(seconds=30)) == Wait(NOON + MINUTE)


def test_a_tick_that_was_claimed_before_is_not_claimed_again() -> None:
    """After the clock was set back, a tick that was made before the step is passed over."""
    assert look(job(NOON), NOON + MINUTE, claimed=lambda tick: tick == NOON + MINUTE) == Wait(NOON + 2 * MINUTE)


def test_jitter_delays_a_tick_without_changing_it() -> None:
    """With a delay of ten seconds the tick of 12:01 is due at 12:01:10, and is late by that; jitter is no step of the clock."""
    delay = timedelta(seconds=10)
    assert look(job(NOON), NOON + MINUTE, delay=delay) == Wait(NOON + MINUTE)
    assert look(job(NOON), NOON + MINUTE + delay, delay=delay) == Due(NOON + MINUTE, delay)
    assert look(job(NOON), NOON + timedelta(seconds=1), delay=HOUR) == Wait(NOON + MINUTE)


def test_a_year_of_silence_is_counted_no_further_than_needed() -> None:
    """The number of missed ticks is bounded and says that it is."""
    found = look(job(NOON), NOON + timedelta(days=365), Calendar(parse_crontab("* * * * *"), UTC, "UTC"))
    assert isinstance(found, Due)
    assert found.missed == COUNTED
    assert missed_text(found).startswith("10000 or more missed")


def test_a_failure_is_an_alert_once() -> None:
    """The tick of a failed pass ends as failed; the alert comes with the first of several failures."""
    first, alert = ended("j", "a", NOON, 1, "hub", told=False)
    assert (first.fields["outcome"], alert.fields["code"]) == ("failed", "run-failed")
    assert [entry.fields["outcome"] for entry in ended("j", "a", NOON, 1, "hub", told=True)] == ["failed"]
    assert [entry.fields["outcome"] for entry in ended("j", "a", NOON, 11, "locked", told=False)] == ["locked"]
    assert [entry.fields["outcome"] for entry in ended("j", "a", NOON, 3, "deadline", told=False)] == ["partial"]


def test_a_schedule_has_a_name_that_fits() -> None:
    """A name that would be too long for an entry is replaced by its digest."""
    assert job_name("a", "every 5m") == "a every 5m"
    assert job_name("a" * 128, "x" * 200).startswith("sha256:")


BERLIN = read_zone("Europe/Berlin")


def local(text: str) -> datetime:
    """Return a moment on the wall in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("window", "quiet", "loud"),
    [
        (
            "22:00-06:00",
            ["2026-05-01T22:00", "2026-05-02T05:59", "2026-05-01T00:00"],
            ["2026-05-01T21:59", "2026-05-01T06:00"],
        ),
        ("fri 22:00-06:00", ["2026-05-01T23:00", "2026-05-02T01:00"], ["2026-05-02T23:00", "2026-05-01T01:00"]),
        ("sat,sun 00:00-24:00", ["2026-05-02T00:00", "2026-05-03T23:59"], ["2026-05-01T23:59", "2026-05-04T00:00"]),
        ("fri-mon 12:00-13:00", ["2026-05-01T12:00", "2026-05-04T12:30"], ["2026-05-05T12:00"]),
        ("sun 23:00-01:00", ["2026-05-03T23:00", "2026-05-04T00:59"], ["2026-05-04T01:00", "2026-05-03T00:30"]),
        ("02:00-03:00", ["2026-10-25T02:30"], ["2026-10-25T03:00"]),
    ],
)
def test_quiet_hours_are_read_on_the_wall(window: str, quiet: list[str], loud: list[str]) -> None:
    """They cross midnight, belong to the weekday on which they begin, and follow the zone's clock."""
    found = build_quiet(BERLIN, [window], [])
    assert all(found.reason(local(moment)) == f"quiet hours {window}" for moment in quiet)
    assert not any(found.reason(local(moment)) for moment in loud)


def test_a_blackout_comes_once() -> None:
    """From its begin to before its end; an end without a time is the end of that day."""
    found = build_quiet(BERLIN, [], ["2026-12-24T18:00/2026-12-27T08:00", "2027-01-01/2027-01-01"])
    assert found.reason(local("2026-12-24T18:00")) == "blackout 2026-12-24T18:00/2026-12-27T08:00"
    assert found.reason(local("2026-12-27T08:00")) == ""
    assert found.reason(local("2027-01-01T23:59"))
    assert found.reason(local("2027-01-02T00:00")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "22:00",
        "24:00-01:00",
        "22:00-22:00",
        "22:60-23:00",
        "22:00-24:01",
        "xyz 22:00-23:00",
        "mon- 1:00-2:00",
        "fri 22:00-06:00 x",
    ],
)
def test_odd_quiet_hours_are_refused(text: str) -> None:
    """What cannot be read is a fault of the configuration, with an example of what can."""
    with pytest.raises(ConfigError) as raised:
        build_quiet(UTC, [text], [])
    assert "22:00-06:00" in raised.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x/y",
        "2026-12-24",
        "2026-12-24/2026-12-23",
        "2026-12-24T18:00+01:00/2026-12-25T18:00+01:00",
        "9999-12-31/9999-12-31",
    ],
)
def test_odd_blackouts_are_refused(text: str) -> None:
    """An end before the begin, an offset, or no moments at all."""
    with pytest.raises(ConfigError):
        build_quiet(UTC, [], [text])


def test_there_is_a_bound_on_windows() -> None:
    """Hundreds of windows are no configuration."""
    with pytest.raises(ConfigError):
        build_quiet(UTC, ["22:00-23:00"] * 257, [])
