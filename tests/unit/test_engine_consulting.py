"""Asking a model through the engine: kept answers, budgets, what is written, and what happens when it cannot be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from consultbed import model_bed
from enginebed import AGENT, SECRET, SENDER, charter_kernel, traits_with
from warden.documents.bundle import load_bundle
from warden.engine.parts import Asking
from warden.engine.purse import Purse
from warden.errors import EXIT_CREDENTIAL, EXIT_DONE, EXIT_TERMINATED, HubUnreachableError
from warden.model.budget import Budget, Limit, Span
from warden.model.consultation import Consultation, Prepared, Usage
from warden.model.digests import digest_text
from warden.model.disposition import Disposition
from warden.model.entry import Batch
from warden.model.message import BrainInput
from warden.model.plan import Plan
from warden.testing.consultation import USED, ScriptedModel
from warden.testing.engine import Killed, Patience, plan_of
from warden.testing.ledger import Story, model_asked

HELD, ESCALATED, ANSWERED = Disposition.HELD, Disposition.ESCALATED, Disposition.ANSWERED


def test_execute_carries_out_what_the_dry_run_showed() -> None:
    """The answer of a dry run is kept and used by the executing run; the model, which would change its mind, is asked once."""
    answers = iter(["Ask platform-ops.", "Ask somebody else."])
    model = ScriptedModel(lambda given: next(answers))
    bed = model_bed(model)
    bed.send()
    shown = bed.dry()
    assert bed.report("m1").actions[0].body == "Ask platform-ops."
    done = bed.execute()
    assert [message.content.body for message in bed.replies(SENDER)] == ["Ask platform-ops."]
    assert model.asked == ["m1"]
    assert (shown.counts["asked"], done.counts["replayed"], "asked" in done.counts) == (1, 1, False)


def test_a_dry_run_leaves_the_answer_and_what_it_cost_and_nothing_else() -> None:
    """A dry run with a model writes the run's own entries, what the model was asked and its answer, and changes nothing."""
    bed = model_bed()
    bed.send()
    before = bed.hub.get_thread(AGENT, "t1")
    bed.dry()
    kinds = [entry["entry"] for entry in bed.entries()]
    assert kinds == ["log_started", "run_started", "model_asked", "answer_kept", "run_finished"]
    assert (bed.disposition("m1"), bed.outbox(), bed.hub.get_thread(AGENT, "t1")) == (None, {}, before)
    assert bed.hub.is_read("m1") is False


def test_what_is_written_of_a_question() -> None:
    """The ledger knows what a model was shown as digests and sizes, what that used, and no word of it; the texts are blobs."""
    bed = model_bed()
    bed.send(body="Where do I get a certificate?")
    bed.execute()
    (asked,) = bed.entries("model_asked")
    digest = digest_text("Where do I get a certificate?")
    assert asked["layers"] == [{"name": "message", "digest": digest, "size_bytes": 29, "cut": False, "redactions": {}}]
    assert bed.store.blob(digest) == b"Where do I get a certificate?"
    assert (asked["model"], asked["outcome"], asked["sender"]) == ("scripted/model", "answered", SENDER)
    assert [asked[name] for name in ("calls", "prompt_tokens", "completion_tokens", "cost_microunits", "wall_ms")] == [
        1,
        80,
        10,
        9,
        400,
    ]
    (kept,) = bed.entries("answer_kept")
    assert kept["input_digest"] == asked["input_digest"]
    assert bed.store.answer(kept["input_digest"]) == b"Ask platform-ops."
    assert "certificate" not in str(bed.entries()), "an entry never holds text"


def test_the_answer_is_durable_before_it_is_used() -> None:
    """When the process dies after the answer was kept, the next run replays it; dying before that costs one more call."""

    class Dying(ScriptedModel):
        def consult(self, prepared: Prepared) -> Consultation:
            found = super().consult(prepared)
            if len(self.asked) == 1:
                raise Killed
            return found

    model = Dying()
    bed = model_bed(model)
    bed.send()
    with pytest.raises(Killed):
        bed.execute()
    assert bed.entries("model_asked", "answer_kept") == []
    bed.faults.plan("post_message", Killed())
    with pytest.raises(Killed):
        bed.execute()
    assert [entry["entry"] for entry in bed.entries("model_asked", "answer_kept", "intended")][:3] == [
        "model_asked",
        "answer_kept",
        "intended",
    ]
    bed.execute()
    assert model.asked == ["m1", "m1"]
    assert bed.disposition("m1") is ANSWERED


