"""The embedded hub's file: durable, shared by processes, migrated forward, and refused when it cannot be used."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from warden.cli.clock import SystemClock
from warden.errors import HubBusyError, HubConflictError, HubNotFoundError, HubRejectedError, StateError, WardenError
from warden.hubs.database import LOCK_TIMEOUT_S, MIGRATIONS, Database, Write
from warden.hubs.embedded import EmbeddedHub
from warden.hubs.names import PAGE_BYTES, THREAD_MESSAGES
from warden.hubs.tokens import TokenStore
from warden.model.delivery import OutgoingMessage
from warden.testing.engine import FixedClock
from warden.testing.hub import MemoryHub

HELLO = OutgoingMessage("alice", "bob", "s", "b", "request", "", "")

WRITER = """
import sys
from pathlib import Path
from warden.cli.clock import SystemClock
from warden.hubs.embedded import EmbeddedHub
from warden.model.delivery import OutgoingMessage
hub = EmbeddedHub(Path(sys.argv[1]), SystemClock())
for number in range(int(sys.argv[3])):
    made = hub.post_message(OutgoingMessage(sys.argv[2], "bob", str(number), "b", "request", "", ""))
    print(made.id, flush=True)
"""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


@pytest.fixture
def hub(path: Path, clock: FixedClock) -> Iterator[EmbeddedHub]:
    hub = EmbeddedHub(path, clock)
    yield hub
    hub.close()


def start_writer(path: Path, sender: str, count: int) -> subprocess.Popen[str]:
    """Start a process that sends `count` messages and prints each id once it has it."""
    command = [sys.executable, "-c", WRITER, str(path), sender, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def subjects(hub: EmbeddedHub, sender: str) -> list[str]:
    """Return the subjects that a sender's messages to bob have, in order."""
    found: list[str] = []
    after: str | None = None
    while True:
        page = hub.list_unread("bob", after, 1000)
        found += [message.content.subject for message in page.messages if message.sender.name == sender]
        after = page.after
        if after is None:
            return found


def test_everything_is_there_after_opening_again(path: Path, clock: FixedClock) -> None:
    """Identity, messages, marks, keys and tokens outlive the process."""
    hub = EmbeddedHub(path, clock)
    first, second = hub.post_message(HELLO, "k"), hub.post_message(HELLO)
    hub.mark_read("bob", first.id)
    _, token = TokenStore(hub.database, clock).create("bob")
    identity = hub.traits()
    hub.close()
    again = EmbeddedHub(path, clock)
    assert again.traits() == identity
    assert [message.key.message_id for message in again.list_unread("bob").messages] == [second.id]
    assert again.post_message(HELLO, "k").replayed is True
    assert TokenStore(again.database, clock).find_agent(token) == "bob"
    again.close()


def test_two_hubs_have_two_identities(tmp_path: Path, clock: FixedClock) -> None:
    """Message 1 of another hub is another message."""
    made = []
    for name in ("one.db", "two.db"):
        hub = EmbeddedHub(tmp_path / name, clock)
        made.append(hub.traits().hub_id)
        hub.close()
    assert len(set(made)) == 2


def test_files_are_private(hub: EmbeddedHub, path: Path) -> None:
    """Nobody else can read the hub's files."""
    hub.post_message(HELLO)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_closing_twice_is_closing(path: Path, clock: FixedClock) -> None:
    """A hub may be closed by whoever opened it and by who served it."""
    hub = EmbeddedHub(path, clock)
    hub.close()
    hub.close()


def test_key_is_kept_for_ninety_days(hub: EmbeddedHub, clock: FixedClock) -> None:
    """A key is honoured for 90 days; after that it is free, and old keys go away."""
    first = hub.post_message(HELLO, "k")
    clock.advance(timedelta(days=89, hours=23).total_seconds())
    assert hub.post_message(HELLO, "k").id == first.id
    with pytest.raises(HubConflictError):
        hub.post_message(replace(HELLO, body="c"), "k")
    clock.advance(timedelta(hours=2).total_seconds())
    assert hub.post_message(replace(HELLO, body="c"), "k").id != first.id
    hub.post_message(HELLO, "k-2")
    clock.advance(timedelta(days=91).total_seconds())
    hub.post_message(HELLO, "k-3")
    assert hub.database.read("SELECT key FROM keys") == [("k-3",)]


def test_memory_hub_keeps_keys_as_long(clock: FixedClock) -> None:
    """The fake forgets a key when the real hub does."""
    hub = MemoryHub(clock)
    first = hub.post_message(HELLO, "k")
    clock.advance(timedelta(days=91).total_seconds())
    assert hub.post_message(replace(HELLO, body="c"), "k").id != first.id


