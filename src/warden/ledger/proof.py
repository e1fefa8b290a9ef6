"""Proofs as files: that an entry is in a log, and that an old head is a prefix of a new one.

A proof is canonical JSON and stands alone: with the log's public key, `check_proof` needs nothing else. Inclusion
(RFC 6962, section 2.1.1) holds the entry's bytes, its path and the signed checkpoint; consistency (section 2.1.2) both
checkpoints and the path between them.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.errors import LedgerError
from warden.ledger.checkpoint import Note, parse_note
from warden.ledger.entry import StoredEntry, parse_entry
from warden.ledger.merkle import (
    HASH_BYTES,
    check_consistency,
    check_inclusion,
    hash_leaf,
    prove_consistency,
    prove_inclusion,
)
from warden.model.digests import canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warden.ledger.signature import Verifier

PROOF_LIMIT = 1024 * 1024
PATH_LIMIT = 128
INCLUSION = "warden.inclusion-proof/1"
CONSISTENCY = "warden.consistency-proof/1"


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That `entry` is in the log whose checkpoint `note` is."""

    entry: StoredEntry
    path: tuple[bytes, ...]
    note: Note

    def to_json(self) -> bytes:
        """Return the file's bytes."""
        value = {
            "schema": INCLUSION,
            "entry": base64.b64encode(self.entry.raw).decode(),
            "path": [node.hex() for node in self.path],
            "checkpoint": self.note.text,
        }
        return canonical_bytes(value) + b"\n"

    def check(self, key: Verifier) -> None:
        """Raise `LedgerError` unless the proof holds under `key`."""
        checkpoint = self.note.checkpoint
        _check_signed(self.note, key)
        leaf = hash_leaf(self.entry.raw)
        if not check_inclusion(leaf, self.entry.seq, checkpoint.size, self.path, checkpoint.root):
            raise LedgerError(f"the proof does not lead from entry {self.entry.seq} to the checkpoint's root")


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log of `old` is a prefix of the log of `new`."""

    old: Note
    new: Note
    path: tuple[bytes, ...]

    def to_json(self) -> bytes:
        """Return the file's bytes."""
        value = {
            "schema": CONSISTENCY,
            "old": self.old.text,
            "new": self.new.text,
            "path": [node.hex() for node in self.path],
        }
        return canonical_bytes(value) + b"\n"

    def check(self, key: Verifier) -> None:
        """Raise `LedgerError` unless the proof holds under `key`."""
        _check_signed(self.old, key)
        _check_signed(self.new, key)
        old, new = self.old.checkpoint, self.new.checkpoint
        if not check_consistency(old.size, new.size, self.path, old.root, new.root):
            raise LedgerError(f"the proof does not lead from size {old.size} to size {new.size}")


Proof = InclusionProof | ConsistencyProof


def _check_signed(note: Note, key: Verifier) -> None:
    if note.checkpoint.origin != key.name or not note.signed_by(key):
        raise LedgerError("the proof's checkpoint is not signed with the key", "name the log's own public key")


def make_inclusion(leaves: Sequence[bytes], raw: bytes, note: Note) -> InclusionProof:
    """Return the proof for the entry `raw` of the log with these leaf hashes; raises `LedgerError` when it is not one."""
    entry = parse_entry(raw)
    if note.checkpoint.size != len(leaves) or entry.seq >= len(leaves) or leaves[entry.seq] != hash_leaf(raw):
        raise LedgerError(f"entry {entry.seq} is not under a checkpoint of {note.checkpoint.size} entries")
    return InclusionProof(entry, prove_inclusion(leaves, entry.seq), note)


def make_consistency(leaves: Sequence[bytes], old: Note, new: Note) -> ConsistencyProof:
    """Return the proof between two checkpoints of the log whose first leaf hashes these are; raises `LedgerError`."""
    if not 0 < old.checkpoint.size <= new.checkpoint.size == len(leaves):
        raise LedgerError("the sizes of the two checkpoints do not follow each other")
    return ConsistencyProof(old, new, prove_consistency(leaves, old.checkpoint.size))


def parse_proof(data: bytes) -> Proof:
    """Return the proof that these bytes are; raises `LedgerError` for everything else, and for another form of it."""
    if len(data) > PROOF_LIMIT:
        raise LedgerError(f"a proof is larger than {PROOF_LIMIT} bytes")
    try:
        value = json.loads(data)
        path = tuple(bytes.fromhex(node) for node in value["path"])
        proof = _read(value, path)
        same = proof.to_json() == data
    except (ValueError, TypeError, KeyError, binascii.Error, RecursionError, AttributeError) as error:
        raise LedgerError("the file is not a proof", "make one with `warden ledger prove`") from error
    if not same or len(path) > PATH_LIMIT or any(len(node) != HASH_BYTES for node in path):
        raise LedgerError("the proof is not in its only form")
    return proof


def _read(value: dict[str, str], path: tuple[bytes, ...]) -> Proof:
    if value["schema"] == INCLUSION:
        return InclusionProof(
            parse_entry(base64.b64decode(value["entry"], validate=True)), path, parse_note(value["checkpoint"])
        )
    if value["schema"] == CONSISTENCY:
        return ConsistencyProof(parse_note(value["old"]), parse_note(value["new"]), path)
    raise ValueError("unknown schema")
