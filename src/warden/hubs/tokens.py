"""Bearer tokens of the embedded hub: made once, shown once, kept as a hash, bound to one agent.

A token is `wht_` and 256 random bits, so that a plain SHA-256 of it needs no salt and no slow hash: there is no list of
likely tokens to try. Comparing happens on hashes, which a guesser cannot steer (and the last step is constant in time).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from warden.errors import HubNotFoundError, quote
from warden.hubs.names import check_name
from warden.hubs.operations import Stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from warden.hubs.database import Database
    from warden.ports import Clock

PREFIX: Final = "wht_"
_SHAPE: Final = re.compile(r"wht_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is kept of a token: its id (not a secret), its agent, when it was made and revoked."""

    id: str
    agent: str
    created_at: str
    revoked_at: str | None = None


class TokenStore:
    """The tokens in one hub file. Safe to use from several threads."""

    def __init__(
        self, database: Database, clock: Clock, make_secret: Callable[[], str] = lambda: secrets.token_urlsafe(32)
    ) -> None:
        self._database = database
        self._clock = clock
        self._make_secret = make_secret

    def create(self, agent: str) -> tuple[TokenRecord, str]:
        """Return a new token's record, and the token itself, which is kept nowhere; raises `HubRejectedError`."""
        check_name(agent, "agent")
        token = PREFIX + self._make_secret()
        digest = _hash(token)
        record = TokenRecord(f"tok-{digest[:12]}", agent, Stamp(self._clock.now()).text)

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?, NULL)", (record.id, agent, digest, record.created_at)
            )

        self._database.write(insert)
        return record, token

    def revoke(self, token_id: str) -> TokenRecord:
        """Revoke a token at once and for good; revoking it again changes nothing. Raises `HubNotFoundError`."""
        revoked_at = Stamp(self._clock.now()).text

        def update(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (revoked_at, token_id)
            )

        self._database.write(update)
        for record in self.list():
            if record.id == token_id:
                return record
        raise HubNotFoundError(f"there is no token {quote(token_id)}", "see `warden hub token list`")

    def list(self) -> tuple[TokenRecord, ...]:
        """Return all tokens, by agent and time."""
        rows = self._database.read(
            "SELECT id, agent, created_at, revoked_at FROM tokens ORDER BY agent, created_at, id"
        )
        return tuple(TokenRecord(*cast(tuple[str, str, str, str | None], row)) for row in rows)

    def any_valid(self) -> bool:
        """Return whether there is a token that was not revoked."""
        return bool(self._database.read_one("SELECT 1 FROM tokens WHERE revoked_at IS NULL"))

    def find_agent(self, token: str) -> str | None:
        """Return the agent that a presented token is bound to, None when it is unknown or revoked."""
        if not _SHAPE.fullmatch(token):
            return None
        digest = _hash(token)
        row = self._database.read_one("SELECT hash, agent FROM tokens WHERE hash = ? AND revoked_at IS NULL", (digest,))
        if row and hmac.compare_digest(cast(str, row[0]), digest):
            return cast(str, row[1])
        return None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("ascii")).hexdigest()
