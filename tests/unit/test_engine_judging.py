"""The enforcement point: an error denies, a constraint is kept or denies, a person's decision is waited for."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import pytest

from enginebed import ANSWER, SECRET, Bed, charter_kernel, planning, traits_with
from warden.documents.bundle import load_bundle
from warden.engine.cleaning import MAX_VALUES
from warden.engine.enforce import fault_of, risk_tags
from warden.engine.obligations import apply_footers, undischarged
from warden.errors import HubAnswerError, HubError, HubUncertainError
from warden.model.delivery import Action, Fault, OutgoingMessage, ReadMark
from warden.model.disposition import Disposition
from warden.model.ids import MessageKey
from warden.model.message import MessageFacts
from warden.model.request import UNCONSTRAINED, Constraints, Decision, Effect
from warden.policy import Kernel

if TYPE_CHECKING:
    from warden.model.finding import Finding
    from warden.model.request import Request

PASSWORD = "hunter2Zx9-kQ"
KEY = MessageKey("hub-1", "ops-warden", "m1")
LETTER = OutgoingMessage("ops-warden", "a", "Re: x", "body", "reply", "t1", "m1")
SENT = Action(KEY, "reply", 0, LETTER)


def overlaid(text: str) -> Kernel:
    """The charter's kernel with one operator's bundle."""
    return Kernel(charter_kernel().charter, (load_bundle(text.encode(), "overlay.yaml"),))


def bundle(rule: str) -> str:
    """A bundle with one rule for answers."""
    return f"version: '1'\ndefault_decision: abstain\nrules:\n  - id: only\n{rule}"


class FailingScanner:
    """A scanner that breaks at texts that hold a word."""

    digest = "sha256:" + "5" * 64

    def __init__(self, word: str) -> None:
        self._word = word

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Break, or find nothing."""
        if self._word in text:
            raise RuntimeError(SECRET)
        return ()


@dataclass
class ScriptedKernel:
    """A kernel that decides as it is told to, after the charter's kernel has been asked."""

    decide: Any
    snapshot: str = "1:scripted"
    charter_digest: str = "sha256:" + "7" * 64

    def evaluate(self, request: Request) -> Decision:
        """Return the scripted decision for a reply, the charter's for anything else."""
        decision = charter_kernel().evaluate(request)
        if request.topic != "job.warden.route_answer":
            return decision
        scripted: Decision = self.decide(request, decision)
        return scripted

    def velocity_keys(self, request: Request) -> tuple[Any, ...]:
        """Return none."""
        return ()


def breaking(request: Request, decision: Decision) -> Decision:
    """Break."""
    raise ZeroDivisionError(SECRET)


def test_a_kernel_that_raises_denies() -> None:
    """An exception while judging is a denial that names its class only."""
    bed = Bed(kernel=ScriptedKernel(breaking))
    bed.send()
    bed.execute()
    report = bed.report("m1")
    assert (report.disposition, report.reason) == (Disposition.ESCALATED, "refused")
    assert report.actions[0].reasons == ("judging failed with ZeroDivisionError",)
    assert bed.replies() == []
    (entry,) = [entry for entry in bed.entries("decided") if entry["kind"] == "route_answer"]
    assert (entry["effect"], entry["errors"]) == ("deny", ["judging-failed"])
    assert SECRET not in str(bed.entries())


def test_a_scanner_that_raises_on_our_text_denies() -> None:
    """A text that could not be scanned is not sent."""
    bed = Bed(scanner=FailingScanner("public key"))
    bed.send()
    bed.execute()
    assert bed.disposition("m1") is Disposition.ESCALATED
    assert bed.replies() == []


