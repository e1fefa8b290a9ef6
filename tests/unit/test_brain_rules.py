"""The rule brain, message by message: what it proposes, why, and what it refuses to be tricked into."""

from __future__ import annotations

from pathlib import Path

import pytest

from warden.brains.rules.brain import RuleBrain
from warden.brains.rules.mail import MAX_READ_CHARS
from warden.documents.catalog import load_catalog
from warden.model.ids import MessageKey
from warden.model.message import BrainInput, Mail, Message, MessageFacts, Principal
from warden.model.plan import Plan

CATALOG = load_catalog(
    (Path(__file__).resolve().parents[2] / "charter" / "catalog.yaml").read_bytes(), "charter/catalog.yaml"
)
BRAIN = RuleBrain(CATALOG)
NO_FACTS = MessageFacts()


def propose(
    body: str, subject: str = "", facts: MessageFacts = NO_FACTS, kind: str = "request", reply_to: str | None = None
) -> Plan:
    """Return the plan for a message."""
    content = Mail(subject, body, kind, "t", reply_to)
    message = Message(MessageKey("h", "ops-warden", "1"), Principal("mira"), "2026-01-01T00:00:00Z", content)
    return BRAIN.propose(BrainInput(message, facts))


def kinds(plan: Plan) -> tuple[str, ...]:
    """Return the kinds of a plan's actions."""
    return tuple(action.kind for action in plan.actions)


def test_a_clear_question_is_answered_and_says_why() -> None:
    """The plan names the entry, the terms, the score and the runner-up in one line, and lists candidates best first."""
    plan = propose("Who issues SSH certificates?")
    assert plan.actions[0].arguments == {"entry_id": "ssh-certificate"}
    assert (plan.reason, plan.catalog_entry) == ("routing-question", "ssh-certificate")
    assert "ssh" in plan.detail
    assert "score 1000" in plan.detail
    assert "ssh-host-certificate" in plan.detail
    assert "\n" not in plan.detail
    scores = [candidate.score for candidate in plan.candidates]
    assert scores == sorted(scores, reverse=True)
    assert plan.candidates[0].entry_id == "ssh-certificate"


def test_the_words_of_a_listed_question_in_another_order_may_ask_for_another_thing() -> None:
    """A certificate for a host is listed, a host certificate is another entry's: which of the two, a person says."""
    assert propose("How do I get an SSH certificate for a host?").catalog_entry == "ssh-certificate"
    asked = propose("How do I get an SSH host certificate?", "hosts")
    assert (kinds(asked), asked.reason) == (("escalate",), "several-candidates")


@pytest.mark.parametrize(
    "body",
    [
        "WHERE DO I GET AN OPENROUTER KEY?",
        "where do i get an opnerouter key",
        "where can we obtain open router keys?",
        "OpenRouter keys - where do I get them?",
        "> Who issues SSH certificates?\n\nWhere do I get an OpenRouter key?",
        "Where do I get an **OpenRouter** `key`?\n\n-- \nMira\nHead of npm, Grafana and VPN",
        "Hello team,\n\nI hope you are well.\n\nwhere do I get an OpenRouter\nkey for the new job?\n\nBest regards,\nMira",
        "I have no idea who hands out OpenRouter keys. Could you tell me?",
        "```\nTraceback: vault login failed\n```\nWhere do I get an OpenRouter key?",
        "On Mon, 4 May 2026 at 10:00, net-ops wrote:\n> Who runs the VPN?\n\nWhere do I get an OpenRouter key?",
    ],
)
def test_the_noise_of_real_mail_does_not_hide_a_question(body: str) -> None:
    """Case, typos, plurals, word order, quotations, signatures, greetings and markdown change nothing."""
    assert propose(body).catalog_entry == "openrouter-key"


@pytest.mark.parametrize(
    "subject", ["Re: Fwd: [ops] Where do I get an OpenRouter key?", "OpenRouter key: where do I get one?"]
)
def test_a_question_may_stand_in_the_subject_alone(subject: str) -> None:
    """An empty body leaves the subject, without its prefixes, as the question."""
    assert propose("", subject).catalog_entry == "openrouter-key"


