"""Purging, archiving, repairing, copying and putting back."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from warden.errors import InputError, LedgerError, StateError
from warden.ledger.damage import Damage
from warden.ledger.export import verify_export
from warden.model.delivery import Action
from warden.model.digests import digest_bytes
from warden.model.disposition import Disposition
from warden.model.entry import Batch, Entry
from warden.model.ids import MessageKey
from warden.store.backup import back_up, restore
from warden.store.files import LedgerFiles
from warden.store.inspection import inspect
from warden.store.maintenance import archive, purge, rebuild
from warden.store.queries import read_request
from warden.store.repair import repair
from warden.store.segments import ExportPart, all_raws, all_records
from warden.store.sqlite import NewLog, SqliteLedgerStore
from warden.store.statistics import read_statistics
from warden.testing.engine import FixedClock
from warden.testing.ledger import Story, alert, by_person, delivered

DAY = 86_400.0


@pytest.fixture
def files(tmp_path: Path) -> LedgerFiles:
    """The files of a ledger."""
    return LedgerFiles(tmp_path / "state", tmp_path / "config")


@pytest.fixture
def clock() -> FixedClock:
    """A clock that is moved by hand."""
    return FixedClock()


def open_ledger(files: LedgerFiles, clock: FixedClock) -> SqliteLedgerStore:
    """Open it, making it when needed."""
    return files.open(clock, NewLog())


def fill(files: LedgerFiles, clock: FixedClock, days: int = 4) -> None:
    """Record one answered message a day."""
    store = open_ledger(files, clock)
    for day in range(days):
        for batch in delivered(Story(f"day-{day}")):
            store.commit(batch)
        clock.advance(DAY)
    store.close()


def raws_of(store: SqliteLedgerStore, files: LedgerFiles) -> list[bytes]:
    """Return every entry of the log."""
    return store.read(lambda connection: list(all_raws(all_records(connection, files.segments))))


def export_of(store: SqliteLedgerStore, files: LedgerFiles, first: int = 0) -> list[bytes]:
    """Return an export's lines."""
    return store.read(
        lambda connection: list(ExportPart(connection, files.segments, first).to_lines(store.origin, store.verifier))
    )


def test_purge_removes_old_texts_only(files: LedgerFiles, clock: FixedClock) -> None:
    """Texts from before the moment are gone, also from the bytes of the files; the rest and the entries are there."""
    fill(files, clock)
    store = open_ledger(files, clock)
    texts = [Story(f"day-{day}").action() for day in range(4)]
    assert purge(store, clock.now() - timedelta(days=2)) == 2
    assert [store.blob(batch) is not None for batch in map(digest_of, texts)] == [False, False, True, True]
    assert raws_of(store, files)[-1].count(b"text_purged") == 1
    assert purge(store, clock.now() - timedelta(days=2)) == 0
    store.close()
    assert inspect(files).report.sound
    for path in files.state_dir.rglob("ledger.db*"):
        assert b'"in_reply_to":"day-0"' not in path.read_bytes()


def digest_of(action: Action) -> str:
    """Return the digest under which an action's text is kept."""
    return digest_bytes(action.payload_bytes)


@pytest.mark.parametrize("state", ["open", "in_doubt", "dead"])
def test_purge_spares_what_is_not_delivered_yet(files: LedgerFiles, clock: FixedClock, state: str) -> None:
    """The text of a delivery that a person or a run may still make is kept, however old."""
    story = Story()
    store = open_ledger(files, clock)
    store.commit(story.intended())
    store.commit(Batch((story.attempted(), story.faulted(after=state))))
    clock.advance(400 * DAY)
    assert purge(store, clock.now()) == 0
    assert store.blob(digest_of(story.action())) is not None
    store.commit(Batch((by_person("dead_dropped", story.action().key),)))
    assert purge(store, clock.now()) == 1
    store.close()
    assert inspect(files).report.sound


def test_archive_moves_whole_commits(files: LedgerFiles, clock: FixedClock) -> None:
    """Archived entries leave the database, and the whole log still verifies, exports, counts and rebuilds."""
    fill(files, clock)
    store = open_ledger(files, clock)
    before, export = raws_of(store, files), export_of(store, files)
    segment = archive(store, clock.now() - timedelta(days=2, seconds=1), files.segments)
    assert segment is not None
    assert (segment.first, segment.last) == (0, 8)
    assert raws_of(store, files)[: len(before)] == before
    assert export_of(store, files)[: len(export)] == export
    kept = store.read(lambda connection: connection.execute("SELECT seq FROM entries ORDER BY seq").fetchall())
    assert [row[0] for row in kept] == [0, *range(9, 18)]
    assert store.read(lambda connection: read_statistics(connection, files.segments))["archived_entries"] == 9
    second = archive(store, clock.now() - timedelta(seconds=1), files.segments)
    assert second is not None
    assert (second.first, second.last) == (9, 16)
    assert archive(store, clock.now() - timedelta(seconds=1), files.segments) is None
    rebuild(store, files.segments)
    assert store.dispositions([Story("day-0").key])[Story("day-0").key].disposition is Disposition.ANSWERED
    assert verify_export(export_of(store, files), store.verifier).size == store.head().size
    assert verify_export(export_of(store, files, 12), store.verifier).size == store.head().size
    store.close()
    assert inspect(files).report.sound
    store = open_ledger(files, clock)
    store.commit(Batch((alert(),)))
    store.close()
    assert inspect(files).report.sound


