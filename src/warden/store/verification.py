"""Verifying a stored ledger whole: log, archived parts, signatures, heads, texts, and the tables derived from entries."""

from __future__ import annotations

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
from warden.store.projections import PROJECTED, project
from warden.store.segments import all_raws, all_records
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
    try:
        verdict = _verify_log(source, published, heads, progress)
    except DamagedLogError as error:
        return Report(None, (error.finding,))
    blobs = 0
    for check in (_check_states, _check_projections):
        try:
            check(source, verdict)
        except DamagedLogError as error:
            findings.append(error.finding)
    try:
        blobs = _check_blobs(source.connection)
    except DamagedLogError as error:
        findings.append(error.finding)
    return Report(verdict, tuple(findings), blobs)


def _verify_log(
    source: Source, published: str | None, heads: Iterable[Checkpoint], progress: Progress | None
) -> Verdict:
    beside = _published_head(source, published)
    verifier = LogVerifier(
        source.origin, source.key, None, strict=False, heads=beside, kept=heads
    )  # parsed when projected
    records = all_records(source.connection, source.segments)
    verifier.feed(records if progress is None else _counted(records, progress))
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
    number = 0
    for number, raw in enumerate(raws, 1):
        if kind_of(raw) not in PROJECTED and is_plain(raw):
            continue
        entry = parse_at(raw, number - 1)
        try:
            project(connection, entry)
        except TransitionError as error:
            detail = f"entry {entry.seq} does not follow from those before it: {error.message}"
            raise damaged(Damage.PROJECTION, entry.seq, detail) from error
    return number


def _check_projections(source: Source, verdict: Verdict) -> None:
    fresh = sqlite3.connect("", isolation_level=None)
    try:
        fresh.executescript(PROJECTION_TABLES)
        fresh.execute("BEGIN")
        fill_projections(fresh, all_raws(all_records(source.connection, source.segments)))
        for table in PROJECTIONS:
            _compare(table, _rows(fresh, table), _rows(source.connection, table))
    finally:
        fresh.close()


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
