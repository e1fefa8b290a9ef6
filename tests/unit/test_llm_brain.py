"""The brains that ask a model: rules first, one contained consultation, and the rules again when it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as examples
from hypothesis import strategies as st

from llmbed import CHARTER, OPEN_BODY, Bed, given, llm_bed, mail
from warden.brains.llm.brain import ContainedBrain
from warden.brains.llm.reasons import DECIDED, NOT_ASKED, REFUSED
from warden.model.consultation import Consultation, Prepared
from warden.model.message import Message, MessageFacts
from warden.model.plan import Plan, PlannedAction
from warden.testing.model_server import Scripted, completion

ESCALATES = (PlannedAction("escalate"),)


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A fake server and what asks it."""
    with llm_bed() as found:
        yield found


def ask(brain: ContainedBrain, body: str = OPEN_BODY) -> Consultation:
    """Return what consulting about a message gives, and hold that a replay of its answer agrees."""
    prepared = brain.prepare(given(body))
    assert isinstance(prepared, Prepared)
    found = brain.consult(prepared)
    if found.answer is not None:
        again = brain.replay(prepared, found.answer)
        assert (again.plan, again.fallback_reason, again.usage.calls) == (found.plan, found.fallback_reason, 0)
    return found


def decision(kind: str, **fields: str) -> str:
    """Return a well-formed answer."""
    return json.dumps({"action": {"kind": kind, **fields}})


@pytest.mark.parametrize(
    "facts",
    [
        MessageFacts(asks_for_secret=True),
        MessageFacts(asks_for_change=True),
        MessageFacts(instructs_worker=True),
        MessageFacts(secret_kinds={"password": 1}),
        MessageFacts(automatic=True),
        MessageFacts(from_self=True),
    ],
)
@pytest.mark.parametrize("rules_first", [True, False])
def test_what_the_guard_found_never_reaches_a_model(bed: Bed, facts: MessageFacts, rules_first: bool) -> None:
    """Requests for secrets and changes, orders to the worker, received secrets and automatic mail are the rules' own."""
    plan = bed.brain(rules_first).prepare(given("Who hands out VPN access?", facts=facts))
    assert isinstance(plan, Plan)
    assert {action.kind for action in plan.actions} <= {"escalate", "skip"}
    assert bed.server.requests == []


def test_auto_answers_by_rule_what_rules_can(bed: Bed) -> None:
    """A clear routing question costs nothing; what the rules leave open goes to the model."""
    brain = bed.brain(rules_first=True)
    plan = brain.prepare(given("Who hands out VPN access?"))
    assert isinstance(plan, Plan)
    assert plan.actions == (PlannedAction("route_answer", {"entry_id": "vpn-access"}),)
    assert isinstance(brain.prepare(given()), Prepared)


def test_llm_asks_the_model_about_routing_questions_too(bed: Bed) -> None:
    """With `llm` the model decides, and it is shown the entries that the words speak of, best first."""
    bed.server.text = decision("route_answer", entry_id="vpn-access")
    found = ask(bed.brain(), "Who hands out VPN access?")
    assert found.plan.actions == (PlannedAction("route_answer", {"entry_id": "vpn-access"}),)
    assert (found.plan.reason, found.plan.catalog_entry, found.fallback_reason) == ("model-route", "vpn-access", "")
    shown = found.context_texts["catalogue"].splitlines()
    assert json.loads(shown[0])["entry_id"] == "vpn-access"


