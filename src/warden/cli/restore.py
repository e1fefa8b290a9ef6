"""`warden restore`: puts back what `warden backup` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from warden.cli import compose
from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.identity import operator_name
from warden.cli.ledger_heads import KeptElsewhere
from warden.cli.ledger_parts import holding
from warden.cli.output import print_json
from warden.cli.render import visible
from warden.store.state_backup import Returned, restore_state

app = new_app("Put a backup back, after checking all of it.")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `warden backup` made.")],
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Put a backup back, after checking all of it; what it replaces is kept as evidence.

    The restore is recorded in the ledger, and deliveries that were open in the backup are in doubt, because they may have
    been made since. Configuration and keys that are there stay as they are.
    """
    settings = compose.load_settings(config, state_dir)
    with holding(settings):
        kept = KeptElsewhere(settings, online=True, strict=False)
        done = restore_state(compose.ledger_files(settings), source, compose.build_clock(), operator_name(), kept)
    if as_json:
        print_json({"schema": "warden.restore/1", **_document(done)})
        return
    typer.echo(f"put {done.files} files back; what they replaced lies in {visible(str(done.evidence))}")
    for name in done.kept:
        typer.echo(f"kept  {visible(name)} as it was")
    if done.ledger is None:
        return
    if done.ledger.lost:
        typer.echo(f"{done.ledger.lost} entries that were published since are not in the backup")
    typer.echo(f"{done.ledger.in_doubt} open deliveries are in doubt: see `warden dead list`")


def _document(done: Returned) -> dict[str, object]:
    ledger = done.ledger
    entries, lost, in_doubt = (0, 0, 0) if ledger is None else (ledger.entries, ledger.lost, ledger.in_doubt)
    body = {"files": done.files, "kept": list(done.kept), "evidence": str(done.evidence)}
    return {**body, "entries": entries, "lost": lost, "in_doubt": in_doubt}
