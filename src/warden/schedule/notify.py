"""Telling the service manager how the worker is: datagrams to a socket that it names (sd_notify(3), systemd).

One datagram of `NAME=value` lines to the Unix socket in NOTIFY_SOCKET; a name that begins with `@` is in the abstract
namespace. A manager that cannot be reached changes nothing: what is told here is told for its sake.
"""

from __future__ import annotations

import contextlib
import socket
import time

LINE_LIMIT = 256
WAIT_S = 1.0
"""How long a change of state waits for room: a manager's queue is short, and what is not repeated must not be lost in it."""


class ServiceManager:
    """The manager behind `address`, which is empty when there is none. `watchdog_s` is how often it wants to hear that the
    worker is alive, None when it does not ask."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = watchdog_s
        self._fed_at: float | None = None

    def ready(self, status: str) -> None:
        """Started, or loaded its configuration again."""
        self._send("READY=1", f"STATUS={_line(status)}", wait_s=WAIT_S)

    def reloading(self) -> None:
        """Begins to load its configuration; `ready` is said afterwards. The time is CLOCK_MONOTONIC, as the protocol wants."""
        since = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={since}", wait_s=WAIT_S)

    def stopping(self, status: str) -> None:
        """Was asked to end, and ends what it is at."""
        self._send("STOPPING=1", f"STATUS={_line(status)}", wait_s=WAIT_S)

    def status(self, text: str) -> None:
        """Say what it is doing, for people."""
        self._send(f"STATUS={_line(text)}")

    def feed(self, now: float) -> None:
        """Say that it is alive, when the last time is longer ago than a third of what the manager waits; `now` is monotonic.

        This is called between steps, so that a worker that hangs in one is found and started again.
        """
        if self.watchdog_s is None:
            return
        if self._fed_at is None or now - self._fed_at >= self.watchdog_s / 3:
            self._fed_at = now
            self._send("WATCHDOG=1")

    def _send(self, *lines: str, wait_s: float = 0.0) -> None:
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.settimeout(wait_s)
            sender.sendto("\n".join(lines).encode(), self._address)


def _line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)[:LINE_LIMIT]
