"""Fingerprints of enrolled values on disk: one private file for them, another for the key that makes them.

What it does: keeps `guard.key` (32 random bytes in hex) and `guard.fingerprints` (one JSON object a line) with mode 0600,
each written whole. What it does not: see a value (`warden.guard.known` makes and checks fingerprints).
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.errors import StateError, quote
from warden.model.fingerprint import Fingerprint
from warden.store.durable import create_file, disk_errors, make_directory, replace_file

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
MOST_FINGERPRINTS = 10_000
_FILE_LIMIT = 4 * 1024 * 1024
_FORMAT = "warden.fingerprint/1"


@dataclass(frozen=True, slots=True)
class FingerprintFiles:
    """The two files in `directory`. Every method raises `StateError`."""

    directory: Path

    @property
    def key_file(self) -> Path:
        """Where the key lies."""
        return self.directory / "guard.key"

    @property
    def file(self) -> Path:
        """Where the fingerprints lie."""
        return self.directory / "guard.fingerprints"

    def key(self) -> bytes:
        """Return the key of this installation, made when it is first asked for."""
        make_directory(self.directory)
        create_file(self.key_file, os.urandom(KEY_BYTES).hex().encode() + b"\n") if not self.key_file.exists() else None
        text = _read_private(self.key_file).strip()
        try:
            key = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            hint = "put the file back; without it every value has to be enrolled again"
            raise StateError(f"{quote(self.key_file)} is not a key", hint)
        return key

    def load(self) -> tuple[Fingerprint, ...]:
        """Return all fingerprints, in the order of enrolment; none when nothing was enrolled."""
        if not self.file.exists():
            return ()
        lines = _read_private(self.file).splitlines()
        return tuple(self._parse(number, line) for number, line in enumerate(lines, 1))

    def add(self, new: Sequence[Fingerprint]) -> None:
        """Keep `new` too; what is there under one of their names is replaced."""
        names = {one.name for one in new}
        with self._alone():
            self._write([*(one for one in self.load() if one.name not in names), *new])

    def forget(self, name: str) -> int:
        """Remove what is kept under `name` and return how many fingerprints that was."""
        with self._alone():
            before = self.load()
            after = [one for one in before if one.name != name]
            if len(after) < len(before):
                self._write(after)
        return len(before) - len(after)

    def _write(self, fingerprints: Sequence[Fingerprint]) -> None:
        if len(fingerprints) > MOST_FINGERPRINTS:
            raise StateError(
                f"more than {MOST_FINGERPRINTS} values cannot be enrolled", "forget some that were rotated"
            )
        lines = [json.dumps({"format": _FORMAT, **f._asdict(), "seal": f.seal.hex()}) for f in fingerprints]
        replace_file(self.file, "".join(line + "\n" for line in lines).encode())

    def _parse(self, number: int, line: bytes) -> Fingerprint:
        try:
            found = json.loads(line)
            if found["format"] != _FORMAT:
                raise ValueError
            size, mark, classes = int(found["size"]), int(found["mark"]), int(found.get("classes", 0))
            return Fingerprint(str(found["name"]), size, mark, bytes.fromhex(found["seal"]), classes)
        except (ValueError, KeyError, TypeError) as error:
            hint = "restore the file, or remove it and enrol the values again"
            raise StateError(f"{quote(self.file)} cannot be read at line {number}", hint) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from changing the file between reading and writing it."""
        import fcntl

        make_directory(self.directory)
        with disk_errors(self.directory):
            descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _read_private(path: Path) -> bytes:
    with disk_errors(path), path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        data = file.read(_FILE_LIMIT + 1)
    if mode & 0o077:
        raise StateError(f"{quote(path)} can be read by others", f"run `chmod 600 {path}`")
    if len(data) > _FILE_LIMIT:
        raise StateError(f"{quote(path)} is larger than {_FILE_LIMIT} bytes", "it is not a file that warden wrote")
    return data
