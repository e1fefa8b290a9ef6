"""The embedded hub's database file: opening, schema and its migrations, and the one writer.

WAL with synchronous=FULL: a commit that was answered survives power loss. SQLite before 3.51.3 can corrupt a WAL file
when two connections write or checkpoint at once, so every write transaction, and every close (which checkpoints), holds
`<database>.lock` (flock(2): freed by the kernel when its holder dies).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from warden.errors import HubBusyError, HubUncertainError, StateError, WardenError, quote

if TYPE_CHECKING:
    from pathlib import Path

    from warden.ports import Clock

LOCK_TIMEOUT_S: Final = 30.0
LOCK_PAUSE_S: Final = 0.002
"""The longest pause before the lock is asked for again: about as long as a commit, so that two writers take turns."""
BATCH_WRITES: Final = 512
"""How many writes share one commit at most."""

_SCHEMA_1 = """
CREATE TABLE hub (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, thread_id TEXT NOT NULL, from_agent TEXT NOT NULL, to_agent TEXT NOT NULL,
  assurance TEXT NOT NULL, created_at TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
  in_reply_to TEXT NOT NULL, metadata TEXT NOT NULL, size INTEGER NOT NULL, read_at TEXT);
CREATE INDEX messages_unread ON messages (to_agent, seq) WHERE read_at IS NULL;
CREATE INDEX messages_inbox ON messages (to_agent, seq);
CREATE INDEX messages_thread ON messages (thread_id, seq);
CREATE TABLE participants (thread_id TEXT, agent TEXT, PRIMARY KEY (thread_id, agent)) WITHOUT ROWID;
CREATE TABLE progress (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, agent TEXT NOT NULL, created_at TEXT NOT NULL, kind TEXT NOT NULL,
  summary TEXT NOT NULL, detail TEXT, message_id TEXT, thread_id TEXT, metadata TEXT NOT NULL, size INTEGER NOT NULL);
CREATE INDEX progress_agent ON progress (agent, seq);
CREATE TABLE keys (
  agent TEXT, key TEXT, digest TEXT NOT NULL, result TEXT NOT NULL, used_at REAL NOT NULL,
  PRIMARY KEY (agent, key)) WITHOUT ROWID;
CREATE INDEX keys_used_at ON keys (used_at);
CREATE TABLE tokens (
  id TEXT PRIMARY KEY, agent TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL, revoked_at TEXT
  ) WITHOUT ROWID;
