"""The way of a workload from an event to its end, on real parts: file, ledger, kernel, pipe, socket, server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Semaphore
from typing import Any

import httpx
import pytest

from enginebed import AGENT, CATALOG, charter_kernel
from warden.channels.hub import messaging_channels
from warden.channels.pipe import PipeChannel
from warden.config.intake_settings import People
from warden.documents.triggers import load_triggers
from warden.engine.cycle import run_executing
from warden.engine.parts import Parts, Terms
from warden.guard import GuardScanner, clean
from warden.hubs.capabilities import GrantTerms
from warden.hubs.database import Database
from warden.hubs.intake import IntakeHub, open_database
from warden.hubs.workload_reports import ReportFile
from warden.model.event import Trust
from warden.model.report import RunReport
from warden.model.workload import WorkloadRecord
from warden.ports import Channel
from warden.server.intake.app import Desk, build_app
from warden.server.intake.audit import Audit
from warden.server.intake.clients import AUDIT, AUTHORIZE, CLAIM, DISPATCH, EVENTS, Client, Clients, hash_token
from warden.server.intake.dispatch import Dispatch, DispatchTerms
from warden.server.intake.grants import Grants
from warden.server.intake.lifecycle import Listener
from warden.server.intake.limits import Rate
from warden.server.intake.trails import Trails
from warden.store import workloads
from warden.store.sqlite import SqliteLedgerStore
from warden.testing.engine import FixedClock, InlinePool, Patience, Reports, ScriptedBrain, plan_of
from warden.testing.hub_server import served
from warden.testing.runtime import Runtime

RULES = b"""version: 1
sets:
  - name: work
    rules:
      - id: triage
        when: {event: [alert, dispatch], action: triage}
        do: workload
        workload: {action: triage, response_policy: comment}
        key: "{source}:{repository}#{number}"
      - id: ping
        when: {event: ping}
        do: trigger
        trigger: {kind: ping, values: {who: "{sender}"}}
      - id: ask
        when: {event: question}
        do: message
