"""The ledger's files: who may read them, what opening notices, what survives, what is refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from storebed import damage_of, execute, fill, open_ledger
from warden.errors import LedgerError, StateError
from warden.ledger.checkpoint import sign_checkpoint
from warden.ledger.damage import Damage
from warden.ledger.entry import parse_entry, write_entry
from warden.ledger.merkle import Frontier, hash_leaf
from warden.ledger.signature import SeedSigner
from warden.model.digests import digest_bytes
from warden.model.entry import Batch
from warden.store.files import LedgerFiles
from warden.store.inspection import inspect
from warden.store.maintenance import rebuild
from warden.store.sqlite import SqliteLedgerStore
from warden.store.tables import PROJECTIONS
from warden.store.verification import STEP
from warden.testing.engine import FixedClock
from warden.testing.ledger import Story, alert

THIEF = SeedSigner.from_seed(bytes(32))


@pytest.fixture
def files(tmp_path: Path) -> LedgerFiles:
    """The files of a ledger that does not exist yet."""
    return LedgerFiles(tmp_path / "state", tmp_path / "config")


def mode_of(path: Path) -> int:
    """Return the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_private(files: LedgerFiles) -> None:
    """Files that hold state are 0600 in 0700 directories, whatever the umask."""
    before = os.umask(0)
    try:
        fill(files)
        store = open_ledger(files)
        store.commit(Batch((alert(),)))
        for path in [*files.state_dir.rglob("*"), *files.keys.pin.parent.iterdir()]:
            assert mode_of(path) == (0o700 if path.is_dir() else 0o600), path
        assert mode_of(files.state_dir) == 0o700
        store.close()
    finally:
        os.umask(before)


def test_an_intact_ledger_verifies(files: LedgerFiles) -> None:
    """What was recorded verifies, under the pinned key, against its published head."""
    fill(files)
    found = inspect(files)
    assert found.report.sound
    assert found.pinned is True
    assert found.report.verdict is not None
    assert found.report.verdict.size == found.report.verdict.head_size == 9
    assert found.report.verdict.signed == 6
    assert found.report.blobs == 2


def test_nothing_there_is_not_damage(files: LedgerFiles) -> None:
    """Reading and verifying a state directory without a ledger say so, and make nothing."""
    for attempt in (lambda: files.open_reader(FixedClock()), lambda: files.open(FixedClock()), lambda: inspect(files)):
        with pytest.raises(StateError):
            attempt()
    with pytest.raises(StateError):
        SqliteLedgerStore(files.database, FixedClock(), None, None, None)
    assert not files.state_dir.exists()


def test_reopened_ledger_goes_on(files: LedgerFiles) -> None:
    """A ledger that is closed and opened has the same head and appends to it."""
    fill(files)
    store = open_ledger(files)
    assert store.recovered_entries == 0
    head = store.head()
    assert store.commit(Batch((alert(),))).size == head.size + 1
    store.close()
    assert inspect(files).report.sound


def test_two_instances_append_in_turn(files: LedgerFiles) -> None:
    """Each append notices what the other has appended since."""
    first, second = open_ledger(files), open_ledger(files)
    for number in range(3):
        first.commit(Batch((alert(f"first-{number}"),)))
        second.commit(Batch((alert(f"second-{number}"), alert("more")), publish=number != 1))
    assert first.head() == second.head()
    first.close()
    second.close()
    assert inspect(files).report.sound


def test_unpublished_commits_are_a_crash(files: LedgerFiles) -> None:
    """A database ahead of its head opens, says how far it was ahead, verifies, and is published by the next commit."""
    fill(files)
    store = open_ledger(files)
    store.commit(Batch((alert(), alert()), publish=False))
    store.commit(Batch((alert(),), publish=False))
    store.close()
    assert inspect(files).report.sound
    store = open_ledger(files)
    assert store.recovered_entries == 3
    store.commit(Batch((alert(),)))
    store.close()
    store = open_ledger(files)
    assert store.recovered_entries == 0
    store.close()


def test_a_crash_before_the_first_publication(files: LedgerFiles) -> None:
    """A log that was made and whose first head was never published is new, not tampered with."""
    open_ledger(files).close()
    files.head.unlink()
    assert inspect(files).report.sound
    store = open_ledger(files)
    assert store.recovered_entries == 1
    store.commit(Batch((alert(),)))
    store.close()
    assert inspect(files).report.sound


def test_a_crash_within_the_creation(files: LedgerFiles) -> None:
    """An empty database file is filled, and a key that was made before it is used."""
    files.state_dir.mkdir(mode=0o700)
    files.database.touch(mode=0o600)
    SqliteLedgerStore(files.database, FixedClock(), THIEF).close()


# -- tampering with files


def refuse(files: LedgerFiles, damage: Damage) -> None:
    """Check that the ledger is not opened for appending and that verifying names the damage."""
    assert damage_of(files) is damage
    with pytest.raises(LedgerError):
        open_ledger(files)


def test_deleted_database(files: LedgerFiles) -> None:
    """A database that is gone while its head is there is tampering, and no new one is begun in its place."""
    fill(files)
    files.database.unlink()
    refuse(files, Damage.DATABASE)
    assert not files.database.exists()


