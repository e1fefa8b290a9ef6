"""What a pass knows of the timer that calls it, and what it leaves in the ledger about time.

What it does: names the timer's schedule by its timetable, finds passes that the timetable wanted and nobody made, and notes a
pass that was skipped or that failed. What it does not: wait. Somebody else's timer says when; its timetable is what
`--every` or `--cron` beside `--once --scheduled` names (installed units do), else the configuration's. Rule: the interval is
counted from the last pass, because a timer is never exactly on time.
"""

from __future__ import annotations

from contextlib import closing, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from warden.cli import compose
from warden.cli.scheduled import configured_timetable
from warden.errors import WardenError
from warden.model.alerts import RUN_FAILED
from warden.model.entry import Batch
from warden.schedule import entries
from warden.schedule.ticks import COUNTED, Due
from warden.schedule.timetable import MILLISECOND, Timetable, build_timetable, count_between, to_ms
from warden.store import schedule

if TYPE_CHECKING:
    from datetime import datetime

    from warden.cli.worker_options import RunOptions
    from warden.config.settings import Settings
    from warden.model.schedule import JobRecord
    from warden.store.sqlite import SqliteLedgerStore

TIMER = "timer"
"""Stands before the timetable in the name of a schedule that somebody else's timer keeps: a worker with the same timetable
counts its own ticks."""


def timer_job(agent: str, table: Timetable | None) -> str:
    """Return the name of the schedule that a timer keeps; without a timetable it is known that there is one, and no more."""
    return entries.job_name(agent, TIMER if table is None else f"{TIMER} {table.text}")


def is_timers(job: JobRecord) -> bool:
    """Return whether a timer keeps this schedule, not a worker that goes on."""
    return job.job.startswith(timer_job(job.agent, None))


def named_timetable(settings: Settings, options: RunOptions) -> Timetable | None:
    """Return the timetable that the command line names, else the configuration's; raises `UsageError`, `ConfigError`."""
    zone_name = options.timezone or settings.schedule.timezone
    return build_timetable(options.every, options.cron, zone_name) or configured_timetable(settings)


def last_seen(store: SqliteLedgerStore, agent: str, job: JobRecord | None) -> datetime | None:
    """Return when a schedule last did anything: a pass that ended, a tick, or the moment from which ticks count."""
    runs = store.read(lambda connection: schedule.read_last_runs(connection, agent))
    seen = [run.at for slot, run in runs.items() if slot == schedule.SCHEDULED]
    return max(seen + ([job.last_at] if job is not None else []), default=None)


def look_for_gap(settings: Settings, options: RunOptions, store: SqliteLedgerStore, now: datetime) -> str:
    """Record the passes that the timetable wanted since the last one, with an alert; returns the name of the schedule.

    The pass that is being made is none of them. With a timetable that was not used last, its ticks count from now on.
    """
    table = named_timetable(settings, options)
    agent, job = settings.agent, timer_job(settings.agent, table)
    if table is None:
        return job
    known = store.read(lambda connection: schedule.read_jobs(connection, agent))
    mine = next((one for one in known if one.job == job), None)
    due = None if mine is None else _last_missed(table, last_seen(store, agent, mine), to_ms(now))
    if due is not None:
        store.commit(Batch(entries.claim(job, agent, due, True)))
    elif mine is None or mine is not known[0]:
        store.commit(Batch(entries.anchor(job, agent, "start")))
    return job


def _last_missed(table: Timetable, last: datetime | None, now: datetime) -> Due | None:
    """Return the last tick that was missed before now, with those before it; None when none was."""
    wanted = None if last is None else table.latest(last, now)
    if last is None or wanted is None:
        return None
    missed = table.latest(last, wanted - MILLISECOND)
    if missed is None:
        return None
    before = count_between(table, last, missed, COUNTED)
    first = table.next_after(last, last) if before else None
    return Due(to_ms(missed), now - missed, before, first, too_late=True)


def record_skip(settings: Settings, options: RunOptions, now: datetime, why: str) -> None:
    """Note a tick at which nothing was to run."""
    now = to_ms(now)
    with closing(compose.open_ledger(settings)) as store:
        job = look_for_gap(settings, options, store, now)
        claimed = entries.claim(job, settings.agent, Due(now, timedelta(0)), False)
        store.commit(Batch((*claimed, entries.finish(job, now, "skipped", 0, why))))


def record_failure(settings: Settings, options: RunOptions, now: datetime, error: WardenError) -> None:
    """Note a tick whose pass failed, with an alert unless that stands; what cannot be noted is left at that."""
    agent, now = settings.agent, to_ms(now)
    with suppress(WardenError), closing(compose.open_ledger(settings)) as store:
        job = look_for_gap(settings, options, store, now)
        told = any(one.code == RUN_FAILED for one in store.read(lambda found: schedule.read_alerts(found, agent)))
        claimed = entries.claim(job, agent, Due(now, timedelta(0)), False)
        store.commit(Batch((*claimed, *entries.ended(job, agent, now, error.exit_status, error.code, told))))
