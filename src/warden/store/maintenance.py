"""Looking after a ledger that verifies: rebuilding its tables, purging old texts, archiving old entries.

Each change and the entry that records it are one transaction. Nothing here touches what an unfinished delivery needs.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from warden.ledger.checkpoint import Note
from warden.ledger.entry import format_time, parse_entry
from warden.ledger.export import Header, write_export
from warden.ledger.verify import LogVerifier, Record, Start
from warden.model.digests import digest_bytes
from warden.model.entry import Entry
from warden.store.durable import make_directory, replace_file
from warden.store.logstate import read_state
from warden.store.migration import rederive
from warden.store.queries import milliseconds, read_needs
from warden.store.segments import Segment, list_segments, stored_records

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from warden.store.sqlite import SqliteLedgerStore

COMPRESSION = 6


def rebuild(store: SqliteLedgerStore, segments: Path | None = None) -> int:
    """Recreate every derived table from the entries and return how many entries there are; raises `LedgerError`."""
    number = 0

    def change(connection: sqlite3.Connection) -> Sequence[Entry]:
        nonlocal number
        number = rederive(connection, segments)
        return ()

    store.revise(change)
    return number


def purge(store: SqliteLedgerStore, before: datetime) -> int:
    """Remove texts that were last kept before that moment, except those of unfinished deliveries; return how many.

    The entries still verify: they hold the texts' digests. The bytes are overwritten in the database file.
    """
    number = 0

    def change(connection: sqlite3.Connection) -> Sequence[Entry]:
        nonlocal number
        old = connection.execute("SELECT digest FROM blobs WHERE kept_ms < ?", (milliseconds(before),)).fetchall()
        needed = read_needs(connection).digests if old else frozenset()
        gone = [row for row in old if row[0] not in needed]
        connection.executemany("DELETE FROM blobs WHERE digest = ?", gone)
        number = len(gone)
        return [Entry("text_purged", {"before": format_time(before), "blobs": number})] if number else []

    store.revise(change)
    if number:
        store.compact()
    return number


def archive(store: SqliteLedgerStore, before: datetime, directory: Path) -> Segment | None:
    """Move the entries before that moment to a compressed file in `directory`, which verifies together with the rest.

    Whole commits are moved, as far as no unfinished delivery needs their entries. Returns None when there are none.
    Raises `DamagedLogError` when the part does not verify, `StateError` for a file that cannot be written.
    """
    made: list[Segment] = []

    def change(connection: sqlite3.Connection) -> Sequence[Entry]:
        made.clear()
        segment = _move(connection, store, before, directory)
        if segment is None:
            return []
        made.append(segment)
        fields = {
            "segment": segment.name,
            "first": segment.first,
            "last": segment.last,
            "file_digest": segment.file_digest,
        }
        return [Entry("log_archived", fields)]

    store.revise(change)
    if made:
        store.compact()
    return made[0] if made else None


def _move(
    connection: sqlite3.Connection, store: SqliteLedgerStore, before: datetime, directory: Path
) -> Segment | None:
    segments = list_segments(connection)
    first = segments[-1].last + 1 if segments else 0
    end = _archive_end(connection, first, before)
    if end is None:
        return None
    start = Start()
    if first:
        state = read_state(connection, first)
        start = Start(state.frontier, state.entry_digest)
    records = list(_up_to(end, stored_records(connection, first)))
    key = store.verifier
    verifier = LogVerifier(store.origin, key, start)
    verifier.feed(records)
    verifier.finish()
    header = Header(store.origin, key.to_text() if key else "", start)
    data = gzip.compress(b"".join(write_export(header, records)), COMPRESSION, mtime=0)
    name = f"{first:012d}-{end - 1:012d}.jsonl.gz"
    make_directory(directory)
    replace_file(directory / name, data)
    connection.execute("DELETE FROM entries WHERE seq > 0 AND seq < ?", (end,))
    connection.execute("DELETE FROM checkpoints WHERE size < ?", (end,))
    return Segment(first, end - 1, name, digest_bytes(data))


def _up_to(end: int, records: Iterable[Record]) -> Iterator[Record]:
    for record in records:
        yield record
        if isinstance(record, Note) and record.checkpoint.size == end:
            return


def _archive_end(connection: sqlite3.Connection, first: int, before: datetime) -> int | None:
    """Return the size of the largest checkpoint that leaves what is needed, and something, in the database."""
    limit = format_time(before)
    needed = read_needs(connection).first
    newest = connection.execute("SELECT max(size) FROM checkpoints").fetchone()[0]
    end = None
    for (size,) in connection.execute("SELECT size FROM checkpoints WHERE size > ? ORDER BY size", (first,)):
        if size >= newest or (needed is not None and size > needed):
            break
        raw = connection.execute("SELECT raw FROM entries WHERE seq = ?", (size - 1,)).fetchone()
        if raw is None or parse_entry(raw[0]).at >= limit:
            break
        end = size
    return end
