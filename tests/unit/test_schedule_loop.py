"""The worker's loop on a simulated clock, over a real ledger."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from schedulebed import START, KilledError, ScheduleBed, cron
from warden.errors import ConfigError, TransitionError
from warden.model.entry import Batch
from warden.schedule.entries import anchor, claim, finish
from warden.schedule.loop import PassEnd, Plan
from warden.schedule.quiet import build_quiet
from warden.schedule.ticks import Due
from warden.schedule.timetable import Interval

MINUTE = timedelta(minutes=1)


def test_passes_are_made_in_each_interval() -> None:
    """The first at once, then one a minute; a stop ends the worker with the status that it asks for."""
    bed = ScheduleBed(Interval(60))
    assert bed.run(bed.stop_after(3.5 * MINUTE)) == 143
    assert bed.passes == [START, START + MINUTE, START + 2 * MINUTE, START + 3 * MINUTE]
    assert bed.outcomes() == ["done"] * 4
    assert bed.beats[-1] == ("stopped", None)


def test_a_restart_repeats_nothing_and_loses_nothing() -> None:
    """A worker that starts again between two ticks waits for the next one."""
    bed = ScheduleBed(cron("*/5 * * * *"))
    bed.run(bed.stop_after(6 * MINUTE))
    bed.run(bed.stop_after(6 * MINUTE))
    assert [moment.minute for moment in bed.passes] == [5, 10]


def test_a_tick_of_a_calendar_is_not_lost_before_the_first() -> None:
    """A worker that was started, and was down at its first tick, makes up for it within the grace."""
    bed = ScheduleBed(cron("0 13 * * *"))
    bed.run(bed.stop_after(10 * MINUTE))
    bed.clock.wait(60 * 60)
    bed.run(bed.stop_after(MINUTE))
    assert bed.passes == [START + 70 * MINUTE]


def test_what_was_missed_while_nothing_ran_is_an_alert() -> None:
    """One late pass for all; the ledger says how many were missed, from when, and raises an alert."""
    bed = ScheduleBed(Interval(60))
    bed.run(bed.stop_after(MINUTE / 2))
    bed.clock.wait(10 * 60)
    bed.run(bed.stop_after(MINUTE / 2))
    assert len(bed.passes) == 2
    (_, second) = bed.entries("tick_claimed")
    assert second.fields["missed"] == 9
    (alert,) = bed.entries("alert_raised")
    assert alert.fields["code"] == "schedule-missed"
    assert str(alert.fields["subject"]).startswith("ops-warden: 9 missed from 2026-05-01T12:01:00Z")


def test_a_pass_that_takes_longer_than_its_interval_is_no_fault() -> None:
    """Ticks that come while a pass is made become one with the next; nobody is alerted."""
    bed = ScheduleBed(Interval(60))

    def slow() -> PassEnd:
        bed.clock.wait(150)
        return PassEnd(0)

    bed.make_pass = slow
    bed.run(bed.stop_after(10 * MINUTE))
    assert bed.entries("alert_raised") == []
    assert {entry.fields["missed"] for entry in bed.entries("tick_claimed")} == {0, 1, 2}


def test_a_killed_pass_is_made_again() -> None:
    """The process dies in a pass: the next one claims the same tick a second time, and finishes it."""
    bed = ScheduleBed(cron("0 13 * * *"))

    def die() -> PassEnd:
        raise KilledError

    bed.make_pass = die
    assert bed.run(bed.stop_after(90 * MINUTE)) is None
    bed.make_pass = lambda: PassEnd(0)
    bed.run(bed.stop_after(10 * MINUTE))
    assert [entry.fields["attempt"] for entry in bed.entries("tick_claimed")] == [1, 2]
    assert bed.outcomes() == ["done"]


def test_a_pass_that_kills_its_process_is_given_up() -> None:
    """Three processes die of one tick: it is left, and the next tick says that it was interrupted."""
    bed = ScheduleBed(cron("0 * * * *"))

    def die() -> PassEnd:
        raise KilledError

    bed.make_pass = die
    for _ in range(5):
        bed.run(bed.stop_after(61 * MINUTE if not bed.passes else MINUTE))
    assert len(bed.passes) == 3
    bed.make_pass = lambda: PassEnd(0)
    bed.run(bed.stop_after(60 * MINUTE))
    assert bed.outcomes() == ["interrupted", "done"]


def test_a_failed_pass_is_reported_once_and_the_next_comes() -> None:
    """Each failed pass ends its tick as failed; the alert comes once until one goes through."""
    bed = ScheduleBed(Interval(60))
    ends = iter([PassEnd(1, "hub"), PassEnd(1, "hub"), PassEnd(0), PassEnd(7, "hub-credential"), PassEnd(11, "locked")])
    bed.make_pass = lambda: next(ends)
    bed.run(bed.stop_after(4.5 * MINUTE))
    assert bed.outcomes() == ["failed", "failed", "done", "failed", "locked"]
    assert [entry.fields["subject"] for entry in bed.entries("alert_raised")] == [
        "ops-warden: exit status 1, hub",
        "ops-warden: exit status 7, hub-credential",
    ]


def test_nothing_runs_in_quiet_hours() -> None:
    """Their ticks are recorded as skipped, with the reason."""
    bed = ScheduleBed(Interval(1800), quiet=build_quiet(UTC, ["12:15-13:15"], []))
    bed.run(bed.stop_after(100 * MINUTE))
    assert bed.outcomes() == ["done", "skipped", "skipped", "done"]
    skipped = [entry.fields["reason"] for entry in bed.entries("tick_finished") if entry.fields["outcome"] == "skipped"]
    assert set(skipped) == {"quiet hours 12:15-13:15"}
    assert len(bed.passes) == 2


def test_jitter_delays_passes_and_not_ticks() -> None:
    """With a draw of a half and 20 seconds of jitter, passes come ten seconds after their ticks."""
    bed = ScheduleBed(cron("* * * * *"), jitter_s=20.0)
    bed.run(bed.stop_after(3.5 * MINUTE))
    assert [moment.second for moment in bed.passes] == [10, 10, 10]
    assert {entry.fields["late_ms"] for entry in bed.entries("tick_claimed")} == {10_000}


def test_a_clock_that_is_set_back_starts_the_counting_anew() -> None:
    """An hour back: with an alert, and no tick of the hour that comes again is claimed twice."""
    bed = ScheduleBed(cron("*/10 * * * *"))
    stop = bed.stop_after(240 * MINUTE)
    stop.events.append((START + 65 * MINUTE, lambda: setattr(bed.clock, "offset", timedelta(hours=-1))))
    bed.run(stop)
    ticks = [entry.fields["scheduled_ms"] for entry in bed.entries("tick_claimed")]
    assert len(ticks) == len(set(ticks)) == 17
    assert [entry.fields["code"] for entry in bed.entries("alert_raised")] == ["clock-stepped"]


def test_a_reload_changes_the_schedule() -> None:
    """After SIGHUP the new timetable counts; a configuration that does not hold leaves the old one."""
    bed = ScheduleBed(Interval(600))
    answers: list[Plan | ConfigError] = [
        ConfigError("no", ""),
        Plan("ops-warden", Interval(60), bed.grace, 0.0, bed.quiet),
    ]

    def reload() -> Plan:
        answer = answers.pop(0)
        if isinstance(answer, ConfigError):
            raise answer
        return answer

    bed.reload = reload
    stop = bed.stop_after(5.5 * MINUTE)
    for minute in (1, 2):
        stop.events.append((START + minute * MINUTE, lambda: setattr(stop, "reload", True)))
    bed.run(stop)
    assert [error.message for error in bed.told] == ["no"]
    assert [moment.minute for moment in bed.passes] == [0, 2, 3, 4, 5]


def test_a_ledger_that_cannot_be_written_delays_the_pass() -> None:
    """Nothing is done that cannot be recorded; the tick is claimed when it can be."""
    bed = ScheduleBed(Interval(3600))
    bed.store.close()
    bed.run(bed.stop_after(MINUTE))
    assert bed.passes == []
    assert bed.told


def test_two_workers_never_make_one_tick() -> None:
    """A tick that somebody else claimed meanwhile is left to them."""
    bed = ScheduleBed(Interval(60))
    bed.run(bed.stop_after(MINUTE / 2))
    stop = bed.stop_after(2 * MINUTE)
    tick = Due(START + MINUTE, timedelta(0))
    job = bed.plan.job

    def other() -> None:
        bed.store.commit(Batch((*claim(job, "ops-warden", tick, False), finish(job, tick.scheduled, "done", 0, ""))))

    stop.events.append((START + MINUTE, other))
    bed.run(stop)
    assert bed.passes == [START, START + 2 * MINUTE]


@pytest.mark.parametrize("again", [1, 2, 4])
def test_the_ledger_refuses_a_second_claim(again: int) -> None:
    """A tick that ended cannot be claimed again under any number, and cannot end twice."""
    bed = ScheduleBed(Interval(60))
    bed.run(bed.stop_after(MINUTE / 2))
    with pytest.raises(TransitionError):
        bed.store.commit(Batch(claim(bed.plan.job, "ops-warden", Due(START, timedelta(0), attempt=again), False)))
    with pytest.raises(TransitionError):
        bed.store.commit(Batch((finish(bed.plan.job, START, "done", 0, ""),)))


def test_an_anchor_is_where_ticks_begin_to_count() -> None:
    """A schedule that was anchored is known, and has no tick yet."""
    bed = ScheduleBed(cron("@daily"))
    bed.store.commit(Batch(anchor(bed.plan.job, "ops-warden", "start")))
    bed.run(bed.stop_after(MINUTE))
    assert bed.passes == []
    assert len(bed.entries("schedule_anchored")) == 1


def test_onlookers_are_served_when_the_end_is_recorded() -> None:
    """After each tick, and not before its end is in the ledger: what they are told is what the ledger says."""
    bed = ScheduleBed(Interval(60), make_pass=lambda: PassEnd(1, "hub-unreachable"))
    outcomes_after: list[int] = []
    bed.after_tick = lambda: outcomes_after.append(len(bed.outcomes()))
    bed.run(bed.stop_after(2.5 * MINUTE))
    assert bed.outcomes() == ["failed"] * 3
    assert outcomes_after == [1, 2, 3]
