"""Many starts at once, holders that die, lock files that lie, disks that are full: never two cycles, never stuck."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from realprocess import QUESTION, WAIT_S, WARDEN, Home, SlowHub, finish

pytestmark = pytest.mark.acceptance
STARTS = 24


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of its own."""
    return Home(tmp_path)


def lock_file(home: Home) -> Path:
    """Return the lock of the cycle."""
    return home.state / "locks" / "cycle-ops-warden.lock"


def test_of_many_starts_one_makes_the_cycle(home: Home) -> None:
    """While one cycle delivers, every other start ends with 11, however many there are; the message is answered once."""
    hub = SlowHub(messages=1)
    with hub.listening() as url:
        first = home.start("worker", "run", "--execute", "--hub", url)
        assert hub.arrived.wait(WAIT_S)
        others = [
            subprocess.Popen([*WARDEN, "worker", "run", "--once", flag, "--hub", url], env=home.environment, cwd=home.path,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for flag in ("--scheduled", "--execute") * (STARTS // 2)
        ]  # fmt: skip
        ended = Counter(other.wait(timeout=WAIT_S) for other in others)
        hub.release.set()
        assert finish(first).status == 0
    assert ended == {11: STARTS}
    assert Counter(hub.posts)["/messages"] == 1
    assert home.run("ledger", "verify").status == 0


def test_a_killed_holder_leaves_nothing_stuck(home: Home) -> None:
    """kill -9 in the middle of a delivery: the next start takes the lock at once and goes on where it stopped."""
    hub = SlowHub(messages=1)
    with hub.listening() as url:
        first = home.start("worker", "run", "--execute", "--hub", url)
        assert hub.arrived.wait(WAIT_S)
        first.send_signal(signal.SIGKILL)
        finish(first)
        hub.release.set()
        again = home.run("worker", "run", "--execute", "--json", "--hub", url)
    assert again.status == 0, again.err
    assert home.run("ledger", "verify").status == 0


@pytest.mark.parametrize("says", ["this", "init", "gone", "nonsense"])
def test_what_a_lock_file_says_is_not_believed(home: Home, says: str) -> None:
    """The number of a process that lives (reused), of one that is gone (stale), of another boot, or nonsense: it is taken."""
    home.send(QUESTION)
    lock_file(home).parent.mkdir(parents=True, mode=0o700)
    process = {"this": os.getpid(), "init": 1, "gone": 2**22 - 3}.get(says)
    told = {
        "pid": str(process),
        "host": os.uname().nodename,
        "started_at": "2099-01-01T00:00:00+00:00",
        "boot_id": "earlier",
    }
    lock_file(home).write_text("\x00{not" if process is None else json.dumps(told))
    assert home.run("worker", "run", "--execute").status == 0


def test_a_lock_that_cannot_be_taken_is_no_lock(home: Home) -> None:
    """Where the lock file is a directory nothing runs; when that is put right, it does."""
    home.send(QUESTION)
    lock_file(home).mkdir(parents=True)
    refused = home.run("worker", "run", "--execute")
    assert (refused.status, "lock" in refused.err) == (1, True)
    lock_file(home).rmdir()
    assert home.run("worker", "run", "--execute").status == 0


def test_a_full_disk_stops_the_cycle_before_it_begins(home: Home) -> None:
    """No byte can be written: nothing is delivered, the status says so, and with room again the message is answered."""
    home.send(QUESTION)
    code = f"import resource, os, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, {resource.RLIM_INFINITY})); "
    code += "os.execv(sys.executable, [sys.executable, '-m', 'warden', 'worker', 'run', '--execute', '--quiet'])"
    full = subprocess.run(
        [sys.executable, "-c", code],
        env=home.environment,
        cwd=home.path,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
    )
    assert full.returncode == 1, full.stderr
    assert "error: " in full.stderr
    assert home.run("hub", "progress", "--json").document["events"] == []
    assert home.run("worker", "run", "--execute", "--json").dispositions == ["answered"]
