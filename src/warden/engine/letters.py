"""Dead letters: deliveries that were given up or are in doubt, until a person says what becomes of them.

To retry one is to judge it again: the kernel of today, the guard of today, all facts as they were, the same text, the same
key. To drop one ends it and what waits behind it; its message becomes an open escalation, unless the person saw that the
delivery did arrive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from warden.engine.draft import outgoing_text
from warden.engine.obligations import undischarged
from warden.errors import GateError
from warden.model.delivery import Action
from warden.model.disposition import Disposition
from warden.model.entry import Entry
from warden.model.request import Effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warden.model.records import OutboxRecord
    from warden.model.request import Decision, Request
    from warden.ports import PolicyKernel, Scanner


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides, and the digest of the reason that they gave."""

    name: str
    reason_digest: str


def rejudge(
    record: OutboxRecord,
    request: Request,
    kernel: PolicyKernel,
    scanner: Scanner,
    floor: Effect = Effect.ALLOW_WITH_CONSTRAINTS,
) -> Decision:
    """Return today's decision on a stuck delivery, with the facts on which it was allowed and a new scan of its text.

    `floor` is `REQUIRE_APPROVAL` when a person releases it, or has released exactly this action before.
    Raises `GateError` when it is not allowed any more, or only with a constraint that the text does not meet.
    """
    intent = record.intent
    secrets = bool(scanner.scan(outgoing_text(intent.payload)))
    decision = kernel.evaluate(replace(request, secrets_present=secrets))
    action = Action(intent.message, intent.kind, 0, intent.payload)
    replies = max(request.counts.get("replies_in_thread_hour", 0), request.counts.get("replies_to_sender_hour", 0))
    failed = undischarged(action, decision.constraints, replies)
    if decision.effect < floor or failed:
        why = ", ".join(failed or decision.rule_ids)
        raise GateError(f"today's policy does not allow this delivery: {why}", "drop it, or change the policy")
    return decision


def retrying(record: OutboxRecord, person: Person) -> tuple[Entry, ...]:
    """Return the entries that open a stuck delivery again; the next executing run attempts it."""
    return (
        Entry("dead_retried", {"key": record.intent.key, "by": person.name, "reason_digest": person.reason_digest}),
    )


def dropping(
    record: OutboxRecord, behind: Sequence[OutboxRecord], person: Person, arrived: bool, open_message: bool
) -> tuple[Entry, ...]:
    """Return the entries that end a stuck delivery and what waits behind it.

    `arrived` says that the person saw it at the hub: the message is then what the receipt would have made it, else it is an
    open escalation. `open_message` says that the message still waits for this delivery.
    """
    dropped = [
        Entry("dead_dropped", {"key": item.intent.key, "by": person.name, "reason_digest": person.reason_digest})
        for item in (record, *behind)
    ]
    if not open_message:
        return tuple(dropped)
    after = record.closes if arrived and record.closes is not None else Disposition.ESCALATED
    key = record.intent.message
    closed = Entry(
        "closed",
        {
            "ref": {"hub_id": key.hub_id, "agent": key.agent, "message_id": key.message_id},
            "by": person.name,
            "disposition": after.value,
            "reason_digest": person.reason_digest,
        },
    )
    return (*dropped, closed)
