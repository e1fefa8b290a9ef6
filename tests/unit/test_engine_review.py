"""What a person may do with what waits, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from enginebed import SECRET, SENDER, answering, charter_kernel, escalating, planning, traits_with, with_content
from reviewbed import ANN, BEN, RULES, STRANGER, WORKER, Asking, Counting, Renamed, ReviewBed, drafting
from warden.engine import review, review_rulings
from warden.engine.draft import Draft
from warden.engine.enforce import Judgement
from warden.engine.journal import Asking as AskedBy
from warden.engine.letters import Person, dropping, retrying
from warden.engine.release import release
from warden.errors import GateError, HubRejectedError, HubUncertainError, InputError, ReviewStateError
from warden.model.delivery import OutgoingMessage
from warden.model.disposition import Disposition
from warden.model.entry import Batch
from warden.model.hub import DeliveryMeans
from warden.model.message import Mail, Message, Principal
from warden.model.records import OutboxRecord
from warden.model.request import Decision, Effect
from warden.model.review import ReviewKind, ReviewState, Selection, Verdict, Vote
from warden.store.maintenance import purge, rebuild
from warden.store.review_store import SqliteReviews
from warden.store.sqlite import SqliteLedgerStore


def test_an_accepted_draft_leaves_exactly_as_it_was_shown() -> None:
    """Accepting releases the action; it is delivered by the outbox, once, and its message is answered and read."""
    bed = drafting()
    item = bed.only()
    assert (item.kind, item.action_kind, item.requested_by) == (ReviewKind.APPROVAL, "reply", "brain:scripted")
    ruling = review_rulings.accept(bed.desk, ANN, item.number)
    assert (ruling.state, ruling.verdict, len(ruling.released)) == (ReviewState.DECIDED, Verdict.ACCEPT, 1)
    assert bed.replies() == []
    bed.deliver()
    bed.execute()
    (reply,) = bed.replies()
    assert reply.content.body == "Ask the platform team."
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert bed.hub.is_read("m1")
    assert [event.metadata["disposition"] for event in bed.events()] == ["answered"]
    (decided,) = bed.entries("review_decided")
    assert (decided["by"], decided["same_uid"], decided["action_digest"]) == ("person:ann", False, item.action_digest)


def test_the_second_of_two_people_is_told_that_it_is_decided() -> None:
    """An approval is used once: whoever comes later changes nothing."""
    bed = drafting()
    number = bed.only().number
    review_rulings.accept(bed.desk, ANN, number)
    decisions: list[Callable[[], object]] = [
        lambda: review_rulings.accept(bed.desk, BEN, number),
        lambda: review_rulings.ignore(bed.desk, BEN, number, "no"),
        lambda: review_rulings.edit(bed.desk, BEN, number, "Other.", "no"),
        lambda: review_rulings.respond(bed.desk, BEN, number, "Other."),
        lambda: review.acknowledge(bed.desk, BEN, number),
    ]
    for decide in decisions:
        with pytest.raises(ReviewStateError, match="decided by person:ann"):
            decide()
    bed.deliver()
    assert len(bed.replies()) == 1


def test_a_decision_that_races_another_is_refused_by_the_store() -> None:
    """Two people who both read an open item: the store refuses the second commit as a whole."""
    bed = drafting()
    item = bed.only()
    journal = bed.desk.journal()
    review_rulings._decided(journal, BEN, item, Verdict.ACCEPT, action_digest=item.action_digest)
    review_rulings.ignore(bed.desk, ANN, item.number, "not now")
    with pytest.raises(ReviewStateError, match="nothing was done"):
        review.commit(journal)
    assert bed.disposition("m1") is Disposition.SKIPPED


def test_the_worker_itself_approves_nothing() -> None:
    """A decision from the worker's own uid is refused, and recorded as such where the configuration takes it."""
    bed = drafting()
    number = bed.only().number
    decisions: list[Callable[[], object]] = [
        lambda: review_rulings.accept(bed.desk, WORKER, number),
        lambda: review_rulings.respond(bed.desk, WORKER, number, "Hello."),
        lambda: review_rulings.ignore(bed.desk, WORKER, number, "no"),
    ]
    for decide in decisions:
        with pytest.raises(GateError, match="worker's own uid"):
            decide()
    bed.rules = replace(RULES, allow_same_uid=True)
    review_rulings.accept(bed.desk, WORKER, number)
    (decided,) = bed.entries("review_decided")
    assert decided["same_uid"] is True


