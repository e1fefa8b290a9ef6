"""Connections to a ledger's database, and what SQLite's errors mean for a person."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from warden.errors import LedgerError, StateError, quote
from warden.store.durable import FILE_MODE, disk_errors, make_directory
from warden.store.tables import APPLICATION_ID, SCHEMA_VERSION
from warden.store.writerlock import hold_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = ":memory:"
BUSY_TIMEOUT_S = 10.0

_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_CAUSES = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space; nothing was stored in part"),
    sqlite3.SQLITE_READONLY: ("it is read-only", "make the state directory writable by this user"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "check that the state directory exists and is writable"),
    sqlite3.SQLITE_PERM: ("access is refused", "make the state directory writable by this user"),
    sqlite3.SQLITE_BUSY: ("another process keeps it busy", "try again when that process has ended"),
    sqlite3.SQLITE_LOCKED: ("another process keeps it busy", "try again when that process has ended"),
    sqlite3.SQLITE_PROTOCOL: ("other processes keep it busy", "try again in a moment"),
    sqlite3.SQLITE_NOLFS: (
        "it is larger than this system can handle",
        "put the state directory on another file system",
    ),
    sqlite3.SQLITE_NOMEM: ("memory ran out", "give the process more memory, or end others"),
    sqlite3.SQLITE_INTERRUPT: ("it was interrupted", "try again"),
    sqlite3.SQLITE_IOERR: (
        "reading or writing failed",
        "check the disk and its free space; nothing was stored in part",
    ),
}


@contextlib.contextmanager
def sqlite_errors(path: str) -> Iterator[None]:
    """Turn SQLite's errors of the block into `StateError` (the disk) or `LedgerError` (the content)."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if primary in _CAUSES:
            what, hint = _CAUSES[primary]
            raise StateError(f"the ledger {quote(path)} cannot be used: {what}", hint) from error
        if primary in _DAMAGE:
            raise LedgerError(
                f"the ledger {quote(path)} is damaged or is not a database",
                "run `warden ledger verify`, then `warden ledger repair`",
            ) from error
        raise LedgerError(
            f"the ledger {quote(path)} does not hold together: {quote(error)}",
            "run `warden ledger verify`, then `warden ledger repair`",
        ) from error


def uri_of(path: Path, mode: str) -> str:
    """Return how SQLite is told to open this file without making it (https://www.sqlite.org/uri.html); `Path.as_uri` would
    import more than an idle run should on some versions of Python."""
    escaped = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file://{escaped}?mode={mode}"


def connect(path: str, makes: bool = True) -> sqlite3.Connection:
    """Return a connection in autocommit mode with durable commits; makes a private file when there is none and `makes`."""
    if path == MEMORY:
        return _connect(path)
    place = Path(path).absolute()
    if makes:
        make_directory(place.parent)
    with hold_directory(place.parent, alone=False):
        if makes:
            with disk_errors(place), contextlib.suppress(FileExistsError):
                os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))
        return _connect(uri_of(place, "rw"))


def _connect(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(name, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, uri=True)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA secure_delete = ON")
        is_empty(connection)  # opens the write-ahead log and its index too
    except BaseException:
        connection.close()
        raise
    return connection


def identify(path: str) -> tuple[int, int] | None:
    """Return what tells the file that is at `path` now from any other, None when there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def is_empty(connection: sqlite3.Connection) -> bool:
    """Return whether the database has nothing in it."""
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None


def stored_version(connection: sqlite3.Connection) -> int:
    """Return the version of the database's tables."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_program(connection: sqlite3.Connection, path: str) -> None:
    """Raise `StateError` when the file is not a ledger of warden, or one of a newer version."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StateError(
            f"{quote(path)} is a database of another program", "move it away, or choose another state directory"
        )
    version = stored_version(connection)
    if version > SCHEMA_VERSION:
        raise StateError(
            f"the ledger {quote(path)} has schema version {version} and this warden knows {SCHEMA_VERSION}",
            "update warden: a newer one wrote this ledger; or give this one the copy that the update kept in `backups`",
        )
    if version < 1:
        raise StateError(
            f"the ledger {quote(path)} has schema version {version}, which never existed", "restore a copy of it"
        )


def check_identity(connection: sqlite3.Connection, path: str) -> None:
    """Raise `StateError` when the file is not a ledger of warden of exactly this version."""
    check_program(connection, path)
    version = stored_version(connection)
    if version < SCHEMA_VERSION:
        raise StateError(
            f"the ledger {quote(path)} has schema version {version} and this warden works with {SCHEMA_VERSION}",
            "bring it forward with `warden ledger rebuild`; a run does that by itself",
        )


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block in one write transaction: all of it is stored, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
