"""Where a stored log stands, and whether its tail and its heads agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.errors import LedgerError
from warden.ledger.checkpoint import Note, parse_note
from warden.ledger.entry import GENESIS, link_of
from warden.ledger.merkle import Frontier, hash_leaf
from warden.model.digests import digest_bytes
from warden.model.entry import Head

if TYPE_CHECKING:
    import sqlite3


class EmptyLogError(LedgerError):
    """The database has nothing in it, and nobody is just making it."""


VERIFY_HINT = "run `warden ledger verify` to see the damage, then `warden ledger repair`"


def damage(what: str) -> LedgerError:
    """Return the error for a log that does not hold together."""
    return LedgerError(what, VERIFY_HINT)


@dataclass(frozen=True, slots=True)
class LogState:
    """The end of a log: what the next append rests on."""

    frontier: Frontier
    entry_digest: str
    note: Note

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self.frontier.size

    def to_head(self) -> Head:
        """Return the head."""
        checkpoint = self.note.checkpoint
        root = "sha256:" + checkpoint.root.hex()
        signature = self.note.signatures[0].to_text() if self.note.signatures else ""
        return Head(checkpoint.origin, checkpoint.size, self.entry_digest, root, signature)


def read_state(connection: sqlite3.Connection, size: int | None = None) -> LogState:
    """Return the newest stored state, or the one at `size`; raises `LedgerError` when it is missing or inconsistent."""
    query = "SELECT size, entry_digest, frontier, note FROM checkpoints "
    if size is None:
        row = connection.execute(query + "ORDER BY size DESC LIMIT 1").fetchone()
    else:
        row = connection.execute(query + "WHERE size = ?", (size,)).fetchone()
    if row is None:
        raise damage("the ledger holds no checkpoint where its head says one is")
    if type(row[1]) is not str or type(row[3]) is not str:
        raise damage("the ledger's stored checkpoint is not text")
    note = parse_note(row[3])
    try:
        frontier = Frontier.from_bytes(row[0], row[2])
    except (ValueError, TypeError) as error:
        raise damage("the ledger's stored tree does not fit its size") from error
    if note.checkpoint.size != frontier.size or note.checkpoint.root != frontier.root():
        raise damage("the ledger's stored tree does not fit its checkpoint")
    return LogState(frontier, row[1], note)


def is_new(connection: sqlite3.Connection) -> bool:
    """Return whether nothing was committed since the log was made."""
    sizes = connection.execute("SELECT size FROM checkpoints LIMIT 2").fetchall()
    return sizes == [(1,)]


def is_newest(connection: sqlite3.Connection, state: LogState) -> bool:
    """Return whether `state` is still the newest stored one, and the entries end with it: nobody appended or cut since."""
    row = connection.execute(
        "SELECT size, note, (SELECT max(seq) FROM entries) FROM checkpoints ORDER BY size DESC LIMIT 1"
    ).fetchone()
    return bool(row == (state.size, state.note.text, state.size - 1))


def check_tail(connection: sqlite3.Connection, before: LogState, after: LogState) -> None:
    """Raise `LedgerError` unless the stored entries lead from `before` to `after`.

    Entries are not parsed: their bytes have the place, the link and the tree that `after` has, or they are not those.
    """
    if after.size < before.size:
        raise damage(f"the ledger has {after.size} entries and had {before.size}: it was rolled back")
    leaves: list[bytes] = []
    digest = before.entry_digest
    rows = connection.execute(
        "SELECT seq, raw FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq", (before.size, after.size)
    )
    for expected, (seq, raw) in enumerate(rows, before.size):
        if seq != expected or type(raw) is not bytes or not raw.endswith(link_of(digest, seq)):
            raise damage(f"entry {expected} is missing or does not follow from the one before")
        digest = digest_bytes(raw)
        leaves.append(hash_leaf(raw))
    end = before.frontier.extended(leaves)
    if end != after.frontier or digest != after.entry_digest:
        raise damage("the ledger's last entries do not lead to its head")


def check_end(connection: sqlite3.Connection, state: LogState) -> None:
    """Raise `LedgerError` unless the last stored entry is the one that `state` names."""
    row = connection.execute("SELECT seq, raw FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    if row is None:
        ends_well = state.size == 0 and state.entry_digest == GENESIS
    else:
        ends_well = row[0] == state.size - 1 and type(row[1]) is bytes and digest_bytes(row[1]) == state.entry_digest
    if not ends_well:
        raise damage("the ledger's entries end elsewhere than its head says")
