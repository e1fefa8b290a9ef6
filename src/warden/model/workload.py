"""A workload: what a runtime was asked to execute, and where it stands by all that was reported of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from warden.model.ids import MessageKey
from warden.model.outcome import Outcome, OutcomeStatus
from warden.model.records import IntentState


class WorkloadState(StrEnum):
    """Where a workload stands: first by its delivery, then by what the runtime reported."""

    WAITING = "waiting"
    """Its line is not in the pipe yet."""
    IN_DOUBT = "in_doubt"
    """Whether its line was written is not known: a person decides."""
    DEAD = "dead"
    """Its line was given up: a person decides."""
    WITHDRAWN = "withdrawn"
    """A person ended it before its line was written."""
    DELIVERED = "delivered"
    """Its line is in the pipe, and nothing was reported."""
    RUNNING = "running"
    PREEMPTED = "preempted"
    """Put back by the runtime, which begins it again."""
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"
    DROPPED = "dropped"
    """Nothing was heard of it for too long."""

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of it."""
        return self in _ENDED

    @property
    def failed(self) -> bool:
        """Whether it ended badly."""
        return self in _BAD


_ENDED = frozenset(
    {
        WorkloadState.WITHDRAWN,
        WorkloadState.COMPLETED,
        WorkloadState.FAILED,
        WorkloadState.ABORTED,
        WorkloadState.DROPPED,
    }
)
_BAD = frozenset({WorkloadState.FAILED, WorkloadState.ABORTED, WorkloadState.DROPPED})

ENDS = (OutcomeStatus.FAILED, OutcomeStatus.ABORTED, OutcomeStatus.COMPLETED, OutcomeStatus.DROPPED)
"""Reports that end a workload, the one that counts most first: a failure is a person's to look at whatever else was
reported, and `dropped` is our own inference, which the runtime's word overrules."""

_DELIVERIES = {
    IntentState.OPEN: WorkloadState.WAITING,
    IntentState.DONE: WorkloadState.DELIVERED,
    IntentState.IN_DOUBT: WorkloadState.IN_DOUBT,
    IntentState.DEAD: WorkloadState.DEAD,
    IntentState.DROPPED: WorkloadState.WITHDRAWN,
}


def workload_state(delivery: IntentState, reports: Iterable[OutcomeStatus]) -> WorkloadState:
    """Return where a workload stands by its delivery and all distinct reports: a function of the set, never of its order.

    As often preempted as begun means that it waits to be begun again; a report proves that the line was taken, whatever we
    know of its delivery.
    """
    counts = Counter(reports)
    for end in ENDS:
        if counts[end]:
            return WorkloadState(end.value)
    running, preempted = counts[OutcomeStatus.RUNNING], counts[OutcomeStatus.PREEMPTED]
    if preempted and preempted >= running:
        return WorkloadState.PREEMPTED
    return WorkloadState.RUNNING if running else _DELIVERIES[delivery]


@dataclass(frozen=True, slots=True)
class WorkloadRecord:
    """What the ledger knows of a workload. `delivered_at` is None until its line was written, `ended_at` until it ended;
    `touched_at` is when something was last heard of it; `reports` counts distinct reports."""

    workload_id: str
    message: MessageKey
    sender: str
    thread_id: str
    ordinal: int
    state: WorkloadState
    intended_at: datetime
    touched_at: datetime
    delivered_at: datetime | None = None
    ended_at: datetime | None = None
    reports: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """One lifecycle report that was written down and waits to be taken: its number in the file, and what it says."""

    number: int
    outcome: Outcome
