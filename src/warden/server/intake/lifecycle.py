"""What a runtime says of its workloads: datagrams on a Unix socket, checked and made durable.

What it does: binds the socket, reads one datagram at a time, keeps each report in `intake.db` before the next is read, and
quarantines what is none with its reason. What it does not: judge a report, or touch the ledger; the next run takes reports
there. Rules: the socket is its owner's alone (0600: that is who vouches for a report); a socket that nobody listens at is
replaced, one that is in use and anything else at its path is not; a datagram has a bounded size; an event id is
`opencrow:<instance>:<inbox id>:<attempt>:<status>` and says the same as the fields beside it. The sender does not wait for an
answer and does not repeat itself: what is lost on the way is found by the sweep of a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import re
import socket
import stat
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from warden.errors import StateError, WardenError, quote
from warden.hubs.parsing import MalformedDocumentError, parse_json
from warden.hubs.workload_reports import HeardReport, keep_report, quarantine_report
from warden.model.digests import digest_bytes
from warden.model.outcome import OutcomeStatus
from warden.server.intake.app import Desk, Router

if TYPE_CHECKING:
    from pathlib import Path

DATAGRAM_BYTES = 16 * 1024
"""INVARIANT (bounded): a longer datagram is refused."""
DATAGRAMS_AT_ONCE = 256
"""INVARIANT (bounded): datagrams that are read before they are kept."""
DETAILS_CHARACTERS = 2_000
"""INVARIANT (bounded): what is kept of a report's details."""
PATH_BYTES = 100
"""A Unix socket's path has at most 107 bytes (unix(7)), and ours is bound under a longer name first."""
TYPE = "workload.lifecycle"

_EVENT_ID = re.compile(r"opencrow:([A-Za-z0-9._-]{1,64}):([A-Za-z0-9._-]{1,64}):([0-9]{1,9}):([a-z]{1,16})\Z")
_WORKLOAD_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
_WORD = re.compile(r"[\x20-\x7e]{1,256}\Z")
_REQUIRED = frozenset({"version", "type", "event_id", "workload_id", "status", "occurred_at"})
_KNOWN = _REQUIRED | {"source_event_id", "source", "action", "opencrow_instance", "inbox_id", "attempt", "details"}

Redact = Callable[[str], str]


class MalformedReportError(WardenError):
    """A datagram is no lifecycle report; the message is the reason under which it is quarantined."""

    code = "malformed-report"


def parse_report(data: bytes, redact: Redact, instance: str = "") -> HeardReport:
    """Return the report in a datagram; raises `MalformedReportError`, whose message is a reason code.

    With `instance` only that runtime's reports are taken. Unknown fields are passed over: a newer runtime may say more.
    """
    if len(data) > DATAGRAM_BYTES:
        raise MalformedReportError("too-large")
    try:
        document = parse_json(data)
    except MalformedDocumentError as error:
        raise MalformedReportError("not-json") from error
    if not isinstance(document, Mapping) or not set(document) >= _REQUIRED:
        raise MalformedReportError("missing-field")
    if document["version"] != 1 or document["version"] is True or document["type"] != TYPE:
        raise MalformedReportError("other-version")
    for name in ("source_event_id", "source", "action", "occurred_at"):
        if document.get(name) is not None and not _matches(_WORD, document[name]):
            raise MalformedReportError("malformed-field")
    event_id, status = _event(document, instance)
    workload_id = document["workload_id"]
    if not isinstance(workload_id, str) or not _WORKLOAD_ID.match(workload_id):
        raise MalformedReportError("workload-id")
    # INVARIANT (no-secret): ids are kept as they are, so one that looks like a secret is refused.
    if redact(f"{event_id} {workload_id}") != f"{event_id} {workload_id}":
        raise MalformedReportError("secret-in-id")
    return HeardReport(
        workload_id, event_id, status, redact(str(document["occurred_at"])), _details(document.get("details"), redact)
    )


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.match(value) is not None


def _event(document: Mapping[str, Any], instance: str) -> tuple[str, OutcomeStatus]:
    """Return event id and status; what the id says and what the fields say must be the same."""
    found = _EVENT_ID.match(document["event_id"]) if isinstance(document["event_id"], str) else None
    if found is None or document["status"] != found[4]:
        raise MalformedReportError("event-id")
    said = {"opencrow_instance": found[1], "inbox_id": found[2], "attempt": found[3]}
    for name, value in said.items():
        given = document.get(name)
        if given is not None and (isinstance(given, bool) or str(given) != value):
            raise MalformedReportError("event-id")
    if instance and found[1] != instance:
        raise MalformedReportError("other-instance")
    try:
        return found[0], OutcomeStatus(found[4])
    except ValueError as error:
        raise MalformedReportError("status") from error


