"""`warden ledger verify` and `export`."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from warden.cli import compose
from warden.cli.flags import AgentFlag, ConfigFlag, HubFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.ledger_heads import KeptElsewhere
from warden.cli.ledger_parts import parse_moment, print_signed, read_key, read_note, reading, write_out
from warden.cli.output import print_json, talk, to_json
from warden.cli.streams import finish
from warden.config.settings import Settings
from warden.errors import EXIT_DONE, EXIT_FAILED, EXIT_LEDGER, InputError, quote
from warden.ledger.checkpoint import Checkpoint
from warden.ledger.damage import DamagedLogError, Finding
from warden.ledger.entry import ENTRY_LIMIT
from warden.ledger.export import verify_export
from warden.ledger.verify import Verdict
from warden.store.inspection import Inspection, inspect
from warden.store.segments import ExportPart
from warden.store.verification import Progress

SCHEMA = "warden.ledger-verify/1"

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="An export to verify instead of the ledger; `-` for stdin.")
]
HeadFlag = Annotated[
    list[Path] | None, typer.Option("--head", metavar="FILE", help="A checkpoint kept elsewhere; may be repeated.")
]
KeyFlag = Annotated[str | None, typer.Option("--key", help="The log's public key, or a file that holds it.")]
OnlineFlag = Annotated[bool, typer.Option("--online", help="Compare with the heads that runs posted on the hub.")]
SinceFlag = Annotated[
    str | None, typer.Option("--since", metavar="N|TIME", help="From this entry or moment on, at a checkpoint.")
]
OutFlag = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write there instead of stdout.")]
JsonlFlag = Annotated[bool, typer.Option("--jsonl", help="As JSON lines; the only form, and the default.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("verify", help="Verify the ledger, or an export of one. Exit 6 when it does not hold.")(verify)
    app.command("export", help="Write the log as JSON lines that verify with nothing but the public key.")(export)


def verify(
    file: FileArgument = None,
    head: HeadFlag = None,
    key: KeyFlag = None,
    online: OnlineFlag = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
    agent: AgentFlag = None,
    hub: HubFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Verify."""
    heads = [read_note(path).checkpoint for path in head or ()]
    if file is not None:
        if online:
            raise InputError("an export is not compared with a hub", "leave out --online, or name heads with --head")
        return _verify_file(file, heads, key, json)
    if hub is not None and not online:
        raise InputError("a hub is asked only with --online", "add --online, or leave out --hub")
    settings = compose.load_settings(config, state_dir, hub, agent)
    kept = KeptElsewhere(settings, online)
    with _progress_bar(settings, quiet or json) as progress:
        found = inspect(compose.ledger_files(settings), heads, progress, kept)
    if json:
        print_signed(to_json({**_document(found), "unread": kept.unread}) + "\n")  # it holds the public key
    else:
        _tell(found, online, bool(heads or found.kept.heads))
    if not found.report.sound:
        return EXIT_LEDGER
    return EXIT_FAILED if kept.unread else EXIT_DONE


def _verify_file(file: Path, heads: list[Checkpoint], key: str | None, json: bool) -> int:
    verifier = read_key(key) if key else None
    finding: Finding | None = None
    verdict: Verdict | None = None
    try:
        verdict = verify_export(_lines(file), verifier, heads)
    except DamagedLogError as error:
        finding = error.finding
    if json:
        print_json(
            {
                "schema": SCHEMA,
                "sound": finding is None,
                "origin": "" if verdict is None else verdict.origin,
                "key_given": verifier is not None,
                "verdict": _verdict(verdict),
                "findings": [_finding(finding)] if finding else [],
            }
        )
    elif finding is not None:
        typer.echo(f"does not verify: {finding.damage.value}: {finding.detail}")
    elif verdict is not None:
        typer.echo(f"verifies: {_seen(verdict)}, {verdict.signed} signed checkpoints, {verdict.origin}")
        if verifier is None:
            talk("the key is the file's own word: give --key to know that it comes from your log")
        if verdict.head_size is None:
            talk("without --head, entries that were cut off at the end would not be missed")
    return 0 if finding is None else EXIT_LEDGER


