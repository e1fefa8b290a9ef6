"""Fakes of the ports that a run needs beside hub and ledger: clock, pool, stop, reporter, brain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from warden.model.plan import Plan, PlannedAction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from warden.model.message import BrainInput
    from warden.model.report import MessageReport
from warden.testing.hub import Call

T = TypeVar("T")
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class FixedClock:
    """A clock that stands still until it is moved; waiting moves it."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        """Return the moment that the clock was set to."""
        return self._now

    def monotonic(self) -> float:
        """Return how far the clock was moved forward, in seconds; a jump back does not show."""
        return self._elapsed_s

    def wait(self, seconds: float) -> None:
        """Move the clock forward."""
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        """Move the clock by so many seconds, back when negative."""
        self._now += timedelta(seconds=seconds)
        self._elapsed_s += max(0.0, seconds)


class InlinePool:
    """Runs every task at once in the calling thread."""

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run the tasks in order and return their results; the first exception is raised after all have run."""
        results: list[T] = []
        failure: Exception | None = None
        for task in tasks:
            try:
                results.append(task())
            except Exception as error:  # noqa: BLE001 - raised below, as the port asks
                failure = failure or error
        if failure is not None:
            raise failure
        return results

    def start(self, tasks: Sequence[Callable[[], T]]) -> Callable[[], list[T]]:
        """Run the tasks now; what is returned gives their results."""
        results = self.run(tasks)
        return lambda: results


class LazyPool(InlinePool):
    """Runs what was started when its results are asked for: as late as a pool of threads may."""

    def start(self, tasks: Sequence[Callable[[], T]]) -> Callable[[], list[T]]:
        """Run the tasks later; what is returned runs them and gives their results."""
        return lambda: self.run(tasks)


class Patience:
    """A stop signal that asks to stop after it was looked at `looks` times; None for never."""

    def __init__(self, looks: int | None = None, why: str = "terminated") -> None:
        self._left = looks
        self._why = why

    def requested(self) -> str:
        """Return why to stop, or an empty string."""
        if self._left is None:
            return ""
        if self._left <= 0:
            return self._why
        self._left -= 1
        return ""


class Reports:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[MessageReport] = []
        self.alerts: list[str] = []

    def alert(self, text: str) -> None:
        """Keep one alert."""
        self.alerts.append(text)

    def message(self, report: MessageReport) -> None:
        """Keep one message's report."""
        self.messages.append(report)


class ScriptedBrain:
    """A brain that answers as it is told to, garbage and exceptions included. Counts how often it was asked."""

    name = "scripted"
    digest = "sha256:" + "b" * 64

    def __init__(self, answer: Callable[[BrainInput], Plan]) -> None:
        self._answer = answer
        self.asked = 0

    def propose(self, given: BrainInput) -> Plan:
        """Return what the script says."""
        self.asked += 1
        return self._answer(given)


def plan_of(kind: str, reason: str = "scripted", **arguments: object) -> Plan:
    """Return a plan of one action."""
    return Plan((PlannedAction(kind, arguments),), reason)


class Faults:
    """A hook for `testing.hub.MemoryHub`: raises planned errors, each once, and keeps every call that was made."""

    def __init__(self) -> None:
        self._planned: list[tuple[str, bool, BaseException]] = []
        self.calls: list[Call] = []

    def plan(self, operation: str, error: BaseException, applied: bool = False, times: int = 1) -> None:
        """Let the next `times` calls of `operation` fail with `error`, after they were applied or before."""
        self._planned += [(operation, applied, error)] * times

    def clear(self) -> None:
        """Let everything pass from now on."""
        self._planned.clear()

    def __call__(self, call: Call) -> None:
        """Raise what is planned for this call."""
        if not call.applied:
            self.calls.append(call)
        for index, (operation, applied, error) in enumerate(self._planned):
            if operation == call.operation and applied == call.applied:
                del self._planned[index]
                raise error


class Killed(BaseException):
    """The process ends here: nothing after this point happens, no handler runs that a kill -9 would not run."""
