"""Power that fails: what was not synced is lost, torn or there, in any mixture. Below SQLite, on the bytes of the files."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

import pytest

from simcase import Case
from simfaults import MENUS, POWER, SECTOR_BYTES, torn
from simplay import must_hold, play
from test_simulation import EVERY_KIND
from warden.errors import LedgerError
from warden.model.hub import DeliveryMeans
from warden.store.headfile import SLOT_BYTES, HeadFile, read_slot, write_slot
from warden.store.sqlite import NewLog, SqliteLedgerStore
from warden.store.verification import Source, verify_ledger
from warden.testing.engine import FixedClock
from warden.testing.ledger import Story, delivered

FRAME_BYTES = 24 + 4096
"""A page in the write-ahead log, with its header."""
WAL_HEADER_BYTES = 32
VARIANTS = 6


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", ["commit", "head"])
def test_power_lost_in_any_commit_loses_and_repeats_nothing(name: str, disk: Path) -> None:
    """Whatever the disk kept of a commit or a head, the next run goes on from all of it or none of it."""
    case = Case(DeliveryMeans.IDEMPOTENCY_KEY, EVERY_KIND)
    menu = MENUS[name]
    steps = [step for step, at in enumerate(play(case, disk).names, start=1) if at == name]
    for step, variant in product(steps, range(VARIANTS)):
        roll = menu.index(POWER) + len(menu) * (variant + VARIANTS * step if variant > 3 else variant)
        must_hold(Case(case.means, case.ops, {step: roll}, case.seed), disk)


def test_a_commit_that_is_cut_anywhere_is_there_whole_or_not_at_all(disk: Path) -> None:
    """The write-ahead log ends at any sector, at any frame, one byte before or after it: never a part of a commit."""
    disk.mkdir()
    database, wal = disk / "ledger.db", disk / "ledger.db-wal"
    store = SqliteLedgerStore(database, FixedClock())
    first, second = delivered(Story("m1"))
    before = store.commit(first).size
    kept, old = database.read_bytes(), wal.read_bytes()
    head = (disk / "ledger.db.head").read_bytes()
    after = store.commit(second).size
    new = wal.read_bytes()
    store.close()
    frames = range(WAL_HEADER_BYTES, len(new) + 1, FRAME_BYTES)
    cuts = {len(old), *range(len(old), len(new) + 1, SECTOR_BYTES)}
    cuts |= {frame + byte for frame in frames for byte in (-1, 0, 1, 24) if len(old) <= frame + byte <= len(new)}
    found = [reopened(disk, kept, new[:cut], head) for cut in sorted(cuts)]
    assert found == sorted(found)
    assert set(found) == {before, after}
    for variant in range(4, 60):
        assert reopened(disk, kept, torn(old, new, variant), head) in (before, after)


def reopened(disk: Path, database: bytes, wal: bytes, head: bytes) -> int:
    """Put these bytes on the disk, open and verify the ledger, and return its size."""
    for path in disk.iterdir():
        path.unlink()
    (disk / "ledger.db").write_bytes(database)
    (disk / "ledger.db-wal").write_bytes(wal)
    (disk / "ledger.db.head").write_bytes(head)
    store = SqliteLedgerStore(disk / "ledger.db", FixedClock(), new_log=None)
    try:
        report = store.read(
            lambda connection: verify_ledger(Source(connection, None, store.origin, None), store.published())
        )
        assert report.sound, report.findings
        return store.head().size
    finally:
        store.close()


def test_a_ledger_whose_making_is_torn_is_made_again(disk: Path) -> None:
    """Power that fails while a ledger is made leaves nothing that keeps it from being made."""
    disk.mkdir()
    database, wal = disk / "ledger.db", disk / "ledger.db-wal"
    store = SqliteLedgerStore(database, FixedClock(), new_log=NewLog("log"))
    whole, log = database.read_bytes(), wal.read_bytes()
    store.close()
    states = [(b"", b""), (whole, b"")]
    states += [(whole, log[:cut]) for cut in range(0, len(log), 3 * SECTOR_BYTES)]
    states += [(whole, torn(b"", log, variant)) for variant in range(4, 30)]
    for kept, tail in states:
        for path in disk.iterdir():
            path.unlink()
        database.write_bytes(kept)
        wal.write_bytes(tail)
        made = SqliteLedgerStore(database, FixedClock(), new_log=NewLog("log"))
        assert made.commit(delivered(Story("m1"))[0]).size > 1
        made.close()


def test_a_head_that_is_torn_says_the_old_one_or_the_new_one(tmp_path: Path) -> None:
    """Of a slot's sectors any may have been written: the file still says the head before it, or the one after it."""
    file = HeadFile(tmp_path / "head")
    notes = [f"note {number}\n" + "x" * (2000 + number) for number in range(4)]
    for note in notes[:3]:
        file.publish(note)
    data = (tmp_path / "head").read_bytes()
    older, new = data[SLOT_BYTES:], write_slot(4, notes[3])
    sectors = SLOT_BYTES // SECTOR_BYTES
    seen = set()
    for chosen in product((False, True), repeat=sectors):
        mixed = b"".join(
            (new if written else older)[at * SECTOR_BYTES : (at + 1) * SECTOR_BYTES]
            for at, written in enumerate(chosen)
        )
        (tmp_path / "head").write_bytes(data[:SLOT_BYTES] + mixed)
        seen.add(file.read())
    assert seen == {notes[2], notes[3]}


def test_a_slot_that_holds_anything_is_no_head(tmp_path: Path) -> None:
    """Bytes of a torn slot, of both notes or of chance, are never taken for a head that was not published."""
    draw = random.Random(1)
    slot = write_slot(7, "a note\n" + "x" * 900)
    for _ in range(300):
        at = draw.randrange(len(slot))
        changed = slot[:at] + bytes([slot[at] ^ (1 << draw.randrange(8))]) + slot[at + 1 :]
        assert read_slot(changed) is None
    (tmp_path / "head").write_bytes(draw.randbytes(2 * SLOT_BYTES))
    with pytest.raises(LedgerError, match="no whole head"):
        HeadFile(tmp_path / "head").read()
