"""The approval state machine under everything that people, time, policy and the hub may do, in any order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enginebed import charter_kernel, escalating, planning, traits_with, with_content
from reviewbed import ANN, BEN, RULES, STRANGER, WORKER, Renamed, ReviewBed
from warden.engine import review, review_endings, review_rulings
from warden.errors import GateError, InputError, ReviewStateError
from warden.model.hub import DeliveryMeans
from warden.model.review import ReviewKind, ReviewState
from warden.store.verification import Source, verify_ledger

PEOPLE = st.sampled_from((ANN, BEN, ANN, BEN, STRANGER, WORKER))
REFUSALS = (GateError, InputError, ReviewStateError)
RELEASED = ("accept", "edit", "respond")


class Reviewing:
    """Drafts wait for people; whatever leaves was released at exactly its digest, message and snapshot."""

    def __init__(self, two: bool) -> None:
        """Set out a desk; with `two`, a reply takes two people."""
        rules = replace(RULES, two_persons=frozenset({"messaging.reply", "messaging.respond"} if two else ()))
        self.bed = ReviewBed(
            planning(("reply", {"body": "Ask the platform team."})),
            traits=traits_with(DeliveryMeans.IDEMPOTENCY_KEY, authenticated_senders=False),
            rules=rules,
        )
        self.texts = 0
        for drafted in (True, True, False):
            self.mail(drafted, same_thread=False)

    def number(self, pick: int) -> int:
        """One of the items that wait, seven times out of eight; else one of those that there ever were."""
        live = [item.number for item in self.bed.items()]
        if live and pick % 8:
            return live[pick // 8 % len(live)]
        return pick // 8 % (len(self.bed.items(*ReviewState)) or 1) + 1

    def attempt(self, act: Any) -> None:
        """Do something that may be refused."""
        with suppress(*REFUSALS):
            act()

    def mail(self, drafted: bool, same_thread: bool) -> None:
        """A message comes, in a thread of its own or in the first one, and is planned."""
        self.bed.answer = planning(("reply", {"body": "Ask the platform team."})) if drafted else escalating
        known = self.bed.record("m1") is not None
        self.bed.send(thread="t1" if known and same_thread else "")
        self.bed.execute()

    def accept(self, pick: int, who: Any) -> None:
        """Somebody accepts something."""
        self.attempt(lambda: review_rulings.accept(self.bed.desk, who, self.number(pick), "because"))

    def edit(self, pick: int, who: Any) -> None:
        """Somebody edits something."""
        self.texts += 1
        text = f"Edited {self.texts}."
        self.attempt(lambda: review_rulings.edit(self.bed.desk, who, self.number(pick), text, "because"))

    def respond(self, pick: int, who: Any) -> None:
        """Somebody responds."""
        self.texts += 1
        text = f"Written {self.texts}."
        self.attempt(lambda: review_rulings.respond(self.bed.desk, who, self.number(pick), text))

    def ignore(self, pick: int, who: Any) -> None:
        """Somebody ends something."""
        self.attempt(lambda: review_endings.ignore(self.bed.desk, who, self.number(pick), "because"))

    def reopen(self, pick: int, who: Any) -> None:
        """Somebody opens something again."""
        self.attempt(lambda: review.reopen(self.bed.desk, who, self.number(pick)))

    def acknowledge(self, pick: int, who: Any) -> None:
        """Somebody takes note."""
        self.attempt(lambda: review.acknowledge(self.bed.desk, who, self.number(pick)))

    def reevaluate(self, pick: int, who: Any) -> None:
        """Somebody has something judged again."""
        self.attempt(lambda: review_rulings.reevaluate(self.bed.desk, who, self.number(pick)))

    def change_policy(self, name: str, strict: bool) -> None:
        """The policy changes."""
        self.bed.kernel = Renamed(charter_kernel(), name, **({"rule_ids": ("stricter/rule",)} if strict else {}))

    def wait(self, hours: int) -> None:
        """Time goes by, and a run tends the queue."""
        self.bed.clock.advance(3600.0 * hours)
        self.bed.execute()

    def change_hub(self, changed: bool) -> None:
        """The hub's messages say something else, or what they said again."""
        self.bed.hub.fetched = (lambda m: with_content(m, body="Changed.")) if changed else (lambda m: m)

    def deliver(self) -> None:
        """What is open is delivered."""
        self.bed.deliver()

    def only_what_was_released_is_intended(self) -> None:
        """Every reply in the outbox was released by a decision on its digest, by who may; each item is decided once."""
        decisions = self.bed.entries("review_decided")
        votes = self.bed.entries("review_approved")
        items = {item.number: item for item in self.bed.items(*ReviewState)}
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
            if self.bed.rules.two_persons:
                words = {vote["by"] for vote in votes if vote["action_digest"] == intent["action_digest"]}
                assert words - {entry["by"]}, "one person's word released what takes two"

    def each_intent_leaves_once(self) -> None:
        """The hub has no reply that was not intended, and none twice."""
        keys = [reply.content.metadata.get("warden-key") for reply in self.bed.replies()]
        assert len(set(keys)) == len(keys)
        assert set(keys) <= {entry["key"] for entry in self.bed.entries("intended")}

    def what_waits_is_in_the_queue(self) -> None:
        """Every message that is an open escalation, or waits for its release, belongs to a live item."""
        waiting = self.bed.store.read(
            lambda c: c.execute(
                "SELECT d.message_id FROM dispositions d WHERE (d.disposition IN ('escalated', 'dead') AND d.reopened = 0) "
                "AND NOT EXISTS (SELECT 1 FROM review_members m JOIN review_items i USING (number) "
                "WHERE (m.hub_id, m.agent, m.message_id) = (d.hub_id, d.agent, d.message_id) "
                "AND i.state IN ('open', 'acknowledged'))"
            ).fetchall()
        )
        assert waiting == []


