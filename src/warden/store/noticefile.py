"""What targets were told while the ledger could not say so: a small private file, for damage of the ledger itself.

All else about notifications is in the ledger. The file goes away when the ledger holds again.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from warden.model.watch import SentNotice
from warden.store.durable import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE_NAME = "notified-damage.json"
FILE_LIMIT = 64 * 1024
SCHEMA = "warden.notified-damage/1"


def read_told(path: Path) -> dict[str, SentNotice]:
    """Return what each target was told last; nothing when there is no such file, or one that cannot be read."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(FILE_LIMIT))
        targets = found["targets"] if found["schema"] == SCHEMA else {}
        return {
            str(name): SentNotice(str(one["state"]), int(one["reminders"]), _moment(str(one["at"])))
            for name, one in targets.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return found


def write_told(path: Path, told: Mapping[str, SentNotice]) -> None:
    """Replace the file; raises `StateError`."""
    targets = {
        name: {"state": one.state, "reminders": one.reminders, "at": one.at.isoformat()} for name, one in told.items()
    }
    data = json.dumps({"schema": SCHEMA, "targets": targets}).encode()
    replace_file(path, data)


def forget_told(path: Path) -> None:
    """Remove the file, if there is one."""
    path.unlink(missing_ok=True)
