"""A month of every-minute ticks on a simulated clock: restarts, kills, steps of the clock, both changes to summer time."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from schedulebed import KilledError, ScheduleBed, SimulatedClock, SimulatedStop, cron
from warden.schedule.entries import EPOCH
from warden.schedule.loop import PassEnd

MINUTE = timedelta(minutes=1)
DAYS = 15
CHANGES = {"spring": datetime(2026, 3, 22, tzinfo=UTC), "autumn": datetime(2026, 10, 18, tzinfo=UTC)}
STEPS = (
    timedelta(seconds=20),
    timedelta(seconds=-20),
    timedelta(minutes=7),
    timedelta(minutes=-7),
    timedelta(hours=-2),
)


def live(bed: ScheduleBed, drawn: random.Random, end: datetime) -> Counter[str]:
    """Let workers live one after the other until `end` (true time); returns what happened to them."""
    happened: Counter[str] = Counter()

    def make_pass() -> PassEnd:
        bed.clock.wait(drawn.choice((0.2, 0.5, 3.0, 40.0, 90.0)) if drawn.random() < 0.02 else 0.2)
        if drawn.random() < 0.001:
            happened["killed"] += 1
            raise KilledError
        return PassEnd(1, "hub") if drawn.random() < 0.01 else PassEnd(0)

    def step() -> None:
        bed.clock.offset += drawn.choice(STEPS)
        happened["stepped"] += 1

    bed.make_pass = make_pass
    while bed.clock.true < end:
        length = timedelta(minutes=drawn.choice((3, 60, 500, 1500)))
        stop = SimulatedStop(bed.clock, min(bed.clock.true + length, end))
        if drawn.random() < 0.4:
            stop.events.append((bed.clock.true + length * drawn.random(), step))
        bed.run(stop)
        happened["lives"] += 1
        if drawn.random() < 0.3:
            bed.clock.wait(drawn.choice((5, 61, 600, 4000)))
            happened["down"] += 1
    return happened


def account(bed: ScheduleBed) -> tuple[Counter[datetime], set[datetime], int]:
    """Return how often each tick was carried out to its end, which ticks the ledger accounts for, and how many it missed."""
    ended: Counter[datetime] = Counter()
    known: set[datetime] = set()
    missed = 0
    for entry in bed.entries("tick_claimed", "tick_finished"):
        fields = entry.fields
        tick = EPOCH + timedelta(milliseconds=int(str(fields["scheduled_ms"])))
        known.add(tick)
        if entry.kind == "tick_finished":
            ended[tick] += fields["outcome"] != "missed"
            continue
        missed += int(str(fields["missed"]))
        if fields["missed_from_ms"] is not None:
            first = EPOCH + timedelta(milliseconds=int(str(fields["missed_from_ms"])))
            known.update(first + number * MINUTE for number in range((tick - first) // MINUTE))
    return ended, known, missed


@pytest.mark.slow
@pytest.mark.parametrize("season", sorted(CHANGES))
def test_no_tick_is_lost_and_none_is_repeated(season: str) -> None:
    """Half a month of minutes: every minute that the clock showed or jumped over is in the ledger as claimed or as missed, and
    no tick ended twice."""
    start = CHANGES[season]
    bed = ScheduleBed(cron("* * * * *", "Europe/Berlin"), SimulatedClock(start))
    happened = live(bed, random.Random(f"soak {season}"), start + timedelta(days=DAYS))
    ended, known, missed = account(bed)
    last = max(known)
    wanted = {start + number * MINUTE for number in range(1, (last - start) // MINUTE + 1)}
    assert wanted - known == set(), "lost"
    assert [tick for tick, times in ended.items() if times > 1] == [], "repeated"
    assert last >= bed.clock.now() - 2 * MINUTE - timedelta(hours=1.2)
    assert min(happened["killed"], happened["stepped"], happened["down"]) > 5
    assert missed > 100
    assert len(ended) > DAYS * 1440 * 0.8


def test_a_daily_tick_comes_once_on_each_day_of_both_changes() -> None:
    """2:30 in Berlin, over the day without it and the day with two of it: one pass a day."""
    for start in CHANGES.values():
        bed = ScheduleBed(cron("30 2 * * *", "Europe/Berlin"), SimulatedClock(start))
        bed.run(bed.stop_after(timedelta(days=DAYS)))
        assert len(bed.passes) == DAYS
        assert set(bed.outcomes()) == {"done"}
        assert {when.date() for when in bed.passes} == {(start + timedelta(days=day)).date() for day in range(DAYS)}
