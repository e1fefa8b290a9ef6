"""Signals as wishes: they come at any moment, and neither hang the process nor get lost."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

import pytest

from warden.cli.signals import SignalStop

RELOADS = 20_000


@pytest.mark.untraced
@pytest.mark.slow
def test_signals_at_any_moment_hang_nothing() -> None:
    """A reload that is asked for while the worker begins to wait, waits, or wakes up is heard, thousands of times (a
    handler that waited for the lock that it had interrupted would wait for ever)."""
    stop = SignalStop(reloads=True)
    heard = 0
    with stop.listening():
        sender = subprocess.Popen(["sh", "-c", f"while kill -HUP {os.getpid()}; do :; done"])
        try:
            while heard < RELOADS:
                stop.idle(0.00001)
                heard += stop.reload_requested()
        finally:
            sender.kill()
            sender.wait()
        stop.reload_requested()
        os.kill(os.getpid(), signal.SIGHUP)
        while not stop.reload_requested():
            stop.idle(60)
    assert not stop.requested()


def test_a_stop_wakes_every_thread_that_waits() -> None:
    """Several threads wait for an hour; one stop ends the waiting of all, and later ones do not wait at all."""
    stop = SignalStop()
    waiting = [threading.Thread(target=stop.wait, args=(3600,)) for _ in range(5)]
    for thread in waiting:
        thread.start()
    stop.stop("terminated")
    stop.stop("interrupted")
    for thread in waiting:
        thread.join()
    stop.wait(3600)
    stop.idle(3600)
    assert stop.requested() == "terminated"


def test_waiting_ends_with_its_time() -> None:
    """Without a signal the time passes, and a time that is over already is none."""
    stop = SignalStop(reloads=True)
    stop.wait(0.001)
    stop.wait(-1)
    stop.idle(0.001)
    stop.idle(-1)
    assert not stop.requested()
    assert not stop.reload_requested()
