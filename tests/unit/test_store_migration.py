"""Opening a ledger that an older warden wrote."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from storebed import execute, fill, open_ledger
from warden.errors import LedgerError, StateError
from warden.store.backup import restore
from warden.store.connection import stored_version
from warden.store.files import LedgerFiles
from warden.store.inspection import inspect
from warden.store.maintenance import archive
from warden.store.tables import LOG_TABLE_NAMES, SCHEMA_VERSION, create_script
from warden.testing.engine import FixedClock

OLD_TABLES = """
DROP TABLE outbox;
CREATE TABLE outbox (seq INTEGER PRIMARY KEY, key TEXT NOT NULL);
CREATE TABLE forgotten (name TEXT PRIMARY KEY);
PRAGMA user_version = 1;
"""


FORM = (7, "7749b99bdde89e16")
"""Version and digest of the tables' form."""


def files_in(directory: Path) -> LedgerFiles:
    """Return the files of a ledger in a new place."""
    return LedgerFiles(directory / "state", directory / "config")


def make_older(database: Path) -> None:
    """Give a ledger tables of another form and the version before."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.executescript(OLD_TABLES)
    connection.close()


def table_names(database: Path) -> frozenset[str]:
    """Return the names of all tables."""
    connection = sqlite3.connect(database)
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    connection.close()
    return frozenset(name for (name,) in rows)


def version_of(database: Path) -> int:
    """Return the version of the tables."""
    connection = sqlite3.connect(database)
    version = stored_version(connection)
    connection.close()
    return version


def copies_of(files: LedgerFiles) -> list[Path]:
    """Return the copies that migrations kept."""
    return sorted((files.state_dir / "backups").glob("*"))


def test_an_older_ledger_is_brought_forward_when_it_is_opened(tmp_path: Path) -> None:
    """The derived tables are made anew from the entries, and then the whole ledger verifies."""
    files = files_in(tmp_path)
    fill(files)
    make_older(files.database)
    open_ledger(files).close()
    assert version_of(files.database) == SCHEMA_VERSION
    assert "forgotten" not in table_names(files.database)
    assert inspect(files).report.sound


def test_what_a_migration_found_is_kept_as_a_private_copy(tmp_path: Path) -> None:
    """The older file lies in `backups`, as it was, for its owner only."""
    files = files_in(tmp_path)
    fill(files)
    make_older(files.database)
    open_ledger(files).close()
    (copy,) = copies_of(files)
    assert version_of(copy) == 1
    assert "forgotten" in table_names(copy)
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_ledger_of_today_is_not_copied(tmp_path: Path) -> None:
    """Opening a ledger of this version migrates nothing."""
    files = files_in(tmp_path)
    fill(files)
    open_ledger(files).close()
    assert not copies_of(files)


def test_archived_entries_take_part_in_a_migration(tmp_path: Path) -> None:
    """Tables are made anew from the archive and the database together."""
    files = files_in(tmp_path)
    fill(files)
    store = open_ledger(files)
    assert archive(store, FixedClock().now() + timedelta(days=1), files.segments) is not None
    store.close()
    connection = sqlite3.connect(files.database, isolation_level=None)
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    open_ledger(files).close()
    assert inspect(files).report.sound


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Entries that do not hold together leave the older version in place, and the error says so."""
    files = files_in(tmp_path)
    fill(files)
    make_older(files.database)
    execute(files, "UPDATE entries SET raw = x'7b7d' WHERE seq = 2")
    with pytest.raises(LedgerError):
        open_ledger(files)
    assert version_of(files.database) == 1
    assert "forgotten" in table_names(files.database)


def test_verifying_an_older_ledger_says_how_to_bring_it_forward(tmp_path: Path) -> None:
    """Verifying changes nothing, so it refuses an older version and names the command that updates it."""
    files = files_in(tmp_path)
    fill(files)
    make_older(files.database)
    with pytest.raises(StateError) as refused:
        inspect(files)
    assert "ledger rebuild" in refused.value.hint


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    """There is no way backward: the error names the copy that the update kept."""
    files = files_in(tmp_path)
    fill(files)
    connection = sqlite3.connect(files.database, isolation_level=None)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(StateError) as refused:
        open_ledger(files)
    assert "backups" in refused.value.hint


def test_an_older_copy_can_be_restored(tmp_path: Path) -> None:
    """A copy that an older warden made is put back and brought forward."""
    files = files_in(tmp_path)
    fill(files)
    make_older(files.database)
    open_ledger(files).close()
    (copy,) = copies_of(files)
    restore(files, copy, FixedClock(), "tester")
    assert version_of(files.database) == SCHEMA_VERSION
    assert inspect(files).report.sound


def test_the_log_itself_keeps_its_tables(tmp_path: Path) -> None:
    """Entries, checkpoints and texts are what a migration never makes anew."""
    files = files_in(tmp_path)
    fill(files)
    assert table_names(files.database) >= LOG_TABLE_NAMES


def test_another_form_of_the_tables_has_another_version() -> None:
    """Whoever changes a table raises the version, so that older files are brought forward."""
    assert (SCHEMA_VERSION, sha256(create_script().encode()).hexdigest()[:16]) == FORM
