"""A circuit breaker: a server that fails again and again is left alone for a while, then tried by one call alone."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Breaker:
    """Closed until `limit` failures in a row; then open for `cooldown_s`; then one call decides. Safe in several threads."""

    def __init__(self, limit: int, cooldown_s: float, monotonic: Callable[[], float]) -> None:
        self._limit = limit
        self._cooldown_s = cooldown_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    def enter(self) -> bool:
        """Return whether a call may be made; whoever gets True reports its end with `succeeded` or `failed`."""
        with self._lock:
            if self._opened_at is None:
                return True
            if self._probing or self._monotonic() - self._opened_at < self._cooldown_s:
                return False
            self._probing = True
            return True

    def succeeded(self) -> None:
        """Take note of a call that the server answered."""
        with self._lock:
            self._failures = 0
            self._opened_at = None
            self._probing = False

    def failed(self, at_once: bool = False, weight: int = 1) -> None:
        """Take note of a failure that counts as `weight` of them; `at_once` opens whatever was before."""
        with self._lock:
            self._failures += weight
            if at_once or self._probing or self._failures >= self._limit:
                self._opened_at = self._monotonic()
            self._probing = False
