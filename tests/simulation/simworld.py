"""A world for the engine to fail in: a hub, a disk, a clock and a brain whose every step may go wrong, from one seed.

A case is a list of operations (send, run, two runs at once, apply, move the clock) and a list of faults by step number. Steps
are counted: each call of the hub before and after it is applied, each commit before and after, each publication of a head.
The same case always takes the same steps, so that a failure can be replayed and made smaller.
"""

from __future__ import annotations

import random
import resource
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from enginebed import AGENT, CATALOG, charter_kernel, traits_with
from simcase import Case
from simfaults import KILL, MENUS, NOTHING, Disk, FailingHub, FailingStore, Fault, hub_error
from simturns import PatientLock, Turns
from warden.channels.hub import messaging_channels
from warden.engine.applying import run_applying
from warden.engine.cycle import run_dry, run_executing
from warden.engine.parts import Parts, Terms
from warden.errors import HubError, LockHeldError, PlanOriginError, StateError, TransitionError
from warden.guard import GuardScanner
from warden.ledger.signature import SeedSigner
from warden.model.delivery import OutgoingMessage
from warden.model.message import BrainInput
from warden.model.plan import Plan, PlannedAction
from warden.model.saved_plan import PlanHeader, PlanItem, SavedPlan
from warden.store.locks import FileLockStore
from warden.store.sqlite import NewLog
from warden.testing.engine import FixedClock, InlinePool, Killed, LazyPool, Patience, Reports, ScriptedBrain
from warden.testing.hub import Call

SECOND = "second-agent"
"""Another agent, with an inbox of its own in the same hub and the same ledger."""

SIGNER = SeedSigner.from_seed(bytes(32))
"""Heads that a world posts are signed: one that its log did not contain would end a run, and none may be missing."""


