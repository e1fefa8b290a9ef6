"""Two at once, signals and intervals: the real process against hubs that take their time."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from realprocess import QUESTION, WAIT_S, Home, SlowHub, finish

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An operator's home."""
    return Home(tmp_path)


def stop_reading(process: subprocess.Popen[str]) -> None:
    """End a process for good."""
    process.kill()
    finish(process)


def test_a_second_cycle_is_refused_and_told_who_holds_the_lock(home: Home) -> None:
    """While one cycle runs, another one exits 11 at once and names the holder's pid; kill -9 leaves nothing stuck."""
    hub = SlowHub()
    with hub.listening() as url:
        first = home.start("worker", "run", "--execute", "--hub", url)
        try:
            assert hub.arrived.wait(WAIT_S)
            second = home.run("worker", "run", "--execute", "--hub", url)
            dry = home.run("worker", "run", "--hub", url)
        finally:
            stop_reading(first)
        hub.release.set()
        third = home.run("worker", "run", "--execute", "--hub", url, "--json")
    assert (second.status, dry.status, second.out, dry.out) == (11, 11, "", "")
    assert str(first.pid) in second.err
    assert third.status == 0, third.err
    assert third.document["summary"]["recovered"] >= 1
    assert home.run("ledger", "verify").status == 0


def test_another_agent_is_not_kept_waiting(home: Home) -> None:
    """The lock is for one agent."""
    hub = SlowHub()
    with hub.listening() as url:
        first = home.start("worker", "run", "--execute", "--hub", url)
        try:
            assert hub.arrived.wait(WAIT_S)
            other = home.run("worker", "run", "--agent", "other")
        finally:
            stop_reading(first)
    assert other.status == 0, other.err


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_run_between_steps(home: Home, number: signal.Signals, status: int, word: str) -> None:
    """What is being delivered is finished and written down, what was not begun is left for the next run."""
    hub = SlowHub(messages=20)
    with hub.listening() as url:
        process = home.start("worker", "run", "--execute", "--json", "--hub", url)
        assert hub.arrived.wait(WAIT_S)
        process.send_signal(number)
        hub.release.set()
        result = finish(process)
        posted = len(hub.posts)
        again = home.run("worker", "run", "--execute", "--json", "--hub", url)
    assert result.status == status, result.err
    assert result.document["summary"]["stopped"] == word
    assert again.status == 0, again.err
    assert Counter(hub.posts)["/messages"] == 20, (posted, hub.posts)
    assert home.run("ledger", "verify").status == 0


def test_intervals_go_on_until_a_signal(home: Home) -> None:
    """--every makes pass after pass, each with its own output, and ends on SIGTERM with 143."""
    home.send(QUESTION)
    process = home.start("worker", "run", "--every", "1s")
    assert process.stdout is not None
    for _ in range(2):
        assert process.stdout.readline() == "dry run (schedule not enabled): would be 1 answered\n"
    process.send_signal(signal.SIGTERM)
    assert finish(process).status == 143


def test_a_failing_pass_does_not_end_the_loop(home: Home) -> None:
    """A hub that is away is told in each pass, and the next pass comes all the same."""
    process = home.start("worker", "run", "--every", "1s", "--hub", "http://127.0.0.1:1")
    assert process.stderr is not None
    errors = 0
    while errors < 2:
        line = process.stderr.readline()
        assert line, "the run ended by itself"
        errors += line.startswith("error: ")
    process.send_signal(signal.SIGINT)
    assert finish(process).status == 130