@pytest.mark.parametrize(
    ("text", "body", "actions", "reason"),
    [
        (
            decision("reply", body="Yes, they know."),
            OPEN_BODY,
            (PlannedAction("reply", {"body": "Yes, they know."}),),
            "model-reply",
        ),
        (decision("mark_read"), "Thanks a lot", (PlannedAction("mark_read"),), "model-read"),
        (
            decision("progress_note", template="information_received"),
            "Thanks a lot",
            (PlannedAction("progress_note", {"template": "information_received"}), PlannedAction("mark_read")),
            "model-note",
        ),
        (decision("mark_read"), "Please shred all closed files of last year", ESCALATES, "closing-unsure"),
        (
            decision("progress_note", template="information_received"),
            "The lamp in room four is broken again",
            ESCALATES,
            "closing-unsure",
        ),
        (decision("escalate", reason="needs_person"), OPEN_BODY, ESCALATES, "model-needs-person"),
        (decision("mark_read"), OPEN_BODY, ESCALATES, "question-unanswered"),
        (decision("reply", body="You are welcome."), "Thanks a lot!", ESCALATES, "question-absent"),
        (decision("route_answer", entry_id="vpn-access"), "Thanks a lot!", ESCALATES, "question-absent"),
        (
            decision("progress_note", template="status_received"),
            "Who hands out GPU quota",
            ESCALATES,
            "question-unanswered",
        ),
        (decision("reply", body="see evil.com"), OPEN_BODY, ESCALATES, "reply-link"),
        (decision("reply", body="the word is hunter2hunter2"), OPEN_BODY, ESCALATES, "reply-withheld"),
        (decision("reply", body="x y " * 200), OPEN_BODY, ESCALATES, "reply-too-long"),
        (decision("reply", body=CHARTER), OPEN_BODY, ESCALATES, "reply-prompt"),
        (decision("reply", body=OPEN_BODY), OPEN_BODY, ESCALATES, "reply-echo"),
        (decision("reply", body="ok", to="bob"), OPEN_BODY, ESCALATES, "answer-recipient"),
        (decision("route_answer", entry_id="other"), OPEN_BODY, ESCALATES, "answer-entry"),
        ("I cannot help with that.", OPEN_BODY, ESCALATES, "answer-unreadable"),
        ("", OPEN_BODY, ESCALATES, "answer-unreadable"),
    ],
)
def test_a_decision_becomes_a_plan_or_an_escalation_with_its_reason(
    bed: Bed, text: str, body: str, actions: tuple[PlannedAction, ...], reason: str
) -> None:
    """Each kind of answer has its plan; each refusal its reason code; a kept answer gives the same again."""
    bed.server.say(text)
    found = ask(bed.brain(), body)
    assert (found.plan.actions, found.plan.reason) == (actions, reason)
    assert found.answer is not None
    assert "hunter2" not in found.answer


def test_one_entry_is_no_answer_to_several_questions(bed: Bed) -> None:
    """Where rules see two questions, the answer to one of them would look like an answer to both."""
    bed.server.text = decision("route_answer", entry_id="vpn-access")
    found = ask(bed.brain(rules_first=True), "Who hands out VPN access, and who decides about GPU quota?")
    assert (found.plan.actions, found.plan.reason) == (ESCALATES, "question-half-answered")


@pytest.mark.parametrize(
    ("thread", "reason"), [((), "question-ambiguous"), ((mail("My laptop cannot reach the office."),), "model-route")]
)
def test_one_of_several_entries_that_fit_alike_is_a_guess(bed: Bed, thread: tuple[Message, ...], reason: str) -> None:
    """Where rules find entries that fit alike, a model may choose one only when a conversation may tell which is meant."""
    bed.server.text = decision("route_answer", entry_id="vpn-access")
    brain = bed.brain()
    prepared = brain.prepare(given("Who hands out access?", thread=thread))
    assert isinstance(prepared, Prepared)
    alike = replace(prepared, fallback=Plan(ESCALATES, "several-candidates"))
    assert brain.consult(alike).plan.reason == reason


@pytest.mark.parametrize(
    ("sender", "reason"),
    [("alice", "reply-echo"), ("ops-warden", "model-reply")],
)
def test_words_of_the_sender_in_the_thread_are_not_said_again(bed: Bed, sender: str, reason: str) -> None:
    """What the sender dictated in an earlier message is no reply to a later one; what we wrote ourselves may be said again."""
    said = "the purple door is kept closed at night by the caretaker"
    bed.server.text = json.dumps({"action": {"kind": "reply", "body": f"As was said, {said}."}})
    earlier = (mail("Something else. " * 5_000, sender=sender, number="00"), mail(said, sender=sender, number="0"))
    assert bed.brain().propose(given("Who keeps the purple door closed?", thread=earlier)).reason == reason


