"""The engine's exact bounds: the last value that fits, and the next."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from enginebed import AGENT, CATALOG, SENDER, Bed, planning
from warden.engine.audit import MAX_VALUE, AuditFacts, audit_action
from warden.engine.bench import Bench
from warden.engine.draft import MAX_PLANNED_ACTIONS
from warden.engine.journal import Journal
from warden.engine.obligations import undischarged
from warden.engine.outbox import Origin, Outbox
from warden.engine.pull import Puller
from warden.engine.reception import MAX_CANDIDATES, sound_plan
from warden.engine.tally import Tally
from warden.guard import GuardScanner
from warden.model.delivery import Action, OutgoingMessage, ProgressEvent
from warden.model.disposition import Disposition
from warden.model.entry import Head
from warden.model.ids import MessageKey
from warden.model.message import Mail, Message, Principal
from warden.model.plan import Candidate, Plan, PlannedAction
from warden.model.records import ReplyWindow
from warden.model.request import UNCONSTRAINED, Decision, Effect

KEY = MessageKey("hub-1", AGENT, "m1")
HEAD = Head("ops-warden/test", 1, "sha256:" + "0" * 64, "sha256:" + "0" * 64)
SCANNER = GuardScanner()


def sound(**parts: Any) -> Plan:
    """What becomes of a brain's plan with these parts."""
    given = {"actions": (PlannedAction("escalate"),), "reason": "routing", **parts}
    return sound_plan(Plan(**given), CATALOG, SCANNER)


@pytest.mark.parametrize(
    ("length", "kept"), [(MAX_VALUE, "x" * MAX_VALUE), (MAX_VALUE + 1, "x" * (MAX_VALUE - 3) + "...")]
)
def test_a_value_of_an_audit_event_is_cut_with_a_mark(length: int, kept: str) -> None:
    """A value of the limit stays whole; a longer one ends in a mark at the limit."""
    facts = AuditFacts(Disposition.ANSWERED, "delivered", {"rules": "x" * length})
    event = audit_action(KEY, 0, facts, "run-1", HEAD).payload
    assert isinstance(event, ProgressEvent)
    assert event.metadata["rules"] == kept


def test_a_body_may_have_as_many_bytes_as_allowed() -> None:
    """Bytes are counted, not characters; one more than allowed is not discharged."""
    message = OutgoingMessage(AGENT, SENDER, "re", "ü" * 50, "response", "t1", "m1", {})
    action = Action(KEY, "reply", 0, message)
    assert undischarged(action, replace(UNCONSTRAINED, max_body_bytes=100), 0) == ()
    assert undischarged(action, replace(UNCONSTRAINED, max_body_bytes=99), 0) == ("max_body_bytes",)
    assert undischarged(action, replace(UNCONSTRAINED, max_replies_per_hour=3), 2) == ()
    assert undischarged(action, replace(UNCONSTRAINED, max_replies_per_hour=3), 3) == ("max_replies_per_hour",)


@pytest.mark.parametrize("reason", [7, None, "Not a code", "", "x" * 65])
def test_a_reason_that_is_no_code_is_unstated(reason: Any) -> None:
    """Whatever a brain gives as its reason, what is written is a code."""
    assert sound(reason=reason).reason == "unstated"
    assert sound(reason="x" * 64).reason == "x" * 64


def test_candidates_are_kept_within_their_bounds() -> None:
    """Scores to a thousand million either way, names of the catalogue, as many as the limit; everything else is dropped."""
    good = [Candidate("ssh-cert", score, ("a",)) for score in (10**9, -(10**9), 0)]
    bad: list[Any] = [Candidate("ssh-cert", score, ()) for score in (10**9 + 1, -(10**9) - 1)]
    bad += [Candidate("ssh-cert", 1.5, ()), Candidate("ssh-cert", True, ()), Candidate("unknown", 1, ())]  # type: ignore[arg-type]
    bad += [Candidate(["ssh-cert"], 1, ()), Candidate("ssh-cert", 1, ["a"])]  # type: ignore[arg-type]
    bad.append(SimpleNamespace(entry_id="ssh-cert", score=1, terms=()))
    assert sound(candidates=(*bad, *good)).candidates == tuple(good)
    many = tuple(Candidate("ssh-cert", number, ()) for number in range(MAX_CANDIDATES + 1))
    assert sound(candidates=many).candidates == many[:MAX_CANDIDATES]


def test_one_action_too_many_is_kept_to_be_seen() -> None:
    """Of any number of actions one more than allowed is looked at, so that the drafter refuses the plan."""
    plan = sound(actions=tuple(PlannedAction("escalate") for _ in range(MAX_PLANNED_ACTIONS + 5)))
    assert len(plan.actions) == MAX_PLANNED_ACTIONS + 1


def test_replies_are_counted_once_for_their_thread_and_once_for_their_sender() -> None:
    """What the ledger counted in the last hour and what this run adds is what the kernel is told, by thread and by sender."""
    tally = Tally(ReplyWindow(by_thread={"t1": 2}, by_sender={SENDER: 5}))
    tally.note_action()
    for thread in ("t1", "t2"):
        tally.note_reply(Message(KEY, Principal(SENDER), "", Mail("hello", "body", "request", thread)))
    told = tally.counts(Message(KEY, Principal(SENDER), "", Mail("hello", "body", "request", "t1")), 4)
    assert told == {
        "actions_in_message": 4,
        "actions_in_run": 1,
        "replies_in_thread_hour": 3,
        "replies_to_sender_hour": 7,
    }


def test_an_action_that_was_judged_and_not_allowed_is_no_intent() -> None:
    """A judgement that has an action and does not allow it is refused as one that has none."""
    bed = Bed(planning(("reply", {"body": "Certainly."})))
    bed.send()
    parts, terms = bed.parts(True), bed.terms()
    bench = Bench(parts, terms, "execute")
    (pulled,) = Puller(parts, terms, bench.traits).pages()
    ((seen, plan),) = bench.planner.plans(pulled.fresh[:1])
    judgement = bench.planner.judge(seen, plan).judgements[0]
    assert judgement.action is not None
    outbox = Outbox(parts, terms, bench.enforcer, Journal(bed.store, terms.run_id), lambda: 0.5)
    denied = replace(judgement, decision=Decision(Effect.DENY))
    for wrong in (denied, replace(judgement, action=None)):
        with pytest.raises(ValueError, match="allowed"):
            outbox.intend(wrong, Origin("t1", SENDER), 0)
