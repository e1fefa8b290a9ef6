"""Locks of issues: who works on `<repository>#<number>`, until when, and under which fence number.

A lock has an owner and a time at which it runs out. Each time it changes hands its fence number grows, and whoever writes
under a lock shows the number that it was given: one that is not the newest is refused, so that an owner that stood still
past its time cannot write over its successor. A closed issue's lock stays for a grace in state `grace`: nobody begins anew on
what was just closed. Each function runs inside a transaction that its caller commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from sqlite3 import Connection

from warden.errors import HubConflictError, quote

HELD = "held"
GRACE = "grace"
FREE = "free"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock as it stands. Times are seconds since 1970, UTC."""

    name: str
    owner: str
    fence: int
    state: str
    taken_at: float
    expires_at: float

    def standing(self, now: float) -> str:
        """Return `held`, `grace`, or `free` when its time has run out."""
        return self.state if self.expires_at > now else FREE


def read(connection: Connection, name: str) -> Lock | None:
    """Return the lock of this name, None when nobody ever had it."""
    row = connection.execute(
        "SELECT name, owner, fence, state, taken_at, expires_at FROM locks WHERE name = ?", (name,)
    ).fetchone()
    return None if row is None else Lock(*row)


def take(connection: Connection, name: str, owner: str, now: float, ttl_s: float) -> Lock | None:
    """Return the lock for this owner, renewed when it has it already; None when somebody else has it, or it is in grace."""
    before = read(connection, name)
    standing = FREE if before is None else before.standing(now)
    if before is not None and standing == HELD and before.owner == owner:
        return _write(connection, Lock(name, owner, before.fence, HELD, before.taken_at, now + ttl_s))
    if standing != FREE:
        return None
    fence = 1 if before is None else before.fence + 1
    return _write(connection, Lock(name, owner, fence, HELD, now, now + ttl_s))


def check(connection: Connection, name: str, fence: int, now: float) -> Lock:
    """Return the lock if this fence number still holds it; raises `HubConflictError` otherwise."""
    held = read(connection, name)
    if held is None or held.fence != fence or held.standing(now) != HELD:
        raise HubConflictError(
            f"the lock of {quote(name)} was lost: fence {fence} is not the one that holds it", "take it anew"
        )
    return held


def give_back(connection: Connection, name: str, fence: int, now: float, grace_s: float = 0.0) -> bool:
    """Give the lock back, into grace when there is one; returns False when this fence number does not have it any more."""
    held = read(connection, name)
    if held is None or held.fence != fence or held.state != HELD:
        return False
    state = GRACE if grace_s > 0 else FREE
    _write(connection, Lock(name, held.owner, fence, state, held.taken_at, now + grace_s))
    return True


def release(connection: Connection, name: str, now: float) -> bool:
    """Take a lock from whoever has it; returns False when nobody does. Its fence number is spent."""
    held = read(connection, name)
    if held is None or held.standing(now) == FREE:
        return False
    _write(connection, Lock(name, held.owner, held.fence + 1, FREE, held.taken_at, now))
    return True


def list_locks(connection: Connection, now: float, limit: int = 1_000) -> list[Lock]:
    """Return the locks that are held or in grace, by name."""
    rows = connection.execute(
        "SELECT name, owner, fence, state, taken_at, expires_at FROM locks WHERE expires_at > ? ORDER BY name LIMIT ?",
        (now, limit),
    )
    return [Lock(*row) for row in rows]


def _write(connection: Connection, lock: Lock) -> Lock:
    connection.execute(
        "INSERT OR REPLACE INTO locks VALUES (?, ?, ?, ?, ?, ?)",
        (lock.name, lock.owner, lock.fence, lock.state, lock.taken_at, lock.expires_at),
    )
    return lock
