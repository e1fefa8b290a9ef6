"""SIGINT and SIGTERM as a wish that is asked for between steps."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import FrameType

from warden.errors import EXIT_TERMINATED


class SignalStop:
    """Remembers the first signal; `wait` ends early when one comes.

    A second SIGTERM, or `drain_s` seconds after the first when that is given, ends the process at once: nothing is lost,
    because a process that is killed at any moment leaves its intents in the outbox. With `reloads`, SIGHUP is a wish for
    the configuration to be loaded anew.
    """

    def __init__(self, drain_s: float | None = None, reloads: bool = False) -> None:
        self._why = ""
        # Queues, because a handler may put into one at any moment: an event's lock may be held by what it interrupts.
        self._stopped: SimpleQueue[None] = SimpleQueue()
        self._drain_s = drain_s
        self._reloads = reloads
        self._reload = False
        self._wake: SimpleQueue[None] = SimpleQueue()

    def requested(self) -> str:
        """Return an empty string, or `interrupted` or `terminated`."""
        return self._why

    def stop(self, why: str) -> None:
        """Ask the run to stop; the first reason stands."""
        self._why = self._why or why
        self._stopped.put(None)
        self._wake.put(None)

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass, or return early when a stop is asked for."""
        if not self._why:
            with suppress(Empty):
                self._stopped.get(timeout=max(seconds, 0.0))
                self._stopped.put(None)  # for the other threads that wait

    def reload_requested(self) -> bool:
        """Return whether SIGHUP came since this was asked last."""
        with suppress(Empty):
            while True:
                self._wake.get_nowait()
        if not self._reload:
            return False
        self._reload = False
        return True

    def idle(self, seconds: float) -> None:
        """Let `seconds` pass, or return early when a stop or a reload is asked for."""
        if not self._why:
            with suppress(Empty):
                self._wake.get(timeout=max(seconds, 0.0))

    def _handle_reload(self, number: int, frame: FrameType | None) -> None:
        self._reload = True
        self._wake.put(None)

    def _end(self, number: int, frame: FrameType | None) -> None:
        os.write(2, b"error: terminated before the pass had ended; what was in flight is in the outbox\n")
        os._exit(EXIT_TERMINATED)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._why and number == signal.SIGINT:
            # A second Ctrl-C: the person does not want to wait for the step to end; the outbox keeps what is in flight.
            raise KeyboardInterrupt
        if number == signal.SIGTERM:
            if self._why == "terminated":
                self._end(number, frame)
            if self._drain_s is not None:
                signal.setitimer(signal.ITIMER_REAL, max(self._drain_s, 0.001))
        self.stop("interrupted" if number == signal.SIGINT else "terminated")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch SIGINT and SIGTERM for the length of the block."""
        handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {
            signal.SIGINT: self._handle,
            signal.SIGTERM: self._handle,
        }
        if self._drain_s is not None:
            handlers[signal.SIGALRM] = self._end
        if self._reloads:
            handlers[signal.SIGHUP] = self._handle_reload
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            if self._drain_s is not None:
                signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)
