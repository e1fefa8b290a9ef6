"""The page of one item - what is asked, the exact text, why, the thread - and the timeline of a message."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warden.engine import review
from warden.engine.draft import shown_text
from warden.engine.review_gates import overdue, owner_of, standing
from warden.errors import WardenError
from warden.model.ids import MessageKey
from warden.model.request import request_fields
from warden.model.review import ReviewDetail, ReviewItem, ReviewKind, Trace
from warden.server.console.look import page
from warden.server.console.visible import DiffPiece, word_diff
from warden.server.console.visit import Answer, RefusedVisitError
from warden.store.console_queries import (
    read_founding,
    read_items_of,
    read_messages,
    read_plan_before,
    read_released_digest,
    read_timeline,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.engine.review import Desk
    from warden.model.delivery import Payload
    from warden.server.console.parts import OpenDesk
    from warden.server.console.visit import Visit

MESSAGES = 100
"""INVARIANT (bounded): messages of one page."""

NOTES = {
    "accept": "Released.",
    "edit": "The edited text was released.",
    "respond": "Your text was released to the sender.",
    "ignore": "Ended without an answer.",
    "acknowledge": "You took note of it.",
    "assign": "It has an owner.",
    "reopen": "It is open again.",
    "replan": "The next executing run plans it again.",
    "re-evaluate": "It was judged again under today's policy.",
    "missing": "Your word counts. A second person has to release it too.",
}
STEPS = {
    "message_seen": "arrived",
    "planned": "planned",
    "decided": "judged",
    "intended": "written to the outbox",
    "attempted": "tried",
    "faulted": "failed",
    "received": "receipt",
    "outcome_reported": "outcome",
    "disposed": "disposition",
    "closed": "ended by a person",
    "reopened": "reopened",
    "review_asked": "release asked for",
    "review_acknowledged": "noted by a person",
    "review_assigned": "assigned",
    "review_approved": "released by one of two",
    "review_decided": "decided",
    "review_reevaluated": "judged again",
    "review_expired": "expired",
    "review_superseded": "superseded",
    "review_reopened": "given back",
    "model_asked": "model asked",
    "answer_kept": "model answered",
    "dead_retried": "delivered again",
    "dead_dropped": "given up",
    "counted": "counted",
    "alert_raised": "raised",
}
"""Names of entries on a timeline; another kind is shown by its own name."""


def seen_of(item: ReviewItem) -> str:
    """Return a short digest of all that a decision depends on: another item, or the same one after it changed, has another."""
    text = "\n".join(
        map(
            str,
            (
                item.number,
                item.state.value,
                item.action_digest,
                item.message_digest,
                item.snapshot,
                item.messages,
                item.reason,
            ),
        )
    )
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Why:
    """Why something waits, in one glance: rules, what the catalogue matched, facts, and what today's policy says."""

    rules: tuple[str, ...]
    plan: Mapping[str, Any]
    facts: tuple[tuple[str, str], ...]
    today: str = ""
    reasons: tuple[str, ...] = ()
    stale: bool = False
    problem: str = ""


def show(visit: Visit) -> Answer:
    """Show one item."""
    note = visit.query.get("note", "")
    return show_item(visit, visit.number("number"), note=NOTES.get(note, ""))


def show_item(
    visit: Visit,
    number: int,
    status: int = 200,
    note: str = "",
    problem: WardenError | None = None,
    typed: Mapping[str, str] = {},
) -> Answer:
    """Return the page of an item, after a decision that was refused with what the person had `typed`."""
    with visit.parts.open_desk(True) as place:
        detail = look(place.desk, number)
        item = detail.item
        text = _text(detail.payload)
        return page(
            visit,
            "item.html",
            status=status,
            item=item,
            state=standing(item, place.desk.clock.now()),
            doubt=place.desk.store.intent(item.delivery) if item.delivery else None,
            evidence=evidence_of(place.desk, item),
            instead=[] if item.state.live else [live.number for live in place.desk.queue.live(item.message)],
            detail=detail,
            text=text,
            seen=seen_of(item),
            why=why_of(place, item),
            changes=edits_of(place, item, text),
            people=sorted(place.desk.rules.people),
            is_reply=detail.payload is not None and hasattr(detail.payload, "body"),
            approval=item.kind is ReviewKind.APPROVAL,
            steps=STEPS,
            note=note,
            problem=problem,
            typed=typed,
            mark=visit.parts.mark(),
        )


