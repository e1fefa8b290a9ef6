"""Two processes at once, one step at a time: which of them goes on is drawn, so that the same seed gives the same order.

Each process is a thread, and only one of them ever runs; it hands over at a step. A writer lock that the other one holds
is waited for by handing over, as a process that sleeps in `flock` does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from warden.store.writerlock import WriterLock
from warden.testing.engine import Killed

STAYS = 0.6
"""How likely the process that has just made a step makes the next one too."""
STEPS_LIMIT = 100_000


class Turns:
    """Runs pieces of work side by side. `current` names the one that runs, and is empty outside of `play`."""

    def __init__(self, draw: random.Random) -> None:
        self.current = ""
        self.ended = False
        """Set by one of them to end all: the power fails. The others are killed where they wait."""
        self._draw = draw
        self._go: dict[str, threading.Semaphore] = {}
        self._back = threading.Semaphore(0)

    def play(self, works: Mapping[str, Callable[[], None]]) -> None:
        """Run all of them to their ends; raises the first error that came out of one."""
        errors: list[BaseException] = []
        self._go = {name: threading.Semaphore(0) for name in works}
        self.ended = False
        threads = {name: threading.Thread(target=self._live, args=(name, work, errors)) for name, work in works.items()}
        for thread in threads.values():
            thread.start()
        steps = 0
        while self._go:
            if self.current not in self._go or self._draw.random() > STAYS:
                self.current = self._draw.choice(sorted(self._go))
            self._go[self.current].release()
            self._back.acquire()
            steps += 1
            if steps > STEPS_LIMIT:
                self.ended = True
        for thread in threads.values():
            thread.join()
        self.current = ""
        assert steps <= STEPS_LIMIT, "the processes wait for each other for ever"
        if errors:
            raise errors[0]

    def _live(self, name: str, work: Callable[[], None], errors: list[BaseException]) -> None:
        self._go[name].acquire()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by `play`
            errors.append(error)
        finally:
            del self._go[name]
            self._back.release()

    def pause(self) -> None:
        """Hand over to the others, perhaps to oneself; raises `Killed` when the power has failed."""
        if not self.current:
            return
        mine = self._go[self.current]
        self._back.release()
        mine.acquire()
        if self.ended:
            raise Killed


class PatientLock(WriterLock):
    """The real writer lock, waited for by handing over."""

    def __init__(self, path: Path, turns: Turns) -> None:
        super().__init__(path)
        self._turns = turns

    @contextlib.contextmanager
    def held(self, makes: bool = True) -> Iterator[None]:
        """Hold the lock for the block."""
        descriptor = self._open(os.O_CREAT if makes else 0)
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                self._turns.pause()
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
