"""`warden ledger log`, `show`, `stats`, `checkpoint`, `key`: reading, nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated

import typer

from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.ledger_parts import entry_document, parse_moment, print_signed, reading, show_entry, show_value
from warden.cli.output import print_json, talk, to_json
from warden.errors import InputError, quote
from warden.ledger.entry import StoredEntry, format_time, parse_entry
from warden.ledger.schema import BLOB_FIELDS, KINDS
from warden.store.segments import all_raws, all_records, newest_raws
from warden.store.statistics import read_statistics

KindFlag = Annotated[list[str] | None, typer.Option("--kind", help="Only entries of this kind; may be repeated.")]
RunFlag = Annotated[str | None, typer.Option("--run", help="Only entries of this run.")]
MessageFlag = Annotated[str | None, typer.Option("--message", help="Only entries about the message with this id.")]
KeyFlag = Annotated[str | None, typer.Option("--key", help="Only entries about the delivery with this key.")]
SinceFlag = Annotated[str | None, typer.Option("--since", help="Only entries from this moment on.", metavar="TIME")]
LimitFlag = Annotated[int, typer.Option("--limit", min=1, help="How many of the newest to show.")]
AllFlag = Annotated[bool, typer.Option("--all", help="Show all of them, not only the newest.")]

Test = Callable[[StoredEntry], bool]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("log", help="List entries, the newest last.")(log)
    app.command("show", help="Show one entry, and the redacted text that it names.")(show)
    app.command("stats", help="Count what is in the ledger.")(stats)
    app.command("checkpoint", help="Print the newest signed checkpoint: keep it elsewhere to notice a roll-back.")(
        checkpoint
    )
    app.command("key", help="Print the log's public key, to verify exports and proofs with.")(key)


def log(
    kind: KindFlag = None,
    run: RunFlag = None,
    message: MessageFlag = None,
    delivery: KeyFlag = None,
    since: SinceFlag = None,
    limit: LimitFlag = 50,
    everything: AllFlag = False,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """List entries."""
    unknown = sorted(set(kind or ()) - set(KINDS))
    if unknown:
        raise InputError(f"there is no kind of entry {quote(unknown[0])}", "one of: " + ", ".join(sorted(KINDS)))
    with reading(config, state_dir) as (settings, store):
        tests = _tests(kind, run, message, delivery)
        if since is not None:
            moment = format_time(parse_moment(since, store.now()))
            tests.append(lambda entry: entry.at >= moment)

        def question(connection: sqlite3.Connection) -> list[StoredEntry]:
            found = (parse_entry(raw) for raw in newest_raws(connection, settings.state_dir / "archive"))
            chosen = (entry for entry in found if all(test(entry) for test in tests))
            return list(chosen if everything else islice(chosen, limit))[::-1]

        entries = store.read(question)
        if json:
            print_json({"schema": "warden.ledger-log/1", "entries": [entry_document(entry) for entry in entries]})
            return
        for entry in entries:
            typer.echo(show_entry(entry))
        if not entries:
            talk("no entry fits")


def _tests(kind: list[str] | None, run: str | None, message: str | None, delivery: str | None) -> list[Test]:
    tests: list[Test] = []
    if kind:
        kinds = frozenset(kind)
        tests.append(lambda entry: entry.kind in kinds)
    if run:
        tests.append(lambda entry: entry.fields.get("run_id") == run)
    if message:
        tests.append(lambda entry: _message_id(entry) == message)
    if delivery:
        tests.append(lambda entry: entry.fields.get("key") == delivery)
    return tests


def _message_id(entry: StoredEntry) -> object:
    ref = entry.fields.get("ref")
    return ref.get("message_id") if isinstance(ref, dict) else None


def show(
    number: Annotated[
        int, typer.Argument(help="The entry's number, as `warden ledger log` shows it.", metavar="N", min=0)
    ],
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Show one entry."""
    with reading(config, state_dir) as (settings, store):

        def question(connection: sqlite3.Connection) -> StoredEntry | None:
            row = connection.execute("SELECT raw FROM entries WHERE seq = ?", (number,)).fetchone()
            if row is not None:
                return parse_entry(row[0])
            raws: Iterator[bytes] = all_raws(all_records(connection, settings.state_dir / "archive"))
            return next((parse_entry(raw) for seq, raw in enumerate(raws) if seq == number), None)

        entry = store.read(question)
        if entry is None:
            raise InputError(f"there is no entry {number}", f"the ledger has {store.head().size}, from 0 on")
        name = BLOB_FIELDS.get(entry.kind)
        digest = None if name is None else entry.fields[name]
        blob = None if digest is None else store.blob(str(digest))
    text = None if blob is None else blob.decode("utf-8", "replace")
    if json:
        document = {"schema": "warden.ledger-entry/1", **entry_document(entry), "text": text}
        print_json({**document, "text_purged": digest is not None and blob is None})
        return
    typer.echo(f"entry {entry.seq} · {entry.kind} · {entry.at}\n  digest  {entry.digest}\n  prev    {entry.prev}")
    for field, value in entry.fields.items():
        shown = value if isinstance(value, str) and value.startswith("sha256:") else show_value(value)
        typer.echo(f"  {field:<16} {shown}")
    if text is not None:
        typer.echo(f"  text             {show_value(text)}")
    elif digest is not None:
        typer.echo("  text             purged")


def stats(json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> None:
    """Count."""
    with reading(config, state_dir) as (settings, store):
        found = store.read(lambda connection: read_statistics(connection, settings.state_dir / "archive"))
        document = {"schema": "warden.ledger-stats/1", "origin": store.origin, **found}
    if json:
        print_json(document)
        return
    for name, value in document.items():
        if name == "schema":
            continue
        if isinstance(value, dict):
            typer.echo(f"{name}:")
            for item, number in value.items():
                typer.echo(f"  {item:<18} {number}")
        else:
            typer.echo(f"{name:<20} {value}")


def checkpoint(json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> None:
    """Print the newest checkpoint."""
    with reading(config, state_dir) as (_, store):
        note = store.newest_checkpoint()
    if json:
        point = note.checkpoint
        root = "sha256:" + point.root.hex()
        document = {"origin": point.origin, "size": point.size, "root": root, "note": note.text}
        print_signed(to_json({"schema": "warden.checkpoint/1", **document}) + "\n")
        return
    print_signed(note.text)


def key(json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> None:
    """Print the public key."""
    with reading(config, state_dir) as (_, store):
        verifier = store.verifier
    if verifier is None:
        raise InputError("this log is not signed")
    if json:
        document = {"key": verifier.to_text(), "fingerprint": verifier.fingerprint}
        print_signed(to_json({"schema": "warden.ledger-key/1", **document}) + "\n")
        return
    print_signed(verifier.to_text() + "\n")
