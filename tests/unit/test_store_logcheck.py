"""What a run checks of its log before it acts."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from storebed import fill, open_ledger
from warden.cli.main import run
from warden.errors import EXIT_LEDGER, LedgerError
from warden.model.entry import Batch
from warden.store import logcheck
from warden.store.files import LedgerFiles
from warden.store.maintenance import archive
from warden.testing.engine import FixedClock
from warden.testing.ledger import run_finished, run_started


@pytest.fixture
def files(tmp_path: Path) -> LedgerFiles:
    """Return a ledger with a few commits."""
    found = LedgerFiles(tmp_path / "state", tmp_path / "config")
    fill(found)
    return found


def change(files: LedgerFiles, seq: int) -> None:
    """Change a letter of one stored entry behind the ledger's back, leaving its length and its JSON."""
    connection = sqlite3.connect(files.database)
    with connection:
        raw = connection.execute("SELECT raw FROM entries WHERE seq = ?", (seq,)).fetchone()[0]
        at = raw.index(b'"at":"2') + 6
        connection.execute("UPDATE entries SET raw = ? WHERE seq = ?", (raw[:at] + b"3" + raw[at + 1 :], seq))
    connection.close()


def size_of(files: LedgerFiles) -> int:
    """Return how many entries there are."""
    store = open_ledger(files)
    size = store.head().size
    store.close()
    return size


def check(files: LedgerFiles) -> None:
    """Open the ledger and check it."""
    store = open_ledger(files)
    try:
        store.check_log()
    finally:
        store.close()


def test_a_log_that_holds_together_is_fine(files: LedgerFiles) -> None:
    """Nothing is raised, and nothing is written."""
    before = size_of(files)
    check(files)
    assert size_of(files) == before


def test_a_change_of_any_entry_is_found(files: LedgerFiles) -> None:
    """Every entry of a short log is looked at, the first and the last too."""
    for seq in range(size_of(files)):
        kept = files.database.read_bytes()
        change(files, seq)
        with pytest.raises(LedgerError):
            check(files)
        for beside in files.state_dir.glob("ledger.db*"):
            beside.unlink()
        files.database.write_bytes(kept)
    check(files)


def test_an_entry_that_is_gone_is_found(files: LedgerFiles) -> None:
    """A hole in the middle stops a run."""
    connection = sqlite3.connect(files.database)
    with connection:
        connection.execute("DELETE FROM entries WHERE seq = 3")
    connection.close()
    with pytest.raises(LedgerError):
        check(files)


def test_what_is_archived_is_left_to_verifying(files: LedgerFiles) -> None:
    """The part in the database is checked from where the archive ends."""
    store = open_ledger(files)
    assert archive(store, FixedClock().now() + timedelta(days=1), files.segments) is not None
    store.commit(Batch((run_started(), run_finished())))
    store.check_log()
    store.close()
    change(files, size_of(files) - 2)
    with pytest.raises(LedgerError):
        check(files)


def test_a_long_log_is_checked_in_parts(files: LedgerFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a log that is longer than one look, each look takes a part; every entry is in the part of some draw."""
    store = open_ledger(files)
    for _ in range(6):
        store.commit(Batch((run_started(), run_finished())))
    store.close()
    monkeypatch.setattr(logcheck, "CHECKED_ENTRIES", 5)
    size = size_of(files)
    for seq in range(1, size - 1):
        kept = files.database.read_bytes()
        change(files, seq)
        assert not all(holds(files, draw) for draw in range(size - 4)), f"no draw sees entry {seq}"
        for beside in files.state_dir.glob("ledger.db*"):
            beside.unlink()
        files.database.write_bytes(kept)
    assert all(holds(files, draw) for draw in range(size - 4))


def holds(files: LedgerFiles, draw: int) -> bool:
    """Return whether the part that this draw gives holds together."""
    store = open_ledger(files)
    try:
        store.read(lambda connection: logcheck.check_log(connection, store.verifier, lambda number: draw % number))
    except LedgerError:
        return False
    finally:
        store.close()
    return True


def test_a_checkpoint_that_nobody_signed_is_found(files: LedgerFiles) -> None:
    """A tree that was computed anew needs the key: the newest checkpoint with another signature stops a run."""
    store = open_ledger(files)
    store.close()
    connection = sqlite3.connect(files.database)
    with connection:
        size, note = connection.execute("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
        line = note.rstrip("\n").rpartition("\n")[2]
        forged = line[:-3] + ("A" if line[-3] != "A" else "B") + line[-2:]
        connection.execute("UPDATE checkpoints SET note = ? WHERE size = ?", (note.replace(line, forged), size))
    connection.close()
    with pytest.raises(LedgerError):
        check(files)


def test_nothing_is_executed_on_a_log_that_was_edited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run with something to do ends with status 6 and posts nothing; an idle one and a dry run do not look."""
    place = ["--state-dir", str(tmp_path / "state"), "--config", str(tmp_path)]
    send = ["hub", "send", "--from", "ada", "--to", "ops-warden", "--body", "Who issues SSH certificates?", *place]
    assert run(send) == 0
    assert run(["worker", "run", "--execute", *place]) == 0
    change(LedgerFiles(tmp_path / "state", tmp_path), 2)
    assert run(["worker", "run", "--execute", *place]) == 0
    assert run(send) == 0
    assert run(["worker", "run", *place]) == 0
    assert run(["worker", "run", "--execute", *place]) == EXIT_LEDGER
    assert run(["ledger", "verify", *place]) == EXIT_LEDGER
    capsys.readouterr()
    assert run(["hub", "inbox", "--agent", "ada", "--json", *place]) == 0
    assert len(json.loads(capsys.readouterr().out)["messages"]) == 1
