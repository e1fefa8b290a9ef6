"""What a brain may answer: nothing of it is believed, and nothing of it ends a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from enginebed import SECRET, Bed, planning
from warden.engine.proposal import PlanBrain
from warden.errors import BrainError
from warden.model.disposition import Disposition
from warden.model.plan import Candidate, Plan, PlannedAction


class Trap(Mapping[str, object]):
    """A mapping that breaks when it is read."""

    def __getitem__(self, name: str) -> object:
        raise RuntimeError("no")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no")

    def __len__(self) -> int:
        return 1


ESCALATE = (PlannedAction("escalate"),)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "escalate",
        42,
        Plan(None, "r"),  # type: ignore[arg-type]
        Plan([PlannedAction("reply")], "r"),  # type: ignore[arg-type]
        Plan(("reply",), "r"),  # type: ignore[arg-type]
        Plan((), "nothing"),
        Plan((PlannedAction(None),), "r"),  # type: ignore[arg-type]
        Plan((PlannedAction("reply", None),), "r"),  # type: ignore[arg-type]
        Plan((PlannedAction("reply", Trap()),), "r"),
        Plan((PlannedAction("x" * 1000),), "r"),
        Plan((PlannedAction(SECRET),), "r"),
        Plan((PlannedAction("delete_repository"),), "r"),
        Plan((PlannedAction("skip"),), "r"),
        Plan((PlannedAction("skip"), PlannedAction("mark_read")), "r"),
        Plan((PlannedAction("mark_read"), PlannedAction("escalate")), "r"),
        Plan((PlannedAction("mark_read"), PlannedAction("mark_read")), "r"),
        Plan(ESCALATE, None),  # type: ignore[arg-type]
        Plan(ESCALATE, "not a code!"),
        Plan(ESCALATE, "r", None),  # type: ignore[arg-type]
        Plan(ESCALATE, "r", "a\ud800b\x00\u202e"),
        Plan(ESCALATE, "r", "x" * 10_000),
        Plan(ESCALATE, "r", "", 7),  # type: ignore[arg-type]
        Plan(ESCALATE, "r", "", "no-such-entry"),
        Plan(ESCALATE, "r", "", None, None),  # type: ignore[arg-type]
        Plan(ESCALATE, "r", "", None, ("ssh-cert",)),  # type: ignore[arg-type]
        Plan(ESCALATE, "r", "", None, (Candidate("ssh-cert", 10**30),)),
        Plan(ESCALATE, "r", "", None, (Candidate("ssh-cert", 0.5),)),  # type: ignore[arg-type]
        Plan(ESCALATE, "r", "", None, (Candidate(None, 1),)),  # type: ignore[arg-type]
        Plan(ESCALATE, "r", "", None, (Candidate("ssh-cert", 1, None),)),  # type: ignore[arg-type]
        Plan(tuple(PlannedAction("escalate") for _ in range(5000)), "r"),
    ],
)
def test_garbage_escalates_in_every_mode(answer: Any) -> None:
    """Garbage from a brain becomes an escalation that a dry run shows and an executing run records."""
    bed = Bed(lambda given: answer)
    bed.send()
    plan = bed.plan()
    assert bed.report("m1").disposition is Disposition.ESCALATED
    assert plan.digest.startswith("sha256:")
    bed.apply(plan)
    assert bed.disposition("m1") is Disposition.ESCALATED
    assert bed.replies() == []
    assert not bed.hub.is_read("m1")
    assert SECRET not in str(bed.entries())
    directly = Bed(lambda given: answer)
    directly.send()
    directly.execute()
    assert directly.disposition("m1") is Disposition.ESCALATED


@pytest.mark.parametrize("kind", ["propose_catalog_diff", "change_code", "change_routing", "change_config"])
def test_what_is_for_review_is_held_and_never_carried_out(kind: str) -> None:
    """An action of the review tier waits for a person, also in an executing run, and tells the hub nothing."""
    bed = Bed(planning((kind, {"diff": "x"}), ("mark_read", {})))
    bed.send()
    bed.execute()
    assert bed.disposition("m1") is Disposition.HELD
    assert bed.outbox() == {}
    assert not bed.hub.is_read("m1")


@pytest.mark.parametrize("error", [BrainError("no model"), RuntimeError(SECRET), RecursionError(), MemoryError()])
def test_a_brain_that_raises_escalates(error: Exception) -> None:
    """Whatever a brain raises, the message goes to a person and the error's text goes nowhere."""

    def raising(given: object) -> Plan:
        raise error

    bed = Bed(raising)
    bed.send()
    assert bed.execute().counts == {"escalated": 1, "faults": 1}
    assert bed.report("m1").reason == "brain-failed"
    assert SECRET not in str(bed.entries()) + str(bed.reports.messages)


