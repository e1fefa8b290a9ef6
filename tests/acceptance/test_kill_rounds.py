"""The real process against the real served hub: killed, raced and left without its hub, every message is answered once.

`--rounds` says how often (20 without it); the soak takes 500.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from realprocess import QUESTION, Home, Result, finish, served
from warden.cli.clock import SystemClock
from warden.hubs.embedded import EmbeddedHub
from warden.model.delivery import OutgoingMessage
from warden.store.files import LedgerFiles
from warden.store.inspection import inspect

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(0)]
PER_ROUND = 6
"""Messages that arrive before each round."""
HELD = 11
"""Exit status of a run that found another one at work."""


@dataclass
class Office:
    """A hub's home, the workers' home, and how many messages were sent to each agent."""

    hub: Home
    worker: Home
    sent: Counter[str]

    @classmethod
    def at(cls, path: Path) -> Office:
        """Make both homes."""
        homes = Home(path / "hub"), Home(path / "worker")
        for home in homes:
            home.path.mkdir()
        return cls(*homes, Counter())

    def send(self, number: int, agent: str = "ops-warden") -> None:
        """So many messages arrive for an agent, each of a sender of its own."""
        with closing(EmbeddedHub(self.hub.state / "hub.db", SystemClock())) as hub:
            for _ in range(number):
                self.sent[agent] += 1
                sender = f"for-{agent}-{self.sent[agent]}"
                hub.post_message(OutgoingMessage(sender, agent, "hello", QUESTION, "request", "", "", {}))

    def start(self, url: str, agent: str = "ops-warden") -> subprocess.Popen[str]:
        """Start an executing run."""
        return self.worker.start("worker", "run", "--execute", "--json", "--hub", url, "--agent", agent)

    def run(self, url: str, agent: str = "ops-warden") -> Result:
        """Make an executing run."""
        return finish(self.start(url, agent))

    def unread(self, agent: str = "ops-warden") -> int:
        """How many messages the hub shows as unread."""
        with closing(EmbeddedHub(self.hub.state / "hub.db", SystemClock())) as hub:
            return len(hub.list_unread(agent).messages)

    def check(self, agent: str = "ops-warden") -> None:
        """Every message to the agent is read and has one reply and one audit event, and the ledger verifies."""
        assert not self.unread(agent)
        with closing(EmbeddedHub(self.hub.state / "hub.db", SystemClock())) as hub:
            wanted = {f"for-{agent}-{number}" for number in range(1, self.sent[agent] + 1)}
            replies = Counter(
                message.sender.name
                for sender in wanted
                for message in hub.list_inbox(sender, unread=False).messages
                if message.sender.name == agent
            )
            assert replies == {agent: len(wanted)}
            assert all(len(hub.list_inbox(sender, unread=False).messages) == 1 for sender in wanted)
            events = Counter[str]()
            after: str | None = None
            while True:
                page = hub.list_progress(agent, after)
                events.update(str(event.message_id) for event in page.events)
                after = page.after
                if after is None:
                    break
        assert len(events) == len(wanted)
        assert set(events.values()) == {1}
        state = self.worker.state
        assert inspect(LedgerFiles(state, self.worker.path / "config" / "ops-warden")).report.sound


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """A hub and its workers."""
    return Office.at(tmp_path)


def killed_within(process: subprocess.Popen[str], seconds: float) -> bool:
    """Give a process so many seconds and kill it; returns whether it was still at work."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        finish(process)
        return True
    return False


def wait_until_at_work(office: Office, process: subprocess.Popen[str]) -> None:
    """Return when the process holds its lock, or has ended."""
    locks = office.worker.state / "locks"
    mine = f'"{process.pid}"'
    while process.poll() is None and not any(mine in lock.read_text() for lock in locks.glob("*.lock")):
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.005)