"""
MIGRATIONS: Final = (_SCHEMA_1,)
"""Entry n takes a file of version n to version n + 1; an entry that was released is never edited."""

Row = tuple[object, ...]
Operation = Callable[[sqlite3.Connection], object]


class Write:
    """One write on its way: what to do, and then its result or error."""

    __slots__ = ("done", "error", "operation", "result")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.result: object = None
        self.error: WardenError | None = None
        self.done = False


class Database:
    """One open hub file: a connection that writes and one that reads. Safe to use from several threads."""

    def __init__(self, path: Path, clock: Clock, migrations: Sequence[str] = MIGRATIONS, prefix: str = "hub") -> None:
        """Open or make the file; raises `StateError` when it cannot be used or is of a newer version.

        `migrations` is the schema of what is kept in it, with a table `hub` of names and values; `prefix` begins its id.
        """
        self.path = path
        self._clock = clock
        self._writer_turn = threading.Lock()
        self._reader_turn = threading.Lock()
        self._waiting: deque[Write] = deque()
        with _translated(path):
            self._lock_file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with self._file_lock():
                _make_private(path)
                self._writer = _connect(path)
                _migrate(self._writer, path, migrations, prefix)
                self._reader = _connect(path)
                self._reader.execute("PRAGMA query_only = ON")
        self.hub_id: Final = str(self.read_one("SELECT value FROM hub WHERE name = 'id'")[0])

    def read(self, statement: str, values: Row = ()) -> list[Row]:
        """Return all rows of a query that the caller has bounded."""
        with self._reader_turn, _translated(self.path):
            return self._reader.execute(statement, values).fetchall()

    def read_one(self, statement: str, values: Row = ()) -> Row:
        """Return the first row, or an empty tuple."""
        with self._reader_turn, _translated(self.path):
            row: Row | None = self._reader.execute(statement, values).fetchone()
            return row or ()

    @contextlib.contextmanager
    def cursor(self, statement: str, values: Row) -> Iterator[sqlite3.Cursor]:
        """Give the rows of a query one by one, so that the caller can stop early."""
        with self._reader_turn, _translated(self.path):
            rows = self._reader.execute(statement, values)
            try:
                yield rows
            finally:
                rows.close()

    def write(self, operation: Operation) -> object:
        """Run `operation` in a transaction that others may share; return its result once it is durable.

        Threads that wait for the same commit are served by whichever of them comes first. Raises what `operation` raises,
        `HubBusyError` when another process holds the file too long, and `StateError`.
        """
        write = Write(operation)
        self._waiting.append(write)
        while not write.done:
            with self._writer_turn:
                if not write.done:
                    batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_WRITES))]
                    self._commit(batch)
        if write.error is not None:
            raise write.error
        return write.result

    def write_all(self, batch: Sequence[Write]) -> None:
        """Run a batch in one transaction; every write is `done` afterwards, with its own result or error."""
        with self._writer_turn:
            self._commit(batch)

    def close(self) -> None:
        """Close the file, once; closing the last connection checkpoints, so it is done as a writer."""
        if self._lock_file < 0:
            return
        with self._writer_turn, self._reader_turn, contextlib.suppress(HubBusyError), self._file_lock():
            self._reader.close()
            self._writer.close()
        os.close(self._lock_file)
        self._lock_file = -1

    def _commit(self, batch: Sequence[Write]) -> None:
        """INVARIANT (receipt-before-handled): results are handed out only after COMMIT returned, with its fsync done;
        whatever else ends a commit, an interrupt among it, every write of the batch has an error."""
        failure: WardenError | None = HubUncertainError("the write was interrupted", "look whether it was stored")
        try:
            with _translated(self.path), self._file_lock():
                self._run_all(batch)
                self._finish()
            failure = None
        except WardenError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - it concerns everybody in the batch, not only who happens to commit it
            failure = StateError(f"a write failed and was undone: unexpected {type(error).__name__}", "report it")
        finally:
            for write in batch:
                write.error = failure or write.error
                write.done = True

    def _run_all(self, batch: Sequence[Write]) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for write in batch:
                _run(self._writer, write)
        except BaseException:
            if self._writer.in_transaction:  # a full disk has ended it already
                self._writer.execute("ROLLBACK")
            raise

    def _finish(self) -> None:
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise HubUncertainError(
                f"{quote(self.path)} could not be written: {error}", "free space on the disk, then try again"
            ) from error

    @contextlib.contextmanager
    def _file_lock(self) -> Iterator[None]:
        """INVARIANT (one-runner): every write to the file, by anyone, holds this lock, for one short transaction."""
        deadline = self._clock.monotonic() + LOCK_TIMEOUT_S
        pause_s = 0.0005
        while True:
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if self._clock.monotonic() >= deadline:
                    raise HubBusyError(
                        f"{quote(self.path)} is being written by another process", "look for one that hangs", 1.0
                    ) from None
                self._clock.wait(pause_s)
                pause_s = min(pause_s * 2, LOCK_PAUSE_S)
        try:
            yield
        finally:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)


def _run(connection: sqlite3.Connection, write: Write) -> None:
    """Run one write of a batch; its refusal undoes it alone."""
    connection.execute("SAVEPOINT one")
    try:
        write.result = write.operation(connection)
    except WardenError as error:
        write.error = error
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")


def _make_private(path: Path) -> None:
    """Make the file readable for its owner only, if it is not there yet.

    One that is there is not opened: closing it would drop the locks that SQLite holds on it for this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=10.0, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str], prefix: str) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise StateError(
            f"{quote(path)} was written by a newer version (schema {version}, known {len(migrations)})",
            "upgrade warden, or name another state directory with --state-dir",
        )
    identity = f"INSERT OR IGNORE INTO hub VALUES ('id', '{prefix}-{os.urandom(16).hex()}');"  # noqa: S608 (words of ours)
    for known in range(version, len(migrations)):  # with its identity in one: others may read the file meanwhile
        steps = f"{migrations[known]}{identity}PRAGMA user_version = {known + 1};"
        connection.executescript(f"BEGIN IMMEDIATE;{steps}COMMIT;")


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into ours."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StateError(
            f"cannot use {quote(path)}: {reason}", "check the disk, the file's owner and mode, or restore it"
        ) from error
