"""`warden status`: is unattended running well? Exit status 0 says yes, 1 no."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from warden.cli import compose
from warden.cli.flags import AgentFlag, CatalogFlag, ConfigFlag, HubFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json
from warden.cli.policy_output import table
from warden.cli.schedule_parts import read_health
from warden.errors import EXIT_DONE, EXIT_FAILED
from warden.model.schedule import RunRecord
from warden.schedule.entries import to_text
from warden.schedule.health import Health

SCHEMA = "warden.status/1"
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
    """Show the last run, the last good one, the next tick, the gate and what is wrong; exit 1 when something is."""
    settings = compose.load_settings(config, state_dir, hub, agent, catalog)
    health = read_health(settings)
    if as_json:
        print_json({"schema": SCHEMA, "agent": settings.agent, **to_document(health)})
    elif not quiet or not health.healthy:
        sys.stdout.writelines(line + "\n" for line in to_lines(health))
    return EXIT_DONE if health.healthy else EXIT_FAILED


def to_document(health: Health) -> dict[str, object]:
    """Return it as JSON values."""
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


def to_lines(health: Health) -> Iterator[str]:
    """Return it for people."""
    yield "healthy" if health.healthy else "NOT healthy"
    worker = health.worker
    rows = [
        ("last run", _run_text(health.last_run)),
        ("last good run", _run_text(health.last_good_run)),
        ("next tick", to_text(health.next_tick) if health.next_tick else "none is known"),
        ("missed ticks", str(health.missed)),
        ("gate", health.gate.text),
        ("worker", f"{worker.state} at {to_text(worker.at)}" if worker else "none"),
    ]
    yield from table(rows)
    for one in health.problems:
        yield from table([(f"! {one.code}", one.text), ("", one.advice)])


def _run_text(run: RunRecord | None) -> str:
    if run is None:
        return "none yet"
    how = "good" if run.good else f"exit status {run.exit_status}{', ' + run.stopped if run.stopped else ''}"
    return f"{to_text(run.at)} {run.mode} ({run.trigger}), {how}"