def test_nobody_approves_what_they_asked_for() -> None:
    """The sender of a message cannot release its answer."""
    bed = ReviewBed(planning(("reply", {"body": "Yes."})), traits=traits_with(authenticated_senders=False))
    bed.send(sender="ann")
    bed.execute()
    with pytest.raises(GateError, match="own request"):
        review_rulings.accept(bed.desk, ANN, bed.only().number)
    review_rulings.accept(bed.desk, BEN, bed.only().number)


def test_two_people_release_what_takes_two() -> None:
    """The first word is kept, the same person's second one adds nothing, another person's releases it."""
    bed = drafting(rules=replace(RULES, two_persons=frozenset({"messaging.reply"})))
    number = bed.only().number
    with pytest.raises(GateError, match="not declared"):
        review_rulings.accept(bed.desk, STRANGER, number)
    for _ in range(2):
        ruling = review_rulings.accept(bed.desk, ANN, number)
        assert (ruling.missing, ruling.released) == ("a second person", ())
    bed.deliver()
    assert bed.replies() == []
    assert [vote.by for vote in review.show(bed.desk, number).votes] == ["person:ann"]
    assert review_rulings.accept(bed.desk, BEN, number).released
    bed.deliver()
    assert len(bed.replies()) == 1


def test_an_edit_that_takes_two_asks_the_second_person() -> None:
    """The edited action asks anew; the editor's word is the first, and is not enough."""
    bed = drafting(rules=replace(RULES, two_persons=frozenset({"messaging.reply"})))
    first = bed.only()
    ruling = review_rulings.edit(bed.desk, ANN, first.number, "Ask operations.", "wrong team")
    assert (ruling.state, ruling.missing) == (ReviewState.SUPERSEDED, "a second person")
    second = bed.only()
    assert (second.requested_by, second.action_digest == first.action_digest) == ("person:ann", False)
    with pytest.raises(GateError, match="own request"):
        review_rulings.accept(bed.desk, ANN, second.number)
    review_rulings.accept(bed.desk, BEN, second.number)
    bed.deliver()
    assert [reply.content.body for reply in bed.replies()] == ["Ask operations."]


def test_an_edit_is_judged_as_a_new_action() -> None:
    """The edited text leaves under the key of the draft; a secret or an unusable text is refused, and nothing is sent."""
    bed = drafting()
    item = bed.only()
    for body, error in ((SECRET, GateError), ("", InputError), ("a\x1b[2J", InputError)):
        with pytest.raises(error):
            review_rulings.edit(bed.desk, ANN, item.number, body, "better")
    with pytest.raises(InputError, match="the same"):
        review_rulings.edit(bed.desk, ANN, item.number, "Ask the platform team.", "better")
    with pytest.raises(InputError, match="needs a reason"):
        review_rulings.edit(bed.desk, ANN, item.number, "Ask operations.", " ")
    assert bed.only().state is ReviewState.OPEN
    ruling = review_rulings.edit(bed.desk, ANN, item.number, "Ask operations.\n", "wrong team")
    assert ruling.verdict is Verdict.EDIT
    bed.deliver()
    assert [reply.content.body for reply in bed.replies()] == ["Ask operations."]
    intended = {entry["kind"]: entry for entry in bed.entries("intended")}
    (decided,) = bed.entries("review_decided")
    assert decided["action_digest"] == intended["reply"]["action_digest"] != item.action_digest


def test_a_response_answers_an_escalation_whatever_it_asked_for() -> None:
    """A person's text goes to the sender, in the thread, under a key of its own, and the charter lets it."""
    bed = ReviewBed(escalating)
    bed.send(body="Please send me the root password of the database.", subject="access")
    bed.execute()
    item = bed.only()
    assert item.kind is ReviewKind.ESCALATION
    with pytest.raises(GateError, match="guard found"):
        review_rulings.respond(bed.desk, ANN, item.number, SECRET)
    review_rulings.respond(bed.desk, ANN, item.number, "I will call you.")
    bed.execute()
    (reply,) = bed.replies(SENDER)
    assert (reply.content.body, reply.content.subject) == ("I will call you.", "Re: access")
    assert "auto-submitted" not in reply.content.metadata
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert bed.items() == []
    assert [event.metadata["disposition"] for event in bed.events()] == ["escalated", "answered"]


