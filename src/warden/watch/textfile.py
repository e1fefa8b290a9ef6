"""The file that node_exporter's textfile collector reads: replaced whole, readable by everybody, with nothing secret in it."""

from __future__ import annotations

import os
from pathlib import Path

from warden.errors import StateError, quote

MODE = 0o644


def replace_textfile(path: Path, data: bytes) -> None:
    """Put the text in place at once; what is written beside it has another ending, so that no collector reads half of it.

    Raises `StateError`.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, MODE)
                file.write(data)
            os.replace(beside, path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise StateError(
            f"{quote(path)}: {why}", "make its directory writable for the user that runs warden"
        ) from error
