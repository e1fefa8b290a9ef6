"""From what a brain chose to what may leave: final texts are made of the message, the catalogue and templates."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enginebed import AGENT, ANSWER, CATALOG, SENDER, Bed, planning, traits_with
from warden.engine.draft import (
    MAX_PLANNED_ACTIONS,
    MAX_SUBJECT,
    Drafter,
    outgoing_text,
    reply_subject,
    shown_text,
    text_problem,
)
from warden.model.catalog import Catalog, CatalogEntry
from warden.model.delivery import OutgoingMessage, ProgressEvent, ReadMark, ScriptRun, TriggerLine, WorkloadStart
from warden.model.disposition import Disposition
from warden.model.ids import MessageKey, idempotency_key
from warden.model.message import Mail, Message, MessageFacts, Principal
from warden.model.plan import Plan, PlannedAction
from warden.model.request import Effect

KEY = MessageKey("hub-1", AGENT, "m1")
MESSAGE = Message(KEY, Principal(SENDER), "2026-01-02T03:04:05Z", Mail("Re: hello", "body", "request", "t1"))
DRAFTER = Drafter(AGENT, "scripted", CATALOG)


def drafts(*actions: tuple[str, dict[str, Any]], facts: MessageFacts = MessageFacts()) -> list[Any]:
    """The drafts of a plan with these actions."""
    return list(DRAFTER.draft(Plan(tuple(PlannedAction(k, a) for k, a in actions), "r"), MESSAGE, facts))


def test_an_answer_goes_to_the_sender_in_its_thread_with_the_marks_of_automatic_mail() -> None:
    """Recipient, thread and subject come from the message, the text from the catalogue; the hop count rises by one."""
    answer, mark = drafts(("route_answer", {"entry_id": "ssh-cert"}), facts=MessageFacts(hops=2))
    assert answer.text_source == "catalog"
    assert answer.action.payload == OutgoingMessage(
        from_agent=AGENT,
        to_agent=SENDER,
        subject="Re: hello",
        body=ANSWER,
        kind="reply",
        thread_id="t1",
        in_reply_to="m1",
        metadata={
            "auto-submitted": "auto-replied",
            "warden-hops": "3",
            "warden-key": idempotency_key(KEY, "route_answer", 0),
        },
    )
    assert mark.action.payload == ReadMark("m1")


def test_a_drafted_reply_names_its_brain() -> None:
    """A text that a brain wrote is a draft, and says who wrote it."""
    reply, _ = drafts(("reply", {"body": "Hello."}))
    assert (reply.text_source, reply.action.payload.metadata["drafted_by"]) == ("draft", "scripted")


def test_the_links_of_an_entry_stand_below_its_answer() -> None:
    """An entry's links are sent one a line after its text."""
    entry = CatalogEntry("e", "E", AGENT, "See:", links=("https://a.example", "https://b.example"))
    drafter = Drafter(AGENT, "scripted", Catalog((entry,), "sha256:" + "0" * 64))
    (answer, _) = drafter.draft(Plan((PlannedAction("route_answer", {"entry_id": "e"}),), "r"), MESSAGE, MessageFacts())
    assert shown_text(answer.action.payload) == "See:\n\nhttps://a.example\nhttps://b.example"  # type: ignore[union-attr]


def test_a_note_is_a_template_of_ours() -> None:
    """A brain names the template; the one word in it that is not ours is the sender's name."""
    note, mark = drafts(("progress_note", {"template": "information_received"}))
    assert isinstance(note.action.payload, ProgressEvent)
    assert note.action.payload.summary == f"information received from {SENDER}"
    assert note.action.payload.detail is None
    assert mark.kind == "mark_read"


def test_the_read_mark_comes_last_and_once() -> None:
    """Wherever a brain puts the read mark, it follows everything else, and it is not added twice."""
    kinds = [draft.kind for draft in drafts(("mark_read", {}), ("reply", {"body": "x"}))]
    assert kinds == ["reply", "mark_read"]


@pytest.mark.parametrize(
    ("kind", "arguments", "problem"),
    [
        ("route_answer", {}, "takes entry_id"),
        ("route_answer", {"entry_id": "ssh-cert", "to_agent": "evil"}, "takes entry_id"),
        ("route_answer", {"entry_id": 7}, "arguments are strings"),
        ("route_answer", {"entry_id": "nope"}, "the catalogue has no such entry"),
        ("reply", {"body": None}, "arguments are strings"),
        ("reply", {"body": "x", "thread_id": "t9"}, "takes body"),
        ("reply", {"body": " \n "}, "text is empty"),
        ("reply", {"body": ""}, "text is empty"),
        ("progress_note", {"template": "made-up"}, "there is no such note template"),
        ("progress_note", {"template": "status_received", "detail": "x"}, "takes template"),
        ("mark_read", {"message_id": "m9"}, "takes no arguments"),
        ("reply", {1: "x"}, "takes body"),
    ],
)
def test_arguments_of_another_shape_make_no_action(kind: str, arguments: dict[str, Any], problem: str) -> None:
    """Each kind takes exactly its arguments; anything else is a problem for the kernel to deny, never an action."""
    first = drafts((kind, arguments))[0]
    assert (first.kind, first.action, first.problem) == (kind, None, problem)


def test_arguments_that_break_when_they_are_looked_at_make_no_action() -> None:
    """A catalogue that cannot look for what a brain names is a problem of that action only."""

    class Picky(Catalog):
        def find(self, entry_id: str) -> CatalogEntry | None:
            raise ValueError(entry_id)

    drafter = Drafter(AGENT, "scripted", Picky((), "sha256:" + "0" * 64))
    (first, _) = drafter.draft(Plan((PlannedAction("route_answer", {"entry_id": "x"}),), "r"), MESSAGE, MessageFacts())
    assert (first.action, first.problem) == (None, "arguments cannot be read")


