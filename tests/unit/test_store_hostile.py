"""A database in which somebody wrote what they liked: every question ends in an answer or in an error of ours."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from warden.errors import LedgerError, StateError, WardenError
from warden.model.entry import Batch
from warden.store.connection import sqlite_errors
from warden.store.files import LedgerFiles
from warden.store.headfile import HeadFile, write_slot
from warden.store.inspection import inspect
from warden.store.queries import read_behind, read_stuck
from warden.store.sqlite import NewLog, SqliteLedgerStore
from warden.testing.engine import FixedClock
from warden.testing.ledger import ZERO, Story, alert, delivered, run_finished, run_started

VALUES = [None, "x\x1b[31m", -1, 2**62, b"\xff"]
WRITTEN_TO = {"entries", "checkpoints", "dispositions", "outbox"}
"""Tables that an append looks at."""


@pytest.fixture
def files(tmp_path: Path) -> Iterator[LedgerFiles]:
    """A ledger with something in every table, in memory where there is such a place: it is written thousands of times."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as place:
        yield fill_every_table(Path(place))


def fill_every_table(place: Path) -> LedgerFiles:
    """Return a ledger with something in every table."""
    files = LedgerFiles(place / "state", place / "config")
    store = files.open(FixedClock(), NewLog())
    first, second = delivered(Story("1"))
    store.commit(Batch((run_started("dry-run"), run_finished(ZERO))))
    store.commit(first)
    store.commit(second)
    store.commit(Story("2").intended())
    store.commit(Story("4").intended())
    story = Story("4")
    store.commit(Batch((story.attempted(), story.faulted(after="dead"), Story("3").disposed("escalated"))))
    store.close()
    return files


def questions(store: SqliteLedgerStore) -> list[Callable[[], object]]:
    """Return every question that a store can be asked."""
    key = Story("1").action().key
    now = FixedClock().now()

    def behind() -> object:
        record = store.intent(key)
        return None if record is None else store.read(lambda connection: read_behind(connection, record))

    return [
        store.head,
        store.newest_checkpoint,
        lambda: store.blob(ZERO),
        lambda: store.dispositions([Story(str(number)).key for number in range(5)]),
        lambda: store.open_escalations("hub", "ops-warden", "flex-auth", "thread-1"),
        lambda: store.pending("hub", "ops-warden", now, 9),
        lambda: store.intent(key),
        lambda: store.intended([key]),
        lambda: store.outcomes(key),
        lambda: store.busy_threads("hub", "ops-warden"),
        lambda: store.replies_since("ops-warden", now),
        lambda: store.requests_since(ZERO, now),
        lambda: store.plan_record(ZERO),
        lambda: store.answer(ZERO),
        behind,
    ]


def appends(store: SqliteLedgerStore) -> list[Callable[[], object]]:
    """Return appends that look at what is stored."""
    return [
        lambda: store.commit(Batch((alert(),))),
        lambda: store.commit(Batch((Story("2").attempted(),))),
        lambda: store.commit(Batch((Story("3").reopened(),))),
        lambda: store.commit(Batch((Story("4").disposed(),))),
    ]


