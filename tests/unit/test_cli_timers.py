"""What a pass knows of the timer that calls it: passes that were wanted and not made, and what a failed one leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from warden.cli import compose
from warden.cli.main import run
from warden.cli.schedule_parts import known_timetable, read_health
from warden.cli.timers import last_seen, look_for_gap, record_failure, record_skip
from warden.cli.worker_options import RunOptions
from warden.config.settings import Settings
from warden.errors import HubError
from warden.ledger.entry import parse_entry
from warden.model.entry import Batch, Entry
from warden.model.schedule import JobRecord
from warden.schedule.entries import anchor
from warden.schedule.gate import Gate
from warden.schedule.health import Facts, judge_health
from warden.schedule.timetable import Interval
from warden.store import schedule
from warden.store.sqlite import SqliteLedgerStore
from warden.testing.engine import FixedClock
from warden.testing.ledger import run_finished, run_started

FIVE = RunOptions(once=True, scheduled=True, every="5m")
JOB = "ops-warden timer every 5m"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a home without a configuration."""
    return compose.load_settings(state_dir=tmp_path)


@pytest.fixture
def clock() -> FixedClock:
    """Return a clock that moves when it is told to."""
    return FixedClock()


@pytest.fixture
def store(settings: Settings, clock: FixedClock) -> Iterator[SqliteLedgerStore]:
    """Open the ledger of that home on that clock."""
    store = compose.open_ledger(settings, clock)
    yield store
    store.close()


def make_pass(store: SqliteLedgerStore, settings: Settings, options: RunOptions, clock: FixedClock) -> None:
    """Look for a gap, then make a pass that goes through."""
    look_for_gap(settings, options, store, clock.now())
    started = run_started()
    store.commit(Batch((Entry(started.kind, {**started.fields, "trigger": "scheduled"}),)))
    store.commit(Batch((run_finished(),)))


def jobs(store: SqliteLedgerStore) -> list[JobRecord]:
    """Return what is known of schedules, the one used last first."""
    return list(store.read(lambda connection: schedule.read_jobs(connection, "ops-warden")))


def kinds(store: SqliteLedgerStore) -> list[str]:
    """Return the kinds of all entries that are about time."""
    rows = store.read(lambda connection: connection.execute("SELECT raw FROM entries ORDER BY seq").fetchall())
    found = [parse_entry(row[0]).kind for row in rows]
    return [kind for kind in found if kind.startswith(("tick_", "schedule_", "alert_"))]


def test_a_timer_that_calls_in_time_leaves_one_entry(
    store: SqliteLedgerStore, settings: Settings, clock: FixedClock
) -> None:
    """The first pass says which timetable counts; later ones that come late by less than an interval say nothing."""
    for late_s in (0, 50, -40, 290):
        make_pass(store, settings, FIVE, clock)
        clock.advance(300 + late_s)
    assert kinds(store) == ["schedule_anchored"]
    (job,) = jobs(store)
    assert (job.job, job.missed) == (JOB, 0)
    table = known_timetable(settings, job)
    assert table is not None
    assert table.text == "every 5m"


def test_passes_that_nobody_made_are_counted_and_an_alert(
    store: SqliteLedgerStore, settings: Settings, clock: FixedClock
) -> None:
    """A timer that was off for an hour: eleven were missed, the twelfth is the pass that is made; once, not at each pass."""
    make_pass(store, settings, FIVE, clock)
    clock.advance(3600 + 20)
    make_pass(store, settings, FIVE, clock)
    assert kinds(store)[1:] == ["tick_claimed", "tick_finished", "alert_raised"]
    assert jobs(store)[0].missed == 11
    clock.advance(300)
    make_pass(store, settings, FIVE, clock)
    assert len(kinds(store)) == 4


def test_a_calendar_is_looked_at_by_its_own_ticks(
    store: SqliteLedgerStore, settings: Settings, clock: FixedClock
) -> None:
    """With --cron a tick at night that is none is not missed."""
    daily = RunOptions(once=True, scheduled=True, cron="0 6 * * *", timezone="UTC")
    make_pass(store, settings, daily, clock)
    clock.advance(86400.0)
    make_pass(store, settings, daily, clock)
    assert jobs(store)[0].missed == 0
    clock.advance(3 * 86400.0)
    make_pass(store, settings, daily, clock)
    assert (jobs(store)[0].job, jobs(store)[0].missed) == ("ops-warden timer cron 0 6 * * * UTC", 2)


