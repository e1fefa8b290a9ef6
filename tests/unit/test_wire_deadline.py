"""The deadline of a whole exchange; what it does on real sockets is tried with the clients that use it."""

from __future__ import annotations

import httpcore
import pytest

from warden.testing.engine import FixedClock
from warden.wire.deadline import BoundedBackend, Deadline


def test_a_step_gets_no_more_than_what_is_left() -> None:
    """Its own time-out or the rest of the exchange, whichever is shorter; a new exchange begins with all of its time."""
    clock = FixedClock()
    deadline = Deadline(clock.monotonic)
    deadline.start(10)
    assert (deadline.shorten(3), deadline.shorten(30), deadline.shorten(None)) == (3, 10, 10)
    clock.wait(8)
    assert deadline.shorten(3) == 2
    clock.wait(2)
    with pytest.raises(httpcore.ReadTimeout):
        deadline.shorten(3)
    deadline.start(1)
    assert deadline.shorten(None) == 1


def test_nothing_connects_after_the_deadline() -> None:
    """It counts as not connected, because nothing was sent; the address is not looked at."""
    deadline = Deadline(FixedClock().monotonic)
    deadline.start(0)
    with pytest.raises(httpcore.ConnectTimeout):
        BoundedBackend(deadline).connect_tcp("host.invalid", 1, 5.0)
