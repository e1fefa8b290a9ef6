"""A message is answered once, whichever of its items people decide on, and under the policy of the day."""

from __future__ import annotations

import pytest

from enginebed import charter_kernel, escalating, planning
from reviewbed import ANN, Asking, Renamed, ReviewBed, drafting, escalated_and_drafted
from warden.engine import review_rulings
from warden.errors import ReviewStateError
from warden.model.message import AUTO_SUBMITTED, HOPS
from warden.model.request import Effect


def test_a_message_whose_release_is_on_its_way_is_not_answered_beside_it() -> None:
    """Between a person's yes and the delivery, the older escalation of the same message has nothing left to answer."""
    bed, escalation, approval = escalated_and_drafted()
    review_rulings.accept(bed.desk, ANN, approval.number)
    with pytest.raises(ReviewStateError, match="waits any more"):
        review_rulings.respond(bed.desk, ANN, escalation.number, "One more answer.")
    bed.execute()
    assert [reply.content.body for reply in bed.replies()] == ["A draft."]


def test_a_reply_that_is_judged_again_gets_todays_footer() -> None:
    """When the policy wants a footer since, a person is asked about the text with it, and that text leaves."""
    bed = ReviewBed(planning(("reply", {"body": "Yes."})), kernel=Asking())
    bed.send()
    bed.execute()
    before = bed.only()
    bed.kernel = Asking(append_footer=("-- a bot",))
    review_rulings.reevaluate(bed.desk, ANN, before.number)
    item = bed.only()
    assert (item.number != before.number, item.action_digest != before.action_digest) == (True, True)
    review_rulings.accept(bed.desk, ANN, item.number)
    bed.deliver()
    assert [reply.content.body for reply in bed.replies()] == ["Yes.\n\n-- a bot"]


def test_a_persons_own_words_get_the_footer_that_the_policy_wants() -> None:
    """An edited reply leaves with the footer under it, as the drafted one would have."""
    bed = ReviewBed(planning(("reply", {"body": "Yes."})), kernel=Asking(append_footer=("-- a bot",)))
    bed.send()
    bed.execute()
    review_rulings.edit(bed.desk, ANN, bed.only().number, "Not yet.", "too early")
    bed.deliver()
    assert [reply.content.body for reply in bed.replies()] == ["Not yet.\n\n-- a bot"]


def test_what_the_policy_allows_since_leaves_under_one_decision() -> None:
    """Judged again and allowed, a reply and the read mark behind it are decided once each, and delivered."""
    bed = drafting()
    before = len(bed.entries("decided"))
    bed.kernel = Renamed(charter_kernel(), "two", effect=Effect.ALLOW)
    review_rulings.reevaluate(bed.desk, ANN, bed.only().number)
    assert [entry["kind"] for entry in bed.entries("decided")[before:]] == ["reply", "mark_read"]
    bed.deliver()
    assert len(bed.replies()) == 1


def test_a_persons_response_counts_one_hop_more_than_its_message() -> None:
    """Two workers whose people answer each other end at the hop limit as well; a person's words are not marked automatic."""
    bed = ReviewBed(escalating)
    bed.send(metadata={HOPS: "2"})
    bed.execute()
    review_rulings.respond(bed.desk, ANN, bed.only().number, "By hand.")
    bed.deliver()
    (reply,) = bed.replies()
    assert reply.content.metadata[HOPS] == "3"
    assert AUTO_SUBMITTED not in reply.content.metadata
