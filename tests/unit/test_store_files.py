"""The head file, the key file and the lock files: torn writes, other people's bytes, kills."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import portalocker
import pytest

from warden.errors import LedgerError, LockHeldError, StateError
from warden.ledger.signature import SeedSigner, fingerprint_of
from warden.store.durable import create_file, replace_file
from warden.store.headfile import SLOT_BYTES, HeadFile, MemoryHeads, read_slot, write_slot
from warden.store.keys import KeyFiles, create_key, read_key
from warden.store.locks import FileLockStore

HOLDER = """
import sys
from pathlib import Path
from warden.store.locks import FileLockStore
with FileLockStore(Path(sys.argv[1])).hold("cycle-x", {"command": "warden worker run"}):
    print("held", flush=True)
    sys.stdin.read()
"""
FORKING_HOLDER = """
import os, signal, sys
from pathlib import Path
from warden.store.locks import FileLockStore
with FileLockStore(Path(sys.argv[1])).hold("cycle-x", {}):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"x")
        signal.pause()
    os.read(reading, 1)
    print(child, flush=True)
    signal.pause()
"""


# -- heads


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_newest_head_is_read(kind: str, tmp_path: Path) -> None:
    """Nothing is read before the first publication, and then always the newest note."""
    heads = HeadFile(tmp_path / "deep" / "head") if kind == "file" else MemoryHeads()
    assert heads.read() is None
    for number in range(7):
        heads.publish(f"note {number}\n")
        assert heads.read() == f"note {number}\n"


def test_head_file_keeps_its_size(tmp_path: Path) -> None:
    """Both slots are there from the start: publishing never makes the file longer, and it is private."""
    path = tmp_path / "head"
    for number in range(3):
        HeadFile(path).publish(f"note {number}\n")
        assert path.stat().st_size == 2 * SLOT_BYTES
    assert path.stat().st_mode & 0o777 == 0o600


def test_torn_head_falls_back_to_the_one_before(tmp_path: Path) -> None:
    """However far a write of a slot got before a crash, the newest head is the new one or the one before."""
    path = tmp_path / "head"
    heads = HeadFile(path)
    for number in range(3):
        heads.publish(f"note {number}\n")
    before = path.read_bytes()
    new = write_slot(4, "note 3\n")
    for length in [*range(130), 2048, SLOT_BYTES]:
        path.write_bytes(before[:SLOT_BYTES] + new[:length] + before[SLOT_BYTES + length :])
        assert heads.read() in {"note 2\n", "note 3\n"}
    assert heads.read() == "note 3\n"


def test_no_whole_slot_is_damage(tmp_path: Path) -> None:
    """A head file without a whole slot is not a crash: a crash tears one slot."""
    path = tmp_path / "head"
    for data in (b"", b"x", bytes(2 * SLOT_BYTES), b"\xff" * 2 * SLOT_BYTES):
        path.write_bytes(data)
        with pytest.raises(LedgerError):
            HeadFile(path).read()
        with pytest.raises(LedgerError):
            HeadFile(path).publish("note\n")


def test_slots_are_strict() -> None:
    """A slot with any changed byte is not whole."""
    slot = write_slot(3, "a note with ünïcode\n")
    assert read_slot(slot) == (3, "a note with ünïcode\n")
    for place in [*range(150), SLOT_BYTES - 1]:
        assert read_slot(slot[:place] + bytes([slot[place] ^ 1]) + slot[place + 1 :]) is None
    assert read_slot(slot + b"\0") is None
    with pytest.raises(ValueError):
        write_slot(1, "x" * SLOT_BYTES)


def test_head_in_a_place_that_is_no_file(tmp_path: Path) -> None:
    """A directory where the head file should be is a state error."""
    (tmp_path / "head").mkdir()
    with pytest.raises(StateError):
        HeadFile(tmp_path / "head").read()


# -- files and keys


def test_files_are_made_once_and_replaced_whole(tmp_path: Path) -> None:
    """A file that exists is not made again; a replaced one has only the new bytes; nothing is left beside."""
    path = tmp_path / "file"
    assert create_file(path, b"first")
    assert not create_file(path, b"second")
    assert path.read_bytes() == b"first"
    replace_file(path, b"third")
    assert path.read_bytes() == b"third"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]
    with pytest.raises(StateError):
        replace_file(tmp_path / "none" / "file", b"")
    with pytest.raises(StateError):
        create_file(tmp_path / "none" / "file", b"")


def test_keys_are_kept(tmp_path: Path) -> None:
    """A key is made once, private, and read back with its public half."""
    path = tmp_path / "state" / "ledger.key"
    made = create_key(path)
    assert create_key(path) == made == read_key(path)
    assert SeedSigner.from_seed(made.seed) == made
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("data", [b"", b"x" * 5000, b"\xff\xfe\n\n", b"warden-ledger-key-1\nAAAA\n00\n"])
def test_other_files_are_no_keys(tmp_path: Path, data: bytes) -> None:
    """A file that is not a key is refused, and no byte of it is in the message."""
    path = tmp_path / "key"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(LedgerError) as caught:
        read_key(path)
    assert "AAAA" not in str(caught.value)


def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    """A key that others may read is refused until its mode is put right."""
    create_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(StateError, match="others"):
        read_key(tmp_path / "key")
    with pytest.raises(StateError):
        read_key(tmp_path / "none")


def test_pins(tmp_path: Path) -> None:
    """A ledger's key is pinned once; later uses compare, and a pin without a ledger says that there was one. A pin that cannot
    be written does not stop the first use."""
    files = KeyFiles(tmp_path / "ledger.key", tmp_path / "config" / "pin")
    signer = files.load(files.read_pin(), ledger_exists=False)
    assert files.read_pin() is None  # a crash here leaves a key, and no word of a ledger that never was
    assert files.load(files.read_pin(), ledger_exists=False) == signer
    files.pin_once(signer.public_key)
    files.pin_once(bytes(32))
    assert files.read_pin() == fingerprint_of(signer.public_key)
    assert files.load(files.read_pin(), ledger_exists=True) == signer
    assert files.load(files.read_pin(), ledger_exists=False, replaced=True) == signer
    with pytest.raises(LedgerError, match="gone"):
        files.load(files.read_pin(), ledger_exists=False)
    files.pin.write_text("sha256:other\n")
    with pytest.raises(LedgerError, match="pinned"):
        files.load(files.read_pin(), ledger_exists=True)
    files.key.unlink()
    with pytest.raises(LedgerError, match="missing"):
        files.load(files.read_pin(), ledger_exists=False)
    (tmp_path / "file").touch()
    blocked = KeyFiles(tmp_path / "other.key", tmp_path / "file" / "pin")
    assert not blocked.write_pin(signer.public_key)


# -- locks


def test_lock_excludes_and_is_given_back(tmp_path: Path) -> None:
    """Within the block nobody else gets the lock, of that name; after it everybody can, also after an exception."""
    locks = FileLockStore(tmp_path / "locks")
    with locks.hold("cycle-x", {}):
        for _ in range(3):  # who waits in vain leaves the holder's word where it is
            with pytest.raises(LockHeldError) as caught, locks.hold("cycle-x", {}):
                raise AssertionError
            assert str(os.getpid()) in caught.value.holder
        with FileLockStore(tmp_path / "locks").hold("cycle-y", {}):
            pass
    with pytest.raises(ZeroDivisionError), locks.hold("cycle-x", {}):
        raise ZeroDivisionError
    with locks.hold("cycle-x", {}):
        pass


def test_holder_is_readable_while_it_holds(tmp_path: Path) -> None:
    """The holder's pid, host, start and command can be read while it holds the lock, and are gone afterwards."""
    locks = FileLockStore(tmp_path)
    assert locks.holder("cycle-x") == {}
    with locks.hold("cycle-x", {"command": "warden worker run", "agent": "a\n`b"}):
        holder = locks.holder("cycle-x")
        assert (holder["pid"], holder["host"]) == (str(os.getpid()), os.uname().nodename)
        assert holder["command"] == "warden worker run"
        assert holder["started_at"].endswith("+00:00")
    assert locks.holder("cycle-x") == {}


