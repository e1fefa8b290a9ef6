"""Dead letters: judged again under today's policy before they are tried again, and ended for good when dropped."""

from __future__ import annotations

import pytest

from enginebed import AGENT, SECRET, Bed, charter_kernel, planning, traits_with
from warden.documents.bundle import load_bundle
from warden.documents.request import request_from_json
from warden.engine.letters import Person, dropping, rejudge, retrying
from warden.errors import GateError, HubRejectedError, HubUncertainError
from warden.guard import GuardScanner
from warden.model.disposition import Disposition
from warden.model.entry import Batch
from warden.model.finding import Finding
from warden.model.hub import DeliveryMeans
from warden.model.records import OutboxRecord
from warden.model.request import Request
from warden.policy import Kernel
from warden.store.queries import read_behind, read_request, read_stuck

ADA = Person("ada", "sha256:" + "1" * 64)


def dead_bed() -> tuple[Bed, OutboxRecord, Request]:
    """A bed with one reply that the hub has refused, its letter, and the facts on which it was allowed."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", HubRejectedError("no"))
    bed.execute()
    letter = stuck(bed)
    kept = bed.store.read(lambda connection: read_request(connection, letter))
    assert kept is not None
    return bed, letter, request_from_json(kept)


def stuck(bed: Bed) -> OutboxRecord:
    """The one letter of a bed."""
    (letter,) = bed.store.read(lambda connection: read_stuck(connection, AGENT))
    return letter


def drop(bed: Bed, arrived: bool) -> None:
    """Drop the one letter of a bed as the command does."""
    letter = stuck(bed)
    behind = bed.store.read(lambda connection: read_behind(connection, letter))
    bed.store.commit(Batch(dropping(letter, behind, ADA, arrived, open_message=True)))


def test_a_letter_that_is_tried_again_goes_out_under_its_first_key() -> None:
    """Text, key and facts are those of the first attempt; the message is answered by it."""
    bed, letter, request = dead_bed()
    decision = rejudge(letter, request, charter_kernel(), GuardScanner())
    assert decision.effect.word == "allow"
    bed.store.commit(Batch(retrying(letter, ADA)))
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED
    (reply,) = bed.replies()
    assert reply.content.metadata["warden-key"] == letter.intent.key
    assert bed.hub.is_read("m1")


@pytest.mark.parametrize(
    "constraint", ["decision: deny", "decision: allow_with_constraints\n    constraints: {append_footer: ['-- x']}"]
)
def test_a_letter_that_todays_policy_does_not_allow_is_not_tried_again(constraint: str) -> None:
    """A denial, or a constraint that the old text does not meet, refuses the retry and says why."""
    _, letter, request = dead_bed()
    text = f"""
version: "1"
default_decision: abstain
rules:
  - id: new
    match: {{topics: ["job.warden.route_answer"]}}
    reason: changed our mind
    {constraint}
"""
    kernel = Kernel(charter_kernel().charter, (load_bundle(text.encode(), "today.yaml"),))
    with pytest.raises(GateError, match="today's policy does not allow"):
        rejudge(letter, request, kernel, GuardScanner())


def test_a_letter_in_which_todays_guard_finds_a_secret_is_not_tried_again() -> None:
    """The text is scanned anew: a value that was enrolled since then stops it."""

    class Enrolled:
        digest = "sha256:" + "9" * 64

        def scan(self, text: str) -> tuple[Finding, ...]:
            return (Finding("enrolled", 0, 3, "known"),) if "public key" in text else ()

    _, letter, request = dead_bed()
    with pytest.raises(GateError):
        rejudge(letter, request, charter_kernel(), Enrolled())
    assert SECRET not in str(letter)


def test_a_dropped_letter_leaves_an_open_escalation() -> None:
    """Nothing of the message is delivered any more; a person has it."""
    bed, _, _ = dead_bed()
    drop(bed, arrived=False)
    bed.execute()
    assert bed.disposition("m1") is Disposition.ESCALATED
    assert {state for state, _ in bed.outbox().values()} == {"dropped"}
    assert not bed.hub.is_read("m1")


def test_a_letter_in_doubt_that_a_person_saw_at_the_hub_closes_its_message() -> None:
    """The message is then what the receipt would have made of it, and nothing is sent again."""
    bed = Bed(traits=traits_with(DeliveryMeans.NONE))
    bed.send()
    bed.faults.plan("post_message", HubUncertainError("time-out"), applied=True)
    bed.execute()
    drop(bed, arrived=True)
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert len(bed.replies()) == 1


def test_a_follow_up_that_is_dropped_leaves_its_message_as_it_is() -> None:
    """A read mark that the hub refuses for good is ended without touching the answered message."""
    bed = Bed()
    bed.send()
    bed.faults.plan("mark_read", HubRejectedError("no"))
    bed.execute()
    letter = stuck(bed)
    bed.store.commit(Batch(dropping(letter, (), ADA, arrived=False, open_message=False)))
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert bed.outbox()["mark_read m1"][0] == "dropped"


def test_a_letter_that_is_dropped_takes_what_waits_behind_it_along() -> None:
    """The second reply of a message does not go out after its first was dropped, and its thread is free again."""
    bed = Bed(planning(("route_answer", {"entry_id": "ssh-cert"}), ("reply", {"body": "And this."})))
    bed.send()
    bed.faults.plan("post_message", HubRejectedError("no"))
    bed.execute()
    drop(bed, arrived=False)
    bed.send(thread="t1")
    bed.execute()
    assert [message.content.in_reply_to for message in bed.replies()] == ["m2", "m2"]