@pytest.mark.parametrize(
    "plan",
    [
        Plan(ESCALATE, "r", f"the token is {SECRET}"),
        Plan(ESCALATE, "sk-ant-api03-" + "a1b2c3d4" * 6),
        Plan(ESCALATE, "r", "", None, (Candidate("ssh-cert", 1, (SECRET,)),)),
        Plan(ESCALATE, "r", "", None, (Candidate(SECRET, 1),)),
        Plan((PlannedAction("reply", {"body": SECRET}),), "r"),
        Plan((PlannedAction("reply", {"body": "fine"}), PlannedAction("reply", {"body": SECRET})), "r"),
        Plan((PlannedAction("reply", {"body": "fine"}), PlannedAction("reply", {SECRET: "x"})), "r"),
        Plan((PlannedAction("escalate", {"note": SECRET}),), "r"),
    ],
)
def test_a_secret_in_a_plan_goes_nowhere(plan: Plan) -> None:
    """A secret in any field of a plan reaches no ledger, no blob, no report, no saved plan and no delivery."""
    bed = Bed(lambda given: plan)
    bed.send()
    saved = bed.plan()
    shown = str(bed.reports.messages)
    bed.execute()
    kept = bed.store.read(lambda connection: connection.execute("SELECT bytes FROM blobs").fetchall())
    secrets = (SECRET, "sk-ant-api03-" + "a1b2c3d4" * 6)
    everything = shown + str(saved) + str(bed.reports.messages) + str(bed.entries()) + str(kept) + str(bed.events())
    assert not any(secret in everything for secret in secrets)
    assert bed.replies() == []
    assert bed.disposition("m1") is Disposition.ESCALATED


def test_a_plan_with_more_actions_than_allowed_is_escalated_whole() -> None:
    """Nine actions are one too many: none of them is carried out."""
    bed = Bed(planning(*[("mark_read", {})] + [(f"kind_{number}", {}) for number in range(8)]))
    bed.send()
    bed.execute()
    assert bed.disposition("m1") is Disposition.ESCALATED
    assert not bed.hub.is_read("m1")


def test_a_kind_that_is_a_secret_is_written_down_as_unknown() -> None:
    """A kind may be any word, but not one that the guard takes for a credential."""
    kind = "ghp_" + "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8"
    bed = Bed(planning((kind, {})))
    bed.send()
    bed.execute()
    assert kind not in str(bed.entries()) + str(bed.reports.messages)
    assert bed.report("m1").actions[0].kind == "unknown"


def test_a_harmless_kind_that_nobody_knows_is_written_down_by_its_name() -> None:
    """Whoever reads the ledger sees what the brain wanted; it is carried out all the less."""
    bed = Bed(planning(("launch_rocket", {})))
    bed.send()
    bed.execute()
    assert bed.report("m1").actions[0].kind == "launch_rocket"
    assert [entry["kind"] for entry in bed.entries("decided")][:1] == ["launch_rocket"]
    assert bed.disposition("m1") is Disposition.ESCALATED


def test_a_saved_plan_escalates_a_message_that_it_does_not_name() -> None:
    """The brain of a saved plan has an opinion on its own messages only."""
    bed = Bed()
    bed.send()
    bed.brain = PlanBrain("plan", "sha256:" + "a" * 64, ())
    bed.execute()
    assert (bed.disposition("m1"), bed.report("m1").reason) == (Disposition.ESCALATED, "not-in-plan")
