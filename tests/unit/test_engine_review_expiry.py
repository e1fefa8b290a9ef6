"""Approvals that run out: recorded as expired by whoever comes to it first, and never as a person's no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from enginebed import escalating
from reviewbed import ANN, BEN, TWO, Refusing, ReviewBed, drafting
from warden.engine import review, review_endings, review_rulings, review_upkeep
from warden.errors import ReviewStateError
from warden.model.disposition import Disposition
from warden.model.review import ReviewKind, ReviewState, Selection


def test_an_approval_expires_and_is_never_called_a_denial() -> None:
    """After its time a run records that it expired, with an audit event, and the message is an open escalation."""
    bed = drafting()
    number = bed.only().number
    bed.clock.advance(3 * 86_400)
    assert review.show(bed.desk, number).overdue
    bed.execute()
    assert review.find(bed.desk, number).state is ReviewState.EXPIRED
    escalation = bed.only()
    assert (escalation.kind, escalation.reason) == (ReviewKind.ESCALATION, "approval-expired")
    assert [event.metadata["reason"] for event in bed.events()] == ["approval-expired"]
    assert bed.entries("review_decided") == []
    review_rulings.respond(bed.desk, ANN, escalation.number, "Sorry, late.")
    bed.execute()
    assert [event.metadata["disposition"] for event in bed.events()] == ["escalated", "answered"]


@pytest.mark.parametrize(
    "decide",
    [
        lambda desk, number: review_rulings.accept(desk, ANN, number),
        lambda desk, number: review_rulings.edit(desk, ANN, number, "Another text.", "better"),
        lambda desk, number: review_rulings.respond(desk, ANN, number, "By hand."),
        lambda desk, number: review_endings.ignore(desk, ANN, number, "settled"),
        lambda desk, number: review.acknowledge(desk, ANN, number),
        lambda desk, number: review.assign(desk, ANN, number, "ann"),
    ],
    ids=["accept", "edit", "respond", "ignore", "ack", "assign"],
)
def test_who_decides_on_an_approval_that_ran_out_has_it_recorded_as_expired(
    decide: Callable[[review.Desk, int], object],
) -> None:
    """Whatever somebody decides then: it is refused and recorded as expired, and they are told where its message waits."""
    bed = drafting()
    number = bed.only().number
    bed.clock.advance(3 * 86_400)
    with pytest.raises(ReviewStateError, match="is expired: nobody decided in time") as refused:
        decide(bed.desk, number)
    escalation = bed.only()
    assert refused.value.hint == f"its message waits as item {escalation.number}"
    assert review.find(bed.desk, number).state is ReviewState.EXPIRED
    assert (escalation.kind, escalation.reason) == (ReviewKind.ESCALATION, "approval-expired")
    assert (bed.entries("review_decided"), len(bed.entries("review_expired"))) == ([], 1)
    bed.execute()
    assert (bed.replies(), [event.metadata["reason"] for event in bed.events()]) == ([], ["approval-expired"])


def test_an_expiry_that_a_run_was_faster_with_is_recorded_once() -> None:
    """Two who find the same approval expired write one entry, and who came second is told what it is now."""
    bed = drafting()
    item = bed.only()
    bed.clock.advance(3 * 86_400)
    review_upkeep.expire_due(bed.desk)
    review_upkeep.expire(bed.desk, [item])
    assert len(bed.entries("review_expired")) == 1
    assert bed.only().kind is ReviewKind.ESCALATION


def test_an_expiry_is_recorded_when_the_facts_were_purged() -> None:
    """Without the facts there is no audit event, and the message is an open escalation all the same."""
    bed = drafting()
    item = bed.only()
    bed.clock.advance(3 * 86_400)
    review_upkeep.expire(bed.desk, [replace(item, request_digest="sha256:" + "0" * 64)])
    bed.execute()
    assert (bed.only().reason, bed.events()) == ("approval-expired", [])


def test_an_expiry_that_may_not_be_told_is_recorded_all_the_same() -> None:
    """Where today's policy denies audit events, none is intended."""
    bed = drafting()
    bed.kernel = Refusing(bed.kernel, "two")
    bed.clock.advance(3 * 86_400)
    review_upkeep.expire_due(bed.desk)
    bed.deliver()
    assert (bed.only().reason, bed.events()) == ("approval-expired", [])


def test_an_approval_counts_as_expired_before_a_run_records_it() -> None:
    """Whose time has run out is found as expired, not as open, and still without a filter: its message waits."""
    bed = drafting()
    bed.clock.advance(3 * 86_400)

    def numbers(state: ReviewState) -> list[int]:
        chosen = Selection(states=frozenset({state}), overdue=False)
        return [item.number for item in review.select(bed.desk, chosen)]

    assert [item.number for item in review.select(bed.desk, Selection())] == [1]
    assert (numbers(ReviewState.OPEN), numbers(ReviewState.EXPIRED)) == ([], [1])
    bed.execute()
    assert (numbers(ReviewState.OPEN), numbers(ReviewState.EXPIRED)) == ([2], [1])


def test_a_response_that_nobody_looks_at_again_expires_into_its_escalation() -> None:
    """Nothing was sent, and the escalation that it answered still waits."""
    bed = ReviewBed(escalating, rules=TWO)
    bed.send()
    bed.execute()
    review_rulings.respond(bed.desk, ANN, 1, "By hand.")
    bed.clock.advance(4 * 86_400)
    bed.execute()
    assert (bed.replies(), bed.only().number, bed.disposition("m1")) == ([], 1, Disposition.ESCALATED)
    assert review_rulings.respond(bed.desk, BEN, 1, "Late.").missing


def test_judging_an_overdue_approval_again_asks_again() -> None:
    """An approval whose time ran out, and that no run has recorded yet, asks for a person's word anew."""
    bed = drafting()
    number = bed.only().number
    bed.clock.advance(4 * 86_400)
    review_rulings.reevaluate(bed.desk, ANN, number)
    again = bed.only()
    assert again.number != number
    assert review_rulings.accept(bed.desk, ANN, again.number).released


def test_what_comes_next_expires_first_then_is_oldest_then_was_noted() -> None:
    """Items that were passed come last, and an approval that has expired does not come at all."""
    bed = drafting()
    bed.answer = escalating
    bed.send()
    bed.send()
    bed.execute()
    review.acknowledge(bed.desk, ANN, 2)

    def after(number: int) -> int | None:
        item = review.following(bed.desk, number)
        return None if item is None else item.number

    assert [after(number) for number in (0, 1, 2, 3)] == [1, 3, 3, 1]
    bed.clock.advance(3 * 86_400)
    assert [after(number) for number in (0, 1, 2, 3)] == [3, 3, 3, 3]
    review_endings.ignore(bed.desk, ANN, 3, "settled")
    assert [after(number) for number in (0, 2)] == [2, 2]
    review_endings.ignore(bed.desk, ANN, 2, "settled")
    assert after(0) is None
