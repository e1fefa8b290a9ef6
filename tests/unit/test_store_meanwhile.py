"""What other processes do between two steps of ours: each in the one order that matters, without chance."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from storebed import fill, open_ledger
from warden.cli import compose
from warden.cli.doctor import _ledger
from warden.errors import InputError, LedgerError, StateError
from warden.model.entry import Batch
from warden.store import state_backup
from warden.store.backup import back_up, restore
from warden.store.connection import connect, sqlite_errors
from warden.store.files import LedgerFiles
from warden.store.headfile import SLOT_BYTES, HeadFile, write_slot
from warden.store.inspection import inspect, open_snapshot
from warden.store.keys import KeyFiles
from warden.store.maintenance import archive, purge
from warden.store.repair import repair
from warden.store.sqlite import NewLog
from warden.store.state_backup import back_up_state, restore_state
from warden.store.writerlock import WriterLock, hold_directory
from warden.testing.engine import FixedClock
from warden.testing.ledger import alert

CLOCK = FixedClock()
WAIT_S = 60


@pytest.fixture
def files(tmp_path: Path) -> LedgerFiles:
    """The files of a ledger that does not exist yet."""
    return LedgerFiles(tmp_path / "state", tmp_path / "config")


class PathThatIsRead(type(Path())):  # type: ignore[misc]
    """A file after whose reading something happens, once."""

    afterwards: Callable[[], object] | None = None

    def read_bytes(self) -> bytes:
        """Read, or fail to, and then let it happen."""
        try:
            return bytes(super().read_bytes())
        finally:
            happens, self.afterwards = self.afterwards, None
            if happens is not None:
                happens()


class WatchedFiles(LedgerFiles):
    """Files of a ledger with which something happens after the head was read, or before the key is looked for."""

    after_head: Callable[[], object] | None = None
    before_keys: Callable[[], object] | None = None

    @property
    def head(self) -> Path:
        """The head; when it is read, it happens."""
        path = PathThatIsRead(super().head)
        object.__setattr__(path, "afterwards", self.__dict__.pop("after_head", None))
        return path

    @property
    def keys(self) -> KeyFiles:
        """The keys; when they are asked for, it happens."""
        happens = self.__dict__.pop("before_keys", None)
        if happens is not None:
            happens()
        return super().keys


def watched(files: LedgerFiles, **happens: Callable[[], object]) -> WatchedFiles:
    """Return the same files with something that happens."""
    found = WatchedFiles(files.state_dir, files.config_dir)
    found.__dict__.update(happens)
    return found


def append(files: LedgerFiles) -> str:
    """Append one entry, as another process does, and return the head that it may keep elsewhere."""
    store = open_ledger(files)
    store.commit(Batch((alert(),)))
    note = store.note()
    store.close()
    return note


class Waiting:
    """Runs something in a thread, and tells when it has ended or waits for a writer lock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
        reached = self.reached = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(action,))
        self.error: Exception | None = None
        thread = self._thread

        class AnnouncedLock(WriterLock):
            """A lock that tells when this thread is about to wait for it."""

            @contextmanager
            def held(self, makes: bool = True) -> Iterator[None]:
                if threading.current_thread() is thread:
                    reached.set()
                with super().held(makes):
                    yield

        @contextmanager
        def hold_announced(path: Path, alone: bool) -> Iterator[None]:
            if threading.current_thread() is thread:
                reached.set()
            with hold_directory(path, alone):
                yield

        monkeypatch.setattr("warden.store.connection.hold_directory", hold_announced)
        monkeypatch.setattr("warden.store.inspection.hold_directory", hold_announced)
        monkeypatch.setattr("warden.store.sqlite.WriterLock", AnnouncedLock)
        monkeypatch.setattr("warden.store.files.WriterLock", AnnouncedLock)
        self._thread.start()
        assert self.reached.wait(WAIT_S)

    def _run(self, action: Callable[[], object]) -> None:
        try:
            action()
        except (LedgerError, StateError) as error:
            self.error = error
        finally:
            self.reached.set()

    def end(self) -> Exception | None:
        """Wait for its end and return the error that it ended with."""
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        return self.error


# -- a ledger that is just being made


def look(files: LedgerFiles) -> None:
    """Open the ledger for reading."""
    files.open_reader(CLOCK).close()


def verify(files: LedgerFiles) -> None:
    """Verify it whole."""
    found = inspect(files).report.findings
    if found:
        raise LedgerError(str(found))


