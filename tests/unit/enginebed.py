"""A whole run on fakes: the real engine, kernel, guard and ledger, with a hub and a brain that the test controls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from warden.channels.hub import messaging_channels
from warden.documents.charter import load_charter
from warden.engine.cycle import run_dry, run_executing
from warden.engine.parts import Parts, Terms
from warden.guard import GuardScanner
from warden.model.catalog import Catalog, CatalogEntry
from warden.model.delivery import OutgoingMessage
from warden.model.report import RunReport
from warden.policy import Kernel
from warden.ports import Brain, Hub
from warden.store.sqlite import SqliteLedgerStore
from warden.testing.engine import FixedClock, InlinePool, Patience, Reports, ScriptedBrain, plan_of

CHARTER = Path(__file__).parents[2] / "charter"
AGENT = "ops-warden"
ANSWER = "SSH certificates are issued by ops-warden: ask with your public key."
CATALOG = Catalog((CatalogEntry("ssh-cert", "SSH certificates", AGENT, ANSWER),), "sha256:" + "c" * 64)


@cache
def charter_kernel() -> Kernel:
    """The kernel with the charter that ships and no overlay."""
    return Kernel(load_charter({path.name: path.read_bytes() for path in CHARTER.iterdir() if path.is_file()}))


@dataclass
class Bed:
    """One inbox, one ledger and one worker."""

    hub: Hub
    brain: Brain = field(
        default_factory=lambda: ScriptedBrain(lambda given: plan_of("route_answer", entry_id="ssh-cert"))
    )
    clock: FixedClock = field(default_factory=FixedClock)
    stop: Patience = field(default_factory=Patience)
    reports: Reports = field(default_factory=Reports)
    kernel: Kernel = field(default_factory=charter_kernel)
    store: SqliteLedgerStore = field(init=False)
    runs: int = 0

    def __post_init__(self) -> None:
        self.store = SqliteLedgerStore(":memory:", self.clock)

    def send(self, sender: str = "flex-auth", subject: str = "a question", body: str = "Who?", **more: object) -> str:
        """Put a message into the worker's inbox and return its id."""
        thread = str(more.get("thread", ""))
        metadata = more.get("metadata", {})
        assert isinstance(metadata, Mapping)
        kind = str(more.get("kind", "request"))
        message = OutgoingMessage(sender, AGENT, subject, body, kind, thread, "", dict(metadata))
        return self.hub.post_message(message).id

    def parts(self, executing: bool) -> Parts:
        """The parts of a run."""
        return Parts(
            hub=self.hub,
            store=self.store,
            kernel=self.kernel,
            scanner=GuardScanner(),
            brain=self.brain,
            catalog=CATALOG,
            clock=self.clock,
            pool=InlinePool(),
            reporter=self.reports,
            stop=self.stop,
            channels=messaging_channels(self.hub, self.hub.traits().delivery) if executing else {},
        )

    def terms(self, **more: object) -> Terms:
        """The terms of the next run."""
        self.runs += 1
        return Terms(f"run-{self.runs:08d}", AGENT, "0", **more)  # type: ignore[arg-type]

    def dry(self, **more: object) -> RunReport:
        """Make a dry run."""
        self.reports.messages.clear()
        return run_dry(self.parts(False), self.terms(**more))

    def execute(self, **more: object) -> RunReport:
        """Make an executing run."""
        self.reports.messages.clear()
        return run_executing(self.parts(True), self.terms(**more), lambda: 0.5)

    def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """The ledger's entries of these kinds (all when none is named), each with its kind under `kind`."""
        rows = self.store.read(lambda connection: connection.execute("SELECT raw FROM entries ORDER BY seq").fetchall())
        found = [json.loads(raw) for (raw,) in rows]
        return [{**entry["fields"], "entry": entry["kind"]} for entry in found if not kinds or entry["kind"] in kinds]
