"""A saved plan is carried out as it was shown, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enginebed import AGENT, ANSWER, CATALOG, Bed, answering, charter_kernel, escalating, planning, with_content
from warden.errors import HubNotFoundError, HubUnreachableError, PlanOriginError, TransitionError
from warden.model.catalog import Catalog, CatalogEntry
from warden.model.disposition import Disposition
from warden.model.entry import Batch, Entry
from warden.model.hub import HubTraits
from warden.model.message import Message
from warden.policy import Kernel
from warden.testing.engine import ScriptedBrain

DAY_S = 86400.0


def test_a_plan_is_carried_out_without_asking_the_brain() -> None:
    """Applying delivers exactly the texts of the plan; the brain's present opinion does not matter."""
    bed = Bed(planning(("reply", {"body": "As planned."})))
    bed.send()
    bed.send(sender="other")
    plan = bed.plan()
    asked = bed.brain.asked  # type: ignore[attr-defined]
    bed.answer = escalating
    report = bed.apply(plan)
    assert (report.mode, report.exit_status, report.counts) == ("apply", 0, {"answered": 2})
    assert [message.content.body for message in bed.replies()] == ["As planned."] * 2
    assert bed.brain.asked == asked  # type: ignore[attr-defined]


def test_a_plan_foresees_what_it_does() -> None:
    """The dispositions in the plan are those that applying it gives."""
    bed = Bed(lambda given: answering(given) if given.message.sender.name == "a" else escalating(given))
    bed.send(sender="a")
    bed.send(sender="b")
    plan = bed.plan()
    bed.apply(plan)
    assert [item.disposition for item in plan.items] == ["answered", "escalated"]
    assert [bed.disposition(item.message_id) for item in plan.items] == ["answered", "escalated"]


def test_an_empty_inbox_gives_a_plan_that_can_be_applied() -> None:
    """A plan of nothing is a plan: applying it does nothing and succeeds."""
    bed = Bed()
    plan = bed.plan()
    assert plan.items == ()
    assert bed.apply(plan).exit_status == 0


def test_a_plan_that_this_ledger_does_not_know_is_refused() -> None:
    """A plan that was made elsewhere, or edited by hand in any place, is no plan."""
    bed, other = Bed(), Bed()
    bed.send()
    other.send()
    plan = bed.plan()
    edited = replace(plan, items=(replace(plan.items[0], detail="edited"),))
    for foreign in (edited, replace(plan, items=()), replace(plan, header=replace(plan.header, brain="x"))):
        with pytest.raises(PlanOriginError):
            bed.apply(foreign)
    with pytest.raises(PlanOriginError):
        Bed().apply(plan)
    assert bed.replies() == []


def test_a_plan_is_applied_once() -> None:
    """The second application of a plan is refused, also when the first one could not deliver."""
    bed = Bed()
    bed.send()
    plan = bed.plan()
    bed.faults.plan("post_message", HubUnreachableError("down"))
    assert bed.apply(plan).exit_status == 3
    with pytest.raises(PlanOriginError, match="applied before"):
        bed.apply(plan)


def test_two_runs_that_race_for_a_plan_apply_it_once() -> None:
    """When another process applies the plan between our check and our first entry, the ledger refuses ours."""
    bed = Bed()
    bed.send()
    plan = bed.plan()
    traits = bed.hub.traits

    def slow() -> HubTraits:
        started = Entry("plan_applied", {"run_id": "run-other", "plan_digest": plan.digest})
        bed.store.commit(Batch((started,)))
        bed.hub.traits = traits  # type: ignore[method-assign]
        return traits()

    bed.channels = bed.parts(True).channels
    bed.hub.traits = slow  # type: ignore[method-assign]
    with pytest.raises(TransitionError):
        bed.apply(plan)
    assert bed.replies() == []


@pytest.mark.parametrize(("age_s", "fresh"), [(DAY_S, True), (DAY_S + 1, False), (-DAY_S, True)])
def test_a_plan_is_refused_after_a_day(age_s: float, fresh: bool) -> None:
    """A plan holds for 24 hours; a clock that was set back does not make it too old."""
    bed = Bed()
    bed.send()
    plan = bed.plan()
    bed.clock.advance(age_s)
    if fresh:
        assert bed.apply(plan).counts == {"answered": 1}
    else:
        with pytest.raises(PlanOriginError, match="24 hours"):
            bed.apply(plan)