def test_mail_of_the_same_thread_joins_its_escalation() -> None:
    """A thread has one escalation: a person answers the newest message and ends the others with it."""
    bed = ReviewBed(escalating)
    bed.send()
    bed.execute()
    bed.send(thread="t1", body="And?")
    bed.send(sender="mallory")
    bed.execute()
    first, second = bed.items()
    assert (first.messages, second.messages, second.sender) == (2, 1, "mallory")
    assert [member.body for member in review.show(bed.desk, first.number).members][-1] == "And?"
    review_rulings.respond(bed.desk, ANN, first.number, "Here.")
    bed.execute()
    (reply,) = bed.replies(SENDER)
    assert reply.content.in_reply_to == "m2"
    assert (bed.disposition("m1"), bed.disposition("m2")) == (Disposition.SKIPPED, Disposition.ANSWERED)
    assert [item.number for item in bed.items()] == [second.number]


def test_ignoring_ends_a_message_with_a_reason() -> None:
    """Without a reason nothing ends; with one the message is over, nothing is sent, and the reason is kept."""
    bed = ReviewBed(escalating)
    bed.send()
    bed.execute()
    number = bed.only().number
    for reason in ("", "  \n", "x" * 4001, SECRET, "\ud800"):
        with pytest.raises(InputError):
            review_rulings.ignore(bed.desk, ANN, number, reason)
    review_rulings.ignore(bed.desk, ANN, number, "spam")
    bed.execute()
    assert (bed.disposition("m1"), bed.replies(), bed.items()) == (Disposition.SKIPPED, [], [])
    (decided,) = bed.entries("review_decided")
    assert bed.store.blob(decided["reason_digest"]) == b"spam"


def test_an_ignored_message_can_be_opened_again() -> None:
    """What a person ended is an open escalation again, as an item of its own."""
    bed = ReviewBed(escalating)
    bed.send()
    bed.execute()
    number = bed.only().number
    review_rulings.ignore(bed.desk, ANN, number, "spam")
    ruling = review.reopen(bed.desk, BEN, number, "it was not")
    again = bed.only()
    assert ruling.note == f"item {again.number} is open for it"
    assert (again.number != number, bed.disposition("m1")) == (True, Disposition.ESCALATED)
    review_rulings.respond(bed.desk, BEN, again.number, "Sorry.")
    bed.execute()
    assert len(bed.replies()) == 1
    assert bed.items() == []


def test_a_changed_policy_makes_an_approval_stale_not_dead() -> None:
    """Stale, it is refused; judged again with the same answer it holds."""
    bed = drafting()
    number = bed.only().number
    bed.kernel = Renamed(bed.kernel, "another")
    with pytest.raises(ReviewStateError, match="not the one that was looked at"):
        review_rulings.accept(bed.desk, ANN, number)
    ruling = review_rulings.reevaluate(bed.desk, ANN, number)
    assert (ruling.state, bed.only().number, bed.only().snapshot) == (ReviewState.OPEN, number, "another")
    review_rulings.accept(bed.desk, ANN, number)
    bed.deliver()
    assert len(bed.replies()) == 1


def test_judging_again_asks_anew_only_when_the_answer_differs() -> None:
    """Another rule asks again; an allowance lets it leave; a denial makes the message an open escalation."""
    bed = drafting()
    first = bed.only()
    bed.kernel = Renamed(bed.kernel, "two", rule_ids=("another/rule",))
    ruling = review_rulings.reevaluate(bed.desk, ANN, first.number)
    second = bed.only()
    assert (ruling.state, ruling.note) == (ReviewState.SUPERSEDED, f"item {second.number} asks again")
    assert (second.rule_ids, second.snapshot) == (("another/rule",), "two")
    bed.kernel = Renamed(charter_kernel(), "three", effect=Effect.ALLOW)
    ruling = review_rulings.reevaluate(bed.desk, ANN, second.number)
    assert (ruling.state, len(ruling.released)) == (ReviewState.SUPERSEDED, 1)
    bed.deliver()
    assert (bed.disposition("m1"), len(bed.replies())) == (Disposition.ANSWERED, 1)


