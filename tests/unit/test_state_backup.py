"""Everything in one file, and back."""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from storebed import fill, open_ledger
from warden.errors import InputError, LedgerError, StateError
from warden.hubs.embedded import EmbeddedHub
from warden.ledger.entry import parse_entry
from warden.model.delivery import OutgoingMessage
from warden.store.files import LedgerFiles
from warden.store.inspection import inspect
from warden.store.state_backup import MANIFEST, back_up_state, restore_state
from warden.testing.engine import FixedClock

CLOCK = FixedClock()


def files_in(directory: Path) -> LedgerFiles:
    """Return the files of a ledger in a new place."""
    return LedgerFiles(directory / "state", directory / "config")


@pytest.fixture
def files(tmp_path: Path) -> LedgerFiles:
    """Return an installation with a ledger, a hub with one message, a configuration and a policy."""
    found = files_in(tmp_path / "here")
    fill(found)
    send(found, "first")
    policies = found.config_dir / "policies"
    policies.mkdir(parents=True)
    (found.config_dir / "config.toml").write_text('agent = "ops"\n')
    (policies / "night.yaml").write_text("rules: []\n")
    (found.config_dir / "hub.token").write_text("not to be copied")
    return found


def send(files: LedgerFiles, body: str) -> None:
    """Post a message into the embedded hub."""
    hub = EmbeddedHub(files.state_dir / "hub.db", CLOCK)
    hub.post_message(OutgoingMessage("bob", "ops", "", body, "request", "", ""))
    hub.close()


def bodies(files: LedgerFiles) -> list[str]:
    """Return the bodies of all messages in the embedded hub."""
    connection = sqlite3.connect(files.state_dir / "hub.db")
    rows = connection.execute("SELECT body FROM messages ORDER BY 1").fetchall()
    connection.close()
    return [body for (body,) in rows]


def rewrite(source: Path, target: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> Path:
    """Write an archive anew with changed members."""
    with tarfile.open(source) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive]  # type: ignore[union-attr]
    change(members)
    with tarfile.open(target, "w:gz") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target


def test_a_backup_holds_state_and_configuration_and_no_credential(files: LedgerFiles, tmp_path: Path) -> None:
    """Databases, keys, configuration and policies are in the file, what a configuration only points at is not."""
    manifest = back_up_state(files, tmp_path / "b.tgz", CLOCK)
    names = {part.name for part in manifest.parts}
    assert {"state/ledger.db", "state/hub.db", "state/ledger.key", "config/config.toml"} <= names
    assert "config/policies/night.yaml" in names
    assert not {name for name in names if "token" in name or "lock" in name or "wal" in name}
    assert (tmp_path / "b.tgz").stat().st_mode & 0o777 == 0o600
    assert manifest.entries > 0


def test_a_backup_is_put_back_on_another_machine(files: LedgerFiles, tmp_path: Path) -> None:
    """In an empty place the ledger verifies, can be continued, and the hub has its messages."""
    back_up_state(files, tmp_path / "b.tgz", CLOCK)
    there = files_in(tmp_path / "there")
    done = restore_state(there, tmp_path / "b.tgz", CLOCK, "tester")
    assert done.ledger is not None
    assert done.ledger.in_doubt == 1
    assert inspect(there).report.sound
    assert bodies(there) == ["first"]
    assert (there.config_dir / "config.toml").read_text() == 'agent = "ops"\n'
    store = open_ledger(there)
    last = store.read(lambda connection: connection.execute("SELECT raw FROM entries ORDER BY seq DESC").fetchone()[0])
    store.close()
    assert parse_entry(last).kind == "state_restored"


def test_what_a_restore_replaces_is_kept(files: LedgerFiles, tmp_path: Path) -> None:
    """The databases that were there lie under evidence; configuration and keys stay as they are."""
    back_up_state(files, tmp_path / "b.tgz", CLOCK)
    send(files, "second")
    (files.config_dir / "config.toml").write_text('agent = "mine"\n')
    done = restore_state(files, tmp_path / "b.tgz", CLOCK, "tester")
    assert bodies(files) == ["first"]
    assert "config/config.toml" in done.kept
    assert (files.config_dir / "config.toml").read_text() == 'agent = "mine"\n'
    kept = sqlite3.connect(done.evidence / "state" / "hub.db")
    assert kept.execute("SELECT count(*) FROM messages").fetchone() == (2,)
    kept.close()
    assert inspect(files).report.sound