@pytest.mark.parametrize("part", ["agent", "hub_id"])
def test_a_plan_for_another_inbox_is_refused(part: str) -> None:
    """A plan for another agent or another hub of the same ledger is not carried out here, and is not used up."""
    bed = Bed()
    bed.send()
    plan = bed.plan()
    if part == "hub_id":
        bed.hub._traits = replace(bed.traits, hub_id="hub-2")
        with pytest.raises(PlanOriginError, match="another hub"):
            bed.apply(plan)
        bed.hub._traits = bed.traits
    else:
        with pytest.raises(PlanOriginError, match="another agent"):
            bed.apply(plan, agent="somebody-else")
    assert bed.apply(plan).counts == {"answered": 1}


def changed_catalogue(bed: Bed) -> None:
    """The catalogue changes."""
    entry = CatalogEntry("ssh-cert", "SSH certificates", AGENT, ANSWER + " Really.")
    bed.catalog = Catalog((entry,), "sha256:" + "d" * 64)


def changed_snapshot(bed: Bed) -> None:
    """A limit of the policy changes."""
    charter = charter_kernel().charter
    bed.kernel = Kernel(charter, (), {"actions_per_run": 10})


def changed_brain(bed: Bed) -> None:
    """The brain changes."""
    brain = ScriptedBrain(answering)
    brain.digest = "sha256:" + "e" * 64
    bed.brain = brain


@pytest.mark.parametrize("change", [changed_catalogue, changed_snapshot, changed_brain])
def test_a_plan_whose_ground_has_changed_is_stale(change: object) -> None:
    """When catalogue, policy or brain are not those of the plan, nothing of it is carried out, and it is used up."""
    bed = Bed()
    bed.send()
    plan = bed.plan()
    change(bed)  # type: ignore[operator]
    report = bed.apply(plan)
    assert (report.exit_status, report.counts) == (3, {"stale": 1})
    assert bed.report("m1").stale
    assert bed.report("m1").detail.startswith("changed since: ")
    assert bed.replies() == []
    assert bed.disposition("m1") is None


def test_items_that_do_not_hold_any_more_are_stale_and_the_others_are_carried_out() -> None:
    """A message that is gone, changed, decided, unreadable or whose actions differ is left; the rest is done."""
    bed = Bed()
    for sender in ("a", "b", "c", "d", "e"):
        bed.send(sender=sender)
    plan = bed.plan()
    bed.execute(limit=1)

    def changed(message: Message) -> Message:
        if message.key.message_id == "m2":
            raise HubNotFoundError("gone")
        return {
            "m3": with_content(message, body="changed"),
            "m4": with_content(message, thread_id="t\x00"),
        }.get(message.key.message_id, message)

    bed.hub.fetched = changed
    report = bed.apply(plan)
    assert report.exit_status == 3
    assert report.counts == {"answered": 1, "stale": 4}
    why = {item.message_id: item.detail for item in bed.reports.messages if item.stale}
    assert why == {
        "m1": "decided since",
        "m2": "the hub has no such message any more",
        "m3": "the message has changed",
        "m4": "cannot be read any more",
    }
    assert [message.content.in_reply_to for message in bed.replies()] == ["m1", "m5"]


def test_an_item_whose_final_text_would_differ_is_stale() -> None:
    """When judging anew gives other actions than the plan showed, they are not carried out."""
    bed = Bed()
    bed.send()
    plan = bed.plan()
    entry = CatalogEntry("ssh-cert", "SSH certificates", AGENT, "Something else.")
    bed.catalog = Catalog((entry,), CATALOG.digest)
    report = bed.apply(plan)
    assert (report.exit_status, report.counts) == (3, {"stale": 1})
    assert bed.report("m1").detail == "the actions have changed"
    assert bed.replies() == []


def test_a_message_that_waits_behind_its_thread_waits_in_an_applied_plan_too() -> None:
    """An item whose thread has a delivery that must be tried again does not overtake it."""
    bed = Bed()
    bed.send()
    bed.send(thread="t1")
    plan_of_both = bed.plan()
    bed.faults.plan("post_message", HubUnreachableError("down"))
    bed.execute(limit=1)
    report = bed.apply(plan_of_both)
    assert report.counts == {"stale": 1, "waiting": 1}
    assert bed.replies() == []


def test_a_hub_that_fails_while_a_plan_is_applied_ends_the_run_and_says_so() -> None:
    """An unreachable hub ends the run with its error; the run's end is in the ledger."""
    bed = Bed()
    bed.send()
    plan = bed.plan()
    bed.faults.plan("get_message", HubUnreachableError("down"))
    with pytest.raises(HubUnreachableError):
        bed.apply(plan)
    assert bed.entries("run_finished")[-1]["stopped"] == "hub-unreachable"
    assert bed.disposition("m1") is None
    assert bed.execute().counts == {"answered": 1}
    assert bed.disposition("m1") is Disposition.ANSWERED