def test_deleted_head(files: LedgerFiles) -> None:
    """A head file that is gone is tampering."""
    fill(files)
    files.head.unlink()
    refuse(files, Damage.HEAD)


def test_deleted_key(files: LedgerFiles) -> None:
    """A ledger whose key is gone is not appended to, and still verifies."""
    fill(files)
    files.keys.key.unlink()
    with pytest.raises(LedgerError):
        open_ledger(files)
    assert inspect(files).report.sound
    files.open_reader(FixedClock()).close()


def test_deleted_state_directory(files: LedgerFiles) -> None:
    """A state directory that is gone as a whole is noticed by the pin in the configuration directory."""
    fill(files)
    shutil.rmtree(files.state_dir)
    with pytest.raises(LedgerError, match="missing"):
        open_ledger(files)


def test_another_key(files: LedgerFiles) -> None:
    """A key that is not the pinned one is refused; without a pin, the log's first entry still says whose it is."""
    fill(files)
    other = LedgerFiles(files.state_dir.parent / "other", files.config_dir)
    open_ledger(other).close()
    shutil.copy(other.keys.key, files.keys.key)
    with pytest.raises(LedgerError, match="pinned"):
        open_ledger(files)
    files.keys.pin.unlink()
    store = open_ledger(files)
    with pytest.raises(LedgerError, match="signing key"):
        store.commit(Batch((alert(),)))
    store.close()


def test_another_log_under_another_key(files: LedgerFiles) -> None:
    """A whole ledger that was exchanged for one under another key is noticed by the pin."""
    fill(files)
    pin = files.keys.pin.read_bytes()
    shutil.rmtree(files.state_dir)
    files.keys.pin.unlink()
    fill(files)
    files.keys.pin.write_bytes(pin)
    assert damage_of(files) is Damage.KEY
    with pytest.raises(LedgerError):
        open_ledger(files)


def test_older_database(files: LedgerFiles, tmp_path: Path) -> None:
    """An older copy of the database behind the present head is a roll-back."""
    fill(files)
    shutil.copy(files.database, tmp_path / "old")
    store = open_ledger(files)
    store.commit(Batch((alert(),)))
    store.close()
    shutil.copy(tmp_path / "old", files.database)
    refuse(files, Damage.CUT)


def test_older_head(files: LedgerFiles, tmp_path: Path) -> None:
    """An older copy of the head alone looks like a crash, and does no harm: the log still verifies."""
    fill(files)
    shutil.copy(files.head, tmp_path / "old")
    store = open_ledger(files)
    store.commit(Batch((alert(),)))
    store.close()
    shutil.copy(tmp_path / "old", files.head)
    assert inspect(files).report.sound
    store = open_ledger(files)
    assert store.recovered_entries == 1
    store.close()


def test_older_copy_of_everything_needs_a_head_from_elsewhere(files: LedgerFiles, tmp_path: Path) -> None:
    """A roll-back of the whole state directory is noticed with a head that was kept elsewhere, and only with it."""
    fill(files)
    shutil.copytree(files.state_dir, tmp_path / "old")
    store = open_ledger(files)
    store.commit(Batch((alert(),)))
    elsewhere = store.newest_checkpoint().checkpoint
    store.close()
    shutil.rmtree(files.state_dir)
    shutil.copytree(tmp_path / "old", files.state_dir)
    assert inspect(files).report.sound
    assert inspect(files, [elsewhere]).report.findings[0].damage is Damage.ROLLED_BACK


def test_rolled_back_under_a_running_process(files: LedgerFiles) -> None:
    """A process notices at its next append that the log lost what it had recorded."""
    fill(files)
    store = open_ledger(files)
    store.commit(Batch((alert(),)))
    execute(files, "DELETE FROM entries WHERE seq = 9")
    execute(files, "DELETE FROM checkpoints WHERE size = 10")
    with pytest.raises(LedgerError):
        store.commit(Batch((alert(),)))
    store.close()


def test_cut_at_a_checkpoint(files: LedgerFiles) -> None:
    """Entries that were deleted together with their checkpoints are missed by the head."""
    fill(files)
    execute(files, "DELETE FROM entries WHERE seq >= 7")
    execute(files, "DELETE FROM checkpoints WHERE size > 7")
    refuse(files, Damage.CUT)


def test_half_of_the_entries_deleted(files: LedgerFiles) -> None:
    """Entries that were deleted from the middle are named."""
    fill(files)
    execute(files, "DELETE FROM entries WHERE seq BETWEEN 3 AND 5")
    finding = inspect(files).report.findings[0]
    assert (finding.damage, finding.seq) == (Damage.MISSING, 3)


def test_all_entries_deleted(files: LedgerFiles) -> None:
    """An emptied log is damage."""
    fill(files)
    execute(files, "DELETE FROM entries")
    refuse(files, Damage.MISSING)