def test_a_footer_is_part_of_what_is_scanned_judged_and_sent() -> None:
    """An overlay's footer stands at the end of the text that was judged last, and of the reply."""
    rule = """    match: {topics: ["job.warden.route_answer"]}
    decision: allow_with_constraints
    reason: say who answers
    constraints: {append_footer: ["-- sent by a machine"]}
"""
    bed = Bed(kernel=overlaid(bundle(rule)))
    bed.send()
    bed.dry()
    shown = bed.report("m1").actions[0].body
    bed.execute()
    (reply,) = bed.replies()
    assert reply.content.body == f"{ANSWER}\n\n-- sent by a machine" == shown
    (entry,) = [entry for entry in bed.entries("decided") if entry["kind"] == "route_answer"]
    assert entry["body_bytes"] == len(reply.content.body.encode())
    assert entry["effect"] == "allow_with_constraints"


def test_a_footer_that_makes_the_body_too_long_denies() -> None:
    """Sizes are judged with the footer, not before."""
    rule = f"""    match: {{topics: ["job.warden.route_answer"]}}
    decision: allow_with_constraints
    reason: short, and signed
    constraints: {{append_footer: ["-- sent by a machine"], max_body_bytes: {len(ANSWER) + 5}}}
"""
    bed = Bed(kernel=overlaid(bundle(rule)))
    bed.send()
    bed.execute()
    assert bed.disposition("m1") is Disposition.ESCALATED
    assert bed.replies() == []


def test_a_constraint_that_cannot_be_kept_denies() -> None:
    """An allowance under an obligation that messaging has no means for is a denial that says which."""

    def isolated(request: Request, decision: Decision) -> Decision:
        return replace(decision, effect=Effect.ALLOW_WITH_CONSTRAINTS, constraints=Constraints(isolated=True))

    bed = Bed(kernel=ScriptedKernel(isolated))
    bed.send()
    bed.execute()
    action = bed.report("m1").actions[0]
    assert action.effect is Effect.DENY
    assert action.rule_ids[-1] == "engine/obligation"
    assert action.reasons[-1] == "cannot discharge isolated"
    assert bed.replies() == []


def test_a_kernel_that_denies_the_footed_text_is_obeyed() -> None:
    """When the last judgement, with the footer, denies, nothing is sent."""

    def footed(request: Request, decision: Decision) -> Decision:
        if request.counts["body_bytes"] > len(ANSWER):
            return replace(decision, effect=Effect.DENY, constraints=Constraints(append_footer=("-- x",)))
        return replace(decision, effect=Effect.ALLOW_WITH_CONSTRAINTS, constraints=Constraints(append_footer=("-- x",)))

    bed = Bed(kernel=ScriptedKernel(footed))
    bed.send()
    bed.execute()
    assert bed.report("m1").actions[0].effect is Effect.DENY
    assert bed.replies() == []


def test_a_constraint_that_is_met_changes_nothing() -> None:
    """An allowance with constraints that hold is an allowance."""

    def bounded(request: Request, decision: Decision) -> Decision:
        constraints = Constraints(max_body_bytes=10_000, max_replies_per_hour=5)
        return replace(decision, effect=Effect.ALLOW_WITH_CONSTRAINTS, constraints=constraints)

    bed = Bed(kernel=ScriptedKernel(bounded))
    bed.send()
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED


def test_what_needs_approval_is_held_for_a_person() -> None:
    """A draft on a hub that does not vouch for its senders is asked of a person once, and is not planned again meanwhile."""
    bed = Bed(planning(("reply", {"body": "Hello."})), traits=traits_with(authenticated_senders=False))
    bed.send()
    bed.execute()
    assert (bed.disposition("m1"), bed.record("m1").reason) == (Disposition.HELD, "approval")  # type: ignore[union-attr]
    assert bed.events() == []
    before = len(bed.entries())
    bed.execute()
    assert [entry["entry"] for entry in bed.entries()[before:]] == ["run_started", "run_finished"]
    bed.answer = planning(("mark_read", {}))
    bed.execute()
    assert bed.disposition("m1") is Disposition.HELD
    (asked,) = bed.entries("review_asked")
    assert (asked["kind"], asked["requested_by"], asked["expires_in_ms"]) == ("reply", "brain:scripted", 259_200_000)
    assert b"Hello." in (bed.store.blob(asked["payload_digest"]) or b"")


