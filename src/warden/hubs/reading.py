"""What is read from the embedded hub's database, as rows: the hub makes model values of them, the server makes JSON.

`agent` is the one who looks; None is the local owner, who sees everything. Nothing here can write: the connection is
query-only (INVARIANT (dry-run-is-pure): a listing changes nothing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar, cast

from warden.errors import HubNotFoundError, quote
from warden.hubs.names import PAGE_BYTES, THREAD_MESSAGES, check_cursor, check_limit, check_name, is_name, message_seq

if TYPE_CHECKING:
    from warden.hubs.database import Database

_MESSAGE: Final = (
    "SELECT size, seq, thread_id, from_agent, to_agent, assurance, created_at, kind, subject, body, in_reply_to, metadata,"
    " read_at IS NOT NULL FROM messages "
)
_UNREAD: Final = _MESSAGE + "WHERE to_agent = ? AND read_at IS NULL AND seq > ? ORDER BY seq LIMIT ?"
_INBOX: Final = _MESSAGE + "WHERE to_agent = ? AND seq > ? ORDER BY seq LIMIT ?"
_THREAD: Final = _MESSAGE + "WHERE thread_id = ? AND seq > ? ORDER BY seq DESC LIMIT ?"
_ONE: Final = _MESSAGE + "WHERE seq = ?"
_PROGRESS: Final = (
    "SELECT size, seq, agent, created_at, kind, summary, detail, message_id, thread_id, metadata"
    " FROM progress WHERE agent = ? AND seq > ? ORDER BY seq LIMIT ?"
)


class MessageRow(NamedTuple):
    """A stored message; `in_reply_to` is empty for none, `metadata` is a JSON object."""

    size: int
    seq: int
    thread_id: str
    from_agent: str
    to_agent: str
    assurance: str
    created_at: str
    kind: str
    subject: str
    body: str
    in_reply_to: str
    metadata: str
    read: int


class ProgressRow(NamedTuple):
    """A stored progress event; `metadata` is a JSON object."""

    size: int
    seq: int
    agent: str
    created_at: str
    kind: str
    summary: str
    detail: str | None
    message_id: str | None
    thread_id: str | None
    metadata: str


_Kept = TypeVar("_Kept", MessageRow, ProgressRow)


class Reader:
    """Looks into a hub's database. Safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def inbox(self, agent: str, unread: bool, after: str | None, limit: int) -> tuple[list[MessageRow], str | None]:
        """Return messages to `agent`, oldest first, the unread ones or all, and the cursor of the next page."""
        statement = _UNREAD if unread else _INBOX
        return self._page(MessageRow, statement, check_name(agent, "to_agent"), check_cursor(after), check_limit(limit))

    def message(self, agent: str | None, identifier: str) -> MessageRow:
        """Return a message that `agent` sent or received; raises `HubNotFoundError`."""
        if agent is not None:
            check_name(agent, "agent")
        row = self._database.read_one(_ONE, (message_seq(identifier),))
        found = MessageRow._make(cast(tuple[str, ...], row)) if row else None
        if found is None or agent not in (None, found.from_agent, found.to_agent):
            raise HubNotFoundError(
                f"there is no message {quote(identifier)} that this agent sent or received",
                "check the id and the agent",
            )
        return found

    def thread(self, agent: str | None, thread_id: str) -> list[MessageRow]:
        """Return the newest `THREAD_MESSAGES` of a thread that `agent` takes part in, oldest first."""
        rows: list[MessageRow] = []
        if is_name(thread_id) and (agent is None or self._takes_part(thread_id, check_name(agent, "agent"))):
            rows, _ = self._page(MessageRow, _THREAD, thread_id, 0, THREAD_MESSAGES)
        if not rows:
            raise HubNotFoundError(
                f"there is no thread {quote(thread_id)} that this agent takes part in", "check the id and the agent"
            )
        return rows[::-1]

    def progress(self, agent: str, after: str | None, limit: int) -> tuple[list[ProgressRow], str | None]:
        """Return `agent`'s progress events, oldest first, and the cursor of the next page."""
        return self._page(ProgressRow, _PROGRESS, check_name(agent, "agent"), check_cursor(after), check_limit(limit))

    def probe(self) -> None:
        """Return when the database answers a query; raises `StateError`."""
        self._database.read_one("SELECT seq FROM messages LIMIT 1")

    def _takes_part(self, thread_id: str, agent: str) -> bool:
        statement = "SELECT 1 FROM participants WHERE thread_id = ? AND agent = ?"
        return bool(self._database.read_one(statement, (thread_id, agent)))

    def _page(
        self, kind: type[_Kept], statement: str, whose: str, after: int, limit: int
    ) -> tuple[list[_Kept], str | None]:
        """INVARIANT (bounded): at most `limit` rows and about `PAGE_BYTES`, and always one row when there is one.

        Numbers are given in the order of commits by the one writer: what arrives later stands behind every cursor.
        """
        rows: list[_Kept] = []
        size = 0
        with self._database.cursor(statement, (whose, after, limit + 1)) as found:
            for values in found:
                size += values[0]
                if len(rows) == limit or (rows and size > PAGE_BYTES):
                    return rows, str(rows[-1].seq)
                rows.append(kind._make(values))
        return rows, None
