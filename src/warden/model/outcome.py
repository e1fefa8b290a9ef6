"""What became of a delivery after its receipt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OutcomeStatus(StrEnum):
    """What a channel may report later, in any order and more than once."""

    RUNNING = "running"
    PREEMPTED = "preempted"
    """Not an end: what was preempted is begun again."""
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One report. `key` is the idempotency key of the delivery, `correlation_id` the channel's name for it, and `event_id` is
    the same in every copy of one report."""

    key: str
    correlation_id: str
    event_id: str
    status: OutcomeStatus
