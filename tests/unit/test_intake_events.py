"""What happened: the facts that are read out of payloads, who counts as whom, and signed workflow issues."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from intakebed import ALICE, ISSUE, KEY, PULL, REPOSITORY, comment_event, issue_event, reading
from warden.model.event import Event, Flag, Trust, event_facts, event_from_facts
from warden.server.intake.events import MalformedEventError, read_event

NOW = 1_772_000_000.0


def gitea(document: Any, event: str = "issues", kind: str = "", **more: Any) -> Event:
    """Return the event of a Gitea payload."""
    headers = [("x-gitea-event", event), ("x-gitea-event-type", kind or event), ("x-gitea-delivery", "d-1")]
    return read_event(reading(**more), headers, document, NOW)


@pytest.mark.parametrize(
    ("event", "kind", "action"),
    [
        ("issues", "issues", "opened"),
        ("issues", "issue_assign", "assigned"),
        ("issues", "issue_label", "label_updated"),
        ("issues", "issue_milestone", "milestoned"),
    ],
)
def test_a_family_of_issue_events_keeps_its_types(event: str, kind: str, action: str) -> None:
    """One header names the family, the other the type; both are facts."""
    found = gitea(issue_event(action), event, kind)
    assert (found.event, found.type, found.action) == (event, kind, action)
    assert (found.repository, found.number, found.issue) == ("ops/site", "7", "ops/site#7")
    assert found.labels == ("deploy", "good first issue")
    assert (found.title, found.text) == (ISSUE["title"], ISSUE["body"])
    assert found.thread_id == "forge:ops/site#7"


def test_a_comment_is_the_text_and_its_issue_the_title() -> None:
    """The event is about the issue, the words are the comment's."""
    found = gitea(comment_event("hello"), "issue_comment")
    assert (found.text, found.title, found.number, found.flags) == ("hello", ISSUE["title"], "7", frozenset())


def test_a_comment_on_a_pull_request_says_so() -> None:
    """`is_pull` marks what comes in the family of issue comments."""
    found = gitea({**comment_event("hello"), "is_pull": True}, "issue_comment", "pull_request_comment")
    assert (found.event, found.type, found.flags) == ("issue_comment", "pull_request_comment", frozenset({Flag.PULL}))


@pytest.mark.parametrize(
    ("event", "kind", "action"),
    [
        ("pull_request", "pull_request", "opened"),
        ("pull_request", "pull_request_sync", "synchronized"),
        ("pull_request", "pull_request_label", "label_updated"),
        ("pull_request", "pull_request_review_request", "review_requested"),
    ],
)
def test_pull_request_events_name_the_branch_they_go_into(event: str, kind: str, action: str) -> None:
    """The branch is the base's, not the topic's."""
    document = {"action": action, "number": 9, "pull_request": PULL, "repository": REPOSITORY, "sender": ALICE}
    found = gitea(document, event, kind)
    assert (found.type, found.number, found.branch, Flag.PULL in found.flags) == (kind, "9", "main", True)


def test_a_review_is_the_text_of_its_pull_request() -> None:
    """Gitea's review has a type and a content."""
    review = {"type": "pull_request_review_approved", "content": "well done"}
    document = {"action": "reviewed", "pull_request": PULL, "review": review, "repository": REPOSITORY, "sender": ALICE}
    found = gitea(document, "pull_request_approved", "pull_request_review_approved")
    assert (found.event, found.text, found.number) == ("pull_request_approved", "well done", "9")


def test_a_push_names_its_branch_and_a_tag_none() -> None:
    """A branch is what stands below refs/heads/."""
    push = {"ref": "refs/heads/feature/x", "repository": REPOSITORY, "pusher": ALICE}
    assert (gitea(push, "push").branch, gitea(push, "push").sender) == ("feature/x", "alice")
    assert gitea({**push, "ref": "refs/tags/v1"}, "push").branch == ""


def test_repository_release_and_branch_events() -> None:
    """The action word of a repository event is `created`; a release has a name, a created branch its name."""
    assert gitea({"action": "created", "repository": REPOSITORY, "sender": ALICE}, "repository").action == "created"
    release = {"name": "v1", "body": "notes", "author": ALICE, "html_url": "https://git.example/r/1"}
    found = gitea({"action": "published", "release": release, "repository": REPOSITORY, "sender": ALICE}, "release")
    assert (found.title, found.text, found.url) == ("v1", "notes", "https://git.example/r/1")
    made = {"ref": "topic", "ref_type": "branch", "repository": REPOSITORY, "sender": ALICE}
    assert gitea(made, "create").branch == "topic"


def test_a_closed_issue_is_marked() -> None:
    """A lock's grace begins with it."""
    assert gitea(issue_event("closed", state="closed")).flags == {Flag.CLOSED}


