"""What can go wrong at each step of a simulated world, by name: the fault plan.

Whether a call or a write is applied, and whether its caller learns so, are chosen apart. A step is before a call of the hub is
applied, after it, before a commit, after it, before a head is published, after it. What a network can do to an answer
reaches the engine through its port as a few errors; which byte on the wire becomes which error is held by the tests of the
HTTP client.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from warden.errors import (
    HubAnswerError,
    HubBusyError,
    HubCredentialError,
    HubError,
    HubUncertainError,
    HubUnreachableError,
    StateError,
)
from warden.model.delivery import OutgoingMessage, ProgressEvent
from warden.model.entry import Batch, Head
from warden.model.hub import InboxPage
from warden.model.posted import Accepted
from warden.store.headfile import SLOT_BYTES, HeadFile, write_slot
from warden.store.sqlite import SqliteLedgerStore
from warden.testing.engine import Killed
from warden.testing.hub import MemoryHub

KILL = "kill"
POWER = "power loss"
"""What was not synced is lost, torn, or there: a process that is killed loses nothing that it wrote."""
ENOSPC, EIO = "ENOSPC", "EIO"
"""The write is refused; and: it was made, and its caller is told that it failed."""
FORWARD, BACK = "clock an hour forward", "clock an hour back"

MENUS: dict[str, tuple[str, ...]] = {
    "commit": (KILL, ENOSPC, EIO, POWER, FORWARD, BACK),
    "committed": (KILL,),
    "head": (KILL, ENOSPC, EIO, POWER),
    "head written": (KILL,),
    "before": (KILL, "reset, 5xx or time-out", "truncated body", "refused connection", "503", "401"),
    "after": (KILL, "reset, 5xx or time-out", "truncated body"),
}
"""Per step what can go wrong there. The hub's steps are `before` and `after` a call of it is applied."""

SECTOR_BYTES = 512
"""What a disk writes whole, or not at all."""


def hub_error(what: str) -> HubError:
    """Return what the client of the hub raises for a fault."""
    errors = {
        "reset, 5xx or time-out": HubUncertainError("no answer"),
        "truncated body": HubAnswerError("half an answer"),
        "refused connection": HubUnreachableError("refused"),
        "503": HubBusyError("later", retry_after_s=7.0),
        "401": HubCredentialError("no"),
    }
    return errors[what]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong at a step; `variant` picks one of the ways in which it can, where there are several."""

    what: str
    variant: int = 0


NOTHING = Fault("")
Step = Callable[[str], Fault]
"""Counts a step and says what goes wrong at it; raises `Killed`."""


def torn(before: bytes, after: bytes, variant: int) -> bytes:
    """Return what a disk holds when the power fails while it writes `after` over `before`: any of its sectors, in any order.

    Variant 0 has none of them, 1 all, 2 and 3 are cut at some sector and some byte, others have each by chance.
    """
    draw = random.Random(variant)
    if variant < 2:
        return after if variant else before
    if variant < 4:
        cut = (
            draw.randrange(len(before), len(after) + 1) if len(after) > len(before) else draw.randrange(len(after) + 1)
        )
        cut -= cut % SECTOR_BYTES if variant == 2 else 0
        return after[:cut] + before[cut:]
    mixed = bytearray(before.ljust(len(after), b"\0"))
    for start in range(0, len(after), SECTOR_BYTES):
        if draw.random() < 0.5:
            mixed[start : start + SECTOR_BYTES] = after[start : start + SECTOR_BYTES]
    return bytes(mixed[: len(after)])


class Disk:
    """The head's file, whose writes may fail, be torn by a loss of power, or never begin."""

    power_lost: Callable[[dict[Path, bytes]], None]

    def __init__(self, path: Path, step: Step) -> None:
        self.step = step
        self._file = HeadFile(path)
        self._path = path

    def read(self) -> str | None:
        """Return the newest whole head."""
        return self._file.read()

    def publish(self, note: str) -> None:
        """Write the head, unless something goes wrong."""
        fault = self.step("head")
        if fault.what == POWER:
            self._tear(note, fault.variant)
            self.power_lost({})
            raise Killed
        if fault.what == ENOSPC:
            raise StateError("the head cannot be written")
        self._file.publish(note)
        if fault.what == EIO:
            raise StateError("the head was written, and its disk says that it was not")
        self.step("head written")

    def _tear(self, note: str, variant: int) -> None:
        if not self._path.exists():
            return
        newest = self._file._newest()
        generation = 1 if newest is None else newest[0] + 1
        data = bytearray(self._path.read_bytes())
        start = SLOT_BYTES * ((generation - 1) % 2)
        slot = bytes(data[start : start + SLOT_BYTES])
        data[start : start + SLOT_BYTES] = torn(slot, write_slot(generation, note), variant)
        with self._path.open("r+b") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())