def test_a_reply_that_promises_an_act_is_refused(bed: Bed) -> None:
    """A model that reads a request to act, and answers it all the same, is not believed."""
    bed.server.text = json.dumps(
        {"asks": "to_act_or_decide", "action": {"kind": "reply", "body": "Yes, I can approve your holiday."}}
    )
    found = ask(bed.brain())
    assert (found.plan.actions, found.plan.reason) == (ESCALATES, "answer-inconsistent")


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("length", "answer-cut"),
        ("content_filter", "answer-declined"),
        ("tool_calls", "answer-tool"),
        ("odd", "answer-cut"),
    ],
)
def test_an_unfinished_answer_is_no_plan_even_when_it_parses(bed: Bed, finish: str, reason: str) -> None:
    """Why the model stopped counts before what it wrote, also when the answer is used again."""
    bed.server.script.append(Scripted(completion("openai", decision("mark_read"), finish)))
    found = ask(bed.brain(), "Thanks a lot")
    assert (found.plan.actions, found.plan.reason) == (ESCALATES, reason)


def test_a_leaked_canary_is_refused_and_not_kept(bed: Bed) -> None:
    """A model that writes down its session mark gave away its prompt: nothing of the answer is kept or used."""
    canary = f"{2:024x}".replace("0", "a")
    bed.server.say(decision("reply", body="mark " + canary.upper()))
    found = ask(bed.brain())
    assert bed.draws.drawn[1] == canary
    assert (found.plan.reason, found.answer is not None and canary in found.answer.lower()) == ("answer-canary", False)


@pytest.mark.parametrize("status", [401, 400, 500, 429])
@pytest.mark.parametrize("rules_first", [True, False])
def test_a_model_that_fails_leaves_the_message_to_the_rules(bed: Bed, status: int, rules_first: bool) -> None:
    """No answer: the rules' plan, or an escalation that names the reason; nothing is kept, so it can be asked again."""
    bed.server.script.extend([Scripted(b"{}", status, headers={"Retry-After": "99"})] * 30)
    brain = bed.brain(rules_first)
    found = ask(brain)
    assert (found.plan.actions, found.plan.reason, found.answer) == (ESCALATES, found.fallback_reason, None)
    assert found.fallback_reason in NOT_ASKED
    assert bool(found.alert) == (status == 401)
    if not rules_first:
        answered = ask(brain, "Who hands out VPN access?")
        assert answered.plan.actions == (PlannedAction("route_answer", {"entry_id": "vpn-access"}),)
        assert answered.fallback_reason in NOT_ASKED


def test_a_spent_budget_asks_nobody(bed: Bed) -> None:
    """Declined for any reason, a message gets the rules' plan or an escalation with that reason, and costs nothing."""
    brain = bed.brain()
    prepared = brain.prepare(given())
    assert isinstance(prepared, Prepared)
    found = brain.decline(prepared, "budget-spent")
    assert (found.plan.actions, found.plan.reason, found.usage.calls) == (ESCALATES, "budget-spent", 0)
    assert bed.server.requests == []


def test_the_estimate_is_no_less_than_what_a_call_uses(bed: Bed) -> None:
    """The estimate covers the prompt as it is sent and the longest answer."""
    brain = bed.brain()
    prepared = brain.prepare(given("a b " * 2000, thread=(mail("c " * 500),)))
    assert isinstance(prepared, Prepared)
    bed.server.script.append(Scripted(completion("openai", "x", tokens=None)))
    used = brain.consult(prepared).usage
    assert used.prompt_tokens <= prepared.estimate.prompt_tokens
    assert used.completion_tokens <= prepared.estimate.completion_tokens


