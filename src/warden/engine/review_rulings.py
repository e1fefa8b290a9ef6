"""What releases something: accept, edit, respond; and judging an approval again, which may.

What a person releases goes the way of everything that leaves: judged by guard and kernel, durable as an intent in one commit
with the decision, delivered by the code that drains the outbox - at once where no other cycle runs, else by the next
executing run. A kill between two steps leaves either nothing or an intent.

INVARIANT (exactly-once): a released action keeps the key of its message, kind and ordinal, so it takes effect once however
many people decide; the store refuses the second decision, and an intent that is not the released one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from warden.engine import release as releases
from warden.engine.audit import READ_STAGE
from warden.engine.draft import closing_disposition, reply_subject, text_problem
from warden.engine.journal import Asking
from warden.engine.outbox import Origin, write_intent
from warden.engine.review import commit, find, find_open, keep_reason, payload_of
from warden.engine.review_endings import (
    close,
    doubtful,
    drop_stuck,
    end_other_items,
    find_live,
    record_decision,
    replan,
    waiting,
)
from warden.engine.review_gates import check_not_own, needs_second
from warden.errors import GateError, InputError, ReviewStateError
from warden.model.delivery import Action, ReadMark
from warden.model.disposition import Disposition
from warden.model.message import Mail, Message, Principal
from warden.model.records import IntentState
from warden.model.request import Effect
from warden.model.review import ReviewItem, ReviewKind, Ruling, Verdict, Vote

if TYPE_CHECKING:
    from warden.engine.enforce import Judgement
    from warden.engine.journal import Journal
    from warden.engine.review import Desk
    from warden.model.ids import MessageKey
    from warden.model.request import Request
    from warden.model.review import Member, Reviewer

MAX_RESPONSES = 64
"""INVARIANT (bounded): responses of people to one message."""


def accept(desk: Desk, reviewer: Reviewer, number: int, reason: str = "") -> Ruling:
    """Release the action of an approval exactly as it was shown; for a delivery in doubt: deliver it again, knowingly."""
    item = _approval(desk, reviewer, number, Verdict.ACCEPT)
    if item.delivery:
        return _deliver_again(desk, reviewer, item, reason)
    action, request = _action(desk, item), _request(desk, item)
    _check_unchanged(desk, item)
    judged = desk.gate.judge(action, request, with_footers=False)
    released = releases.release(judged, item.action_digest, item.snapshot)
    vote = Vote(reviewer.identity, item.action_digest, item.message_digest, item.snapshot)
    journal = desk.journal()
    reason_digest = keep_reason(desk, journal, reason)
    if needs_second(desk.rules, reviewer, item.capability, desk.queue.votes(number), vote):
        return _vote(journal, reviewer, item, vote, reason_digest)
    record_decision(
        journal, reviewer, item, Verdict.ACCEPT, action_digest=item.action_digest, reason_digest=reason_digest
    )
    if item.action_kind == releases.RESPOND:
        _end_escalation(desk, journal, reviewer, item, reason_digest)
    return _carry_out(desk, journal, item, Verdict.ACCEPT, released)


def edit(desk: Desk, reviewer: Reviewer, number: int, body: str, reason: str) -> Ruling:
    """Release the reply of an approval with another text, which guard and kernel judge as a new action.

    Where two people are needed, the edited action asks anew, with the editor's word as the first of the two.
    """
    item = _approval(desk, reviewer, number, Verdict.EDIT)
    if item.delivery:
        raise InputError(
            "a delivery in doubt cannot be edited", "accept it, ignore it, or respond when that is settled"
        )
    changed = releases.edited(_action(desk, item), _checked_text(body))
    if changed is None:
        raise InputError(f"the words of a {item.action_kind} are fixed", "accept it, or ignore it with a reason")
    if changed.digest == item.action_digest:
        raise InputError("the text is the same", "accept it, or change it")
    _check_unchanged(desk, item)
    request = releases.written_by_person(_request(desk, item))
    judged = desk.gate.judge(changed, request, with_footers=True)
    digest = _digest(judged)
    released = releases.release(judged, digest, item.snapshot)
    journal = desk.journal()
    reason_digest = keep_reason(desk, journal, reason, "an edit")
    vote = Vote(reviewer.identity, digest, item.message_digest, item.snapshot)
    if needs_second(desk.rules, reviewer, item.capability, (), vote):
        return _ask_edited(desk, journal, reviewer, item, released)
    record_decision(journal, reviewer, item, Verdict.EDIT, action_digest=digest, reason_digest=reason_digest)
    return _carry_out(desk, journal, item, Verdict.EDIT, released)


def respond(desk: Desk, reviewer: Reviewer, number: int, body: str, reason: str = "") -> Ruling:
    """Send a person's text to the sender of the newest message that waits, in its thread, and end the item.

    Where two people are needed, the text becomes an approval of its own, with the writer's word as the first of the two.
    """
    item = find_live(desk, reviewer, number)
    if item.delivery:
        raise InputError("say first what became of the delivery in doubt", "accept or ignore it")
    target, others = _target(desk, item)
    about = _facts(desk, target.message)
    action = releases.response(
        target.message,
        _free_ordinal(desk, target.message),
        about,
        reply_subject(target.subject or ""),
        _checked_text(body),
    )
    asked = releases.about_sender(about, releases.RESPOND, reviewer.identity)
    judged = desk.gate.judge(action, asked, with_footers=True)
    digest = _digest(judged)
    released = releases.release(judged, digest, judged.decision.snapshot)
    journal = desk.journal()
    reason_digest = keep_reason(desk, journal, reason)
    end_other_items(desk, journal, reviewer, item, [target, *others])
    vote = Vote(reviewer.identity, digest, target.message_digest, judged.decision.snapshot)
    if needs_second(desk.rules, reviewer, asked.capability, (), vote):
        return _ask_response(desk, journal, reviewer, item, target, released)
    record_decision(journal, reviewer, item, Verdict.RESPOND, action_digest=digest, reason_digest=reason_digest)
    drop_stuck(desk, journal, reviewer, target.message, reason_digest or digest)
    # Held for the delivery: the receipt gives the message its disposition, as it does for every other.
    close(journal, reviewer, target.message, Disposition.HELD, reason_digest or digest)
    for other in others:
        drop_stuck(desk, journal, reviewer, other.message, reason_digest or digest)
        close(journal, reviewer, other.message, Disposition.SKIPPED, reason_digest or digest)
    return _carry_out(desk, journal, item, Verdict.RESPOND, released)


def reevaluate(desk: Desk, reviewer: Reviewer, number: int) -> Ruling:
    """Judge an approval again under today's policy: ask again only when the answer differs.

    The same answer makes it hold for today's snapshot. Another request for approval replaces it, an allowance lets it leave,
    a denial makes its message an open escalation. An escalation is planned again (`replan`).
    """
    item = find(desk, number)
    if item.kind is ReviewKind.ESCALATION:
        return replan(desk, reviewer, number)
    if not item.state.live:
        find_open(desk, number)
    if item.delivery:
        raise InputError("a delivery in doubt is judged again when it is accepted", "accept or ignore it")
    _check_unchanged(desk, item)
    judged = desk.gate.judge(_action(desk, item), _request(desk, item), with_footers=True)
    journal = desk.journal()
    if _same_answer(item, judged) and (item.expires_at is None or item.expires_at > desk.clock.now()):
        journal.record(
            "review_reevaluated",
            item=number,
            by=reviewer.identity,
            snapshot=judged.decision.snapshot,
            request_digest=journal.keep(judged.request_bytes),
        )
        commit(journal)
        return Ruling(number, find(desk, number).state, note="today's policy asks the same: it can be decided")
    why = {Effect.REQUIRE_APPROVAL: "asked-again", Effect.DENY: "refused"}.get(judged.decision.effect, "allowed")
    journal.record("review_superseded", item=number, by=reviewer.identity, reason=why)
    return _replace(desk, journal, item, judged)


def _replace(desk: Desk, journal: Journal, item: ReviewItem, judged: Judgement) -> Ruling:
    if judged.decision.effect is Effect.REQUIRE_APPROVAL:
        return _ask_again(desk, journal, item, judged, item.requested_by)
    journal.decided(item.message, judged)
    if judged.allowed:
        return _carry_out(desk, journal, item, None, judged, decided=True)
    journal.disposed(item.message, item.thread_id, item.sender, Disposition.ESCALATED, "refused")
    commit(journal)
    return Ruling(
        item.number, find(desk, item.number).state, note="today's policy refuses it: its message is escalated"
    )


def _same_answer(item: ReviewItem, judged: Judgement) -> bool:
    decision = judged.decision
    return (
        decision.effect is Effect.REQUIRE_APPROVAL
        and _digest(judged) == item.action_digest
        and decision.rule_ids == item.rule_ids
    )


def _ask_again(desk: Desk, journal: Journal, item: ReviewItem, judged: Judgement, requested_by: str) -> Ruling:
    journal.decided(item.message, judged)
    about = Message(item.message, Principal(item.sender), "", Mail("", "", "", item.thread_id))
    asking = Asking(requested_by, desk.rules.approval_expiry_s, item.number)
    journal.release_asked(about, judged, asking, item.message_digest)
    commit(journal)
    (again,) = [live for live in desk.queue.live(item.message) if live.kind is ReviewKind.APPROVAL]
    return Ruling(item.number, find(desk, item.number).state, note=f"item {again.number} asks again")


def _ask_edited(desk: Desk, journal: Journal, reviewer: Reviewer, item: ReviewItem, released: Judgement) -> Ruling:
    """Ask for the second person's word on an edited action; the editor's is the first."""
    journal.record("review_superseded", item=item.number, by=reviewer.identity, reason="edited")
    ruling = _ask_again(desk, journal, item, released, reviewer.identity)
    again = _vote_first(desk, reviewer, item.message)
    return Ruling(
        item.number, ruling.state, Verdict.EDIT, missing="a second person", note=f"who releases item {again.number}"
    )


def _ask_response(
    desk: Desk, journal: Journal, reviewer: Reviewer, item: ReviewItem, target: Member, released: Judgement
) -> Ruling:
    """Ask for the second person's word on a response; the writer's is the first.

    An escalation stays open until then. Its message is held, so that no run plans it while somebody looks at the text.
    """
    if item.kind is ReviewKind.APPROVAL:
        journal.record("review_superseded", item=item.number, by=reviewer.identity, reason="responded")
    close(journal, reviewer, target.message, Disposition.HELD, _digest(released))
    about = replace(item, message=target.message, message_digest=target.message_digest)
    ruling = _ask_again(desk, journal, about, released, reviewer.identity)
    again = _vote_first(desk, reviewer, target.message)
    return Ruling(
        item.number, ruling.state, Verdict.RESPOND, missing="a second person", note=f"who releases item {again.number}"
    )


def _vote_first(desk: Desk, reviewer: Reviewer, message: MessageKey) -> ReviewItem:
    """Record the word of who wrote what is asked about, and return the approval that asks."""
    (again,) = [live for live in desk.queue.live(message) if live.kind is ReviewKind.APPROVAL]
    vote = Vote(reviewer.identity, again.action_digest, again.message_digest, again.snapshot)
    _vote(desk.journal(), reviewer, again, vote, None)
    return again


def _end_escalation(
    desk: Desk, journal: Journal, reviewer: Reviewer, item: ReviewItem, reason_digest: str | None
) -> None:
    """End the escalation that a response answers, unless more mail came since the response was written."""
    digest = reason_digest or item.action_digest
    for live in desk.queue.live(item.message):
        members = waiting(desk, live) if live.kind is ReviewKind.ESCALATION else []
        if not members or any(member.seen_at is None or member.seen_at >= item.opened_at for member in members):
            continue
        record_decision(journal, reviewer, live, Verdict.RESPOND, reason_digest=reason_digest)
        for member in members:
            drop_stuck(desk, journal, reviewer, member.message, digest)
            if member.message != item.message:
                close(journal, reviewer, member.message, Disposition.SKIPPED, digest)


def _vote(journal: Journal, reviewer: Reviewer, item: ReviewItem, vote: Vote, reason_digest: str | None) -> Ruling:
    if not vote.message_digest:
        raise GateError("the message that this answers is not known any more", "end it with `warden review ignore`")
    journal.record(
        "review_approved",
        item=item.number,
        by=vote.by,
        action_digest=vote.action_digest,
        message_digest=vote.message_digest,
        snapshot=vote.snapshot,
        same_uid=reviewer.is_worker,
        reason_digest=reason_digest,
    )
    commit(journal)
    return Ruling(item.number, item.state, missing="a second person")


def _approval(desk: Desk, reviewer: Reviewer, number: int, verdict: Verdict) -> ReviewItem:
    item = find_live(desk, reviewer, number)
    if item.kind is not ReviewKind.APPROVAL:
        hint = "respond to it, or ignore it with a reason"
        raise InputError(f"item {number} is an escalation: there is no action to {verdict.value}", hint)
    check_not_own(reviewer, item)
    return item


def _action(desk: Desk, item: ReviewItem) -> Action:
    payload = payload_of(desk, item)
    if payload is None:
        raise GateError("the text that was asked about is gone", "end it with `warden review ignore`")
    action = Action(item.message, item.action_kind, item.ordinal, payload)
    if action.digest != item.action_digest:
        raise ReviewStateError("the text that is kept is not the one that was asked about", "`warden ledger verify`")
    return action


def _request(desk: Desk, item: ReviewItem) -> Request:
    data = desk.store.blob(item.request_digest)
    if data is None:
        raise GateError("the facts on which it was judged were purged", "end it with `warden review ignore`")
    return desk.read_request(data)


def _facts(desk: Desk, message: MessageKey) -> Request:
    """Return a request that was judged about a message: who sent it, in which thread, how far that is certain."""
    data = desk.queue.facts(message)
    for record in desk.queue.stuck(message) if data is None else ():
        data = data or desk.queue.request(record)
    if data is None:
        raise GateError(
            "what was recorded of the message is gone, or was never read", "end it with `warden review ignore`"
        )
    return desk.read_request(data)


def _digest(judged: Judgement) -> str:
    return releases.final_action(judged).digest


def _check_unchanged(desk: Desk, item: ReviewItem) -> None:
    """Raise `ReviewStateError` when the hub's message is not the one that the action answers any more."""
    if desk.current_digest(item.message) != item.message_digest:
        raise ReviewStateError("the message is not the one that was looked at", "respond, or ignore it with a reason")


