"""Verifying the files of a ledger as they lie there, whatever state they are in, without changing anything."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from warden.errors import LedgerError
from warden.ledger.damage import Damage, DamagedLogError, Finding, damaged
from warden.ledger.entry import parse_entry
from warden.ledger.signature import Verifier, fingerprint_of
from warden.store.connection import check_identity, is_empty, sqlite_errors, uri_of
from warden.store.files import LedgerFiles, no_ledger
from warden.store.headfile import HeadFile
from warden.store.keptheads import LogIdentity, Sorted, sort_kept
from warden.store.sqlite import ORIGIN_PREFIX
from warden.store.verification import Progress, Report, Source, verify_ledger
from warden.store.writerlock import hold_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warden.ledger.checkpoint import Checkpoint


_PASSING = frozenset({Damage.DATABASE, Damage.HEAD, Damage.CUT, Damage.KEY})
"""What a ledger that is just being made, restored or repaired looks like."""
KeptHeads = Callable[[str], Iterable[str]]
"""Gives the texts of notes that were kept elsewhere for the log of this origin."""


def no_heads(origin: str) -> Iterable[str]:
    """Return that nothing is kept elsewhere."""
    return ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """What verifying the files found; `pinned` says whether the log's key is the pinned one (None: nothing pinned), `kept`
    what was made of heads that were kept elsewhere."""

    report: Report
    origin: str = ""
    key: str = ""
    pinned: bool | None = None
    kept: Sorted = field(default_factory=Sorted)


def inspect(
    files: LedgerFiles,
    heads: Iterable[Checkpoint] = (),
    progress: Progress | None = None,
    kept: KeptHeads = no_heads,
) -> Inspection:
    """Return what is found. `heads` are known to be heads of this log; `kept` gives the texts of notes that were kept
    elsewhere for the log of an origin, and what is not signed with its key among them does not count.

    Raises `StateError` when there never was a ledger or the disk fails, and whatever `kept` raises.
    """
    if not files.exists():
        raise no_ledger(files.database)
    heads, asked = tuple(heads), kept if kept is no_heads else cache(lambda origin: tuple(kept(origin)))
    found = _look(files, heads, progress, asked)
    passing = any(one.damage in _PASSING for one in found.report.findings)
    if passing and files.wait_for_writer():  # somebody was perhaps just making, restoring or repairing it
        return _look(files, heads, progress, asked)
    return found


def _look(files: LedgerFiles, heads: Iterable[Checkpoint], progress: Progress | None, kept: KeptHeads) -> Inspection:
    found = Inspection(Report(None, ()))
    try:
        if not files.database.exists():
            raise damaged(Damage.DATABASE, None, "the database is gone, and the head that it published is still there")
        # All that is known from elsewhere is asked before the view begins: a log that grows meanwhile is ahead of it.
        pinned, published = files.keys.read_pin(), HeadFile(files.head).read()
        texts = _kept_texts(files, kept)
        with sqlite_errors(str(files.database)), open_snapshot(files.database) as connection:
            if is_empty(connection):  # its making was interrupted, and the next run makes it; or somebody emptied it
                if published is None and pinned is None:
                    raise no_ledger(files.database)
                detail = "the database is empty, and its pinned key or published head says that it was not"
                raise damaged(Damage.DATABASE, None, detail)
            check_identity(connection, str(files.database))
            log = read_log_identity(connection)
            origin, key = log.origin, log.key
            found = Inspection(Report(None, ()), origin, key.to_text() if key else "", _is_pinned(pinned, key))
            if found.pinned is False:
                raise damaged(Damage.KEY, 0, "the log's key is not the one whose fingerprint is pinned")
            found = replace(found, kept=sort_kept(connection, log, texts))
            source = Source(connection, files.segments, origin, key)
            return replace(found, report=verify_ledger(source, published, [*heads, *found.kept.heads], progress))
    except DamagedLogError as error:
        return replace(found, report=Report(None, (error.finding,)))
    except LedgerError as error:
        return replace(found, report=Report(None, (Finding(Damage.DATABASE, None, error.message),)))


def _kept_texts(files: LedgerFiles, kept: KeptHeads) -> Iterable[str]:
    if kept is no_heads:
        return ()
    with open_snapshot(files.database) as connection:
        if is_empty(connection):
            return ()
        check_identity(connection, str(files.database))
        origin = read_log_identity(connection).origin
    return kept(origin)


@contextlib.contextmanager
def open_snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading in one consistent view; raises `StateError` and `LedgerError`."""
    with sqlite_errors(str(path)):
        with hold_directory(path.absolute().parent, alone=False):
            connection = _connect_for_reading(path)
        try:
            yield connection
        finally:
            connection.close()


_NO_PLACE = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})


def _connect_for_reading(path: Path) -> sqlite3.Connection:
    uri = uri_of(path, "ro")
    try:
        return _begin(uri)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _NO_PLACE:
            raise
        wal = Path(f"{path}-wal")
        if wal.exists() and wal.stat().st_size:
            raise
        # A directory that cannot be written has no place for SQLite's index of a write-ahead log, and here there is no log.
        return _begin(uri + "&immutable=1")


def _begin(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def read_log_identity(connection: sqlite3.Connection) -> LogIdentity:
    """Return which log this is, as its first entry says; raises `DamagedLogError`."""
    row = connection.execute("SELECT raw FROM entries WHERE seq = 0").fetchone()
    try:
        entry = None if row is None else parse_entry(row[0])
    except (LedgerError, TypeError, AttributeError) as error:
        raise damaged(Damage.MALFORMED, 0, "entry 0 is not one") from error
    if entry is None or entry.kind != "log_started":
        raise damaged(Damage.MISSING if entry is None else Damage.CHANGED, 0, "the log does not begin with its start")
    origin, public_key = ORIGIN_PREFIX + str(entry.fields["log_id"]), str(entry.fields["public_key"])
    previous = str(entry.fields["previous_head"] or "")
    try:
        key = Verifier(origin, bytes.fromhex(public_key)) if public_key else None
        return LogIdentity(origin, key, previous)
    except (ValueError, LedgerError) as error:
        raise damaged(Damage.KEY, 0, "entry 0 names no usable key") from error


def _is_pinned(pinned: str | None, key: Verifier | None) -> bool | None:
    if pinned is None:
        return None
    return key is not None and fingerprint_of(key.public_key) == pinned