def test_rules_answer_without_a_question() -> None:
    """What the rules decide is not asked, and mail that no brain may see is skipped before that."""
    model = ScriptedModel()
    model.rules = lambda given: plan_of("mark_read") if given.message.content.body == "thanks" else None
    bed = model_bed(model)
    bed.send(body="thanks")
    bed.send(metadata={"auto-submitted": "auto-replied"})
    bed.send()
    bed.execute()
    assert [bed.disposition(f"m{n}") for n in (1, 2, 3)] == [Disposition.READ, Disposition.SKIPPED, ANSWERED]
    assert model.asked == ["m3"]


def test_drafts_name_their_writer_and_wait_for_a_person_where_senders_are_not_vouched_for() -> None:
    """A model's reply carries `drafted_by`; on a hub without authenticated senders it is held for approval."""
    bed = model_bed()
    bed.send()
    bed.execute()
    assert bed.replies(SENDER)[0].content.metadata["drafted_by"] == "llm"
    open_hub = model_bed(traits=traits_with(authenticated_senders=False))
    open_hub.send()
    open_hub.execute()
    record = open_hub.record("m1")
    assert record is not None
    assert (record.disposition, record.reason, open_hub.replies()) == (HELD, "approval", [])
    assert "charter/draft-unauthenticated-hub" in open_hub.report("m1").actions[0].rule_ids


class WidePool:
    """Remembers how many tasks it was given at once."""

    def __init__(self) -> None:
        self.widths: list[int] = []

    def run(self, tasks: Any) -> list[Any]:
        """Run the tasks in order."""
        self.widths.append(len(tasks))
        return [task() for task in tasks]

    def start(self, tasks: Any) -> Callable[[], list[Any]]:
        """Run the tasks now."""
        results = [task() for task in tasks]
        return lambda: results


def test_rounds_are_as_wide_as_allowed_and_plans_stay_in_order() -> None:
    """Five questions, three at a time, are two rounds; the plans come out in the order of the inbox."""
    pool = WidePool()
    bed = model_bed(parallel=3, pool=pool)
    for _ in range(5):
        bed.send()
    bed.dry()
    assert pool.widths == [3, 2]
    assert [report.message_id for report in bed.reports.messages] == ["m1", "m2", "m3", "m4", "m5"]


def test_a_stop_between_rounds_leaves_the_rest_unplanned() -> None:
    """What was answered is kept, what was not is left for the next run, and nothing behind it is carried out."""
    model = ScriptedModel()
    model.rules = lambda given: plan_of("mark_read") if given.message.content.body == "thanks" else None
    bed = model_bed(model)
    for body in ("one?", "two?", "thanks"):
        bed.send(body=body)
    bed.stop = Patience(2)
    assert bed.execute().exit_status == EXIT_TERMINATED
    assert model.asked == ["m1"]
    assert [bed.disposition(f"m{n}") for n in (2, 3)] == [None, None]
    bed.stop = Patience()
    bed.execute()
    assert model.asked == ["m1", "m2"]
    assert [bed.disposition(f"m{n}") for n in (1, 2, 3)] == [ANSWERED, ANSWERED, Disposition.READ]


def test_a_question_that_a_stop_cut_short_is_asked_again() -> None:
    """A stop while a question is on its way leaves its message to the next run, and does not escalate it."""
    model = ScriptedModel()
    bed = model_bed(model)
    bed.send()

    class Stopping(Patience):
        def requested(self) -> str:
            return "interrupted" if model.asked else ""

    model.script = lambda given: None
    bed.stop = Stopping()
    bed.execute()
    assert (bed.disposition("m1"), model.asked) == (None, ["m1"])
    assert bed.store.spending(bed.clock.now()).used == USED
    bed.stop, model.script = Patience(), lambda given: "Here."
    bed.execute()
    assert bed.disposition("m1") is ANSWERED


