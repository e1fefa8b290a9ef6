"""Killing worker, intake and runtime at every step of a workload's way: nothing is lost, and what comes twice can be told.

At the pipe nobody can know whether a line was read: what is promised is at least once, under an id that never changes. So a
line may be written twice; the runtime executes each id once. A line may die in the pipe with its reader; the sweep finds it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from warden.hubs.capabilities import GrantTerms, claim
from warden.hubs.intake import IntakeHub, open_database
from warden.hubs.intake_operations import NewDelivery, accept
from warden.hubs.workload_reports import HeardReport, ReportFile, keep_report
from warden.model.delivery import Intent, Receipt
from warden.model.event import Event, Trust
from warden.model.outcome import OutcomeStatus
from warden.ports import Channel
from warden.store.sqlite import SqliteLedgerStore
from warden.store.verification import Source, verify_ledger
from warden.testing.engine import Killed
from workloadbed import WorkloadBed

ENDS = {"d-1": "completed", "d-2": "failed", "d-3": "dropped"}
"""What becomes of each event's workload when nobody is killed: the third is never heard of."""
STANDINGS = {"completed": "noted", "failed": "escalated", "dropped": "escalated"}
GRANT = GrantTerms("read", "gitea", ("issue.read",), 100, 1e9)


class Steps:
    """Counts steps and kills at some of them; `lost_lines` says that the runtime is killed with the worker."""

    def __init__(self, kills: set[int]) -> None:
        self.kills = kills
        self.number = 0
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        """Take a step."""
        self.number += 1
        self.names.append(name)
        if self.number in self.kills:
            raise Killed


class MortalStore(SqliteLedgerStore):
    """A ledger whose process may end before and after each commit."""

    step: Callable[[str], None]

    def commit(self, batch: Any) -> Any:
        """Commit between two steps."""
        self.step("before commit")
        head = super().commit(batch)
        self.step("after commit")
        return head


class MortalChannel:
    """A channel whose process may end before and after the write."""

    def __init__(self, inner: Channel, step: Callable[[str], None]) -> None:
        self._inner = inner
        self._step = step
        self.means, self.reports_outcomes = inner.means, inner.reports_outcomes

    def deliver(self, intent: Intent) -> Receipt:
        """Deliver between two steps."""
        self._step("before line")
        receipt = self._inner.deliver(intent)
        self._step("after line")
        return receipt

    def find(self, intent: Intent) -> Receipt | None:
        """Look as the real one does."""
        return self._inner.find(intent)


class Life(WorkloadBed):
    """A bed that dies at its steps and begins again on what is on the disk."""

    def __init__(self, path: Path, kills: set[int], lossy: bool) -> None:
        self.steps = Steps(kills)
        self.lossy = lossy
        super().__init__(path)
        self.runtime.start()
        self.wrap = lambda channel: MortalChannel(channel, self.steps)
        self._arm()

    def _arm(self) -> None:
        self.store.close()
        self.store = MortalStore(self.path / "ledger.db", self.clock)
        self.store.step = self.steps
        write = self.database.write

        def mortal(operation: Any) -> object:
            self.steps("before write")
            result = write(operation)
            self.steps("after write")
            return result

        self.database.write = mortal  # type: ignore[method-assign]

    def restart(self) -> None:
        """End the process; with `lossy` the runtime dies too, with what is in the pipe."""
        self.store.close()
        self.database.close()
        self.store = SqliteLedgerStore(self.path / "ledger.db", self.clock)
        self.database = open_database(self.path / "intake.db", self.clock)
        self.hub = IntakeHub(self.database, self.clock, True, 3600.0, 900.0)
        self.file = ReportFile(self.database, self.clock)
        self._arm()
        if self.lossy:
            self.runtime.stop()
            self.runtime.start()

    def live(self, work: Callable[[], object]) -> None:
        """Do something until it is done, across every death."""
        while True:
            try:
                work()
                return
            except Killed:
                self.restart()

    def play(self) -> None:
        """Take three events in, deliver, hear of two of them, and let time pass."""
        for name in ENDS:
            self.live(lambda name=name: self.database.write(lambda c: _take(self, c, name)))  # type: ignore[misc]
        self.live(self.execute)
        self.runtime.read()
        for workload in self.workloads():
            self.live(lambda key=workload.workload_id: self._claim(key))  # type: ignore[misc]
            status = {"e1": "completed", "e2": "failed"}.get(workload.message.message_id)
            if status is not None and workload.workload_id in self.runtime.workloads:
                for said in ("running", status, status):
                    self.live(lambda key=workload.workload_id, said=said: self._hear(key, said))  # type: ignore[misc]
        self.live(lambda: self._hear("wk1-" + "0" * 64, "completed"))
        self.live(self.execute)
        for _ in range(3):
            self.clock.advance(4000)
            self.live(self.execute)

    def _claim(self, key: str) -> None:
        self.database.write(lambda c: claim(c, key, [GRANT], "crow", self.clock.now().timestamp()))

    def _hear(self, key: str, status: str) -> None:
        heard = HeardReport(key, f"opencrow:c:1:1:{status}", OutcomeStatus(status), "t")
        self.database.write(lambda c: keep_report(c, heard, self.clock.now().timestamp()))


