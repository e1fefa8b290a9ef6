"""Killing a person's decision, and the delivery that follows it, at every step: what was released takes effect exactly once."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from enginebed import AGENT, traits_with
from reviewbed import ANN, BEN, RULES
from simcase import Case
from simfaults import KILL, MENUS
from siminvariants import Ledger, check_receipts_first, check_verifies
from simworld import World
from warden.documents.request import request_from_json
from warden.engine import review_endings, review_rulings
from warden.engine.cycle import deliver_open
from warden.engine.parts import Parts
from warden.engine.pull import Seen, read_message
from warden.engine.release import Gate
from warden.engine.review import Desk
from warden.errors import GateError, InputError
from warden.model.hub import DeliveryMeans
from warden.model.ids import MessageKey
from warden.model.message import MARKER
from warden.model.review import ReviewKind, ReviewState, Verdict
from warden.store.review_store import SqliteReviews

LIVE = frozenset({ReviewState.OPEN, ReviewState.ACKNOWLEDGED})
OPS = (
    ("send", ("reply", "flex-auth", -1)),
    ("send", ("reply", "other", -1)),
    ("send", ("escalate", "flex-auth", -1)),
    ("send", ("reply", "third", -1)),
    ("execute", None),
    ("decide", None),
    ("deliver", None),
    ("execute", None),
)
WISHES = {"m1": "accept", "m2": "edit", "m3": "respond", "m4": "ignore"}
"""What the person wants of each message."""


class ReviewWorld(World):
    """A world whose hub vouches for nobody, so that drafts wait, and in which a person decides."""

    def __init__(self, case: Case, directory: Path) -> None:
        super().__init__(case, directory)
        self.hub._traits = traits_with(case.means, authenticated_senders=False)

    def _parts(self, executing: bool) -> Parts:
        return replace(super()._parts(executing), reviews=SqliteReviews(self.store))

    def desk(self) -> Desk:
        """The desk of a new process."""
        parts = self._parts(True)
        return Desk(
            agent=AGENT,
            run_id="review-1",
            store=self.store,
            queue=SqliteReviews(self.store),
            clock=self.clock,
            rules=RULES,
            scanner=parts.scanner,
            open_gate=lambda: Gate(parts.kernel, parts.scanner, self.store, self.clock),
            read_request=request_from_json,
            read_json=json.loads,
            current_digest=self.current_digest,
        )

    def current_digest(self, key: MessageKey) -> str:
        """The digest of a message as the hub has it."""
        seen = read_message(self.hub.get_message(AGENT, key.message_id), AGENT, 5, self._parts(True).scanner)
        return seen.message.digest if isinstance(seen, Seen) else ""

    def do_decide(self, argument: object) -> None:
        """Two people decide everything that waits, one item after the other, each in a process of its own."""
        for item in SqliteReviews(self.store).items(AGENT, LIVE):
            number, wish = item.number, WISHES[item.message.message_id]
            for who in (ANN, BEN):
                self._live(self._deciding(who, number, wish, item.delivery != ""))

    def _deciding(self, who: object, number: int, wish: str, doubt: bool) -> Callable[[], None]:
        def decide() -> None:
            desk = self.desk()
            try:
                if doubt:
                    review_endings.ignore(desk, who, number, "it arrived")  # type: ignore[arg-type]
                elif wish == "edit":
                    review_rulings.edit(desk, who, number, "Edited.", "better")  # type: ignore[arg-type]
                elif wish == "accept":
                    review_rulings.accept(desk, who, number)  # type: ignore[arg-type]
                elif wish == "respond":
                    review_rulings.respond(desk, who, number, "By hand.")  # type: ignore[arg-type]
                else:
                    review_endings.ignore(desk, who, number, "spam")  # type: ignore[arg-type]
            except (GateError, InputError):
                self.trace.append(f"  {number} is not decided again")

        return decide

    def do_deliver(self, argument: object) -> None:
        """What was released is delivered at once."""
        self._live(lambda: deliver_open(self._parts(True), self._terms(), self.draws.random))


def play(case: Case, directory: Path) -> ReviewWorld:
    """Play a case to its end, let the people finish, and check what must hold."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    world = ReviewWorld(case, directory)
    world.run()
    world.heal()
    world.do_decide(None)
    world.heal()
    check(world)
    world.store.close()
    return world


def check(world: ReviewWorld) -> None:
    """Each released text left exactly once, the ignored one never, nothing waits, and the ledger verifies."""
    assert not world.violations, world.violations
    check_verifies(world)
    check_receipts_first(Ledger(world))
    sent = {message.content.in_reply_to: message.content.body for message in world.hub.sent_by(AGENT)}
    keys = Counter(message.content.metadata[MARKER] for message in world.hub.sent_by(AGENT))
    queue = SqliteReviews(world.store)
    decided = {
        item.message.message_id: item.verdict
        for item in queue.items(AGENT, frozenset({ReviewState.DECIDED}))
        if not item.delivery
    }
    assert queue.items(AGENT, LIVE) == (), world.trace
    assert decided["m4"] is Verdict.IGNORE
    assert "m4" not in sent
    assert max(keys.values(), default=0) <= 1, world.trace
    if world.case.means is not DeliveryMeans.NONE:
        assert set(sent) == {"m1", "m2", "m3"}, world.trace
    assert sent.get("m2", "Edited.") == "Edited."
    assert sent.get("m3", "By hand.") == "By hand."
    assert all(item.kind in ReviewKind for item in queue.items(AGENT, frozenset(ReviewState)))


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("means", list(DeliveryMeans))
def test_a_decision_that_fails_at_any_step_takes_effect_once(means: DeliveryMeans, disk: Path, thorough: bool) -> None:
    """Each step of asking, deciding and delivering is killed once (in the soak: fails in each way): released leaves once."""
    names = play(Case(means, OPS), disk).names
    assert len(names) > 40
    for step, name in enumerate(names, start=1):
        every = range(len(MENUS[name])) if thorough else [MENUS[name].index(KILL)]
        for roll in every:
            play(Case(means, OPS, {step: roll}), disk)
