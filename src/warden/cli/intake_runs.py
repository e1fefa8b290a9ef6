"""`warden intake runs`: what scripts were run for events, how each ended, and what it printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli import compose
from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.output import print_json, talk
from warden.cli.render import visible

if TYPE_CHECKING:
    from warden.model.script_run import ScriptRunRecord


def runs(
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many, newest first.", min=1, max=10_000)] = 50,
    output: Annotated[bool, typer.Option("--output", help="Show what each printed, redacted, too.")] = False,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """List runs of scripts with their receipts, newest first."""
    from warden.server.intake.trails import run_document
    from warden.store.script_runs import ScriptRuns

    settings = compose.load_settings(config, state_dir)
    found: tuple[ScriptRunRecord, ...] = ()
    if settings.script_runs_file.exists():
        file = ScriptRuns(settings.script_runs_file, compose.build_clock())
        try:
            found = file.newest(limit)
        finally:
            file.close()
    if json:
        print_json({"schema": "warden.intake.runs/1", "runs": [run_document(run) for run in found]})
        return
    for run in found:
        status = run.status or "not known"
        print(f"{run.began_at}  {status:<12}  {visible(run.rule)}  run {run.number}  {run.key[:16]}")
        if output and run.output:
            print(visible(run.output, keep="\n\t").rstrip("\n"))
    talk("no script was run" if not found else "see what one printed with --output")