def test_a_kind_without_a_text_is_passed_on_without_an_action() -> None:
    """Escalations, reviews and unknown kinds reach the kernel under their name, with nothing to deliver."""
    for kind in ("escalate", "skip", "change_code", "unknown"):
        (draft,) = drafts((kind, {"anything": 1}))
        assert (draft.kind, draft.action, draft.problem) == (kind, None, "")


def test_a_second_action_of_a_kind_is_a_problem() -> None:
    """One reply is enough: the second has another ordinal and no action."""
    one, two, _ = drafts(("reply", {"body": "a"}), ("reply", {"body": "b"}))
    assert (one.ordinal, two.ordinal, two.action) == (0, 1, None)


def test_too_many_actions_are_a_problem_of_the_whole_plan() -> None:
    """The ninth action is not drafted, and a draft that nobody can allow stands in its place."""
    fitting = drafts(*[("escalate", {})] * MAX_PLANNED_ACTIONS)
    assert [draft.problem for draft in fitting] == [""] * MAX_PLANNED_ACTIONS
    found = drafts(*[("escalate", {})] * (MAX_PLANNED_ACTIONS + 1))
    assert len(found) == MAX_PLANNED_ACTIONS + 1
    assert found[-1].problem == "the plan has too many actions"


@pytest.mark.parametrize(
    "text",
    ["a\x00", "a\x1b[2J", "a\r\n", "\x7f", "\x9b", "\u202eabc", "a\u200b", "\u2066", "\ufeff", "\ud800", "\u2028",
     "\U000e0041", "\u061c", "\u00ad", "\u180e", "\ue000", "\U0001fffe"],
)  # fmt: skip
def test_a_text_with_something_invisible_is_not_sent(text: str) -> None:
    """Control, direction-changing and invisible characters and lone surrogates are refused in a body."""
    assert text_problem("fine " + text).startswith("text holds ")
    bed = Bed(planning(("reply", {"body": "fine " + text})))
    bed.send()
    bed.execute()
    assert bed.disposition("m1") is Disposition.ESCALATED
    assert bed.report("m1").reason == "refused-draft"
    assert bed.replies() == []


@pytest.mark.parametrize("text", ["plain", "two\nlines\tand a tab", "Grüße, 你好, שלום", "naïve — “quoted” …", "👍"])
def test_an_ordinary_text_is_sent(text: str) -> None:
    """Letters of every language, punctuation, line breaks and tabs are fine."""
    assert text_problem(text) == ""


@given(st.text())
def test_the_subject_of_a_reply_is_one_bounded_printable_line(subject: str) -> None:
    """Whatever the subject, the reply's is one line of printable text with one prefix, and replying again keeps it."""
    line = reply_subject(subject)
    assert line.startswith("Re: ")
    assert len(line) <= MAX_SUBJECT
    assert line.isprintable()
    assert reply_subject(line) == line.rstrip()


@pytest.mark.parametrize("subject", ["", "re: ", "RE:re-issue", "x" * 10_000, "a\r\nBcc: b"])
def test_subjects_of_every_shape_are_answered(subject: str) -> None:
    """A message with an odd subject is answered once under a subject that the hub accepts."""
    bed = Bed()
    bed.send()
    bed.hub.listing = lambda page: type(page)(
        tuple(
            type(message)(
                message.key,
                message.sender,
                message.received_at,
                Mail(subject, "Who?", "request", message.content.thread_id),
            )
            for message in page.messages
        )
    )
    bed.execute()
    (reply,) = bed.replies()
    assert reply.content.subject.startswith("Re: ")
    assert reply.content.subject.isprintable()


def test_what_is_scanned_is_what_a_reader_sees() -> None:
    """The guard is shown recipient, subject and body of a message, summary and detail of an event, nothing of a mark."""
    message = OutgoingMessage(AGENT, "to", "subject", "body", "reply", "t", "m")
    assert outgoing_text(message) == "to\nsubject\n\nbody"
    assert outgoing_text(ProgressEvent(AGENT, "summary", "note", "detail")) == "summary\ndetail"
    assert outgoing_text(ProgressEvent(AGENT, "summary", "note")) == "summary"
    assert outgoing_text(ReadMark("m1")) == ""
    assert shown_text(ReadMark("m1")) is None
    assert shown_text(ProgressEvent(AGENT, "summary", "note")) == "summary"


def test_what_a_rule_ordered_is_scanned_and_shown_without_our_own_marks() -> None:
    """Of a script its arguments and input, of a workload what it is to do, of a trigger its word and its values."""
    for payload, text in (
        (ScriptRun("deploy", '["/bin/true"]', "{}"), '["/bin/true"]\n{}'),
        (WorkloadStart("w" * 64, "m1", "gitea", "triage"), "gitea triage"),
        (WorkloadStart("w" * 64, "m1", "gitea", "triage", "comment"), "gitea triage comment"),
        (TriggerLine("issue", {"repo": "ada/notes", "warden-key": "k" * 64}), "issue repo=ada/notes"),
    ):
        assert outgoing_text(payload) == shown_text(payload) == text


def test_a_reply_never_reaches_anybody_but_the_sender() -> None:
    """A brain that names recipients, threads or subjects in its arguments has nothing sent to anybody."""
    for arguments in (
        {"body": "x", "to_agent": "evil"},
        {"body": "x", "to": "evil"},
        {"body": "x", "subject": "y"},
        {"body": "x", "metadata": {}},
    ):
        bed = Bed(planning(("reply", arguments)), traits=traits_with())
        bed.send()
        bed.execute()
        assert bed.hub.sent_by(AGENT) == ()
        assert bed.report("m1").actions[0].effect is Effect.DENY