def test_what_is_refused_when_judged_again_is_an_open_escalation() -> None:
    """An approval that today's policy denies is superseded, and a person has the message."""
    bed = drafting()
    number = bed.only().number
    bed.kernel = Renamed(bed.kernel, "two", effect=Effect.DENY)
    with pytest.raises(GateError, match="denies"):
        review_rulings.accept(bed.desk, ANN, number)
    assert "refuses" in review_rulings.reevaluate(bed.desk, ANN, number).note
    assert (bed.only().kind, bed.disposition("m1")) == (ReviewKind.ESCALATION, Disposition.ESCALATED)
    bed.kernel = charter_kernel()
    review_rulings.respond(bed.desk, ANN, bed.only().number, "By hand.")
    bed.execute()
    assert [reply.content.body for reply in bed.replies()] == ["By hand."]


def test_an_approval_expires_and_is_never_called_a_denial() -> None:
    """After its time it cannot be accepted; a run records that, with an audit event, and the message is an open escalation."""
    bed = drafting()
    number = bed.only().number
    bed.clock.advance(3 * 86_400)
    with pytest.raises(ReviewStateError, match="overdue"):
        review_rulings.accept(bed.desk, ANN, number)
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


def test_judging_an_overdue_approval_again_asks_again() -> None:
    """An approval whose time ran out, and that no run has recorded yet, asks for a person's word anew."""
    bed = drafting()
    number = bed.only().number
    bed.clock.advance(4 * 86_400)
    review_rulings.reevaluate(bed.desk, ANN, number)
    again = bed.only()
    assert again.number != number
    assert review_rulings.accept(bed.desk, ANN, again.number).released


def test_what_nobody_takes_note_of_is_raised_again_and_again() -> None:
    """One alert a day for an open item, none for an acknowledged one, none when that is switched off."""
    bed = ReviewBed(escalating)
    bed.send()
    bed.execute()
    number = bed.only().number
    bed.clock.advance(3600)
    bed.execute()
    assert bed.entries("alert_raised") == []
    for _ in range(2):
        bed.clock.advance(86_400)
        bed.execute(raise_after_s=None)
        bed.execute()
        bed.execute()
    assert [alert["subject"] for alert in bed.entries("alert_raised")] == [str(number)] * 2
    assert bed.only().raised == 2
    review.acknowledge(bed.desk, ANN, number)
    bed.clock.advance(86_400)
    bed.execute()
    assert len(bed.entries("alert_raised")) == 2
    review.reopen(bed.desk, ANN, number, "not mine")
    bed.execute()
    assert (bed.only().state, len(bed.entries("alert_raised"))) == (ReviewState.OPEN, 3)


def doubtful(**more: Any) -> ReviewBed:
    """A bed whose answer was perhaps taken by a hub that keeps no keys."""
    bed = ReviewBed(traits=traits_with(DeliveryMeans.NONE), **more)
    bed.send()
    bed.faults.plan("post_message", HubUncertainError("no answer"), applied=True)
    bed.execute()
    assert bed.record("m1").reason == "in-doubt"  # type: ignore[union-attr]
    return bed


def test_a_delivery_in_doubt_is_delivered_again_knowingly() -> None:
    """It needs a reason; then it goes out once more under the same key."""
    bed = doubtful()
    item = bed.only()
    assert (item.kind, item.action_kind, item.delivery != "") == (ReviewKind.APPROVAL, "route_answer", True)
    decisions: list[Callable[[], object]] = [
        lambda: review_rulings.accept(bed.desk, ANN, item.number),
        lambda: review_rulings.edit(bed.desk, ANN, item.number, "x", "y"),
        lambda: review_rulings.respond(bed.desk, ANN, item.number, "x"),
        lambda: review_rulings.reevaluate(bed.desk, ANN, item.number),
    ]
    for decide in decisions:
        with pytest.raises(InputError):
            decide()
    ruling = review_rulings.accept(bed.desk, ANN, item.number, "it is not there")
    assert ruling.released == (item.delivery,)
    bed.execute()
    assert (bed.disposition("m1"), len(bed.replies()), bed.items()) == (Disposition.ANSWERED, 2, [])


