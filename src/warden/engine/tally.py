"""Counts that bound what a run may do, taken from our own ledger and from what this run has allowed so far."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warden.model.message import Message
    from warden.model.records import ReplyWindow
    from warden.model.request import VelocityKey
    from warden.ports import Clock, LedgerStore

WINDOW_S = 3600


class Velocities:
    """Counts for velocity rules: requests that were carried out, from our ledger and from this run."""

    def __init__(self, store: LedgerStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, int] = {}

    def count(self, key: VelocityKey) -> int:
        """Return how many requests were recorded under the key's bucket within its window, without the present one."""
        if key.bucket not in self._known:
            since = self._clock.now() - timedelta(seconds=key.window_s)
            self._known[key.bucket] = self._store.requests_since(key.bucket, since)
        return self._known[key.bucket]

    def note(self, bucket: str) -> None:
        """Count one more request that is carried out."""
        self._known[bucket] = self._known.get(bucket, 0) + 1


class Tally:
    """How many actions this run has allowed, and how many automatic replies went to each thread and sender in the last hour.

    INVARIANT (own-count): the window comes from intents in our ledger; nothing that a sender writes is counted or uncounts.
    A dry run counts what it would have done here, in memory, and nowhere else.
    """

    def __init__(self, window: ReplyWindow) -> None:
        self._by_thread: Counter[str] = Counter(dict(window.by_thread))
        self._by_sender: Counter[str] = Counter(dict(window.by_sender))
        self._actions = 0

    @staticmethod
    def window_start(now: datetime) -> datetime:
        """Return where the window of replies begins."""
        return now - timedelta(seconds=WINDOW_S)

    def counts(self, message: Message, actions_in_message: int) -> dict[str, int]:
        """Return the counts for a request about `message`, without the action under judgement."""
        return {
            "actions_in_message": actions_in_message,
            "actions_in_run": self._actions,
            "replies_in_thread_hour": self._by_thread[message.content.thread_id],
            "replies_to_sender_hour": self._by_sender[message.sender.name],
        }

    def note_action(self) -> None:
        """Count one allowed action of this run."""
        self._actions += 1

    def note_reply(self, message: Message) -> None:
        """Count one automatic reply to this message's thread and sender."""
        self._by_thread[message.content.thread_id] += 1
        self._by_sender[message.sender.name] += 1
