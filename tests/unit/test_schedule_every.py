"""Passes in an interval: the first at once, one at a time, until a stop is asked for."""

from __future__ import annotations

import threading

import pytest

from warden.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, UsageError
from warden.schedule.every import LONGEST_S, parse_interval, run_every


@pytest.mark.parametrize(
    ("text", "seconds"), [("1", 1), ("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86400), ("7d", LONGEST_S)]
)
def test_an_interval_is_seconds_minutes_hours_or_days(text: str, seconds: int) -> None:
    """A number with a unit, or of seconds without one."""
    assert parse_interval(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-5m", "5 m", "5x", "m", "8d", "1e3", "٣m", "5m\n", "99999999"])
def test_anything_else_is_a_usage_error(text: str) -> None:
    """What is not plainly an interval between a second and a week is refused, with the forms that are."""
    with pytest.raises(UsageError) as caught:
        parse_interval(text)
    assert "30s, 5m, 2h, 1d" in caught.value.hint


class Stop:
    """Asks to stop when it is told to."""

    def __init__(self, why: str) -> None:
        self._why = why
        self._asked = threading.Event()

    def ask(self) -> None:
        """Ask to stop."""
        self._asked.set()

    def requested(self) -> str:
        """Return why, once asked."""
        return self._why if self._asked.is_set() else ""

    def wait(self, seconds: float) -> None:
        """Wait until asked."""
        self._asked.wait(seconds)


@pytest.mark.parametrize(("why", "status"), [("interrupted", EXIT_INTERRUPTED), ("terminated", EXIT_TERMINATED)])
def test_the_first_pass_comes_at_once_and_a_stop_ends_the_loop(why: str, status: int) -> None:
    """An hour's interval does not delay the first pass, and the exit status says which signal ended it."""
    stop = Stop(why)
    passes: list[str] = []

    def make_pass() -> None:
        passes.append(threading.current_thread().name)
        stop.ask()

    assert run_every(3600, make_pass, stop) == status
    assert len(passes) == 1


def test_a_pass_under_way_is_waited_for() -> None:
    """A stop in the middle of a pass lets that pass end before the loop returns."""
    stop = Stop("terminated")
    ended: list[bool] = []

    def make_pass() -> None:
        stop.ask()
        ended.append(True)

    run_every(3600, make_pass, stop)
    assert ended == [True]
