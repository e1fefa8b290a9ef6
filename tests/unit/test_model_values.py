"""Canonical bytes, digests, keys and payloads: one value, one byte string."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from warden.model.delivery import (
    Action,
    OutgoingMessage,
    Payload,
    ProgressEvent,
    ReadMark,
    payload_fields,
    payload_from_fields,
)
from warden.model.digests import MAX_DEPTH, MAX_INTEGER, canonical_bytes, digest_text, digest_value
from warden.model.disposition import Disposition, worst
from warden.model.ids import MessageKey, idempotency_key
from warden.model.saved_plan import PlanHeader, PlanItem, SavedPlan, plan_digest

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(max_codepoint=127))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
METADATA = st.dictionaries(KEYS, TEXT, max_size=3)
PAYLOADS: st.SearchStrategy[Payload] = st.one_of(
    st.builds(OutgoingMessage, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, METADATA),
    st.builds(ProgressEvent, TEXT, TEXT, TEXT, st.none() | TEXT, st.none() | TEXT, st.none() | TEXT, METADATA),
    st.builds(ReadMark, TEXT),
)
KEY = MessageKey("hub", "agent", "m1")


@given(JSON)
def test_canonical_bytes_are_those_of_the_rfc(value: Any) -> None:
    """An independent implementation of RFC 8785 writes the same bytes, and they read back as the value."""
    written = canonical_bytes(value)
    assert written == rfc8785.dumps(value)
    assert json.loads(written) == value


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (1.5, TypeError),
        (object(), TypeError),
        ({1, 2}, TypeError),
        (MAX_INTEGER + 1, ValueError),
        (-MAX_INTEGER - 1, ValueError),
        ({"ключ": 1}, ValueError),
        ({1: 1}, ValueError),
        ("\ud800", ValueError),
        ({"a": ["\udfff"]}, ValueError),
    ],
)
def test_what_has_no_canonical_form_is_refused(value: Any, error: type[Exception]) -> None:
    """Floats, integers that JSON does not keep, keys that are not ASCII and lone surrogates are refused, not rewritten."""
    with pytest.raises(error):
        canonical_bytes(value)


def test_nesting_is_bounded() -> None:
    """As deep as the bound is fine, one deeper is refused."""
    value: Any = None
    for _ in range(MAX_DEPTH):
        value = [value]
    assert canonical_bytes(value).startswith(b"[[")
    with pytest.raises(ValueError, match="deeply"):
        canonical_bytes([value])


def test_every_text_has_a_digest() -> None:
    """A text that has no UTF-8 form is hashed too, and differs from its look-alikes."""
    assert len({digest_text(text) for text in ("\ud800", "\udfff", "?", "")}) == 4
    assert digest_value(["a"]) == digest_value(["a"]) != digest_value([["a"]])


@given(PAYLOADS)
def test_a_payload_reads_back_as_it_was_written(payload: Payload) -> None:
    """What is kept of an action is exactly what is delivered later."""
    action = Action(KEY, "reply", 0, payload)
    assert payload_from_fields(action.channel, json.loads(action.payload_bytes)) == payload


@pytest.mark.parametrize(
    ("channel", "fields"),
    [
        ("telegraph", {"message_id": "m1"}),
        ("read", ["m1"]),
        ("read", None),
        ("read", {}),
        ("read", {"message_id": 1}),
        ("read", {"message_id": "m1", "more": "x"}),
        ("progress", {"agent": "a", "summary": "s", "kind": "k", "metadata": {}, "detail": None}),
        ("progress", {"agent": "a", "summary": "s", "kind": "k"}),
        ("progress", {"agent": "a", "summary": "s", "kind": "k", "metadata": {"a": 1}}),
        ("progress", {"agent": "a", "summary": "s", "kind": "k", "metadata": []}),
    ],
)
def test_a_payload_of_another_shape_is_refused(channel: str, fields: object) -> None:
    """A stored payload is read in its one form only."""
    with pytest.raises(ValueError, match="payload"):
        payload_from_fields(channel, fields)


def test_a_payloads_fields_leave_out_what_is_absent() -> None:
    """An absent part is not written; an empty one is."""
    assert payload_fields(ProgressEvent("a", "s", "k", message_id="")) == {
        "agent": "a", "summary": "s", "kind": "k", "message_id": "", "metadata": {}
    }  # fmt: skip


def test_a_key_names_message_kind_and_ordinal_and_no_text() -> None:
    """Another text gives the same key, so that it collides at the hub; anything else gives another one."""
    reply = OutgoingMessage("a", "b", "s", "one", "reply", "t", "m1")
    other = OutgoingMessage("a", "b", "s", "two", "reply", "t", "m1")
    assert Action(KEY, "reply", 0, reply).key == Action(KEY, "reply", 0, other).key
    assert Action(KEY, "reply", 0, reply).digest != Action(KEY, "reply", 0, other).digest
    keys = {
        idempotency_key(message, kind, ordinal)
        for message in (KEY, MessageKey("hub2", "agent", "m1"), MessageKey("hub", "agent2", "m1"),
                        MessageKey("hub", "agent", "m2"), MessageKey("hu", "bagent", "m1"))
        for kind in ("reply", "mark_read")
        for ordinal in (0, 1)
    }  # fmt: skip
    assert len(keys) == 20
    assert all(key.startswith("wk1-") and len(key) == 68 for key in keys)


def test_the_worst_disposition_wins() -> None:
    """Dispositions are ordered from dead to skipped; the terminal ones are the last four."""
    order = list(Disposition)
    for index, one in enumerate(order):
        for other in order[index:]:
            assert worst([other, one]) is one
    assert [disposition for disposition in order if disposition.terminal] == ["answered", "noted", "read", "skipped"]
    with pytest.raises(ValueError):
        worst([])


def test_every_field_of_a_plan_is_under_its_digest() -> None:
    """Changing any part of header or item, or the order of items, changes the digest."""
    header = PlanHeader(*(f"h{number}" for number in range(10)))
    item = PlanItem("m1", "d", "r", "why", "e", "answered", (("reply", (("body", "x"),)),), ("a1",))
    other = PlanItem("m2", "d", "r", "why", None, "answered", (), ())
    digests = {plan_digest(header, (item, other)), plan_digest(header, (other, item)), plan_digest(header, (item,))}
    for position in range(10):
        parts = [f"h{number}" if number != position else "changed" for number in range(10)]
        digests.add(plan_digest(PlanHeader(*parts), (item, other)))
    for name, value in {
        "message_id": "m9", "message_digest": "d9", "reason": "r9", "detail": "no", "catalog_entry": None,
        "disposition": "read", "proposals": (("reply", (("body", "y"),)),), "action_digests": ("a1", "a2"),
    }.items():  # fmt: skip
        changed = PlanItem(**{**{field: getattr(item, field) for field in PlanItem.__slots__}, name: value})
        digests.add(plan_digest(header, (changed, other)))
    assert len(digests) == 3 + 10 + 8
    assert SavedPlan(header, (item, other)).digest in digests
