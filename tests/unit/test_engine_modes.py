"""Runs as a whole: what each mode writes, posts, counts and leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from enginebed import (
    AGENT,
    SENDER,
    Bed,
    answering,
    charter_kernel,
    escalating,
    planning,
    traits_with,
)
from warden.documents.bundle import load_bundle
from warden.engine.audit import MAX_VALUE
from warden.engine.journal import Journal
from warden.engine.outbox import Origin, Outbox
from warden.errors import HubUnreachableError, StateError
from warden.model.disposition import Disposition
from warden.model.entry import Batch, Head
from warden.model.message import BrainInput
from warden.model.plan import Candidate, Plan, PlannedAction
from warden.policy import Kernel
from warden.testing.engine import Patience

EVERYTHING = {"a": "route_answer", "n": "progress_note", "r": "mark_read", "e": "escalate", "x": "delete_everything"}
ARGUMENTS: dict[str, dict[str, object]] = {
    "route_answer": {"entry_id": "ssh-cert"},
    "progress_note": {"template": "status_received"},
}


def by_sender(given: BrainInput) -> Plan:
    """Do what the first letter of the sender's name says."""
    kind = EVERYTHING[given.message.sender.name[0]]
    return Plan((PlannedAction(kind, ARGUMENTS.get(kind, {})),), "by-sender")


