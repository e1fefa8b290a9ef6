"""What a person does about a workload: cancel it, or have it done again.

What it does: makes the entries of a cancellation, and of another try, judged by the kernel of today. What it does not: tell
the runtime anything but a new line: the protocol of the pipe has no word for stopping. A cancelled workload is over for us,
what it was granted is revoked, and what the runtime still reports of it is kept and changes nothing.

INVARIANT (exactly-once): another try is another action of the same message: its ordinal, and so its workload id, is the next
one, and it is only made for the newest try, once that has ended.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from warden.engine.outbox import Origin, write_intent
from warden.errors import GateError, InputError
from warden.model.delivery import Action, WorkloadStart
from warden.model.disposition import Disposition
from warden.model.entry import Entry
from warden.model.ids import idempotency_key
from warden.model.records import IntentState
from warden.model.workload import WorkloadState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warden.engine.journal import Journal
    from warden.engine.letters import Person
    from warden.engine.release import Gate
    from warden.model.records import DispositionRecord, OutboxRecord
    from warden.model.request import Request
    from warden.model.workload import WorkloadRecord

KIND = "start_workload"
MAX_TRIES = 64
"""INVARIANT (bounded): tries of one workload that people may ask for."""


def cancelling(
    workload: WorkloadRecord,
    waiting: Sequence[str],
    person: Person,
    run_id: str,
    standing: DispositionRecord | None,
) -> tuple[Entry, ...]:
    """Return the entries that end a workload by a person's word; raises `InputError` for one that has ended.

    `waiting` are the keys of its intents that are not delivered: its own line, and what waits behind it. `standing` is where
    its message stands.
    """
    if workload.state.ended:
        raise InputError(f"the workload is {workload.state.value} already", "nothing is left to cancel")
    ended: list[Entry] = [
        Entry("dead_dropped", {"key": key, "by": person.name, "reason_digest": person.reason_digest}) for key in waiting
    ]
    if workload.delivered_at is not None or workload.reports:
        key = workload.workload_id
        told = {"run_id": run_id, "key": key, "correlation_id": key, "event_id": f"warden:cancel:{key}"}
        ended.append(Entry("outcome_reported", {**told, "status": "aborted"}))
    if standing is not None and not standing.disposition.terminal:
        ended.append(_closed(workload, person, Disposition.SKIPPED))
    return tuple(ended)


def try_again(
    journal: Journal, gate: Gate, workload: WorkloadRecord, record: OutboxRecord, request: Request, person: Person
) -> str:
    """Write another try of an ended workload and return its workload id; durable with the journal's next commit.

    `record` is the intent of the try before, `request` the facts on which it was allowed. Raises `InputError` when it has not
    ended badly, or is not the newest try, and `GateError` when today's policy does not allow it.
    """
    _check_retriable(workload)
    ordinal = workload.ordinal + 1
    key = idempotency_key(workload.message, KIND, ordinal)
    if gate.store.intended([key]):
        raise InputError("there is a later try of this workload", "`warden workload list` names it")
    if ordinal >= MAX_TRIES:
        raise GateError("this workload was tried too often", "look at why it fails")
    payload = record.intent.payload
    if not isinstance(payload, WorkloadStart):
        raise InputError("this delivery is no workload", "`warden workload list` names workloads")
    action = Action(workload.message, KIND, ordinal, replace(payload, workload_id=key))
    judged = gate.judge(action, request, with_footers=False)
    if not judged.allowed:
        why = ", ".join(judged.decision.rule_ids)
        raise GateError(f"today's policy does not allow this workload: {why}", "change the policy, or let it be")
    journal.decided(workload.message, judged)
    closed = _closed(workload, person, Disposition.HELD)
    journal.record(closed.kind, **closed.fields)
    origin = Origin(workload.thread_id, workload.sender)
    write_intent(journal, gate.clock.now(), judged, origin, 0, record.closes or Disposition.NOTED)
    return key


def _check_retriable(workload: WorkloadRecord) -> None:
    state = workload.state
    if state in (WorkloadState.DEAD, WorkloadState.IN_DOUBT):
        raise InputError(
            "its line was not delivered for certain", f"`warden dead retry {workload.workload_id[:16]}` tries it again"
        )
    if not state.failed:
        hint = "cancel it first" if not state.ended else "take the event in again with `warden intake replay`"
        raise InputError(f"the workload is {state.value}: there is nothing to try again", hint)


def undelivered(records: Sequence[OutboxRecord]) -> tuple[str, ...]:
    """Return the keys of those intents that a person can still end."""
    ends = (IntentState.OPEN, IntentState.IN_DOUBT, IntentState.DEAD)
    return tuple(record.intent.key for record in records if record.state in ends)


def _closed(workload: WorkloadRecord, person: Person, after: Disposition) -> Entry:
    key = workload.message
    return Entry(
        "closed",
        {
            "ref": {"hub_id": key.hub_id, "agent": key.agent, "message_id": key.message_id},
            "by": person.name,
            "disposition": after.value,
            "reason_digest": person.reason_digest,
        },
    )
