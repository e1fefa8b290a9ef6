"""Reasons to stop a pass between two steps, wrapped round the one that signals give: `ports.StopSignal`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

WAIT_SLICE_S = 5.0


class Stop(Protocol):
    """What a pass asks between steps, and waits with."""

    def requested(self) -> str:
        """Return an empty string, or `interrupted`, `terminated` or `deadline`."""
        ...

    def wait(self, seconds: float) -> None:
        """Let seconds pass, or return early when a stop is asked for."""
        ...


class DeadlineStop:
    """Asks to stop once `deadline_s` seconds have passed since it was made."""

    def __init__(self, stop: Stop, monotonic: Callable[[], float], deadline_s: float) -> None:
        self._stop = stop
        self._monotonic = monotonic
        self._end = monotonic() + deadline_s

    def requested(self) -> str:
        """Return why to stop: a signal's word first, else `deadline` when it is over."""
        return self._stop.requested() or ("deadline" if self._monotonic() >= self._end else "")

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass, but not beyond the deadline."""
        self._stop.wait(max(0.0, min(seconds, self._end - self._monotonic())))


class PulseStop:
    """Tells `pulse` that the pass is alive each time it asks whether to stop, and while it waits."""

    def __init__(self, stop: Stop, pulse: Callable[[], None], monotonic: Callable[[], float]) -> None:
        self._stop = stop
        self._pulse = pulse
        self._monotonic = monotonic

    def requested(self) -> str:
        """Return what the wrapped one says."""
        self._pulse()
        return self._stop.requested()

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass in slices."""
        end = self._monotonic() + seconds
        while not self.requested() and (rest := end - self._monotonic()) > 0:
            self._stop.wait(min(rest, WAIT_SLICE_S))
