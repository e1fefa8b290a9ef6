"""`warden ledger prove`, `consistency` and `check-proof`."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.ledger_parts import read_key, read_small_file, reading, write_out
from warden.cli.output import print_json
from warden.config.settings import Settings
from warden.errors import EXIT_LEDGER, InputError, LedgerError, StateError, quote
from warden.ledger.checkpoint import Note
from warden.ledger.merkle import hash_leaf
from warden.ledger.proof import InclusionProof, make_consistency, make_inclusion, parse_proof
from warden.ledger.signature import Verifier
from warden.store.segments import all_records
from warden.store.sqlite import SqliteLedgerStore

Notes = dict[int, Note]

OutFlag = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write there instead of stdout.")]
KeyFlag = Annotated[
    str | None, typer.Option("--key", help="The log's public key, or a file that holds it; the local log's by default.")
]


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("prove", help="Write a proof that entry N is in the log, for somebody who has only the key.")(prove)
    app.command("consistency", help="Write a proof that the log of size A is a prefix of the log of size B.")(
        consistency
    )
    app.command("check-proof", help="Check a proof that one of these made. Exit 6 when it does not hold.")(check_proof)


def prove(
    number: Annotated[int, typer.Argument(metavar="N", min=0, help="The entry's number.")],
    out: OutFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Prove inclusion."""
    with reading(config, state_dir) as (settings, store):
        proof = prove_entry(settings, store, number)
    write_out(iter([proof]), out)


def prove_entry(settings: Settings, store: SqliteLedgerStore, number: int) -> bytes:
    """Return the proof that an entry is in the log, as a file holds it; raises `InputError` when there is no such entry."""

    def question(connection: sqlite3.Connection) -> bytes:
        leaves, notes, raw = _read_log(connection, settings, number)
        if raw is None:
            raise InputError(f"there is no entry {number}", f"the ledger has {len(leaves)}, from 0 on")
        return make_inclusion(leaves, raw, notes[max(notes)]).to_json()

    return store.read(question)


def consistency(
    old: Annotated[int, typer.Argument(metavar="A", min=1, help="The smaller size, at a checkpoint.")],
    new: Annotated[int, typer.Argument(metavar="B", min=1, help="The larger size, at a checkpoint.")],
    out: OutFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Prove consistency."""
    if old > new:
        raise InputError(f"size {old} is larger than size {new}", "name the smaller size first")
    with reading(config, state_dir) as (settings, store):

        def question(connection: sqlite3.Connection) -> bytes:
            leaves, notes, _ = _read_log(connection, settings, -1)
            for size in (old, new):
                if size not in notes:
                    near = min(notes, key=lambda known: abs(known - size))
                    raise InputError(f"there is no checkpoint of size {size}", f"the nearest one has size {near}")
            return make_consistency(leaves[:new], notes[old], notes[new]).to_json()

        proof = store.read(question)
    write_out(iter([proof]), out)


def check_proof(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The proof; `-` for stdin.")],
    key: KeyFlag = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Check a proof."""
    try:
        proof = parse_proof(read_small_file(file))
    except LedgerError as error:
        raise InputError(f"{quote(file)}: {error.message}", error.hint) from error
    verifier = read_key(key) if key else _local_key(config, state_dir)
    problem = ""
    try:
        proof.check(verifier)
    except LedgerError as error:
        problem = error.message
    if isinstance(proof, InclusionProof):
        what = f"entry {proof.entry.seq} is in the log of {proof.note.checkpoint.size} entries"
        origin = proof.note.checkpoint.origin
    else:
        what = f"the log of {proof.old.checkpoint.size} entries is a prefix of that of {proof.new.checkpoint.size}"
        origin = proof.new.checkpoint.origin
    if json:
        body = {"holds": not problem, "origin": origin, "says": what, "problem": problem}
        print_json({"schema": "warden.proof-check/1", **body})
    else:
        typer.echo(f"does not hold: {problem}" if problem else f"holds: {what} {quote(origin)}")
    return EXIT_LEDGER if problem else 0


def _read_log(
    connection: sqlite3.Connection, settings: Settings, number: int
) -> tuple[list[bytes], Notes, bytes | None]:
    """Return the leaf hashes of the log, its checkpoints by size, and the bytes of entry `number`."""
    leaves: list[bytes] = []
    notes: Notes = {}
    wanted = None
    for record in all_records(connection, settings.state_dir / "archive"):
        if isinstance(record, Note):
            notes[record.checkpoint.size] = record
            continue
        if len(leaves) == number:
            wanted = record
        leaves.append(hash_leaf(record))
    return leaves, notes, wanted


def _local_key(config: Path | None, state_dir: Path | None) -> Verifier:
    try:
        with reading(config, state_dir) as (_, store):
            verifier = store.verifier
    except StateError as error:
        raise InputError("there is no local ledger to take the public key from", "name the key with --key") from error
    if verifier is None:
        raise InputError("the local log is not signed", "name the key with --key")
    return verifier
