"""Entries: one byte form, strictly parsed, within the closed schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from warden.errors import LedgerError
from warden.ledger.entry import ENTRY_LIMIT, GENESIS, format_time, parse_entry, parse_time, write_entry
from warden.ledger.schema import ITEMS_LIMIT, KINDS, WORD_LIMIT, bounded_word, is_word
from warden.model.digests import canonical_bytes, digest_text
from warden.model.disposition import Disposition

AT = "2026-01-02T03:04:05.678Z"
ALERT: dict[str, object] = {"run_id": None, "code": "inbox-blocked", "subject": "ünïcode ✓"}
ENTRY = write_entry(7, AT, GENESIS, "alert_raised", ALERT)
WORDS = st.text(max_size=WORD_LIMIT).filter(is_word)


@given(st.integers(0, 2**53 - 1), WORDS, WORDS.filter(bool), st.none() | WORDS.filter(bool))
def test_round_trip(seq: int, subject: str, code: str, run_id: str | None) -> None:
    """An entry that is written is read back the same, and its bytes are RFC 8785's."""
    fields = {"run_id": run_id, "code": code, "subject": subject}
    entry = write_entry(seq, AT, GENESIS, "alert_raised", fields)
    assert parse_entry(entry.raw) == entry
    value = {"v": 1, "seq": seq, "at": AT, "prev": GENESIS, "kind": "alert_raised", "fields": fields}
    assert entry.raw == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_enumerated_words_and_tuples_are_plain() -> None:
    """Enumerated words are written as their text and tuples as lists."""
    fields = {
        "run_id": "r",
        "ref": {"hub_id": "h", "agent": "a", "message_id": "m"},
        "thread_id": "",
        "sender": "s",
        "disposition": Disposition.NOTED,
        "reason": "",
    }
    entry = write_entry(0, AT, GENESIS, "disposed", fields)
    assert parse_entry(entry.raw).fields["disposition"] == "noted"
    assert type(entry.fields["disposition"]) is str


def test_every_flipped_bit_gives_another_entry() -> None:
    """No changed bit is read as the same entry."""
    for place in range(len(ENTRY.raw)):
        for bit in range(8):
            changed = bytearray(ENTRY.raw)
            changed[place] ^= 1 << bit
            try:
                entry = parse_entry(bytes(changed))
            except LedgerError:
                continue
            assert entry.raw == bytes(changed)
            assert entry != ENTRY


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"1" * 5000,
        b"[" * 100_000,
        ENTRY.raw + b"\n",
        b" " + ENTRY.raw,
        ENTRY.raw.replace(b'"v":1', b'"v":1.0'),
        ENTRY.raw.replace(b'"v":1', b'"v":2'),
        ENTRY.raw.replace(b'"v":1', b'"v":true'),
        ENTRY.raw.replace(b'"v":1', b'"v":1,"w":1'),
        ENTRY.raw.replace(b'"seq":7', b'"seq":-7'),
        ENTRY.raw.replace(b'"seq":7', b'"seq":7e0'),
        ENTRY.raw.replace(b'"seq":7', b'"seq":NaN'),
        ENTRY.raw.replace(b'"seq":7', b'"seq":true'),
        ENTRY.raw.replace(b'"seq":7', b'"seq":9007199254740992'),
        ENTRY.raw.replace(b'"seq":7', b'"seq":7,"seq":7'),
        ENTRY.raw.replace(b'"seq":7', b'"seq":"7"'),
        ENTRY.raw.replace(b"sha256:0", b"sha256:G"),
        ENTRY.raw.replace(b"sha256:", b"sha512:"),
        ENTRY.raw.replace(b"03:04:05.678Z", b"03:04:05.678z"),
        ENTRY.raw.replace(b"03:04:05.678Z", b"03:04:05.6Z"),
        ENTRY.raw.replace(b"03:04:05.678Z", b"25:04:05.678Z"),
        ENTRY.raw.replace(b"03:04:05.678Z", b"03:04:05.678+00:00"),
        ENTRY.raw.replace(b"alert_raised", b"alert_lifted"),
        ENTRY.raw.replace(b'"alert_raised"', b"7"),
        ENTRY.raw.replace("ü".encode(), b"\\u00fc"),
        ENTRY.raw.replace("ü".encode(), b"\xed\xa0\x80"),
        ENTRY.raw.replace("ü".encode(), b"\\ud800"),
        ENTRY.raw.replace(b'"code":', b'"CODE":'),
        json.dumps(json.loads(ENTRY.raw)).encode(),
        b"x" * (ENTRY_LIMIT + 1),
    ],
)
def test_other_forms_are_refused(raw: bytes) -> None:
    """What is not an entry in its only form is refused with an error of ours."""
    assert raw != ENTRY.raw
    with pytest.raises(LedgerError):
        parse_entry(raw)


