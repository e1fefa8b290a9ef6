"""Verifying a ledger's files against what was kept elsewhere: what counts, what is excused, what is somebody else's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from storebed import fill, open_ledger
from warden.ledger.checkpoint import Checkpoint, sign_checkpoint
from warden.ledger.damage import Damage
from warden.ledger.signature import SeedSigner
from warden.model.entry import Batch, Entry
from warden.store.files import LedgerFiles
from warden.store.inspection import Inspection, inspect, open_snapshot, read_log_identity
from warden.store.keptheads import largest_kept
from warden.store.keys import read_key
from warden.store.maintenance import archive
from warden.testing.engine import FixedClock
from warden.testing.ledger import alert


@pytest.fixture
def files(tmp_path: Path) -> LedgerFiles:
    """A small ledger in files."""
    files = LedgerFiles(tmp_path / "state", tmp_path / "config")
    fill(files)
    return files


def signed(files: LedgerFiles, size: int, origin: str = "", root: bytes = bytes(32)) -> str:
    """A head that the ledger's own key signed."""
    key = read_key(files.keys.key)
    return sign_checkpoint(Checkpoint(origin or inspect(files).origin, size, root), key).text


def looked_at(files: LedgerFiles, *notes: str) -> Inspection:
    """What verifying finds when these notes are kept elsewhere."""
    return inspect(files, kept=lambda origin: notes)


def test_heads_of_the_log_are_in_it(files: LedgerFiles) -> None:
    """Old and new heads of the log count, and the verdict says how far it was compared."""
    store = open_ledger(files)
    notes = [store.note()]
    store.commit(Batch((alert(),)))
    notes.append(store.note())
    store.close()
    found = looked_at(files, *notes)
    assert found.report.sound
    assert (len(found.kept.heads), found.kept.excused, found.kept.others) == (2, 0, 0)
    assert found.report.verdict is not None
    assert found.report.verdict.head_size == 10


def test_the_largest_head_of_a_log_is_known(files: LedgerFiles) -> None:
    """What a restore gives up reaches to the largest head that its key signed; others do not count."""
    with open_snapshot(files.database) as connection:
        log = read_log_identity(connection)
    other = sign_checkpoint(Checkpoint(log.origin, 99, bytes(32)), SeedSigner.from_seed(b"o" * 32)).text
    assert largest_kept(log, [signed(files, 7), signed(files, 12), signed(files, 80, "ops-warden/x"), other, "x"]) == 12
    assert largest_kept(log, []) == 0


@pytest.mark.parametrize("size", [3, 9, 99])
def test_a_signed_head_that_is_not_in_the_log_is_a_roll_back(files: LedgerFiles, size: int) -> None:
    """Whatever its size, a head that our key signed must be in the log."""
    (finding,) = looked_at(files, signed(files, size)).report.findings
    assert finding.damage is Damage.ROLLED_BACK


def test_what_is_not_ours_is_counted(files: LedgerFiles) -> None:
    """Garbage, heads of another key and heads of nobody are others, and damage nothing."""
    other = SeedSigner.from_seed(b"o" * 32)
    origin = inspect(files).origin
    theirs = sign_checkpoint(Checkpoint(origin, 99, bytes(32)), other).text
    strange = f"not a name\n99\n{'A' * 43}=\n\n"
    found = looked_at(files, "garbage", theirs, theirs, strange)
    assert found.report.sound
    assert found.kept.others == 3  # the same head twice is one


def test_a_head_of_another_log_of_our_key_is_damage(files: LedgerFiles) -> None:
    """Another log that the key signed is one that this log should name."""
    (finding,) = looked_at(files, signed(files, 5, "ops-warden/before")).report.findings
    assert (finding.damage, "another log" in finding.detail) == (Damage.ROLLED_BACK, True)


def test_what_was_given_up_is_excused_and_what_is_there_still_counts(files: LedgerFiles) -> None:
    """Within the sizes that a restore gave up, heads that are in the log are compared and others are excused."""
    store = open_ledger(files)
    store.commit(Batch((Entry("heads_excused", {"by": "ada", "first": 9, "last": 50}), alert())))
    note = store.note()
    store.close()
    found = looked_at(files, note, signed(files, 20), signed(files, 50))
    assert found.report.sound
    assert (len(found.kept.heads), found.kept.excused) == (1, 2)
    assert looked_at(files, signed(files, 51)).report.findings[0].damage is Damage.ROLLED_BACK


def test_a_kept_head_is_found_among_archived_entries(files: LedgerFiles) -> None:
    """Verifying reads through the archive, and names a forged size there; a run leaves such sizes to it."""
    store = LedgerFiles(files.state_dir, files.config_dir).open(FixedClock())
    early = store.read(lambda connection: connection.execute("SELECT note FROM checkpoints WHERE size = 2").fetchone())[
        0
    ]
    for delivery in store.pending("hub", "ops-warden", store.now(), 9):
        dropped = {"key": delivery.intent.key, "by": "ada", "reason_digest": "sha256:" + "0" * 64}
        store.commit(Batch((Entry("dead_dropped", dropped),)))
    store.commit(Batch((alert(),)))
    segment = archive(store, store.now() + timedelta(days=1), files.segments)
    assert segment is not None
    assert segment.last > 5
    assert store.check_heads([early, signed(files, 5)]) == 0
    store.close()
    assert looked_at(files, early).report.sound
    assert looked_at(files, signed(files, 5)).report.findings[0].damage is Damage.ROLLED_BACK
