"""The sign of life of a long-running worker: a small private file that is written anew every few seconds.

It is for people and for `warden status`; nothing is decided by it, so it is replaced whole and not made durable.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import TYPE_CHECKING

from warden.store.durable import FILE_MODE, disk_errors

if TYPE_CHECKING:
    from pathlib import Path

FILE_LIMIT = 16 * 1024
SCHEMA = "warden.heartbeat/1"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a worker says of itself. Moments are RFC 3339 in UTC; `state` is `waiting`, `running` or `stopped`; `next_at` is
    empty when no tick ever comes. `boot_id` tells a process of this boot from one of an earlier with the same number."""

    job: str
    state: str
    at: str
    next_at: str
    every_s: float
    pid: int
    boot_id: str
    started_at: str


def heartbeat_path(state_dir: Path, agent: str) -> Path:
    """Return where the worker of this agent writes."""
    plain = _PLAIN_NAME.fullmatch(agent)
    safe = agent if plain else "name-" + sha256(agent.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return state_dir / f"worker-{safe}.json"


def write_heartbeat(path: Path, beat: Heartbeat) -> None:
    """Replace the file; raises `StateError`."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    data = json.dumps({"schema": SCHEMA, **asdict(beat)}, ensure_ascii=True).encode()
    with disk_errors(path):
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.replace(beside, path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


def read_heartbeat(path: Path) -> Heartbeat | None:
    """Return what the worker said last, None when there is nothing that can be read."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(FILE_LIMIT + 1))
        if not isinstance(found, dict) or found.pop("schema", "") != SCHEMA:
            return None
        beat = Heartbeat(**found)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    texts = (getattr(beat, item.name) for item in fields(beat) if item.name not in ("pid", "every_s"))
    sound = all(type(text) is str for text in texts) and type(beat.pid) is int
    return beat if sound and type(beat.every_s) in (int, float) else None


def boot_id() -> str:
    """Return what tells this boot of the host from any other, empty where the system does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read(64).strip()
    except (OSError, ValueError):
        return ""
