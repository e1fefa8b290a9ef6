"""Exclusion on one host: `ports.LockStore` on lock files.

A lock is `flock` on a file that is never removed. The kernel frees it when its holder ends in whatever way, so a killed
run leaves nothing stuck; what the file says of the holder (process, host, start) is for people and is not believed. It
excludes, and is excluded by, `portalocker.Lock` on the same file; portalocker itself takes longer to import than the
rest of an idle run (docs/adr/0006).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import weakref
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from warden.errors import LockHeldError, StateError, quote
from warden.store.durable import FILE_MODE, disk_errors, make_directory, write_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HOLDER_LIMIT = 4096
"""Bytes of what a lock file says of its holder."""
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class FileLockStore:
    """Locks as files in `directory`, which is made on first use."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: set[int] = set()
        myself = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget_in_child(myself()))

    def close_inherited(self) -> None:
        """Close a forked child's copies of lock files: else the lock would live as long as the child."""
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()

    @contextlib.contextmanager
    def hold(self, name: str, describe: Mapping[str, str]) -> Iterator[None]:
        """Hold the lock `name` for the block, with `describe`, pid, host and start time readable by others.

        INVARIANT (one-runner): the block runs only with the lock held. Raises `LockHeldError` at once when it is held
        by another process, or by this one, and `StateError` when it cannot be taken for another reason.
        """
        path = self._path(name)
        make_directory(self._directory)
        with disk_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        process = os.getpid()
        self._open.add(descriptor)
        try:
            self._take(descriptor, path, name)
            try:
                with disk_errors(path):
                    _write_holder(descriptor, describe)
                yield
            finally:
                _give_back(descriptor, process)
        finally:
            if os.getpid() == process:
                self._open.discard(descriptor)
                os.close(descriptor)

    def _take(self, descriptor: int, path: Path, name: str) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _describe_holder(self.holder(name))
            raise LockHeldError(
                f"lock {quote(name)} is held by {holder}",
                "wait until it ends; a lock never outlives its process",
                holder,
            ) from error
        except OSError as error:
            raise StateError(
                f"the lock file {quote(path)} cannot be locked: {(error.strerror or '').lower()}",
                "put the state directory on a file system with locks",
            ) from error

    def holder(self, name: str) -> Mapping[str, str]:
        """Return what the lock's present or last holder said of itself, empty when nothing readable is there."""
        try:
            with self._path(name).open("rb") as file:
                found = json.loads(file.read(HOLDER_LIMIT + 1))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {str(key): str(value) for key, value in found.items()}

    def _path(self, name: str) -> Path:
        plain = _PLAIN_NAME.fullmatch(name)
        safe = name if plain else "name-" + sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return self._directory / f"{safe}.lock"


def _forget_in_child(store: FileLockStore | None) -> None:
    if store is not None:
        store.close_inherited()


def _write_holder(descriptor: int, describe: Mapping[str, str]) -> None:
    holder = {
        "pid": str(os.getpid()),
        "host": os.uname().nodename,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **describe,
    }
    os.ftruncate(descriptor, 0)
    write_all(descriptor, json.dumps(holder, ensure_ascii=True).encode()[:HOLDER_LIMIT])


def _give_back(descriptor: int, process: int) -> None:
    """Only the holder may do this: whoever waits in vain leaves the file as it is. The lock is given back by word, not
    only by closing, because a child that was just forked may not have closed its copy yet."""
    if os.getpid() == process:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _describe_holder(holder: Mapping[str, str]) -> str:
    if not holder:
        return "another process"
    known = [f"{name} {quote(holder[name])}" for name in ("pid", "host", "started_at", "command") if name in holder]
    return "the process with " + ", ".join(known) if known else "another process"
