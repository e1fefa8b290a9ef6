"""Tampering with a ledger's files: every way is tried at every place, detected as promised, and named."""

from __future__ import annotations

import shutil
import sqlite3
from itertools import combinations
from pathlib import Path

import pytest

from storebed import damage_of, fill, open_ledger
from warden.errors import LedgerError
from warden.ledger.damage import Damage
from warden.ledger.signature import Verifier
from warden.model.entry import Batch
from warden.store.files import LedgerFiles
from warden.store.inspection import inspect
from warden.store.verification import Source, verify_ledger
from warden.testing.ledger import alert


@pytest.fixture
def files(tmp_path: Path) -> LedgerFiles:
    """A ledger of nine entries in six commits."""
    files = LedgerFiles(tmp_path / "state", tmp_path / "config")
    fill(files)
    return files


class Bench:
    """An open database that is changed behind the ledger's back and verified, without opening it each time."""

    def __init__(self, files: LedgerFiles) -> None:
        found = inspect(files)
        store = files.open_reader(None)  # type: ignore[arg-type]
        self.published = store.published()
        store.close()
        self.connection = sqlite3.connect(files.database, isolation_level=None)
        self.source = Source(self.connection, files.segments, found.origin, Verifier.from_text(found.key))

    def finding(self) -> tuple[Damage, int | None]:
        """The first damage and its entry."""
        first = verify_ledger(self.source, self.published).findings[0]
        return first.damage, first.seq

    def raws(self) -> list[bytes]:
        """The stored entries."""
        return [raw for (raw,) in self.connection.execute("SELECT raw FROM entries ORDER BY seq")]

    def store(self, seq: int, raw: bytes) -> None:
        """Put other bytes in an entry's place."""
        self.connection.execute("UPDATE entries SET raw = ? WHERE seq = ?", (raw, seq))


@pytest.mark.untraced
@pytest.mark.slow
def test_every_byte_of_every_stored_entry(files: LedgerFiles) -> None:
    """A flipped bit in any byte of any entry is found at that entry, as a changed or malformed one."""
    bench = Bench(files)
    for seq, raw in enumerate(bench.raws()):
        for place in range(len(raw)):
            bench.store(seq, raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
            damage, where = bench.finding()
            assert where == seq, (seq, place)
            assert damage in (Damage.CHANGED, Damage.MALFORMED, Damage.ORDER, Damage.MISSING), (seq, place)
        bench.store(seq, raw)
    bench.connection.close()
    assert inspect(files).report.sound


def test_every_two_entries_swapped(files: LedgerFiles) -> None:
    """Two entries in each other's place are found at the first of them."""
    bench = Bench(files)
    raws = bench.raws()
    for first, second in combinations(range(len(raws)), 2):
        bench.store(first, raws[second])
        bench.store(second, raws[first])
        assert bench.finding() in {(Damage.ORDER, first), (Damage.MISSING, first)}, (first, second)
        bench.store(first, raws[first])
        bench.store(second, raws[second])
    bench.connection.close()


def test_every_entry_dropped(files: LedgerFiles) -> None:
    """A dropped entry is missing where it was; the last one is missed by its checkpoint."""
    bench = Bench(files)
    raws = bench.raws()
    for seq, raw in enumerate(raws):
        bench.connection.execute("DELETE FROM entries WHERE seq = ?", (seq,))
        wanted = {(Damage.MISSING, seq)} if seq < len(raws) - 1 else {(Damage.CUT, seq), (Damage.CHECKPOINT, seq - 1)}
        assert bench.finding() in wanted, seq
        bench.connection.execute("INSERT INTO entries VALUES (?, ?)", (seq, raw))
    bench.connection.close()


@pytest.mark.parametrize("size", range(9))
@pytest.mark.parametrize("checkpoints", [True, False])
def test_a_tail_cut_at_every_length(files: LedgerFiles, size: int, checkpoints: bool) -> None:
    """However many entries are cut off the end, with their checkpoints or without, the published head misses them."""
    bench = Bench(files)
    bench.connection.execute("DELETE FROM entries WHERE seq >= ?", (size,))
    if checkpoints:
        bench.connection.execute("DELETE FROM checkpoints WHERE size > ?", (size,))
    bench.connection.close()
    assert damage_of(files) in {Damage.CUT, Damage.CHECKPOINT, Damage.MISSING}
    with pytest.raises(LedgerError):
        open_ledger(files)


def diverged(files: LedgerFiles, directory: Path) -> LedgerFiles:
    """Another history of the same log under the same key: what was there, and then something else."""
    shutil.copytree(files.state_dir, directory / "state")
    shutil.copytree(files.config_dir, directory / "config")
    other = LedgerFiles(directory / "state", directory / "config")
    for each, code in ((files, "mine"), (other, "theirs")):
        store = open_ledger(each)
        store.commit(Batch((alert(code), alert(code))))
        store.close()
    return other


@pytest.mark.parametrize("checkpoints", [True, False])
def test_a_tail_of_another_history_is_spliced_in(files: LedgerFiles, tmp_path: Path, checkpoints: bool) -> None:
    """A tail that the same key signed elsewhere is not what this log published."""
    other = diverged(files, tmp_path / "other")
    connection = sqlite3.connect(files.database)
    with connection:
        connection.execute("ATTACH ? AS other", (str(other.database),))
        connection.execute("DELETE FROM entries WHERE seq >= 9")
        connection.execute("INSERT INTO entries SELECT * FROM other.entries WHERE seq >= 9")
        if checkpoints:
            connection.execute("DELETE FROM checkpoints WHERE size > 9")
            connection.execute("INSERT INTO checkpoints SELECT * FROM other.checkpoints WHERE size > 9")
    connection.close()
    assert damage_of(files) in ({Damage.REWRITTEN} if checkpoints else {Damage.CHANGED, Damage.REWRITTEN})
    with pytest.raises(LedgerError):
        open_ledger(files)


def test_a_whole_other_history_needs_a_head_from_elsewhere(files: LedgerFiles, tmp_path: Path) -> None:
    """Database and published head of another history of the key agree with each other: only a kept head knows better."""
    other = diverged(files, tmp_path / "other")
    store = open_ledger(files)
    kept = store.note()
    store.close()
    shutil.copy(other.database, files.database)
    shutil.copy(other.head, files.head)
    assert inspect(files).report.sound
    (finding,) = inspect(files, kept=lambda origin: [kept]).report.findings
    assert finding.damage is Damage.ROLLED_BACK
    store = open_ledger(files)
    with pytest.raises(LedgerError):
        store.check_heads([kept])
    store.close()


@pytest.mark.parametrize("gone", ["database", "head", "database and head", "contents", "key", "everything"])
def test_files_that_are_deleted(files: LedgerFiles, gone: str) -> None:
    """No file, and no two of them, can go without the others knowing; a new log never begins by itself."""
    paths = {"database": [files.database], "head": [files.head], "key": [files.keys.key], "everything": []}
    paths["contents"] = [files.head, Path(f"{files.database}-wal")]
    paths["database and head"] = [files.database, files.head]
    for path in paths[gone]:
        path.unlink(missing_ok=True)
    if gone == "contents":
        files.database.write_bytes(b"")
    if gone == "everything":
        shutil.rmtree(files.state_dir)
    with pytest.raises(LedgerError):
        open_ledger(files)
    assert files.database.exists() == (gone in ("head", "contents", "key"))
