"""Real processes: several that append at once, killed ones, and a disk that is full."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from warden.errors import StateError
from warden.model.entry import Batch
from warden.store.files import LedgerFiles
from warden.store.inspection import inspect
from warden.store.sqlite import NewLog
from warden.testing.engine import FixedClock
from warden.testing.ledger import Story, alert

pytestmark = pytest.mark.slow

WRITER = """
import sys
from pathlib import Path
from warden.store.files import LedgerFiles
from warden.store.sqlite import NewLog
from warden.testing.engine import FixedClock
from warden.testing.ledger import Story, delivered
name, rounds = sys.argv[2], int(sys.argv[3])
root = Path(sys.argv[1])
store = LedgerFiles(root / "state", root / "config").open(FixedClock(), NewLog())
print("open", flush=True)
for number in range(rounds):
    first, second = delivered(Story(f"{name}-{number}"))
    store.commit(first)
    print(f"{name}-{number} intended", flush=True)
    store.commit(second)
    print(f"{name}-{number} done", flush=True)
store.close()
"""
ROUNDS = 40
KILLS = 12
OPENINGS = 60


def start(root: Path, name: str, rounds: int) -> subprocess.Popen[str]:
    """Start a process that records so many messages."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), name, str(rounds)], stdout=subprocess.PIPE, text=True
    )


def test_processes_append_at_once(tmp_path: Path) -> None:
    """Three processes that make and fill one ledger at once lose nothing and break nothing."""
    writers = [start(tmp_path, f"writer{number}", ROUNDS) for number in range(3)]
    outputs = [writer.communicate()[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert all(output.count("done") == ROUNDS for output in outputs)
    found = inspect(LedgerFiles(tmp_path / "state", tmp_path / "config"))
    assert found.report.sound
    assert found.report.verdict is not None
    assert found.report.verdict.size == 1 + 3 * ROUNDS * 4


def test_opening_beside_a_process_that_appends_is_no_alarm(tmp_path: Path) -> None:
    """A ledger that grows while it is opened, read and asked is not taken for one that was tampered with."""
    files = LedgerFiles(tmp_path / "state", tmp_path / "config")
    writer = start(tmp_path, "busy", 100_000)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        for _ in range(OPENINGS):
            store = files.open(FixedClock())
            store.check_log()
            assert store.check_heads([store.note()]) == 0
            store.close()
            files.open_reader(FixedClock()).close()
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()


def test_killed_processes_lose_nothing_that_they_reported(tmp_path: Path) -> None:
    """Killed with SIGKILL at many moments, a writer leaves a ledger that opens, verifies, and has all it reported."""
    files = LedgerFiles(tmp_path / "state", tmp_path / "config")
    reported: list[str] = []
    for number in range(KILLS):
        writer = start(tmp_path, f"kill{number}", 10_000)
        assert writer.stdout is not None
        for _ in range(1 + number * 7 % 23):
            reported.append(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        reported += writer.communicate()[0].splitlines(keepends=True)
        assert inspect(files).report.sound
    whole = [line.split() for line in reported if line.endswith("\n") and line != "open\n"]
    store = files.open(FixedClock(), NewLog())
    done = {name for name, what in whole if what == "done"}
    known = store.dispositions([Story(name).key for name in done])
    assert {key.message_id for key in known} == done
    intended = {name for name, _ in whole} - done
    due = store.pending("hub", "ops-warden", FixedClock().now(), 10_000)
    assert intended <= {record.intent.message.message_id for record in due} | {
        key.message_id for key in store.dispositions([Story(name).key for name in intended])
    }
    store.close()


def test_full_disk_stores_nothing_in_part(tmp_path: Path) -> None:
    """When a file may not grow any more, an append fails with a hint, and the ledger is as it was before it."""
    files = LedgerFiles(tmp_path / "state", tmp_path / "config")
    store = files.open(FixedClock(), NewLog())
    for number in range(5):
        store.commit(Batch((alert(f"code-{number}"),)))
    head = store.head()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    story = Story()
    try:
        wal = os.stat(f"{files.database}-wal").st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 6000, hard))
        with pytest.raises(StateError) as caught:
            store.commit(story.intended(story.action(body="x" * 500_000)))
        assert "free space" in caught.value.hint
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert store.head() == head
    assert store.pending("hub", "ops-warden", FixedClock().now(), 9) == ()
    store.commit(story.intended(story.action(body="x" * 500_000)))
    store.close()
    assert inspect(files).report.sound


def test_full_disk_at_each_step_of_the_creation(tmp_path: Path) -> None:
    """Wherever the making of a ledger fails for want of space, making it again later works."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    failed = 0
    try:
        for limit in (0, 100, 5000, 20_000, 40_000, 60_000, 70_000, 80_000, 90_000):
            files = LedgerFiles(tmp_path / str(limit) / "state", tmp_path / str(limit) / "config")
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            with contextlib.suppress(StateError):
                failed += 1
                files.open(FixedClock(), NewLog()).close()
                failed -= 1
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            store = files.open(FixedClock(), NewLog())
            store.commit(Batch((alert(),)))
            store.close()
            assert inspect(files).report.sound
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert failed >= 3


def test_opening_does_not_import_what_it_does_not_need() -> None:
    """The store is imported without portalocker, pynacl, pydantic or a command-line framework."""
    heavy = {"portalocker", "nacl", "pydantic", "httpx", "typer", "rich", "yaml", "asyncio", "importlib.metadata"}
    code = f"import sys, warden.store.files, warden.store.locks; print(sorted(set(sys.modules) & {heavy!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
