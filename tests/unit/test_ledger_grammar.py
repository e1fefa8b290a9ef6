"""The quick look at an entry never accepts what strict parsing refuses, and accepts what runs write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warden.errors import LedgerError
from warden.ledger.entry import GENESIS, StoredEntry, parse_entry, write_entry
from warden.ledger.grammar import is_plain, kind_of, read_entry
from warden.ledger.schema import (
    KINDS,
    WORD_LIMIT,
    Check,
    OneOf,
    Optional,
    is_count,
    is_counts,
    is_digest,
    is_flag,
    is_id,
    is_integer,
    is_layers,
    is_reference,
    is_word,
    is_words,
)

AT = "2026-01-31T23:59:59.999Z"
TEXT = st.text(st.sampled_from('aZ09 "\\/ü✓\U0001f600.:-'), max_size=12)
STRANGE = st.text(max_size=WORD_LIMIT).filter(is_word)
WORD = TEXT | STRANGE
NUMBER = st.integers(0, 2**53 - 1) | st.integers(0, 9)
DIGEST = st.binary(min_size=32, max_size=32).map(lambda data: "sha256:" + data.hex())
COUNTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), NUMBER, max_size=2)
LAYER = st.fixed_dictionaries(
    {"name": WORD.filter(bool), "digest": DIGEST, "size_bytes": NUMBER, "cut": st.booleans(), "redactions": COUNTS}
)


def values(check: Check) -> st.SearchStrategy[object]:
    """Return values that a field's check accepts."""
    if isinstance(check, Optional):
        return st.none() | values(check.check)
    if isinstance(check, OneOf):
        return st.sampled_from(check.words)
    found: dict[Check, st.SearchStrategy[object]] = {
        is_word: WORD,
        is_id: WORD.filter(bool),
        is_digest: DIGEST,
        is_count: NUMBER,
        is_integer: NUMBER | NUMBER.map(lambda number: -number),
        is_flag: st.booleans(),
        is_words: st.lists(WORD, max_size=4),
        is_layers: st.lists(LAYER, max_size=3),
        is_counts: COUNTS,
        is_reference: st.fixed_dictionaries(dict.fromkeys(("hub_id", "agent", "message_id"), WORD.filter(bool))),
    }
    return found[check]


@st.composite
def entries(draw: st.DrawFn) -> StoredEntry:
    """Any entry of any kind."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    fields = {name: draw(values(check)) for name, check in KINDS[kind].items()}
    return write_entry(draw(NUMBER), AT, GENESIS, kind, fields)


def is_accepted(raw: bytes) -> bool:
    """Whether strict parsing accepts these bytes."""
    try:
        parse_entry(raw)
    except LedgerError:
        return False
    return True


@given(entries())
def test_what_is_written_is_parsed(entry: StoredEntry) -> None:
    """Every entry of every kind is read back the same; the quick look knows its kind, and knows it as plain unless a map
    holds something or a number is very large."""
    assert parse_entry(entry.raw) == read_entry(entry.raw) == entry
    assert kind_of(entry.raw) == entry.kind
    numbers = [entry.seq, *(value for value in entry.fields.values() if type(value) is int)]
    maps = [value for name, value in entry.fields.items() if KINDS[entry.kind][name] is is_counts]
    layers: Any = entry.fields.get("layers", [])
    maps += [layer["redactions"] for layer in layers]
    numbers += [layer["size_bytes"] for layer in layers]
    assert is_plain(entry.raw) == (not any(maps) and all(abs(number) < 10**15 for number in numbers))


@given(entries(), st.data())
def test_the_quick_look_is_never_laxer(entry: StoredEntry, data: st.DataObject) -> None:
    """Bytes that the quick look accepts after any change are accepted by strict parsing."""
    place = data.draw(st.integers(0, len(entry.raw) - 1))
    insert = data.draw(
        st.sampled_from([b"", b" ", b"\n", b"\x00", b'"', b"\\", b"\\u0041", b",", b"0", b"1", b"-", b"\xc2\x85"])
    )
    cut = data.draw(st.integers(0, 3))
    changed = entry.raw[:place] + insert + entry.raw[place + cut :]
    assert not is_plain(changed) or is_accepted(changed)


def test_garbage_is_not_plain() -> None:
    """Bytes that are no entry are not plain, whatever they look like."""
    entry = write_entry(0, AT, GENESIS, "alert_raised", {"run_id": None, "code": "x", "subject": ""})
    for raw in (b"", b"\xff", b"{}", entry.raw + b"\n", entry.raw.replace(b"2026-01-31", b"2026-02-31")):
        assert not is_plain(raw)
        assert not is_accepted(raw)
        with pytest.raises(LedgerError):
            read_entry(raw)
    assert is_plain(entry.raw)


@pytest.mark.slow
def test_every_changed_byte_agrees() -> None:
    """For every bit of an entry of each kind of field, the quick look accepts nothing that parsing refuses."""
    fields: dict[str, object] = {"run_id": "r", "ref": {"hub_id": "h", "agent": "a", "message_id": "m"}, "kind": "k"}
    fields |= {"ordinal": 10, "effect": "allow", "rule_ids": ['a"b', "c\\d"], "snapshot": "ü", "action_digest": GENESIS}
    fields |= {"request_digest": None, "body_bytes": 0, "secret_kinds": [], "errors": []}
    raw = write_entry(7, AT, GENESIS, "decided", fields).raw
    assert is_plain(raw)
    for place in range(len(raw)):
        for value in range(256):
            changed = raw[:place] + bytes([value]) + raw[place + 1 :]
            assert not is_plain(changed) or is_accepted(changed), changed
