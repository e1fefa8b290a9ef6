"""Runs of scripts, written down before they begin and when they end: `channels.script.RunRecords` in one SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING

from warden.errors import StateError, quote
from warden.ledger.entry import format_time
from warden.model.script_run import ScriptRunRecord
from warden.store.connection import connect
from warden.store.writerlock import WriterLock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from warden.ports import Clock

VERSION = 1
_COLUMNS = "key, number, rule, began_at, ended_at, status, output"
_TABLES = f"""
CREATE TABLE IF NOT EXISTS runs (
  key TEXT NOT NULL, number INTEGER NOT NULL, rule TEXT NOT NULL,
  began_at TEXT NOT NULL, ended_at TEXT NOT NULL, status TEXT NOT NULL, output TEXT NOT NULL,
  PRIMARY KEY (key, number)
);
CREATE INDEX IF NOT EXISTS runs_began ON runs (began_at);
PRAGMA user_version = {VERSION};
"""


class ScriptRuns:
    """The file at `path`, made on first use. Safe to call from several threads and processes; raises `StateError`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._mutex = threading.Lock()
        self._lock = WriterLock(path.with_name(path.name + ".lock"))
        with self._errors():
            self._connection = connect(str(path))
            with self._lock.held():
                self._connection.execute("PRAGMA journal_mode = WAL")
                version = self._connection.execute("PRAGMA user_version").fetchone()[0]
                if version > VERSION:
                    raise StateError(f"{quote(path)} was written by a newer warden", "update warden")
                self._connection.executescript(_TABLES)

    def last(self, key: str) -> ScriptRunRecord | None:
        """Return the newest run under this key, None when there was none."""
        with self._mutex, self._errors():
            query = f"SELECT {_COLUMNS} FROM runs WHERE key = ? ORDER BY number DESC LIMIT 1"  # noqa: S608 (names of ours)
            row = self._connection.execute(query, (key,)).fetchone()
        return None if row is None else ScriptRunRecord(*row)

    def begin(self, key: str, rule: str, number: int) -> None:
        """Write down durably that a run begins; one under this number must not be there."""
        self._write("INSERT INTO runs VALUES (?, ?, ?, ?, '', '', '')", key, number, rule, self._now())

    def finish(self, key: str, number: int, status: str, output: str) -> None:
        """Write down durably how it ended."""
        self._write(
            "UPDATE runs SET ended_at = ?, status = ?, output = ? WHERE key = ? AND number = ?",
            self._now(), status, output, key, number,
        )  # fmt: skip

    def of(self, key: str, limit: int = 100) -> tuple[ScriptRunRecord, ...]:
        """Return the runs under one key, oldest first."""
        with self._mutex, self._errors():
            query = f"SELECT {_COLUMNS} FROM runs WHERE key = ? ORDER BY number LIMIT ?"  # noqa: S608 (names of ours)
            rows = self._connection.execute(query, (key, limit)).fetchall()
        return tuple(ScriptRunRecord(*row) for row in rows)

    def newest(self, limit: int) -> tuple[ScriptRunRecord, ...]:
        """Return the newest runs, the newest first."""
        with self._mutex, self._errors():
            query = f"SELECT {_COLUMNS} FROM runs ORDER BY began_at DESC, key, number DESC LIMIT ?"  # noqa: S608 (names of ours)
            rows = self._connection.execute(query, (limit,)).fetchall()
        return tuple(ScriptRunRecord(*row) for row in rows)

    def close(self) -> None:
        """Give the file back."""
        with self._mutex, self._lock.held():
            self._connection.close()
        self._lock.close()

    def _write(self, statement: str, *values: object) -> None:
        with self._mutex, self._errors(), self._lock.held():
            self._connection.execute(statement, values)

    def _now(self) -> str:
        return format_time(self._clock.now())

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(
                f"{quote(self._path)} cannot be used: {error}", "check the disk, and the file's owner and mode"
            ) from error
