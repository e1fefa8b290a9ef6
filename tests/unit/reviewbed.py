"""A review desk over a bed: the real service, queue, kernel and guard, with people that the test names."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from enginebed import AGENT, Bed, charter_kernel, escalating, planning, traits_with
from warden.documents.request import request_from_json
from warden.engine.cycle import deliver_open
from warden.engine.parts import Parts
from warden.engine.pull import Seen, read_message
from warden.engine.release import Gate
from warden.engine.review import Desk
from warden.model.ids import MessageKey
from warden.model.request import Constraints, Decision, Effect, Request, VelocityKey
from warden.model.review import Reviewer, ReviewItem, ReviewKind, ReviewRules, ReviewState
from warden.ports import PolicyKernel
from warden.store.review_store import SqliteReviews

ANN = Reviewer("person:ann", declared=True, names=frozenset({"ann"}))
BEN = Reviewer("person:ben", declared=True)
WORKER = Reviewer("uid:0(root)", is_worker=True)
STRANGER = Reviewer("uid:4242")
RULES = ReviewRules(people=frozenset({"ann", "ben"}), owner="ann")
TWO = replace(RULES, two_persons=frozenset({"messaging.respond"}))
EVERY = frozenset(ReviewState)


@dataclass
class ReviewBed(Bed):
    """A bed whose runs tend the queue; by default the hub vouches for nobody and the brain drafts a reply."""

    rules: ReviewRules = field(default_factory=lambda: RULES)

    def parts(self, executing: bool) -> Parts:
        """The parts of a run, the queue among them."""
        return replace(super().parts(executing), reviews=SqliteReviews(self.store))

    @property
    def desk(self) -> Desk:
        """The desk of a person, now."""
        return Desk(
            agent=AGENT,
            run_id="review-1",
            store=self.store,
            queue=SqliteReviews(self.store),
            clock=self.clock,
            rules=self.rules,
            scanner=self.scanner,
            open_gate=lambda: Gate(self.kernel, self.scanner, self.store, self.clock),
            read_request=request_from_json,
            read_json=json.loads,
            current_digest=self.current_digest,
        )

    def current_digest(self, key: MessageKey) -> str:
        """The digest of a message as the hub has it now."""
        seen = read_message(self.hub.get_message(AGENT, key.message_id), AGENT, 5, self.scanner)
        return seen.message.digest if isinstance(seen, Seen) else ""

    def deliver(self) -> None:
        """Deliver what people released."""
        deliver_open(self.parts(True), self.terms(), lambda: 0.5)

    def items(self, *states: ReviewState) -> list[ReviewItem]:
        """The items in these states; the live ones when none is named."""
        wanted = frozenset(states) or frozenset({ReviewState.OPEN, ReviewState.ACKNOWLEDGED})
        return list(SqliteReviews(self.store).items(AGENT, wanted))

    def only(self) -> ReviewItem:
        """The one live item."""
        (item,) = self.items()
        return item


def drafting(body: str = "Ask the platform team.", **more: Any) -> ReviewBed:
    """A bed with one message whose drafted reply waits for its release."""
    bed = ReviewBed(planning(("reply", {"body": body})), traits=traits_with(authenticated_senders=False), **more)
    bed.send()
    bed.execute()
    return bed


def escalated_and_drafted() -> tuple[ReviewBed, ReviewItem, ReviewItem]:
    """A bed with one message that is an escalation and, planned again after more mail, an approval too; both items."""
    bed = ReviewBed(escalating, traits=traits_with(authenticated_senders=False))
    bed.send()
    bed.execute()
    bed.answer = planning(("reply", {"body": "A draft."}))
    bed.send(thread="t1", kind="auto", metadata={"auto-submitted": "auto-replied"})
    bed.execute()
    bed.execute()
    escalation, approval = bed.items()
    assert (escalation.kind, approval.kind) == (ReviewKind.ESCALATION, ReviewKind.APPROVAL)
    return bed, escalation, approval


class Renamed:
    """A kernel that decides as another one, under another snapshot and with what a test changes."""

    def __init__(self, kernel: PolicyKernel, snapshot: str, **changes: Any) -> None:
        self._kernel = kernel
        self.snapshot = snapshot
        self.charter_digest = kernel.charter_digest
        self._changes = changes

    def evaluate(self, request: Request) -> Decision:
        """The other kernel's decision, changed where it asked for approval."""
        decision = self._kernel.evaluate(request)
        changes = self._changes if decision.effect is Effect.REQUIRE_APPROVAL else {}
        return replace(decision, snapshot=self.snapshot, **changes)

    def velocity_keys(self, request: Request) -> tuple[VelocityKey, ...]:
        """As the other kernel."""
        return self._kernel.velocity_keys(request)


class Refusing(Renamed):
    """A kernel that denies everything."""

    def evaluate(self, request: Request) -> Decision:
        """A denial."""
        return replace(super().evaluate(request), effect=Effect.DENY)


class Asking(Renamed):
    """The charter's kernel with a bundle over it: everything for a reader asks a person, under these constraints."""

    def __init__(self, **constraints: Any) -> None:
        super().__init__(charter_kernel(), "asking")
        self._constraints = Constraints(**constraints)

    def evaluate(self, request: Request) -> Decision:
        """Approval instead of allowance, except for what follows by itself."""
        decision = super().evaluate(request)
        messaging = request.capability in ("messaging.reply", "messaging.respond", "messaging.progress")
        if decision.effect is Effect.DENY or not (messaging or request.capability == "messaging.read"):
            return decision
        if request.actor_type == "person" and request.capability == "messaging.read":
            return decision
        constraints = self._constraints if messaging else decision.constraints
        return replace(decision, effect=Effect.REQUIRE_APPROVAL, constraints=constraints)


class Counting(Renamed):
    """The charter's kernel, with a velocity rule over every request."""

    BUCKET = "sha256:" + "e" * 64

    def __init__(self) -> None:
        super().__init__(charter_kernel(), "counting")

    def velocity_keys(self, request: Request) -> tuple[VelocityKey, ...]:
        """One count for everything."""
        return (VelocityKey("velocity", self.BUCKET, 60),)