class FailingStore(SqliteLedgerStore):
    """The real ledger on a real file, whose commits may be refused, killed, or caught by a loss of power."""

    step: Step
    move_clock: Callable[[float], None]
    power_lost: Callable[[dict[Path, bytes]], None]

    def commit(self, batch: Batch) -> Head:
        """Commit, unless something goes wrong."""
        fault = self.step("commit")
        if fault.what == ENOSPC:
            raise StateError("the disk is full")
        if fault.what == POWER:
            self._lose_power(batch, fault.variant)
            raise Killed
        if fault.what in (FORWARD, BACK):
            self.move_clock(3600.0 if fault.what == FORWARD else -3600.0)
        head = super().commit(batch)
        if fault.what == EIO:
            raise StateError("it was stored, and the disk says that it was not")
        self.step("committed")
        return head

    def _lose_power(self, batch: Batch, variant: int) -> None:
        """Note what the disk holds when the power fails before the commit's sync: the write-ahead log is torn, the database
        as it was. It is put there when all processes have ended."""
        database, wal = Path(self._path), Path(self._path + "-wal")
        before = {path: path.read_bytes() if path.exists() else b"" for path in (database, wal)}
        super().commit(replace(batch, publish=False))
        self.power_lost({database: before[database], wal: torn(before[wal], wal.read_bytes(), variant)})


class FailingHub(MemoryHub):
    """A hub that tells the world of every delivery before it takes it, and lists its inbox as it pleases."""

    agents: frozenset[str]
    before_delivery: Callable[[str], None]
    shuffle: random.Random

    def list_unread(self, agent: str, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page, now and then with repetitions and in another order."""
        page = super().list_unread(agent, after, limit)
        messages = list(page.messages)
        if messages and self.shuffle.random() < 0.3:
            messages += self.shuffle.choices(messages, k=2)
        if self.shuffle.random() < 0.3:
            self.shuffle.shuffle(messages)
        return replace(page, messages=tuple(messages))

    def post_message(self, message: OutgoingMessage, key: str | None = None) -> Accepted:
        """Take a message."""
        if message.from_agent in self.agents:
            self.before_delivery(str(key))
        return super().post_message(message, key)

    def post_progress(self, event: ProgressEvent, key: str | None = None) -> Accepted:
        """Take an event."""
        self.before_delivery(str(key))
        return super().post_progress(event, key)

    def mark_read(self, agent: str | None, message_id: str, key: str | None = None) -> Accepted:
        """Set a flag."""
        self.before_delivery(str(key))
        return super().mark_read(agent, message_id, key)


class ForgetfulHub(FailingHub):
    """A hub that breaks its word: it takes the same key twice. A simulation that does not notice it is worth nothing."""

    def post_message(self, message: OutgoingMessage, key: str | None = None) -> Accepted:
        """Take a message, whatever its key."""
        if message.from_agent in self.agents:
            self.before_delivery(str(key))
        return MemoryHub.post_message(self, message)
