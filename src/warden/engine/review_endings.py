"""Ending an item of the queue without releasing anything: ignore it, or let its messages be planned again.

What `review_rulings` shares with it is here too: who may end an item, what of its messages still waits, and the entries that
end them. Nothing in here judges a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.engine.review import commit, find, find_open, keep_reason
from warden.engine.review_gates import check_person
from warden.errors import GateError, InputError, ReviewStateError
from warden.model.disposition import Disposition
from warden.model.records import IntentState
from warden.model.review import ReviewItem, ReviewKind, Ruling, Verdict

if TYPE_CHECKING:
    from warden.engine.journal import Journal
    from warden.engine.review import Desk
    from warden.model.ids import MessageKey
    from warden.model.records import DispositionRecord, OutboxRecord
    from warden.model.review import Member, Reviewer

_REPLAN_ONLY = frozenset({Disposition.ESCALATED})
_ENDS = frozenset({Disposition.ESCALATED, Disposition.DEAD, Disposition.QUARANTINED})


def ignore(desk: Desk, reviewer: Reviewer, number: int, reason: str) -> Ruling:
    """End an item with a reason and send nothing; for a delivery in doubt: it was taken."""
    item = find_live(desk, reviewer, number)
    journal = desk.journal()
    reason_digest = keep_reason(desk, journal, reason, "ending it without an answer") or ""
    if item.delivery:
        record_decision(journal, reviewer, item, Verdict.IGNORE, reason_digest=reason_digest)
        _settle_taken(desk, journal, reviewer, item, reason_digest)
    else:
        members = waiting(desk, item)
        end_other_items(desk, journal, reviewer, item, members)
        record_decision(journal, reviewer, item, Verdict.IGNORE, reason_digest=reason_digest)
        for member in members:
            drop_stuck(desk, journal, reviewer, member.message, reason_digest)
            close(journal, reviewer, member.message, Disposition.SKIPPED, reason_digest)
    commit(journal)
    return Ruling(number, find(desk, number).state, Verdict.IGNORE)


def replan(desk: Desk, reviewer: Reviewer, number: int, reason: str = "") -> Ruling:
    """Let the next executing run plan the messages of an escalation again, as if they had just come."""
    item = find_live(desk, reviewer, number)
    standing = desk.store.dispositions([member.message for member in desk.queue.members(number)])
    if item.kind is not ReviewKind.ESCALATION or not any(
        record.disposition in _REPLAN_ONLY for record in standing.values()
    ):
        raise InputError(
            f"item {number} has no message that can be planned again", "respond, or ignore it with a reason"
        )
    journal = desk.journal()
    record_decision(journal, reviewer, item, Verdict.REPLAN, reason_digest=keep_reason(desk, journal, reason))
    commit(journal)
    return Ruling(number, find(desk, number).state, Verdict.REPLAN, note="the next executing run plans it again")


def find_live(desk: Desk, reviewer: Reviewer, number: int) -> ReviewItem:
    """Return an item that this reviewer may end; raises `ReviewStateError` and `GateError`."""
    item = find_open(desk, number)
    check_person(desk.rules, reviewer)
    return item


def record_decision(
    journal: Journal,
    reviewer: Reviewer,
    item: ReviewItem,
    verdict: Verdict,
    *,
    action_digest: str | None = None,
    reason_digest: str | None = None,
) -> None:
    """Write that a person ended an item: for which action, message and policy, and whether they are the worker's uid."""
    journal.record(
        "review_decided",
        item=item.number,
        by=reviewer.identity,
        verdict=verdict.value,
        action_digest=action_digest,
        message_digest=item.message_digest or None,
        snapshot=item.snapshot,
        same_uid=reviewer.is_worker,
        reason_digest=reason_digest,
    )


def _settle_taken(desk: Desk, journal: Journal, reviewer: Reviewer, item: ReviewItem, reason_digest: str) -> None:
    from warden.engine.letters import Person, dropping

    record = doubtful(desk, item)
    behind = [other for other in desk.queue.stuck(item.message) if other.intent.key != record.intent.key]
    person = Person(reviewer.identity, reason_digest)
    for entry in dropping(record, behind, person, arrived=True, open_message=True):
        journal.record(entry.kind, **entry.fields)


def doubtful(desk: Desk, item: ReviewItem) -> OutboxRecord:
    """Return the delivery in doubt that an item is about; raises `ReviewStateError` when it is settled."""
    record = desk.store.intent(item.delivery)
    if record is None or record.state is not IntentState.IN_DOUBT:
        raise ReviewStateError("the delivery is not in doubt any more", "`warden review list` says what waits")
    return record


def waiting(desk: Desk, item: ReviewItem) -> list[Member]:
    """Return the messages of an item that a person still has to end: neither over nor on their way."""
    members = desk.queue.members(item.number)
    standing = desk.store.dispositions([member.message for member in members])
    return [member for member in members if _is_waiting(desk, item, standing.get(member.message))]


def _is_waiting(desk: Desk, item: ReviewItem, record: DispositionRecord | None) -> bool:
    """A held message is on its way when its release was decided; an escalation for `approval` never named an action."""
    return record is not None and (
        record.disposition in _ENDS
        or (
            record.disposition is Disposition.HELD
            and (
                item.reason == record.reason == "approval"
                or any(live.kind is ReviewKind.APPROVAL for live in desk.queue.live(record.message))
            )
        )
    )


def end_other_items(desk: Desk, journal: Journal, reviewer: Reviewer, item: ReviewItem, members: list[Member]) -> None:
    """The approvals that wait for the same messages are superseded: their messages end with this decision."""
    for member in members:
        for live in desk.queue.live(member.message):
            if live.kind is not ReviewKind.APPROVAL or live.number == item.number:
                continue
            if live.delivery:
                raise GateError(f"item {live.number} is a delivery in doubt of the same message", "settle that first")
            journal.record("review_superseded", item=live.number, by=reviewer.identity, reason=f"item {item.number}")


def drop_stuck(desk: Desk, journal: Journal, reviewer: Reviewer, message: MessageKey, digest: str) -> None:
    """Give up what could not be delivered of a message; `digest` is the reason's."""
    for record in desk.queue.stuck(message):
        journal.record("dead_dropped", key=record.intent.key, by=reviewer.identity, reason_digest=digest)


def close(journal: Journal, reviewer: Reviewer, key: MessageKey, after: Disposition, digest: str) -> None:
    """Give a message the disposition that a person's decision means; `digest` is the reason's."""
    journal.record(
        "closed",
        ref={"hub_id": key.hub_id, "agent": key.agent, "message_id": key.message_id},
        by=reviewer.identity,
        disposition=after.value,
        reason_digest=digest,
    )
