"""The real process on disks that refuse: a small file system that is full, a state directory that cannot be written.

The small file system is a real one where this user may mount one, and else a limit on the size of files.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from realprocess import QUESTION, Home, Result, finish, served
from warden.store.files import LedgerFiles
from warden.store.inspection import inspect

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]
MESSAGES = 8
SMALL_BYTES = 2 << 20
PAGE = 4096


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A worker's home."""
    home = Home(tmp_path / "worker")
    home.path.mkdir()
    return home


@pytest.fixture
def small(home: Home) -> Iterator[Path | None]:
    """A file system of `SMALL_BYTES` at the worker's state directory; None where none can be mounted."""
    place = home.path / "state"
    place.mkdir()
    mounted = mount("-t", "tmpfs", "-o", f"size={SMALL_BYTES}", "tmpfs", str(place))
    yield place if mounted else None
    if mounted:
        subprocess.run(["umount", str(place)], check=True)


def mount(*arguments: str) -> bool:
    """Whether a mount was made."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def limit_files(size: int) -> Callable[[], None]:
    """Return what limits the files of a child to a size."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_at_any_moment_of_a_run_repeats_nothing(home: Home, tmp_path: Path, small: Path | None) -> None:
    """With a little more room each time a run gets further, says that the disk is full, and the last one finishes.

    The hub has every reply once, however often a run ended in the middle; the ledger verifies at every stop.
    """
    hub = Home(tmp_path / "hub")
    hub.path.mkdir()
    hub.send(*[QUESTION] * MESSAGES)
    statuses: list[int] = []
    files = LedgerFiles(home.state, home.path / "config" / "ops-warden")
    with served(hub) as url:
        for room in range(0, SMALL_BYTES, 6 * PAGE):
            result = run_with_room(home, url, room, small)
            statuses.append(result.status)
            assert result.status in (0, 1), result.err
            assert result.status == 0 or ("`" in result.err and "Traceback" not in result.err)
            if files.head.exists():
                assert inspect(files).report.findings == ()
            if result.status == 0:
                break
        assert statuses[-1] == 0
        assert statuses.count(1) > 3, statuses
        listed = json.loads(home.run("hub", "inbox", "--json", "--hub", url).out)["messages"]
        progress = json.loads(home.run("hub", "progress", "--json", "--limit", "1000", "--hub", url).out)["events"]
        sent = [
            message
            for number in range(MESSAGES)
            for message in json.loads(
                home.run("hub", "inbox", "--all", "--json", "--agent", f"agent-{number}", "--hub", url).out
            )["messages"]
        ]
    assert listed == []
    assert len(sent) == MESSAGES
    assert len({event["message_id"] for event in progress}) == len(progress) == MESSAGES


def run_with_room(home: Home, url: str, room: int, small: Path | None) -> Result:
    """Make an executing run with so many bytes of room."""
    arguments = ("worker", "run", "--execute", "--json", "--hub", url)
    if small is None:
        return finish(home.start(*arguments, preexec_fn=limit_files(room)))
    filler = small / "filler"
    filler.unlink(missing_ok=True)
    free = os.statvfs(small).f_bavail * PAGE
    with filler.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, max(1, free - room))
    return home.run(*arguments)


def test_a_read_only_state_directory_is_told_and_nothing_leaves(home: Home, tmp_path: Path) -> None:
    """What cannot be written down is not done: an executing run ends with an error that names the place, and delivers nothing.

    The run is another user's where this one may write everywhere.
    """
    hub = Home(tmp_path / "hub")
    hub.path.mkdir()
    hub.send(QUESTION)
    with served(hub) as url:
        home.run("hub", "inbox", "--hub", url)
        before = home.run("worker", "run", "--hub", url)
        assert before.status == 0, before.err
        look = home.look("--hub", url)
        result = run_without_writing(home, url)
        assert home.look("--hub", url) == look
        after = home.run("worker", "run", "--execute", "--json", "--hub", url)
    assert result.status == 1, result.err
    assert "Traceback" not in result.err
    assert str(home.state) in result.err
    assert after.dispositions == ["answered"]
    assert inspect(LedgerFiles(home.state, home.path / "config" / "ops-warden")).report.findings == ()


def run_without_writing(home: Home, url: str) -> Result:
    """Make an executing run that may read the state directory and not write in it."""
    arguments = ("worker", "run", "--execute", "--json", "--hub", url)
    paths = [home.path / "state", *sorted((home.path / "state").rglob("*"))]
    modes = {path: path.stat().st_mode & 0o7777 for path in paths}
    if mount("--bind", str(home.path / "state"), str(home.path / "state")):
        try:
            mount("-o", "remount,ro,bind", str(home.path / "state"))
            return home.run(*arguments)
        finally:
            subprocess.run(["umount", str(home.path / "state")], check=True)
    for path in reversed(paths):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        return home.run(*arguments)
    finally:
        for path in paths:
            path.chmod(modes[path])
