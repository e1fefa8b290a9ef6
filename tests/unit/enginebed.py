"""A whole run on fakes: the real engine, kernel, guard and ledger, with a hub and a brain that the test controls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from warden.channels.hub import messaging_channels
from warden.documents.charter import load_charter
from warden.engine.applying import run_applying
from warden.engine.cycle import run_dry, run_executing
from warden.engine.parts import Asking, Parts, Terms
from warden.guard import GuardScanner
from warden.model.catalog import Catalog, CatalogEntry
from warden.model.delivery import OutgoingMessage
from warden.model.disposition import Disposition
from warden.model.hub import DeliveryMeans, HubTraits, InboxPage
from warden.model.ids import MessageKey
from warden.model.message import BrainInput, Message
from warden.model.plan import Plan, PlannedAction
from warden.model.posted import ProgressRecord
from warden.model.records import DispositionRecord, OutboxRecord
from warden.model.report import MessageReport, RunReport
from warden.model.saved_plan import PlanHeader, PlanItem, SavedPlan
from warden.policy import Bundle, Kernel
from warden.ports import AnswerSource, Brain, Channel, OrderBook, PolicyKernel, Pool, Scanner
from warden.store.sqlite import SqliteLedgerStore
from warden.testing.engine import Faults, FixedClock, InlinePool, Patience, Reports, ScriptedBrain, plan_of
from warden.testing.hub import MemoryHub

CHARTER = Path(__file__).parents[2] / "charter"
AGENT = "ops-warden"
SENDER = "flex-auth"
ANSWER = "SSH certificates are issued by ops-warden: ask with your public key."
CATALOG = Catalog((CatalogEntry("ssh-cert", "SSH certificates", AGENT, ANSWER),), "sha256:" + "c" * 64)
SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
"""Shaped like a credential, and made up."""

Listing = Callable[[InboxPage], InboxPage]


def traits_with(means: DeliveryMeans = DeliveryMeans.IDEMPOTENCY_KEY, **more: Any) -> HubTraits:
    """Traits of a hub that vouches for its senders and delivers by `means`."""
    return HubTraits("hub-1", means, **{"authenticated_senders": True, **more})


@cache
def charter_kernel(*bundles: Bundle) -> Kernel:
    """The kernel with the charter that ships and these overlays."""
    files = {path.name: path.read_bytes() for path in CHARTER.iterdir() if path.is_file()}
    return Kernel(load_charter(files), bundles)


class TrickyHub(MemoryHub):
    """A hub in memory whose listings and messages a test can change on their way out."""

    listing: Listing = staticmethod(lambda page: page)
    fetched: Callable[[Message], Message] = staticmethod(lambda message: message)

    def list_unread(self, agent: str, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page of unread messages, changed."""
        return self.listing(super().list_unread(agent, after, limit))

    def get_message(self, agent: str | None, message_id: str) -> Message:
        """Return one message, changed."""
        return self.fetched(super().get_message(agent, message_id))


def answering(given: BrainInput) -> Plan:
    """Answer with the catalogue's entry."""
    return plan_of("route_answer", entry_id="ssh-cert")


def escalating(given: BrainInput) -> Plan:
    """Leave it for a person."""
    return plan_of("escalate", "not-clear")


def planning(*actions: tuple[str, Mapping[str, object]]) -> Callable[[BrainInput], Plan]:
    """A brain's answer with these kinds and arguments for every message."""
    return lambda given: Plan(tuple(PlannedAction(kind, arguments) for kind, arguments in actions), "scripted")


