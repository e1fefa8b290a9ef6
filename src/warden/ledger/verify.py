"""Verifying a log from its bytes alone, in one pass.

`LogVerifier` is fed entries in order and checkpoints at their places. Each entry must have its sequence number, name the
digest of the entry before it, and be in its only form; the tree over the entries must have the root that each
checkpoint says, and each checkpoint must be signed with the log's key. Of two neighbours that disagree, the one whose
own successor vouches for it is intact: so the finding names the entry that was changed, not the one after it.

What this cannot see is said in `Verdict`: without a head from elsewhere, a log that was cut at a checkpoint verifies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING

from warden.errors import LedgerError
from warden.ledger.checkpoint import Checkpoint, Note, parse_note
from warden.ledger.damage import Damage, DamagedLogError, damaged
from warden.ledger.entry import GENESIS, StoredEntry, link_of, parse_entry
from warden.ledger.grammar import is_plain, read_entry
from warden.ledger.merkle import Frontier, hash_leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from warden.ledger.signature import Verifier

Record = bytes | Note
"""What a log is fed as: the bytes of an entry, or a checkpoint over all entries before it."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where verification begins: the whole log, or what an earlier part of it ended with."""

    frontier: Frontier = field(default_factory=Frontier)
    entry_digest: str = GENESIS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a log that verifies is: `size` entries, of which `checkpointed` are under the last checkpoint, with
    `checkpoints` checkpoints of which `signed` were signed with the given key. `head_size` is the size of the newest
    head from elsewhere that was compared with, None when there was none: then a cut at a checkpoint is not excluded.
    Entries before `first` were not seen: what was said to be their end fits what is signed."""

    origin: str
    size: int
    entry_digest: str
    root: bytes
    checkpointed: int
    checkpoints: int
    signed: int
    head_size: int | None = None
    first: int = 0


class LogVerifier:
    """Verifies a log as it is fed. `key` None checks no signature (the verdict says so by `signed`).

    `strict` parses each entry wholly; without it an entry is taken at its bytes: what is signed is what was written,
    and only the writer's own mistakes would go unseen. `heads` are checkpoints that the log must contain; of those, `kept`
    were kept where whoever rolls the log back with all that lies beside it does not reach, and are named so.
    Every method raises `DamagedLogError`.
    """

    def __init__(
        self,
        origin: str,
        key: Verifier | None,
        start: Start | None = None,
        strict: bool = True,
        heads: Iterable[Checkpoint] = (),
        kept: Iterable[Checkpoint] = (),
    ) -> None:
        self._origin = origin
        self._key = key
        self._strict = strict
        start = start or Start()
        self._size = start.frontier.size
        self._first = self._size
        self._hashes = list(start.frontier.hashes)
        self._digest = start.entry_digest
        beside = set(heads)
        self._kept = frozenset(kept) - beside
        self._heads = sorted(beside | self._kept, key=lambda head: head.size)
        self._compared: int | None = None
        self._checkpointed = self._checkpoints = self._signed = 0

    @property
    def size(self) -> int:
        """How many entries were taken, those before the part that is verified among them."""
        return self._size

    def feed(self, records: Iterable[Record]) -> None:
        """Take entries and checkpoints in their order."""
        iterator = iter(records)
        for record in iterator:
            if isinstance(record, Note):
                self._take_checkpoint(record, iterator)
            else:
                self._take_entry(record, iterator)

    def _take_entry(self, raw: bytes, rest: Iterable[Record]) -> None:
        size = self._size
        if self._heads and self._heads[0].size <= size:
            self._compare_heads()
        if not raw.endswith(link_of(self._digest, size)):
            raise self._blame(raw, rest)
        if self._strict and not is_plain(raw):
            parse_at(raw, size)
        self._digest = "sha256:" + sha256(raw).hexdigest()
        node, hashes = sha256(b"\x00" + raw).digest(), self._hashes
        while size & 1:
            node = sha256(b"\x01" + hashes.pop() + node).digest()  # as `merkle.hash_node`, in the innermost loop
            size >>= 1
        hashes.append(node)
        self._size += 1

    def _blame(self, raw: bytes, rest: Iterable[Record]) -> DamagedLogError:
        """Find out which entry is the bad one, when `raw` does not follow from the entry before it."""
        size = self._size
        try:
            entry = parse_entry(raw)
        except LedgerError as error:
            return damaged(Damage.MALFORMED, size, f"entry {size} is not one: {error.message}")
        remaining = list(rest)
        following = next((record for record in remaining if isinstance(record, bytes)), None)
        if entry.seq != size and entry.prev != self._digest:
            return self._misplaced(entry, following)
        if entry.seq == size and size > self._first and self._vouched(entry, following, remaining):
            return _changed(size - 1)
        return _changed(size)

    def _misplaced(self, entry: StoredEntry, following: bytes | None) -> DamagedLogError:
        size = self._size
        if entry.seq < size:
            return damaged(Damage.ORDER, size, f"entry {entry.seq} stands at the place of entry {size}")
        if following is not None and _seq(following) == size:
            return damaged(Damage.ORDER, size, f"entries {size} and {entry.seq} stand in the wrong order")
        return damaged(Damage.MISSING, size, f"entries {size} to {entry.seq - 1} are missing")

    def _vouched(self, entry: StoredEntry, following: bytes | None, remaining: list[Record]) -> bool:
        """Whether `entry` is what was recorded: its successor names it, or, when it is the last, the next checkpoint is
        not explained by a change of its link alone."""
        if following is not None:
            return _prev(following) == entry.digest
        note = next((record for record in remaining if isinstance(record, Note)), None)
        if note is None:
            return False
        relinked = entry.raw.replace(entry.prev.encode(), self._digest.encode())
        frontier = Frontier(self._size, tuple(self._hashes)).extended([hash_leaf(relinked)])
        return frontier.root() != note.checkpoint.root

    def _take_checkpoint(self, note: Note, rest: Iterable[Record]) -> None:
        checkpoint, size = note.checkpoint, self._size
        last = max(size - 1, 0)
        if checkpoint.origin != self._origin:
            raise damaged(Damage.CHECKPOINT, last, f"the checkpoint after entry {last} is of another log")
        if checkpoint.size != size:
            raise damaged(
                Damage.CHECKPOINT, last, f"the checkpoint after entry {last} says that there are {checkpoint.size}"
            )
        if self._key is not None:
            if not note.signed_by(self._key):
                raise damaged(Damage.SIGNATURE, last, f"the checkpoint after entry {last} is not signed with the key")
            self._signed += 1
        if checkpoint.root != self._root():
            raise self._differs(rest)
        self._checkpointed = size
        self._checkpoints += 1

    def _differs(self, rest: Iterable[Record]) -> DamagedLogError:
        """Say why the tree is not the signed one: the last entry was changed, or all since a checkpoint were re-linked."""
        first, last = self._checkpointed, max(self._size - 1, 0)
        following = next((record for record in rest if isinstance(record, bytes)), None)
        if following is not None and _prev(following) == self._digest:
            detail = (
                f"entries {first} to {last} hold together, but are not what the checkpoint after entry {last} signed"
            )
            return damaged(Damage.REWRITTEN, first, detail)
        return _changed(last)

    def _root(self) -> bytes:
        return Frontier(self._size, tuple(self._hashes)).root()

    def _compare_heads(self) -> None:
        """Compare with the heads of this size, after the checkpoint of this size was looked at."""
        while self._heads and self._heads[0].size <= self._size:
            head = self._heads.pop(0)
            if head.size < self._size:
                continue  # before the part that is verified: nothing to compare with
            if head.origin != self._origin:
                raise damaged(Damage.HEAD, None, "a head that was given is of another log")
            if head.root != self._root():
                kind, name = (Damage.ROLLED_BACK, "kept") if head in self._kept else (Damage.REWRITTEN, "published")
                raise damaged(kind, None, f"the first {head.size} entries are not those that a {name} head names")
            self._compared = head.size

    def finish(self) -> Verdict:
        """Return the verdict after the last record."""
        self._compare_heads()
        if self._heads:
            head = self._heads[0]
            if head.origin != self._origin:
                raise damaged(Damage.HEAD, None, "a head that was given is of another log")
            beside = next((found for found in self._heads if found not in self._kept), None)
            kind, name = (Damage.ROLLED_BACK, "kept") if beside is None else (Damage.CUT, "published")
            says = (beside or head).size
            raise damaged(kind, self._size, f"there are {self._size} entries, and a {name} head says {says}")
        return Verdict(
            self._origin,
            self._size,
            self._digest,
            self._root(),
            self._checkpointed,
            self._checkpoints,
            self._signed,
            self._compared,
            self._first,
        )


def _changed(seq: int) -> DamagedLogError:
    return damaged(Damage.CHANGED, seq, f"entry {seq} is not the one that was recorded")


def parse_at(raw: bytes, seq: int) -> StoredEntry:
    """Return the entry; raises `DamagedLogError` that names its place."""
    try:
        return read_entry(raw)
    except LedgerError as error:
        raise damaged(Damage.MALFORMED, seq, f"entry {seq} is not one: {error.message}") from error


def parse_checkpoint_at(text: str, size: int) -> Note:
    """Return the checkpoint stored for `size` entries; raises `DamagedLogError` that names its place."""
    last = max(size - 1, 0)
    try:
        return parse_note(text)
    except LedgerError as error:
        detail = f"the checkpoint after entry {last} cannot be read: {error.message}"
        raise damaged(Damage.CHECKPOINT, last, detail) from error


def _seq(raw: Record) -> int | None:
    try:
        return parse_entry(raw).seq if isinstance(raw, bytes) else None
    except LedgerError:
        return None


def _prev(raw: Record) -> str | None:
    try:
        return parse_entry(raw).prev if isinstance(raw, bytes) else None
    except LedgerError:
        return None


def interleave(entries: Iterable[bytes], notes: Iterable[Note], first: int) -> Iterator[Record]:
    """Put each checkpoint after the entries that it covers; `first` is the sequence number of the first entry."""
    waiting = iter(notes)
    note = next(waiting, None)
    for size, raw in enumerate(entries, first):
        while note is not None and note.checkpoint.size <= size:
            yield note
            note = next(waiting, None)
        yield raw
    if note is not None:
        yield from chain((note,), waiting)