def test_facts_survive_the_way_through_a_message() -> None:
    """What the metadata of a message says is the event that it was made of."""
    found = gitea({**comment_event("hello"), "is_pull": True}, "issue_comment", "pull_request_comment")
    assert event_from_facts(event_facts(found), found.title, found.text).flags == found.flags
    again = event_from_facts(event_facts(found), found.title, found.text)
    assert (again.labels, again.trust, again.number, again.type) == (
        found.labels,
        found.trust,
        found.number,
        found.type,
    )


@pytest.mark.parametrize(
    ("sender", "trust"),
    [
        ("alice", Trust.OWNER),
        ("ALICE", Trust.OWNER),
        ("rita", Trust.READONLY),
        ("eve", Trust.UNKNOWN),
        ("ops", Trust.OWNER),
    ],
)
def test_lists_and_ownership_say_who_is_trusted(sender: str, trust: Trust) -> None:
    """The operator's lists first, in any case of letters; then whose repository it is."""
    assert gitea({**issue_event("closed"), "sender": {"login": sender}}).trust is trust


@pytest.mark.parametrize(
    ("author", "permissions", "trust"),
    [
        ("eve", {"push": True}, Trust.COLLABORATOR),
        ("eve", {"admin": True}, Trust.COLLABORATOR),
        ("eve", {"pull": True}, Trust.READONLY),
        ("eve", {"pull": False}, Trust.UNKNOWN),
        ("eve", None, Trust.UNKNOWN),
        ("somebody", {"push": True, "admin": True}, Trust.UNKNOWN),
        ("", {"admin": True}, Trust.UNKNOWN),
    ],
)
def test_permissions_count_only_of_who_wrote_the_thing(author: str, permissions: Any, trust: Trust) -> None:
    """A forge may state the permissions of the issue's author beside the act of another account."""
    document = issue_event(user={"login": author})
    document["sender"] = {"login": "eve"}
    document["repository"] = {**REPOSITORY, "permissions": permissions}
    assert gitea(document).trust is trust


@pytest.mark.parametrize(
    ("action", "trust"),
    [("opened", Trust.COLLABORATOR), ("synchronized", Trust.UNKNOWN), ("label_updated", Trust.UNKNOWN)],
)
def test_permissions_count_only_beside_acts_for_which_they_are_computed(action: str, trust: Trust) -> None:
    """Gitea states an owner's permissions beside new commits in a pull request and its labels, whoever did it."""
    pull = {**PULL, "user": {"login": "eve"}}
    repository = {**REPOSITORY, "permissions": {"admin": True, "push": True, "pull": True}}
    document = {"action": action, "pull_request": pull, "repository": repository, "sender": {"login": "eve"}}
    assert gitea(document, "pull_request", "pull_request_sync").trust is trust


def test_an_event_that_only_its_type_names() -> None:
    """Some versions of Gitea send an empty family with a package."""
    found = gitea({"action": "created", "repository": REPOSITORY, "sender": ALICE}, "", "package")
    assert (found.event, found.type) == ("package", "package")


def test_an_issue_that_is_no_pull_request_by_name() -> None:
    """A member that is there and null is no pull request."""
    document = {**comment_event("hello"), "pull_request": None, "issue": {**ISSUE, "pull_request": None}}
    assert gitea(document, "issue_comment").flags == frozenset()


@pytest.mark.parametrize(
    ("association", "trust"),
    [("OWNER", Trust.OWNER), ("MEMBER", Trust.COLLABORATOR), ("CONTRIBUTOR", Trust.UNKNOWN), (7, Trust.UNKNOWN)],
)
def test_githubs_association_counts_of_the_comments_author(association: object, trust: Trust) -> None:
    """GitHub says what the author of a comment is to the repository."""
    document = comment_event("hi", "eve")
    document["comment"]["author_association"] = association
    headers = [("x-github-event", "issue_comment"), ("x-github-delivery", "g-1")]
    assert read_event(reading("github"), headers, document, NOW).trust is trust


@pytest.mark.parametrize(
    ("sender", "text", "flag"),
    [("warden-bot", "x", Flag.OWN), ("Other-Bot", "x", Flag.AGENT), ("alice", "<!-- warden-key: x -->", Flag.MARKER)],
)
def test_echoes_are_marked(sender: str, text: str, flag: Flag) -> None:
    """Our own accounts, other agents' and our marker in a text."""
    assert gitea(comment_event(text, sender), "issue_comment").flags == {flag}


def signed(title: str, timestamp: str, key: bytes = KEY) -> str:
    """Return the mark of a signed workflow issue."""
    mac = hmac.digest(key, f"ops/site|{title}|{timestamp}".encode(), "sha256").hex()
    return f"please\n<!-- xen-spawn-sig:{mac}:{timestamp} -->"