def _take(bed: WorkloadBed, connection: Any, name: str) -> None:
    event = Event("n8n", name, "alert", action="triage", repository="ada/notes", number=name[-1], trust=Trust.OWNER)
    digest = "sha256:" + name[-1] * 64
    accept(connection, NewDelivery(event, "token", digest, b"{}", (), 0.0, bed.book.sort(event)[0]))


def check(bed: Life) -> None:
    """What must hold after the end of every life."""
    workloads = {record.message.message_id: record for record in bed.workloads()}
    assert sorted(workloads) == ["e1", "e2", "e3"]
    for (_, end), (_, record) in zip(ENDS.items(), sorted(workloads.items()), strict=True):
        taken = record.workload_id in bed.runtime.workloads
        assert record.state == (end if taken else "dropped"), record
        assert bed.standing(record.workload_id)[0] == STANDINGS[record.state.value]
        assert taken or bed.lossy
    assert set(bed.runtime.workloads) <= {record.workload_id for record in workloads.values()}
    entries = [
        (row[0], row[1])
        for row in bed.store.read(
            lambda c: c.execute("SELECT correlation_id, event_id FROM outcomes ORDER BY seq").fetchall()
        )
    ]
    assert len(entries) == len(set(entries))
    assert bed.file.waiting(10) == ()
    assert bed.quarantined() == ["unknown-workload"]
    audits = Counter(event.message_id for event in bed.hub.list_progress("ops-warden").events)
    assert audits == {"e1": 1, "e2": 1, "e3": 1}
    live = bed.database.read("SELECT id FROM capabilities WHERE revoked_at IS NULL")
    assert live == [], "an ended workload can use what it was granted"
    report = bed.store.read(
        lambda c: verify_ledger(
            Source(c, bed.path / "archive", bed.store.origin, bed.store.verifier), bed.store.published()
        )
    )
    assert report.findings == ()


def played(path: Path, kills: set[int], lossy: bool = False) -> Life:
    """Play a life with these deaths and check it."""
    bed = Life(path, kills, lossy)
    try:
        bed.play()
        check(bed)
    finally:
        bed.close()
    return bed


def test_a_life_without_a_death_passes_every_kind_of_step(tmp_path: Path) -> None:
    """The steps at which others die are taken: commits, writes and lines."""
    bed = played(tmp_path, set())
    counts = Counter(name.split(" ", 1)[1] for name in bed.steps.names)
    assert counts["line"] == 6
    assert counts["commit"] >= 8
    assert counts["write"] >= 8
    assert bed.runtime.repeated == []


@pytest.mark.slow
@pytest.mark.parametrize("lossy", [False, True], ids=["worker dies", "runtime dies too"])
def test_one_death_at_every_step(tmp_path: Path, lossy: bool) -> None:
    """Whichever step is the last of a process, the next one makes the same of it."""
    (tmp_path / "whole").mkdir()
    steps = played(tmp_path / "whole", set()).steps.number
    for number in range(1, steps + 1):
        place = tmp_path / f"{number}"
        place.mkdir()
        played(place, {number}, lossy)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_many_deaths(tmp_path: Path, thorough: bool) -> None:
    """Several deaths in one life, at steps that also belong to recoveries."""
    for seed in range(40 if thorough else 4):
        draws = random.Random(seed)
        place = tmp_path / f"{seed}"
        place.mkdir()
        played(place, {draws.randint(1, 60) for _ in range(6)}, lossy=seed % 2 == 1)