def _seen(verdict: Verdict) -> str:
    if not verdict.first:
        return f"{verdict.size} entries"
    if verdict.first == verdict.size:
        return f"no entry after the first {verdict.size}"
    return f"entries {verdict.first} to {verdict.size - 1}"


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as source:
            while line := source.readline(ENTRY_LIMIT + 2):
                yield line
    except OSError as error:
        raise InputError(f"{quote(file)} cannot be read: {(error.strerror or '').lower()}") from error


def _document(found: Inspection) -> dict[str, object]:
    report = found.report
    return {
        "schema": SCHEMA,
        "sound": report.sound,
        "origin": found.origin,
        "key": found.key,
        "key_pinned": found.pinned,
        "verdict": _verdict(report.verdict),
        "texts": report.blobs,
        "kept_heads": len(found.kept.heads),
        "excused_heads": found.kept.excused,
        "other_heads": found.kept.others,
        "findings": [_finding(finding) for finding in report.findings],
    }


def _verdict(verdict: Verdict | None) -> dict[str, object] | None:
    if verdict is None:
        return None
    return {
        "entries": verdict.size,
        "entry_digest": verdict.entry_digest,
        "root": "sha256:" + verdict.root.hex(),
        "checkpoints": verdict.checkpoints,
        "signed": verdict.signed,
        "head_size": verdict.head_size,
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {"damage": finding.damage.value, "entry": finding.seq, "detail": finding.detail}


def _tell(found: Inspection, online: bool, compared: bool) -> None:
    verdict = found.report.verdict
    for finding in found.report.findings:
        typer.echo(f"does not verify: {finding.damage.value}: {finding.detail}")
    if found.report.findings:
        talk("hint: nothing is executed until `warden ledger repair` has put the ledger aside and begun a new one")
    elif verdict is not None:
        typer.echo(
            f"verifies: {verdict.size} entries, {verdict.signed} signed checkpoints, {found.report.blobs} texts, "
            f"{verdict.origin}"
        )
        if verdict.head_size is not None and verdict.size > verdict.head_size:
            talk(f"{verdict.size - verdict.head_size} entries are newer than the published head: a run was interrupted")
        if found.kept.heads:
            talk(f"{len(found.kept.heads)} heads that were kept elsewhere are in it")
        if found.kept.excused:
            talk(
                f"{found.kept.excused} heads that were kept elsewhere were given up by a restore: `log --kind heads_excused`"
            )
        if found.kept.others:
            talk(f"{found.kept.others} heads elsewhere are not signed with this log's key, or of another log: ignored")
        if not compared:
            where = (
                "a head that was kept elsewhere, and the hub has none" if online else "--online, --head or a witness"
            )
            talk(f"a roll-back of the whole state directory is noticed only with {where}")


@contextmanager
def _progress_bar(settings: Settings, quiet: bool) -> Iterator[Progress | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True, no_color=settings.no_color), transient=True) as bar:
        task = bar.add_task("verifying", total=None)
        yield lambda number: bar.update(task, completed=number, description=f"verifying, {number} records")
    finish(sys.stderr)  # what takes the bar away is no whole line: left waiting, it would take the result away


def export(
    since: SinceFlag = None,
    out: OutFlag = None,
    jsonl: JsonlFlag = True,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Export."""
    with reading(config, state_dir) as (settings, store):
        first, moment = 0, None
        if since is not None and since.isdigit():
            first, size = int(since), store.head().size
            if first >= size:
                raise InputError(f"there is no entry {first}", f"the ledger has {size}, from 0 on")
        elif since is not None:
            moment = parse_moment(since, store.now())

        def write(connection: sqlite3.Connection) -> None:
            records = ExportPart(connection, settings.state_dir / "archive", first, moment)
            write_out(records.to_lines(store.origin, store.verifier), out)

        store.read(write)
