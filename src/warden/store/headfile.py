"""The published head: a file outside the database that a rolled-back database cannot agree with.

Two slots of `SLOT_BYTES`, preallocated, written in turn and followed by fdatasync: a write that is torn by a crash hits
the older slot, and the newer one still says the head before. A slot is a line with magic, generation, length and
SHA-256 of the note, then the note (`ledger.checkpoint`), then zeros.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from warden.errors import LedgerError, quote
from warden.store.durable import create_file, disk_errors, make_directory

if TYPE_CHECKING:
    from pathlib import Path

SLOT_BYTES = 4096
READINGS = 100
"""INVARIANT (bounded): how often a head file is read that changes while it is read."""
_MAGIC = b"warden-head-1"


class HeadStore(Protocol):
    """Keeps the newest published head (a checkpoint note)."""

    def read(self) -> str | None:
        """Return the newest note, or None when none was ever published; raises `StateError` and `LedgerError`."""
        ...

    def publish(self, note: str) -> None:
        """Make `note` the newest, durably; raises `StateError`."""
        ...


class MemoryHeads:
    """A head store for a ledger in memory."""

    def __init__(self) -> None:
        self._note: str | None = None

    def read(self) -> str | None:
        """Return the newest note, or None."""
        return self._note

    def publish(self, note: str) -> None:
        """Keep `note`."""
        self._note = note


def write_slot(generation: int, note: str) -> bytes:
    """Return the bytes of a slot; raises `ValueError` when the note does not fit."""
    data = note.encode()
    head = b"%s %d %d %s\n" % (_MAGIC, generation, len(data), sha256(b"%d\n" % generation + data).hexdigest().encode())
    if len(head) + len(data) > SLOT_BYTES:
        raise ValueError("a note does not fit into a slot")
    return (head + data).ljust(SLOT_BYTES, b"\0")


def read_slot(slot: bytes) -> tuple[int, str] | None:
    """Return generation and note of a whole slot, None for an empty or torn one."""
    line, newline, rest = slot.partition(b"\n")
    parts = line.split(b" ")
    if not newline or len(parts) != 4 or parts[0] != _MAGIC:
        return None
    if not (parts[1].isdigit() and parts[2].isdigit() and len(parts[1]) < 20 and len(parts[2]) < 5):
        return None
    generation, length = int(parts[1]), int(parts[2])
    try:
        note = rest[:length].decode()
        return (generation, note) if write_slot(generation, note) == slot else None
    except ValueError:
        return None


class HeadFile:
    """The two-slot file at `path`. Written only under the ledger's writer lock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> str | None:
        """Return the newest whole note, None when the file does not exist.

        Raises `LedgerError` when the file exists and no slot of it is whole: a crash tears one slot, never both.
        """
        newest = self._newest()
        return None if newest is None else newest[1]

    def publish(self, note: str) -> None:
        """Write `note` into the older slot and make it durable; raises `StateError`."""
        newest = self._newest()
        if newest is None:
            make_directory(self._path.parent)
            if create_file(self._path, write_slot(1, note) + bytes(SLOT_BYTES)):
                return
            newest = self._newest()
        generation = 1 if newest is None else newest[0] + 1
        with disk_errors(self._path):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.pwrite(descriptor, write_slot(generation, note), SLOT_BYTES * ((generation - 1) % 2))
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def _newest(self) -> tuple[int, str] | None:
        before = b""
        for _ in range(READINGS):
            with disk_errors(self._path):
                try:
                    data = self._path.read_bytes()
                except FileNotFoundError:
                    return None
            slots = (read_slot(data[:SLOT_BYTES]), read_slot(data[SLOT_BYTES : 2 * SLOT_BYTES]))
            whole = [slot for slot in slots if slot is not None]
            if whole:
                return max(whole)
            if data == before:
                break
            before = data  # a reader that stood still between the slots may see both of them half written
        raise LedgerError(
            f"the head file {quote(self._path)} holds no whole head",
            "run `warden ledger verify`, then `warden ledger repair`",
        )