@pytest.mark.parametrize("action", [look, verify])
def test_a_ledger_that_is_just_being_made_is_waited_for(
    action: Callable[[LedgerFiles], None], files: LedgerFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks at a ledger while its maker is between making the file and filling it sees it filled, and no damage."""
    ready = LedgerFiles(tmp_path / "ready", tmp_path / "config")
    fill(ready)
    shutil.copytree(ready.state_dir, files.state_dir)
    shutil.copyfile(ready.keys.pin, files.keys.pin)
    files.database.write_bytes(b"")
    maker = WriterLock(Path(f"{files.database}.lock"))
    with maker.held():
        waiting = Waiting(monkeypatch, lambda: action(files))
        source, target = sqlite3.connect(ready.database), sqlite3.connect(files.database)
        source.backup(target)
        target.close()
        source.close()
    maker.close()
    assert waiting.end() is None


def test_an_interrupted_making_is_no_ledger_yet(files: LedgerFiles) -> None:
    """An empty file that nothing says was ever more is not called tampered with by those who only read."""
    files.state_dir.mkdir(mode=0o700)
    files.database.touch(mode=0o600)
    for action in (look, verify):
        with pytest.raises(StateError, match="there is no ledger"):
            action(files)


def test_an_emptied_ledger_is_damage_for_readers_too(files: LedgerFiles) -> None:
    """An empty file whose pin says that there was a ledger is damage, with and without its head."""
    fill(files)
    files.database.write_bytes(b"")
    with pytest.raises(LedgerError, match="all that it held is gone"):
        look(files)
    files.head.unlink()
    with pytest.raises(LedgerError, match="all that it held is gone"):
        look(files)


def test_doctor_beside_a_first_run(files: LedgerFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that is made while doctor looks for it is not called gone."""
    settings = compose.load_settings(None, files.state_dir)
    monkeypatch.setattr(compose, "ledger_files", lambda _: watched(files, before_keys=lambda: fill(files)))
    assert [finding.outcome.value for finding in _ledger(settings, False)][:1] == ["ok"]


# -- a ledger that grows


def test_a_first_head_that_is_published_while_verifying(files: LedgerFiles) -> None:
    """A log whose first head was published after somebody looked for it, and which has grown since, verifies."""
    open_ledger(files).close()
    files.head.unlink()
    assert inspect(watched(files, after_head=lambda: append(files))).report.sound


def test_a_head_that_is_kept_elsewhere_while_verifying(files: LedgerFiles) -> None:
    """Heads that a run posts while the ledger is verified are in the view that they are compared with."""
    fill(files)
    found = inspect(files, kept=lambda origin: [append(files)])
    assert found.report.findings == ()
    assert len(found.kept.heads) == 1


def test_reading_the_head_while_two_are_published(tmp_path: Path) -> None:
    """A reader that saw both slots half written looks again."""
    whole = write_slot(3, "note 3\n") + write_slot(4, "note 4\n")
    torn = bytes(SLOT_BYTES) + bytes(SLOT_BYTES - 1) + b"x"
    path = PathThatIsRead(tmp_path / "head")
    path.write_bytes(torn)
    path.afterwards = lambda: path.write_bytes(whole)
    assert HeadFile(path).read() == "note 4\n"


# -- files that are put aside or back


def test_a_restore_under_an_open_ledger(files: LedgerFiles, tmp_path: Path) -> None:
    """Who opened the ledger before a restore appends nothing to what was put aside, and accuses nobody."""
    fill(files)
    early = open_ledger(files)
    back_up(early, tmp_path / "copy.db")
    append(files)
    restore(files, tmp_path / "copy.db", CLOCK, "tester")
    for change in (lambda: early.commit(Batch((alert(),))), lambda: early.revise(lambda _: ()), early.compact):
        with pytest.raises(StateError, match="was replaced while it was open"):
            change()
    early.close()
    append(files)
    assert inspect(files).report.sound


def test_a_repair_under_an_open_ledger(files: LedgerFiles) -> None:
    """Who opened the ledger before a repair appends nothing to the evidence."""
    fill(files)
    early = open_ledger(files)
    repair(files, CLOCK, "tester", "none")
    with pytest.raises(StateError, match="was replaced while it was open"):
        early.commit(Batch((alert(),)))
    early.close()
    append(files)
    assert inspect(files).report.sound


def test_opening_in_the_middle_of_a_restore(
    files: LedgerFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens, reads or verifies a ledger whose files are just being exchanged waits for the end of that."""
    fill(files)
    actions: tuple[Callable[[LedgerFiles], object], ...] = (look, verify, append)
    for action in actions:
        restorer = WriterLock(Path(f"{files.database}.lock"))
        with restorer.held():
            files.database.rename(tmp_path / "aside.db")
            waiting = Waiting(monkeypatch, partial(action, files))
            (tmp_path / "aside.db").rename(files.database)
        restorer.close()
        assert waiting.end() is None
    assert inspect(files).report.sound


def test_an_exchange_waits_for_those_who_are_opening(
    files: LedgerFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has the database of before an exchange open with the write-ahead log of after it."""
    fill(files)
    (store := open_ledger(files)).commit(Batch((alert(),)))  # leaves a write-ahead log there
    actions: tuple[Callable[[LedgerFiles], object], ...] = (look, verify)
    for action in actions:
        with hold_directory(files.state_dir, alone=True):
            waiting = Waiting(monkeypatch, partial(action, files))
            names = [f"{files.database.name}{ending}" for ending in ("", "-wal", "-shm")]
            aside = [(files.state_dir / name).rename(tmp_path / name) for name in names]
            assert not list(files.state_dir.glob("ledger.db-*"))
            for path in aside:
                path.rename(files.state_dir / path.name)
        assert waiting.end() is None
    store.close()


@pytest.mark.parametrize("call", ["os.open", "fcntl.flock"])
def test_a_directory_that_cannot_be_locked(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that may be entered and not read, or a file system that locks none, does not keep a database closed."""

    def refuse(*arguments: object) -> int:
        raise PermissionError("not here") if call == "os.open" else OSError("not here")

    monkeypatch.setattr(f"warden.store.writerlock.{call}", refuse)
    with hold_directory(tmp_path, alone=False):
        entered = True
    assert entered
    monkeypatch.undo()
    with pytest.raises(StateError), hold_directory(tmp_path / "nowhere", alone=False):
        pass


def test_a_reader_makes_no_file(files: LedgerFiles) -> None:
    """A database that goes away between looking for it and opening it is not made anew, empty."""
    fill(files)
    files.database.unlink()
    with pytest.raises(StateError), sqlite_errors("ledger.db"):
        connect(str(files.database), makes=False).execute("SELECT 1 FROM entries")
    assert not files.database.exists()


def test_heads_that_are_published_while_a_restore_begins_are_given_up(files: LedgerFiles, tmp_path: Path) -> None:
    """What was published after the restore asked for heads elsewhere is counted as lost too."""
    fill(files)
    store = open_ledger(files)
    size = back_up(store, tmp_path / "copy.db")
    store.close()

    def meanwhile(origin: str) -> list[str]:
        append(files)
        return []

    done = restore(files, tmp_path / "copy.db", CLOCK, "tester", meanwhile)
    assert (done.entries, done.lost) == (size, 1)


def test_a_purge_beside_a_reader_says_that_bytes_are_left(files: LedgerFiles) -> None:
    """A view that somebody has open keeps removed bytes on the disk: that is said, and the texts are gone."""
    fill(files)
    store = open_ledger(files)
    store.read(lambda connection: connection.execute("PRAGMA busy_timeout = 1").fetchone())
    later = CLOCK.now() + timedelta(days=1)
    with open_snapshot(files.database), pytest.raises(StateError, match="still on the disk"):
        purge(store, later)
    assert purge(store, later) == 0
    store.compact()
    store.close()
    assert inspect(files).report.sound


# -- copies


def test_two_copies_to_one_place(files: LedgerFiles, tmp_path: Path) -> None:
    """Of two copies that are made under one name at once, the second is refused and the first is whole."""
    fill(files)
    store = open_ledger(files)
    target = tmp_path / "copy.db"

    class Copying(type(store)):  # type: ignore[misc]
        """A store beside which another process makes a copy."""

        def copy_to(self, connection: sqlite3.Connection) -> None:
            back_up(store, target)
            super().copy_to(connection)

    other = Copying(files.database, CLOCK, None, HeadFile(files.head), None)
    with pytest.raises(StateError, match="file exists"):
        back_up(other, target)
    other.close()
    store.close()
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == ["copy.db"]


def test_files_that_vanish_while_they_are_backed_up(files: LedgerFiles, tmp_path: Path, monkeypatch: Any) -> None:
    """A plan that is removed after it was listed is left out, and the rest is copied."""
    fill(files)
    for name in ("a", "b"):
        (files.state_dir / f"{name}.json").write_text("{}")
    copy = state_backup._copy

    def copy_beside_another(source: Path, target: Path) -> Path:
        if source.name == "b.json":
            source.unlink()
        return copy(source, target)

    monkeypatch.setattr(state_backup, "_copy", copy_beside_another)
    names = {part.name for part in back_up_state(files, tmp_path / "b.tgz", CLOCK).parts}
    assert "state/a.json" in names
    assert "state/b.json" not in names


def test_entries_that_are_archived_while_they_are_backed_up(
    files: LedgerFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive file that the copied ledger names is in the backup, however late it was made."""
    store = files.open(CLOCK, NewLog())
    for _ in range(4):
        store.commit(Batch((alert(),)))
    copy = state_backup._copy
    later = FixedClock()

    def copy_beside_another(source: Path, target: Path) -> Path:
        if source == files.database:
            later.wait(3600)
            assert archive(store, later.now(), files.segments) is not None
        return copy(source, target)

    monkeypatch.setattr(state_backup, "_copy", copy_beside_another)
    back_up_state(files, tmp_path / "b.tgz", CLOCK)
    store.close()
    there = LedgerFiles(tmp_path / "there", tmp_path / "there-config")
    restore_state(there, tmp_path / "b.tgz", CLOCK, "tester")
    assert inspect(there).report.sound


def test_nothing_to_back_up(files: LedgerFiles, tmp_path: Path) -> None:
    """An empty place is not backed up, and no half made file stays."""
    files.state_dir.mkdir()
    with pytest.raises(InputError, match="nothing to back up"):
        back_up_state(files, tmp_path / "b.tgz", CLOCK)
    assert not list(tmp_path.glob(".*"))