def test_archive_spares_what_is_not_delivered_yet(files: LedgerFiles, clock: FixedClock) -> None:
    """An entry that an open delivery needs stays, and all that came after it."""
    store = open_ledger(files, clock)
    store.commit(Batch((alert(),)))
    store.commit(Story("open").intended())
    store.close()
    fill(files, clock)
    store = open_ledger(files, clock)
    segment = archive(store, clock.now(), files.segments)
    assert segment is not None
    assert segment.last == 1
    assert len(store.pending("hub", "ops-warden", clock.now(), 9)) == 1
    store.close()
    assert inspect(files).report.sound


@pytest.mark.parametrize(
    ("change", "damage"), [("delete", Damage.MISSING), ("flip", Damage.CHANGED), ("swap", Damage.CHANGED)]
)
def test_damaged_archive_is_found(files: LedgerFiles, clock: FixedClock, change: str, damage: Damage) -> None:
    """An archive file that is gone, changed or exchanged is found and named by its first entry."""
    fill(files, clock)
    store = open_ledger(files, clock)
    for age in (2, 1):
        assert archive(store, clock.now() - timedelta(days=age, seconds=-1), files.segments)
    store.close()
    first, second = sorted(files.segments.iterdir())
    if change == "delete":
        second.unlink()
    elif change == "flip":
        second.write_bytes(second.read_bytes()[:-1] + b"\xff")
    else:
        shutil.copy(first, second)
    finding = inspect(files).report.findings[0]
    assert finding.damage is damage
    assert finding.seq == int(second.name[:12])


def test_a_part_that_does_not_verify_is_not_archived(files: LedgerFiles, clock: FixedClock) -> None:
    """Archiving checks what it moves: damage is not put away."""
    fill(files, clock)
    connection = sqlite3.connect(files.database)
    with connection:
        connection.execute("UPDATE entries SET raw = replace(raw, 'day-0', 'day-9') WHERE seq = 1")
        connection.execute("UPDATE entries SET raw = CAST(raw AS BLOB) WHERE seq = 1")
    connection.close()
    store = open_ledger(files, clock)
    with pytest.raises(LedgerError):
        archive(store, clock.now(), files.segments)
    assert store.head().size == 17
    store.close()
    assert not files.segments.exists()


# -- repair


def test_repair_keeps_evidence_and_carries_over(files: LedgerFiles, clock: FixedClock) -> None:
    """A repaired ledger is a new log that names the old head, knows what was answered, and doubts what was open."""
    fill(files, clock)
    store = open_ledger(files, clock)
    store.commit(Story("open").intended())
    store.commit(Batch((Story("person").disposed("escalated"),)))
    old = store.head()
    store.close()
    connection = sqlite3.connect(files.database)
    with connection:
        connection.execute("DELETE FROM entries WHERE seq = 5")
    connection.close()
    assert inspect(files).report.findings[0].damage is Damage.MISSING
    done = repair(files, clock, "person", "missing")
    assert done.previous_head == f"{old.origin} {old.size} {old.root}"
    assert (done.dispositions, done.deliveries) == (5, 1)
    assert (done.evidence / "ledger.db").exists()
    assert (done.evidence / "ledger.head").exists()
    assert inspect(files).report.sound
    store = open_ledger(files, clock)
    keys = [Story(name).key for name in ("day-0", "person", "never")]
    found = store.dispositions(keys)
    assert [found[key].disposition.value for key in keys[:2]] == ["answered", "escalated"]
    assert keys[2] not in found
    assert store.pending("hub", "ops-warden", clock.now(), 9) == ()
    store.commit(Batch((by_person("dead_retried", Story("open").action().key),)))
    assert len(store.pending("hub", "ops-warden", clock.now(), 9)) == 1
    assert store.origin != old.origin
    store.close()


