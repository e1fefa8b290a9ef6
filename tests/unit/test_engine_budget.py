"""Budgets of asking a model: counted from the ledger, and checked before the question."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consultbed import model_bed
from enginebed import SENDER
from warden.errors import EXIT_DONE
from warden.model.budget import Budget, Limit
from warden.model.disposition import Disposition
from warden.testing.consultation import ScriptedModel

ESCALATED = Disposition.ESCALATED

LIMITS = {
    "calls of the run": (Budget(run=Limit(calls=2)), "this run for calls"),
    "tokens shown": (Budget(hour=Limit(prompt_tokens=80 + 80 + 99)), "the last hour for prompt tokens"),
    "tokens written": (Budget(day=Limit(completion_tokens=10 + 50)), "the last day for completion tokens"),
    "cost": (Budget(day=Limit(cost_microunits=9 + 20)), "the last day for cost"),
    "time": (Budget(hour=Limit(wall_ms=400 + 1000)), "the last hour for waiting time"),
    "calls for a sender": (Budget(sender=Limit(calls=2)), "this sender for calls"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_spent_budget_escalates_with_the_reason(name: str) -> None:
    """The third question of a sender exceeds each of these budgets: it is not asked, and a person is told which one."""
    budget, told = LIMITS[name]
    model = ScriptedModel()
    bed = model_bed(model, budget)
    for _ in range(3):
        bed.send()
    assert bed.execute().exit_status == EXIT_DONE
    assert model.asked == ["m1", "m2"]
    report = bed.report("m3")
    assert (report.disposition, report.reason) == (ESCALATED, "budget-spent")
    assert told in report.detail


def test_a_budget_of_one_sender_leaves_the_others_alone() -> None:
    """What one sender used up is no other sender's, and a budget frees itself when its window has passed."""
    model = ScriptedModel()
    bed = model_bed(model, Budget(sender=Limit(calls=1)))
    for sender in (SENDER, SENDER, "eve"):
        bed.send(sender)
    bed.execute()
    assert model.asked == ["m1", "m3"]
    bed.clock.advance(24 * 3600 + 1)
    later = bed.send()
    bed.execute()
    assert model.asked == ["m1", "m3", later]


def test_dry_runs_spend_too() -> None:
    """A dry run's questions count against the same budgets."""
    model = ScriptedModel()
    bed = model_bed(model, Budget(hour=Limit(calls=1)))
    bed.send()
    bed.send()
    bed.dry()
    assert [bed.report(f"m{n}").reason for n in (1, 2)] == ["model-reply", "budget-spent"]
    bed.execute()
    assert (model.asked, bed.report("m2").reason) == (["m1"], "budget-spent")


def test_an_unknown_price_exceeds_every_limit_on_cost() -> None:
    """A question whose cost nobody knows is not asked under a budget for cost."""
    model = ScriptedModel()
    model.estimate = replace(model.estimate, cost_microunits=None)
    bed = model_bed(model, Budget(day=Limit(cost_microunits=10**9)))
    bed.send()
    bed.execute()
    assert (model.asked, bed.report("m1").reason) == ([], "budget-spent")


def test_questions_on_their_way_count_against_the_budget() -> None:
    """What fits alone and not beside those on their way waits for the next round; more than the limit is never on its way."""
    model = ScriptedModel()
    budget = Budget(hour=Limit(wall_ms=2_300), sender=Limit(wall_ms=1_500))
    bed = model_bed(model, budget, parallel=4)
    for sender in ("a", "a", "b", "c"):
        bed.send(sender)
    bed.execute()
    assert model.asked == ["m1", "m2", "m3", "m4"]
    commits = [entry["entry"] for entry in bed.entries("model_asked")]
    assert len(commits) == 4
