"""Whether unattended running is well: a read model of what ledger, heartbeat and gate say. Pure.

`warden status` and `warden doctor` show it; what is not healthy has a code, a sentence, and what to do about it.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from warden.errors import EXIT_PARTIAL
from warden.model.alerts import GATE_DRIFT, RUN_FAILED, SCHEDULE_MISSED
from warden.model.schedule import Alert, JobRecord, RunRecord
from warden.schedule.gate import NOT_ENABLED, Gate
from warden.schedule.timetable import Timetable

LATE = timedelta(seconds=120)
"""How long after a tick nothing need have happened: a machine may be busy."""
SILENT_BEATS = 4
"""A worker that gave no sign of life for so many of its own intervals hangs or is gone."""
RECURRING = 6
"""So many runs in even intervals are no person's."""
ADVICE: Mapping[str, str] = {
    GATE_DRIFT: "`warden schedule status` says what changed; sign the new state off, or take the change back",
    RUN_FAILED: "`warden doctor` looks at everything that a pass needs; the alert ends with the next pass that goes through",
    SCHEDULE_MISSED: "find out why nothing ran (`warden ledger log --kind tick_claimed`); it ends with the next good pass",
    "last-run": "`warden doctor`, and docs/how-to/when-it-stops.md by exit status",
    "worker-silent": "the worker was killed or hangs: start it again, or let systemd's watchdog do it",
    "tick-overdue": "start the worker or its timer, or close the gate with `warden schedule disable`; a pass that is "
    "still at work is the lock's holder in `warden doctor`",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not well."""

    code: str
    text: str

    @property
    def advice(self) -> str:
        """What to do about it."""
        return ADVICE[self.code]


@dataclass(frozen=True, slots=True)
class WorkerSign:
    """What the heartbeat file says: the worker's state, when it said so, and how often it means to."""

    state: str
    at: datetime
    every: timedelta


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known: the last runs by slot, the schedule that was used last with its timetable, alerts, the gate, the worker.

    `jitter` delays ticks by up to that. `last_seen` is when the schedule last did anything (a tick, a pass that a timer made).
    """

    now: datetime
    runs: Mapping[str, RunRecord] = field(default_factory=dict)
    job: JobRecord | None = None
    table: Timetable | None = None
    alerts: Sequence[Alert] = ()
    gate: Gate = NOT_ENABLED
    worker: WorkerSign | None = None
    jitter: timedelta = timedelta(0)
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How it is. `missed` counts ticks since the schedule was first used."""

    problems: tuple[Problem, ...]
    last_run: RunRecord | None
    last_good_run: RunRecord | None
    next_tick: datetime | None
    missed: int
    gate: Gate
    worker: WorkerSign | None

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def judge_health(facts: Facts) -> Health:
    """Return how unattended running is."""
    problems = {alert.code: Problem(alert.code, alert.detail) for alert in facts.alerts}
    if facts.gate.drift:
        problems[GATE_DRIFT] = Problem(GATE_DRIFT, facts.gate.text)
    else:
        problems.pop(GATE_DRIFT, None)  # what had changed was changed back, and no pass has said so yet
    last = facts.runs.get("last")
    if last is not None and not last.good and RUN_FAILED not in problems:
        problems["last-run"] = Problem("last-run", _how_it_ended(last))
    next_tick = None
    if facts.table is not None and facts.last_seen is not None:
        next_tick = facts.table.next_after(facts.last_seen, facts.last_seen)
    silent = _silence(facts)
    if silent:
        problems["worker-silent"] = Problem("worker-silent", silent)
    elif next_tick is not None and _overdue(facts, next_tick):
        problems["tick-overdue"] = Problem("tick-overdue", f"a pass was wanted at {next_tick:%Y-%m-%dT%H:%M:%SZ}")
    return Health(
        problems=tuple(problems[code] for code in sorted(problems)),
        last_run=last,
        last_good_run=facts.runs.get("good"),
        next_tick=next_tick,
        missed=facts.job.missed if facts.job else 0,
        gate=facts.gate,
        worker=facts.worker,
    )


def _how_it_ended(run: RunRecord) -> str:
    why = f", {run.stopped}" if run.stopped else ""
    word = "was partial" if run.exit_status == EXIT_PARTIAL else "failed"
    return f"the last run {word}: exit status {run.exit_status}{why}"


def _silence(facts: Facts) -> str:
    worker = facts.worker
    if worker is None or worker.state == "stopped" or facts.now - worker.at <= SILENT_BEATS * worker.every:
        return ""
    return f"the worker was {worker.state} at {worker.at:%Y-%m-%dT%H:%M:%SZ} and has given no sign of life since"


def _overdue(facts: Facts, next_tick: datetime) -> bool:
    """Nothing happened at a tick, and something should have: the gate is open, and no pass is under way."""
    if facts.gate.reason == NOT_ENABLED.reason or (facts.worker is not None and facts.worker.state == "running"):
        return False
    return facts.now > next_tick + facts.jitter + LATE


def recurs_like_a_timer(starts_ms: Sequence[int]) -> int | None:
    """Return the interval in seconds in which runs without a terminal begin, None when it is not even.

    Even means: the last `RECURRING` intervals differ from their median by at most a tenth of it or five seconds.
    """
    last = starts_ms[-RECURRING - 1 :]
    if len(last) <= RECURRING:
        return None
    gaps = [(second - first) / 1000 for first, second in pairwise(last)]
    middle = statistics.median(gaps)
    even = middle >= 20 and all(abs(gap - middle) <= max(5.0, middle / 10) for gap in gaps)
    return round(middle) if even else None