def test_the_old_subject_of_a_reply_is_not_asked_again() -> None:
    """Thanks under a subject that once was a question are an acknowledgement."""
    plan = propose("Thanks, got it!", "Re: Where do I get an OpenRouter key?", kind="reply")
    assert kinds(plan) == ("mark_read",)
    plan = propose("Thanks, got it!", "Where do I get an OpenRouter key?", kind="reply", reply_to="m0")
    assert kinds(plan) == ("mark_read",)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("Where do I get a key?", None),
        ("Who issues tokens?", "several-candidates"),
        ("Who owns the GitHub tokens and the npm publish tokens?", "several-candidates"),
        ("Who issues SSH certificates and how long are they valid?", "two-questions"),
        ("Who issues SSH certificates? Who runs the VPN?", "two-questions"),
        ("Who issues SSH certificates? Please also review my pull request.", "asks-more"),
        ("Who issues SSH certificates? I also need a Grafana login.", "asks-more"),
        ("Where do I get a Datadog key?", None),
        ("who is on call for ssh certs outage?", None),
        ("I do NOT need an SSH certificate", None),
        ("Who is not allowed to get SSH certificates?", None),
        ("Why was my SSH certificate refused?", None),
        ("Who broke the VPN?", None),
        ("Where do I get an invoice for the VPN?", None),
        ("SSH certificates are great.", None),
        ("", "unknown"),
        ("?", None),
    ],
)
def test_what_is_not_one_clear_question_is_escalated(body: str, reason: str | None) -> None:
    """Several candidates, two questions, a further request, a negation, another thing of a known name: to a person."""
    plan = propose(body)
    assert kinds(plan) == ("escalate",)
    assert plan.actions[0].arguments == {"reason": plan.reason}
    if reason is not None:
        assert plan.reason == reason


def test_candidates_of_a_doubtful_question_are_named() -> None:
    """The person who gets an escalation sees which entries were considered."""
    plan = propose("Who owns the GitHub tokens and the npm publish tokens?")
    assert {"github-token", "npm-publish"} <= {candidate.entry_id for candidate in plan.candidates}
    assert "npm-publish" in plan.detail


def test_a_subject_about_another_thing_forbids_an_answer() -> None:
    """A subject that names another entry than the question makes two things of one message."""
    assert kinds(propose("Who issues SSH certificates?", "Grafana login")) == ("escalate",)


def test_a_question_without_object_is_about_what_stands_before_it() -> None:
    """ "Who do I talk to?" takes its object from the sentence before, or from the subject."""
    assert propose("We need an Anthropic key for the summariser. Who do I talk to?").catalog_entry == "anthropic-key"
    assert propose("Who do I talk to about this?", "npm publish token").catalog_entry == "npm-publish"


@pytest.mark.parametrize(
    ("facts", "kind", "reason"),
    [
        (MessageFacts(from_self=True), "skip", "from-self"),
        (MessageFacts(automatic=True), "skip", "automatic"),
        (MessageFacts(secret_kinds={"github-token": 1}), "escalate", "secret-received"),
        (MessageFacts(instructs_worker=True), "escalate", "instructs-worker"),
        (MessageFacts(asks_for_secret=True), "escalate", "asks-for-secret"),
        (MessageFacts(asks_for_change=True), "escalate", "asks-for-change"),
        (MessageFacts(instructs_worker=True, automatic=True), "escalate", "instructs-worker"),
    ],
)
def test_facts_come_before_the_question(facts: MessageFacts, kind: str, reason: str) -> None:
    """Whatever the guard found decides, also when a genuine question stands beside it."""
    plan = propose("Who issues SSH certificates?", facts=facts)
    assert (kinds(plan), plan.reason) == ((kind,), reason)


@pytest.mark.parametrize(
    "body",
    [
        "Thanks, got it!",
        "done, thank you",
        "Noted.",
        "FYI the Gitea host has a new address.",
        "Perfect, that worked. Cheers!",
        "Vielen Dank!",
    ],
)
def test_an_acknowledgement_is_marked_read(body: str) -> None:
    """Thanks, confirmations and notes for information need nothing but to be read."""
    plan = propose(body, kind="info")
    assert (kinds(plan), plan.reason) == (("mark_read",), "acknowledgement")


@pytest.mark.parametrize(
    "body",
    [
        "Thanks, but it still does not work.",
        "Thanks, I pasted the token into the ticket.",
        "Got it, I will delete the production database now.",
        "FYI the runner token expires tomorrow and nobody owns it.",
        "FYI we are blocked.",
        "Thank you. Meanwhile my account is locked again.",
        "Thanks! Let me know when it is done.",
        "Great, another week without access.",
        "ok so what now?",
    ],
)
def test_what_only_begins_like_an_acknowledgement_is_escalated(body: str) -> None:
    """Trouble, plans, requests and irony after a thank-you reach a person."""
    assert kinds(propose(body, kind="info")) == ("escalate",)


def test_thanks_with_a_question_is_a_question() -> None:
    """The question wins over the acknowledgement."""
    assert propose("Thanks, but who owns the DNS API token?").catalog_entry == "dns-api"


def test_a_status_report_is_noted_and_read() -> None:
    """A report is noted with our own template and marked read."""
    plan = propose("Nightly backup completed, 12 of 12 volumes verified. No errors.", "Status: backup", kind="status")
    assert kinds(plan) == ("progress_note", "mark_read")
    assert plan.actions[0].arguments == {"template": "status_received"}