@dataclass
class Bed:
    """One inbox, one ledger and one worker."""

    answer: Callable[[BrainInput], Any] = answering
    traits: HubTraits = field(default_factory=traits_with)
    kernel: PolicyKernel = field(default_factory=charter_kernel)
    scanner: Scanner = field(default_factory=GuardScanner)
    catalog: AnswerSource = CATALOG
    path: Path | str = ":memory:"
    clock: FixedClock = field(default_factory=FixedClock)
    stop: Patience = field(default_factory=Patience)
    reports: Reports = field(default_factory=Reports)
    faults: Faults = field(default_factory=Faults)
    hub: TrickyHub = field(init=False)
    brain: Brain = field(init=False)
    store: SqliteLedgerStore = field(init=False)
    channels: Mapping[str, Channel] | None = None
    pool: Pool = field(default_factory=InlinePool)
    asking: Asking | None = None
    orders: OrderBook | None = None
    runs: int = 0

    def __post_init__(self) -> None:
        self.hub = TrickyHub(self.clock, self.traits, self.faults)
        self.brain = ScriptedBrain(lambda given: self.answer(given))
        self.store = SqliteLedgerStore(self.path, self.clock)

    def send(self, sender: str = SENDER, body: str = "Who issues SSH certificates?", **more: Any) -> str:
        """Put a message into the worker's inbox and return its id."""
        outgoing = OutgoingMessage(
            from_agent=sender,
            to_agent=str(more.get("to", AGENT)),
            subject=str(more.get("subject", "a question")),
            body=body,
            kind=str(more.get("kind", "request")),
            thread_id=str(more.get("thread", "")),
            in_reply_to="",
            metadata=dict(more.get("metadata", {})),
        )
        return self.hub.post_message(outgoing).id

    def parts(self, executing: bool) -> Parts:
        """The parts of a run."""
        channels = messaging_channels(self.hub, self.traits.delivery) if self.channels is None else self.channels
        return Parts(
            hub=self.hub,
            store=self.store,
            kernel=self.kernel,
            scanner=self.scanner,
            brain=self.brain,
            catalog=self.catalog,
            clock=self.clock,
            pool=self.pool,
            reporter=self.reports,
            stop=self.stop,
            channels=channels if executing else {},
            asking=self.asking,
            orders=self.orders,
        )

    def terms(self, **more: Any) -> Terms:
        """The terms of the next run."""
        self.runs += 1
        return Terms(**{"run_id": f"run-{self.runs:08d}", "agent": AGENT, "version": "0", **more})

    def dry(self, **more: Any) -> RunReport:
        """Make a dry run."""
        self.reports.messages.clear()
        return run_dry(self.parts(False), self.terms(**more))

    def plan(self, **more: Any) -> SavedPlan:
        """Make a dry run and return the plan that it saved."""
        kept: list[PlanHeader] = []
        items: list[PlanItem] = []

        def keep(header: PlanHeader) -> Callable[[PlanItem], None]:
            kept.append(header)
            return items.append

        self.reports.messages.clear()
        run_dry(self.parts(False), self.terms(**more), keep)
        return SavedPlan(kept[0], tuple(items))

    def execute(self, **more: Any) -> RunReport:
        """Make an executing run."""
        self.reports.messages.clear()
        return run_executing(self.parts(True), self.terms(**more), lambda: 0.5)

    def apply(self, plan: SavedPlan, **more: Any) -> RunReport:
        """Carry out a saved plan."""
        self.reports.messages.clear()
        return run_applying(self.parts(True), self.terms(**more), plan, lambda: 0.5)

    # -- looking

    def key(self, message_id: str) -> MessageKey:
        """The key of a message in the worker's inbox."""
        return MessageKey(self.traits.hub_id, AGENT, message_id)

    def record(self, message_id: str) -> DispositionRecord | None:
        """Where a message stands in the ledger."""
        return self.store.dispositions([self.key(message_id)]).get(self.key(message_id))

    def disposition(self, message_id: str) -> Disposition | None:
        """What became of a message, None when nothing did."""
        record = self.record(message_id)
        return None if record is None else record.disposition

    def replies(self, to: str | None = None) -> list[Message]:
        """What the worker sent, oldest first."""
        sent = self.hub.sent_by(AGENT)
        return [message for message in sent if to is None or self.hub.recipient(message.key.message_id) == to]

    def events(self, kind: str = "audit") -> list[ProgressRecord]:
        """The progress events of this kind that the worker posted."""
        found: list[ProgressRecord] = []
        after: str | None = None
        while True:
            page = self.hub.list_progress(AGENT, after)
            found += [event for event in page.events if event.kind == kind]
            if page.after is None:
                return found
            after = page.after

    def report(self, message_id: str) -> MessageReport:
        """The one report of a message in the last run."""
        (found,) = [report for report in self.reports.messages if report.message_id == message_id]
        return found

    def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """The ledger's entries of these kinds (all when none is named), each with its kind under `entry`."""
        rows = self.store.read(lambda connection: connection.execute("SELECT raw FROM entries ORDER BY seq").fetchall())
        found = [json.loads(raw) for (raw,) in rows]
        return [{**entry["fields"], "entry": entry["kind"]} for entry in found if not kinds or entry["kind"] in kinds]

    def outbox(self) -> dict[str, tuple[str, int]]:
        """State and attempts of every intent, by kind and message id."""
        rows = self.store.read(
            lambda connection: connection.execute("SELECT kind, message_id, state, attempts FROM outbox").fetchall()
        )
        return {f"{kind} {message_id}": (state, attempts) for kind, message_id, state, attempts in rows}

    def pending(self) -> Sequence[OutboxRecord]:
        """The intents that may be attempted now."""
        return self.store.pending(self.traits.hub_id, AGENT, self.clock.now(), 1000)


def with_content(message: Message, **changes: Any) -> Message:
    """The message with some of its content changed."""
    return replace(message, content=replace(message.content, **changes))