@contextmanager
def kept_served(home: Home, port: str) -> Iterator[subprocess.Popen[str]]:
    """Serve a hub on this port; gives the process, which may be killed meanwhile."""
    process = home.start("hub", "serve", "--port", port, "--unsafe-no-auth", "--json", stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["url"]
        yield process
    finally:
        process.kill()
        finish(process)


def test_kill_nine_at_any_moment_answers_every_message_once(office: Office, rounds: int) -> None:
    """The worker is killed again and again at random moments while mail arrives; in the end each message has one reply."""
    drawn = random.Random(20260102)
    killed = 0
    with served(office.hub) as url:
        office.send(PER_ROUND)
        first = office.start(url)
        wait_until_at_work(office, first)
        began = time.monotonic()
        assert finish(first).status == 0
        whole_s = time.monotonic() - began
        for number in range(rounds):
            office.send(PER_ROUND)
            process = office.start(url)
            if number % 5:  # the others may be killed before they have begun
                wait_until_at_work(office, process)
            killed += killed_within(process, drawn.uniform(0.0, 1.3 * whole_s))
        last, idle = office.run(url), office.run(url)
    print(f"killed before its end in {killed} of {rounds} rounds; the last run: {last.document['summary']}")
    assert last.status == 0, last.err
    assert idle.dispositions == []
    office.check()


def test_processes_that_race_answer_every_message_once(office: Office, rounds: int) -> None:
    """Two runs at once: one works, the other waits for nobody and exits 11 or finds nothing left to do."""
    with served(office.hub) as url:
        for _ in range(max(1, rounds // 5)):
            office.send(PER_ROUND)
            both = [office.start(url), office.start(url)]
            results = [finish(process) for process in both]
            assert {result.status for result in results} <= {0, HELD}, [result.err for result in results]
            assert any(result.status == 0 for result in results)
        assert office.run(url).status == 0
    office.check()


def test_processes_of_two_agents_race_on_one_ledger(office: Office, rounds: int) -> None:
    """The lock is for one agent: two agents append to one ledger at once, and neither is refused or loses anything."""
    with served(office.hub) as url:
        for _ in range(max(1, rounds // 10)):
            for agent in ("ops-warden", "second"):
                office.send(PER_ROUND, agent)
            both = [office.start(url, agent) for agent in ("ops-warden", "second")]
            results = [finish(process) for process in both]
            assert [result.status for result in results] == [0, 0], [result.err for result in results]
    office.check()
    office.check("second")


def test_processes_that_nothing_keeps_apart_still_answer_once(office: Office, rounds: int) -> None:
    """When the lock files are removed under the runs, the ledger's edges and the hub's keys keep every reply single.

    A run that finds that another one has moved an intent ends with an error, and the next one goes on.
    """
    drawn = random.Random(7)
    with served(office.hub) as url:
        for _ in range(max(1, rounds // 5)):
            office.send(PER_ROUND)
            runs = []
            for _ in range(3):
                runs.append(office.start(url))
                if drawn.random() < 0.3:
                    killed_within(runs.pop(), drawn.uniform(0.15, 0.35))
                else:
                    wait_until_at_work(office, runs[-1])
                shutil.rmtree(office.worker.state / "locks", ignore_errors=True)
            for process in runs:
                finish(process)
        assert office.run(url).status == 0
        assert office.run(url).status == 0
    office.check()


def test_a_hub_that_is_killed_takes_every_delivery_once(office: Office, rounds: int) -> None:
    """Killed in the middle of its writes and started again, the hub has each reply once."""
    drawn = random.Random(11)
    with served(office.hub) as url:
        port = url.rpartition(":")[2].strip("/")
    for _ in range(max(1, rounds // 10)):
        with kept_served(office.hub, port) as hub:
            office.send(PER_ROUND)
            worker = office.start(url)
            killed_within(hub, drawn.uniform(0.2, 0.5))
            finish(worker)
    with kept_served(office.hub, port):
        while office.unread():  # what failed is due again after some seconds
            assert office.run(url).status in (0, 3)
    office.check()