@pytest.mark.parametrize(
    "body",
    [
        "The migration finished. Should we go on with the database?",
        "3 services migrated. Blocked: we still need the DNS token from you.",
        "I quit.",
        "Backup completed with 2 errors.",
        "All done. Please confirm.",
    ],
)
def test_the_senders_word_status_lifts_nothing(body: str) -> None:
    """A request, a question or trouble in a message that calls itself a report is escalated."""
    assert kinds(propose(body, "Status", kind="status")) == ("escalate",)


def test_several_mails_in_one_are_escalated() -> None:
    """A digest is not answered as if it were one question."""
    body = "From: a\nSubject: vpn\nWho runs the VPN?\n\nFrom: b\nSubject: npm\nWho owns the npm token?"
    assert propose(body).reason == "several-mails"


def test_a_message_too_long_to_be_read_whole_is_escalated() -> None:
    """What was not read cannot be judged."""
    assert propose("Who issues SSH certificates?\n" + "x" * MAX_READ_CHARS).reason == "too-long"
    assert propose("Who issues SSH certificates?\n" + "fine. " * 500).reason == "too-long"


@pytest.mark.parametrize(
    "body",
    ["\x00", "\ud800 who issues ssh certificates?", "?" * 40000, "who " * 9000, "> " * 20000, "a" * 48000, "((((" * 9000,
     "Who issues SSH certificates" + "!" * 30000, "\u202ewho\u202c", "who?who?who?" * 3000, "``` " * 9000],
)  # fmt: skip
def test_hostile_text_is_never_an_answer_nor_an_exception(body: str) -> None:
    """Control characters, surrogates and endless repetitions end in a plan, quickly."""
    assert kinds(propose(body)) in {("escalate",), ("route_answer",)}


def test_the_digest_follows_the_catalogue() -> None:
    """A brain over another catalogue is another brain, the same catalogue gives the same one."""
    other = load_catalog(b"entries:\n- {id: a, title: b, owner: c, answer: d}\n", "x")
    assert BRAIN.name == "rule"
    assert BRAIN.digest == RuleBrain(CATALOG).digest
    assert BRAIN.digest != RuleBrain(other).digest


def test_a_catalogue_of_one_entry_does_not_attract_everything() -> None:
    """With nothing to be confused with, an entry still answers only what it is about."""
    brain = RuleBrain(
        load_catalog(b"entries:\n- {id: badge, title: Access badge, owner: desk, answer: At the desk.}\n", "x")
    )
    facts = NO_FACTS

    def ask(body: str) -> Plan:
        content = Mail("", body, "request", "t")
        message = Message(MessageKey("h", "a", "1"), Principal("m"), "2026-01-01T00:00:00Z", content)
        return brain.propose(BrainInput(message, facts))

    assert ask("Where do I get an access badge?").catalog_entry == "badge"
    assert ask("Where do I get a parking space?").catalog_entry is None
    assert ask("Who ate my badge?").catalog_entry is None


@pytest.mark.parametrize(
    "body",
    [
        "Who issued SSH certificates?",
        "Who opened break-glass access?",
        "Where did we get an OpenRouter key?",
        "Who gets VPN access?",
        "How can I give my GitHub token to a colleague?",
        "How do I get around the VPN?",
    ],
)
def test_the_past_and_other_roles_are_not_questions_of_routing(body: str) -> None:
    """Who did, who receives, and how one does an owner's work oneself are for a person."""
    assert kinds(propose(body)) == ("escalate",)


def test_a_question_that_the_catalogue_lists_is_answered_by_its_entry() -> None:
    """The very words of a listed question decide, although another entry shares most of them."""
    assert propose("How do I get an SSH certificate for a host?").catalog_entry == "ssh-certificate"


@pytest.mark.parametrize(
    "body",
    [
        "where can the release bot get an openrouter key?",
        "How does a new colleague get an OpenRouter key?",
        "whos responsible for OpenRouter keys?",
        "Who isues OpenRouter keys?",
        "report-agent has no OpenRouter key yet, who issues them?",
        "Who provides more OpenRouter keys?",
        "Who schedules OpenRouter keys now that Helga left?",
        "Who provides OpenRouter keys after 4 pm on Sundays?",
    ],
)
def test_asker_state_time_and_slip_of_the_pen_are_not_the_thing_asked_for(body: str) -> None:
    """Who needs it, a state, a time, a reason or a misspelt act beside the thing change nothing."""
    assert propose(body).catalog_entry == "openrouter-key"


@pytest.mark.parametrize(
    "body",
    [
        "Where is the OpenRouter key?",
        "Who sells OpenRouter keys?",
        "Who teaches the OpenRouter key?",
        "Who is the account manager at OpenRouter for invoices?",
        "How do I write an OpenRouter key?",
        "Who pays for OpenRouter?",
    ],
)
def test_another_business_with_the_thing_is_left_to_a_person(body: str) -> None:
    """Selling, teaching, paying, another house and where it lies are not what its owner hands it out for."""
    assert kinds(propose(body)) == ("escalate",)