@pytest.mark.parametrize("lost", ["database", "head", "key", "everything", "garbage"])
def test_repair_of_lost_files(files: LedgerFiles, clock: FixedClock, lost: str) -> None:
    """Whatever is gone, a repair ends with a ledger that verifies and can be appended to."""
    fill(files, clock)
    if lost == "everything":
        shutil.rmtree(files.state_dir)
    elif lost == "garbage":
        files.database.write_bytes(b"garbage" * 4096)
    else:
        {"database": files.database, "head": files.head, "key": files.keys.key}[lost].unlink()
    if lost != "key":
        with pytest.raises((LedgerError, StateError)):
            open_ledger(files, clock)
    done = repair(files, clock, "person", lost)
    assert done.dispositions == (4 if lost in {"head", "key"} else 0)
    store = open_ledger(files, clock)
    store.commit(Batch((alert(),)))
    store.close()
    assert inspect(files).report.sound
    assert inspect(files).pinned is True


def test_repair_does_not_carry_forged_rows(files: LedgerFiles, clock: FixedClock) -> None:
    """Rows that no entry could hold, or whose text is another, are not carried over."""
    fill(files, clock, 2)
    store = open_ledger(files, clock)
    store.commit(Story("open").intended())
    store.close()
    connection = sqlite3.connect(files.database)
    with connection:
        connection.execute("UPDATE dispositions SET sender = char(27) || '[31m' WHERE message_id = 'day-0'")
        connection.execute("UPDATE blobs SET bytes = CAST('x' AS BLOB)")
    connection.close()
    done = repair(files, clock, "person", "blob")
    assert (done.dispositions, done.deliveries) == (1, 0)
    assert inspect(files).report.sound


def test_two_repairs_keep_both(files: LedgerFiles, clock: FixedClock) -> None:
    """A second repair keeps its own evidence beside the first."""
    fill(files, clock, 1)
    first = repair(files, clock, "person", "none")
    clock.advance(1)
    second = repair(files, clock, "person", "none")
    assert first.evidence != second.evidence
    assert (first.evidence / "ledger.db").exists()
    with pytest.raises(StateError):
        repair(files, clock, "person", "none")


# -- copies


def test_copies_verify_and_are_put_back(files: LedgerFiles, clock: FixedClock, tmp_path: Path) -> None:
    """A copy that is put back says so, doubts what was open in it, and names what it lacks."""
    fill(files, clock, 2)
    store = open_ledger(files, clock)
    store.commit(Story("open").intended())
    assert back_up(store, tmp_path / "copy") == 10
    with pytest.raises(InputError):
        back_up(store, tmp_path / "copy")
    store.commit(Batch((alert(), alert())))
    store.close()
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    done = restore(files, tmp_path / "copy", clock, "person")
    assert (done.entries, done.lost, done.in_doubt) == (10, 2, 1)
    assert inspect(files).report.sound
    store = open_ledger(files, clock)
    assert store.head().size == 12
    assert store.pending("hub", "ops-warden", clock.now(), 9) == ()
    assert store.dispositions([MessageKey("hub", "ops-warden", "day-1")])
    store.close()


def test_other_files_are_not_put_back(files: LedgerFiles, clock: FixedClock, tmp_path: Path) -> None:
    """What is not a copy of a ledger is refused, and the ledger stays as it was."""
    fill(files, clock, 1)
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").touch()
    for name in ("none", "text", "empty", "state"):
        with pytest.raises((InputError, LedgerError, StateError)):
            restore(files, tmp_path / name, clock, "person")
    assert inspect(files).report.sound


def test_requests_of_unfinished_deliveries_are_spared(files: LedgerFiles, clock: FixedClock) -> None:
    """The request on which a delivery was allowed is kept until the delivery ends: it is judged again before a retry."""
    story = Story()
    request = b'{"topic":"job.warden.reply"}'
    fields: dict[str, object] = {"run_id": "r", "ref": story.ref, "kind": "reply", "ordinal": 0, "effect": "allow"}
    fields |= {"rule_ids": [], "snapshot": "", "action_digest": story.action().digest, "body_bytes": 0}
    fields |= {"request_digest": digest_bytes(request), "secret_kinds": [], "errors": []}
    store = open_ledger(files, clock)
    store.commit(Batch((alert(),)))
    store.commit(Batch((Entry("decided", fields), alert()), {digest_bytes(request): request}))
    store.commit(story.intended())
    store.commit(Batch((story.attempted(), story.faulted(after="dead"))))
    clock.advance(400 * DAY)
    assert purge(store, clock.now()) == 0
    record = store.intent(story.action().key)
    assert record is not None
    assert store.read(lambda connection: read_request(connection, record)) == request
    segment = archive(store, clock.now(), files.segments)
    assert segment is not None
    assert segment.last == 1
    store.commit(Batch((by_person("dead_dropped", story.action().key),)))
    clock.advance(1)
    assert purge(store, clock.now()) == 2
    assert store.read(lambda connection: read_request(connection, record)) is None
    store.close()
    assert inspect(files).report.sound