def _checked_text(body: str) -> str:
    text = body.strip("\n")
    problem = text_problem(text)
    if problem:
        raise InputError(f"the {problem}", "write the text without it")
    return text


def _carry_out(
    desk: Desk,
    journal: Journal,
    item: ReviewItem,
    verdict: Verdict | None,
    judged: Judgement,
    decided: bool = False,
) -> Ruling:
    """Write the released action as an intent, and the read mark behind it where the policy allows that by itself."""
    action = releases.final_action(judged)
    now = desk.clock.now()
    origin = Origin(
        judged.request.labels.get("thread", item.thread_id), judged.request.labels.get("sender", item.sender)
    )
    if not decided:
        journal.decided(action.message, judged)
    closes = Disposition.ANSWERED if action.kind == releases.RESPOND else closing_disposition([action])
    record = write_intent(journal, now, judged, origin, 0, closes)
    if action.kind != "mark_read":
        mark = Action(action.message, "mark_read", 0, ReadMark(action.message.message_id))
        if not desk.store.intended([mark.key]):
            asked = releases.about_sender(judged.request, "mark_read", judged.request.actor_id)
            behind = desk.gate.judge(mark, asked, with_footers=False)
            journal.decided(mark.message, behind)
            if behind.allowed:
                write_intent(journal, now, behind, origin, READ_STAGE)
    commit(journal)
    return Ruling(item.number, find(desk, item.number).state, verdict, (record.intent.key,))


