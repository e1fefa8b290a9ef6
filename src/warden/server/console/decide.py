"""Decisions: from a form to the same functions that the command line calls.

A decision names what was shown. INVARIANT (charter-floor): nothing is released that the person who released it did not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.engine import review, review_endings, review_rulings
from warden.errors import InputError, ReviewStateError, WardenError
from warden.server.console.items import look, seen_of, show_item
from warden.server.console.look import page
from warden.server.console.visible import word_diff
from warden.server.console.visit import Answer, RefusedVisitError, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from warden.engine.review import Desk
    from warden.model.review import Reviewer, Ruling
    from warden.server.console.visit import Visit

BATCH = 1_000
"""INVARIANT (bounded): items of one batch."""
BATCH_VERBS = ("accept", "ignore", "acknowledge", "assign", "re-evaluate", "replan")


@dataclass(frozen=True, slots=True)
class Words:
    """What a person wrote with a decision."""

    reason: str = ""
    text: str = ""
    owner: str = ""


VERBS: Mapping[str, Callable[[Desk, Reviewer, int, Words], Ruling]] = {
    "accept": lambda desk, who, number, words: review_rulings.accept(desk, who, number, words.reason),
    "edit": lambda desk, who, number, words: review_rulings.edit(desk, who, number, words.text, words.reason),
    "respond": lambda desk, who, number, words: review_rulings.respond(desk, who, number, words.text, words.reason),
    "ignore": lambda desk, who, number, words: review_endings.ignore(desk, who, number, words.reason),
    "acknowledge": lambda desk, who, number, words: review.acknowledge(desk, who, number, words.reason),
    "assign": lambda desk, who, number, words: review.assign(desk, who, number, words.owner, words.reason),
    "reopen": lambda desk, who, number, words: review.reopen(desk, who, number, words.reason),
    "replan": lambda desk, who, number, words: review_endings.replan(desk, who, number, words.reason),
    "re-evaluate": lambda desk, who, number, words: review_rulings.reevaluate(desk, who, number),
}
"""Every decision, by the name that the command line has for it."""


def decide(visit: Visit, number: int, verb: str, words: Words, seen: str) -> Ruling:
    """Do what somebody decided about what they saw.

    Raises what the engine raises, and `ReviewStateError` when the item is not the one that was shown.
    """
    with visit.parts.open_desk(False) as place:
        try:
            item = review.find(place.desk, number)
        except InputError as error:
            raise RefusedVisitError(404, error.message) from error
        if seen != seen_of(item):
            how = f": {item.state.value} by {item.decided_by}" if item.decided_by else ""
            raise ReviewStateError(f"item {number} changed since it was shown{how}", "look at it again, then decide")
        ruling = VERBS[verb](place.desk, place.reviewer(visit.who), number, words)
    if ruling.released:
        visit.parts.release()
    return ruling


def words_of(visit: Visit) -> Words:
    """Return what a form says."""
    return Words(visit.field("reason"), visit.field("text"), visit.field("owner"))


def one(visit: Visit) -> Answer:
    """Decide one item, and go on: back to it, or to the next one."""
    number, verb = visit.number("number"), visit.params["verb"]
    if verb not in VERBS:
        raise RefusedVisitError(404, "there is no such decision")
    try:
        ruling = decide(visit, number, verb, words_of(visit), visit.field("seen"))
    except RefusedVisitError:
        raise
    except WardenError as error:
        typed = {"verb": verb, "text": visit.field("text"), "reason": visit.field("reason")}
        return show_item(visit, number, status_of(error), problem=error, typed=typed)
    if visit.field("then") == "next" and not ruling.missing and not ruling.note:
        return Answer(location=f"/review/next?after={number}")
    return Answer(location=f"/review/{number}?note={'missing' if ruling.missing else verb}")


def preview(visit: Visit) -> Answer:
    """Show an edit as a diff before it is released; nothing is decided."""
    number, text = visit.number("number"), visit.field("text")
    with visit.parts.open_desk(True) as place:
        detail = look(place.desk, number)
        before = detail.payload.body if detail.payload is not None and hasattr(detail.payload, "body") else ""
    return page(
        visit,
        "preview.html",
        item=detail.item,
        changes=word_diff(before, text.strip("\n")),
        text=text,
        reason=visit.field("reason"),
        seen=visit.field("seen"),
        same=before == text.strip("\n"),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one item of a batch."""

    number: int
    ruling: Ruling | None
    problem: str = ""


def batch(visit: Visit) -> Answer:
    """Decide a selection, one item after the other; each by itself, so that one that is refused stops no other."""
    verb, chosen = visit.field("verb"), visit.form.get("item", [])
    if verb not in BATCH_VERBS or len(chosen) > BATCH:
        raise RefusedVisitError(422, f"a batch takes up to {BATCH} items and one of: {', '.join(BATCH_VERBS)}")
    if not chosen:
        raise RefusedVisitError(422, "nothing is selected", "tick items of the queue first")
    lines: list[Line] = []
    for mark in chosen:
        text, _, seen = mark.partition(":")
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise RefusedVisitError(422, "that is not a selection of this queue")
        try:
            lines.append(Line(int(text), decide(visit, int(text), verb, words_of(visit), seen)))
        except WardenError as error:
            lines.append(Line(int(text), None, error.message))
    refused = sum(1 for line in lines if line.ruling is None)
    return page(visit, "batch.html", lines=lines, verb=verb, refused=refused)
