"""Archived parts of the log: compressed exports beside the database, and reading the whole log through them.

A segment is an export (`ledger.export`) that ends with a signed checkpoint, compressed with gzip. Entry 0 stays in the
database too, because opening reads it.
"""

from __future__ import annotations

import gzip
from collections import deque
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from warden.errors import LedgerError, quote
from warden.ledger.damage import Damage, damaged
from warden.ledger.entry import ENTRY_LIMIT, format_time, parse_entry
from warden.ledger.export import Header, read_records, write_export
from warden.ledger.merkle import hash_leaf
from warden.ledger.verify import Record, Start, interleave, parse_checkpoint_at
from warden.model.digests import digest_bytes

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from warden.ledger.checkpoint import Note
    from warden.ledger.signature import Verifier

SEGMENT_LIMIT = 1 << 30
"""Bytes of a segment file."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An archived part: its first and last entry, its file's name and digest."""

    first: int
    last: int
    name: str
    file_digest: str


def list_segments(connection: sqlite3.Connection) -> tuple[Segment, ...]:
    """Return the archived parts, oldest first."""
    rows = connection.execute("SELECT first, last, segment, file_digest FROM segments ORDER BY first")
    return tuple(Segment(*row) for row in rows)


def read_segment(directory: Path, segment: Segment) -> Iterator[Record]:
    """Return the records of an archived part; raises `DamagedLogError` when its file is gone or changed."""
    path = directory / Path(segment.name).name
    try:
        data = path.read_bytes() if path.stat().st_size <= SEGMENT_LIMIT else b""
    except OSError as error:
        detail = f"entries {segment.first} to {segment.last} are archived in {quote(path)}, which cannot be read"
        raise damaged(Damage.MISSING, segment.first, detail) from error
    if digest_bytes(data) != segment.file_digest:
        raise damaged(Damage.CHANGED, segment.first, f"the archive file {quote(path)} is not the one that was recorded")
    lines = _split(gzip.decompress(data))
    Header.from_line(next(lines, b""))
    yield from read_records(lines, segment.first)


def _split(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start, start + ENTRY_LIMIT + 2) + 1
        if end == 0:
            raise LedgerError("an archive file holds a line that is too long")
        yield data[start:end]
        start = end


def stored_notes(connection: sqlite3.Connection, after: int) -> Iterator[Note]:
    """Return the checkpoints in the database over more than `after` entries; raises `DamagedLogError`."""
    rows = connection.execute("SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size", (after,))
    for size, text in rows:
        if type(text) is not str:
            raise damaged(Damage.CHECKPOINT, max(size - 1, 0), f"the checkpoint stored for {size} entries is not text")
        note = parse_checkpoint_at(text, size)
        if note.checkpoint.size != size:
            raise damaged(Damage.CHECKPOINT, max(size - 1, 0), f"the checkpoint stored for {size} entries is another")
        yield note


def stored_raws(connection: sqlite3.Connection, first: int) -> Iterator[bytes]:
    """Return the entries in the database from `first` on; raises `DamagedLogError` for rows out of place."""
    for seq, (row_seq, raw) in enumerate(
        connection.execute("SELECT seq, raw FROM entries WHERE seq >= ? ORDER BY seq", (first,)), first
    ):
        if type(raw) is not bytes:
            raise damaged(Damage.MALFORMED, seq, f"entry {seq} is not stored as bytes")
        if row_seq != seq:
            raise damaged(Damage.MISSING, seq, f"entries {seq} to {row_seq - 1} are missing")
        yield raw


def all_records(connection: sqlite3.Connection, directory: Path | None) -> Iterator[Record]:
    """Return every entry and checkpoint of the log, archived parts first; the list of those is read at once."""
    return _chained(connection, directory, list_segments(connection))


def _chained(connection: sqlite3.Connection, directory: Path | None, segments: Sequence[Segment]) -> Iterator[Record]:
    first = 0
    for segment in segments:
        if directory is None or segment.first != first:
            raise damaged(Damage.MISSING, first, f"entries from {first} on are archived elsewhere")
        yield from read_segment(directory, segment)
        first = segment.last + 1
    yield from stored_records(connection, first)


def stored_records(connection: sqlite3.Connection, first: int) -> Iterator[Record]:
    """Return the entries and checkpoints in the database from entry `first` on."""
    return interleave(stored_raws(connection, first), stored_notes(connection, first), first)


def newest_raws(connection: sqlite3.Connection, directory: Path | None) -> Iterator[bytes]:
    """Return every entry, the newest first; archived parts are read only when it comes to them."""
    segments = list_segments(connection)
    first = segments[-1].last + 1 if segments else 0
    for (raw,) in connection.execute("SELECT raw FROM entries WHERE seq >= ? ORDER BY seq DESC", (first,)):
        yield raw
    for segment in reversed(segments):
        if directory is None:
            raise damaged(Damage.MISSING, segment.first, f"entries from {segment.first} on are archived elsewhere")
        yield from reversed(list(all_raws(read_segment(directory, segment))))


def all_raws(records: Iterable[Record]) -> Iterator[bytes]:
    """Return only the entries."""
    return (record for record in records if isinstance(record, bytes))


@dataclass(frozen=True, slots=True)
class ExportPart:
    """The log from the last checkpoint at or before an entry (`first`) or a moment on."""

    connection: sqlite3.Connection
    segments: Path | None
    first: int = 0
    moment: datetime | None = None

    def to_lines(self, origin: str, key: Verifier | None) -> Iterator[bytes]:
        """Return the lines of the export; raises `DamagedLogError` for a part that cannot be read."""
        start, kept, last = Start(), deque[Record](), None
        records = all_records(self.connection, self.segments)
        limit = None if self.moment is None else format_time(self.moment)
        seq = -1
        for record in records:
            kept.append(record)
            if not isinstance(record, bytes):
                start, kept, last = _after(start, kept), deque(), record
                continue
            seq += 1
            if seq >= self.first and (limit is None or parse_entry(record).at >= limit):
                break
        else:
            # Nothing is that new: the newest checkpoint alone says so, and is told from a file that was cut.
            kept.extend(() if last is None else (last,))
        yield from write_export(Header(origin, key.to_text() if key else "", start), chain(kept, records))


def _after(start: Start, records: Iterable[Record]) -> Start:
    raws = list(all_raws(records))
    if not raws:
        return start
    return Start(start.frontier.extended(hash_leaf(raw) for raw in raws), digest_bytes(raws[-1]))