class World:
    """Runs a case. `trace` tells what happened, step by step."""

    def __init__(self, case: Case, directory: Path, hub: type[FailingHub] = FailingHub) -> None:
        self.case = case
        self.directory = directory
        self.clock = FixedClock()
        self.latest = self.clock.now()
        self.hub = hub(self.clock, traits_with(case.means), self._hub_step)
        self.hub.agents = frozenset({AGENT, SECOND})
        self.hub.before_delivery = self._check_intent
        self.hub.shuffle = random.Random(case.seed)
        self.draws = random.Random(case.seed + 1)
        self.turns = Turns(random.Random(case.seed + 2))
        self.words: dict[str, str] = {}
        self.agents: dict[str, str] = {}
        self.plan: SavedPlan | None = None
        self.asked: set[str] = set()
        self.trace: list[str] = []
        self.violations: list[str] = []
        self.steps = 0
        self.names: list[str] = []
        """What each step was: a name in `MENUS`."""
        self.runs = 0
        self.lives = 0
        self.healed = False
        self.aged = False
        self.torn: dict[Path, bytes] | None = None
        """What the disk holds after the power failed."""
        self.store = self._open()
        self.stores = {"": self.store}

    # -- steps

    def step(self, name: str) -> Fault:
        """Count a step; raise `Killed`, or return what else goes wrong."""
        self.turns.pause()
        if self.healed:
            return NOTHING
        menu = MENUS[name]
        self.steps += 1
        self.names.append(name)
        roll = self.case.faults.get(self.steps)
        if roll is None:
            return NOTHING
        fault = Fault(menu[roll % len(menu)], roll // len(menu))
        self.trace.append(
            f"  step {self.steps}: {self.turns.current}{name}: {fault.what} {fault.variant or ''}".rstrip()
        )
        if fault.what == KILL:
            raise Killed
        return fault

    def _hub_step(self, call: Call) -> None:
        fault = self.step("after" if call.applied else "before")
        if fault.what:
            self.trace[-1] += f" ({call.operation})"
            raise hub_error(fault.what)

    def _check_intent(self, key: str) -> None:
        """INVARIANT (intent-before-delivery): what reaches the hub is durable in the outbox, with its attempt."""
        row = self.stores[self.turns.current].read(
            lambda connection: connection.execute("SELECT state, attempts FROM outbox WHERE key = ?", (key,)).fetchone()
        )
        # Kept, not raised: the engine takes whatever a channel raises for a delivery that may have been taken.
        if row is None:
            self.violations.append("a delivery without an intent")
        elif row[1] < 1 or (row[0] != "open" and not self.turns.current):
            self.violations.append(f"a delivery of an intent that is {row[0]} with {row[1]} attempts")

    # -- lives

    def _open(self) -> FailingStore:
        self.lives += 1
        path = self.directory / "ledger.db"
        disk = Disk(self.directory / "ledger.db.head", lambda name: NOTHING)
        store = FailingStore(path, self.clock, SIGNER, disk, NewLog("log"))
        store._lock.close()
        store._lock = PatientLock(self.directory / "ledger.db.lock", self.turns)
        store.step = disk.step = self.step
        store.power_lost = disk.power_lost = self._lose_power
        store.move_clock = self._move_clock
        return store

    def _lose_power(self, torn: dict[Path, bytes]) -> None:
        self.torn = torn
        self.turns.ended = True

    def restart(self) -> None:
        """End the process and begin another one on what is on the disk."""
        self.store.close()
        if self.torn is not None:
            for path, data in self.torn.items():
                path.write_bytes(data)
            self.torn = None
        self.store = self._open()
        self.stores = {"": self.store}

    def _parts(self, executing: bool) -> Parts:
        return Parts(
            hub=self.hub,
            store=self.stores[self.turns.current],
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

    def _terms(self, agent: str = AGENT) -> Terms:
        self.runs += 1
        return Terms(f"run-{self.runs:08d}", agent, "0")

    # -- operations

    def run(self) -> None:
        """Do everything that the case says."""
        for name, argument in self.case.ops:
            self.trace.append(f"{name} {argument if argument is not None else ''}".rstrip())
            getattr(self, "do_" + name)(argument)

    def _live(self, work: Callable[[], object], restart: bool = True) -> None:
        """Do `work` as a process would: an error ends it, a kill ends it at once, and the next operation is a new process."""
        try:
            work()
            return
        except Killed:
            self.trace.append("  killed")
        except (HubError, StateError, PlanOriginError) as error:
            self.trace.append(f"  ended: {error.code}")
        if restart:
            self.restart()

    def do_send(self, argument: tuple[str, str, int]) -> None:
        """Somebody sends a message: (word, sender, number of the sent message whose thread it joins, or -1)."""
        word, sender, joins = argument
        healed, self.healed = self.healed, True
        thread = ""
        if 0 <= joins < len(self.words):
            identity = list(self.words)[joins]
            joined = self.hub.get_message(None, identity)
            ours = joined.sender.name == sender and self.agents[identity] == AGENT
            thread = joined.content.thread_id if ours else ""
        self._post(sender, AGENT, word, thread)
        self.healed = healed

    def do_send_second(self, word: str) -> None:
        """Somebody sends a message to the second agent."""
        healed, self.healed = self.healed, True
        self._post("flex-auth", SECOND, word, "")
        self.healed = healed

    def _post(self, sender: str, agent: str, word: str, thread: str) -> None:
        message = OutgoingMessage(sender, agent, "hello", f"{word} this", "request", thread, "", {})
        identity = self.hub.post_message(message).id
        self.words[identity] = word
        self.agents[identity] = agent

    def do_execute(self, argument: object) -> None:
        """An executing run."""
        self._live(lambda: run_executing(self._parts(True), self._terms(), self.draws.random))

    def do_full(self, room: int) -> None:
        """An executing run on a disk that has room for so many bytes in any one file: a write beyond fails in SQLite."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            self._live(lambda: run_executing(self._parts(True), self._terms(), self.draws.random), restart=False)
            self.store.close()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.restart()

    def do_pair(self, how: str) -> None:
        """Two executing runs at once, step by step in an order that is drawn."""
        other = SECOND if how == "two agents" else AGENT
        self.stores = {"": self.store, "a ": self.store, "b ": self._open()}
        runs = {"a ": AGENT, "b ": other}
        self.turns.play({name: self._beside(name, agent, how) for name, agent in runs.items()})
        self.stores["b "].close()
        self.restart()

    def _beside(self, name: str, agent: str, how: str) -> Callable[[], None]:
        def live() -> None:
            locks = FileLockStore(self.directory / "locks")
            lock = agent if how != "one agent, not locked" else agent + name.strip()
            try:
                with locks.hold(lock, {}):
                    run_executing(self._parts(True), self._terms(agent), self.draws.random)
            except Killed:
                self.trace.append(f"  {name}killed")
                self.stores[name].close()
            except (HubError, StateError, LockHeldError) as error:
                self.trace.append(f"  {name}ended: {error.code}")
            except TransitionError as error:  # the other one moved the intent: the store refuses to move it again
                assert how == "one agent, not locked", "a run came upon another one's intent"
                self.trace.append(f"  {name}ended: {error.code}")

        return live

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
        self._move_clock(argument)
        self.aged = self.aged or abs(argument) > 2 * 86400

    def _move_clock(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.latest = max(self.latest, self.clock.now())

    def heal(self) -> None:
        """Nothing fails any more: a new process runs until nothing is left to do."""
        self.healed = True
        self.restart()
        self.clock.advance(max(0.0, (self.latest - self.clock.now()).total_seconds()))
        for _ in range(12):
            self.clock.advance(3700)
            reports = [
                run_executing(self._parts(True), self._terms(agent), self.draws.random)
                for agent in sorted({AGENT, *self.agents.values()})
            ]
            if not any(set(report.counts) - {"decided"} for report in reports):
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


class RememberingScanner:
    """The real guard, asked once for each text: worlds send the same few."""

    def __init__(self) -> None:
        self._guard = GuardScanner()
        self.digest = self._guard.digest
        self.scan = lru_cache(maxsize=10_000)(self._guard.scan)


_SCANNER = RememberingScanner()
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
