"""SIGINT and SIGTERM as a wish that is asked for between steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class SignalStop:
    """Remembers the first signal; `wait` ends early when one comes."""

    def __init__(self) -> None:
        self._why = ""
        self._event = threading.Event()

    def requested(self) -> str:
        """Return an empty string, or `interrupted` or `terminated`."""
        return self._why

    def stop(self, why: str) -> None:
        """Ask the run to stop; the first reason stands."""
        self._why = self._why or why
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass, or return early when a stop is asked for."""
        self._event.wait(seconds)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._why and number == signal.SIGINT:
            # A second Ctrl-C: the person does not want to wait for the step to end; the outbox keeps what is in flight.
            raise KeyboardInterrupt
        self.stop("interrupted" if number == signal.SIGINT else "terminated")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch SIGINT and SIGTERM for the length of the block."""
        before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
