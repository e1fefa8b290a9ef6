"""`warden backup`: everything that a warden knows, in one file, while it works."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from warden.cli import compose
from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json
from warden.cli.render import visible

app = new_app("Copy state and configuration to one file, while warden works.")


@app.command()
def backup(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Where the backup goes; must not exist.")],
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Copy ledger, embedded hub, keys, archive, plans, configuration and policies to one private file, while warden works.

    Databases are copied as of one moment, and the copied ledger is verified before the file appears. The file holds the
    ledger's signing key: keep it as you would keep that. Credentials of hub and model are not in it.
    """
    from warden.store.state_backup import back_up_state

    settings = compose.load_settings(config, state_dir)
    done = back_up_state(compose.ledger_files(settings), out, compose.build_clock())
    size_bytes = out.stat().st_size
    if as_json:
        sums = {"files": len(done.parts), "entries": done.entries, "size_bytes": size_bytes}
        print_json({"schema": "warden.backup/1", "file": str(out), **sums})
        return
    typer.echo(
        f"wrote {len(done.parts)} files, {done.entries} ledger entries, {size_bytes} bytes to {visible(str(out))}"
    )
