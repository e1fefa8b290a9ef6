"""The state directory: made private on first use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from warden.errors import StateError, quote

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = 0o700


def ensure_private_dir(path: Path) -> Path:
    """Return `path`, made with mode 0700 when it was missing, and so its missing parents (XDG base directories).

    Raises `StateError` when it cannot be made, is not a directory, or cannot be written.
    """
    try:
        for directory in (*reversed(path.parents), path):
            if directory == path or not directory.exists():
                directory.mkdir(mode=PRIVATE, exist_ok=True)
    except FileExistsError as error:
        raise StateError(
            f"{quote(path)} is not a directory", "move it away, or name another with --state-dir"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise StateError(
            f"cannot make the state directory {quote(path)}: {reason}", "name another with --state-dir"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise StateError(f"cannot write into {quote(path)}", "give it to the user that runs warden, with mode 700")
    return path
