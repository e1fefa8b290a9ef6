"""The one byte form of an entry.

An entry is the canonical JSON (RFC 8785) of `{v, seq, at, prev, kind, fields}`: `seq` counts from 0 and is the index of
the leaf in the Merkle tree; `at` is RFC 3339 in UTC with milliseconds; `prev` is the digest of the bytes of the entry
before, `GENESIS` for the first. Parsing is strict: bytes that do not come out again when the parsed entry is written
are refused, so that one byte string has one meaning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from warden.errors import LedgerError
from warden.ledger.schema import check_fields
from warden.model.digests import MAX_INTEGER, digest_bytes

ENTRY_VERSION = 1
ENTRY_LIMIT = 256 * 1024
"""Bytes of one entry."""
GENESIS = "sha256:" + "0" * 64
"""`prev` of the first entry."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NAMES = {"v", "seq", "at", "prev", "kind", "fields"}
_PLAIN_TYPES = frozenset({str, int, bool, type(None), list, dict})
_encode = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry with its place in the log and its bytes."""

    seq: int
    at: str
    prev: str
    kind: str
    fields: Mapping[str, object]
    raw: bytes

    @property
    def digest(self) -> str:
        """What the next entry's `prev` says."""
        return digest_bytes(self.raw)


def format_time(moment: datetime) -> str:
    """Return `moment` as RFC 3339 in UTC, cut to milliseconds; raises `ValueError` for a moment without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_time(text: str) -> datetime:
    """Return the moment that `format_time` wrote; raises `ValueError` for every other form."""
    if _TIME.fullmatch(text) is None or not text.isascii():
        raise ValueError("not a time of the form 2026-01-31T23:59:59.999Z")
    return datetime.fromisoformat(text)


def write_entry(seq: int, at: str, prev: str, kind: str, fields: Mapping[str, object]) -> StoredEntry:
    """Return the entry with its canonical bytes; raises `LedgerError` when it does not fit the schema."""
    plain = {name: item if type(item) in _PLAIN_TYPES else _plain(item) for name, item in fields.items()}
    check_fields(kind, plain)
    raw = _render(seq, at, prev, kind, plain)
    return StoredEntry(seq, at, prev, kind, plain, raw)  # the schema's bounds keep it under ENTRY_LIMIT


def _plain(value: object) -> object:
    """Mappings become dicts, tuples lists and enumerated words their text."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [str(item) if isinstance(item, str) else item for item in value]
    return value


def _render(seq: int, at: str, prev: str, kind: str, fields: object) -> bytes:
    """Return the canonical JSON of an entry whose fields fit the schema: its names are in the RFC's order here, and the
    schema allows only values that the encoder writes as the RFC does (`model.digests`)."""
    text = f'{{"at":"{at}","fields":{_encode(fields)},"kind":"{kind}","prev":"{prev}","seq":{seq},"v":{ENTRY_VERSION}}}'
    return text.encode()


def link_of(prev: str, seq: int) -> bytes:
    """Return the bytes with which the entry at this place, after the one with this digest, ends."""
    return f',"prev":"{prev}","seq":{seq},"v":{ENTRY_VERSION}}}'.encode()


def parse_entry(raw: bytes) -> StoredEntry:
    """Return the entry that these bytes are; raises `LedgerError` when they are not one, or not in canonical form."""
    if type(raw) is not bytes:
        raise LedgerError("an entry is not bytes")
    if len(raw) > ENTRY_LIMIT:
        raise LedgerError(f"an entry is larger than {ENTRY_LIMIT} bytes")
    try:
        value = json.loads(raw)
        entry = _checked(value, raw)
        same = _render(entry.seq, entry.at, entry.prev, entry.kind, entry.fields) == raw
    except (ValueError, TypeError, RecursionError) as error:
        raise LedgerError("an entry is not JSON of the allowed form") from error
    if not same:  # a name that stands twice, an escape, a space, another order
        raise LedgerError("an entry is not in canonical form")
    return entry


def _checked(value: object, raw: bytes) -> StoredEntry:
    if not isinstance(value, dict) or value.keys() != _NAMES:
        raise LedgerError("an entry has missing or unknown parts")
    seq, at, prev, kind = value["seq"], value["at"], value["prev"], value["kind"]
    if type(value["v"]) is not int or value["v"] != ENTRY_VERSION:
        raise LedgerError("an entry is of another version", "a newer warden may have written it: update")
    if type(seq) is not int or not 0 <= seq <= MAX_INTEGER:
        raise LedgerError("an entry has no sequence number")
    if type(prev) is not str or _DIGEST.fullmatch(prev) is None:
        raise LedgerError("an entry does not name the entry before it")
    if type(at) is not str or type(kind) is not str:
        raise LedgerError("an entry has no time or no kind")
    try:
        parse_time(at)
    except ValueError as error:
        raise LedgerError("an entry has no valid time") from error
    check_fields(kind, value["fields"])
    return StoredEntry(seq, at, prev, kind, value["fields"], raw)
