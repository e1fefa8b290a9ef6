"""What is written into the embedded hub's database: each function runs inside a transaction that its caller commits.

`Acting` says who acts and how we know: an agent with a token, or the local owner of the file, for whom every name is a
claim. Checks come before writes, and a refusal leaves nothing behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from sqlite3 import Connection
from typing import TYPE_CHECKING, Final

from warden.errors import HubConflictError, HubCredentialError, HubNotFoundError, quote
from warden.hubs.contract import KEY_DAYS
from warden.hubs.names import check_key, message_id, message_seq, refuse
from warden.model.digests import digest_bytes
from warden.model.message import Assurance
from warden.model.posted import Accepted

if TYPE_CHECKING:
    from warden.model.delivery import OutgoingMessage, ProgressEvent

Operation = Callable[[Connection], "Posted"]
"""One write, to be run inside a transaction."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode

_INSERT_MESSAGE: Final = (
    "INSERT INTO messages (thread_id, from_agent, to_agent, assurance, created_at, kind, subject, body, in_reply_to,"
    " metadata, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts: the agent that a token is bound to, or anyone whom the local owner names (`agent` is None)."""

    agent: str | None = None

    @property
    def assurance(self) -> Assurance:
        """How far the name can be trusted."""
        return Assurance.CLAIMED if self.agent is None else Assurance.TOKEN

    def named(self, name: str, field: str) -> str:
        """Return `name` when this one may act under it; raises `HubCredentialError`."""
        if self.agent is not None and name != self.agent:
            raise HubCredentialError(
                f"{quote(field)} is not the agent that the token is bound to", "act as yourself, or use another token"
            )
        return name


OWNER: Final = Acting()
"""The local owner of the file: may act under every name, and all of them are claims."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What was made: its id, its thread (empty for progress), and whether an earlier request made it."""

    id: str
    thread_id: str = ""
    replayed: bool = False

    def accepted(self) -> Accepted:
        """Return it as the port gives it."""
        return Accepted(self.id, self.replayed)


@dataclass(frozen=True, slots=True)
class Stamp:
    """The moment of a write, and its idempotency key if there is one."""

    now: datetime
    key: str | None = None

    @classmethod
    def made(cls, now: datetime, key: str | None) -> Stamp:
        """Return a stamp with a checked key; raises `HubRejectedError`."""
        return cls(now, check_key(key))

    @property
    def text(self) -> str:
        """The moment as the hub writes it: RFC 3339, UTC, milliseconds."""
        return self.now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def takes_part(connection: Connection, thread_id: str, agent: str) -> bool:
    """Return whether `agent` sent or received a message of this thread."""
    row = connection.execute("SELECT 1 FROM participants WHERE thread_id = ? AND agent = ?", (thread_id, agent))
    return row.fetchone() is not None


def post_message(connection: Connection, acting: Acting, message: OutgoingMessage, data: bytes, stamp: Stamp) -> Posted:
    """Store a checked message; `data` is its JSON. Raises `HubCredentialError`, `HubNotFoundError`, `HubConflictError`."""
    sender = acting.named(message.from_agent, "from_agent")
    return _once(
        connection, sender, b"message\n" + data, stamp, partial(_add_message, connection, acting, message, data, stamp)
    )


def _add_message(connection: Connection, acting: Acting, message: OutgoingMessage, data: bytes, stamp: Stamp) -> Posted:
    thread_id = _find_thread(connection, message)
    metadata = _encode(dict(message.metadata)) if message.metadata else "{}"
    cursor = connection.execute(
        _INSERT_MESSAGE,
        (
            thread_id,
            message.from_agent,
            message.to_agent,
            acting.assurance.value,
            stamp.text,
            message.kind,
            message.subject,
            message.body,
            message.in_reply_to,
            metadata,
            len(data),
        ),
    )
    seq = cursor.lastrowid
    if not thread_id:
        thread_id = f"t{seq}"
        connection.execute("UPDATE messages SET thread_id = ? WHERE seq = ?", (thread_id, seq))
    connection.execute(
        "INSERT OR IGNORE INTO participants VALUES (?, ?), (?, ?)",
        (thread_id, message.from_agent, thread_id, message.to_agent),
    )
    return Posted(message_id(seq), thread_id)


def _find_thread(connection: Connection, message: OutgoingMessage) -> str:
    """Return the thread that a message belongs to, empty for a new one."""
    thread_id = message.thread_id
    if thread_id and not takes_part(connection, thread_id, message.from_agent):
        raise _unknown("thread", "thread_id", thread_id)
    if message.in_reply_to:
        row = connection.execute(
            "SELECT thread_id FROM messages WHERE seq = ?", (message_seq(message.in_reply_to),)
        ).fetchone()
        if row is None or not takes_part(connection, row[0], message.from_agent):
            raise _unknown("message", "in_reply_to", message.in_reply_to)
        if thread_id and row[0] != thread_id:
            raise refuse(
                "in_reply_to", "names a message of another thread", "leave thread_id out, or correct one of them"
            )
        thread_id = str(row[0])
    return thread_id


def mark_read(connection: Connection, agent: str | None, identifier: str, stamp: Stamp) -> Posted:
    """Set the read flag of a message in the agent's inbox (None: in the inbox where it lies).

    Raises `HubNotFoundError` for a message that lies in no such inbox, and `HubConflictError`.
    """
    seq = message_seq(identifier)
    row = connection.execute("SELECT to_agent FROM messages WHERE seq = ?", (seq,)).fetchone()
    if row is None or agent not in (None, row[0]):
        raise _unknown("message", "id", identifier)

    def mark() -> Posted:
        connection.execute("UPDATE messages SET read_at = ? WHERE seq = ? AND read_at IS NULL", (stamp.text, seq))
        return Posted(identifier)

    return _once(connection, str(row[0]), b"read\n" + identifier.encode(), stamp, mark)


def post_progress(connection: Connection, acting: Acting, event: ProgressEvent, data: bytes, stamp: Stamp) -> Posted:
    """Store a checked progress event; `data` is its JSON. Raises as `post_message`."""
    agent = acting.named(event.agent, "agent")
    return _once(connection, agent, b"progress\n" + data, stamp, partial(_add_progress, connection, event, data, stamp))


def _add_progress(connection: Connection, event: ProgressEvent, data: bytes, stamp: Stamp) -> Posted:
    if event.message_id is not None:
        row = connection.execute(
            "SELECT thread_id FROM messages WHERE seq = ?", (message_seq(event.message_id),)
        ).fetchone()
        if row is None or not takes_part(connection, row[0], event.agent):
            raise _unknown("message", "message_id", event.message_id)
    if event.thread_id is not None and not takes_part(connection, event.thread_id, event.agent):
        raise _unknown("thread", "thread_id", event.thread_id)
    cursor = connection.execute(
        "INSERT INTO progress (agent, created_at, kind, summary, detail, message_id, thread_id, metadata, size)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.agent,
            stamp.text,
            event.kind,
            event.summary,
            event.detail,
            event.message_id,
            event.thread_id,
            _encode(dict(event.metadata)),
            len(data),
        ),
    )
    return Posted(f"p{cursor.lastrowid}")