def test_a_secret_that_came_to_us_is_never_answered() -> None:
    """A message with a secret in it is redacted, escalated and named by the kind of secret only."""
    bed = Bed()
    bed.send(body=f"my token is {SECRET}")
    bed.execute()
    assert bed.disposition("m1") is Disposition.ESCALATED
    assert bed.replies() == []
    kept = bed.store.read(lambda connection: connection.execute("SELECT bytes FROM blobs").fetchall())
    assert SECRET not in str(bed.entries()) + str(kept) + str(bed.reports.messages)
    (seen,) = bed.entries("message_seen")
    assert sum(seen["secret_kinds"].values()) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"subject": f"status {PASSWORD}"},
        {"metadata": {"topic": PASSWORD}},
        {"body": f"the password is {PASSWORD}. Log in with {PASSWORD}, {PASSWORD}."},
        {"sender": PASSWORD},
    ],
)
def test_a_value_found_once_is_kept_nowhere_else(more: dict[str, Any]) -> None:
    """What gives a secret away stands beside it once; the same value elsewhere in the message is taken out as well."""
    bed = Bed()
    bed.send(**{"body": f"the password is {PASSWORD}", **more})
    bed.dry()
    bed.execute()
    assert bed.disposition("m1") is not Disposition.ANSWERED
    assert bed.replies() == []
    kept = bed.store.read(lambda connection: connection.execute("SELECT bytes FROM blobs").fetchall())
    assert PASSWORD not in str(bed.entries()) + str(kept) + str(bed.reports.messages) + str(bed.events())


def test_a_message_of_more_secrets_than_are_looked_for_is_withheld_whole() -> None:
    """A page of hundreds of credentials leaves no text behind, and costs no search for each of them."""
    bed = Bed()
    values = [f"hunter{number}xQ9" for number in range(MAX_VALUES + 1)]
    bed.send(subject=f"status {values[0]}", body="\n".join(f"password: {value}" for value in values))
    bed.execute()
    kept = bed.store.read(lambda connection: connection.execute("SELECT bytes FROM blobs").fetchall())
    assert values[0] not in str(bed.entries()) + str(kept) + str(bed.reports.messages)
    assert bed.disposition("m1") is Disposition.ESCALATED


def test_the_answer_to_a_chain_of_machines_stops_at_the_hop_limit() -> None:
    """A conversation past the hop limit is a person's, and a hop count that cannot be read counts as past it."""
    for hops in ("5", "99", "many"):
        bed = Bed()
        bed.send(metadata={"warden-hops": hops})
        bed.execute()
        assert bed.disposition("m1") is Disposition.ESCALATED
    bed = Bed()
    bed.send(metadata={"warden-hops": "4"})
    bed.execute()
    assert bed.replies()[0].content.metadata["warden-hops"] == "5"


@pytest.mark.parametrize("marker", ["auto-replied", "auto-generated"])
def test_automatic_mail_is_skipped_and_left_unread(marker: str) -> None:
    """Automatic mail is neither answered nor marked read, no brain is asked, and no audit event is posted."""
    bed = Bed()
    bed.send(metadata={"auto-submitted": marker})
    bed.execute()
    assert bed.disposition("m1") is Disposition.SKIPPED
    assert not bed.hub.is_read("m1")
    assert bed.brain.asked == 0  # type: ignore[attr-defined]
    assert bed.events() == []


def test_risk_tags_say_what_our_own_code_found() -> None:
    """Each fact has its tag; a message without any has none."""
    assert risk_tags(MessageFacts(), 5) == frozenset()
    everything = MessageFacts({"token": 1}, True, True, True, True, True, 5)
    assert risk_tags(everything, 5) == {
        "secret_received", "asks_secret", "asks_change", "instructs_worker", "automatic", "from_self", "over_hops"
    }  # fmt: skip


@pytest.mark.parametrize("error", [HubError("odd"), HubUncertainError("?"), HubAnswerError("?")])
def test_an_error_of_no_certain_class_counts_as_perhaps_taken(error: HubError) -> None:
    """What is not known to have been refused may have been taken."""
    assert fault_of(error) is Fault.UNCERTAIN