@given(st.binary(max_size=200))
def test_garbage_is_refused(raw: bytes) -> None:
    """Any bytes end in an error of ours."""
    with pytest.raises(LedgerError):
        parse_entry(raw)


def test_times() -> None:
    """Times are UTC with milliseconds, cut, and come back as they were written."""
    moment = datetime(2026, 1, 2, 5, 4, 5, 678_999, timezone(timedelta(hours=2)))
    assert format_time(moment) == AT
    assert parse_time(AT) == datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    with pytest.raises(ValueError):
        format_time(datetime(2026, 1, 2))


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_time_round_trips(moment: datetime) -> None:
    """Every moment's text is read back and written the same."""
    text = format_time(moment)
    assert format_time(parse_time(text)) == text


@pytest.mark.parametrize("text", ["a\nb", "\x00", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "x" * 257, "\x1b[31m"])
def test_words_hold_no_control_characters(text: str) -> None:
    """What is not a word stands in an entry as its digest."""
    assert not is_word(text)
    assert bounded_word(text) == digest_text(text)


@pytest.mark.parametrize("text", ["", "a", "x" * 256, "ünïcode ✓ 𝔘", "spaces are fine"])
def test_words_stay_as_they_are(text: str) -> None:
    """A word stands as it is."""
    assert bounded_word(text) == text


@pytest.mark.parametrize("value", [None, 1, b"x", ["x"], True])
def test_only_text_is_a_word(value: object) -> None:
    """Other types are no words."""
    assert not is_word(value)


def test_lists_and_maps_are_bounded() -> None:
    """A list or map with too many items, or with items of another type, is refused."""
    fields: dict[str, object] = {"run_id": "r", "exit_status": 0, "stopped": "", "plan_digest": None}
    write_entry(0, AT, GENESIS, "run_finished", {**fields, "counts": {str(n): n for n in range(ITEMS_LIMIT)}})
    wrong: list[object] = [
        {str(n): n for n in range(ITEMS_LIMIT + 1)},
        {"a": "1"},
        {"a": -1},
        {"a": True},
        {"ü": 1},
        {"a\n": 1},
        [],
        None,
    ]
    for counts in wrong:
        with pytest.raises(LedgerError):
            write_entry(0, AT, GENESIS, "run_finished", {**fields, "counts": counts})


def test_every_field_is_checked() -> None:
    """No field of any kind takes a value of a foreign type."""
    for kind, checks in KINDS.items():
        for name, check in checks.items():
            for value in (1.5, object(), {"x": []}, [[]], b"bytes", "two\nlines", {1: 2}):
                assert not check(value), (kind, name, value)


def test_fields_must_be_an_object() -> None:
    """Fields that are no object are refused."""
    value = {"v": 1, "seq": 0, "at": AT, "prev": GENESIS, "kind": "alert_raised", "fields": []}
    with pytest.raises(LedgerError):
        parse_entry(canonical_bytes(value))


def test_an_entry_is_bounded() -> None:
    """Entries stay under their limit whatever the schema allows: the widest lists of the longest words fit."""
    wide = ["\U0001f600" * WORD_LIMIT] * ITEMS_LIMIT
    fields: dict[str, object] = {"run_id": "r", "ref": {"hub_id": "h", "agent": "a", "message_id": "m"}, "kind": "k"}
    fields |= {"ordinal": 0, "effect": "deny", "rule_ids": wide, "snapshot": "", "action_digest": None}
    fields |= {"request_digest": None, "body_bytes": 0, "secret_kinds": wide, "errors": wide}
    assert len(write_entry(0, AT, GENESIS, "decided", fields).raw) < ENTRY_LIMIT
