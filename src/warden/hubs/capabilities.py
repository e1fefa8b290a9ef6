"""Capabilities: what a workload may use of its context while it lasts, each use counted.

What it does: gives out a token for each grant that the operator's configuration has for a workload's action, authorizes and
counts each use, revokes. What it does not: decide which grants there are, or know what a hook does. Rules: a token is `whc_`
and 256 random bits, shown once and kept as its SHA-256 (there is no list of likely tokens to try, so that no slow hash is
needed); claiming again replaces the token and keeps the count; whatever belongs to a workload is over when it ends.

Each function that takes a connection runs inside a transaction that its caller commits. INVARIANT (bounded): a use is
counted in the transaction that allows it, so that no number of callers at once gets more uses than were granted.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warden.hubs.database import Database

PREFIX: Final = "whc_"
_SHAPE: Final = re.compile(r"whc_[A-Za-z0-9_-]{43}")
_COLUMNS: Final = (
    "id, workload_id, name, hook, operations, max_uses, uses, refused, client, issued_at, expires_at, used_at, revoked_at, "
    "revoked_for, hash"
)

UNKNOWN, REVOKED, ENDED, EXPIRED, OTHER_HOOK, OTHER_OPERATION, USED_UP = (
    "unknown-token",
    "revoked",
    "workload-ended",
    "expired",
    "hook-not-granted",
    "operation-not-granted",
    "used-up",
)


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """What a workload is granted: some operations of one hook, so often, for so many seconds from the claim on."""

    name: str
    hook: str
    operations: tuple[str, ...]
    max_uses: int
    expires_s: float


@dataclass(frozen=True, slots=True)
class Capability:
    """A grant that was given out. Times are seconds since 1970; `refused` counts uses that were not allowed."""

    id: str
    workload_id: str
    name: str
    hook: str
    operations: tuple[str, ...]
    max_uses: int
    uses: int
    refused: int
    client: str
    issued_at: float
    expires_at: float
    used_at: float | None
    revoked_at: float | None
    revoked_for: str

    def state(self, now: float) -> str:
        """Return `live`, or why it cannot be used."""
        if self.revoked_at is not None:
            return REVOKED
        if self.expires_at <= now:
            return EXPIRED
        return USED_UP if self.uses >= self.max_uses else "live"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was said to one use: allowed when `reason` is empty."""

    reason: str
    capability: Capability | None = None


def claim(
    connection: Connection, workload_id: str, grants: Sequence[GrantTerms], client: str, now: float
) -> list[tuple[Capability, str]]:
    """Return each grant of a workload with its fresh token; none for a workload that has ended, nor for a revoked grant."""
    if connection.execute("SELECT 1 FROM ended WHERE workload_id = ?", (workload_id,)).fetchone():
        return []
    found = []
    for grant in grants:
        token = PREFIX + secrets.token_urlsafe(32)
        connection.execute(
            "INSERT INTO capabilities (workload_id, name, hook, operations, max_uses, uses, refused, hash, client, issued_at,"
            " expires_at, revoked_for) VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, '')"
            " ON CONFLICT (workload_id, name) DO UPDATE SET hash = excluded.hash, client = excluded.client"
            " WHERE revoked_at IS NULL",
            (
                *(workload_id, grant.name, grant.hook, "\n".join(grant.operations), grant.max_uses, _hash(token)),
                *(client, now, now + grant.expires_s),
            ),
        )
        row = connection.execute(_SELECT + "WHERE hash = ?", (_hash(token),)).fetchone()
        if row is not None:
            found.append((_capability(row), token))
    return found


def authorize(connection: Connection, token: str, hook: str, operation: str, now: float) -> Ruling:
    """Count one use of a token, or return the reason for which it is refused."""
    digest = _hash(token) if _SHAPE.fullmatch(token) else ""
    row = connection.execute(_SELECT + "WHERE hash = ?", (digest,)).fetchone()
    if row is None or not hmac.compare_digest(str(row[14]), digest):
        return Ruling(UNKNOWN)
    capability = _capability(row)
    ended = connection.execute("SELECT 1 FROM ended WHERE workload_id = ?", (capability.workload_id,)).fetchone()
    state = ENDED if ended else capability.state(now)
    reason = "" if state == "live" else state
    if not reason and hook != capability.hook:
        reason = OTHER_HOOK
    if not reason and operation not in capability.operations:
        reason = OTHER_OPERATION
    counted = "refused = refused + 1" if reason else "uses = uses + 1, used_at = ?"
    values = (row[0],) if reason else (now, row[0])
    connection.execute(f"UPDATE capabilities SET {counted} WHERE id = ?", values)  # noqa: S608 - made of constants
    row = connection.execute(_SELECT + "WHERE id = ?", (row[0],)).fetchone()
    return Ruling(reason, _capability(row))


def end_workload(connection: Connection, workload_id: str, reason: str, now: float) -> int:
    """Note that a workload is over and revoke all that it was granted; returns how many grants that were."""
    connection.execute("INSERT OR IGNORE INTO ended VALUES (?, ?, ?)", (workload_id, now, reason))
    cursor = connection.execute(
        "UPDATE capabilities SET revoked_at = ?, revoked_for = ? WHERE workload_id = ? AND revoked_at IS NULL",
        (now, reason, workload_id),
    )
    return cursor.rowcount


def revoke(connection: Connection, capability_id: str, reason: str, now: float) -> bool:
    """Revoke one grant for good; returns whether it was live until now."""
    cursor = connection.execute(
        "UPDATE capabilities SET revoked_at = ?, revoked_for = ? WHERE id = ? AND revoked_at IS NULL",
        (now, reason, _number(capability_id)),
    )
    return cursor.rowcount > 0


def list_capabilities(
    database: Database, workload_id: str = "", before: str = "", limit: int = 100
) -> tuple[Capability, ...]:
    """Return grants, newest first, of one workload when it is named; `before` is the id at which the page before ended."""
    rows = database.read(
        _SELECT + "WHERE (?1 = '' OR workload_id = ?1) AND (?2 < 0 OR id < ?2) ORDER BY id DESC LIMIT ?3",
        (workload_id, _number(before), limit),
    )
    return tuple(_capability(row) for row in rows)


_SELECT: Final = f"SELECT {_COLUMNS} FROM capabilities "  # noqa: S608 - made of constants


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("ascii")).hexdigest()


def _number(capability_id: str) -> int:
    digits = capability_id.removeprefix("cap")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else -1


def _capability(row: tuple[Any, ...]) -> Capability:
    return Capability(f"cap{row[0]}", row[1], row[2], row[3], tuple(row[4].split("\n")), *row[5:14])
