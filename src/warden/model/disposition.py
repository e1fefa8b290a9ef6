"""What became of a message."""

from __future__ import annotations

from enum import StrEnum


class Disposition(StrEnum):
    """What became of a message (DESIGN section 3), worst first."""

    DEAD = "dead"
    QUARANTINED = "quarantined"
    HELD = "held"
    FAILED = "failed"
    ESCALATED = "escalated"
    ANSWERED = "answered"
    NOTED = "noted"
    READ = "read"
    SKIPPED = "skipped"

    @property
    def terminal(self) -> bool:
        """Whether nothing more will be done with the message unless a person asks for it."""
        return self in TERMINAL


TERMINAL = frozenset({Disposition.ANSWERED, Disposition.NOTED, Disposition.READ, Disposition.SKIPPED})
_SEVERITY = {disposition: rank for rank, disposition in enumerate(Disposition)}


def worst(dispositions: list[Disposition]) -> Disposition:
    """Return the worst of one or more dispositions; raises `ValueError` for none."""
    return min(dispositions, key=_SEVERITY.__getitem__)
