"""Exports: a log, or its later part, as a file that is verified with nothing but the public key.

JSON lines. The first says what follows: `{"export":1,"first":<seq>,"frontier":[<hex>...],"key":<vkey or "">,
"origin":<origin>,"prev":<digest>}`, where `first`, `frontier` and `prev` are what the part before ended with. Then come
the entries, byte for byte as they are stored, and `{"checkpoint":<note>}` lines at their places. Every line is in its
only form and ends with a newline; a file that stops within a line is torn.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.errors import LedgerError
from warden.ledger.checkpoint import Checkpoint, Note, parse_note
from warden.ledger.damage import Damage, damaged
from warden.ledger.entry import ENTRY_LIMIT
from warden.ledger.merkle import Frontier
from warden.ledger.schema import is_word
from warden.ledger.signature import Verifier
from warden.ledger.verify import LogVerifier, Record, Start, Verdict
from warden.model.digests import canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EXPORT_VERSION = 1
_CHECKPOINT_LINE = b'{"checkpoint":'


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of an export. `key` is what the file itself says: only a key from elsewhere proves its origin."""

    origin: str
    key: str
    start: Start

    def to_line(self) -> bytes:
        """Return the line with its newline."""
        frontier = self.start.frontier
        value = {
            "export": EXPORT_VERSION,
            "first": frontier.size,
            "frontier": [node.hex() for node in frontier.hashes],
            "key": self.key,
            "origin": self.origin,
            "prev": self.start.entry_digest,
        }
        return canonical_bytes(value) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Header:
        """Return what `to_line` wrote; raises `LedgerError` for everything else."""
        try:
            value = json.loads(line)
            nodes = b"".join(bytes.fromhex(node) for node in value["frontier"])
            if not (type(value["first"]) is int and all(is_word(value[name]) for name in ("origin", "key", "prev"))):
                raise ValueError("a part of another type")
            start = Start(Frontier.from_bytes(value["first"], nodes), value["prev"])
            header = cls(value["origin"], value["key"], start)
            same = header.to_line() == line
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise LedgerError(
                "the file is not an export of a ledger", "make one with `warden ledger export`"
            ) from error
        if not same:
            raise LedgerError("the first line of the export is not in its only form")
        return header


def write_export(header: Header, records: Iterable[Record]) -> Iterator[bytes]:
    """Return the lines of an export."""
    yield header.to_line()
    for record in records:
        if isinstance(record, Note):
            yield canonical_bytes({"checkpoint": record.text}) + b"\n"
        else:
            yield record + b"\n"


def read_records(lines: Iterable[bytes], first: int) -> Iterator[Record]:
    """Return the records of the lines after the first; raises `DamagedLogError` for a torn or malformed line."""
    size = first
    for line in lines:
        if not line.endswith(b"\n"):
            raise damaged(Damage.TORN, size, f"the file ends within the line of entry {size}")
        if len(line) > ENTRY_LIMIT + 1:
            raise damaged(Damage.MALFORMED, size, f"the line of entry {size} is longer than {ENTRY_LIMIT} bytes")
        if line.startswith(_CHECKPOINT_LINE):
            yield _read_note(line, size)
        else:
            yield line[:-1]
            size += 1


def _read_note(line: bytes, size: int) -> Note:
    last = max(size - 1, 0)
    try:
        note = parse_note(json.loads(line)["checkpoint"])
        same = canonical_bytes({"checkpoint": note.text}) + b"\n" == line
    except (LedgerError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise damaged(Damage.CHECKPOINT, last, f"the checkpoint after entry {last} cannot be read") from error
    if not same:
        raise damaged(Damage.CHECKPOINT, last, f"the checkpoint after entry {last} is not in its only form")
    return note


def verify_export(
    lines: Iterable[bytes], key: Verifier | None = None, heads: Iterable[Checkpoint] = (), strict: bool = True
) -> Verdict:
    """Return the verdict on an export.

    With `key` None the key that the file names is used: then a file that was made anew under another key verifies too.
    Raises `DamagedLogError`, or `LedgerError` when it is no export at all.
    """
    iterator = iter(lines)
    header = Header.from_line(next(iterator, b""))
    used = key if key is not None else (Verifier.from_text(header.key) if header.key else None)
    if used is not None and header.key != used.to_text():
        raise damaged(Damage.KEY, None, "the export names another key than the one to verify with")
    verifier = LogVerifier(header.origin, used, header.start, strict, heads)
    verifier.feed(read_records(iterator, header.start.frontier.size))
    verdict = verifier.finish()
    if verdict.checkpointed != verdict.size or verdict.checkpoints == 0:
        detail = f"the entries after entry {max(verdict.checkpointed - 1, 0)} are under no checkpoint: the file was cut"
        raise damaged(Damage.CUT, verdict.checkpointed, detail)
    return verdict