@pytest.mark.parametrize(
    ("body", "flag"),
    [
        (signed("T", str(int(NOW))), Flag.SIGNED),
        (signed("T", str(int(NOW) - 900)), Flag.SIGNED),
        (signed("T", str(int(NOW) - 901)), Flag.STALE),
        (signed("T", str(int(NOW) + 901)), Flag.STALE),
        (signed("T", "2026-02-25T06:13:20Z"), Flag.SIGNED),
        (signed("T", "2026-02-25T06:13:20"), Flag.STALE),
        (signed("T", "never"), Flag.STALE),
        (signed("other title", str(int(NOW))), Flag.UNSIGNED),
        (signed("T", str(int(NOW)), b"another key"), Flag.UNSIGNED),
        (signed("T", str(int(NOW))) * 2, Flag.UNSIGNED),
        ("xen-spawn-sig:", Flag.UNSIGNED),
    ],
)
def test_a_workflow_issue_is_signed_stale_or_neither(body: str, flag: Flag) -> None:
    """HMAC over repository, title and time; no older and no further ahead than the window; one mark, not two."""
    found = gitea(issue_event(title="T", body=body, labels=[]), workflow_keys=(KEY,))
    assert found.flags == {flag}


def test_the_label_alone_claims_the_privilege() -> None:
    """An issue with the workflow label and without a mark is unsigned; without a key nothing is signed."""
    labels = [{"name": "workflow"}]
    assert gitea(issue_event(labels=labels), workflow_keys=(KEY,)).flags == {Flag.UNSIGNED}
    assert gitea(issue_event(title="T", body=signed("T", str(int(NOW))))).flags == {Flag.UNSIGNED}
    assert gitea(issue_event("assigned", labels=labels), workflow_keys=(KEY,)).flags == frozenset()


def generic(document: Any, *headers: tuple[str, str]) -> Event:
    """Return the event of a generic payload."""
    return read_event(reading("generic"), headers, document, NOW)


def test_a_generic_event_has_named_fields() -> None:
    """The header names the event, or a field does; the id likewise."""
    document = {
        "event": "deploy",
        "action": "finished",
        "repository": "ops/site",
        "number": "12",
        "branch": "main",
        "labels": ["a"],
        "sender": "ci",
        "title": "t",
        "message": "m",
        "id": "x1",
        "url": "https://ci.example/1",
    }
    found = generic(document)
    assert (found.event, found.action, found.issue, found.branch) == ("deploy", "finished", "ops/site#12", "main")
    assert (found.labels, found.sender, found.text, found.delivery_id, found.url) == (
        *(("a",), "ci", "m"),
        *("x1", "https://ci.example/1"),
    )
    assert generic(document, ("x-event", "other"), ("x-delivery", "h1")).delivery_id == "h1"
    assert generic({"type": "a.b", "sender": {"login": "ci"}, "repository": {"full_name": "r"}}).repository == "r"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({}, "event-missing"),
        ({"event": "a b"}, "event"),
        ({"event": "x", "number": True}, "number"),
        ({"event": "x", "number": -1}, "number"),
        ({"event": "x", "sender": 5}, "sender"),
        ({"event": "x", "branch": "a b"}, "branch"),
        ({"event": "x", "labels": ["a\nb"]}, "labels"),
        ({"event": "x", "labels": ["a"] * 101}, "labels"),
        ("text", "not-an-object"),
    ],
)
def test_nothing_is_guessed(document: Any, code: str) -> None:
    """What is not of the form is refused with a stable word."""
    with pytest.raises(MalformedEventError) as refused:
        generic(document)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("headers", "code"), [([("x-delivery", "a b")], "delivery-id"), ([("x-event", "a")] * 2, "header-repeated")]
)
def test_headers_that_name_things_are_single_and_sound(headers: list[tuple[str, str]], code: str) -> None:
    """A repeated header that names the event or the delivery is refused, and an id with a space in it."""
    with pytest.raises(MalformedEventError) as refused:
        generic({"event": "x"}, *headers)
    assert refused.value.code == code


def test_long_texts_are_cut_and_lone_surrogates_replaced() -> None:
    """What is kept is bounded, and can be written down."""
    found = generic({"event": "x", "title": "t" * 5000, "text": "\ud800" + "x" * 50_000})
    assert (len(found.title), len(found.text)) == (1000, 32_768)
    assert found.text.startswith("?x")


def test_what_an_event_brings_in_which_form_is_named() -> None:
    """A comment as of its change, or else its issue; nothing for a push."""
    assert gitea(comment_event("x"), "issue_comment").revisions == ("rev:ops/site comment 31 2026-03-01T11:00:00Z",)
    number = 7
    assert gitea(issue_event()).revisions == (f"rev:ops/site issue {number} 2026-03-01T10:00:00Z",)
    assert gitea({"ref": "refs/heads/x", "repository": REPOSITORY}, "push").revisions == ()
