"""A runtime that executes workloads, as its peers meet it: a real reader of the trigger pipe and a real sender of datagrams.

It behaves like the real one, its defects included: it holds the pipe open and reads lines; a line that is too long ends its
reader for good; it may die with lines in the pipe, which are lost, and come back; it tells a workload that it knows by its
id; it sends each lifecycle report once, without waiting for an answer, and never says that one was dropped.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from pathlib import Path

READER_BYTES = 64 * 1024
"""A line that is longer ends the reader."""


@dataclass
class Runtime:
    """One runtime. `workloads` holds each workload that was taken, once; `repeated` those that came again; `triggers` the
    plain lines as (kind, values)."""

    pipe: Path
    lifecycle: Path | None = None
    instance: str = "crow-1"
    workloads: dict[str, dict[str, str]] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    triggers: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    dead: bool = False
    sent: list[bytes] = field(default_factory=list)
    _descriptor: int = -1
    _rest: bytes = b""
    _inbox: int = 0

    def start(self) -> None:
        """Make the pipe if it is not there, and hold it open for reading."""
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self.pipe, 0o600)
        self._descriptor = os.open(self.pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def stop(self) -> None:
        """Let go of the pipe: what is in it and was not read is lost."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._rest = -1, b""

    def forget(self) -> None:
        """Lose all memory, as a runtime whose disk was lost."""
        self.workloads.clear()

    def read(self) -> list[str]:
        """Read what is in the pipe; returns the ids of the workloads that are new."""
        new: list[str] = []
        while not self.dead and self._descriptor >= 0:
            try:
                chunk = os.read(self._descriptor, READER_BYTES)
            except BlockingIOError:
                break
            if not chunk:
                break
            self._rest += chunk
            *lines, self._rest = self._rest.split(b"\n")
            if max(map(len, [*lines, self._rest])) > READER_BYTES:
                self.dead = True  # its scanner gave up, and nobody starts it again
                break
            new.extend(found for line in lines if (found := self._take(line.decode())))
        return new

    def _take(self, line: str) -> str:
        word, _, rest = line.partition(" ")
        if word != "workload.v1":
            values = dict(pair.split("=", 1) for pair in rest.split(" "))
            self.triggers.append((word, {name: unquote(value) for name, value in values.items()}))
            return ""
        workload = json.loads(rest)
        workload_id = str(workload["workload_id"])
        if workload_id in self.workloads:
            self.repeated.append(workload_id)
            return ""
        self.workloads[workload_id] = workload
        return workload_id

    def report(self, workload_id: str, status: str, attempt: int = 1, inbox_id: str = "", **more: object) -> bytes:
        """Return the datagram that says this, as it would be sent."""
        inbox = inbox_id or str(self._inbox + 1)
        document = {
            "version": 1,
            "type": "workload.lifecycle",
            "event_id": f"opencrow:{self.instance}:{inbox}:{attempt}:{status}",
            "workload_id": workload_id,
            "status": status,
            "occurred_at": "2026-01-01T00:00:00Z",
            "opencrow_instance": self.instance,
            "inbox_id": inbox,
            "attempt": attempt,
            **more,
        }
        return json.dumps(document).encode()

    def requeue(self) -> str:
        """Return a new inbox id, as a preempted workload gets one."""
        self._inbox += 1
        return str(self._inbox + 1)

    def send(self, datagram: bytes) -> bool:
        """Send a datagram and forget it; returns whether somebody was there to take it."""
        if self.lifecycle is None:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            try:
                sender.sendto(datagram, os.fspath(self.lifecycle))
            except OSError:
                return False
        self.sent.append(datagram)
        return True