def test_a_backup_is_made_while_others_write(files: LedgerFiles, tmp_path: Path) -> None:
    """Open connections with uncommitted and committed work in the write-ahead log do not disturb a copy."""
    store = open_ledger(files)
    other = sqlite3.connect(files.state_dir / "hub.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    back_up_state(files, tmp_path / "b.tgz", CLOCK)
    other.execute("ROLLBACK")
    other.close()
    store.close()
    there = files_in(tmp_path / "there")
    restore_state(there, tmp_path / "b.tgz", CLOCK, "tester")
    assert bodies(there) == ["first"]


def test_a_database_in_use_is_not_replaced(files: LedgerFiles, tmp_path: Path) -> None:
    """While a hub has its file open a restore is refused, and nothing changed."""
    back_up_state(files, tmp_path / "b.tgz", CLOCK)
    send(files, "second")
    hub = EmbeddedHub(files.state_dir / "hub.db", CLOCK)
    hub.list_unread("ops")
    with pytest.raises(StateError, match="in use"):
        restore_state(files, tmp_path / "b.tgz", CLOCK, "tester")
    hub.close()
    assert bodies(files) == ["first", "second"]
    assert inspect(files).report.sound


def test_a_backup_of_another_log_is_refused(files: LedgerFiles, tmp_path: Path) -> None:
    """A state directory with another signing key could not continue the copied ledger: it stays as it is."""
    back_up_state(files, tmp_path / "b.tgz", CLOCK)
    there = files_in(tmp_path / "there")
    fill(there)
    with pytest.raises(StateError, match="another key"):
        restore_state(there, tmp_path / "b.tgz", CLOCK, "tester")
    assert inspect(there).report.sound


def test_a_damaged_ledger_is_not_backed_up(files: LedgerFiles, tmp_path: Path) -> None:
    """A copy that does not verify never becomes a backup."""
    connection = sqlite3.connect(files.database)
    with connection:
        connection.execute("UPDATE dispositions SET reason = 'forged'")
    connection.close()
    with pytest.raises(LedgerError):
        back_up_state(files, tmp_path / "b.tgz", CLOCK)
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


def test_nothing_to_copy_and_a_file_that_exists_are_said(files: LedgerFiles, tmp_path: Path) -> None:
    """A backup never overwrites, and an empty installation is no backup."""
    taken = tmp_path / "b.tgz"
    taken.write_text("mine")
    with pytest.raises(InputError, match="exists"):
        back_up_state(files, taken, CLOCK)
    assert taken.read_text() == "mine"
    with pytest.raises(InputError, match="nothing to back up"):
        back_up_state(files_in(tmp_path / "empty"), tmp_path / "c.tgz", CLOCK)


Members = list[tuple[tarfile.TarInfo, bytes]]


def _flip(members: Members) -> None:
    member, data = members[-1]
    members[-1] = (member, bytes([data[0] ^ 1]) + data[1:])


def _drop(members: Members) -> None:
    del members[-1]


def _more(members: Members) -> None:
    members.append((tarfile.TarInfo("state/more"), b"more"))


def _headless(members: Members) -> None:
    del members[0]


def _renamed(name: str) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        body = json.loads(members[0][1])
        body["parts"][-1]["name"] = name
        members[0] = (members[0][0], json.dumps(body).encode())
        members[-1][0].name = name

    return change


def _link(members: Members) -> None:
    member, _ = members[-1]
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    members[-1] = (member, b"")


@pytest.mark.parametrize(
    "change",
    [
        _flip,
        _drop,
        _more,
        _headless,
        _link,
        _renamed("../escaped"),
        _renamed("state/../../escaped"),
        _renamed("/escaped"),
        _renamed("elsewhere/escaped"),
        _renamed("state"),
    ],
)
def test_a_changed_backup_is_refused_whole(
    files: LedgerFiles, tmp_path: Path, change: Callable[[Members], None]
) -> None:
    """Bytes, members or names other than the manifest's, and names that lead elsewhere: nothing is put back."""
    back_up_state(files, tmp_path / "b.tgz", CLOCK)
    changed = rewrite(tmp_path / "b.tgz", tmp_path / "c.tgz", change)
    there = files_in(tmp_path / "there")
    with pytest.raises(InputError):
        restore_state(there, changed, CLOCK, "tester")
    assert list(there.state_dir.iterdir()) == []
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b\x08\x00garbage"])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, data: bytes) -> None:
    """Anything else is told, without a traceback."""
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(InputError, match="not a backup"):
        restore_state(files_in(tmp_path / "there"), tmp_path / "x", CLOCK, "tester")


def test_a_backup_cut_short_is_refused(files: LedgerFiles, tmp_path: Path) -> None:
    """A file of which a part is missing, or whose compressed bytes are damaged, is not put back in part."""
    back_up_state(files, tmp_path / "b.tgz", CLOCK)
    whole = (tmp_path / "b.tgz").read_bytes()
    middle = len(whole) // 2
    for data in (whole[:1], whole[:middle], whole[:middle] + b"\xff\xff\xff" + whole[middle + 3 :]):
        (tmp_path / "c.tgz").write_bytes(data)
        with pytest.raises(InputError):
            restore_state(files_in(tmp_path / "there"), tmp_path / "c.tgz", CLOCK, "tester")


def test_the_manifest_names_each_file_of_the_archive(files: LedgerFiles, tmp_path: Path) -> None:
    """The first member is the manifest, and the others are exactly those that it names."""
    back_up_state(files, tmp_path / "b.tgz", CLOCK)
    with tarfile.open(tmp_path / "b.tgz") as archive:
        names = archive.getnames()
        body = json.load(archive.extractfile(MANIFEST))  # type: ignore[arg-type]
    assert names == [MANIFEST, *(part["name"] for part in body["parts"])]
    assert body["schema"] == "warden.backup-manifest/1"