def test_another_timetable_counts_from_its_first_pass(
    store: SqliteLedgerStore, settings: Settings, clock: FixedClock
) -> None:
    """A worker's ticks in between, or a timer with another interval, are no gap of this one."""
    make_pass(store, settings, FIVE, clock)
    clock.advance(60.0)
    store.commit(Batch(anchor("ops-warden every 1h", "ops-warden", "start")))
    clock.advance(60.0)
    make_pass(store, settings, FIVE, clock)
    assert [job.job for job in jobs(store)] == [JOB, "ops-warden every 1h"]
    clock.advance(1.0)
    make_pass(store, settings, RunOptions(once=True, scheduled=True, every="1m"), clock)
    assert jobs(store)[0].job == "ops-warden timer every 1m"
    assert sum(job.missed for job in jobs(store)) == 0


def test_without_a_timetable_nothing_is_counted(
    store: SqliteLedgerStore, settings: Settings, clock: FixedClock
) -> None:
    """Nobody said how often the timer calls."""
    make_pass(store, settings, RunOptions(once=True, scheduled=True), clock)
    assert kinds(store) == []


def test_a_pass_that_failed_was_made(store: SqliteLedgerStore, settings: Settings, clock: FixedClock) -> None:
    """It is a tick that failed, with one alert while that stands; a skipped one is a tick too. Neither hides an older gap."""
    make_pass(store, settings, FIVE, clock)
    clock.advance(3600.0)
    down = HubError("the hub cannot be reached", "see that it runs")
    record_failure(settings, FIVE, clock.now(), down)
    clock.advance(300.0)
    record_failure(settings, FIVE, clock.now(), down)
    clock.advance(300.0)
    record_skip(settings, FIVE, clock.now(), "quiet hours 22:00-06:00")
    (job,) = jobs(store)
    assert (job.missed, job.failed, job.skipped) == (11, 2, 1)
    assert kinds(store).count("alert_raised") == 2
    assert last_seen(store, "ops-warden", job) == clock.now()


def test_a_quiet_pass_leaves_the_one_at_work_in_peace(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 11 and says nothing that cron would mail; without --quiet it says who is at work."""
    command = ["worker", "run", "--once", "--scheduled", "--every", "5m", "--state-dir", str(tmp_path)]
    with compose.build_locks(settings).hold("cycle-ops-warden", {"run_id": "r1"}):
        assert run([*command, "--quiet"]) == 11
        assert capsys.readouterr() == ("", "")
        assert run(command) == 11
        assert "cycle-ops-warden" in capsys.readouterr().err
    assert not compose.ledger_files(settings).exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--once", "--every", "5m"], "--once and --every exclude each other"),
        (["--once", "--cron", "@daily"], "--once and --cron exclude each other"),
        (["--once", "--scheduled", "--every", "5m", "--jitter", "5s"], "--jitter belongs"),
        (["--once", "--scheduled", "--timezone", "UTC"], "--timezone belongs"),
        (["--once", "--scheduled", "--every", "5m", "--execute"], "--execute and --every exclude each other"),
        (["--once", "--scheduled", "--every", "soon"], "soon"),
    ],
)
def test_flags_of_a_timer_that_make_no_sense_are_refused(
    flags: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, in words."""
    assert run(["worker", "run", *flags, "--state-dir", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_a_timer_that_stopped_is_overdue(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status names the next tick by what the timer said, and `schedule next` counts from the last pass."""
    begun = FixedClock(datetime.now(UTC) - timedelta(hours=1))
    with closing(compose.open_ledger(settings, begun)) as store:
        make_pass(store, settings, FIVE, begun)
    gate = Gate("open")
    health = read_health(settings)
    assert health.next_tick is not None
    assert health.next_tick - timedelta(minutes=5) <= begun.now()
    facts = Facts(datetime.now(UTC), table=Interval(300), last_seen=begun.now(), gate=gate)
    assert [one.code for one in judge_health(facts).problems] == ["tick-overdue"]
    assert run(["schedule", "next", "--count", "1", "--json", "--state-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["schedule"] == "every 5m"
