"""`warden ledger rebuild`, `purge`, `archive`, `repair`, `backup`, `restore`: looking after the ledger."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from warden.cli import compose
from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.ledger_heads import KeptElsewhere
from warden.cli.ledger_parts import holding, parse_moment, reading, writing
from warden.cli.output import print_json, talk
from warden.errors import LedgerError
from warden.store.backup import back_up
from warden.store.backup import restore as restore_copy
from warden.store.files import LedgerFiles, no_ledger
from warden.store.inspection import inspect
from warden.store.maintenance import archive as archive_entries
from warden.store.maintenance import purge as purge_texts
from warden.store.maintenance import rebuild as rebuild_tables
from warden.store.queries import read_needs
from warden.store.repair import repair as repair_files

BeforeFlag = Annotated[
    str | None,
    typer.Option(
        "--before", metavar="TIME", help="Older than this date, moment or age (`90d`); the retention by default."
    ),
]
ByFlag = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does this, for the record.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("rebuild", help="Recreate the tables that are derived from the entries.")(rebuild)
    app.command("purge", help="Remove old texts; entries keep their digests and still verify.")(purge)
    app.command("archive", help="Move old entries to a compressed file that verifies together with the rest.")(archive)
    app.command("repair", help="Put a ledger that does not verify aside, and start a new one that names its head.")(
        repair
    )
    app.command("backup", help="Copy the ledger's database to a file while it is in use.")(backup)
    app.command("restore", help="Put a copy back; deliveries that were open in it are then in doubt.")(restore)


def rebuild(json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> None:
    """Rebuild."""
    with writing(config, state_dir) as (settings, store):
        number = rebuild_tables(store, compose.ledger_files(settings).segments)
    if json:
        print_json({"schema": "warden.ledger-rebuild/1", "entries": number})
    else:
        typer.echo(f"rebuilt from {number} entries")


def purge(
    before: BeforeFlag = None, json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None
) -> None:
    """Purge."""
    with writing(config, state_dir) as (settings, store):
        now = store.now()
        moment = parse_moment(before, now) if before is not None else now - timedelta(days=settings.retention_days)
        number = purge_texts(store, moment)
    if json:
        print_json({"schema": "warden.ledger-purge/1", "texts": number})
    else:
        typer.echo(f"removed {number} texts")


def archive(
    before: BeforeFlag = None, json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None
) -> None:
    """Archive."""
    with writing(config, state_dir) as (settings, store):
        now = store.now()
        moment = parse_moment(before, now) if before is not None else now - timedelta(days=settings.retention_days)
        segment = archive_entries(store, moment, compose.ledger_files(settings).segments)
        needed = store.read(read_needs).first if segment is None else None
    if json:
        found = None if segment is None else {"first": segment.first, "last": segment.last, "file": segment.name}
        print_json({"schema": "warden.ledger-archive/1", "segment": found})
    elif segment is None:
        typer.echo("nothing to archive")
        if needed is not None:
            talk(f"entries from {needed} on stay: what is not delivered yet, or waits for a person, needs them")
    else:
        typer.echo(f"archived entries {segment.first} to {segment.last} in archive/{segment.name}")


def repair(
    by: ByFlag = "operator",
    force: Annotated[bool, typer.Option("--force", help="Also when the ledger verifies.")] = False,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Repair."""
    settings = compose.load_settings(config, state_dir)
    files = compose.ledger_files(settings)
    with holding(settings):
        damage = "emptied"
        if not files.exists() and files.keys.read_pin() is None:
            raise no_ledger(files.database)
        if files.exists():
            findings = inspect(files, kept=KeptElsewhere(settings, online=True, strict=False)).report.findings
            damage = findings[0].damage.value if findings else _key_damage(files)
        if not damage and not force:
            if json:
                print_json({"schema": "warden.ledger-repair/1", "repaired": False})
            else:
                typer.echo("the ledger verifies: nothing to repair")
            return 0
        done = repair_files(files, compose.build_clock(), by, damage or "none")
    if json:
        body = {"repaired": True, "damage": damage, "evidence": str(done.evidence), "previous_head": done.previous_head}
        sums = {"dispositions": done.dispositions, "deliveries_in_doubt": done.deliveries}
        print_json({"schema": "warden.ledger-repair/1", **body, **sums})
        return 0
    typer.echo(f"began a new log; the old one ({damage or 'it verified'}) lies in {done.evidence}")
    typer.echo(f"carried over {done.dispositions} dispositions; {done.deliveries} unfinished deliveries are in doubt")
    return 0


def _key_damage(files: LedgerFiles) -> str:
    """`key` when a ledger that verifies cannot be continued, because its signing key is gone or another one."""
    try:
        files.keys.load(files.keys.read_pin(), ledger_exists=True)
    except LedgerError:
        return "key"
    return ""


def backup(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes; must not exist.")],
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Back up."""
    with reading(config, state_dir) as (_, store):
        size = back_up(store, out)
    if json:
        print_json({"schema": "warden.ledger-backup/1", "file": str(out), "entries": size})
    else:
        typer.echo(f"copied {size} entries to {out}")


def restore(
    copy: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `warden ledger backup` made.")],
    by: ByFlag = "operator",
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Restore."""
    settings = compose.load_settings(config, state_dir)
    with holding(settings):
        kept = KeptElsewhere(settings, online=True, strict=False)
        done = restore_copy(compose.ledger_files(settings), copy, compose.build_clock(), by, kept)
    if json:
        body = {"entries": done.entries, "lost": done.lost, "in_doubt": done.in_doubt, "evidence": str(done.evidence)}
        print_json({"schema": "warden.ledger-restore/1", **body})
        return
    typer.echo(f"restored {done.entries} entries; what was there lies in {done.evidence}")
    if done.lost:
        typer.echo(f"{done.lost} entries that were published since are not in the copy")
    typer.echo(f"{done.in_doubt} open deliveries are in doubt: see `warden dead list`")
