"""What the commands about unattended running share: what a pass would be judged under now, and the read model of health."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from warden.cli import compose
from warden.cli.run_parts import read_documents
from warden.cli.schedule_gate import PresentParts
from warden.cli.scheduled import configured_timetable
from warden.cli.timers import TIMER, last_seen, timer_job
from warden.config.policy_files import policy_files_digest
from warden.config.settings import Settings
from warden.errors import GateError, HubError, UsageError
from warden.model.schedule import Basis, Scope
from warden.model.watch import Standing
from warden.schedule import health
from warden.schedule.gate import NOT_ENABLED, Gate, judge_gate
from warden.schedule.timetable import Timetable, build_timetable
from warden.store import schedule, watch
from warden.store.heartbeat import heartbeat_path, read_heartbeat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warden.model.schedule import Enabled, JobRecord
    from warden.store.sqlite import SqliteLedgerStore


STATUS_WINDOW = timedelta(days=1)
"""How far back alerts are counted."""


@dataclass(frozen=True, slots=True)
class Footing:
    """What a pass would be judged under now, and at which hub."""

    scope: Scope
    basis: Basis
    policy_files_digest: str


def read_footing(settings: Settings) -> Footing:
    """Return what unattended running would stand on; the policies are loaded and the hub is asked who it is.

    Raises `GateError` when the policies in force are not those of the policy directory, `HubError`, `CharterError`.
    """
    documents = read_documents(settings)
    present = PresentParts(settings, documents)
    basis = present.basis()
    if documents.kernel.alerts():
        raise GateError("the policies in force are not those of the policy directory", "run `warden policy check`")
    scope = Scope(settings.agent, ask_hub_id(settings))
    return Footing(scope, basis, policy_files_digest(settings, present.charter_digest))


def ask_hub_id(settings: Settings) -> str:
    """Return the identity of the configured hub; raises `HubError`."""
    hub = compose.open_hub(settings)
    try:
        return hub.traits().hub_id
    finally:
        hub.close()


@contextmanager
def reading_if_any(settings: Settings) -> Iterator[SqliteLedgerStore | None]:
    """Open the ledger for reading; None when there is none yet."""
    if not compose.ledger_files(settings).exists():
        yield None
        return
    store = compose.read_ledger(settings)
    try:
        yield store
    finally:
        store.close()


def present_gate(settings: Settings, store: SqliteLedgerStore, ask_hub: bool = True) -> tuple[Gate, Enabled | None]:
    """Return the gate as a pass would find it now, without writing anything.

    When the hub is not asked or cannot say who it is, the only gate that there is is taken to be the one.
    """
    gates = store.read(lambda connection: schedule.read_gates(connection, settings.agent))
    if not gates:
        return NOT_ENABLED, None
    try:
        hub_id = ask_hub_id(settings) if ask_hub else (gates[0].scope.hub_id if len(gates) == 1 else "")
        enabled = next((gate for gate in gates if gate.scope.hub_id == hub_id), None)
    except HubError:
        enabled = gates[0] if len(gates) == 1 else None
    return judge_gate(enabled, PresentParts(settings, read_documents(settings))), enabled


def read_health(settings: Settings, ask_hub: bool = True) -> health.Health:
    """Return how unattended running is; raises what opening the ledger and reading the documents raise."""
    beat = read_heartbeat(heartbeat_path(settings.state_dir, settings.agent))
    worker = None
    if beat is not None:
        try:
            worker = health.WorkerSign(beat.state, datetime.fromisoformat(beat.at), timedelta(seconds=beat.every_s))
        except (ValueError, OverflowError):
            worker = None
        if worker is not None and worker.at.tzinfo is None:
            worker = None
    now = compose.build_clock().now().astimezone(UTC)
    with reading_if_any(settings) as store:
        if store is None:
            return health.judge_health(health.Facts(now, worker=worker))
        gate, _ = present_gate(settings, store, ask_hub)
        runs = store.read(lambda connection: schedule.read_last_runs(connection, settings.agent))
        jobs = store.read(lambda connection: schedule.read_jobs(connection, settings.agent))
        alerts = store.read(lambda connection: schedule.read_alerts(connection, settings.agent))
        job = next(iter(jobs), None)
        seen = last_seen(store, settings.agent, job)
    table = known_timetable(settings, job)
    return health.judge_health(
        health.Facts(
            now=now,
            runs=runs,
            job=job,
            table=table,
            alerts=alerts,
            gate=gate,
            worker=worker,
            jitter=timedelta(seconds=settings.schedule.jitter_s),
            last_seen=seen,
        )
    )


def read_standing(settings: Settings, now: datetime) -> Standing:
    """Return what waits and what was counted, with the alerts of the last day; raises what opening the ledger raises."""
    since = now - STATUS_WINDOW
    with reading_if_any(settings) as store:
        if store is None:
            return Standing(alerts_since=since)
        return store.read(lambda connection: watch.read_standing(connection, settings.agent, since))


def known_timetable(settings: Settings, job: JobRecord | None) -> Timetable | None:
    """Return the timetable of the schedule that was used last, else the one that the configuration names, else None."""
    if job is not None and job.job != timer_job(settings.agent, None):
        found = timetable_of(job.job.removeprefix(f"{settings.agent} ").removeprefix(f"{TIMER} "))
        if found is not None:
            return found
    return configured_timetable(settings)


def timetable_of(text: str) -> Timetable | None:
    """Return the timetable that its own words name: `every 5m`, `cron */5 * * * * UTC`; None for other words."""
    kind, _, rest = text.partition(" ")
    try:
        if kind == "every":
            return build_timetable(rest, None, "UTC")
        fields, _, zone = rest.rpartition(" ")
        return build_timetable(None, fields, zone) if kind == "cron" else None
    except UsageError:
        return None
