"""A quick way to see that an entry is in its only form, for verifying long logs.

The canonical bytes of most entries are a regular language: `is_plain` matches them with one expression for their kind,
several times quicker than parsing, checking and writing again. It says yes only to what `entry.parse_entry` accepts, and
no to some of that too (a map with something in it, a very large number): whoever asks then parses. A test holds the two to
each other. Expressions are made when a kind is first met: a run that verifies nothing pays nothing.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache

from warden.ledger import schema
from warden.ledger.entry import ENTRY_VERSION, StoredEntry, parse_entry, parse_time

FIELDS_AT = len('{"at":"2026-01-31T23:59:59.999Z","fields":')
"""Where the fields of an entry in its only form begin."""
_decode = json.JSONDecoder().raw_decode
_BARE = r'[^"\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]'
_CHARACTER = rf'(?:{_BARE}|\\["\\])'


def _text(least: int) -> str:
    """The form of a word: nearly all have nothing that is escaped, and are matched in one step.

    INVARIANT (bounded): the group is atomic. A word has one end; without it, a list that does not match would be tried in
    every combination of the two forms.
    """
    most = schema.WORD_LIMIT
    return rf'(?>"(?:{_BARE}{{{least},{most}}}+"|{_CHARACTER}{{{least},{most}}}+"))'


_WORD, _ID = _text(0), _text(1)
_COUNT = r"(?:0|[1-9][0-9]{0,14})"
_DIGEST = '"sha256:[0-9a-f]{64}"'
_FLAG = "(?:true|false)"
_LAYER = rf'\{{"cut":{_FLAG},"digest":{_DIGEST},"name":{_ID},"redactions":\{{\}},"size_bytes":{_COUNT}\}}'
_FORMS: dict[schema.Check, str] = {
    schema.is_word: _WORD,
    schema.is_id: _ID,
    schema.is_digest: _DIGEST,
    schema.is_count: _COUNT,
    schema.is_integer: r"(?:-?[1-9][0-9]{0,14}|0)",
    schema.is_flag: _FLAG,
    schema.is_words: rf"\[(?:{_WORD}(?:,{_WORD}){{0,{schema.ITEMS_LIMIT - 1}}})?\]",
    schema.is_counts: r"\{\}",
    schema.is_layers: rf"\[(?:{_LAYER}(?:,{_LAYER}){{0,{schema.ITEMS_LIMIT - 1}}})?\]",
    schema.is_reference: rf'\{{"agent":{_ID},"hub_id":{_ID},"message_id":{_ID}\}}',
}


def is_plain(raw: bytes) -> bool:
    """Return True only for bytes that `parse_entry` accepts; False may mean that one has to look more closely."""
    return _match(raw) is not None


def read_entry(raw: bytes) -> StoredEntry:
    """Return what `entry.parse_entry` does, and raise what it does; a plain entry needs no second look at its parts."""
    found = _match(raw)
    if found is None:
        return parse_entry(raw)
    at, kind, prev, seq = found.groups()
    return StoredEntry(int(seq), at, prev, kind, _decode(found.string, FIELDS_AT)[0], raw)


def kind_of(raw: bytes) -> str:
    """Return the kind of an entry in its only form, without looking at the rest; anything for other bytes."""
    return _kind(raw).decode("utf-8", "replace")


def _kind(raw: bytes) -> bytes:
    end = raw.rfind(b'","prev":"')
    return raw[raw.rfind(b'"', 0, end) + 1 : end]


def _match(raw: bytes) -> re.Match[str] | None:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    expression = _expression(_kind(raw))
    found = None if expression is None else expression.fullmatch(text)
    return found if found is not None and _is_time(found[1]) else None


@lru_cache(maxsize=256)
def _expression(kind: bytes) -> re.Pattern[str] | None:
    name = kind.decode("utf-8", "replace")
    if name not in schema.KINDS:
        return None
    fields = ",".join(f'"{name}":{_form(check)}' for name, check in sorted(schema.KINDS[name].items()))
    return re.compile(
        rf'\{{"at":"([^"]{{24}})","fields":\{{{fields}\}},"kind":"({name})","prev":"(sha256:[0-9a-f]{{64}})",'
        rf'"seq":({_COUNT}),"v":{ENTRY_VERSION}\}}'
    )


def _form(check: schema.Check) -> str:
    if isinstance(check, schema.Optional):
        return f"(?:null|{_form(check.check)})"
    if isinstance(check, schema.OneOf):
        return '"(?:' + "|".join(re.escape(word) for word in check.words) + ')"'
    return _FORMS[check]


@lru_cache(maxsize=256)
def _is_time(text: str) -> bool:
    """The entries of one commit share their time."""
    try:
        parse_time(text)
    except ValueError:
        return False
    return True
