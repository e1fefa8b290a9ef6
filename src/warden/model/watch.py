"""What an operator sees from outside: counts of what happened, what waits, and what somebody has to be told of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ESCALATION, APPROVAL, DEAD_LETTER, IN_DOUBT = "escalation", "approval", "dead-letter", "in-doubt"
LEDGER_DAMAGED = "ledger-damaged"


@dataclass(frozen=True, slots=True)
class Standing:
    """How an agent's inbox and deliveries stand, and what happened since the ledger began.

    `tallies` maps (name, label) to a count, as `store.watch` keeps them. `backlog` counts messages by their open disposition;
    `reviews` live items by kind and state; `outbox` intents by state. `alerts` counts the alerts since `alerts_since` by code.
    """

    tallies: Mapping[tuple[str, str], int] = field(default_factory=dict)
    backlog: Mapping[str, int] = field(default_factory=dict)
    reviews: Mapping[tuple[str, str], int] = field(default_factory=dict)
    outbox: Mapping[str, int] = field(default_factory=dict)
    alerts: Mapping[str, int] = field(default_factory=dict)
    alerts_since: datetime | None = None
    missed_ticks: int = 0
    entries: int = 0
    database_bytes: int = 0
    failing_targets: tuple[str, ...] = ()

    def waiting(self, kind: str) -> int:
        """Return how many live items of the review queue are of this kind."""
        return sum(number for (one, _), number in self.reviews.items() if one == kind)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that stands and that a person is to know of: which, in which state, and its code.

    `subject` is a word of ours (`review:12`, `delivery:340`, `alert:run-failed`): no name or text from outside. What does not
    last has happened and is over: it is told once, and nobody is reminded of it.
    """

    subject: str
    state: str
    code: str
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class SentNotice:
    """What a target was last told of a subject: in which state, when, and how often it was reminded of that state."""

    state: str
    reminders: int
    at: datetime
