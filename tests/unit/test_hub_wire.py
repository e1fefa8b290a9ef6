"""Reading a hub's JSON: what is taken, what is quarantined, and that one bad message does not spoil a page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warden.errors import HubAnswerError
from warden.hubs.names import THREAD_MESSAGES
from warden.hubs.profile import CLASSIC, DEFAULT, Profile
from warden.hubs.wire import Reading, read_inbox, read_message, read_posted_id, read_progress, read_thread
from warden.model.digests import digest_value
from warden.model.message import Assurance

GOOD: dict[str, Any] = {
    "id": "m1",
    "thread_id": "t1",
    "from_agent": "a",
    "to_agent": "b",
    "subject": "s",
    "body": "text",
    "kind": "request",
    "in_reply_to": None,
    "metadata": {},
    "created_at": "2026-01-02T03:04:05.678Z",
    "assurance": "token",
}


def reading(profile: Profile = DEFAULT, vouches: bool = True) -> Reading:
    """Return how a hub of this profile is read."""
    return Reading(profile, "hub-1", vouches)


BAD: dict[str, Any] = {
    "null": None,
    "number": 7,
    "list": [],
    "empty": {},
    "no id": {**GOOD, "id": None},
    "id with a slash": {**GOOD, "id": "../x"},
    "id is a flag": {**GOOD, "id": True},
    "id is a fraction": {**GOOD, "id": 1.5},
    "negative id": {**GOOD, "id": -1},
    "huge id": {**GOOD, "id": 2**70},
    "no sender": {**GOOD, "from_agent": None},
    "sender with a line end": {**GOOD, "from_agent": "a\n"},
    "no body": {key: value for key, value in GOOD.items() if key != "body"},
    "body is a number": {**GOOD, "body": 7},
    "lone surrogate": {**GOOD, "body": "\ud800"},
    "nul": {**GOOD, "body": "a\x00"},
    "escape in subject": {**GOOD, "subject": "\x1b[2J"},
    "two-line subject": {**GOOD, "subject": "a\nb"},
    "huge body": {**GOOD, "body": "x" * (1024 * 1024 + 1)},
    "capital kind": {**GOOD, "kind": "Request"},
    "kind is a list": {**GOOD, "kind": []},
    "metadata is a list": {**GOOD, "metadata": [1]},
    "metadata value with a line end": {**GOOD, "metadata": {"a": "b\nc"}},
    "much metadata": {**GOOD, "metadata": {f"n{n}": "" for n in range(65)}},
    "time is a number": {**GOOD, "created_at": 1767322800},
    "time is no time": {**GOOD, "created_at": "yesterday"},
    "impossible time": {**GOOD, "created_at": "2026-02-30T00:00:00Z"},
    "time out of range": {**GOOD, "created_at": "0001-01-01T00:00:00+14:00"},
    "to somebody else": {**GOOD, "to_agent": "c"},
}


@pytest.mark.parametrize("element", BAD.values(), ids=BAD)
def test_bad_message_is_quarantined(element: object) -> None:
    """A message that cannot be read is named with the reason, and those beside it arrive."""
    page = read_inbox(reading(), {"messages": [{**GOOD, "id": "m0"}, element, {**GOOD, "id": "m2"}]}, "b")
    assert [message.key.message_id for message in page.messages] == ["m0", "m2"]
    ((identifier, reason),) = page.quarantined
    assert identifier == "m1" or identifier.startswith("unreadable-")
    assert reason.isprintable()


def test_quarantined_name_is_stable() -> None:
    """An element without an id has the same name in every listing, and another one has another."""
    names = [read_inbox(reading(), {"messages": [{"body": body}]}, "b").quarantined[0][0] for body in "xxy"]
    assert names[0] == names[1] != names[2]


def test_unknown_fields_are_ignored() -> None:
    """A field that we do not use may hold anything."""
    page = read_inbox(
        reading(), {"messages": [{**GOOD, "labels": [{"x": [None]}], "body_html": 7}], "total": "many"}, "b"
    )
    assert len(page.messages) == 1


def test_repeated_message_is_listed_once() -> None:
    """A message that a page holds twice is one message."""
    page = read_inbox(reading(), {"messages": [GOOD, GOOD, {**GOOD, "body": "other"}]}, "b")
    assert [message.content.body for message in page.messages] == ["text"]


@pytest.mark.parametrize("document", [None, 7, "x", {}, {"messages": None}, {"messages": {}}, []])
def test_answer_that_is_no_page(document: object) -> None:
    """An answer without the list is refused as a whole."""
    with pytest.raises(HubAnswerError):
        read_inbox(reading(), document, "b")


@pytest.mark.parametrize("cursor", [7.5, [], {}, True, "a\nb", "ü", "x" * 1025])
def test_cursor_that_cannot_be_used(cursor: object) -> None:
    """A cursor that is no short text or number is refused."""
    with pytest.raises(HubAnswerError):
        read_inbox(reading(), {"messages": [], "after": cursor}, "b")


@pytest.mark.parametrize(("cursor", "after"), [(None, None), ("", None), ("abc=", "abc="), (17, "17")])
def test_cursor(cursor: object, after: str | None) -> None:
    """A cursor is handed on as it is; null and empty mean the end."""
    assert read_inbox(reading(), {"messages": [], "after": cursor}, "b").after == after


def test_bare_list_in_any_order() -> None:
    """A hub without cursors may list in any order, with numbers for ids and times without a zone."""
    elements = [
        {"id": 10, "from_agent": "a", "body": "third", "created_at": "2026-01-02T00:00:00"},
        {"id": 9, "from_agent": "a", "body": "second", "created_at": "2026-01-02T00:00:00"},
        {"id": 11, "from_agent": "a", "body": "first", "created_at": "2026-01-01T23:59:59Z"},
        {"id": 12, "from_agent": "a", "body": "no time"},
    ]
    page = read_inbox(reading(CLASSIC, vouches=False), elements, "b")
    assert [message.content.body for message in page.messages] == ["no time", "first", "second", "third"]
    assert page.after is None
    first = page.messages[1]
    assert (first.key.message_id, first.content.thread_id, first.content.kind) == ("11", "11", "request")
    assert (first.content.subject, first.content.metadata, page.messages[0].received_at) == ("", {}, "")


@pytest.mark.parametrize(
    ("given_time", "shown"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456789Z"),
        ("2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02 03:04:05", "2026-01-02T03:04:05.000000Z"),
    ],
)
def test_times_are_shown_in_utc(given_time: str, shown: str) -> None:
    """A time with an offset is shown in UTC, one without counts as UTC, and one in UTC stays as it is."""
    assert read_message(reading(), {**GOOD, "created_at": given_time}, "b").received_at == shown


@pytest.mark.parametrize(
    ("profile", "vouches", "stated", "assurance"),
    [
        (DEFAULT, True, "token", Assurance.TOKEN),
        (DEFAULT, False, "token", Assurance.TOKEN),
        (DEFAULT, True, "claimed", Assurance.CLAIMED),
        (DEFAULT, True, "signed", Assurance.CLAIMED),
        (DEFAULT, True, None, Assurance.CLAIMED),
        (DEFAULT, True, ["token"], Assurance.CLAIMED),
        (CLASSIC, False, "token", Assurance.CLAIMED),
        (replace(CLASSIC, authenticated_senders=True), True, None, Assurance.TOKEN),
        (replace(DEFAULT, authenticated_senders=False), False, "token", Assurance.CLAIMED),
    ],
)
def test_assurance(profile: Profile, vouches: bool, stated: object, assurance: Assurance) -> None:
    """A sender is believed no further than the profile lets the hub vouch, and never as signed."""
    assert read_message(reading(profile, vouches), {**GOOD, "assurance": stated}, "b").sender.assurance is assurance


def test_metadata_of_other_hubs() -> None:
    """Names are taken in small letters and numbers as text, so that a marker counts however it is written."""
    given_metadata = {"Auto-Submitted": "auto-replied", "warden-hops": 4, "odd name": "x", "list": [1], "null": None}
    message = read_message(reading(), {**GOOD, "metadata": given_metadata}, "b")
    assert message.content.metadata == {"auto-submitted": "auto-replied", "warden-hops": "4"}


def test_thread_leaves_out_what_cannot_be_read() -> None:
    """A thread holds its readable messages, the newest ones of very many."""
    elements = [{**GOOD, "id": f"m{n}"} for n in range(THREAD_MESSAGES + 5)]
    messages = read_thread(reading(), {"messages": [*elements, None]}, "b")
    assert (len(messages), messages[-1].key.message_id) == (THREAD_MESSAGES, f"m{THREAD_MESSAGES + 4}")


def test_progress_of_another_agent_is_left_out() -> None:
    """A progress listing holds the agent's readable events and no others."""
    event = {"id": 1, "agent": "b", "summary": "s", "kind": "status"}
    elements = [event, {**event, "agent": "c"}, {**event, "summary": 7}, "x", {**event, "id": 2, "detail": "a\nb"}]
    page = read_progress(reading(), {"events": elements, "after": None}, "b")
    assert [(found.id, found.detail) for found in page.events] == [("1", None), ("2", "a\nb")]


def test_answer_without_an_id() -> None:
    """A profile can say that a hub's answers to a POST carry no id."""
    assert read_posted_id(replace(CLASSIC, id_field=""), None) == ""
    assert read_posted_id(CLASSIC, {"id": 12}) == "12"
    with pytest.raises(HubAnswerError):
        read_posted_id(CLASSIC, None)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["\ud800", "m1"]),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.sampled_from([*GOOD, "x"]), children, max_size=6)
    ),
    max_leaves=20,
)


@given(st.lists(JSON | st.fixed_dictionaries({key: st.just(value) | JSON for key, value in GOOD.items()}), max_size=5))
def test_nothing_is_lost_and_nothing_breaks(elements: list[Any]) -> None:
    """Whatever a page holds, each element is a message with a digest, a repetition of one, or quarantined."""
    page = read_inbox(reading(), {"messages": elements}, "b")
    assert len(page.messages) + len(page.quarantined) <= len(elements)
    assert bool(page.messages or page.quarantined) == bool(elements)
    for message in page.messages:
        assert message.digest
    for identifier, reason in page.quarantined:
        assert digest_value([identifier, reason])
