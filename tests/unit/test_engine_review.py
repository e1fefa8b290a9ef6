"""What a person may do with what waits, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from enginebed import SECRET, SENDER, charter_kernel, escalating, planning, traits_with
from reviewbed import ANN, BEN, RULES, STRANGER, TWO, WORKER, Renamed, ReviewBed, drafting
from warden.engine import review, review_endings, review_rulings
from warden.errors import GateError, InputError, ReviewStateError, TransitionError
from warden.ledger.review_transitions import next_review_state
from warden.model.disposition import Disposition
from warden.model.request import Effect
from warden.model.review import ReviewKind, ReviewState, Verdict


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
        lambda: review_endings.ignore(bed.desk, BEN, number, "no"),
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
    review_endings.record_decision(journal, BEN, item, Verdict.ACCEPT, action_digest=item.action_digest)
    review_endings.ignore(bed.desk, ANN, item.number, "not now")
    with pytest.raises(ReviewStateError, match="nothing was done: this approval is `decided` already"):
        review.commit(journal)
    assert bed.disposition("m1") is Disposition.SKIPPED


def test_the_worker_itself_approves_nothing() -> None:
    """A decision from the worker's own uid is refused, and recorded as such where the configuration takes it."""
    bed = drafting()
    number = bed.only().number
    decisions: list[Callable[[], object]] = [
        lambda: review_rulings.accept(bed.desk, WORKER, number),
        lambda: review_rulings.respond(bed.desk, WORKER, number, "Hello."),
        lambda: review_endings.ignore(bed.desk, WORKER, number, "no"),
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
            review_endings.ignore(bed.desk, ANN, number, reason)
    review_endings.ignore(bed.desk, ANN, number, "spam")
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
    review_endings.ignore(bed.desk, ANN, number, "spam")
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


@pytest.mark.parametrize("escalated", [True, False], ids=["escalation", "approval"])
def test_a_response_that_takes_two_people_waits_for_a_second_look_at_exactly_that_text(escalated: bool) -> None:
    """The writer's word is the first; nobody else's text, and nothing before the second word, leaves."""
    bed = drafting(rules=TWO) if not escalated else ReviewBed(escalating, rules=TWO)
    if escalated:
        bed.send()
        bed.execute()
    bed.clock.advance(60)
    ruling = review_rulings.respond(bed.desk, ANN, bed.only().number, "By hand.")
    assert (ruling.missing, ruling.released) == ("a second person", ())
    (asked,) = [item for item in bed.items() if item.kind is ReviewKind.APPROVAL]
    assert (asked.action_kind, asked.requested_by) == ("respond", ANN.identity)
    bed.execute()
    assert bed.replies() == []
    with pytest.raises(GateError, match="own request"):
        review_rulings.accept(bed.desk, ANN, asked.number)
    assert review_rulings.accept(bed.desk, BEN, asked.number).released
    bed.execute()
    assert [reply.content.body for reply in bed.replies()] == ["By hand."]
    assert (bed.disposition("m1"), bed.items()) == (Disposition.ANSWERED, [])


def test_mail_that_came_after_a_response_was_written_is_not_ended_with_it() -> None:
    """The second person releases the text; the escalation stays open for what the writer had not seen."""
    bed = ReviewBed(escalating, rules=TWO)
    bed.send()
    bed.execute()
    review_rulings.respond(bed.desk, ANN, 1, "By hand.")
    bed.send(thread="t1")
    bed.execute()
    (asked,) = [item for item in bed.items() if item.kind is ReviewKind.APPROVAL]
    review_rulings.accept(bed.desk, BEN, asked.number)
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert (bed.only().number, bed.disposition("m2")) == (1, Disposition.ESCALATED)


def test_a_response_ends_the_earlier_mail_of_its_thread_when_the_second_person_releases_it() -> None:
    """The newest message is answered, and the older one of the same escalation ends with it."""
    bed = ReviewBed(escalating, rules=TWO)
    bed.send()
    bed.execute()
    bed.send(thread="t1")
    bed.execute()
    bed.clock.advance(60)
    review_rulings.respond(bed.desk, ANN, bed.only().number, "By hand.")
    (asked,) = [item for item in bed.items() if item.kind is ReviewKind.APPROVAL]
    assert asked.message.message_id == "m2"
    review_rulings.accept(bed.desk, BEN, asked.number)
    bed.execute()
    found = (bed.disposition("m1"), bed.disposition("m2"), bed.items())
    assert found == (Disposition.SKIPPED, Disposition.ANSWERED, [])


def test_somebody_whom_nobody_declared_writes_no_response_that_takes_two() -> None:
    """Two identities of one human must not count as two."""
    bed = drafting(rules=TWO)
    with pytest.raises(GateError, match="is not declared"):
        review_rulings.respond(bed.desk, STRANGER, bed.only().number, "By hand.")
    assert bed.only().number == 1


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


def test_taking_note_twice_is_told_plainly() -> None:
    """The second one is told that somebody took note already, and how to undo it."""
    bed = ReviewBed(escalating)
    bed.send()
    bed.execute()
    review.acknowledge(bed.desk, ANN, 1)
    with pytest.raises(ReviewStateError, match="took note of item 1 already"):
        review.acknowledge(bed.desk, BEN, 1)


def test_what_is_over_or_in_doubt_is_not_judged_again() -> None:
    """An ended item says how it ended."""
    bed = drafting()
    review_endings.ignore(bed.desk, ANN, 1, "settled")
    with pytest.raises(ReviewStateError, match="item 1 is decided by person:ann"):
        review_rulings.reevaluate(bed.desk, ANN, 1)


@pytest.mark.parametrize(
    ("state", "event", "told"),
    [
        (ReviewState.DECIDED, "expired", "an approval that is `decided` cannot be `expired`"),
        (ReviewState.EXPIRED, "expired", "this approval is `expired` already"),
        (None, "decided", "an approval that is `new` cannot be `decided`"),
    ],
)
def test_an_edge_that_there_is_not_is_told_in_words(state: ReviewState | None, event: str, told: str) -> None:
    """Who came second reads what the item is, not that it cannot become what it is."""
    with pytest.raises(TransitionError, match=told):
        next_review_state(ReviewKind.APPROVAL, state, event)
