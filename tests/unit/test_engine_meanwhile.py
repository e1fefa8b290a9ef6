"""A person decides on a message while a run is planning it."""

from __future__ import annotations

from enginebed import AGENT, Bed, escalating
from warden.errors import EXIT_DONE
from warden.model.disposition import Disposition
from warden.model.entry import Batch, Entry
from warden.model.message import BrainInput
from warden.model.plan import Plan
from warden.testing.engine import plan_of


def close(bed: Bed, message_id: str) -> None:
    """End a message as a person does."""
    ref = {"hub_id": bed.traits.hub_id, "agent": AGENT, "message_id": message_id}
    fields = {"ref": ref, "by": "uid:1000", "disposition": "skipped", "reason_digest": "sha256:" + "0" * 64}
    bed.store.commit(Batch((Entry("closed", fields),)))


def test_what_was_planned_for_a_message_that_a_person_ended_is_void() -> None:
    """The run leaves it as the person left it, and handles the rest of its batch."""
    bed = Bed(escalating)
    first = bed.send()
    bed.execute()
    thread = bed.hub.get_message(AGENT, first).content.thread_id
    bed.send(thread=thread)
    bed.execute()
    other = bed.send()

    def decide(given: BrainInput) -> Plan:
        if given.message.key.message_id == first:
            close(bed, first)
        return plan_of("route_answer", entry_id="ssh-cert")

    bed.answer = decide
    assert bed.execute().exit_status == EXIT_DONE
    assert bed.disposition(first) is Disposition.SKIPPED
    assert bed.disposition(other) is Disposition.ANSWERED