def look(desk: Desk, number: int) -> ReviewDetail:
    """Return what a person needs to decide; the timeline is a page of its own. Raises `RefusedVisitError`."""
    try:
        item = review.find(desk, number)
    except WardenError as error:
        raise RefusedVisitError(404, error.message, "the queue names the items") from error
    return ReviewDetail(
        item=item,
        members=desk.queue.members(number),
        payload=review.payload_of(desk, item),
        votes=desk.queue.votes(number),
        owner=owner_of(desk.rules, item),
        overdue=overdue(item, desk.clock.now()),
    )


def _text(payload: Payload | None) -> str:
    return (shown_text(payload) or "") if payload is not None else ""


def evidence_of(desk: Desk, item: ReviewItem) -> tuple[Trace, ...]:
    """Return what the ledger holds about a delivery in doubt, oldest first; empty for every other item."""
    if not item.delivery:
        return ()
    return tuple(trace for trace in desk.queue.history(item.number) if ("key", item.delivery) in trace.fields)


def why_of(place: OpenDesk, item: ReviewItem) -> Why:
    """Return why an item waits; a fact that was purged, or a policy that cannot be judged by, is told and stops nothing."""
    desk = place.desk
    plan = place.read(lambda connection: read_plan_before(connection, item.number, item.message.message_id))
    fields: Mapping[str, Any] = plan.fields if plan is not None else {}
    data = desk.store.blob(item.request_digest) if item.request_digest else desk.queue.facts(item.message)
    if data is None:
        return Why(item.rule_ids, fields, (), problem="the facts on which it was judged were purged")
    try:
        request = desk.read_request(data)
        judged = desk.gate.kernel.evaluate(request)
    except WardenError as error:
        return Why(item.rule_ids, fields, (), problem=error.message)
    known = request_fields(request)
    facts = [("capability", request.capability), ("actor", f"{request.actor_type} {request.actor_id}")]
    facts += [(name, value) for name, value in sorted(request.labels.items())]
    facts += [(name, str(value)) for name, value in sorted(request.counts.items())]
    facts.append(("secrets present", str(known["secrets_present"])))
    return Why(
        rules=item.rule_ids,
        plan=fields,
        facts=tuple(facts),
        today=judged.effect.word,
        reasons=judged.reasons,
        stale=bool(item.snapshot) and item.state.live and not item.delivery and judged.snapshot != item.snapshot,
    )


def edits_of(place: OpenDesk, item: ReviewItem, text: str) -> list[DiffPiece]:
    """Return how a person changed the text: of an item that was edited and released, or of one that asks for the second word
    on an edited text; empty when nobody did."""
    desk = place.desk
    released = place.read(lambda connection: read_released_digest(connection, item.number))
    if item.verdict is not None and item.verdict.value == "edit" and released:
        after = desk.store.blob(released)
        body = desk.read_json(after) if after is not None else None
        return word_diff(text, str(body.get("body", ""))) if isinstance(body, dict) else []
    founded = place.read(lambda connection: read_founding(connection, item.number))
    replaced = founded.fields.get("replaces") if founded is not None else None
    if not isinstance(replaced, int):
        return []
    before = desk.queue.item(replaced)
    old = _text(review.payload_of(desk, before)) if before is not None else ""
    return word_diff(old, text) if old and old != text else []


def messages(visit: Visit) -> Answer:
    """List messages, the newest first."""
    before = visit.query.get("before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) <= 18):
        raise RefusedVisitError(422, "there is no such page of messages")
    with visit.parts.open_desk(True) as place:
        agent = place.desk.agent
        rows = place.read(
            lambda connection: read_messages(connection, agent, int(before) if before else None, MESSAGES)
        )
    return page(visit, "messages.html", rows=rows, more=len(rows) == MESSAGES, mark=visit.parts.mark())


def timeline(visit: Visit) -> Answer:
    """Show what happened to a message, from arrival to receipt."""
    hub_id, message_id = visit.query.get("hub", ""), visit.query.get("id", "")
    with visit.parts.open_desk(True) as place:
        try:
            key = MessageKey(hub_id, place.desk.agent, message_id)
        except ValueError as error:
            raise RefusedVisitError(404, "there is no such message") from error
        traces = place.read(lambda connection: read_timeline(connection, key))
        found = place.read(lambda connection: read_items_of(connection, key))
    if not traces and not found:
        raise RefusedVisitError(404, "there is no such message", "the list of messages names those that were seen")
    return page(visit, "timeline.html", key=key, traces=traces, items=found, steps=STEPS, mark=visit.parts.mark())