def state_of(bed: Bed) -> object:
    """All that a dry run must not change: the hub, and what the ledger's read models say."""
    tables = ("dispositions", "outbox", "outcomes", "velocity")
    rows = bed.store.read(
        lambda connection: [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
    )
    hub = bed.hub._state
    return rows, [(stored.message, stored.read) for stored in hub.messages.values()], list(hub.events), dict(hub.keys)


def test_a_dry_run_is_pure() -> None:
    """A dry run over every kind of message makes no mutating call, and leaves hub, dispositions and counts as they were."""
    bed = Bed(by_sender)
    for sender in ("a1", "n1", "r1", "e1", "x1", AGENT):
        bed.send(sender=sender)
    before = state_of(bed)
    called = len(bed.faults.calls)
    report = bed.dry()
    assert report.counts == {"answered": 1, "noted": 1, "read": 1, "escalated": 2, "skipped": 1}
    assert state_of(bed) == before
    operations = {call.operation for call in bed.faults.calls[called:]}
    assert operations == {"traits", "list_unread"}
    assert [entry["entry"] for entry in bed.entries()] == ["log_started", "run_started", "run_finished"]


def test_an_executing_run_does_what_the_dry_run_showed() -> None:
    """Dispositions, reasons and texts of a dry run are those of the run that follows it."""
    bed = Bed(by_sender)
    for sender in ("a1", "n1", "r1", "e1", "x1", AGENT):
        bed.send(sender=sender)
    bed.dry()
    shown = [
        (m.message_id, m.disposition, m.reason, [(a.kind, a.body, a.effect) for a in m.actions])
        for m in bed.reports.messages
    ]
    report = bed.execute()
    done = [
        (m.message_id, m.disposition, m.reason, [(a.kind, a.body, a.effect) for a in m.actions])
        for m in bed.reports.messages
    ]
    assert done == shown
    assert report.exit_status == 0
    assert all(action.delivered for action in bed.report("m1").actions)
    assert [bed.hub.is_read(f"m{number}") for number in range(1, 7)] == [True, True, True, False, False, False]


def test_an_idle_run_posts_nothing_and_says_so_in_two_entries() -> None:
    """A run that finds nothing writes that it began and ended, names no snapshot, and posts nothing."""
    bed = Bed()
    for run in (bed.dry, bed.execute):
        before = len(bed.entries())
        assert run().counts == {}
        entries = bed.entries()[before:]
        assert [entry["entry"] for entry in entries] == ["run_started", "run_finished"]
        assert entries[0]["snapshot"] == ""
    assert bed.events() == []


def test_one_audit_event_per_message_that_was_acted_on_or_escalated() -> None:
    """Answered, noted, read and escalated messages have one event each; skipped ones have none."""
    bed = Bed(by_sender)
    for sender in ("a1", "n1", "r1", "e1", "x1", AGENT):
        bed.send(sender=sender)
    for _ in range(3):
        bed.execute()
    events = {event.message_id: event.metadata["disposition"] for event in bed.events()}
    assert events == {"m1": "answered", "m2": "noted", "m3": "read", "m4": "escalated", "m5": "escalated"}
    assert len(bed.events()) == 5


def test_an_audit_event_carries_ids_and_digests_and_no_text() -> None:
    """Subject, body and a brain's words are in no audit event; head, snapshot and rules are."""
    bed = Bed(lambda given: Plan((PlannedAction("made_up_kind"),), "brains-reason", "the brain's remark"))
    bed.send(subject="the subject", body="the body")
    bed.execute()
    (event,) = bed.events()
    shown = f"{event.summary} {event.detail} {dict(event.metadata)}"
    for word in ("the subject", "the body", "remark", "made_up_kind"):
        assert word not in shown
    assert event.metadata["kinds"] == "unknown"
    assert event.metadata["snapshot"] == charter_kernel().snapshot
    assert event.metadata["head-origin"] == bed.store.origin
    assert event.metadata["run"] == "run-00000001"


def test_a_long_list_of_rules_is_cut_with_a_mark() -> None:
    """No value of an audit event is longer than its bound."""
    rules = "".join(
        f"""
  - id: {"long-" * 12}{number}
    match: {{topics: ["job.warden.*"]}}
    decision: allow
    reason: because
"""
        for number in range(1)
    )
    names = [f"layer-{'x' * 40}-{number}.yaml" for number in range(12)]
    text = f"version: '1'\ndefault_decision: abstain\nrules:{rules}".encode()
    kernel = Kernel(charter_kernel().charter, tuple(load_bundle(text, name) for name in names))
    bed = Bed(kernel=kernel)
    bed.send()
    bed.execute()
    (event,) = bed.events()
    assert len(event.metadata["rules"]) == MAX_VALUE
    assert event.metadata["rules"].endswith("...")


@pytest.mark.parametrize("answer", [answering, escalating])
def test_an_overlay_may_forbid_audit_events(answer: Any) -> None:
    """An operator's bundle that denies audit events has none posted, and everything else happens."""
    text = b"""
version: "1"
default_decision: abstain
rules:
  - id: quiet
    match: {topics: ["job.warden.audit_event"]}
    decision: deny
    reason: nobody reads them
"""
    bed = Bed(answer, kernel=Kernel(charter_kernel().charter, (load_bundle(text, "quiet.yaml"),)))
    bed.send()
    bed.execute()
    assert bed.events() == []
    assert bed.disposition("m1") is (Disposition.ANSWERED if answer is answering else Disposition.ESCALATED)
    assert [entry["effect"] for entry in bed.entries("decided") if entry["kind"] == "audit_event"] == ["deny"]


def test_an_escalated_message_is_planned_again_once_when_its_sender_writes_again() -> None:
    """It stays unread and unplanned until its sender adds to the thread; then it is planned once more."""
    bed = Bed(escalating)
    bed.send()
    for _ in range(3):
        bed.execute()
    assert bed.brain.asked == 1  # type: ignore[attr-defined]
    bed.send(sender="somebody-else")
    bed.execute()
    assert bed.brain.asked == 2  # type: ignore[attr-defined]
    bed.answer = answering
    bed.send(thread="t1")
    for _ in range(3):
        bed.execute()
    assert bed.brain.asked == 4  # type: ignore[attr-defined]
    assert [bed.disposition(f"m{number}") for number in (1, 2, 3)] == ["answered", "escalated", "answered"]
    events = [(event.message_id, event.metadata["disposition"]) for event in bed.events()]
    assert sorted(events) == [("m1", "answered"), ("m1", "escalated"), ("m2", "escalated"), ("m3", "answered")]


def test_two_more_mails_reopen_an_escalation_once() -> None:
    """Several new mails of one run join the escalation together: it is planned once, whatever their number."""
    bed = Bed(escalating)
    bed.send()
    bed.execute()
    bed.send(thread="t1")
    bed.send(thread="t1")
    for _ in range(3):
        bed.execute()
    assert bed.brain.asked == 4  # type: ignore[attr-defined]
    assert len(bed.entries("reopened")) == 1
    assert len(bed.events()) == 3


def test_another_senders_mail_in_the_thread_reopens_nothing() -> None:
    """Only the sender of an escalated message brings it back."""
    bed = Bed(escalating)
    bed.send()
    bed.execute()
    bed.hub.listing = lambda page: replace(
        page,
        messages=tuple(replace(message, content=replace(message.content, thread_id="t1")) for message in page.messages),
    )
    bed.send(sender="somebody-else")
    bed.execute()
    assert bed.entries("reopened") == []


# -- counts


def test_a_thread_gets_three_automatic_replies_an_hour() -> None:
    """The fourth reply of an hour in a thread is held, across runs, and goes out when the window has passed."""
    bed = Bed()
    bed.send()
    for _ in range(3):
        bed.send(thread="t1")
    assert bed.dry().counts == {"answered": 3, "held": 1}
    assert bed.execute().counts == {"answered": 3, "held": 1}
    assert bed.execute().counts == {"held": 1}
    assert bed.record("m4").reason == "rate-limit"  # type: ignore[union-attr]
    written = len(bed.entries("disposed", "planned"))
    bed.execute()
    assert len(bed.entries("disposed", "planned")) == written  # held as before: not written down again
    bed.clock.advance(3599)
    assert bed.execute().counts == {"held": 1}
    bed.clock.advance(2)
    assert bed.execute().counts == {"answered": 1}


def test_a_sender_gets_sixty_automatic_replies_an_hour_over_all_threads() -> None:
    """The sixty-first is held; another sender is answered."""
    bed = Bed()
    for _ in range(61):
        bed.send()
    bed.send(sender="another")
    report = bed.execute()
    assert report.counts == {"answered": 61, "held": 1}
    assert len(bed.replies(SENDER)) == 60
    assert bed.disposition("m61") is Disposition.HELD


def test_a_dry_run_spends_no_rate() -> None:
    """However often the plan is shown, the same replies can be sent."""
    bed = Bed()
    bed.send()
    for _ in range(2):
        bed.send(thread="t1")
    for _ in range(5):
        assert bed.dry().counts == {"answered": 3}
    assert bed.execute().counts == {"answered": 3}


def test_a_run_has_a_bounded_number_of_actions() -> None:
    """What passes the limit of actions in a run is held, and done by the next."""
    bed = Bed(kernel=Kernel(charter_kernel().charter, (), {"actions_per_run": 4}))
    for number in range(3):
        bed.send(sender=f"agent-{number}")
    assert bed.execute().counts == {"answered": 2, "held": 1}
    assert bed.execute().counts == {"answered": 1}


def test_notes_and_read_marks_are_no_replies() -> None:
    """Only answers count towards the replies of a thread."""
    bed = Bed(planning(("progress_note", {"template": "status_received"})))
    bed.send()
    for _ in range(5):
        bed.send(thread="t1")
    assert bed.execute().counts == {"noted": 6}


# -- limits, threads, blocked inboxes


def test_a_limit_bounds_the_messages_of_a_run() -> None:
    """With a limit of two, two are planned, over pages, and the next run goes on from there."""
    bed = Bed()
    for number in range(5):
        bed.send(sender=f"agent-{number}")
    assert bed.execute(limit=2, page_size=1).counts == {"answered": 2}
    assert bed.execute(limit=0).counts == {}
    assert bed.execute(limit=100, page_size=2).counts == {"answered": 3}


def test_a_message_behind_an_open_reply_of_its_thread_waits() -> None:
    """While a reply of a thread is still to be delivered, newer mail in that thread is not planned; other threads are."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", HubUnreachableError("down"))
    bed.execute()
    bed.send(thread="t1")
    bed.send(sender="other")
    assert bed.dry().counts == {"decided": 1, "waiting": 1, "answered": 1}
    assert bed.execute().counts == {"decided": 1, "waiting": 1, "answered": 1}
    bed.clock.advance(60)
    assert bed.execute().counts == {"recovered": 3, "answered": 1}


@pytest.mark.parametrize("mode", ["dry", "execute"])
def test_an_inbox_that_shows_only_decided_messages_is_blocked(mode: str) -> None:
    """Where a listing has no pages and its one page is full of decided messages, the run is partial and says so."""
    bed = Bed(escalating, traits=traits_with(pages=False, page_size=2))
    bed.send()
    bed.send()
    assert bed.execute().exit_status == 0
    bed.send()
    report = getattr(bed, mode)()
    assert (report.exit_status, report.inbox_blocked) == (3, True)
    assert bed.entries("run_finished")[-1]["stopped"] == "inbox-blocked"


def test_a_listing_whose_cursor_stands_still_is_read_once() -> None:
    """A hub that gives back the cursor that it was given is not asked for ever."""
    bed = Bed()
    bed.send()
    bed.hub.listing = lambda page: replace(page, after="1")
    bed.execute()
    assert [call.operation for call in bed.faults.calls].count("list_unread") == 2


# -- ends


@pytest.mark.parametrize("mode", ["dry", "execute"])
def test_a_hub_that_cannot_be_listed_ends_the_run_and_the_ledger_says_so(mode: str) -> None:
    """The error comes out, and the run's end is written with its code."""
    bed = Bed()
    bed.faults.plan("list_unread", HubUnreachableError("down"))
    with pytest.raises(HubUnreachableError):
        getattr(bed, mode)()
    (end,) = bed.entries("run_finished")
    assert (end["stopped"], end["exit_status"]) == ("hub-unreachable", 1)


def test_what_was_delivered_before_the_listing_failed_is_recorded() -> None:
    """When the second page cannot be listed, the first page's receipts and follow-ups are in the ledger."""
    bed = Bed()
    for number in range(3):
        bed.send(sender=f"agent-{number}")
    answer = bed.hub.listing

    def second_fails(page: Any) -> Any:
        if page.messages and page.messages[0].key.message_id != "m1":
            raise HubUnreachableError("down")
        return answer(page)

    bed.hub.listing = second_fails
    with pytest.raises(HubUnreachableError):
        bed.execute(page_size=1)
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert all(state == "done" for state, _ in bed.outbox().values())


def test_a_full_disk_ends_the_run_without_another_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a commit fails, nothing leaves, nothing more is written, and the error comes out."""
    bed = Bed()
    bed.send()
    commit = bed.store.commit
    commits: list[Batch] = []

    def full(batch: Batch) -> Head:
        commits.append(batch)
        raise StateError("the disk is full")

    monkeypatch.setattr(bed.store, "commit", full)
    with pytest.raises(StateError):
        bed.execute()
    assert len(commits) == 1
    assert bed.replies() == []
    monkeypatch.setattr(bed.store, "commit", commit)
    assert bed.execute().counts == {"answered": 1}


def test_a_dry_run_that_is_asked_to_stop_shows_what_it_has() -> None:
    """The request is looked at between pages; what was planned is reported and the run says why it ended."""
    bed = Bed()
    for number in range(3):
        bed.send(sender=f"agent-{number}")
    bed.stop = Patience(0, "interrupted")
    report = bed.dry(page_size=1)
    assert (report.exit_status, report.stopped, report.counts) == (130, "interrupted", {"answered": 1})


def test_the_candidates_that_a_brain_weighed_are_in_ledger_and_report() -> None:
    """The best score is recorded, and people are shown entries, scores and terms."""
    candidate = Candidate("ssh-cert", 870, ("ssh", "certificate"))
    unknown = Candidate("no-such-entry", 10)
    plan = Plan((PlannedAction("escalate"),), "several-candidates", "two fit", "ssh-cert", (candidate, unknown))
    bed = Bed(lambda given: plan)
    bed.send()
    bed.execute()
    assert bed.report("m1").candidates == (candidate,)
    (entry,) = bed.entries("planned")
    assert (entry["score"], entry["catalog_entry"], entry["reason"]) == (870, "ssh-cert", "several-candidates")


def test_only_an_allowed_action_becomes_an_intent() -> None:
    """Handing the outbox a judgement that denies is a fault of ours and is refused before anything is written."""
    bed = Bed(planning(("reply", {"body": ""})))
    bed.send()
    from warden.engine.bench import Bench
    from warden.engine.pull import Puller

    parts, terms = bed.parts(True), bed.terms()
    bench = Bench(parts, terms, "execute")
    (pulled,) = Puller(parts, terms, bench.traits).pages()
    ((seen, plan),) = bench.planner.plans(pulled.fresh[:1])
    judged = bench.planner.judge(seen, plan)
    outbox = Outbox(parts, terms, bench.enforcer, Journal(bed.store, terms.run_id), lambda: 0.5)
    with pytest.raises(ValueError, match="allowed"):
        outbox.intend(judged.judgements[0], Origin("t1", SENDER), 0)


def test_alerts_of_the_policy_are_written_when_a_run_judges() -> None:
    """What went wrong while the policy was read is in the ledger of each run that judged under it."""
    bed = Bed()
    bed.send()
    alerting = replace(bed.parts(True), alerts=lambda: ("policies/a.yaml fell back",))
    from warden.engine.cycle import run_executing

    run_executing(alerting, bed.terms(), lambda: 0.5)
    (alert,) = bed.entries("alert_raised")
    assert (alert["code"], alert["subject"]) == ("policies", "policies/a.yaml fell back")
