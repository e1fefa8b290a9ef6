"""How much asking a model may cost, and how much it did: limits per window, sums that our own ledger counted."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING

from warden.model.consultation import NOTHING_USED, Usage

if TYPE_CHECKING:
    from datetime import datetime

HOUR_S = 3_600
DAY_S = 24 * HOUR_S


class Span(StrEnum):
    """What a limit is for: one run, the last hour, the last day, or one sender in the last day."""

    RUN = "run"
    HOUR = "hour"
    DAY = "day"
    SENDER = "sender"

    @property
    def window_s(self) -> int | None:
        """The length of the rolling window in seconds, None for a run."""
        return {"run": None, "hour": HOUR_S, "day": DAY_S, "sender": DAY_S}[self.value]


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may be used within one span; None is no limit. Cost is in millionths of the operator's currency."""

    calls: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_microunits: int | None = None
    wall_ms: int | None = None


MEASURES = tuple(field.name for field in fields(Limit))
"""What is counted: the names that `Limit` and `Usage` share."""

WORDS = {"cost_microunits": "cost", "wall_ms": "waiting time"}
"""What people call a measure, where that is not its name."""


def measure_words(measure: str) -> str:
    """Return what people call a measure."""
    return WORDS.get(measure, measure.replace("_", " "))


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of all spans."""

    run: Limit = Limit()
    hour: Limit = Limit()
    day: Limit = Limit()
    sender: Limit = Limit()

    def limit(self, span: Span) -> Limit:
        """Return the limits of one span."""
        found: Limit = getattr(self, span.value)
        return found


@dataclass(frozen=True, slots=True)
class Spending:
    """What was used within a span, and when the first of it was (None when nothing was)."""

    used: Usage = NOTHING_USED
    oldest: datetime | None = None


def add_usage(one: Usage, other: Usage) -> Usage:
    """Return the sum; a cost that is not known adds nothing, and two of them stay unknown."""
    costs = [cost for cost in (one.cost_microunits, other.cost_microunits) if cost is not None]
    return Usage(
        calls=one.calls + other.calls,
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        cost_microunits=sum(costs) if costs else None,
        wall_ms=one.wall_ms + other.wall_ms,
    )


def exceeded(limit: Limit, used: Usage, further: Usage = NOTHING_USED) -> str:
    """Return the name of the first measure that `used` and `further` together exceed, or an empty string.

    A further cost that is not known exceeds every limit on cost: what cannot be counted cannot be kept (fail closed).
    """
    for measure in MEASURES:
        most, more = getattr(limit, measure), getattr(further, measure)
        if most is not None and (more is None or (getattr(used, measure) or 0) + more > most):
            return measure
    return ""
