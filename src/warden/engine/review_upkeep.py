"""What an executing run does for the queue: it lets approvals expire, and raises what nobody took note of.

An expired approval is recorded as expired, never as a person's denial, and its message is an open escalation, with the audit
event that every escalation has.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from warden.engine.audit import AuditFacts
from warden.engine.outbox import Origin
from warden.engine.review_gates import overdue
from warden.model.disposition import Disposition
from warden.model.review import ReviewKind

if TYPE_CHECKING:
    from warden.engine.bench import Bench
    from warden.engine.outbox import Outbox
    from warden.engine.parts import Parts, Terms
    from warden.model.review import ReviewItem
    from warden.ports import ReviewStore

UPKEEP_LIMIT = 500
"""INVARIANT (bounded): items that one run lets expire or raises; the rest is the next run's."""
RAISED = "review-unacknowledged"
"""Code of the alert that raises an item."""
EXPIRED = "approval-expired"
"""Reason code of a message whose approval ran out of time."""


def tend(parts: Parts, terms: Terms, bench: Bench, outbox: Outbox, queue: ReviewStore) -> int:
    """Write down what is due and commit it; returns how many items that were. Raises `StateError` and `LedgerError`."""
    now = parts.clock.now()
    before = None if terms.raise_after_s is None else now - timedelta(seconds=terms.raise_after_s)
    items = queue.due(terms.agent, now, before, UPKEEP_LIMIT)
    bench.opening.write(judging=True)
    for item in items:
        if overdue(item, now) and item.kind is ReviewKind.APPROVAL:
            _expire(parts, bench, outbox, item)
        else:
            bench.journal.write("alert_raised", code=RAISED, subject=str(item.number))
    bench.journal.commit()
    return len(items)


def _expire(parts: Parts, bench: Bench, outbox: Outbox, item: ReviewItem) -> None:
    bench.journal.write("review_expired", item=item.number)
    bench.journal.disposed(item.message, item.thread_id, item.sender, Disposition.ESCALATED, EXPIRED)
    record = parts.store.dispositions([item.message]).get(item.message)
    evidence = {
        "kinds": item.action_kind,
        "rules": " ".join(item.rule_ids),
        "snapshot": item.snapshot,
        "action": item.action_digest,
    }
    facts = AuditFacts(Disposition.ESCALATED, EXPIRED, evidence)
    generation = record.generation if record is not None else 0
    outbox.audit(item.message, Origin(item.thread_id, item.sender), generation, facts, parts.store.head())
