"""Witnesses: places for the ledger's newest head that do not lie in the state directory.

A file holds the signed checkpoint as `warden ledger checkpoint` prints it, so that it serves for `verify --head` too. It is
replaced whole and synced: it stays one short file for ever, is never half written, and the newest head says all that the ones
before it said. Its directory must exist: a disk that is not mounted is not silently replaced by a directory of its name. A
command is given the checkpoint on stdin and keeps it however it likes (an append-only log, another host); a second one, when
there is one, prints the newest that was kept. No shell is involved, and what they print is not shown.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.errors import StateError, quote
from warden.ledger.checkpoint import NOTE_LIMIT
from warden.store.durable import replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NOTE_BYTES = 4 * NOTE_LIMIT


@dataclass(frozen=True, slots=True)
class WitnessFile:
    """A file elsewhere: another disk, a mounted path."""

    path: Path

    @property
    def name(self) -> str:
        """The place, for a person."""
        return f"witness {quote(self.path)}"

    def read(self) -> str | None:
        """Return what is kept there, empty when there is no file yet; raises `StateError`."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe is not waited for
            try:
                data = os.read(descriptor, _NOTE_BYTES)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            if not self.path.parent.is_dir():
                raise _unusable("its directory is not there", "mount it, or make the directory") from None
            return ""
        except OSError as error:
            raise _unusable((error.strerror or type(error).__name__).lower()) from error
        return data.decode("utf-8", "replace")

    def keep(self, note: str) -> None:
        """Replace what is kept there; raises `StateError`."""
        try:
            if not self.path.parent.is_dir():
                raise _unusable("its directory is not there", "mount it, or make the directory")
            if self.path.exists() and not self.path.is_file():
                raise _unusable("it is no ordinary file")
        except OSError as error:
            raise _unusable((error.strerror or type(error).__name__).lower()) from error
        replace_file(self.path, note.encode())


@dataclass(frozen=True, slots=True)
class WitnessCommand:
    """Programs that keep a head and give it back; `reading` may be empty."""

    keeping: tuple[str, ...]
    reading: tuple[str, ...]
    timeout_s: float

    @property
    def name(self) -> str:
        """The program, for a person."""
        return f"witness command {quote(self.keeping[0])}"

    def read(self) -> str | None:
        """Return what the reading command prints, None when there is none; raises `StateError`."""
        if not self.reading:
            return None
        return self._run(self.reading, b"")[:_NOTE_BYTES].decode("utf-8", "replace")

    def keep(self, note: str) -> None:
        """Give the head to the keeping command; raises `StateError`."""
        self._run(self.keeping, note.encode())

    def _run(self, command: Sequence[str], given: bytes) -> bytes:
        import subprocess  # costs 10 ms, and most configurations name no command

        try:
            done = subprocess.run(
                command,
                input=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self.timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _unusable(f"{quote(command[0])} took longer than {self.timeout_s:g} s") from error
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise _unusable(f"{quote(command[0])} cannot be run: {why.lower()}") from error
        if done.returncode != 0:
            raise _unusable(f"{quote(command[0])} failed with exit status {done.returncode}")
        return done.stdout


def _unusable(why: str, hint: str = "run `warden doctor`") -> StateError:
    return StateError(f"it cannot be used: {why}", hint)
