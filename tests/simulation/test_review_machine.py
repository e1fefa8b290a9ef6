"""The approval state machine under everything that people, time, policy and the hub may do, in any order."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from enginebed import charter_kernel, escalating, planning, traits_with, with_content
from reviewbed import ANN, BEN, RULES, STRANGER, WORKER, Renamed, ReviewBed
from warden.engine import review, review_rulings
from warden.errors import GateError, InputError, ReviewStateError
from warden.model.hub import DeliveryMeans
from warden.model.review import ReviewKind

PEOPLE = st.sampled_from((ANN, BEN, STRANGER, WORKER))
REFUSALS = (GateError, InputError, ReviewStateError)
RELEASED = ("accept", "edit", "respond")


class Reviewing(RuleBasedStateMachine):
    """Drafts wait for people; whatever leaves was released at exactly its digest, message and snapshot."""

    @initialize(two=st.booleans())
    def begin(self, two: bool) -> None:
        """Set out a desk; with `two`, a reply takes two people."""
        from dataclasses import replace

        rules = replace(RULES, two_persons=frozenset({"messaging.reply"} if two else ()))
        self.bed = ReviewBed(
            planning(("reply", {"body": "Ask the platform team."})),
            traits=traits_with(DeliveryMeans.IDEMPOTENCY_KEY, authenticated_senders=False),
            rules=rules,
        )
        self.texts = 0

    def number(self, pick: int) -> int:
        """One of the items there ever were, or one that there is not."""
        newest = len(self.bed.store.read(lambda c: c.execute("SELECT number FROM review_items").fetchall()))
        return pick % (newest + 1) + 1

    def attempt(self, act: Any) -> None:
        """Do something that may be refused."""
        with suppress(*REFUSALS):
            act()

    @rule(drafted=st.booleans(), same_thread=st.booleans())
    def mail(self, drafted: bool, same_thread: bool) -> None:
        """A message comes, in a thread of its own or in the first one, and is planned."""
        self.bed.answer = planning(("reply", {"body": "Ask the platform team."})) if drafted else escalating
        known = self.bed.record("m1") is not None
        self.bed.send(thread="t1" if known and same_thread else "")
        self.bed.execute()

    @rule(pick=st.integers(0, 20), who=PEOPLE)
    def accept(self, pick: int, who: Any) -> None:
        """Somebody accepts something."""
        self.attempt(lambda: review_rulings.accept(self.bed.desk, who, self.number(pick), "because"))

    @rule(pick=st.integers(0, 20), who=PEOPLE)
    def edit(self, pick: int, who: Any) -> None:
        """Somebody edits something."""
        self.texts += 1
        text = f"Edited {self.texts}."
        self.attempt(lambda: review_rulings.edit(self.bed.desk, who, self.number(pick), text, "because"))

    @rule(pick=st.integers(0, 20), who=PEOPLE)
    def respond(self, pick: int, who: Any) -> None:
        """Somebody responds."""
        self.texts += 1
        text = f"Written {self.texts}."
        self.attempt(lambda: review_rulings.respond(self.bed.desk, who, self.number(pick), text))

    @rule(pick=st.integers(0, 20), who=PEOPLE)
    def ignore(self, pick: int, who: Any) -> None:
        """Somebody ends something."""
        self.attempt(lambda: review_rulings.ignore(self.bed.desk, who, self.number(pick), "because"))

    @rule(pick=st.integers(0, 20), who=PEOPLE)
    def reopen(self, pick: int, who: Any) -> None:
        """Somebody opens something again."""
        self.attempt(lambda: review.reopen(self.bed.desk, who, self.number(pick)))

    @rule(pick=st.integers(0, 20), who=PEOPLE)
    def acknowledge(self, pick: int, who: Any) -> None:
        """Somebody takes note."""
        self.attempt(lambda: review.acknowledge(self.bed.desk, who, self.number(pick)))

    @rule(pick=st.integers(0, 20), who=PEOPLE)
    def reevaluate(self, pick: int, who: Any) -> None:
        """Somebody has something judged again."""
        self.attempt(lambda: review_rulings.reevaluate(self.bed.desk, who, self.number(pick)))

    @rule(name=st.sampled_from(("one", "two")), strict=st.booleans())
    def change_policy(self, name: str, strict: bool) -> None:
        """The policy changes."""
        self.bed.kernel = Renamed(charter_kernel(), name, **({"rule_ids": ("stricter/rule",)} if strict else {}))

    @rule(hours=st.integers(1, 100))
    def wait(self, hours: int) -> None:
        """Time goes by, and a run tends the queue."""
        self.bed.clock.advance(3600.0 * hours)
        self.bed.execute()

    @rule(changed=st.booleans())
    def change_hub(self, changed: bool) -> None:
        """The hub's messages say something else, or what they said again."""
        self.bed.hub.fetched = (lambda m: with_content(m, body="Changed.")) if changed else (lambda m: m)

    @rule()
    def deliver(self) -> None:
        """What is open is delivered."""
        self.bed.deliver()

    @invariant()
    def only_what_was_released_is_intended(self) -> None:
        """Every reply in the outbox was released by a decision on its digest, by somebody who may; each item is decided once."""
        if not hasattr(self, "bed"):
            return
        decisions = self.bed.entries("review_decided")
        votes = self.bed.entries("review_approved")
        items = {item.number: item for item in self.bed.items(*_every())}
        assert len({entry["item"] for entry in decisions}) == len(decisions)
        released = {entry["action_digest"]: entry for entry in decisions if entry["verdict"] in RELEASED}
        for intent in self.bed.entries("intended"):
            if intent["kind"] not in ("reply", "respond"):
                continue
            entry = released[intent["action_digest"]]
            item = items[entry["item"]]
            assert entry["by"] != WORKER.identity
            if entry["verdict"] == "accept":
                assert (item.action_digest, item.message_digest) == (intent["action_digest"], entry["message_digest"])
            if item.kind is ReviewKind.APPROVAL and entry["verdict"] != "respond":
                assert intent["snapshot"] == entry["snapshot"]
            if intent["kind"] == "reply" and self.bed.rules.two_persons:
                words = {vote["by"] for vote in votes if vote["action_digest"] == intent["action_digest"]}
                assert words - {entry["by"]}, "one person's word released what takes two"

    @invariant()
    def each_intent_leaves_once(self) -> None:
        """The hub has no reply that was not intended, and none twice."""
        if not hasattr(self, "bed"):
            return
        keys = [reply.content.metadata.get("warden-key") for reply in self.bed.replies()]
        assert len(set(keys)) == len(keys)
        assert set(keys) <= {entry["key"] for entry in self.bed.entries("intended")}

    @invariant()
    def what_waits_is_in_the_queue(self) -> None:
        """Every message that is an open escalation, or waits for its release, belongs to a live item."""
        if not hasattr(self, "bed"):
            return
        waiting = self.bed.store.read(
            lambda c: c.execute(
                "SELECT d.message_id FROM dispositions d WHERE (d.disposition IN ('escalated', 'dead') AND d.reopened = 0) "
                "AND NOT EXISTS (SELECT 1 FROM review_members m JOIN review_items i USING (number) "
                "WHERE (m.hub_id, m.agent, m.message_id) = (d.hub_id, d.agent, d.message_id) "
                "AND i.state IN ('open', 'acknowledged'))"
            ).fetchall()
        )
        assert waiting == []


def _every() -> tuple[Any, ...]:
    from warden.model.review import ReviewState

    return tuple(ReviewState)


TestReviewing = Reviewing.TestCase
TestReviewing.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
TestReviewing = pytest.mark.slow(TestReviewing)