def test_a_delivery_in_doubt_that_was_taken_ends_its_message() -> None:
    """Ignoring it says that it arrived: the message is what the receipt would have made it."""
    bed = doubtful()
    review_rulings.ignore(bed.desk, ANN, bed.only().number, "seen at the hub")
    bed.execute()
    assert (bed.disposition("m1"), len(bed.replies()), bed.items()) == (Disposition.ANSWERED, 1, [])


def test_a_delivery_in_doubt_of_what_takes_two_takes_two() -> None:
    """The rule of two people holds for delivering again as well."""
    bed = doubtful(rules=replace(RULES, two_persons=frozenset({"messaging.answer"})))
    number = bed.only().number
    assert review_rulings.accept(bed.desk, ANN, number, "lost").missing
    assert review_rulings.accept(bed.desk, BEN, number, "lost").released


def test_what_warden_dead_settles_leaves_the_queue() -> None:
    """A delivery that is retried or dropped elsewhere is decided here; a dropped one's message is an escalation."""
    bed = doubtful()
    item = bed.only()
    record = bed.store.intent(item.delivery)
    assert record is not None
    bed.store.commit(Batch(retrying(record, Person("uid:1", item.action_digest))))
    assert bed.items() == []
    bed.faults.plan("post_message", HubUncertainError("no answer"), applied=True)
    bed.execute()
    again = bed.only()
    record = bed.store.intent(item.delivery)
    assert record is not None
    with pytest.raises(ReviewStateError, match="not in doubt"):
        review_rulings._in_doubt(bed.desk, replace(again, delivery="wk1-other"))
    person = Person("uid:1", item.action_digest)
    bed.store.commit(Batch(dropping(record, (), person, arrived=False, open_message=True)))
    assert bed.only().kind is ReviewKind.ESCALATION


def test_a_dead_letter_can_be_answered_by_hand() -> None:
    """Responding to a message whose delivery was given up ends the dead letter and answers the sender."""
    bed = ReviewBed()
    bed.send()
    bed.faults.plan("post_message", HubRejectedError("no"))
    bed.execute()
    item = bed.only()
    assert (item.kind, bed.disposition("m1")) == (ReviewKind.ESCALATION, Disposition.DEAD)
    with pytest.raises(InputError, match="planned again"):
        review_rulings.replan(bed.desk, ANN, item.number)
    review_rulings.respond(bed.desk, ANN, item.number, "By hand.")
    bed.execute()
    assert [reply.content.body for reply in bed.replies()] == ["By hand."]
    assert (bed.disposition("m1"), bed.outbox()["route_answer m1"][0]) == (Disposition.ANSWERED, "dropped")


def test_a_dead_letter_can_be_left_at_that() -> None:
    """Ignoring a message whose delivery was given up ends both."""
    bed = ReviewBed()
    bed.send()
    bed.faults.plan("post_message", HubRejectedError("no"))
    bed.execute()
    review_rulings.ignore(bed.desk, ANN, bed.only().number, "told in person")
    assert (bed.disposition("m1"), bed.outbox()["route_answer m1"][0]) == (Disposition.SKIPPED, "dropped")


def test_an_escalation_can_be_planned_again() -> None:
    """After the catalogue has learnt, the next run plans the message as if it had just come."""
    bed = ReviewBed(escalating)
    bed.send()
    bed.execute()
    number = bed.only().number
    bed.answer = answering
    assert review_rulings.reevaluate(bed.desk, ANN, number).verdict is Verdict.REPLAN
    bed.execute()
    assert (bed.disposition("m1"), bed.items()) == (Disposition.ANSWERED, [])
    with pytest.raises(ReviewStateError):
        review_rulings.reevaluate(bed.desk, ANN, number)


