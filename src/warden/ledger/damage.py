"""What can be wrong with a log, each with a name that stays stable."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from warden.errors import LedgerError


class Damage(StrEnum):
    """Kinds of damage."""

    MALFORMED = "malformed"
    """An entry's bytes are not an entry in its only form."""
    CHANGED = "changed"
    """An entry is not the one that was recorded: its neighbours or the signed tree vouch for other bytes."""
    MISSING = "missing"
    """One or more entries are gone from the middle."""
    ORDER = "order"
    """Entries stand in another order, or one stands twice."""
    CUT = "cut"
    """The log is shorter than a head of it says."""
    TORN = "torn"
    """The last line of an export is incomplete."""
    ROLLED_BACK = "rolled-back"
    """The log holds together, and a head of it that was kept elsewhere is not in it: an older copy was put back, or another
    history was written with the key."""
    REWRITTEN = "rewritten"
    """The entries fit each other, but not what was signed or published."""
    SIGNATURE = "signature"
    """A checkpoint is not signed with the log's key."""
    CHECKPOINT = "checkpoint"
    """A checkpoint is malformed, out of place, missing, or of another log."""
    KEY = "key"
    """The log's key is not the one that is pinned."""
    HEAD = "head"
    """The published head is missing or of another log."""
    DATABASE = "database"
    """The database is gone, cannot be read, or does not begin with the start of a log."""
    BLOB = "blob"
    """A stored text is not what its digest says."""
    PROJECTION = "projection"
    """A table that is derived from the entries says something else than they do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One damage, the first bad entry (None when it is not about one), and a sentence for a person."""

    damage: Damage
    seq: int | None
    detail: str


_HINT = "see `warden ledger verify`; nothing is executed until `warden ledger repair` has put it aside"
_ROLLED_BACK_HINT = (
    "somebody put back an older copy of the state directory: see `warden ledger verify --online`; then put the newest copy "
    "back with `warden ledger restore`, or start a new log with `warden ledger repair`"
)


class DamagedLogError(LedgerError):
    """A log does not verify; `finding` says why."""

    def __init__(self, finding: Finding) -> None:
        rolled_back = finding.damage is Damage.ROLLED_BACK
        super().__init__(f"the ledger does not verify: {finding.detail}", _ROLLED_BACK_HINT if rolled_back else _HINT)
        self.finding = finding


def damaged(damage: Damage, seq: int | None, detail: str) -> DamagedLogError:
    """Return the error for one finding."""
    return DamagedLogError(Finding(damage, seq, detail))