def columns(files: LedgerFiles) -> list[tuple[str, str]]:
    """Return every column of every table."""
    connection = sqlite3.connect(files.database)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = [(table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.close()
    return found


@pytest.mark.untraced
@pytest.mark.slow
@pytest.mark.parametrize("value", VALUES)
def test_any_value_in_any_column(value: object, files: LedgerFiles) -> None:
    """Whatever stands in whatever column, opening, asking, appending and verifying raise nothing but our errors."""
    data = files.database.read_bytes(), files.head.read_bytes()
    for table, column in columns(files):
        files.database.write_bytes(data[0])
        files.head.write_bytes(data[1])
        connection = sqlite3.connect(files.database, isolation_level=None)
        with contextlib.suppress(sqlite3.Error):
            connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
        connection.close()
        inspect(files)
        with contextlib.suppress(WardenError):
            store = SqliteLedgerStore(
                files.database,
                FixedClock(),
                files.keys.load(files.keys.read_pin(), True),
                HeadFile(files.head),
                None,
            )
            for question in questions(store) + (appends(store) if table in WRITTEN_TO else []):
                with contextlib.suppress(WardenError):
                    question()
            store.close()


def test_stuck_deliveries_are_listed(files: LedgerFiles) -> None:
    """What is dead or in doubt is found by agent."""
    store = files.open(FixedClock())
    stuck = store.read(lambda connection: read_stuck(connection, "ops-warden"))
    assert [record.intent.message.message_id for record in stuck] == ["4"]
    store.close()


def change(files: LedgerFiles, statement: str, *values: object) -> None:
    """Change the database."""
    connection = sqlite3.connect(files.database, isolation_level=None)
    connection.execute(statement, values)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM checkpoints",
        "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 1)",
        "UPDATE checkpoints SET frontier = zeroblob(length(frontier))",
        "UPDATE checkpoints SET frontier = x'00'",
        "UPDATE checkpoints SET note = 7",
        "UPDATE checkpoints SET entry_digest = 'sha256:x' WHERE size = (SELECT max(size) FROM checkpoints)",
        "DELETE FROM entries WHERE seq = 0",
        "UPDATE entries SET raw = 'text' WHERE seq = 0",
        "UPDATE entries SET raw = (SELECT raw FROM entries WHERE seq = 1) WHERE seq = 0",
        "UPDATE entries SET seq = seq + 1 WHERE seq = (SELECT max(seq) FROM entries)",
    ],
)
def test_a_broken_end_is_refused(files: LedgerFiles, statement: str) -> None:
    """A log whose beginning, end or stored tree does not hold is not opened, and verifying says why."""
    change(files, statement)
    assert not inspect(files).report.sound
    with pytest.raises(LedgerError):
        files.open(FixedClock())


def test_a_head_of_another_log(files: LedgerFiles, tmp_path: Path) -> None:
    """A head file of another ledger, or with a note that is none, is refused."""
    other = LedgerFiles(tmp_path / "other", tmp_path / "config")
    other.open(FixedClock(), NewLog()).close()
    for data in (other.head.read_bytes(), write_slot(1, "not a note\n").ljust(8192, b"\0")):
        files.head.write_bytes(data)
        assert not inspect(files).report.sound
        with pytest.raises(LedgerError):
            files.open(FixedClock())


def test_a_published_head_that_was_never_committed(files: LedgerFiles) -> None:
    """A head between two commits, or with another root, says that the log was rewritten."""
    store = files.open(FixedClock())
    note = store.newest_checkpoint()
    store.close()
    size = note.checkpoint.size
    for text in (note.text.replace(f"\n{size}\n", f"\n{size - 1}\n"), note.text.replace("\n", "\n", 1)):
        files.head.write_bytes(write_slot(1, text).ljust(8192, b"\0"))
        if text == note.text:
            assert inspect(files).report.sound
            continue
        assert not inspect(files).report.sound
        with pytest.raises(LedgerError):
            files.open(FixedClock())


def test_an_older_schema_is_refused(files: LedgerFiles) -> None:
    """There is no older schema than the first."""
    change(files, "PRAGMA user_version = 0")
    with pytest.raises(StateError, match="never existed"):
        files.open(FixedClock())


def test_other_errors_of_sqlite_are_ours() -> None:
    """An error of SQLite that is neither the disk nor damage says that the ledger does not hold together."""
    with pytest.raises(LedgerError, match="hold together"), sqlite_errors("x"):
        raise sqlite3.IntegrityError("UNIQUE constraint failed: \x1b[31m")


def test_over_deliveries_whose_text_was_purged(files: LedgerFiles) -> None:
    """Asking for a delivery that is over and purged is no damage; for one that is open it is."""
    change(files, "DELETE FROM blobs")
    store = files.open(FixedClock())
    with pytest.raises(StateError, match="purged"):
        store.intent(Story("1").action().key)
    with pytest.raises(LedgerError):
        store.intent(Story("2").action().key)
    store.close()
