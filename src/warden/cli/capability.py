"""`warden capability`: what workloads were granted, how much of it they used, and taking it away."""

from __future__ import annotations

from typing import Annotated

import typer

from warden.cli import compose
from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json, talk
from warden.cli.render import visible
from warden.errors import InputError, quote

SCHEMA = "warden.capability/1"
app = new_app("What workloads may use while they last: look, revoke.")

WorkloadOption = Annotated[
    str, typer.Option("--workload", help="Only those of this workload, by its whole id.", metavar="ID")
]
LimitOption = Annotated[int, typer.Option("--limit", "-n", help="How many, newest first.", min=1, max=10_000)]


@app.command("list", help="List capabilities, newest first; no token is ever shown again.")
def list_all(
    workload: WorkloadOption = "",
    limit: LimitOption = 50,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """List them."""
    from warden.cli.intake_parts import intake_file
    from warden.hubs.capabilities import list_capabilities
    from warden.server.intake.trails import capability_document

    settings = compose.load_settings(config, state_dir)
    clock = compose.build_clock()
    now = clock.now().timestamp()
    with intake_file(settings, clock) as database:
        found = list_capabilities(database, workload, limit=limit)
    if json:
        print_json({"schema": SCHEMA, "capabilities": [capability_document(one, now) for one in found]})
        return
    for one in found:
        uses = f"{one.uses} of {one.max_uses} uses"
        what = f"{visible(one.hook)}: {', '.join(visible(word) for word in one.operations)}"
        print("  ".join((f"{one.id:<7}", f"{one.state(now):<8}", one.workload_id[:16], what, uses)))
    talk("nothing was claimed" if not found else "revoke one with `warden capability revoke ID`")


@app.command("revoke", help="Revoke one for good: every use is refused from now on, and it cannot be claimed again.")
def revoke_one(
    capability_id: Annotated[str, typer.Argument(help="Its id, as the list shows it.", metavar="ID")],
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Revoke one."""
    from warden.cli.intake_parts import intake_file
    from warden.hubs.capabilities import revoke

    settings = compose.load_settings(config, state_dir)
    clock = compose.build_clock()
    now = clock.now().timestamp()
    with intake_file(settings, clock) as database:
        if not database.write(lambda c: revoke(c, capability_id, "operator", now)):
            raise InputError(f"{quote(capability_id)} is not a live capability", "`warden capability list` names them")
    talk(f"{capability_id} is revoked")
