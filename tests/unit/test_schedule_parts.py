"""What surrounds a worker: the notify socket, its sign of life, stops, and the names of timetables."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from warden.cli.schedule_parts import timetable_of
from warden.config.environment import from_variables
from warden.errors import StateError
from warden.schedule.notify import ServiceManager
from warden.schedule.stops import DeadlineStop, PulseStop
from warden.store.heartbeat import Heartbeat, boot_id, heartbeat_path, read_heartbeat, write_heartbeat
from warden.testing.engine import FixedClock

BEAT = Heartbeat("a every 5m", "waiting", "2026-01-01T00:00:00Z", "", 30.0, 17, "boot", "2026-01-01T00:00:00Z")


def test_the_manager_is_told_one_line_a_thing(tmp_path: Path) -> None:
    """A datagram of lines; a status with odd characters stays one line; the watchdog is fed at most three times a period."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        manager = ServiceManager(address, watchdog_s=30.0)
        manager.ready("up\nREADY=0")
        for moment in (0.0, 5.0, 10.0, 10.1, 21.0):
            manager.feed(moment)
        manager.stopping("x" * 1000)
        said = [listener.recv(4096).decode() for _ in range(5)]
    assert said[0] == "READY=1\nSTATUS=up?READY=0"
    assert said[1:4] == ["WATCHDOG=1"] * 3
    assert said[4] == "STOPPING=1\nSTATUS=" + "x" * 256


def test_nobody_has_to_listen(tmp_path: Path) -> None:
    """No address, or one where nobody is, changes nothing; without a watchdog nothing is fed."""
    for manager in (ServiceManager(), ServiceManager(str(tmp_path / "gone"), 1.0), ServiceManager("@gone", None)):
        manager.ready("up")
        manager.reloading()
        manager.status("busy")
        manager.feed(0.0)


@pytest.mark.parametrize(
    ("variables", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "٣"}, None),
    ],
)
def test_the_watchdog_is_read_of_the_environment(variables: dict[str, str], watchdog_s: float | None) -> None:
    """A period in microseconds that is meant for this process."""
    assert from_variables(variables).watchdog_s == watchdog_s


def test_a_sign_of_life_is_read_as_it_was_written(tmp_path: Path) -> None:
    """And replaced by the next; whatever else the file holds is no sign."""
    path = heartbeat_path(tmp_path, "ops-warden")
    assert read_heartbeat(path) is None
    write_heartbeat(path, BEAT)
    assert read_heartbeat(path) == BEAT
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    for odd in (
        "",
        "[]",
        "{}",
        "\x00",
        "[" * 9000,
        '{"schema": "warden.heartbeat/1"}',
        path.read_text().replace("17", '"17"'),
    ):
        path.write_text(odd)
        assert read_heartbeat(path) is None
    assert heartbeat_path(tmp_path, "a/b").parent == tmp_path
    assert isinstance(boot_id(), str)
    with pytest.raises(StateError):
        write_heartbeat(tmp_path / "missing" / "x.json", BEAT)


class Stop:
    """A stop that never comes; waiting moves a clock."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.why = ""

    def requested(self) -> str:
        """Return the reason."""
        return self.why

    def wait(self, seconds: float) -> None:
        """Move the clock."""
        self.clock.advance(seconds)


def test_a_deadline_asks_to_stop_and_bounds_waiting() -> None:
    """Before it nothing is asked; after it `deadline`; a signal's word comes first."""
    clock = FixedClock()
    stop = Stop(clock)
    deadline = DeadlineStop(stop, clock.monotonic, 10.0)
    assert deadline.requested() == ""
    deadline.wait(3600.0)
    assert clock.monotonic() == 10.0
    assert deadline.requested() == "deadline"
    stop.why = "terminated"
    assert deadline.requested() == "terminated"


def test_a_pulse_is_felt_between_steps_and_while_waiting() -> None:
    """Each question and each slice of a wait is a sign of life; a stop ends the wait."""
    clock = FixedClock()
    stop, felt = Stop(clock), [0]

    def pulse() -> None:
        felt[0] += 1
        stop.why = "terminated" if clock.monotonic() >= 20.0 else ""

    pulsing = PulseStop(stop, pulse, clock.monotonic)
    assert pulsing.requested() == ""
    pulsing.wait(12.0)
    assert (clock.monotonic(), felt[0]) == (12.0, 5)
    pulsing.wait(3600.0)
    assert clock.monotonic() == 22.0


@pytest.mark.parametrize("text", ["every 5m", "cron */5 8-18 * * mon-fri Europe/Berlin", "cron 0 0 1 1 * UTC"])
def test_a_timetable_is_found_by_its_own_words(text: str) -> None:
    """The name of a schedule in the ledger says when its ticks are."""
    found = timetable_of(text)
    assert found is not None
    assert found.text == text


@pytest.mark.parametrize(
    "text", ["", "timer", "every", "every soon", "cron", "cron * * * * *", "cron * * * * * Mars", "sha256:00"]
)
def test_other_words_are_no_timetable(text: str) -> None:
    """A name that was shortened, or a timer that somebody else keeps."""
    assert timetable_of(text) is None