def test_a_response_ends_the_approval_of_the_same_message() -> None:
    """When the sender's second mail had the first planned again and asked about, one answer ends both items."""
    bed = ReviewBed(escalating, traits=traits_with(authenticated_senders=False))
    bed.send()
    bed.execute()
    bed.answer = planning(("reply", {"body": "A draft."}))
    bed.send(thread="t1", kind="auto", metadata={"auto-submitted": "auto-replied"})
    bed.execute()
    bed.execute()
    escalation, approval = bed.items()
    assert (escalation.kind, approval.kind) == (ReviewKind.ESCALATION, ReviewKind.APPROVAL)
    review_rulings.respond(bed.desk, ANN, escalation.number, "One answer.")
    assert review.find(bed.desk, approval.number).state is ReviewState.SUPERSEDED
    bed.execute()
    assert [reply.content.body for reply in bed.replies()] == ["One answer."]


def test_what_changed_at_the_hub_is_not_answered() -> None:
    """A message that says something else now than when the action was asked about is not answered with it."""
    bed = drafting()
    number = bed.only().number
    bed.hub.fetched = lambda message: with_content(message, body="Something else?")
    with pytest.raises(ReviewStateError, match="not the one"):
        review_rulings.accept(bed.desk, ANN, number)


def test_the_queue_is_chosen_from_by_every_filter() -> None:
    """Kind, state, sender, owner, rule and age each leave out what does not fit."""
    bed = drafting()
    bed.answer = escalating
    bed.clock.advance(60)
    bed.send(sender="bob")
    bed.execute()
    approval, escalation = (item.number for item in bed.items())
    bed.rules = replace(RULES, owners=(("messaging.reply", "ben"),))
    review.assign(bed.desk, BEN, escalation, "ann", "yours")
    for chosen, expected in (
        (Selection(), [approval, escalation]),
        (Selection(kind=ReviewKind.APPROVAL), [approval]),
        (Selection(states=frozenset({ReviewState.ACKNOWLEDGED})), []),
        (Selection(sender="bob"), [escalation]),
        (Selection(owner="ben"), [approval]),
        (Selection(owner="ann"), [escalation]),
        (Selection(rule="draft-unauthenticated-hub"), [approval]),
        (Selection(rule="charter/tier-auto"), [escalation]),
        (Selection(older_than_s=30), [approval]),
        (Selection(younger_than_s=30), [escalation]),
    ):
        assert [item.number for item in review.select(bed.desk, chosen)] == expected
    with pytest.raises(InputError, match="nobody called"):
        review.assign(bed.desk, BEN, escalation, "carl")
    with pytest.raises(InputError, match="there is no item"):
        review.find(bed.desk, 99)
    assert [review.following(bed.desk, number).number for number in (0, approval)] == [approval, escalation]  # type: ignore[union-attr]


def test_a_plan_of_several_texts_is_a_persons_to_handle() -> None:
    """An approval is about one action: nothing of a plan with two is released piecemeal."""
    bed = ReviewBed(
        planning(("reply", {"body": "Hi."}), ("progress_note", {"template": "status_received"})),
        traits=traits_with(authenticated_senders=False),
    )
    bed.send()
    bed.execute()
    assert (bed.only().kind, bed.only().reason) == (ReviewKind.ESCALATION, "several-actions")


def test_a_proposal_that_nobody_can_draft_is_an_escalation() -> None:
    """A kind of the human tier without a text of ours has no action to release: its message is a person's."""
    bed = ReviewBed(planning(("change_code", {"what": "everything"})))
    bed.send()
    bed.execute()
    item = bed.only()
    assert (item.kind, item.reason, bed.disposition("m1")) == (ReviewKind.ESCALATION, "approval", Disposition.HELD)
    with pytest.raises(InputError, match="no action to accept"):
        review_rulings.accept(bed.desk, ANN, item.number)
    review_rulings.respond(bed.desk, ANN, item.number, "No.")
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED


def test_a_read_mark_or_a_note_can_be_released_and_not_rewritten() -> None:
    """The words of a template are fixed; a read mark has none."""
    for kind, arguments, after in (
        ("mark_read", {}, Disposition.READ),
        ("progress_note", {"template": "status_received"}, Disposition.NOTED),
    ):
        bed = ReviewBed(planning((kind, arguments)), kernel=Asking())
        bed.send()
        bed.execute()
        number = bed.only().number
        with pytest.raises(InputError, match="fixed"):
            review_rulings.edit(bed.desk, ANN, number, "Other.", "better")
        review_rulings.accept(bed.desk, ANN, number)
        bed.execute()
        assert bed.disposition("m1") is after