def test_forged_tail_without_the_key(files: LedgerFiles) -> None:
    """An entry that was appended with everything but the signature is refused before anything is built on it."""
    fill(files)
    store = open_ledger(files)
    state = store.read(lambda connection: connection.execute("SELECT raw FROM entries ORDER BY seq").fetchall())
    raws = [row[0] for row in state]
    last = parse_entry(raws[-1])
    forged = write_entry(len(raws), last.at, last.digest, "alert_raised", {"run_id": None, "code": "x", "subject": ""})
    frontier = Frontier().extended(hash_leaf(raw) for raw in [*raws, forged.raw])
    note = sign_checkpoint(store.newest_checkpoint().checkpoint, THIEF)
    note = sign_checkpoint(type(note.checkpoint)(store.origin, frontier.size, frontier.root()), THIEF)
    store.close()
    execute(files, "INSERT INTO entries VALUES (?, ?)", forged.seq, forged.raw)
    execute(
        files,
        "INSERT INTO checkpoints VALUES (?, ?, ?, ?)",
        frontier.size,
        forged.digest,
        frontier.to_bytes(),
        note.text,
    )
    assert damage_of(files) is Damage.SIGNATURE
    store = open_ledger(files)
    with pytest.raises(LedgerError, match="not signed"):
        store.commit(Batch((alert(),)))
    store.close()


def flip_each(files: LedgerFiles, table: str, column: str) -> None:
    """Change single bytes of each value of a column, one at a time, and check that each change is found."""
    connection = sqlite3.connect(files.database, isolation_level=None)
    rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
    for rowid, value in rows:
        data = value.encode() if isinstance(value, str) else value
        step = max(1, len(data) // 12)
        for place in range(0, len(data), step):
            changed: object = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            if isinstance(value, str):
                changed = bytes(changed).decode("utf-8", "replace")  # type: ignore[call-overload]
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, rowid))
            assert inspect(files).report.findings, (table, rowid, place)
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, rowid))
    connection.close()
    assert inspect(files).report.sound


@pytest.mark.parametrize(
    ("table", "column"), [("entries", "raw"), ("checkpoints", "note"), ("blobs", "bytes"), ("blobs", "digest")]
)
def test_changed_bytes_of_stored_values(files: LedgerFiles, table: str, column: str) -> None:
    """A change of any stored entry, checkpoint or text is found."""
    fill(files)
    flip_each(files, table, column)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE dispositions SET disposition = 'answered' WHERE message_id = '3'",
        "DELETE FROM dispositions WHERE message_id = '3'",
        "UPDATE outbox SET state = 'done'",
        "UPDATE outbox SET due_ms = due_ms + 1",
        "DELETE FROM outbox WHERE state = 'open'",
        "INSERT INTO plans VALUES ('sha256:x', 'r', 0, 0)",
        "INSERT INTO answers VALUES ('sha256:x', 'sha256:y')",
    ],
)
def test_changed_tables_are_found_and_rebuilt(files: LedgerFiles, statement: str) -> None:
    """A table that says something else than the entries is found, and rebuilding puts it right."""
    fill(files)
    execute(files, statement)
    assert damage_of(files) is Damage.PROJECTION
    store = open_ledger(files)
    assert rebuild(store) == 9
    store.close()
    assert inspect(files).report.sound


def test_a_long_log_is_replayed_whole(files: LedgerFiles) -> None:
    """A log longer than what is replayed at once verifies, and what a table says wrongly of its last entry is found."""
    fill(files)
    store = open_ledger(files)
    store.commit(Batch(tuple(alert() for _ in range(STEP))))
    store.close()
    assert inspect(files).report.sound
    execute(files, "UPDATE tallies SET value = value - 1 WHERE name = 'alerts'")
    assert damage_of(files) is Damage.PROJECTION


def test_rebuild_recreates_every_row(files: LedgerFiles) -> None:
    """What a rebuild makes is row for row what the commits made."""
    fill(files)
    store = open_ledger(files)

    def rows(connection: sqlite3.Connection) -> dict[str, list[object]]:
        return {table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr) for table in PROJECTIONS}

    before = store.read(rows)
    assert before["outbox"]
    rebuild(store)
    assert store.read(rows) == before
    store.close()


def test_deleted_text_of_an_open_delivery(files: LedgerFiles) -> None:
    """The text of a delivery that is still to be made must not be gone."""
    fill(files)
    execute(files, "DELETE FROM blobs")
    assert damage_of(files) is Damage.BLOB


def test_changed_text_is_never_delivered(files: LedgerFiles) -> None:
    """A payload that was exchanged in the database, digest and outbox row included, does not come out as due."""
    fill(files)
    clock = FixedClock()
    other = Story("2").action(body="send me the key")
    execute(files, "UPDATE blobs SET bytes = ?", other.payload_bytes)
    store = open_ledger(files)
    with pytest.raises(LedgerError):
        store.pending("hub", "ops-warden", clock.now(), 9)
    store.close()
    digest = digest_bytes(other.payload_bytes)
    execute(files, "UPDATE blobs SET digest = ? WHERE rowid = 1", digest)
    execute(files, "UPDATE outbox SET payload_digest = ? WHERE state = 'open'", digest)
    store = open_ledger(files)
    with pytest.raises(LedgerError):
        store.pending("hub", "ops-warden", clock.now(), 9)
    store.close()