STEPS: dict[str, Callable[[Reviewing, int, Any], None]] = {
    "accept": lambda machine, pick, who: machine.accept(pick, who),
    "accept ": lambda machine, pick, who: machine.accept(pick, who),
    "edit": lambda machine, pick, who: machine.edit(pick, who),
    "respond": lambda machine, pick, who: machine.respond(pick, who),
    "ignore": lambda machine, pick, who: machine.ignore(pick, who),
    "reopen": lambda machine, pick, who: machine.reopen(pick, who),
    "take note": lambda machine, pick, who: machine.acknowledge(pick, who),
    "judge again": lambda machine, pick, who: machine.reevaluate(pick, who),
    "mail": lambda machine, pick, who: machine.mail(pick % 3 > 0, pick % 2 > 0),
    "policy": lambda machine, pick, who: machine.change_policy("one" if pick % 2 else "two", pick % 3 == 0),
    "wait": lambda machine, pick, who: machine.wait((1, 25, 80)[pick % 3]),
    "hub": lambda machine, pick, who: machine.change_hub(pick % 3 == 0),
    "deliver": lambda machine, pick, who: machine.deliver(),
}
STEP = st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 255), PEOPLE)


@pytest.mark.slow
@pytest.mark.timeout(0)
@settings(max_examples=settings().max_examples // 4, deadline=None, suppress_health_check=list(HealthCheck))
@given(two=st.booleans(), steps=st.lists(STEP, min_size=10, max_size=30))
def test_nothing_leaves_that_nobody_released(two: bool, steps: list[tuple[str, int, Any]]) -> None:
    """Whatever people, time, policy and hub do in whatever order: an action leaves only as released, once, and nothing that
    waits falls out of the queue."""
    machine = Reviewing(two)
    for name, pick, who in steps:
        STEPS[name](machine, pick, who)
        machine.only_what_was_released_is_intended()
        machine.each_intent_leaves_once()
        machine.what_waits_is_in_the_queue()
    verified = machine.bed.store.read(
        lambda c: verify_ledger(
            Source(c, None, machine.bed.store.origin, machine.bed.store.verifier), machine.bed.store.published()
        )
    )
    assert verified.sound, verified.findings
