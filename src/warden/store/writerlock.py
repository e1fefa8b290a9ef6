"""The writer lock of one database file (DESIGN invariant 8): held for the length of one append.

`fcntl.flock` on `<database>.lock`, waited for: the kernel frees it when its process ends in whatever way. A lock taken
before a fork would be shared with the child, so the file is opened anew for every process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from warden.store.durable import FILE_MODE, disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class WriterLock:
    """One lock file; `held` is the critical section."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._process = -1

    @contextlib.contextmanager
    def held(self, makes: bool = True) -> Iterator[None]:
        """Wait for the lock and hold it for the block; raises `StateError` when the file cannot be used, or is not there and
        not to be made."""
        with disk_errors(self._path):
            descriptor = self._open(os.O_CREAT if makes else 0)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _open(self, creation: int) -> int:
        if self._descriptor < 0 or self._process != os.getpid():
            self._descriptor = os.open(self._path, os.O_RDWR | creation | os.O_CLOEXEC, FILE_MODE)
            self._process = os.getpid()
        return self._descriptor

    def close(self) -> None:
        """Give the file back."""
        if self._descriptor >= 0 and self._process == os.getpid():
            os.close(self._descriptor)
        self._descriptor = -1


@contextlib.contextmanager
def hold_directory(path: Path, alone: bool) -> Iterator[None]:
    """Hold a directory for the block: `alone` to exchange a database's files, else shared, to open one.

    A database, its write-ahead log and the index of that are three names: who opened the first before and the last after
    an exchange would lay the index of one database over another. Where directories cannot be locked, or this one not read,
    whoever exchanges must be alone. Raises `StateError` when there is none.
    """
    with contextlib.ExitStack() as stack:
        with disk_errors(path), contextlib.suppress(PermissionError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


class NoLock:
    """For a database in memory, which no other process sees."""

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Do nothing."""
        yield

    def close(self) -> None:
        """Do nothing."""
