"""Errors of files and of SQLite that are nobody's tampering, and what goes on after them."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from warden.errors import StateError
from warden.hubs.database import MIGRATIONS, Database
from warden.hubs.database import _migrate as migrate
from warden.server.console.database import ConsoleDatabase
from warden.store.connection import connect, is_empty, sqlite_errors
from warden.store.durable import create_file
from warden.store.inspection import open_snapshot
from warden.testing.engine import FixedClock

CLOCK = FixedClock()


def test_containers_that_share_a_directory(tmp_path: Path) -> None:
    """Two processes of the same number, in two containers, do not write into each other's new file."""
    beside = tmp_path / f".key.{os.getpid()}"
    beside.write_text("of another process")
    assert create_file(tmp_path / "key", b"mine")
    assert beside.read_text() == "of another process"


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_INTERRUPT]
)
def test_what_others_or_the_machine_cause_is_no_damage(code: int) -> None:
    """A database that many processes keep busy, or a machine without memory, does not make the ledger one that was changed."""
    error = sqlite3.OperationalError("locking protocol")
    error.sqlite_errorcode = code
    with pytest.raises(StateError), sqlite_errors("ledger.db"):
        raise error


@pytest.mark.parametrize(
    "name", ["plain", "with space", "50%41 off?", "a#b?mode=memory", "ünïcode", "\udcff", "&cache=shared"]
)
def test_any_directory_may_hold_a_ledger(name: str, tmp_path: Path) -> None:
    """Whatever a directory is called, the database is the file in it, for writers and readers."""
    place = tmp_path / name / "ledger.db"
    connection = connect(str(place))
    connection.execute("CREATE TABLE entries (seq)")
    connection.close()
    assert place.is_file()
    with open_snapshot(place) as reader:
        assert not is_empty(reader)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_console_file_whose_commit_failed_can_be_written_again(tmp_path: Path) -> None:
    """A commit that fails leaves no open transaction behind."""
    database = ConsoleDatabase(tmp_path / "console.db")

    def write(statement: str) -> None:
        with database.writing() as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            connection.execute(statement)

    with pytest.raises(StateError):
        write("INSERT INTO links VALUES ('x', 'nobody', 0, 0)")
    write("INSERT INTO failures VALUES ('a', 1, 0)")
    database.close()


def test_a_transaction_that_sqlite_ended_itself_is_told_with_its_cause(tmp_path: Path) -> None:
    """What ended a write is in the error, not that there was nothing left to undo; the next write works."""
    database = Database(tmp_path / "hub.db", CLOCK)

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR ROLLBACK INTO hub VALUES ('id', 'twice')")

    with pytest.raises(StateError, match="UNIQUE"):
        database.write(fail)
    database.write(lambda connection: connection.execute("INSERT INTO hub VALUES ('more', '1')"))
    database.close()


def test_a_hub_has_its_identity_as_soon_as_it_has_tables(tmp_path: Path) -> None:
    """Who reads the file of a hub or an intake while it is made finds nothing, or all of it."""
    seen: list[object] = []

    class Watched(sqlite3.Connection):
        """A connection beside which somebody reads after each commit."""

        def executescript(self, script: str) -> sqlite3.Cursor:
            try:
                return super().executescript(script)
            finally:
                beside = sqlite3.connect(tmp_path / "hub.db")
                seen.append(beside.execute("SELECT value FROM hub WHERE name = 'id'").fetchone())
                beside.close()

    maker = sqlite3.connect(tmp_path / "hub.db", factory=Watched, isolation_level=None)
    migrate(maker, tmp_path / "hub.db", MIGRATIONS, "hub")
    maker.close()
    assert seen
    assert None not in seen
