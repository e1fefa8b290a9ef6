"""`warden status`: is unattended running well? Exit status 0 says yes, 1 no."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime

from warden.cli import compose
from warden.cli.flags import AgentFlag, CatalogFlag, ConfigFlag, HubFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json
from warden.cli.policy_output import table
from warden.cli.schedule_parts import read_health, read_standing
from warden.errors import EXIT_DONE, EXIT_FAILED
from warden.model.schedule import RunRecord
from warden.model.watch import Standing
from warden.schedule.entries import to_text
from warden.schedule.health import Health, WorkerSign

SCHEMA = "warden.status/1"
BACKLOG = ("dead", "quarantined", "held", "failed", "escalated")
"""The open dispositions, worst first."""

app = new_app("Say whether unattended running is well; exit 1 when it is not.")


@app.command()
def status(
    agent: AgentFlag = None,
    hub: HubFlag = None,
    catalog: CatalogFlag = None,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Show the last run, the last good one, the next tick, the gate, what waits and what is wrong; exit 1 when something is.

    With --quiet nothing is printed: the exit status is the answer.
    """
    settings = compose.load_settings(config, state_dir, hub, agent, catalog)
    health = read_health(settings)
    if quiet and not as_json:
        return EXIT_DONE if health.healthy else EXIT_FAILED
    now = compose.build_clock().now()
    standing = read_standing(settings, now)
    if as_json:
        print_json(
            {
                "schema": SCHEMA,
                "agent": settings.agent,
                **to_document(health),
                **standing_document(standing),
                "worker": worker_document(health, now),
            }
        )
    else:
        sys.stdout.writelines(line + "\n" for line in to_lines(health, standing, now))
    return EXIT_DONE if health.healthy else EXIT_FAILED


def to_document(health: Health) -> dict[str, object]:
    """Return how unattended running is, as JSON values."""
    worker = health.worker
    return {
        "healthy": health.healthy,
        "problems": [{"code": one.code, "text": one.text, "advice": one.advice} for one in health.problems],
        "last_run": _run_document(health.last_run),
        "last_good_run": _run_document(health.last_good_run),
        "next_tick": to_text(health.next_tick) if health.next_tick else None,
        "missed_ticks": health.missed,
        "gate": health.gate.reason,
        "drift": list(health.gate.drift),
        "worker": {"state": worker.state, "at": to_text(worker.at)} if worker else None,
    }


def worker_document(health: Health, now: datetime) -> dict[str, object] | None:
    """Return the worker's sign of life with its age, None without one."""
    worker = health.worker
    return {"state": worker.state, "at": to_text(worker.at), "age_s": _age_s(worker, now)} if worker else None


def standing_document(standing: Standing) -> dict[str, object]:
    """Return what waits, and what was counted, as JSON values."""
    return {
        "backlog": {name: standing.backlog.get(name, 0) for name in BACKLOG},
        "open_escalations": standing.waiting("escalation"),
        "open_approvals": standing.waiting("approval"),
        "dead_letters": standing.outbox.get("dead", 0),
        "in_doubt": standing.outbox.get("in_doubt", 0),
        "outbox_pending": standing.outbox.get("open", 0),
        "ledger": {"entries": standing.entries, "database_bytes": standing.database_bytes},
        "alerts_since": to_text(standing.alerts_since) if standing.alerts_since else None,
        "alerts": dict(standing.alerts),
        "failing_notification_targets": list(standing.failing_targets),
    }


def _age_s(worker: WorkerSign, now: datetime) -> int:
    """Return how long ago the worker gave a sign of life; 0 when its clock is ahead."""
    return max(0, round((now - worker.at).total_seconds()))


def _run_document(run: RunRecord | None) -> dict[str, object] | None:
    if run is None:
        return None
    return {
        "run_id": run.run_id,
        "mode": run.mode,
        "trigger": run.trigger,
        "exit_status": run.exit_status,
        "stopped": run.stopped,
        "at": to_text(run.at),
    }


def to_lines(health: Health, standing: Standing, now: datetime) -> Iterator[str]:
    """Return it for people."""
    yield "healthy" if health.healthy else "NOT healthy"
    worker = health.worker
    rows = [
        ("last run", _run_text(health.last_run)),
        ("last good run", _run_text(health.last_good_run)),
        ("next tick", to_text(health.next_tick) if health.next_tick else "none is known"),
        ("missed ticks", str(health.missed)),
        ("gate", health.gate.text),
        ("worker", f"{worker.state}, sign of life {_age_s(worker, now)} s ago" if worker else "none"),
        ("backlog", _counted(standing.backlog)),
        ("for a person", f"{standing.waiting('escalation')} escalations, {standing.waiting('approval')} approvals"),
        ("deliveries", _deliveries(standing)),
        ("ledger", f"{standing.entries} entries, {standing.database_bytes} bytes"),
        ("alerts, 24 h", _counted(standing.alerts)),
    ]
    if standing.failing_targets:
        rows.append(("notifications", f"not taken by {', '.join(standing.failing_targets)}"))
    yield from table(rows)
    for one in health.problems:
        yield from table([(f"! {one.code}", one.text), ("", one.advice)])


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{numbers[name]} {name}" for name in sorted(numbers)) or "none"


def _deliveries(standing: Standing) -> str:
    names = (("open", "pending"), ("dead", "dead"), ("in_doubt", "in doubt"))
    return ", ".join(f"{standing.outbox.get(state, 0)} {word}" for state, word in names)


def _run_text(run: RunRecord | None) -> str:
    if run is None:
        return "none yet"
    how = "good" if run.good else f"exit status {run.exit_status}{', ' + run.stopped if run.stopped else ''}"
    return f"{to_text(run.at)} {run.mode} ({run.trigger}), {how}"