def test_every_constraint_is_either_kept_or_reported() -> None:
    """There is no constraint that messaging silently ignores."""
    other: dict[str, Any] = {
        "max_runtime_ms": 1, "max_retries": 1, "max_artifact_bytes": 1, "max_concurrent_jobs": 1, "isolated": True,
        "network_allowlist": (), "fs_read_only": (), "fs_read_write": (), "allowed_tools": (), "allowed_commands": (),
        "max_files": 1, "max_lines": 1, "deny_path_globs": ("*",), "redaction_level": "strict", "max_body_bytes": 1,
        "append_footer": ("-- x",), "max_replies_per_hour": 0,
    }  # fmt: skip
    assert set(other) == {field.name for field in fields(Constraints)}
    for name, value in other.items():
        assert undischarged(SENT, replace(UNCONSTRAINED, **{name: value}), 0) == (name,)
    assert undischarged(SENT, UNCONSTRAINED, 100) == ()


def test_footers_are_appended_once_in_their_order_to_messages_only() -> None:
    """Footers stand below the body, one a line; an action without a body has none."""
    footed = apply_footers(SENT, Constraints(append_footer=("a", "b")))
    assert isinstance(footed.payload, OutgoingMessage)
    assert footed.payload.body == "body\n\na\nb"
    assert undischarged(footed, Constraints(append_footer=("a", "b")), 0) == ()
    mark = Action(KEY, "mark_read", 0, ReadMark("m1"))
    assert apply_footers(mark, Constraints(append_footer=("a",))) is mark
    assert apply_footers(SENT, UNCONSTRAINED) is SENT


@pytest.mark.parametrize(("replies", "kept"), [(2, True), (3, False)])
def test_a_limit_of_replies_counts_those_before_this_one(replies: int, kept: bool) -> None:
    """A limit of three lets the third reply pass and stops the fourth; what has no body is no reply."""
    constraints = Constraints(max_replies_per_hour=3)
    assert (undischarged(SENT, constraints, replies) == ()) is kept
    assert undischarged(Action(KEY, "mark_read", 0, ReadMark("m1")), constraints, 100) == ()


def test_constraints_on_texts_hold_for_what_has_no_text() -> None:
    """An overlay that asks for a footer everywhere has it in each reply, and stops neither read mark nor audit event."""
    rule = """    match: {}
    decision: allow_with_constraints
    reason: say who answers
    constraints: {append_footer: ["-- sent by a machine"]}
"""
    bed = Bed(kernel=overlaid(bundle(rule)))
    bed.send()
    bed.execute()
    assert bed.replies()[0].content.body.endswith("-- sent by a machine")
    assert bed.hub.is_read("m1")
    assert len(bed.events()) == 1


def test_a_note_under_a_footer_is_denied() -> None:
    """A note's text is ours alone: where a footer is asked for it, it is left to a person."""
    rule = """    match: {topics: ["job.warden.progress_note"]}
    decision: allow_with_constraints
    reason: say who answers
    constraints: {append_footer: ["-- sent by a machine"]}
"""
    bed = Bed(planning(("progress_note", {"template": "status_received"})), kernel=overlaid(bundle(rule)))
    bed.send()
    bed.execute()
    assert bed.disposition("m1") is Disposition.ESCALATED
    assert bed.events("note") == []


@pytest.mark.parametrize(("level", "after"), [("standard", Disposition.ANSWERED), ("strict", Disposition.ESCALATED)])
def test_an_overlay_that_asks_for_redaction_is_kept_as_far_as_it_is_done(level: str, after: Disposition) -> None:
    """Brains are shown redacted texts: an overlay that asks for that is met, one that asks for more denies."""
    rule = f"""    match: {{topics: ["job.warden.route_answer"]}}
    decision: allow_with_constraints
    reason: brains see no secrets
    constraints: {{redaction_level: {level}}}
"""
    bed = Bed(kernel=overlaid(bundle(rule)))
    bed.send()
    bed.execute()
    assert bed.disposition("m1") is after
