"""Keep going: one pass in each interval, in the foreground, until a signal ends it.

APScheduler turns time into passes: the first at once, one at a time; a pass that would overlap the one before is left out,
and passes that were missed while the host slept become one. What a pass does, and how its failure is told, is the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from warden.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_TERMINATED, UsageError, quote

_INTERVAL = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)?\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}
SHORTEST_S = 1
LONGEST_S = 7 * 86400


class Stop(Protocol):
    """What ends the loop."""

    def requested(self) -> str:
        """Return an empty string, or why the loop is to end."""
        ...

    def wait(self, seconds: float) -> None:
        """Let seconds pass, or return early when a stop is asked for."""
        ...


def parse_interval(text: str) -> int:
    """Return the seconds that `30s`, `5m`, `2h`, `1d` or a bare number of seconds stands for; raises `UsageError`."""
    match = _INTERVAL.match(text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise UsageError(
            f"interval {quote(text)} cannot be used", "give seconds, minutes, hours or days: 30s, 5m, 2h, 1d"
        )
    return seconds


def run_every(interval_s: int, make_pass: Callable[[], None], stop: Stop) -> int:
    """Make a pass in each interval until a stop is requested, and return the exit status that the stop asks for.

    `make_pass` must not raise; a pass that is under way when the stop comes is waited for (it looks at the same stop).
    """
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.interval import IntervalTrigger

    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_job(
        make_pass,
        IntervalTrigger(seconds=interval_s, timezone=UTC),
        next_run_time=datetime.now(UTC),
        max_instances=1,
        coalesce=True,
        misfire_grace_time=None,
    )
    scheduler.start()
    try:
        while not stop.requested():
            stop.wait(3600.0)
    finally:
        scheduler.shutdown(wait=True)
    return {"interrupted": EXIT_INTERRUPTED, "terminated": EXIT_TERMINATED}.get(stop.requested(), EXIT_DONE)