def _deliver_again(desk: Desk, reviewer: Reviewer, item: ReviewItem, reason: str) -> Ruling:
    from warden.engine.letters import rejudge

    record = doubtful(desk, item)
    kept = desk.queue.request(record)
    if kept is None:
        raise GateError("the facts on which it was allowed were purged", "ignore it when it was taken, and respond")
    request = desk.read_request(kept)
    rejudge(record, request, desk.gate.kernel, desk.scanner, Effect.REQUIRE_APPROVAL)
    journal = desk.journal()
    reason_digest = keep_reason(desk, journal, reason, "delivering it again, perhaps for the second time,")
    vote = Vote(reviewer.identity, item.action_digest, item.message_digest, item.snapshot)
    if needs_second(desk.rules, reviewer, request.capability, desk.queue.votes(item.number), vote):
        return _vote(journal, reviewer, item, vote, reason_digest)
    record_decision(
        journal, reviewer, item, Verdict.ACCEPT, action_digest=item.action_digest, reason_digest=reason_digest
    )
    for key in (*_read_marks(desk, item), item.delivery):
        journal.record("dead_retried", key=key, by=reviewer.identity, reason_digest=reason_digest)
    commit(journal)
    return Ruling(item.number, find(desk, item.number).state, Verdict.ACCEPT, (item.delivery,))


def _read_marks(desk: Desk, item: ReviewItem) -> list[str]:
    """Return the keys of the message's read marks that are in doubt as well: to set one twice changes nothing, so that the word
    on the text is enough."""
    return [
        record.intent.key
        for record in desk.queue.stuck(item.message)
        if isinstance(record.intent.payload, ReadMark)
        and record.state is IntentState.IN_DOUBT
        and record.intent.key != item.delivery
    ]


def _target(desk: Desk, item: ReviewItem) -> tuple[Member, list[Member]]:
    members = waiting(desk, item)
    if not members:
        raise ReviewStateError(f"no message of item {item.number} waits any more", "end it with `warden review ignore`")
    return members[-1], members[:-1]


def _free_ordinal(desk: Desk, message: MessageKey) -> int:
    from warden.model.ids import idempotency_key

    for ordinal in range(MAX_RESPONSES):
        if not desk.store.intended([idempotency_key(message, releases.RESPOND, ordinal)]):
            return ordinal
    raise GateError("this message was responded to too often", "write to its sender by hand")
