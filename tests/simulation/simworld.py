"""A world for the engine to fail in: a hub, a disk, a clock and a brain whose every step may go wrong, from one seed.

A case is a list of operations (send, run, apply, move the clock) and a list of faults by step number. Steps are counted: each
call of the hub before and after it is applied, each commit before and after, each publication of a head. The same case always
takes the same steps, so that a failure can be replayed and made smaller.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from enginebed import AGENT, CATALOG, charter_kernel, traits_with
from warden.channels.hub import messaging_channels
from warden.engine.applying import run_applying
from warden.engine.cycle import run_dry, run_executing
from warden.engine.parts import Parts, Terms
from warden.errors import (
    HubAnswerError,
    HubBusyError,
    HubCredentialError,
    HubError,
    HubUncertainError,
    HubUnreachableError,
    LedgerError,
    PlanOriginError,
    StateError,
)
from warden.guard import GuardScanner
from warden.model.delivery import OutgoingMessage, ProgressEvent
from warden.model.entry import Batch, Head
from warden.model.hub import DeliveryMeans, InboxPage
from warden.model.message import BrainInput
from warden.model.plan import Plan, PlannedAction
from warden.model.posted import Accepted
from warden.model.saved_plan import PlanHeader, PlanItem, SavedPlan
from warden.store.headfile import SLOT_BYTES, HeadFile, write_slot
from warden.store.sqlite import NewLog, SqliteLedgerStore
from warden.testing.engine import FixedClock, InlinePool, Killed, LazyPool, Patience, Reports, ScriptedBrain
from warden.testing.hub import Call, MemoryHub

WORDS = ("answer", "reply", "note", "read", "escalate", "both", "garbage", "later")
"""What a message begins with: what the brain will make of it."""

Op = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """What happens (`ops`), and at which steps something goes wrong (`faults`: step to a number that picks what)."""

    means: DeliveryMeans
    ops: tuple[Op, ...]
    faults: Mapping[int, int] = field(default_factory=dict)
    seed: int = 0


@dataclass(slots=True)
class Disk:
    """The head's file, whose writes may fail, be torn by a crash, or never begin."""

    file: HeadFile
    path: Path
    step: Callable[[str], str]

    def read(self) -> str | None:
        """Return the newest whole head."""
        return self.file.read()

    def publish(self, note: str) -> None:
        """Write the head, unless something goes wrong."""
        what = self.step("head")
        if what == "torn":
            self._tear(note)
            raise Killed
        if what == "io":
            raise StateError("the head cannot be written")
        self.file.publish(note)
        self.step("head written")

    def _tear(self, note: str) -> None:
        if not self.path.exists():
            return
        newest = self.file._newest()
        generation = 1 if newest is None else newest[0] + 1
        with self.path.open("r+b") as stream:
            stream.seek(SLOT_BYTES * ((generation - 1) % 2))
            stream.write(write_slot(generation, note)[: SLOT_BYTES // 2])
            stream.flush()
            os.fsync(stream.fileno())


class FailingStore(SqliteLedgerStore):
    """The real ledger on a real file; a commit may be killed or refused before it, and killed after it."""

    step: Callable[[str], str]

    def commit(self, batch: Batch) -> Head:
        """Commit, unless something goes wrong."""
        if self.step("commit") == "io":
            raise StateError("the disk is full")
        head = super().commit(batch)
        self.step("committed")
        return head


class FailingHub(MemoryHub):
    """A hub that tells the world of every delivery before it takes it, and lists its inbox as it pleases."""

    before_delivery: Callable[[str], None]
    shuffle: random.Random

    def list_unread(self, agent: str, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page, now and then with repetitions and in another order."""
        page = super().list_unread(agent, after, limit)
        messages = list(page.messages)
        if messages and self.shuffle.random() < 0.3:
            messages += self.shuffle.choices(messages, k=2)
        if self.shuffle.random() < 0.3:
            self.shuffle.shuffle(messages)
        return replace(page, messages=tuple(messages))

    def post_message(self, message: OutgoingMessage, key: str | None = None) -> Accepted:
        """Take a message."""
        if message.from_agent == AGENT:
            self.before_delivery(str(key))
        return super().post_message(message, key)

    def post_progress(self, event: ProgressEvent, key: str | None = None) -> Accepted:
        """Take an event."""
        self.before_delivery(str(key))
        return super().post_progress(event, key)

    def mark_read(self, agent: str | None, message_id: str, key: str | None = None) -> Accepted:
        """Set a flag."""
        self.before_delivery(str(key))
        return super().mark_read(agent, message_id, key)


class World:
    """Runs a case. `trace` tells what happened, step by step."""

    def __init__(self, case: Case, directory: Path) -> None:
        self.case = case
        self.directory = directory
        self.clock = FixedClock()
        self.latest = self.clock.now()
        self.hub = FailingHub(self.clock, traits_with(case.means), self._hub_step)
        self.hub.before_delivery = self._check_intent
        self.hub.shuffle = random.Random(case.seed)
        self.draws = random.Random(case.seed + 1)
        self.words: dict[str, str] = {}
        self.plan: SavedPlan | None = None
        self.asked: set[str] = set()
        self.trace: list[str] = []
        self.violations: list[str] = []
        self.steps = 0
        self.menus: list[int] = []
        """How many things can go wrong at each step."""
        self.runs = 0
        self.lives = 0
        self.healed = False
        self.aged = False
        self.store = self._open()

    # -- steps

    def step(self, name: str) -> str:
        """Count a step; raise `Killed`, or return what else goes wrong (an empty string for nothing)."""
        if self.healed:
            return ""
        menu = {"commit": ("kill", "io"), "head": ("kill", "io", "torn")}.get(name, ("kill",))
        roll = self._count(len(menu))
        if roll is None:
            return ""
        what = menu[roll % len(menu)]
        self.trace.append(f"step {self.steps} {name}: {what}")
        if what == "kill":
            raise Killed
        return what

    def _count(self, menu: int) -> int | None:
        self.steps += 1
        self.menus.append(menu)
        return self.case.faults.get(self.steps)

    def _hub_step(self, call: Call) -> None:
        if self.healed:
            return
        errors: tuple[BaseException, ...] = (
            Killed(),
            HubUncertainError("no answer"),
            HubAnswerError("half an answer"),
        )
        if not call.applied:
            errors += (
                HubUnreachableError("refused"),
                HubBusyError("later", retry_after_s=7.0),
                HubCredentialError("no"),
            )
        roll = self._count(len(errors))
        if roll is None:
            return
        error = errors[roll % len(errors)]
        when = "after" if call.applied else "before"
        self.trace.append(f"step {self.steps} {when} {call.operation}: {type(error).__name__}")
        raise error

    def _check_intent(self, key: str) -> None:
        """INVARIANT (intent-before-delivery): what reaches the hub is durable in the outbox, with its attempt."""
        row = self.store.read(
            lambda connection: connection.execute("SELECT state, attempts FROM outbox WHERE key = ?", (key,)).fetchone()
        )
        # Kept, not raised: the engine takes whatever a channel raises for a delivery that may have been taken.
        if row is None:
            self.violations.append("a delivery without an intent")
        elif row[0] != "open" or row[1] < 1:
            self.violations.append(f"a delivery of an intent that is {row[0]} with {row[1]} attempts")

    # -- lives

    def _open(self) -> FailingStore:
        self.lives += 1
        path = self.directory / "ledger.db"
        heads = self.directory / "ledger.db.head"
        disk = Disk(HeadFile(heads), heads, lambda name: "")
        store = FailingStore(path, self.clock, None, disk, NewLog("log"))
        store.step = self.step
        disk.step = self.step
        return store

    def restart(self) -> None:
        """End the process and begin another one on what is on the disk."""
        self.store.close()
        self.store = self._open()

    def _parts(self, executing: bool) -> Parts:
        return Parts(
            hub=self.hub,
            store=self.store,
            kernel=charter_kernel(),
            scanner=_SCANNER,
            brain=ScriptedBrain(self._propose),
            catalog=CATALOG,
            clock=self.clock,
            # What is started runs at once or as late as it may, by turns.
            pool=LazyPool() if self.case.seed % 2 else InlinePool(),
            reporter=Reports(),
            stop=Patience(),
            channels=messaging_channels(self.hub, self.case.means) if executing else {},
        )

    def _propose(self, given: BrainInput) -> Plan:
        identity = given.message.key.message_id
        word = self.words[identity]
        if word == "later":
            word = "answer" if identity in self.asked else "escalate"
            self.asked.add(identity)
        plan: Plan = PLANS[word]
        return plan

    def _terms(self) -> Terms:
        self.runs += 1
        return Terms(f"run-{self.runs:08d}", AGENT, "0")

    # -- operations

    def run(self) -> None:
        """Do everything that the case says."""
        for name, argument in self.case.ops:
            self.trace.append(f"{name} {argument}")
            getattr(self, "do_" + name)(argument)

    def _live(self, work: Callable[[], object]) -> None:
        """Do `work` as a process would: an error ends it, a kill ends it at once, and the next operation is a new process."""
        try:
            work()
        except Killed:
            self.trace.append("  killed")
            self.restart()
        except (HubError, StateError, PlanOriginError) as error:
            self.trace.append(f"  ended: {error.code}")
            self.restart()

    def do_send(self, argument: tuple[str, str, int]) -> None:
        """Somebody sends a message: (word, sender, number of the sent message whose thread it joins, or -1)."""
        word, sender, joins = argument
        healed, self.healed = self.healed, True
        thread = ""
        if 0 <= joins < len(self.words):
            joined = self.hub.get_message(AGENT, list(self.words)[joins])
            thread = joined.content.thread_id if joined.sender.name == sender else ""
        sent = self.hub.post_message(OutgoingMessage(sender, AGENT, "hello", f"{word} this", "request", thread, "", {}))
        self.words[sent.id] = word
        self.healed = healed

    def do_execute(self, argument: object) -> None:
        """An executing run."""
        self._live(lambda: run_executing(self._parts(True), self._terms(), self.draws.random))

    def do_dry(self, argument: object) -> None:
        """A dry run, whose plan is kept; it must leave hub and read models as they were."""
        before = self.everything()
        items: list[PlanItem] = []
        headers: list[PlanHeader] = []

        def keep(header: PlanHeader) -> Callable[[PlanItem], None]:
            headers.append(header)
            return items.append

        self.plan = None

        def work() -> None:
            run_dry(self._parts(False), self._terms(), keep)
            self.plan = SavedPlan(headers[0], tuple(items))

        self._live(work)
        assert self.everything() == before, "a dry run left something behind"

    def do_apply(self, argument: object) -> None:
        """Carry out the plan of the last dry run."""
        plan = self.plan
        if plan is not None:
            self._live(lambda: run_applying(self._parts(True), self._terms(), plan, self.draws.random))

    def do_clock(self, argument: float) -> None:
        """The clock moves, forward or back."""
        self.clock.advance(argument)
        self.aged = self.aged or abs(argument) > 2 * 86400
        self.latest = max(self.latest, self.clock.now())

    def heal(self) -> None:
        """Nothing fails any more: a new process runs until nothing is left to do."""
        self.healed = True
        self.restart()
        self.clock.advance(max(0.0, (self.latest - self.clock.now()).total_seconds()))
        for _ in range(12):
            self.clock.advance(3700)
            report = run_executing(self._parts(True), self._terms(), self.draws.random)
            if not set(report.counts) - {"decided"}:
                return

    # -- looking

    def everything(self) -> object:
        """All that a dry run must not change: the hub, dispositions and outbox."""
        rows = self.store.read(
            lambda connection: [
                connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
                for table in ("dispositions", "outbox", "outcomes")
            ]
        )
        state = self.hub._state
        return (
            rows,
            [(stored.message, stored.read) for stored in state.messages.values()],
            list(state.events),
            len(state.keys),
        )


_SCANNER = GuardScanner()
PLANS: Mapping[str, Any] = {
    "answer": Plan((PlannedAction("route_answer", {"entry_id": "ssh-cert"}),), "routing"),
    "reply": Plan((PlannedAction("reply", {"body": "Certainly."}),), "drafted"),
    "note": Plan((PlannedAction("progress_note", {"template": "status_received"}),), "status"),
    "read": Plan((PlannedAction("mark_read"),), "thanks"),
    "escalate": Plan((PlannedAction("escalate"),), "unclear"),
    "both": Plan(
        (PlannedAction("progress_note", {"template": "status_received"}), PlannedAction("reply", {"body": "Noted."})),
        "both",
    ),
    "garbage": None,
}
__all__ = ["Case", "LedgerError", "World"]