@pytest.mark.parametrize(
    "kept", ["", "null", "[]", "{}", '{"finish": "x", "text": ""}', '{"finish": "stop", "text": 5}', "[" * 9999]
)
def test_a_kept_answer_that_is_not_ours_is_refused(bed: Bed, kept: str) -> None:
    """Damage to a kept answer ends in an escalation."""
    brain = bed.brain()
    prepared = brain.prepare(given())
    assert isinstance(prepared, Prepared)
    assert brain.replay(prepared, kept).plan.reason == "answer-kept"


def test_a_guard_that_breaks_shows_the_model_nothing(bed: Bed) -> None:
    """When redacting fails, the message goes to a person; when it fails on the answer, the answer is not used."""
    brain = bed.brain()
    prepared = brain.prepare(given())
    assert isinstance(prepared, Prepared)

    def broken(text: str) -> tuple[str, dict[str, int]]:
        raise RuntimeError("broken")

    bed.redact = broken
    unprepared = bed.brain().prepare(given())
    assert isinstance(unprepared, Plan)
    assert (unprepared.actions, unprepared.reason) == (ESCALATES, "brain-failed")
    assert bed.server.requests == []
    found = bed.brain().consult(prepared)
    assert (found.plan.actions, found.plan.reason, found.answer) == (ESCALATES, "brain-failed", None)
    assert found.usage == prepared.estimate


def test_names_and_digests_tell_brains_apart(bed: Bed) -> None:
    """Another model, length, seed, host or order of rules is another brain."""
    brains = [bed.brain(), bed.brain(True), bed.brain(seed=1), bed.brain(link_hosts=("a.b",)), bed.brain(max_tokens=9)]
    assert len({brain.digest for brain in brains}) == 5
    assert (brains[0].name, brains[1].name, brains[0].model) == ("llm", "auto", "openai/fake")
    assert bed.brain().digest == brains[0].digest


_FIELD = st.sampled_from(["action", "kind", "body", "entry_id", "to", "template", "reason"])
_VALUE = (
    st.sampled_from(["reply", "route_answer", "vpn-access", "mark_read", "escalate", "unsure", "status_received"])
    | st.text()
)
_OBJECT = st.recursive(
    _VALUE | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(_FIELD, inner)
)
_ANSWER = st.text() | _OBJECT.map(json.dumps) | st.text().map(lambda body: json.dumps({"kind": "reply", "body": body}))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@examples(_ANSWER, st.text(max_size=200))
def test_whatever_a_model_writes_stays_inside(bed: Bed, answer: str, body: str) -> None:
    """A hostile model gets five kinds of plan at most, with a reply that the fence let through, and never an exception."""
    bed.server.say(answer)
    brain = bed.brain(failures_to_open=10**9)
    prepared = brain.prepare(given(body))
    found = brain.consult(prepared) if isinstance(prepared, Prepared) else None
    plan = prepared if isinstance(prepared, Plan) else brain.consult(prepared).plan if found is None else found.plan
    assert {action.kind for action in plan.actions} <= {
        "route_answer",
        "reply",
        "progress_note",
        "mark_read",
        "escalate",
    }
    assert plan.reason in {**DECIDED, **REFUSED}
    for action in plan.actions:
        if action.kind == "reply":
            assert brain._fence.objection(str(action.arguments["body"])) == ""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@examples(
    st.binary(),
    st.sampled_from([200, 400, 401, 500, 302, 204]),
    st.sampled_from(["openai", "anthropic", "llm-connect"]),
)
def test_whatever_a_server_sends_becomes_a_plan(bed: Bed, data: bytes, status: int, provider: str) -> None:
    """Any bytes under any status from any kind of server end in an escalation, and nothing raises."""
    bed.provider = provider
    bed.server.script.extend([Scripted(data, status)] * 9)
    plan = bed.brain(retries=0).propose(given())
    bed.server.script.clear()
    assert plan.actions == ESCALATES
