"""The console's own file, `console.db`: users, sessions, one-time links, tokens, failed sign-ins, audit.

Secrets are kept as hashes: SHA-256 for random tokens of 256 bits, argon2id for passphrases (RFC 9106).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from typing import TYPE_CHECKING

from warden.errors import StateError, quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = 1
MODE = 0o600
BUSY_TIMEOUT_S = 10.0
_TABLES = """
CREATE TABLE users (
  name TEXT PRIMARY KEY, role INTEGER NOT NULL, passphrase TEXT NOT NULL, disabled INTEGER NOT NULL, created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE sessions (
  token_hash TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE, method TEXT NOT NULL,
  maker_uid INTEGER, address TEXT NOT NULL, created_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE links (
  token_hash TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
  maker_uid INTEGER NOT NULL, expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE tokens (
  token_hash TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, user TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
  role INTEGER NOT NULL, maker_uid INTEGER, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE failures (subject TEXT PRIMARY KEY, number INTEGER NOT NULL, last_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, user TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL,
  address TEXT NOT NULL
);
"""


class ConsoleDatabase:
    """The open file; one connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, of mode 600. Raises `StateError`."""
        self._path = path
        self._mutex = threading.Lock()
        try:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, MODE))
            if path.stat().st_mode & 0o077:
                raise StateError(f"{quote(path)} can be read by others", f"make it private: chmod 600 {path.name}")
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S
            )
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"{quote(path)} cannot be opened", "check the state directory and its owner") from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        with self.writing() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise StateError(f"{quote(self._path)} was written by a newer warden", "use that version")
            if version == 0:
                for statement in _TABLES.split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction. Raises `StateError` when the file cannot be used."""
        with self._mutex, self._errors():
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk has ended it already
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Ask something. Raises `StateError` when the file cannot be used."""
        with self._mutex, self._errors():
            yield self._connection

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(
                f"{quote(self._path)} cannot be used: {quote(error)}", "check the disk, or move the file away"
            ) from error

    def close(self) -> None:
        """Close it."""
        with self._mutex:
            self._connection.close()