def test_no_answer_is_not_kept() -> None:
    """When the model gives nothing, the fallback is used, what it used is counted, and a later question may be asked again."""
    model = ScriptedModel(lambda given: None)
    bed = model_bed(model)
    bed.send()
    bed.dry()
    assert bed.report("m1").disposition is ESCALATED
    (asked,) = bed.entries("model_asked")
    assert (asked["outcome"], bed.entries("answer_kept")) == ("model-unreachable", [])
    assert bed.entries("run_finished")[0]["counts"]["faults"] == 1, "no evidence of what unattended passes will do"
    model.script = lambda given: "Now there is one."
    bed.execute()
    assert (model.asked, bed.disposition("m1")) == (["m1", "m1"], ANSWERED)


def test_a_refused_credential_escalates_what_only_the_model_could_answer() -> None:
    """When the model refuses our key: no further question, one alert, exit 7, and the rest is escalated with the reason."""
    model = ScriptedModel(lambda given: None)
    model.alert = "the model refuses our credential: renew it\n"
    bed = model_bed(model)
    for _ in range(3):
        bed.send()
    report = bed.execute()
    assert (report.exit_status, bed.reports.alerts, model.asked) == (EXIT_CREDENTIAL, [model.alert], ["m1"])
    assert [(bed.report(f"m{n}").disposition, bed.report(f"m{n}").reason) for n in (1, 2, 3)] == [
        (ESCALATED, "model-credential")
    ] * 3
    (alert,) = bed.entries("alert_raised")
    assert alert["code"] == "model"
    assert report.counts["faults"] == 3, "no evidence of what unattended passes will do"
    assert bed.execute().exit_status == EXIT_DONE, "what is with a person is not planned again"


def test_a_question_that_never_left_is_not_told_as_asked() -> None:
    """A model that is left alone for a while (no call was made) was asked about no message."""
    model = ScriptedModel(lambda given: None)
    model.used = Usage()
    bed = model_bed(model)
    bed.send()
    assert bed.execute().counts.get("asked", 0) == 0
    model.used = USED
    bed.send()
    assert bed.execute().counts["asked"] == 1


def test_what_failed_beside_a_refused_credential_has_the_same_reason() -> None:
    """Of two questions side by side one is refused for our key and the other fails otherwise: both say what to do."""

    class HalfRefused(ScriptedModel):
        def consult(self, prepared: Prepared) -> Consultation:
            self.alert = "renew the key" if not self.asked else ""
            return super().consult(prepared)

    bed = model_bed(HalfRefused(lambda given: None), parallel=2)
    for _ in range(2):
        bed.send()
    assert bed.execute().exit_status == EXIT_CREDENTIAL
    assert [bed.record(f"m{n}").reason for n in (1, 2)] == ["model-credential"] * 2  # type: ignore[union-attr]
    assert [entry["outcome"] for entry in bed.entries("model_asked")] == ["model-credential", "model-unreachable"]


def test_an_alert_without_a_reason_stops_the_questions_all_the_same() -> None:
    """A brain that alerts and names no reason is asked no more in the run; what it was not asked about is escalated."""

    class Mute(ScriptedModel):
        def consult(self, prepared: Prepared) -> Consultation:
            return replace(super().consult(prepared), alert="renew the key", fallback_reason="")

    bed = model_bed(model := Mute(lambda given: None))
    for _ in range(2):
        bed.send()
    assert bed.execute().exit_status == EXIT_CREDENTIAL
    assert (model.asked, bed.record("m2").reason) == (["m1"], "brain-failed")  # type: ignore[union-attr]


def test_a_refused_credential_leaves_the_rules_in_charge() -> None:
    """What the rules can answer is answered although the model refuses our key, in a dry run as well as in an executing one."""
    model = ScriptedModel(lambda given: None)
    model.alert = "renew the key"
    model.fallback = plan_of("route_answer", entry_id="ssh-cert")
    bed = model_bed(model, parallel=2)
    for _ in range(3):
        bed.send()
    assert bed.dry().exit_status == EXIT_CREDENTIAL
    assert bed.execute().exit_status == EXIT_CREDENTIAL
    assert [bed.disposition(f"m{n}") for n in (1, 2, 3)] == [ANSWERED] * 3