def _once(connection: Connection, agent: str, content: bytes, stamp: Stamp, make: Callable[[], Posted]) -> Posted:
    """INVARIANT (exactly-once): under one key of one agent `make` runs once in `KEY_DAYS`; later requests with the same
    content are given its result, and others are refused. The key commits with what it made."""
    if stamp.key is None:
        return make()
    used_at = stamp.now.timestamp()
    expired = used_at - timedelta(days=KEY_DAYS).total_seconds()
    digest = digest_bytes(content)
    row = connection.execute(
        "SELECT digest, result FROM keys WHERE agent = ? AND key = ? AND used_at > ?", (agent, stamp.key, expired)
    ).fetchone()
    if row is not None:
        if row[0] != digest:
            raise HubConflictError(
                "something else was sent before under this idempotency key", "use a key for one request only"
            )
        identifier, thread_id = json.loads(row[1])
        return Posted(identifier, thread_id, replayed=True)
    posted = make()
    connection.execute(
        "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?)",
        (agent, stamp.key, digest, _encode([posted.id, posted.thread_id]), used_at),
    )
    # A few old keys go with each new one, so that the table stays bounded and no write is long.
    connection.execute(
        "DELETE FROM keys WHERE (agent, key) IN (SELECT agent, key FROM keys WHERE used_at <= ? LIMIT 4)", (expired,)
    )
    return posted


def _unknown(thing: str, field: str, identifier: str) -> HubNotFoundError:
    return HubNotFoundError(
        f"there is no {thing} {quote(identifier)} that this agent takes part in", f"check {quote(field)} and the agent"
    )