def _details(value: object, redact: Redact) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    # Redacted before it is cut: half a secret is not known as one.
    return redact(text)[:DETAILS_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def bind_socket(path: Path) -> socket.socket:
    """Return a datagram socket at `path`, readable and writable by its owner only; raises `StateError`.

    A socket that nobody listens at is replaced in one step; a path where somebody listens, or that is something else, is left
    alone.
    """
    if len(os.fsencode(path)) > PATH_BYTES:
        raise StateError(f"the path {quote(path)} is too long for a socket", f"use at most {PATH_BYTES} bytes")
    _check_free(path)
    beside = path.with_name(f"{path.name}.{os.getpid() % 100_000}")
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        bound.bind(os.fspath(beside))
        os.chmod(beside, 0o600)
        os.replace(beside, path)  # nobody ever meets a socket there that others may write to
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        with contextlib.suppress(OSError):
            beside.unlink()
        raise StateError(f"cannot listen at {quote(path)}: {error.strerror}", "check the directory") from error
    return bound


def _check_free(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateError(f"cannot look at {quote(path)}: {error.strerror}", "check the directory") from error
    if not stat.S_ISSOCK(found.st_mode):
        raise StateError(
            f"{quote(path)} is there, and is no socket", "name another path in `workload.lifecycle_socket`"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        code = probe.connect_ex(os.fspath(path))
    if code not in (errno.ECONNREFUSED, errno.ENOENT):
        raise StateError(f"somebody listens at {quote(path)} already", "end the other `warden intake serve`")


class Listener:
    """Hears reports at one socket for as long as the application runs."""

    def __init__(self, desk: Desk, path: Path, redact: Redact, instance: str = "") -> None:
        self._desk = desk
        self._path = path
        self._redact = redact
        self._instance = instance
        self._bound: socket.socket | None = None

    def open(self) -> None:
        """Bind the socket before anything is served; raises `StateError`. `listening` gives it back."""
        self._bound = bind_socket(self._path)

    def router(self) -> Router:
        """Return what the application mounts: no routes, and the listening."""
        return Router((), self.listening)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen for the length of the block; what was heard before its end is kept. The socket is removed."""
        bound = self._bound or bind_socket(self._path)
        self._bound = None
        identity = os.stat(self._path)
        stop = asyncio.Event()
        task = asyncio.get_running_loop().create_task(self._hear(bound, stop))
        try:
            yield
        finally:
            stop.set()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self._drain(bound)
            bound.close()
            with contextlib.suppress(OSError):
                now = os.stat(self._path)
                if (now.st_dev, now.st_ino) == (identity.st_dev, identity.st_ino):
                    os.unlink(self._path)

    async def _hear(self, bound: socket.socket, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            batch = [await loop.sock_recv(bound, DATAGRAM_BYTES + 1)]
            # What lies in the queue shares a commit: the queue is short, and its sender does not wait.
            with contextlib.suppress(BlockingIOError):
                while len(batch) < DATAGRAMS_AT_ONCE:
                    batch.append(bound.recv(DATAGRAM_BYTES + 1))
            keeping = asyncio.gather(*(self._take_until_kept(data, stop) for data in batch))
            try:
                await asyncio.shield(keeping)
            except asyncio.CancelledError:
                await keeping  # what was read is kept before we end
                raise

    async def _drain(self, bound: socket.socket) -> None:
        """What lies in the socket's queue when we end was sent to us: it is kept."""
        for _ in range(1_000):
            try:
                data = bound.recv(DATAGRAM_BYTES + 1)
            except OSError:
                return
            with contextlib.suppress(WardenError):
                await self.take(data)

    async def _take_until_kept(self, data: bytes, stop: asyncio.Event) -> None:
        """INVARIANT (nothing-lost): a report is tried again while the disk refuses it, until we are told to end."""
        pause_s = 0.05
        while True:
            try:
                await self.take(data)
                return
            except WardenError:
                if stop.is_set():
                    return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s)
            pause_s = min(pause_s * 2, 5.0)

    async def take(self, data: bytes) -> str:
        """Keep what one datagram says, durably; returns `new`, `duplicate`, or the reason for which it is quarantined."""
        now = self._desk.clock.now().timestamp()
        try:
            heard = parse_report(data, self._redact, self._instance)
        except MalformedReportError as error:
            reason = error.message
            await self._desk.write(lambda c: quarantine_report(c, reason, digest_bytes(data), len(data), now))
            return reason
        state = await self._desk.write(lambda c: keep_report(c, heard, now))
        if state == "too-many":
            await self._desk.write(lambda c: quarantine_report(c, state, digest_bytes(data), len(data), now))
        return state