def test_footers_are_in_what_is_asked_about_and_in_what_is_edited() -> None:
    """What a person sees has the footers that the policy wants, and an edit or a response gets them too, once."""
    bed = ReviewBed(planning(("reply", {"body": "Yes."})), kernel=Asking(append_footer=("-- a bot",)))
    bed.send()
    bed.execute()
    item = bed.only()
    payload = review.payload_of(bed.desk, item)
    assert isinstance(payload, OutgoingMessage)
    assert payload.body == "Yes.\n\n-- a bot"
    for body in ("No.", "No.\n\n-- a bot"):
        judged = bed.desk.gate.judge(
            replace(review_rulings._action(bed.desk, item), payload=replace(payload, body=body)),
            review_rulings._request(bed.desk, item),
            with_footers=True,
        )
        assert judged.action is not None
        assert isinstance(judged.action.payload, OutgoingMessage)
        assert judged.action.payload.body == "No.\n\n-- a bot"
    review_rulings.accept(bed.desk, ANN, item.number)
    bed.deliver()
    assert [reply.content.body for reply in bed.replies()] == ["Yes.\n\n-- a bot"]


def test_a_constraint_that_cannot_be_kept_refuses_a_release() -> None:
    """A response over the size that a bundle allows is refused."""
    bed = ReviewBed(escalating, kernel=Asking(max_body_bytes=3))
    bed.send()
    bed.execute()
    with pytest.raises(GateError, match="denies"):
        review_rulings.respond(bed.desk, ANN, bed.only().number, "Too long.")


def test_a_quarantined_message_can_only_be_ended() -> None:
    """Nobody can be answered whose message was never read."""
    bed = ReviewBed()
    bed.send()
    bed.hub.listing = lambda page: replace(
        page, messages=tuple(replace(message, sender=Principal("a b")) for message in page.messages)
    )
    bed.execute()
    item = bed.only()
    assert (item.kind, item.reason) == (ReviewKind.ESCALATION, "malformed-id")
    with pytest.raises(GateError, match="never read"):
        review_rulings.respond(bed.desk, ANN, item.number, "Hello?")
    review_rulings.ignore(bed.desk, ANN, item.number, "unreadable")
    assert bed.items() == []


def test_what_was_purged_cannot_be_released() -> None:
    """Without the text or the facts nothing is released; a live item keeps both."""
    bed = drafting()
    item = bed.only()
    bed.clock.advance(86_400)
    purge(bed.store, bed.clock.now())
    assert review.payload_of(bed.desk, item) is not None
    gone = replace(item, payload_digest="sha256:" + "0" * 64, request_digest="sha256:" + "0" * 64)
    for read in (review_rulings._action, review_rulings._request):
        with pytest.raises(GateError):
            read(bed.desk, gone)
    with pytest.raises(ReviewStateError, match="not the one"):
        review_rulings._action(bed.desk, replace(item, action_digest="sha256:" + "0" * 64))


def test_the_queue_is_the_same_when_it_is_made_anew() -> None:
    """Every item, vote and member follows from the entries."""
    bed = drafting()
    review.acknowledge(bed.desk, ANN, bed.only().number, "mine")
    review_rulings.edit(bed.desk, ANN, bed.only().number, "Other.", "better")
    bed.execute()
    before = review.show(bed.desk, 1)
    rebuild(bed.store)
    assert review.show(bed.desk, 1) == before
    assert [trace.kind for trace in before.history][:2] == ["message_seen", "planned"]


def test_a_reopened_answer_can_be_answered_again() -> None:
    """A second response has a key of its own; the read mark is not set twice."""
    bed = ReviewBed(escalating)
    bed.send()
    bed.execute()
    for text in ("One.", "Two."):
        review_rulings.respond(bed.desk, ANN, bed.only().number, text)
        with pytest.raises(ReviewStateError):
            review.reopen(bed.desk, ANN, bed.items(ReviewState.DECIDED)[-1].number)
        bed.execute()
        review.reopen(bed.desk, ANN, bed.items(ReviewState.DECIDED)[-1].number, "there is more")
    assert [reply.content.body for reply in bed.replies()] == ["One.", "Two."]
    assert [entry["kind"] for entry in bed.entries("intended")].count("mark_read") == 1
    assert bed.disposition("m1") is Disposition.ESCALATED