def test_page_is_bounded_in_bytes(hub: EmbeddedHub) -> None:
    """A page of large messages ends early and goes on with the next one; a large one alone still comes."""
    large = replace(HELLO, body="x" * 1_000_000)
    for _ in range(6):
        hub.post_message(large)
    page = hub.list_unread("bob", None, 1000)
    assert sum(len(message.content.body) for message in page.messages) <= PAGE_BYTES
    assert page.after is not None
    rest = hub.list_unread("bob", page.after, 1000)
    assert len(page.messages) + len(rest.messages) == 6
    assert rest.after is None


def test_thread_gives_its_newest_messages(hub: EmbeddedHub) -> None:
    """Of a very long thread the newest messages are given, oldest first."""
    first = hub.post_message(HELLO)
    answer = replace(HELLO, in_reply_to=first.id)
    made = hub.post_messages([answer] * (THREAD_MESSAGES + 1), [None] * (THREAD_MESSAGES + 1))
    thread = hub.get_message("bob", first.id).content.thread_id
    assert [message.key.message_id for message in hub.get_thread("bob", thread)] == [found.id for found in made[1:]]


def test_many_messages_are_sent_all_or_none(hub: EmbeddedHub) -> None:
    """A batch with one message that is refused sends nothing and uses no key up."""
    good, bad = HELLO, replace(HELLO, thread_id="unknown")
    with pytest.raises(HubNotFoundError):
        hub.post_messages([good, good, bad], ["k-1", "k-2", "k-3"])
    with pytest.raises(HubRejectedError):
        hub.post_messages([good, replace(good, body="\0")], [None, None])
    assert hub.list_unread("bob").messages == ()
    assert [made.replayed for made in hub.post_messages([good, good], ["k-1", "k-2"])] == [False, False]


def test_refused_write_leaves_the_rest_of_its_batch(hub: EmbeddedHub) -> None:
    """Writes that share a commit are refused one by one."""

    def write(number: int) -> Write:
        def insert(connection: sqlite3.Connection) -> int:
            connection.execute("INSERT INTO hub VALUES (?, 'x')", (f"test-{number}",))
            if number == 1:
                raise HubRejectedError("no")
            return number

        return Write(insert)

    batch = [write(number) for number in range(3)]
    hub.database.write_all(batch)
    assert [(made.result, made.error is None, made.done) for made in batch] == [
        (0, True, True),
        (None, False, True),
        (2, True, True),
    ]
    assert hub.database.read("SELECT name FROM hub WHERE name LIKE 'test%'") == [("test-0",), ("test-2",)]


def test_failing_database_fails_the_whole_batch(hub: EmbeddedHub) -> None:
    """When SQLite refuses, nobody is told that something was stored, and the next write works."""

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO no_such_table VALUES (1)")

    batch = [Write(lambda connection: connection.execute("INSERT INTO hub VALUES ('test', 'x')")), Write(fail)]
    hub.database.write_all(batch)
    assert all(isinstance(made.error, StateError) for made in batch)
    assert hub.database.read("SELECT name FROM hub WHERE name = 'test'") == []
    assert hub.post_message(HELLO).id == "m1"


