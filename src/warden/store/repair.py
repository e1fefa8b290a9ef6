"""When a ledger does not verify: put it aside as evidence and start a new log that names the old head.

What the old tables still tell is carried over, so that nothing is answered twice and no escalation is lost: every
disposition is recorded again as carried over, and every delivery that was not finished is put in doubt, for a person.
Nothing of it is believed more than that: the new log says that it is carried over from a damaged one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warden.errors import LedgerError, StateError
from warden.ledger.checkpoint import parse_note
from warden.ledger.entry import format_time, parse_entry
from warden.ledger.schema import bounded_word, check_fields
from warden.model.digests import digest_bytes
from warden.model.entry import Batch, Entry
from warden.store.durable import disk_errors, make_directory, sync_directory
from warden.store.sqlite import NewLog, SqliteLedgerStore
from warden.store.writerlock import WriterLock, hold_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warden.ports import Clock
    from warden.store.files import LedgerFiles

CARRIED = "carried-over"
GROUP = 500
"""Entries that are carried over in one commit."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair did: where the evidence lies, what the old head said, what was carried over."""

    evidence: Path
    previous_head: str | None
    dispositions: int
    deliveries: int


def repair(files: LedgerFiles, clock: Clock, by: str, damage: str) -> Repair:
    """Move the ledger's files aside and start a new log; the caller holds the run's lock.

    A key that still fits its pin is kept; else it is moved aside too and a new one is made and pinned. Raises
    `StateError` when files cannot be moved.
    """
    previous = _previous_head(files)
    evidence = files.evidence / format_time(clock.now()).replace(":", "").replace(".", "")
    make_directory(files.evidence)
    with disk_errors(evidence):
        evidence.mkdir(mode=0o700)
    lock = WriterLock(Path(f"{files.database}.lock"))
    with lock.held(), hold_directory(files.state_dir, alone=True):
        _move_aside(files, evidence)
    lock.close()
    store = files.open(clock, NewLog(previous_head=previous, replaces=True))
    try:
        digest = _digest_of(evidence / files.database.name)
        fields = {"by": bounded_word(by), "damage": bounded_word(damage), "evidence_digest": digest}
        store.commit(Batch((Entry("ledger_repaired", fields),)))
        dispositions, deliveries = _carry_over(evidence / files.database.name, store)
    finally:
        store.close()
    return Repair(evidence, previous, dispositions, deliveries)


def _digest_of(path: Path) -> str | None:
    """The digest of the database that was put aside, None when there was none."""
    try:
        with path.open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _previous_head(files: LedgerFiles) -> str | None:
    """`<origin> <size> <root>` of the published head, or of the newest readable checkpoint."""
    from warden.store.headfile import HeadFile

    text = None
    with contextlib.suppress(LedgerError, StateError):
        text = HeadFile(files.head).read()
    if text is None:
        with contextlib.suppress(sqlite3.Error), _old_database(files.database) as connection:
            row = connection.execute("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
            text = None if row is None else row[0]
    try:
        checkpoint = parse_note(text or "").checkpoint
    except LedgerError:
        return None
    return bounded_word(f"{checkpoint.origin} {checkpoint.size} sha256:{checkpoint.root.hex()}")


@contextlib.contextmanager
def _old_database(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise sqlite3.OperationalError("no such database")
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _move_aside(files: LedgerFiles, evidence: Path) -> None:
    paths = [Path(f"{files.database}{suffix}") for suffix in ("", "-wal", "-shm")]
    paths += [files.head]
    try:
        files.keys.load(files.keys.read_pin(), ledger_exists=True)
    except (LedgerError, StateError):
        paths += [files.keys.key, files.keys.pin]
    if files.segments.exists():
        paths.append(files.segments)
    with disk_errors(evidence):
        for path in paths:
            if path.exists():
                _move(path, evidence / path.name)
        sync_directory(evidence)
        sync_directory(files.state_dir)


def _move(path: Path, target: Path) -> None:
    try:
        os.replace(path, target)
    except OSError:  # another file system: the pin lies in the configuration directory
        target.write_bytes(path.read_bytes())
        path.unlink()


def _carry_over(old: Path, store: SqliteLedgerStore) -> tuple[int, int]:
    try:
        with _old_database(old) as connection:
            deliveries = list(_unfinished(connection))
            dispositions = list(_dispositions(connection))
    except (sqlite3.Error, LedgerError):
        return 0, 0
    for start in range(0, len(deliveries), GROUP):
        part = deliveries[start : start + GROUP]
        entries = tuple(entry for pair, _ in part for entry in pair)
        store.commit(Batch(entries, {digest: data for _, (digest, data) in part}))
    for start in range(0, len(dispositions), GROUP):
        store.commit(Batch(tuple(dispositions[start : start + GROUP])))
    return len(dispositions), len(deliveries)


def _dispositions(connection: sqlite3.Connection) -> Iterator[Entry]:
    columns = "hub_id, agent, message_id, thread_id, sender, disposition"
    for row in connection.execute(f"SELECT {columns} FROM dispositions"):  # noqa: S608 (names of ours)
        ref = {"hub_id": row[0], "agent": row[1], "message_id": row[2]}
        fields = {"run_id": CARRIED, "ref": ref, "thread_id": row[3], "sender": row[4]}
        entry = Entry("disposed", {**fields, "disposition": row[5], "reason": CARRIED})
        with contextlib.suppress(LedgerError):
            check_fields(entry.kind, entry.fields)
            yield entry


def _unfinished(connection: sqlite3.Connection) -> Iterator[tuple[tuple[Entry, Entry], tuple[str, bytes]]]:
    rows = connection.execute(
        "SELECT e.raw, b.digest, b.bytes FROM outbox o JOIN entries e ON e.seq = o.seq "
        "JOIN blobs b ON b.digest = o.payload_digest WHERE o.state IN ('open', 'in_doubt', 'dead') ORDER BY o.seq"
    )
    for raw, digest, data in rows:
        with contextlib.suppress(LedgerError):
            entry = parse_entry(raw)
            if entry.kind != "intended" or entry.fields["payload_digest"] != digest or digest_bytes(data) != digest:
                continue
            doubt = {"run_id": CARRIED, "key": entry.fields["key"], "number": 0, "fault": CARRIED}
            faulted = Entry("faulted", {**doubt, "next": "in_doubt", "retry_in_ms": None, "detail": CARRIED})
            yield (Entry("intended", entry.fields), faulted), (digest, data)