class Broken(ScriptedModel):
    """A brain that breaks at one step, with the given error."""

    def __init__(self, step: str) -> None:
        super().__init__()
        self._step = step

    def prepare(self, given: BrainInput) -> Prepared | Plan:
        """Break, or prepare."""
        self._break("prepare")
        return super().prepare(given)

    def consult(self, prepared: Prepared) -> Consultation:
        """Break, or consult."""
        self._break("consult")
        return super().consult(prepared)

    def replay(self, prepared: Prepared, answer: str) -> Consultation:
        """Break, or replay."""
        self._break("replay")
        return super().replay(prepared, answer)

    def decline(self, prepared: Prepared, reason: str) -> Consultation:
        """Break, or decline."""
        self._break("decline")
        return super().decline(prepared, reason)

    def _break(self, step: str) -> None:
        if step == self._step:
            raise RuntimeError("boom")


@pytest.mark.parametrize("step", ["prepare", "consult", "replay", "decline"])
def test_a_brain_that_breaks_escalates(step: str) -> None:
    """Whatever a brain raises, at whatever step, the message is escalated and the run goes on."""
    model = Broken(step)
    budget = Budget(run=Limit(calls=0)) if step == "decline" else Budget()
    bed = model_bed(model, budget)
    bed.send()
    if step == "replay":
        bed.dry()
    bed.execute()
    assert (bed.report("m1").disposition, bed.report("m1").reason) == (ESCALATED, "brain-failed")
    assert bed.entries("run_finished")[-1]["counts"]["escalated"] == 1


def test_a_question_that_broke_counts_as_all_it_might_have_used() -> None:
    """Nobody knows what a call used that ended in an error: it counts as the estimate."""
    model = Broken("consult")
    bed = model_bed(model)
    bed.send()
    bed.execute()
    assert bed.store.spending(bed.clock.now()).used == model.estimate


def test_a_brain_that_prepares_garbage_escalates() -> None:
    """What is neither a plan nor a prepared question is no ground for anything."""

    class Garbage(ScriptedModel):
        def prepare(self, given: BrainInput) -> Any:
            return {"plan": "reply"}

    bed = model_bed(Garbage())
    bed.send()
    bed.execute()
    assert bed.report("m1").reason == "brain-answer"


def test_an_answer_with_a_secret_is_not_kept() -> None:
    """INVARIANT (no-secret): an answer in which the guard finds a value is neither kept nor sent."""
    bed = model_bed(ScriptedModel(lambda given: f"Use {SECRET}."))
    bed.send()
    bed.execute()
    assert bed.entries("answer_kept") == []
    assert (bed.report("m1").reason, bed.replies()) == ("refused-secret", [])
    assert SECRET not in str(bed.store.read(lambda connection: list(connection.iterdump())))


def test_a_message_is_asked_about_again_only_when_its_sender_writes_more() -> None:
    """A held message is judged from its kept answer in every run; new mail of its sender in the thread asks anew."""
    model = ScriptedModel(lambda given: f"Answer {len(given.thread)}.")
    model.rules = lambda given: plan_of("escalate", "unclear") if given.message.content.body == "hm" else None
    bed = model_bed(model)
    bed.send(body="one?")
    bed.dry()
    bed.dry()
    assert model.asked == ["m1"]
    bed.send(body="two?", thread="t1")
    bed.execute()
    assert model.asked == ["m1", "m2"]
    assert [message.content.body for message in bed.replies(SENDER)] == ["Answer 0.", "Answer 1."]


def test_an_escalation_that_is_reopened_sees_what_was_added() -> None:
    """A message that is planned again because its sender added to the thread is shown together with what was added."""
    model = ScriptedModel(lambda given: None)
    bed = model_bed(model)
    bed.send(body="one?")
    bed.execute()
    bed.send(body="I mean the host keys.", thread="t1")
    bed.execute()
    bed.execute()
    assert model.asked == ["m1", "m2", "m1"]
    assert [one.content.body for one in model.shown[-1].thread] == ["I mean the host keys."]


