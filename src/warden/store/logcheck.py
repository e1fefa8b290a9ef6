"""What an executing run checks of the log before it acts: all of a short one, a part of a long one.

A part is what lies between two stored checkpoints: their signatures hold, and the entries between them lead from one tree to
the other, link by link. Which part is drawn anew each time, so that no run can be waited for, and what was done to a long log
is found within some runs. All of it, and what was archived, is verified by `warden ledger verify`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.ledger.entry import GENESIS
from warden.ledger.merkle import Frontier
from warden.store.logstate import LogState, check_end, check_tail, damage, read_state
from warden.store.segments import list_segments

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from warden.ledger.signature import Verifier

CHECKED_ENTRIES = 10_000
"""INVARIANT (bounded): entries that one run checks, give or take a commit; some hundredths of a second."""


def check_log(connection: sqlite3.Connection, verifier: Verifier | None, draw: Callable[[int], int]) -> None:
    """Raise `LedgerError` unless the end of the log and the part that is looked at hold together.

    `draw` returns a number from 0 to below its argument.
    """
    end = read_state(connection)
    check_end(connection, end)
    segments = list_segments(connection)
    first = segments[-1].last + 1 if segments else 0
    start = read_state(connection, first) if first else LogState(Frontier(), GENESIS, end.note)
    before, after = start, end
    spare = end.size - first - CHECKED_ENTRIES
    if spare > 0:
        before = _state_at(connection, "<=", first + draw(spare + 1)) or start
        after = _state_at(connection, ">=", before.size + CHECKED_ENTRIES) or end
    for state in {before.size: before, after.size: after, end.size: end}.values():
        if state.size and verifier is not None and not state.note.signed_by(verifier):
            raise damage(
                f"the checkpoint over {state.size} entries is not signed with the ledger's key: it was rewritten"
            )
    check_tail(connection, before, after)


def _state_at(connection: sqlite3.Connection, how: str, size: int) -> LogState | None:
    """Return the stored state nearest to `size` on one side (`how` is `<=` or `>=`), None when there is none."""
    order = "DESC" if how == "<=" else "ASC"
    query = f"SELECT size FROM checkpoints WHERE size {how} ? ORDER BY size {order} LIMIT 1"  # noqa: S608 (words of ours)
    row = connection.execute(query, (size,)).fetchone()
    return None if row is None or row[0] == 0 else read_state(connection, row[0])
