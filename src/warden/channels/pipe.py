"""The workload channel: one line into the trigger pipe of a runtime that executes workloads.

What it does: writes `workload.v1 {...}` for a workload, or `<kind> schema=opencrow.trigger.v1 name=value ...` for a plain
trigger, to a FIFO, in one write. What it does not: create the FIFO, wait for a reader, or know what becomes of the line;
what the runtime reports later are outcomes. Rules: a line is at most 4,096 bytes with its newline (PIPE_BUF: POSIX
write(2) makes such a write whole or not at all; a line of over 64 KiB would end the reader for good), holds no other
newline, and carries no grant. What is promised is at least once under a workload id that never changes, so that the
reader can tell a repetition: a pipe gives no answer, and a line in it dies with its last reader.
"""

from __future__ import annotations

import json
import os
import re
import stat
from typing import TYPE_CHECKING
from urllib.parse import quote as percent_encode

from warden.errors import HubBusyError, HubRejectedError, HubUnreachableError, quote
from warden.model.delivery import Intent, Payload, Receipt, TriggerLine, WorkloadStart
from warden.model.hub import DeliveryMeans

if TYPE_CHECKING:
    from pathlib import Path

LINE_BYTES = 4096
"""INVARIANT (bounded): PIPE_BUF on Linux, the longest write to a pipe that is never mixed with another."""

TRIGGER_SCHEMA = "opencrow.trigger.v1"
_KIND = re.compile(r"[a-z][a-z0-9._-]{0,63}\Z")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}\Z")


class PipeChannel:
    """Writes to the FIFO at `path`. Safe to call from several threads and processes: every line is one write.

    With no path every delivery waits until one is configured.
    With `reports_outcomes` a receipt is not the end of a delivery: the runtime says later what became of it.
    """

    means = DeliveryMeans.IDEMPOTENCY_KEY
    """The workload id is the key, and the reader tells a repetition by it."""

    def __init__(self, path: Path | None, reports_outcomes: bool) -> None:
        self._path = path
        self.reports_outcomes = reports_outcomes

    def deliver(self, intent: Intent) -> Receipt:
        """Write the payload's line and return its receipt.

        Raises `HubUnreachableError` when there is no FIFO or nobody reads it, `HubBusyError` when it is full (nothing was
        written in either case), and `HubRejectedError` for a payload that makes no line.
        """
        line = trigger_line(intent.payload)
        descriptor = self._open()
        try:
            written = os.write(descriptor, line)
        except BlockingIOError as error:
            raise HubBusyError(f"the pipe {quote(self._path)} is full", "see why its reader does not read") from error
        except BrokenPipeError as error:
            raise self._unread() from error
        finally:
            os.close(descriptor)
        assert written == len(line)  # POSIX: a write of at most PIPE_BUF bytes is never partial
        return Receipt(intent.key)

    def find(self, intent: Intent) -> Receipt | None:
        """Nothing can be looked for in a pipe, and nothing has to be."""
        return None

    def _open(self) -> int:
        """Open without waiting for a reader and without ever making a file; what is there must be a FIFO."""
        if self._path is None:
            raise HubUnreachableError("no trigger pipe is configured", "name the runtime's in `workload.trigger_pipe`")
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == 6:  # ENXIO, fifo(7): nobody has it open for reading
                raise self._unread() from error
            reason = (error.strerror or type(error).__name__).lower()
            raise HubUnreachableError(
                f"the pipe {quote(self._path)} cannot be opened: {reason}",
                "start the runtime that makes it, or correct `workload.trigger_pipe`",
            ) from error
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise HubUnreachableError(f"{quote(self._path)} is not a FIFO", "correct `workload.trigger_pipe`")
        return descriptor

    def _unread(self) -> HubUnreachableError:
        return HubUnreachableError(f"nobody reads the pipe {quote(self._path)}", "start the runtime that reads it")


def trigger_line(payload: Payload) -> bytes:
    """Return the line that says this payload, with its newline; raises `HubRejectedError` when no line can say it."""
    match payload:
        case WorkloadStart():
            fields = {"workload_id": payload.workload_id, "event_id": payload.event_id}
            fields |= {"source": payload.source, "action": payload.action}
            if not all(fields.values()):
                raise HubRejectedError("a workload needs an id, an event, a source and an action")
            if payload.response_policy is not None:
                fields["response_policy"] = payload.response_policy
            # ASCII with escapes: no character of a value can end the line or be half of another.
            line = "workload.v1 " + json.dumps(fields, ensure_ascii=True, separators=(",", ":"))
        case TriggerLine():
            line = _plain_line(payload)
        case _:
            raise HubRejectedError("a trigger pipe does not carry this kind of delivery")
    data = line.encode("ascii") + b"\n"
    if len(data) > LINE_BYTES or data.count(b"\n") != 1:
        raise HubRejectedError(f"the line has {len(data)} bytes; a pipe takes {LINE_BYTES} in one piece")
    return data


def _plain_line(payload: TriggerLine) -> str:
    if not _KIND.match(payload.kind) or not all(_NAME.match(name) for name in payload.metadata):
        raise HubRejectedError("a trigger's kind and names are short words of letters, digits, `.`, `_` and `-`")
    if "schema" in payload.metadata:
        raise HubRejectedError("a trigger's schema cannot be chosen")
    try:
        values = [f"{name}={percent_encode(value, safe='')}" for name, value in payload.metadata.items()]
    except UnicodeEncodeError as error:
        raise HubRejectedError("a trigger's value is not text") from error
    return " ".join((payload.kind, f"schema={TRIGGER_SCHEMA}", *values))