class Every(SqliteLedgerStore):
    """A ledger in which everything was intended before."""

    def __init__(self) -> None:
        """Nothing is needed."""

    def intended(self, keys: Iterable[str]) -> frozenset[str]:
        """All of them."""
        return frozenset(keys)


class Forgetful(SqliteReviews):
    """A queue whose requests were purged."""

    def request(self, record: OutboxRecord) -> bytes | None:
        """Nothing is left."""
        return None


def test_what_cannot_be_looked_at_any_more_is_refused() -> None:
    """Too many responses, purged facts and unknown messages end in a refusal that says what to do instead."""
    bed = doubtful()
    item = bed.only()
    with pytest.raises(GateError, match="too often"):
        review_rulings._free_ordinal(replace(bed.desk, store=Every()), item.message)
    with pytest.raises(GateError, match="purged"):
        review_rulings.accept(replace(bed.desk, queue=Forgetful(bed.store)), ANN, item.number, "lost")
    vote = Vote(ANN.identity, item.action_digest, "", item.snapshot)
    with pytest.raises(GateError, match="not known any more"):
        review_rulings._vote(bed.desk.journal(), ANN, item, vote, None)
    assert review.payload_of(replace(bed.desk, read_json=lambda data: []), item) is None


def test_a_judgement_without_an_action_is_released_by_nobody() -> None:
    """What could not be drafted has nothing to release."""
    bed = drafting()
    request = review_rulings._request(bed.desk, bed.only())
    blank = Judgement(Draft("reply", 0), Decision(Effect.REQUIRE_APPROVAL), request)
    with pytest.raises(ValueError, match="has an action"):
        release(blank, "", "")
    about = Message(bed.key("m1"), Principal(SENDER), "", Mail("", "", "", "t1"))
    with pytest.raises(ValueError, match="only a drafted"):
        bed.desk.journal().release_asked(about, blank, AskedBy("brain:x"))


def test_an_escalation_whose_messages_all_ended_can_only_be_closed() -> None:
    """When the sender's second mail had the first planned again and answered, a person still ends the escalation."""
    bed = ReviewBed(escalating)
    bed.send()
    bed.execute()
    bed.answer = answering
    bed.send(thread="t1")
    bed.execute()
    bed.execute()
    item = bed.only()
    assert (item.messages, bed.disposition("m1"), bed.disposition("m2")) == (2, *[Disposition.ANSWERED] * 2)
    with pytest.raises(ReviewStateError, match="waits any more"):
        review_rulings.respond(bed.desk, ANN, item.number, "Once more.")
    review_rulings.ignore(bed.desk, ANN, item.number, "answered meanwhile")
    assert bed.items() == []


def test_an_escalation_beside_a_delivery_in_doubt_waits_for_it() -> None:
    """Nothing is answered by hand while it is not known whether it was answered."""
    bed = ReviewBed(escalating, traits=traits_with(DeliveryMeans.NONE))
    bed.send()
    bed.execute()
    bed.answer = answering
    bed.send(thread="t1", kind="auto", metadata={"auto-submitted": "auto-replied"})
    bed.faults.plan("post_message", HubUncertainError("no answer"), applied=True)
    bed.execute()
    bed.execute()
    escalation, doubt = bed.items()
    assert (escalation.kind, doubt.delivery != "") == (ReviewKind.ESCALATION, True)
    with pytest.raises(GateError, match="in doubt"):
        review_rulings.respond(bed.desk, ANN, escalation.number, "Hello.")
    review_rulings.ignore(bed.desk, ANN, doubt.number, "it arrived")
    assert bed.items() == [] or bed.only().number == escalation.number


def test_velocity_rules_count_what_people_release() -> None:
    """A response is counted in the buckets that the policy keeps, like any other action."""
    bed = ReviewBed(escalating, kernel=Counting())
    bed.send()
    bed.execute()
    review_rulings.respond(bed.desk, ANN, bed.only().number, "Yes.")
    counted = [entry["bucket"] for entry in bed.entries("counted")]
    assert Counting.BUCKET in counted
    bed.execute()
    assert len(bed.replies()) == 1
