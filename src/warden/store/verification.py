"""Verifying a stored ledger whole: log, archived parts, signatures, heads, texts, and the tables derived from entries."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.errors import LedgerError, TransitionError
from warden.ledger.checkpoint import Checkpoint, parse_note
from warden.ledger.damage import Damage, DamagedLogError, Finding, damaged
from warden.ledger.grammar import is_plain, kind_of
from warden.ledger.verify import LogVerifier, Record, Verdict, parse_at
from warden.model.digests import digest_bytes
from warden.store.logstate import is_new, read_state
from warden.store.projections import PROJECTED, Projector
from warden.store.segments import all_records
from warden.store.tables import PROJECTION_TABLES, PROJECTIONS

if TYPE_CHECKING:
    from pathlib import Path

from warden.ledger.signature import Verifier

STEP = 1000
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What verifying found: the verdict on the log (None when it does not hold), and every damage, worst first."""

    verdict: Verdict | None
    findings: tuple[Finding, ...]
    blobs: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Source:
    """What is verified: a database, the directory of archived parts, the log's name and key."""

    connection: sqlite3.Connection
    segments: Path | None
    origin: str
    key: Verifier | None


def verify_ledger(
    source: Source, published: str | None, heads: Iterable[Checkpoint] = (), progress: Progress | None = None
) -> Report:
    """Return the report; `heads` were kept elsewhere. Never raises for damage, `StateError` for a disk that fails."""
    findings: list[Finding] = []
    blobs = 0
    with contextlib.closing(Replay()) as replay:
        try:
            verdict = _verify_log(source, replay, _published_head(source, published), heads, progress)
        except DamagedLogError as error:
            return Report(None, (error.finding,))
        try:
            _check_states(source, verdict)
        except DamagedLogError as error:
            findings.append(error.finding)
        try:
            replay.compare(source.connection)
        except DamagedLogError as error:
            findings.append(error.finding)
    try:
        blobs = _check_blobs(source.connection)
    except DamagedLogError as error:
        findings.append(error.finding)
    return Report(verdict, tuple(findings), blobs)


def _verify_log(
    source: Source,
    replay: Replay,
    published: Iterable[Checkpoint],
    heads: Iterable[Checkpoint],
    progress: Progress | None,
) -> Verdict:
    verifier = LogVerifier(source.origin, source.key, strict=False, heads=published, kept=heads)  # the replay parses
    records = all_records(source.connection, source.segments)
    verifier.feed(_replayed(records if progress is None else _counted(records, progress), verifier, replay))
    verdict = verifier.finish()
    if verdict.checkpointed != verdict.size:
        detail = f"the entries after entry {verdict.checkpointed - 1} are under no checkpoint"
        raise damaged(Damage.CHECKPOINT, verdict.checkpointed, detail)
    return verdict


def _published_head(source: Source, published: str | None) -> list[Checkpoint]:
    if published is None:
        if is_new(source.connection):  # a crash came between the log's start and the publication of its first head
            return []
        raise damaged(Damage.HEAD, None, "the file of the published head is gone")
    note = parse_note(published)
    if note.checkpoint.origin != source.origin:
        raise damaged(Damage.HEAD, None, "the published head is of another log")
    if source.key is not None and not note.signed_by(source.key):
        raise damaged(Damage.HEAD, None, "the published head is not signed with the log's key")
    return [note.checkpoint]


def _counted(records: Iterable[Record], progress: Progress) -> Iterator[Record]:
    for number, record in enumerate(records):
        if number % STEP == 0:
            progress(number)
        yield record


def _check_states(source: Source, verdict: Verdict) -> None:
    """Every stored state must be that of its checkpoint, and the newest the verified end: the next append rests on it."""
    sizes = source.connection.execute("SELECT size FROM checkpoints ORDER BY size").fetchall()
    for (size,) in sizes:
        last = max(size - 1, 0)
        try:
            state = read_state(source.connection, size)
        except LedgerError as error:
            raise damaged(Damage.CHECKPOINT, last, f"{error.message}, after entry {last}") from error
        row = source.connection.execute("SELECT raw FROM entries WHERE seq = ?", (last,)).fetchone()
        if row is not None and digest_bytes(row[0]) != state.entry_digest:
            raise damaged(
                Damage.CHECKPOINT, last, f"what is stored beside the checkpoint after entry {last} is not its digest"
            )
    if not sizes or sizes[-1][0] != verdict.size:
        raise damaged(Damage.CHECKPOINT, verdict.size - 1, "the stored end of the log is not its end")