"""
ALERT = {
    "event": "alert",
    "action": "triage",
    "repository": "ada/notes",
    "number": 7,
    "title": "it broke",
    "sender": "ada",
}
TOKENS = {"n8n": "tok-n8n-0001", "reader": "tok-reader-0002", "crow": "tok-crow-0003", "other": "tok-other-0004"}
GRANT = GrantTerms("comment", "gitea", ("issue.comment", "issue.read"), 2, 600.0)


def as_it_is(channel: Channel) -> Channel:
    """Wrap nothing."""
    return channel


class CountedListener(Listener):
    """The listener, and a semaphore that is released for each datagram that is written down."""

    taken: Semaphore

    async def take(self, data: bytes) -> str:
        """Take a datagram and count it."""
        state = await super().take(data)
        self.taken.release()
        return state


@dataclass
class WorkloadBed:
    """One state directory with everything that a workload meets. `drop_after_s` is None for no sweep."""

    path: Path
    drop_after_s: float | None = 3600.0
    clock: FixedClock = field(default_factory=FixedClock)
    scanner: GuardScanner = field(default_factory=GuardScanner)
    reports: Reports = field(default_factory=Reports)
    runs: int = 0
    wrap: Callable[[Channel], Channel] = as_it_is
    taken: Semaphore = field(default_factory=lambda: Semaphore(0))

    def __post_init__(self) -> None:
        self.runtime = Runtime(self.path / "trigger.pipe", self.path / "lifecycle.sock")
        self.book = load_triggers(RULES, "triggers.yaml")
        self.store = SqliteLedgerStore(self.path / "ledger.db", self.clock)
        self.database: Database = open_database(self.path / "intake.db", self.clock)
        self.hub = IntakeHub(self.database, self.clock, True, 3600.0, 900.0)
        self.file = ReportFile(self.database, self.clock)

    def close(self) -> None:
        """Give all files back."""
        self.runtime.stop()
        self.store.close()
        self.database.close()

    # -- the worker's half

    def parts(self) -> Parts:
        """The parts of an executing pass over events."""
        hub = messaging_channels(self.hub, self.hub.traits().delivery)
        pipe = self.wrap(PipeChannel(self.runtime.pipe, True))
        return Parts(
            hub=self.hub,
            store=self.store,
            kernel=charter_kernel(),
            scanner=self.scanner,
            brain=ScriptedBrain(lambda given: plan_of("escalate", "not-clear")),
            catalog=CATALOG,
            clock=self.clock,
            pool=InlinePool(),
            reporter=self.reports,
            stop=Patience(),
            channels={**hub, "workload": pipe, "trigger": PipeChannel(self.runtime.pipe, False)},
            orders=self.book,
            outcomes=self.file,
        )

    def execute(self) -> RunReport:
        """Make an executing pass."""
        self.runs += 1
        terms = Terms(f"run-{self.runs:08d}", AGENT, "0", drop_after_s=self.drop_after_s)
        return run_executing(self.parts(), terms, lambda: 0.5)

    # -- looking

    def workload(self, workload_id: str) -> WorkloadRecord:
        """One workload, which must be there."""
        found = self.store.workload(workload_id)
        assert found is not None
        return found

    def workloads(self) -> list[WorkloadRecord]:
        """All workloads, oldest first."""
        rows = self.store.read(lambda c: workloads.read_workloads(c, AGENT, "", None, 1000))
        return [record for _, record in rows][::-1]

    def standing(self, workload_id: str) -> tuple[str, str]:
        """Where the message of a workload stands."""
        message = self.workload(workload_id).message
        record = self.store.dispositions([message])[message]
        return record.disposition.value, record.reason

    def quarantined(self) -> list[str]:
        """The reasons of what was refused."""
        return [str(row[0]) for row in self.database.read("SELECT reason FROM quarantine ORDER BY id")]

    # -- the server's half

    @contextlib.contextmanager
    def serving(self, grants: Sequence[GrantTerms] = (GRANT,)) -> Iterator[httpx.Client]:
        """Serve the API and listen for reports; gives a client for it."""
        desk = Desk(open_database(self.path / "intake.db", self.clock), self.clock)
        clients = Clients(
            [
                Client("n8n", frozenset({EVENTS, DISPATCH}), Trust.OWNER, hash_token(TOKENS["n8n"])),
                Client("reader", frozenset({AUDIT}), Trust.UNKNOWN, hash_token(TOKENS["reader"])),
                Client("crow", frozenset({CLAIM, AUTHORIZE}), Trust.UNKNOWN, hash_token(TOKENS["crow"])),
                Client("other", frozenset({EVENTS}), Trust.READONLY, hash_token(TOKENS["other"])),
            ],
            Rate(100_000, self.clock.monotonic),
        )
        trails = Trails(desk.database, self.clock, AGENT, self._reader)
        routers = [
            Dispatch(desk, clients, lambda: self.book, self.scanner, DispatchTerms(AGENT, People(), 86_400.0)).router(),
            Grants(desk, clients, trails, lambda action: grants if action == "triage" else ()).router(),
            Audit(desk, clients, trails).router(),
        ]
        assert self.runtime.lifecycle is not None
        listener = CountedListener(desk, self.runtime.lifecycle, lambda text: clean(self.scanner, text).text)
        listener.taken = self.taken
        routers.append(listener.router())
        with served(build_app(desk, routers)) as url, httpx.Client(base_url=url, trust_env=False) as client:
            yield client
        trails.close()

    def _reader(self) -> SqliteLedgerStore:
        return SqliteLedgerStore(self.path / "ledger.db", self.clock, new_log=None)

    def post(self, client: httpx.Client, path: str, document: Any, key: str = "", who: str = "n8n") -> httpx.Response:
        """Post a document as a client of the API."""
        headers = {"authorization": f"Bearer {TOKENS[who]}"}
        if key:
            headers["idempotency-key"] = key
        return client.post(path, json=document, headers=headers)

    def get(self, client: httpx.Client, path: str, who: str = "reader") -> httpx.Response:
        """Get something as a client of the API."""
        return client.get(path, headers={"authorization": f"Bearer {TOKENS[who]}"})

    def start_workload(self, client: httpx.Client, key: str = "k-1", **more: Any) -> str:
        """Dispatch a workload, deliver its line, and return its id."""
        answer = self.post(client, "/v1/dispatch", {**ALERT, **more}, key)
        assert answer.status_code == 202, answer.text
        self.execute()
        self.runtime.read()
        return str(answer.json()["tasks"][0]["workload_id"])

    def heard(self, number: int) -> None:
        """Wait until so many datagrams are written down: they are taken beside the test."""
        for _ in range(number):
            assert self.taken.acquire(timeout=30), "a datagram was not taken"


@pytest.fixture(name="bed")
def running_bed(tmp_path: Path) -> Iterator[WorkloadBed]:
    """A bed whose runtime reads its pipe."""
    made = WorkloadBed(tmp_path)
    made.runtime.start()
    yield made
    made.close()
