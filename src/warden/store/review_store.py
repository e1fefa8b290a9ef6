"""The queue of what waits for a person, as `ports.ReviewStore` asks it of an open ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.store import queries
from warden.store.queries import milliseconds

if TYPE_CHECKING:
    from datetime import datetime

    from warden.model.ids import MessageKey
    from warden.model.records import OutboxRecord
    from warden.model.review import Member, ReviewItem, ReviewState, Trace, Vote
    from warden.store.sqlite import SqliteLedgerStore


class SqliteReviews:
    """Reads the queue of one ledger; what changes it is committed to the ledger itself."""

    def __init__(self, store: SqliteLedgerStore) -> None:
        self.read = store.read
        """Ask the ledger's database something else, as the console's pages do."""

    def items(self, agent: str, states: frozenset[ReviewState]) -> tuple[ReviewItem, ...]:
        """Return the agent's items in one of these states, oldest first."""
        from warden.store.review_queries import read_items

        return self.read(lambda connection: read_items(connection, agent, states))

    def item(self, number: int) -> ReviewItem | None:
        """Return the item with this number, or None."""
        from warden.store.review_queries import read_item

        return self.read(lambda connection: read_item(connection, number))

    def following(self, agent: str, now: datetime, after: int) -> ReviewItem | None:
        """Return the live item that a person should look at next: the open approval that expires first, else the oldest open
        item, else the oldest that was acknowledged; items up to number `after` come last, and approvals whose time has run out
        not at all."""
        from warden.store.review_queries import read_following

        return self.read(lambda connection: read_following(connection, agent, milliseconds(now), after))

    def live(self, message: MessageKey) -> tuple[ReviewItem, ...]:
        """Return the live items that a message belongs to, oldest first."""
        from warden.store.review_queries import read_live

        return self.read(lambda connection: read_live(connection, message))

    def waits(self, agent: str, now: datetime, raised_before: datetime | None) -> bool:
        """Return whether `due` would return something; the queue's records are not loaded for that."""
        before = None if raised_before is None else milliseconds(raised_before)
        return self.read(lambda connection: queries.reviews_wait(connection, agent, milliseconds(now), before))

    def due(self, agent: str, now: datetime, raised_before: datetime | None, limit: int) -> tuple[ReviewItem, ...]:
        """Return live approvals whose time has run out, then open items that were not raised since `raised_before`."""
        from warden.store.review_queries import read_due

        before = None if raised_before is None else milliseconds(raised_before)
        return self.read(lambda connection: read_due(connection, agent, milliseconds(now), before, limit))

    def members(self, number: int) -> tuple[Member, ...]:
        """Return the messages of an item, in the order in which they joined."""
        from warden.store.review_queries import read_members

        return self.read(lambda connection: read_members(connection, number))

    def votes(self, number: int) -> tuple[Vote, ...]:
        """Return the newest vote of each person on this item."""
        from warden.store.review_queries import read_votes

        return self.read(lambda connection: read_votes(connection, number))

    def history(self, number: int) -> tuple[Trace, ...]:
        """Return the entries about an item and its messages, oldest first, bounded."""
        from warden.store.review_queries import read_history

        return self.read(lambda connection: read_history(connection, number))

    def facts(self, message: MessageKey) -> bytes | None:
        """Return the newest request that was judged about a message and not simply allowed, None when it was purged."""
        return self.read(lambda connection: queries.read_facts(connection, message))

    def request(self, record: OutboxRecord) -> bytes | None:
        """Return the request on which an intent was allowed, None when it was purged."""
        return self.read(lambda connection: queries.read_request(connection, record))

    def stuck(self, message: MessageKey) -> tuple[OutboxRecord, ...]:
        """Return the message's intents that are dead or in doubt, and the open ones that wait behind them."""
        return self.read(lambda connection: queries.read_stuck_of(connection, message))

    def taught(self, agent: str) -> tuple[tuple[int, str, str, str, str], ...]:
        """Return what people sent in answer to what, oldest first: item, verdict, the message's subject and body, what was
        sent. Texts that were purged are left out."""
        from warden.store.review_queries import read_taught

        return self.read(lambda connection: read_taught(connection, agent))

    def counts(self, agent: str, since: datetime) -> dict[str, int]:
        """Return how many items were founded since then, and how many were ended in which way."""
        from warden.store.review_queries import read_counts

        return self.read(lambda connection: read_counts(connection, agent, milliseconds(since)))
