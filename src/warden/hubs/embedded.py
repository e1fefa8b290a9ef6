"""The embedded hub: the contract on one SQLite file, in process.

Whoever can open the file owns it: as owner one acts under every name, and messages sent so carry the assurance
`claimed`; the server acts as the agent that a token is bound to, and its messages keep `token`. The hub as a whole
declares `authenticated_senders` only where it is served with tokens: in process, anybody who can write the file could
have written any row. Writing is imported when something is written: most runs find an empty inbox.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from warden.hubs.database import Database
from warden.hubs.names import check_name, message_id
from warden.hubs.reading import MessageRow, ProgressRow, Reader
from warden.model.hub import DeliveryMeans, HubTraits, InboxPage
from warden.model.ids import MessageKey

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from warden.hubs.operations import Operation, Posted
    from warden.model.delivery import OutgoingMessage, ProgressEvent
    from warden.model.message import Message
    from warden.model.posted import Accepted, ProgressPage, ProgressRecord
    from warden.ports import Clock


class EmbeddedHub:
    """A hub in one file; implements `ports.Hub`. Safe to call from several threads and several processes."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open or make the file; raises `StateError`."""
        self._database = Database(path, clock)
        self._reader = Reader(self._database)
        self._clock = clock

    @property
    def database(self) -> Database:
        """The open file, for the server and for tokens."""
        return self._database

    def traits(self) -> HubTraits:
        """Return what this hub declares: keys are honoured, listings have cursors, senders are not authenticated."""
        return HubTraits(self._database.hub_id, DeliveryMeans.IDEMPOTENCY_KEY, authenticated_senders=False)

    def list_unread(self, agent: str, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page of unread messages to `agent`, oldest first."""
        return self.list_inbox(agent, unread=True, after=after, limit=limit)

    def list_inbox(self, agent: str, unread: bool, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page of messages to `agent`, oldest first, the unread ones or all of them."""
        rows, cursor = self._reader.inbox(agent, unread, after, limit)
        return InboxPage(tuple(self._message(row, agent) for row in rows), cursor)

    def get_message(self, agent: str, message_id: str) -> Message:
        """Return a message that `agent` sent or received; raises `HubNotFoundError`."""
        return self._message(self._reader.message(agent, message_id), agent)

    def get_thread(self, agent: str, thread_id: str) -> tuple[Message, ...]:
        """Return the newest `contract.THREAD_MESSAGES` of a thread that `agent` takes part in, oldest first."""
        return tuple(self._message(row, agent) for row in self._reader.thread(agent, thread_id))

    def list_progress(self, agent: str, after: str | None = None, limit: int = 100) -> ProgressPage:
        """Return one page of `agent`'s progress events, oldest first."""
        from warden.model.posted import ProgressPage

        rows, cursor = self._reader.progress(agent, after, limit)
        return ProgressPage(tuple(_progress(row) for row in rows), cursor)

    def post_message(self, message: OutgoingMessage, key: str | None = None) -> Accepted:
        """Send a message as owner; an empty thread id opens a thread. Raises as `ports.HubWriter`."""
        return self.post_messages([message], [key])[0]

    def post_messages(self, messages: Sequence[OutgoingMessage], keys: Sequence[str | None]) -> list[Accepted]:
        """Send many messages in one transaction, all or none; `keys` has one for each. Raises as `post_message`."""
        from warden.hubs import contract, operations

        now = self._clock.now()
        checked = [
            (*contract.check_message(message), operations.Stamp.made(now, key))
            for message, key in zip(messages, keys, strict=True)
        ]

        def post_all(connection: sqlite3.Connection) -> list[Accepted]:
            return [operations.post_message(connection, operations.OWNER, *given).accepted() for given in checked]

        return cast("list[Accepted]", self._database.write(post_all))

    def mark_read(self, agent: str, message_id: str, key: str | None = None) -> Accepted:
        """Set the read flag of a message in `agent`'s inbox; raises `HubNotFoundError` when it is not in there."""
        from warden.hubs import operations

        stamp = operations.Stamp.made(self._clock.now(), key)
        check_name(agent, "agent")
        return self._write(lambda connection: operations.mark_read(connection, agent, message_id, stamp))

    def post_progress(self, event: ProgressEvent, key: str | None = None) -> Accepted:
        """Post a progress event as owner; raises as `ports.HubWriter`."""
        from warden.hubs import contract, operations

        stamp = operations.Stamp.made(self._clock.now(), key)
        checked, data = contract.check_progress(event)
        return self._write(
            lambda connection: operations.post_progress(connection, operations.OWNER, checked, data, stamp)
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _write(self, operation: Operation) -> Accepted:
        return cast("Posted", self._database.write(operation)).accepted()

    def _message(self, row: MessageRow, agent: str) -> Message:
        from warden.model.message import Assurance, Mail, Message, Principal

        return Message(
            key=MessageKey(self._database.hub_id, agent, message_id(row.seq)),
            sender=Principal(row.from_agent, Assurance(row.assurance)),
            received_at=row.created_at,
            content=Mail(
                subject=row.subject,
                body=row.body,
                kind=row.kind,
                thread_id=row.thread_id,
                in_reply_to=row.in_reply_to or None,
                metadata={} if row.metadata == "{}" else json.loads(row.metadata),
            ),
            recipient=row.to_agent,
        )


def _progress(row: ProgressRow) -> ProgressRecord:
    from warden.model.posted import ProgressRecord

    return ProgressRecord(
        id=f"p{row.seq}",
        agent=row.agent,
        created_at=row.created_at,
        kind=row.kind,
        summary=row.summary,
        detail=row.detail,
        message_id=row.message_id,
        thread_id=row.thread_id,
        metadata=json.loads(row.metadata),
    )