def test_a_hub_that_is_away_ends_the_run() -> None:
    """When a conversation cannot be fetched because the hub is away, nothing is asked and nothing is lost."""
    model = ScriptedModel()
    bed = model_bed(model)
    bed.send()
    bed.faults.plan("get_thread", HubUnreachableError("away"))
    with pytest.raises(HubUnreachableError):
        bed.execute()
    assert (model.asked, bed.disposition("m1")) == ([], None)
    bed.execute()
    assert bed.disposition("m1") is ANSWERED


def test_a_saved_plan_carries_out_a_models_draft() -> None:
    """Applying a plan asks nothing: the draft that was shown is sent, byte for byte, under its writer's name."""
    model = ScriptedModel()
    bed = model_bed(model)
    bed.send()
    plan = bed.plan()
    model.script = lambda given: "Something else."
    bed.apply(plan)
    (reply,) = bed.replies(SENDER)
    assert (reply.content.body, reply.content.metadata["drafted_by"]) == ("Ask platform-ops.", "llm")
    assert model.asked == ["m1"]


def test_a_brain_that_replays_garbage_breaks_nothing() -> None:
    """What is not a consultation is an escalation, not a crash."""

    class Forgetful(ScriptedModel):
        def replay(self, prepared: Prepared, answer: str) -> Any:
            return None

    bed = model_bed()
    bed.send()
    bed.dry()
    bed.asking = Asking(Forgetful(), Budget)
    bed.execute()
    assert bed.report("m1").reason == "brain-failed"


def test_what_is_no_consultation_is_a_failure() -> None:
    """A brain that returns garbage instead of a consultation escalates its message, and counts as all it might have used."""

    class Garbled(ScriptedModel):
        def consult(self, prepared: Prepared) -> Any:
            return "ok"

    model = Garbled()
    bed = model_bed(model)
    bed.send()
    bed.execute()
    assert bed.report("m1").reason == "brain-failed"
    assert bed.store.spending(bed.clock.now()).used == model.estimate


def test_two_workers_exceed_a_limit_by_what_is_on_its_way_and_no_more() -> None:
    """INVARIANT (own-count): what another worker has on its way is not known yet; all that it has asked is."""
    bed = model_bed()
    estimate, limits = ScriptedModel().estimate, Budget(hour=Limit(calls=2))
    one, other = (Purse(bed.store, bed.clock, limits, run) for run in ("run-a", "run-b"))
    for purse in (one, one, other, other):
        assert purse.refusal("s", estimate) is None
        purse.take("s", estimate)
    assert one.refusal("s", estimate) is not None
    assert not one.is_spent("s", estimate)
    bed.store.commit(Batch(tuple(model_asked(Story()) for _ in range(4))))
    one.settle()
    other.settle()
    assert one.is_spent("s", estimate)
    refusal = other.refusal("s", estimate)
    assert refusal is not None
    assert (refusal.span, refusal.measure) == (Span.HOUR, "calls")


def test_usage_is_what_was_used_not_what_was_estimated() -> None:
    """The ledger counts what the consultation reports."""
    bed = model_bed()
    bed.send()
    bed.execute()
    assert bed.store.spending(bed.clock.now()).used == USED
    assert bed.store.spending(bed.clock.now(), sender="nobody").used == Usage()


def test_an_operator_can_hold_every_draft() -> None:
    """A policy on the source of the text holds what a model wrote for a person, on a hub that vouches for its senders too."""
    rule = """
version: "1"
default_decision: abstain
rules:
  - id: a-person-reads-drafts
    match:
      topics: [job.warden.reply]
      labels: {text_source: draft}
    decision: require_approval
    reason: a person reads what a model wrote
"""
    bundle = load_bundle(rule.encode(), "drafts.yaml")
    bed = model_bed(kernel=charter_kernel.__wrapped__(bundle))
    bed.send()
    bed.execute()
    record = bed.record("m1")
    assert record is not None
    assert (record.disposition, record.reason, bed.replies()) == (HELD, "approval", [])