def _check_blobs(connection: sqlite3.Connection) -> int:
    number = 0
    for digest, data in connection.execute("SELECT digest, bytes FROM blobs"):
        number += 1
        if type(data) is not bytes or digest_bytes(data) != digest:
            raise damaged(Damage.BLOB, None, f"the text stored under {digest} is not what its digest says")
    row = connection.execute(
        "SELECT o.seq FROM outbox o LEFT JOIN blobs b ON b.digest = o.payload_digest "
        "WHERE o.state IN ('open', 'in_doubt', 'dead') AND b.digest IS NULL LIMIT 1"
    ).fetchone()
    if row is not None:
        raise damaged(Damage.BLOB, row[0], f"the text of entry {row[0]}, which is not delivered yet, is gone")
    return number


def fill_projections(connection: sqlite3.Connection, raws: Iterable[bytes]) -> int:
    """Project every entry into empty tables and return how many there were; raises `DamagedLogError`."""
    projector = Projector(connection)
    number = 0
    for number, raw in enumerate(raws, 1):
        _project(projector, raw, number - 1)
    projector.finish()
    return number


def _project(projector: Projector, raw: bytes, seq: int) -> None:
    if kind_of(raw) not in PROJECTED and is_plain(raw):
        return
    entry = parse_at(raw, seq)
    try:
        projector.take(entry)
    except TransitionError as error:
        detail = f"entry {entry.seq} does not follow from those before it: {error.message}"
        raise damaged(Damage.PROJECTION, entry.seq, detail) from error


class Replay:
    """The derived tables, made anew from entries that verified, beside those that are stored.

    Entries are projected some at a time, after they verified: most of a damaged log's are never looked at.
    """

    def __init__(self) -> None:
        self._tables = sqlite3.connect("", isolation_level=None)
        self._projector = Projector(self._tables)
        self._waiting: list[bytes] = []
        self._taken = 0
        self._damage: DamagedLogError | None = None

    def take(self, raw: bytes) -> None:
        """Take the next entry; the first that is no entry, or does not follow, is the last that is looked at."""
        self._waiting.append(raw)
        if len(self._waiting) == STEP:
            self._project_waiting()

    def _project_waiting(self) -> None:
        if self._taken == 0:
            self._tables.executescript("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;" + PROJECTION_TABLES)
            self._tables.execute("BEGIN")
        waiting, self._waiting = self._waiting, []
        try:
            for seq, raw in enumerate(waiting if self._damage is None else (), self._taken):
                _project(self._projector, raw, seq)
        except DamagedLogError as error:
            self._damage = error
        self._taken += len(waiting)

    def compare(self, stored: sqlite3.Connection) -> None:
        """Raise `DamagedLogError` unless the stored tables say what the entries say."""
        self._project_waiting()
        if self._damage is not None:
            raise self._damage
        self._projector.finish()
        for table in PROJECTIONS:
            _compare(table, _rows(self._tables, table), _rows(stored, table))

    def close(self) -> None:
        """Forget them."""
        self._tables.close()


def _replayed(records: Iterable[Record], verifier: LogVerifier, replay: Replay) -> Iterator[Record]:
    """Give the records, and replay each entry that was verified before the next is given."""
    seq = 0
    for record in records:
        yield record
        if isinstance(record, bytes):
            if verifier.size > seq:
                replay.take(record)
            seq += 1


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[Sequence[object]]:
    order = PROJECTIONS[table]
    return iter(connection.execute(f"SELECT * FROM {table} ORDER BY {order}"))  # noqa: S608 (names of ours)


def _compare(table: str, expected: Iterator[Sequence[object]], stored: Iterator[Sequence[object]]) -> None:
    missing: tuple[object, ...] = ()
    for row in expected:
        if next(stored, missing) != row:
            raise damaged(Damage.PROJECTION, None, f"table {table} says something else than the entries")
    if next(stored, None) is not None:
        raise damaged(Damage.PROJECTION, None, f"table {table} has rows that no entry tells of")
