"""Comparing the log with heads of it that were kept elsewhere: on a hub, by a witness, in a person's file.

A head that is in the log proves nothing and costs one look. One that is not, and that the log's own key signed, proves that
the log had entries which it does not have any more: an older copy was put back, or another history was written. Any other
is somebody else's, or forged, and is counted. After a recorded restore the sizes that it gave up are excused.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.errors import LedgerError
from warden.ledger.checkpoint import Checkpoint, Note, parse_note
from warden.ledger.signature import Verifier, is_key_name, verifier_of
from warden.store.logstate import read_state

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from warden.ledger.damage import DamagedLogError


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which log this is: its origin, its key (None for one that is not signed), and the head that it continues, as its first
    entry names it (empty for a first log)."""

    origin: str
    key: Verifier | None
    previous_head: str = ""

    def signed(self, note: Note) -> bool:
        """Return whether the log's key signed this checkpoint, for this log or for another one."""
        origin = note.checkpoint.origin
        return self.key is not None and is_key_name(origin) and note.signed_by(verifier_of(origin, self.key.public_key))

    def continues(self, note: Note) -> bool:
        """Return whether this log says that it replaced the one whose checkpoint this is."""
        return self.previous_head.partition(" ")[0] == note.checkpoint.origin


def read_kept(texts: Iterable[str]) -> tuple[list[Note], int]:
    """Return the checkpoints among these texts, each once, and how many texts are none."""
    notes: list[Note] = []
    others = 0
    for text, times in Counter(texts).items():  # the events of one batch carry the same head
        try:
            notes.append(parse_note(text))
        except LedgerError:
            others += times
    return notes, others


@dataclass(frozen=True, slots=True)
class Sorted:
    """What was kept elsewhere, looked at: heads that this log's key signed and that the log must contain, how many were
    excused by a recorded restore, and how many texts are no heads of it."""

    heads: tuple[Checkpoint, ...] = ()
    excused: int = 0
    others: int = 0


def sort_kept(connection: sqlite3.Connection, log: LogIdentity, texts: Iterable[str]) -> Sorted:
    """Return the kept heads that the log must contain; raises `DamagedLogError` for one of another log of its key that it does
    not continue."""
    notes, others = read_kept(texts)
    heads: list[Checkpoint] = []
    excused = 0
    for note in notes:
        head = note.checkpoint
        if not log.signed(note) or (head.origin != log.origin and log.continues(note)):
            others += 1
        elif head.origin != log.origin:
            raise _other_log()
        elif is_excused(connection, head) and not _is_in(connection, head, 0):
            excused += 1
        else:
            heads.append(head)
    return Sorted(tuple(heads), excused, others)


def largest_kept(log: LogIdentity, texts: Iterable[str]) -> int:
    """Return the largest size of this log that a kept head which its key signed says, 0 when there is none."""
    sizes = [
        note.checkpoint.size
        for note in read_kept(texts)[0]
        if note.checkpoint.origin == log.origin and log.signed(note)
    ]
    return max(sizes, default=0)


def check_kept(connection: sqlite3.Connection, log: LogIdentity, texts: Iterable[str]) -> int:
    """Return how many of these notes are no heads of this log; raises `DamagedLogError` for one that the log's key signed and
    that the log does not contain. Sizes whose entries are archived are left to `warden ledger verify`.

    Signatures are checked only of heads that are not in the log: what is in it needs nobody's word.
    """
    notes, others = read_kept(texts)
    size = read_state(connection).size
    archived = int(connection.execute("SELECT coalesce(max(last) + 1, 0) FROM segments").fetchone()[0])
    for note in notes:
        head = note.checkpoint
        if head.origin == log.origin and _is_in(connection, head, archived):
            continue
        if not log.signed(note):
            others += 1
        elif head.origin != log.origin:
            if not log.continues(note):
                raise _other_log()
        elif not is_excused(connection, head):
            raise _rolled_back(_missing(head, size))
    return others


def is_excused(connection: sqlite3.Connection, head: Checkpoint) -> bool:
    """Return whether a restore was recorded that gave up what this head tells of."""
    row = connection.execute("SELECT 1 FROM excused_heads WHERE first <= ? AND last >= ?", (head.size, head.size))
    return row.fetchone() is not None


def _is_in(connection: sqlite3.Connection, head: Checkpoint, archived: int) -> bool:
    if head.size < archived:
        return True
    row = connection.execute("SELECT note FROM checkpoints WHERE size = ?", (head.size,)).fetchone()
    return row is not None and isinstance(row[0], str) and row[0].startswith(head.to_text())


def _other_log() -> DamagedLogError:
    return _rolled_back("a kept head is of another log of the same key, which this log does not continue")


def _rolled_back(detail: str) -> DamagedLogError:
    from warden.ledger.damage import Damage, damaged  # only on the way to an error

    return damaged(Damage.ROLLED_BACK, None, detail)


def _missing(head: Checkpoint, size: int) -> str:
    if head.size > size:
        return f"there are {size} entries, and a kept head says {head.size}: it was rolled back"
    return f"the first {head.size} entries are not those that a kept head names: it was rolled back"