@pytest.mark.parametrize("name", ["", ".", "../up", "a/b", "nul\0", "\udc80", "x" * 300, "-x"])
def test_any_name_is_a_lock(tmp_path: Path, name: str) -> None:
    """A name that is no file name gets one of its own, within the directory."""
    locks = FileLockStore(tmp_path / "locks")
    with locks.hold(name, {}), pytest.raises(LockHeldError), locks.hold(name, {}):
        raise AssertionError
    (made,) = (tmp_path / "locks").iterdir()
    assert made.name.startswith("name-")
    assert [path.name for path in tmp_path.iterdir()] == ["locks"]


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[]", b"null", b'{"pid":{}}', b"[" * 100_000, b'{"pid":"1\\u001b[31m`"}']
)
def test_what_a_lock_file_says_is_not_believed(tmp_path: Path, data: bytes) -> None:
    """Whatever stands in a lock file, a free lock is free and a held one is held, with a clean message."""
    locks = FileLockStore(tmp_path)
    (tmp_path / "cycle-x.lock").write_bytes(data)
    with locks.hold("cycle-x", {}):
        (tmp_path / "cycle-x.lock").write_bytes(data)
        with pytest.raises(LockHeldError) as caught, locks.hold("cycle-x", {}):
            raise AssertionError
        assert caught.value.message.isprintable()


def test_lock_that_cannot_be_taken(tmp_path: Path) -> None:
    """When the lock file cannot be opened the body does not run, and the error is not that somebody holds it."""
    (tmp_path / "cycle-x.lock").mkdir()
    with pytest.raises(StateError), FileLockStore(tmp_path).hold("cycle-x", {}):
        raise AssertionError
    (tmp_path / "file").touch()
    with pytest.raises(StateError), FileLockStore(tmp_path / "file").hold("cycle-x", {}):
        raise AssertionError


def test_it_is_portalockers_lock(tmp_path: Path) -> None:
    """Our lock and `portalocker.Lock` on the same file exclude each other, both ways."""
    locks = FileLockStore(tmp_path)
    path = tmp_path / "cycle-x.lock"
    theirs = portalocker.Lock(path, "a", fail_when_locked=True, timeout=0)
    with locks.hold("cycle-x", {}), pytest.raises(portalocker.AlreadyLocked):
        theirs.acquire()
    with theirs, pytest.raises(LockHeldError), locks.hold("cycle-x", {}):
        raise AssertionError
    with locks.hold("cycle-x", {}):
        pass


def start_holder(directory: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_holds_it_and_is_killed(tmp_path: Path) -> None:
    """A lock that another process holds names it; killed with SIGKILL, it leaves nothing stuck."""
    process = start_holder(tmp_path)
    locks = FileLockStore(tmp_path)
    with pytest.raises(LockHeldError) as caught, locks.hold("cycle-x", {}):
        raise AssertionError
    assert f"pid `{process.pid}`" in caught.value.holder
    assert "warden worker run" in caught.value.holder
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with locks.hold("cycle-x", {}):
        assert locks.holder("cycle-x")["pid"] == str(os.getpid())


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A child that was forked while the lock was held does not hold it, and does not give it back either."""
    locks = FileLockStore(tmp_path)
    reading, writing = os.pipe()
    with locks.hold("cycle-x", {}):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        with pytest.raises(LockHeldError), FileLockStore(tmp_path).hold("cycle-x", {}):
            raise AssertionError
    with locks.hold("cycle-x", {}):
        assert json.loads((tmp_path / "cycle-x.lock").read_bytes())["pid"] == str(os.getpid())
    os.close(reading)
    os.close(writing)
    os.waitpid(child, 0)


def test_a_child_does_not_keep_the_lock_of_a_killed_parent(tmp_path: Path) -> None:
    """When the holder is killed, its lock is free although a child that it forked meanwhile lives on."""
    process = subprocess.Popen([sys.executable, "-c", FORKING_HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    try:
        with FileLockStore(tmp_path).hold("cycle-x", {}):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_files_are_made_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without links a file is made all the same, never over another; any other failure is told."""

    def refuse(*names: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    number = errno.EPERM
    assert create_file(tmp_path / "one", b"first")
    assert not create_file(tmp_path / "one", b"second")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"first"]
    number = errno.ENOSPC
    with pytest.raises(StateError):
        create_file(tmp_path / "two", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
