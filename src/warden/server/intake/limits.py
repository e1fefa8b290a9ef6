"""Rates: how many deliveries of one source and how many requests of one address are taken in a minute."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

NAMES = 10_000
"""INVARIANT (bounded): names that are counted at once; the one that was quiet longest is forgotten first."""


class Rate:
    """A bucket a name that holds a minute's worth and is filled evenly. For one event loop."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, name: str) -> float:
        """Take one for `name` and return 0, or return in how many seconds there is one."""
        now = self._monotonic()
        left, at = self._left.pop(name, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - at) * self._per_minute / 60)
        taken = left >= 1
        self._left[name] = (left - 1 if taken else left, now)
        if len(self._left) > NAMES:
            self._left.popitem(last=False)
        return 0.0 if taken else (1 - left) * 60 / self._per_minute
