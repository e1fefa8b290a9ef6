"""Files and directories that hold state: private, written whole, and durable before the next step."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from warden.errors import StateError, quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into a `StateError` that names `path` and says what to do."""
    try:
        yield
    except OSError as error:
        raise StateError(
            f"{quote(path)} cannot be used: {(error.strerror or type(error).__name__).lower()}",
            "check that the state directory exists, is writable by this user and has free space",
        ) from error


def make_directory(path: Path) -> None:
    """Create `path` and its missing parents for this user only, whatever the umask; raises `StateError`."""
    with disk_errors(path):
        for directory in (*reversed(path.parents), path):
            new = not directory.exists()
            if directory == path or new:
                directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
            if new:  # else power that fails may take it away, with all that was synced in it
                with contextlib.suppress(PermissionError):  # a parent that may be entered and not read
                    sync_directory(directory.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable; raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; raises `OSError`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def replace_file(path: Path, data: bytes) -> None:
    """Write a private file whole in place of what was there, durably; raises `StateError`."""
    with disk_errors(path):
        beside = _write_beside(path, data)
        os.replace(beside, path)
        sync_directory(path.parent)


def replace_by_copy(path: Path, source: Path) -> None:
    """Put a copy of `source` in the place of `path`, private, whole and durable, without reading it into memory; raises
    `StateError`."""
    import shutil  # with its archive formats, more than an idle run should import

    with disk_errors(path):
        beside = _write_beside(path, b"")
        try:
            with source.open("rb") as reading, beside.open("wb") as writing:
                shutil.copyfileobj(reading, writing)
                writing.flush()
                os.fsync(writing.fileno())
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        os.replace(beside, path)
        sync_directory(path.parent)


def create_file(path: Path, data: bytes) -> bool:
    """Write a new private file whole, and make it and its name durable; return False when it exists already.

    Another process never sees a part of it: it is written beside its place and linked there. Raises `StateError`.
    """
    with disk_errors(path):
        beside = _write_beside(path, data)
        try:
            place_once(beside, path)
        except FileExistsError:
            return False
        finally:
            beside.unlink(missing_ok=True)
        return True


def place_once(beside: Path, path: Path) -> None:
    """Give a whole file its name durably, and never over a file that appeared meanwhile; raises `OSError`.

    Memory sticks and some file servers have no links: there a look before the rename has to do.
    """
    try:
        os.link(beside, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        beside.rename(path)
    sync_directory(path.absolute().parent)


def _write_beside(path: Path, data: bytes) -> Path:
    # In containers that share a directory, processes share numbers too.
    beside = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return beside
