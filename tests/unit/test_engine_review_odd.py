"""What a person may do with deliveries in doubt, dead letters, and all that is out of the ordinary."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from enginebed import SENDER, answering, escalating, planning, traits_with, with_content
from reviewbed import ANN, BEN, RULES, Asking, Counting, ReviewBed, drafting, escalated_and_drafted
from warden.engine import review, review_endings, review_rulings
from warden.engine.draft import Draft
from warden.engine.enforce import Judgement
from warden.engine.journal import Asking as AskedBy
from warden.engine.letters import Person, dropping, retrying
from warden.engine.release import release
from warden.engine.review_gates import same_person
from warden.errors import GateError, HubRejectedError, HubUncertainError, InputError, ReviewStateError
from warden.model.delivery import OutgoingMessage
from warden.model.disposition import Disposition
from warden.model.entry import Batch, Entry
from warden.model.hub import DeliveryMeans
from warden.model.message import Mail, Message, Principal
from warden.model.records import OutboxRecord
from warden.model.request import Decision, Effect
from warden.model.review import ReviewKind, ReviewState, Selection, Verdict, Vote
from warden.store.maintenance import purge, rebuild
from warden.store.review_store import SqliteReviews
from warden.store.sqlite import SqliteLedgerStore


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
    review_endings.ignore(bed.desk, ANN, bed.only().number, "seen at the hub")
    bed.execute()
    assert (bed.disposition("m1"), len(bed.replies()), bed.items()) == (Disposition.ANSWERED, 1, [])


def test_delivering_again_settles_the_read_mark_that_is_in_doubt_as_well() -> None:
    """After a restore both deliveries of a released answer are in doubt, and one word of a person is enough for both."""
    bed = drafting()
    review_rulings.accept(bed.desk, ANN, bed.only().number)
    head = bed.store.head()
    restored = {"by": "uid:1(ops)", "source_size": head.size, "source_root": head.root}
    bed.store.commit(Batch((Entry("state_restored", restored),)))
    assert bed.only().action_kind == "reply"
    review_rulings.accept(bed.desk, ANN, bed.only().number, "it is not in the thread")
    bed.execute()
    assert (bed.disposition("m1"), len(bed.replies()), bed.items()) == (Disposition.ANSWERED, 1, [])


def test_a_delivery_in_doubt_is_not_judged_again_before_it_is_accepted() -> None:
    """Judging again is part of delivering again; asked for alone it is refused."""
    bed = doubtful()
    with pytest.raises(InputError, match="judged again when it is accepted"):
        review_rulings.reevaluate(bed.desk, ANN, bed.only().number)


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
        review_endings.doubtful(bed.desk, replace(again, delivery="wk1-other"))
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
        review_endings.replan(bed.desk, ANN, item.number)
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
    review_endings.ignore(bed.desk, ANN, bed.only().number, "told in person")
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
    bed, escalation, approval = escalated_and_drafted()
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
    """Kind, state, sender, owner, rule, reason and age each leave out what does not fit."""
    bed = drafting()
    bed.answer = escalating
    bed.clock.advance(60)
    bed.send(sender="bob")
    bed.execute()
    approval, escalation = (item.number for item in bed.items())
    bed.rules = replace(RULES, owners=(("messaging.reply", "ben"),))
    assert [item.number for item in review.select(bed.desk, Selection(owner="ann"))] == [escalation]
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
        (Selection(reason="approval"), [approval]),
        (Selection(reason="not-clear"), [escalation]),
        (Selection(reason="no-such-reason"), []),
        (Selection(older_than_s=30), [approval]),
        (Selection(younger_than_s=30), [escalation]),
        (Selection(older_than_s=60), [approval]),
        (Selection(younger_than_s=60), [escalation]),
    ):
        assert [item.number for item in review.select(bed.desk, chosen)] == expected
    with pytest.raises(InputError, match="nobody called"):
        review.assign(bed.desk, BEN, escalation, "carl")
    with pytest.raises(InputError, match="there is no item"):
        review.find(bed.desk, 99)
    assert [review.following(bed.desk, number).number for number in (0, approval)] == [approval, escalation]  # type: ignore[union-attr]


def test_one_human_is_one_person_wherever_they_decide() -> None:
    """A declared person is the same at the command line and at the console, and never a brain, a user or an agent so called."""
    assert same_person("person:ada", "console:ada")
    assert same_person("uid:0(root)", "uid:0(root)")
    assert not same_person("person:ada", "console:ben")
    for other in ("uid:ada", "brain:ada", "agent:ada"):
        assert not same_person("person:ada", other)
        assert not same_person("console:ada", other)
        assert not same_person(other, "uid:ben")


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
    review_endings.ignore(bed.desk, ANN, item.number, "unreadable")
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
    review_endings.ignore(bed.desk, ANN, item.number, "answered meanwhile")
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
    review_endings.ignore(bed.desk, ANN, doubt.number, "it arrived")
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
