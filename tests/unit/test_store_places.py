"""Files in a ledger's place that are none, and places that cannot be written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from storebed import fill, open_ledger
from warden.errors import LedgerError, StateError
from warden.ledger.damage import Damage
from warden.ledger.signature import SeedSigner
from warden.model.entry import Batch
from warden.store.files import LedgerFiles
from warden.store.inspection import Inspection, inspect
from warden.store.sqlite import SqliteLedgerStore
from warden.testing.engine import FixedClock
from warden.testing.ledger import alert

THIEF = SeedSigner.from_seed(bytes(32))


@pytest.fixture
def files(tmp_path: Path) -> LedgerFiles:
    """The files of a ledger that does not exist yet."""
    return LedgerFiles(tmp_path / "state", tmp_path / "config")


def test_newer_schema_is_refused(files: LedgerFiles) -> None:
    """A ledger of a newer warden is neither read nor changed."""
    fill(files)
    connection = sqlite3.connect(files.database)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for attempt in (lambda: open_ledger(files), lambda: inspect(files)):
        with pytest.raises(StateError, match="99"):
            attempt()


def test_another_programs_database_is_refused(files: LedgerFiles) -> None:
    """A database of another program is not touched."""
    files.state_dir.mkdir(mode=0o700)
    connection = sqlite3.connect(files.database)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = files.database.read_bytes()
    with pytest.raises(StateError, match="another program"):
        SqliteLedgerStore(files.database, FixedClock(), THIEF)
    assert files.database.read_bytes() == before


@pytest.mark.parametrize(
    "change", [lambda data: b"garbage" * 999, lambda data: data[:5000], lambda data: data[: len(data) // 2]]
)
def test_damaged_database_file(files: LedgerFiles, change: Callable[[bytes], bytes]) -> None:
    """A database file that is not one any more ends in an error of ours, and in a finding."""
    fill(files)
    files.database.write_bytes(change(files.database.read_bytes()))
    assert not inspect(files).report.sound
    with pytest.raises((LedgerError, StateError)):
        open_ledger(files).commit(Batch((alert(),)))


def test_every_truncation_of_the_database(files: LedgerFiles) -> None:
    """A database file that was cut at any page never verifies."""
    fill(files)
    data = files.database.read_bytes()
    for length in range(0, len(data), 4096):
        files.database.write_bytes(data[:length])
        found: Inspection | None
        try:
            found = inspect(files)
        except StateError:
            found = None
        assert found is None or not found.report.sound, length


def test_directory_in_its_place(files: LedgerFiles) -> None:
    """A directory where the database should be is a state error with a hint."""
    files.database.mkdir(parents=True)
    with pytest.raises(StateError) as caught:
        SqliteLedgerStore(files.database, FixedClock(), THIEF)
    assert caught.value.hint


NOBODY = 65534


def test_read_only_state_directory() -> None:
    """In a state directory that cannot be written, appending is a state error with a hint, and verifying still works
    when it was closed in order."""
    root = Path(tempfile.mkdtemp(prefix="warden-read-only-"))  # where somebody without rights can get at it
    files = LedgerFiles(root / "state", root / "config")
    fill(files)
    for path in [root, *root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    files.keys.key.chmod(0o400)
    if os.geteuid() == 0:
        os.chown(files.keys.key, NOBODY, NOBODY)
    try:
        child = os.fork()
        if child == 0:
            os._exit(try_to_write(files))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    finally:
        for path in [root, *root.rglob("*")]:
            path.chmod(0o700)
        shutil.rmtree(root)


def try_to_write(files: LedgerFiles) -> int:
    """Return 7 when appending is refused as promised and verifying works; for a forked child."""
    try:
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        with pytest.raises(StateError) as caught:
            open_ledger(files).commit(Batch((alert(),)))
        return 7 if caught.value.hint and inspect(files).report.sound else 2
    except BaseException:  # noqa: BLE001 - a child must not go on with the tests
        return 1


def test_not_across_a_fork(files: LedgerFiles) -> None:
    """A ledger that was opened before a fork refuses to be used in the child, and the parent goes on."""
    store = open_ledger(files)
    child = os.fork()
    if child == 0:
        try:
            store.commit(Batch((alert(),)))
        except StateError:
            store.close()
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    store.commit(Batch((alert(),)))
    store.close()
    assert inspect(files).report.sound


def test_a_ledger_whose_making_was_interrupted_is_none_yet(files: LedgerFiles) -> None:
    """A full disk on the first run leaves an empty database: verifying says that there is no ledger, and a run makes it."""
    files.keys.load(None, ledger_exists=False)
    connection = sqlite3.connect(files.database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    with pytest.raises(StateError, match="there is no ledger"):
        inspect(files)
    fill(files)
    assert inspect(files).report.sound


def test_an_emptied_database_is_damage(files: LedgerFiles) -> None:
    """A database that was emptied while its head is still there is not taken for a new one."""
    fill(files)
    for path in (files.database, Path(f"{files.database}-wal")):
        path.write_bytes(b"")
    findings = inspect(files).report.findings
    assert [finding.damage for finding in findings] == [Damage.DATABASE]
    assert "the database is empty" in findings[0].detail
