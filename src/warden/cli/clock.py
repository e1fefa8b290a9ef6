"""The real clock and the real source of run ids."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime


class SystemClock:
    """Time as the system has it. `wait` is what lets seconds pass; a run hands in one that a signal ends early."""

    def __init__(self, wait: Callable[[float], None] = time.sleep) -> None:
        self._wait = wait

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass, or return early when the run is asked to stop."""
        if seconds > 0:
            self._wait(seconds)


class RandomIds:
    """Run ids that sort by time and are never met twice: seconds since 1970 in hex, then 48 random bits."""

    def run_id(self) -> str:
        """Return a fresh id."""
        return f"{int(time.time()):08x}-{os.urandom(6).hex()}"