def test_full_disk(hub: EmbeddedHub) -> None:
    """When there is no room, the write is refused as a whole, and small writes go on."""
    hub.post_message(HELLO)

    def limit_pages(connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")

    hub.database.write(limit_pages)
    with pytest.raises(StateError) as caught:
        hub.post_message(replace(HELLO, body="x" * 500_000), "k")
    assert "full" in caught.value.message
    assert hub.post_message(HELLO, "k").replayed is False
    assert len(hub.list_unread("bob").messages) == 2


def test_unforeseen_error_reaches_its_caller(hub: EmbeddedHub) -> None:
    """An error that nobody foresaw is raised where the write was asked for, undoes it, and blocks nobody."""

    def fail(_: sqlite3.Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(WardenError):
        hub.database.write(fail)
    assert hub.post_message(HELLO).id == "m1"


def test_writer_that_hangs_is_not_waited_for_endlessly(hub: EmbeddedHub, path: Path, clock: FixedClock) -> None:
    """While another process holds the file's lock a write waits, for a bounded time, and then says so."""
    holder = os.open(f"{path}.lock", os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(HubBusyError):
        hub.post_message(HELLO)
    assert clock.monotonic() >= LOCK_TIMEOUT_S
    assert hub.list_unread("bob").messages == ()
    os.close(holder)
    assert hub.post_message(HELLO).id == "m1"


def test_newer_schema_is_refused(path: Path, clock: FixedClock) -> None:
    """A file that a newer version wrote is left alone."""
    EmbeddedHub(path, clock).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StateError) as caught:
        EmbeddedHub(path, clock)
    assert "newer" in caught.value.message
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database, but long enough to be taken for one" * 20, b"SQLite format 3\0"])
def test_file_that_is_no_database(path: Path, clock: FixedClock, content: bytes) -> None:
    """A file that SQLite cannot read is refused in words."""
    path.write_bytes(content)
    with pytest.raises(StateError):
        EmbeddedHub(path, clock)
    assert path.read_bytes() == content


def test_directory_in_the_way(path: Path, clock: FixedClock) -> None:
    """A directory where the file should be, or none where its directory should be, is refused in words."""
    path.mkdir()
    for wrong in (path, path.parent / "missing" / "hub.db"):
        with pytest.raises(StateError):
            EmbeddedHub(wrong, clock)


def test_listing_cannot_write(hub: EmbeddedHub) -> None:
    """The connection that listings use refuses to write, whatever statement it is given."""
    hub.post_message(HELLO)
    with pytest.raises(StateError):
        hub.database.read("UPDATE messages SET read_at = 'now'")
    assert len(hub.list_unread("bob").messages) == 1


def test_settings_of_the_file(hub: EmbeddedHub) -> None:
    """The file is in WAL mode and each commit is synced in full."""
    assert hub.database.read("PRAGMA journal_mode") == [("wal",)]
    with hub.database.cursor("PRAGMA synchronous", ()) as rows:
        assert list(rows) == [(2,)]


@pytest.mark.slow
def test_processes_share_the_file(path: Path) -> None:
    """Three processes and this one write at once; each one's messages are all there, in its order."""
    hub = EmbeddedHub(path, SystemClock())
    writers = [start_writer(path, f"writer-{number}", 150) for number in range(3)]
    for number in range(150):
        hub.post_message(replace(HELLO, subject=str(number)))
    for writer in writers:
        assert writer.stdout is not None
        assert len(writer.stdout.read().split()) == 150
        writer.stdout.close()
        assert writer.wait(60) == 0
    for sender in ("alice", "writer-0", "writer-1", "writer-2"):
        assert subjects(hub, sender) == [str(number) for number in range(150)]
    hub.close()


@pytest.mark.slow
def test_what_was_answered_survives_kill(path: Path, clock: FixedClock) -> None:
    """After kill -9 every message that was answered is there, at most one more, and the lock is free."""
    writer = start_writer(path, "victim", 100_000)
    assert writer.stdout is not None
    answered = [writer.stdout.readline() for _ in range(100)]
    writer.send_signal(signal.SIGKILL)
    answered += writer.stdout.read().splitlines(keepends=True)
    writer.stdout.close()
    writer.wait(60)
    complete = [line for line in answered if line.endswith("\n")]
    hub = EmbeddedHub(path, clock)
    found = subjects(hub, "victim")
    assert len(complete) <= len(found) <= len(complete) + 1
    assert found == [str(number) for number in range(len(found))]
    assert hub.database.read("PRAGMA integrity_check") == [("ok",)]
    hub.post_message(HELLO)
    hub.close()


def test_token_lifecycle(hub: EmbeddedHub, clock: FixedClock) -> None:
    """A token is found by its text until it is revoked; what is listed is never the token."""
    tokens = TokenStore(hub.database, clock)
    assert tokens.any_valid() is False
    record, token = tokens.create("bob")
    other, _ = tokens.create("alice")
    assert token.startswith("wht_")
    assert tokens.find_agent(token) == "bob"
    assert tokens.any_valid() is True
    assert [found.agent for found in tokens.list()] == ["alice", "bob"]
    assert token not in repr(tokens.list())
    revoked = tokens.revoke(record.id)
    assert revoked.revoked_at
    clock.advance(60)
    assert tokens.revoke(record.id) == revoked
    assert tokens.find_agent(token) is None
    tokens.revoke(other.id)
    assert tokens.any_valid() is False


def test_odd_tokens(hub: EmbeddedHub, clock: FixedClock) -> None:
    """No text but a token is one, no agent can have an odd name, and an unknown id cannot be revoked."""
    tokens = TokenStore(hub.database, clock)
    tokens.create("bob")
    for text in ("", "wht_", "\ud800", "wht_" + "ü" * 43, "x" * 100_000, "%"):
        assert tokens.find_agent(text) is None
    with pytest.raises(HubRejectedError):
        tokens.create("a b")
    with pytest.raises(HubNotFoundError):
        tokens.revoke("tok-unknown")


def test_two_openings_make_one_file(path: Path, clock: FixedClock) -> None:
    """Two that open a new file at once agree on its schema and identity."""
    first, second = Database(path, clock), Database(path, clock)
    assert first.hub_id == second.hub_id
    first.close()
    second.close()
