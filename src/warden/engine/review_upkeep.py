"""What is due in the queue: approvals expire, and what nobody took note of is raised.

An executing run does both. A person who comes to an approval whose time has run out has that recorded as well (`expire`). An
expired approval is recorded as expired, never as a person's denial, and its message is an open escalation, with the audit event
that every escalation has.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from warden.engine.audit import AuditFacts
from warden.engine.outbox import Origin
from warden.engine.review_gates import overdue
from warden.errors import ReviewStateError
from warden.model.disposition import Disposition
from warden.model.review import ReviewKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from warden.engine.bench import Bench
    from warden.engine.journal import Journal
    from warden.engine.outbox import Outbox
    from warden.engine.parts import Parts, Terms
    from warden.engine.review import Desk
    from warden.model.review import ReviewItem
    from warden.ports import LedgerStore, ReviewStore

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


def expire(desk: Desk, items: Iterable[ReviewItem]) -> None:
    """Record that these approvals have expired, and commit that; one that somebody was faster with is left to them."""
    from warden.engine.review import commit

    for item in items:
        journal = desk.journal()
        _write_expired(journal, item)
        _write_audit(desk, journal, item)
        with suppress(ReviewStateError):
            commit(journal)


def expire_due(desk: Desk) -> None:
    """Record every approval of the queue whose time has run out as expired, up to `UPKEEP_LIMIT`."""
    expire(desk, desk.queue.due(desk.agent, desk.clock.now(), None, UPKEEP_LIMIT))


def _write_audit(desk: Desk, journal: Journal, item: ReviewItem) -> None:
    """Write the audit event of an escalation, judged on the facts on which the action was; none when those were purged."""
    from warden.engine.audit import AUDIT_STAGE, audit_action
    from warden.engine.audit import KIND as AUDIT
    from warden.engine.outbox import write_intent
    from warden.engine.release import about_sender

    data = desk.store.blob(item.request_digest) if item.request_digest else None
    if data is None:
        return
    asked = desk.read_request(data)
    generation = _generation(desk.store, item)
    action = audit_action(item.message, generation, _facts_of(item), desk.run_id, desk.store.head())
    judged = desk.gate.judge(action, about_sender(asked, AUDIT, asked.actor_id), with_footers=False)
    journal.decided(item.message, judged)
    if judged.allowed:
        write_intent(journal, desk.clock.now(), judged, Origin(item.thread_id, item.sender), AUDIT_STAGE)


def _expire(parts: Parts, bench: Bench, outbox: Outbox, item: ReviewItem) -> None:
    _write_expired(bench.journal, item)
    origin, facts = Origin(item.thread_id, item.sender), _facts_of(item)
    outbox.audit(item.message, origin, _generation(parts.store, item), facts, parts.store.head())


def _write_expired(journal: Journal, item: ReviewItem) -> None:
    journal.write("review_expired", item=item.number)
    journal.disposed(item.message, item.thread_id, item.sender, Disposition.ESCALATED, EXPIRED)


def _generation(store: LedgerStore, item: ReviewItem) -> int:
    record = store.dispositions([item.message]).get(item.message)
    return record.generation if record is not None else 0


def _facts_of(item: ReviewItem) -> AuditFacts:
    evidence = {
        "kinds": item.action_kind,
        "rules": " ".join(item.rule_ids),
        "snapshot": item.snapshot,
        "action": item.action_digest,
    }
    return AuditFacts(Disposition.ESCALATED, EXPIRED, evidence)
