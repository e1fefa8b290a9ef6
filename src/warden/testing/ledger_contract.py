"""What every `ports.LedgerStore` promises, as a suite to inherit from: give it a fixture `make` that returns an empty
store for a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from warden.errors import LedgerError, TransitionError
from warden.model.budget import Spending
from warden.model.consultation import Usage
from warden.model.digests import canonical_bytes, digest_bytes, digest_text
from warden.model.disposition import Disposition
from warden.model.entry import Batch, Entry
from warden.model.ids import MessageKey
from warden.model.records import IntentState, OutboxRecord
from warden.ports import Clock, LedgerStore
from warden.testing.engine import FixedClock
from warden.testing.ledger import (
    RUN,
    ZERO,
    Story,
    alert,
    by_person,
    delivered,
    model_asked,
    plan_applied,
    run_finished,
    run_started,
)

Make = Callable[[Clock], LedgerStore]
PLAN = digest_text("a plan")


class LedgerContract:
    """What `ports.LedgerStore` promises."""

    @pytest.fixture
    def clock(self) -> FixedClock:
        """A clock that stands still."""
        return FixedClock()

    @pytest.fixture
    def store(self, make: Make, clock: FixedClock) -> Iterator[LedgerStore]:
        """An empty ledger."""
        store = make(clock)
        yield store
        store.close()

    def due(self, store: LedgerStore, clock: FixedClock, limit: int = 100) -> tuple[OutboxRecord, ...]:
        """Return what may be delivered now."""
        return store.pending("hub", "ops-warden", clock.now(), limit)

    def test_head_follows_every_commit(self, store: LedgerStore) -> None:
        """A commit's head is the present head, of the same log, longer by the batch, with another root and digest."""
        before = store.head()
        after = store.commit(Batch((alert(), alert("other"))))
        assert store.head() == after
        assert (after.origin, after.size) == (before.origin, before.size + 2)
        assert after.root != before.root
        assert after.entry_digest != before.entry_digest

    def test_empty_batch_is_refused(self, store: LedgerStore) -> None:
        """A batch without entries records nothing and is a mistake."""
        with pytest.raises(LedgerError):
            store.commit(Batch(()))

    @pytest.mark.parametrize(
        "entry",
        [
            Entry("no_such_kind", {}),
            Entry("alert_raised", {"run_id": None, "code": "x"}),
            Entry("alert_raised", {"run_id": None, "code": "x", "subject": "", "more": 1}),
            Entry("alert_raised", {"run_id": None, "code": "", "subject": ""}),
            Entry("alert_raised", {"run_id": None, "code": "x", "subject": "two\nlines"}),
            Entry("alert_raised", {"run_id": None, "code": "x", "subject": "nul\0"}),
            Entry("alert_raised", {"run_id": None, "code": "x", "subject": "lone \udc80"}),
            Entry("alert_raised", {"run_id": None, "code": "x", "subject": "long" * 65}),
            Entry("attempted", {"run_id": RUN, "key": "k", "number": True}),
            Entry("attempted", {"run_id": RUN, "key": "k", "number": 1.0}),
            Entry("attempted", {"run_id": RUN, "key": "k", "number": -1}),
            Entry("attempted", {"run_id": RUN, "key": "k", "number": 2**53}),
        ],
    )
    def test_entry_outside_the_schema_is_refused(self, store: LedgerStore, entry: Entry) -> None:
        """What the closed schema does not have is refused, and nothing of its batch is stored."""
        before = store.head()
        with pytest.raises(LedgerError):
            store.commit(Batch((alert(), entry)))
        assert store.head() == before

    def test_a_refused_batch_leaves_nothing(self, store: LedgerStore, clock: FixedClock) -> None:
        """When the last entry of a batch has no edge, the intent, the blob and the disposition before it are not stored."""
        story = Story()
        batch = story.intended()
        before = store.head()
        with pytest.raises(TransitionError):
            store.commit(replace(batch, entries=(*batch.entries, story.disposed(), story.attempted(2))))
        assert store.head() == before
        assert self.due(store, clock) == ()
        assert store.dispositions([story.key]) == {}
        assert [store.blob(digest) for digest in batch.blobs] == [None]

    def test_blob_must_be_what_its_digest_says(self, store: LedgerStore) -> None:
        """Bytes under a digest that is not theirs are refused."""
        with pytest.raises(LedgerError):
            store.commit(Batch((alert(),), {ZERO: b"not empty"}))

    def test_named_blob_must_come_along(self, store: LedgerStore) -> None:
        """An intent whose payload is neither in its batch nor stored is refused; one that is stored already is fine."""
        story = Story()
        batch = story.intended()
        with pytest.raises(LedgerError):
            store.commit(replace(batch, blobs={}))
        store.commit(Batch((alert(),), batch.blobs))
        store.commit(replace(batch, blobs={}))

    def test_blob_comes_back(self, store: LedgerStore) -> None:
        """A blob comes back byte for byte under its digest, and an unknown digest gives None."""
        data = "ünïcode\0".encode()
        store.commit(Batch((alert(),), {digest_bytes(data): data, digest_bytes(b""): b""}))
        assert store.blob(digest_bytes(data)) == data
        assert store.blob(digest_bytes(b"")) == b""
        assert store.blob(digest_text("never")) is None

    def test_dispositions_of_many_messages(self, store: LedgerStore) -> None:
        """A listing's worth of keys is answered at once, with only those that have a disposition; hubs do not mix."""
        stories = [Story(str(number)) for number in range(300)]
        store.commit(Batch(tuple(story.disposed("noted") for story in stories[:250])))
        keys = [story.key for story in stories]
        found = store.dispositions(iter([*keys, MessageKey("other-hub", "ops-warden", "1")]))
        assert set(found) == set(keys[:250])
        assert found[keys[7]].disposition is Disposition.NOTED
        assert store.dispositions([]) == {}

    def test_disposition_record(self, store: LedgerStore, clock: FixedClock) -> None:
        """A record says since when and why, and who wrote in which thread."""
        story = Story()
        store.commit(Batch((story.disposed("escalated", "several-candidates"),)))
        record = store.dispositions([story.key])[story.key]
        assert (record.message, record.sender, record.thread_id) == (story.key, story.sender, story.thread_id)
        assert (record.reason, record.run_id, record.at) == ("several-candidates", RUN, clock.now())
        assert not record.reopened
        assert record.generation == 0

    def test_reopening(self, store: LedgerStore) -> None:
        """An escalation that its sender adds to is open again, once: the next disposition ends that."""
        story = Story()
        store.commit(Batch((story.disposed("escalated"), story.reopened())))
        record = store.dispositions([story.key])[story.key]
        assert (record.reopened, record.generation) == (True, 1)
        store.commit(Batch((story.disposed("answered"),)))
        record = store.dispositions([story.key])[story.key]
        assert (record.disposition, record.reopened, record.generation) == (Disposition.ANSWERED, False, 1)

    def test_person_closes_an_escalation(self, store: LedgerStore) -> None:
        """A person may end an escalation that was not reopened; the worker may not."""
        story = Story()
        store.commit(Batch((story.disposed("escalated"),)))
        with pytest.raises(TransitionError):
            store.commit(Batch((story.disposed("answered"),)))
        store.commit(Batch((story.closed("skipped"),)))
        assert store.dispositions([story.key])[story.key].disposition is Disposition.SKIPPED

    @pytest.mark.parametrize("terminal", ["answered", "noted", "read", "skipped"])
    def test_a_handled_message_stays_handled(self, store: LedgerStore, terminal: str) -> None:
        """Nothing leads out of a terminal disposition, not even to itself, nor by a person."""
        story = Story()
        store.commit(Batch((story.disposed(terminal),)))
        for entry in (story.disposed(terminal), story.disposed("failed"), story.closed("failed"), story.reopened()):
            with pytest.raises(TransitionError):
                store.commit(Batch((entry,)))

    def test_person_cannot_close_an_unknown_message(self, store: LedgerStore) -> None:
        """There is nothing to end for a message that was never seen."""
        with pytest.raises(TransitionError):
            store.commit(Batch((Story().closed(),)))

    def test_open_escalations(self, store: LedgerStore) -> None:
        """Only open escalations of that sender in that thread of that inbox are listed."""
        here = [Story("1"), Story("2")]
        elsewhere = [Story("3", sender="other"), Story("4", thread_id="other"), Story("5", agent="other")]
        done = Story("6")
        store.commit(Batch(tuple(story.disposed("escalated") for story in [*here, *elsewhere, done])))
        store.commit(Batch((done.closed(),)))
        found = store.open_escalations("hub", "ops-warden", "flex-auth", "thread-1")
        assert [record.message.message_id for record in found] == ["1", "2"]

    def test_intent_is_due_with_all_its_facts(self, store: LedgerStore, clock: FixedClock) -> None:
        """A durable intent comes back whole: payload, authority, stage and what its receipt closes."""
        story = Story()
        action = story.action(body="ünïcode ✓")
        store.commit(story.intended(action, stage=3, closes="noted", rule_ids=["a/b", "c/d"]))
        (record,) = self.due(store, clock)
        assert (record.intent.key, record.intent.payload, record.intent.channel) == (
            action.key,
            action.payload,
            "message",
        )
        assert (record.intent.message, record.intent.thread_id, record.intent.kind) == (story.key, "thread-1", "reply")
        assert (record.state, record.attempts, record.last_fault) == (IntentState.OPEN, 0, "")
        assert (record.created_at, record.due_at) == (clock.now(), clock.now())
        assert (record.sender, record.action_digest, record.snapshot) == ("flex-auth", action.digest, ZERO)
        assert (record.stage, record.closes, record.rule_ids) == (3, Disposition.NOTED, ("a/b", "c/d"))

    @pytest.mark.parametrize("kind", ["reply", "audit_event", "mark_read"])
    def test_every_payload_comes_back(self, store: LedgerStore, clock: FixedClock, kind: str) -> None:
        """Each channel's payload is the same after it was stored."""
        action = Story().action(kind)
        store.commit(Story().intended(action, closes="read"))
        assert self.due(store, clock)[0].intent.payload == action.payload

    def test_one_intent_per_key(self, store: LedgerStore) -> None:
        """A second intent under the same key is refused, with the same text or another: it would be a second delivery."""
        story = Story()
        store.commit(story.intended())
        for body in ("ask platform-ops", "something else"):
            with pytest.raises(TransitionError):
                store.commit(story.intended(story.action(body=body)))

    def test_attempts_are_counted_in_order(self, store: LedgerStore, clock: FixedClock) -> None:
        """Attempts have consecutive numbers: two processes that make the same one cannot both record it."""
        story = Story()
        store.commit(story.intended())
        with pytest.raises(TransitionError):
            store.commit(Batch((story.attempted(2),)))
        store.commit(Batch((story.attempted(1),)))
        with pytest.raises(TransitionError):
            store.commit(Batch((story.attempted(1),)))
        assert self.due(store, clock)[0].attempts == 1

    def test_fault_puts_off(self, store: LedgerStore, clock: FixedClock) -> None:
        """A failed attempt that may be made again is due after its delay, and says what the fault was until the next."""
        story = Story()
        store.commit(story.intended())
        store.commit(Batch((story.attempted(), story.faulted(retry_in_ms=1500))))
        clock.advance(1.4)
        assert self.due(store, clock) == ()
        clock.advance(0.1)
        (record,) = self.due(store, clock)
        assert (record.last_fault, record.attempts) == ("busy", 1)
        store.commit(Batch((story.attempted(2),)))
        assert self.due(store, clock)[0].last_fault == ""

    @pytest.mark.parametrize(("after", "event"), [("in_doubt", "dead_retried"), ("dead", "dead_retried")])
    def test_given_up_and_retried(self, store: LedgerStore, clock: FixedClock, after: str, event: str) -> None:
        """A delivery that was given up is not due until a person retries it; then it counts attempts from none."""
        story = Story()
        store.commit(story.intended())
        store.commit(Batch((story.attempted(), story.faulted(after=after, retry_in_ms=None))))
        assert self.due(store, clock) == ()
        clock.advance(60)
        store.commit(Batch((by_person(event, story.action().key),)))
        (record,) = self.due(store, clock)
        assert (record.attempts, record.created_at, record.intent.key) == (0, clock.now(), story.action().key)
        store.commit(Batch((story.attempted(), story.received())))
        assert self.due(store, clock) == ()

    def test_a_dropped_delivery_is_over(self, store: LedgerStore, clock: FixedClock) -> None:
        """Nothing happens to a delivery any more that a person dropped."""
        story = Story()
        store.commit(story.intended())
        store.commit(Batch((by_person("dead_dropped", story.action().key),)))
        assert self.due(store, clock) == ()
        for entry in (story.attempted(), story.received(0), by_person("dead_retried", story.action().key)):
            with pytest.raises(TransitionError):
                store.commit(Batch((entry,)))

    def test_a_receipt_ends_it(self, store: LedgerStore, clock: FixedClock) -> None:
        """A delivery with a receipt is not due, and a second receipt or attempt is refused."""
        story = Story()
        first, second = delivered(story)
        store.commit(first)
        store.commit(second)
        assert self.due(store, clock) == ()
        for entry in (
            story.received(),
            story.attempted(2),
            story.faulted(),
            by_person("dead_dropped", story.action().key),
        ):
            with pytest.raises(TransitionError):
                store.commit(Batch((entry,)))

    def test_unknown_keys_are_refused(self, store: LedgerStore) -> None:
        """There is no attempt, fault or receipt of what was never intended."""
        story = Story()
        for entry in (story.attempted(), story.faulted(0), story.received(0), by_person("dead_retried", "wk1-none")):
            with pytest.raises(TransitionError):
                store.commit(Batch((entry,)))

    def test_stages_wait_for_each_other(self, store: LedgerStore, clock: FixedClock) -> None:
        """An intent is due only when all of its message with a lower stage are done; other messages do not matter."""
        story, other = Story("1"), Story("2")
        reply, mark = story.action(), story.action("mark_read")
        store.commit(story.intended(mark, stage=2))
        store.commit(story.intended(reply, stage=0))
        store.commit(other.intended(other.action("audit_event"), stage=2))
        assert [record.intent.kind for record in self.due(store, clock)] == ["reply", "audit_event"]
        store.commit(Batch((story.attempted(key=reply.key), story.faulted(after="dead", key=reply.key))))
        assert [record.intent.message for record in self.due(store, clock)] == [other.key]
        store.commit(Batch((by_person("dead_retried", reply.key),)))
        store.commit(Batch((story.attempted(key=reply.key), story.received(key=reply.key), story.disposed())))
        assert next(record.intent.key for record in self.due(store, clock)) == mark.key

    def test_nothing_is_marked_read_before_its_message_ended(self, store: LedgerStore, clock: FixedClock) -> None:
        """A read mark that gives no disposition itself waits for a terminal one; an escalated message stays unread."""
        story = Story()
        store.commit(story.intended(story.action("mark_read")))
        assert self.due(store, clock) == ()
        store.commit(Batch((story.disposed("escalated"),)))
        assert self.due(store, clock) == ()
        store.commit(Batch((story.closed("skipped"),)))
        assert len(self.due(store, clock)) == 1

    def test_an_attempt_without_an_end_is_due_at_once(self, store: LedgerStore, clock: FixedClock) -> None:
        """What was attempted and never came to a fault or receipt is due whatever the clock says: a crash came between."""
        story = Story()
        store.commit(story.intended())
        store.commit(Batch((story.attempted(),)))
        clock.advance(-3600)
        assert len(self.due(store, clock)) == 1
        store.commit(Batch((story.faulted(retry_in_ms=10),)))
        assert self.due(store, clock) == ()

    def test_intents_by_key(self, store: LedgerStore) -> None:
        """An intent is found under its key whatever became of it, and only keys that were intended are known."""
        story = Story()
        key = story.action().key
        assert store.intent(key) is None
        first, second = delivered(story)
        store.commit(first)
        store.commit(second)
        record = store.intent(key)
        assert record is not None
        assert (record.state, record.attempts, record.intent.payload) == (IntentState.DONE, 1, story.action().payload)
        assert store.intended([key, "wk1-other"]) == {key}
        assert store.intended([]) == frozenset()

    def test_requests_are_counted_by_bucket(self, store: LedgerStore, clock: FixedClock) -> None:
        """Requests that were recorded under a velocity bucket are counted from a moment on."""
        counted = Entry("counted", {"run_id": RUN, "ref": Story().ref, "bucket": ZERO})
        store.commit(Batch((counted, counted)))
        clock.advance(10)
        since = clock.now()
        store.commit(Batch((counted,)))
        assert store.requests_since(ZERO, since) == 1
        assert store.requests_since(ZERO, since - timedelta(seconds=10)) == 3
        assert store.requests_since(PLAN, since - timedelta(seconds=10)) == 0

    def test_due_in_order_and_limited(self, store: LedgerStore, clock: FixedClock) -> None:
        """What is due comes oldest first, at most so many, and only of the asked hub and agent."""
        stories = [Story(str(number)) for number in (3, 1, 2)]
        for story in [*stories, Story("1", hub_id="other"), Story("1", agent="other")]:
            store.commit(story.intended())
        assert [record.intent.message.message_id for record in self.due(store, clock)] == ["3", "1", "2"]
        assert [record.intent.message.message_id for record in self.due(store, clock, 2)] == ["3", "1"]

    def test_busy_threads(self, store: LedgerStore) -> None:
        """A thread is busy while a message in it is open, not for other channels, and not after the receipt."""
        story, noted = Story("1"), Story("2", thread_id="thread-2")
        first, second = delivered(story)
        store.commit(first)
        store.commit(noted.intended(noted.action("audit_event")))
        assert store.busy_threads("hub", "ops-warden") == {"thread-1"}
        assert store.busy_threads("other", "ops-warden") == frozenset()
        store.commit(second)
        assert store.busy_threads("hub", "ops-warden") == frozenset()

    def test_replies_in_a_window(self, store: LedgerStore, clock: FixedClock) -> None:
        """Replies are counted per thread and per sender over all threads, from the given moment on."""
        store.commit(Story("1").intended())
        clock.advance(10)
        since = clock.now()
        store.commit(Story("2").intended())
        store.commit(Story("3", thread_id="thread-2").intended())
        store.commit(Story("4", sender="other").intended())
        store.commit(Story("5").intended(Story("5").action("audit_event")))
        window = store.replies_since("ops-warden", since)
        assert window.by_thread == {"thread-1": 2, "thread-2": 1}
        assert window.by_sender == {"flex-auth": 2, "other": 1}
        assert store.replies_since("ops-warden", since + timedelta(seconds=1)).by_thread == {}
        assert store.replies_since("ops-warden", since - timedelta(seconds=11)).by_sender["flex-auth"] == 3

    def test_plans_are_used_once(self, store: LedgerStore, clock: FixedClock) -> None:
        """A dry run's plan is known with its time, may be applied once, and never again."""
        assert store.plan_record(PLAN) is None
        with pytest.raises(TransitionError):
            store.commit(Batch((plan_applied(PLAN),)))
        store.commit(Batch((run_started("dry-run"), run_finished(PLAN))))
        record = store.plan_record(PLAN)
        assert record is not None
        assert (record.plan_digest, record.run_id, record.made_at, record.used) == (PLAN, RUN, clock.now(), False)
        store.commit(Batch((plan_applied(PLAN),)))
        record = store.plan_record(PLAN)
        assert record is not None
        assert record.used
        with pytest.raises(TransitionError):
            store.commit(Batch((plan_applied(PLAN),)))

    def test_only_a_dry_run_makes_a_plan(self, store: LedgerStore) -> None:
        """A plan digest that an executing run names is not a plan to apply."""
        store.commit(Batch((run_started("execute"), run_finished(PLAN))))
        assert store.plan_record(PLAN) is None

    def test_answers_are_kept(self, store: LedgerStore) -> None:
        """A brain's answer comes back under the digest of its input; the newest one counts."""
        assert store.answer(ZERO) is None
        for text in ("first", "second"):
            data = canonical_bytes({"answer": text})
            fields = {"run_id": RUN, "ref": Story().ref, "input_digest": ZERO, "brain_digest": ZERO}
            kept = Entry("answer_kept", {**fields, "answer_digest": digest_bytes(data), "size_bytes": len(data)})
            store.commit(Batch((kept,), {digest_bytes(data): data}))
            assert store.answer(ZERO) == data

    def test_spending_is_counted_by_window_run_and_sender(self, store: LedgerStore, clock: FixedClock) -> None:
        """What asking models used is summed since a moment, for a run and for a sender; nothing used has no beginning."""
        start = clock.now()
        assert store.spending(start) == Spending()
        store.commit(Batch((model_asked(Story(), cost_microunits=None), model_asked(Story(sender="eve"), calls=2))))
        clock.advance(60)
        store.commit(Batch((model_asked(Story(), run_id="run-2", wall_ms=5),)))
        assert store.spending(start) == Spending(Usage(4, 300, 60, 14, 45), start)
        assert store.spending(clock.now()) == Spending(Usage(1, 100, 20, 7, 5), clock.now())
        assert store.spending(start, run_id="run-2").used.wall_ms == 5
        assert store.spending(start, sender="eve") == Spending(Usage(2, 100, 20, 7, 20), start)
        assert store.spending(start, run_id="run-2", sender="eve") == Spending()

    def test_outcomes_come_later(self, store: LedgerStore) -> None:
        """An outcome may come late, twice and out of order for a known intent, and not for an unknown one."""
        story = Story()
        first, second = delivered(story)
        fields = {"correlation_id": "job-1", "key": story.action().key}
        late = [
            Entry("outcome_reported", {"run_id": RUN, **fields, "status": status, "event_id": status})
            for status in ("completed", "running")
        ]
        with pytest.raises(TransitionError):
            store.commit(Batch((late[0],)))
        store.commit(first)
        store.commit(second)
        assert store.outcomes(story.action().key) == ()
        store.commit(Batch((*late, late[0])))
        assert [outcome.event_id for outcome in store.outcomes(story.action().key)] == ["completed", "running"]
        assert [outcome.status.value for outcome in store.outcomes(story.action().key)] == ["completed", "running"]
        found = store.intent(story.action().key)
        assert found is not None
        assert found.state is IntentState.DONE
        assert store.intent("wk1-unknown") is None

    def test_requests_are_counted_by_bucket_and_window(self, store: LedgerStore, clock: FixedClock) -> None:
        """A velocity bucket counts what was recorded under it since a moment, and nothing else."""
        counted = Entry("counted", {"run_id": RUN, "ref": Story().ref, "bucket": ZERO})
        store.commit(Batch((counted, counted)))
        start = clock.now()
        assert store.requests_since(ZERO, start) == 2
        clock.advance(10)
        store.commit(Batch((counted,)))
        assert store.requests_since(ZERO, clock.now()) == 1
        assert store.requests_since(ZERO.replace("0", "1"), start) == 0

    def test_restored_state_is_in_doubt(self, store: LedgerStore, clock: FixedClock) -> None:
        """After a restore nothing that was open is delivered before a person says so."""
        store.commit(Story("1").intended())
        store.commit(Batch((Entry("state_restored", {"by": "person", "source_size": 1, "source_root": ZERO}),)))
        assert self.due(store, clock) == ()
        store.commit(Batch((by_person("dead_retried", Story("1").action().key),)))
        assert len(self.due(store, clock)) == 1
