"""The ticks of one schedule in the ledger, opened for each question: a worker that waits holds no file open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.model.entry import Batch
from warden.store import schedule
from warden.store.queries import milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from warden.model.entry import Entry
    from warden.model.schedule import JobRecord
    from warden.store.sqlite import SqliteLedgerStore


class TickLedger:
    """What the ledger knows of a schedule's ticks; `open_store` opens the ledger. Everything raises `StateError` and
    `LedgerError`, and `commit` also `TransitionError` for a tick that somebody else has claimed."""

    def __init__(self, open_store: Callable[[], SqliteLedgerStore], agent: str) -> None:
        self._open = open_store
        self._agent = agent

    def last(self, job: str) -> JobRecord | None:
        """Return where the schedule stands, None when it is not known."""
        store = self._open()
        try:
            found = store.read(lambda connection: schedule.read_jobs(connection, self._agent, job))
        finally:
            store.close()
        return found[0] if found else None

    def is_claimed(self, job: str, scheduled: datetime) -> bool:
        """Return whether the tick was claimed before."""
        store = self._open()
        try:
            return store.read(lambda connection: schedule.is_claimed(connection, job, milliseconds(scheduled)))
        finally:
            store.close()

    def commit(self, entries: Sequence[Entry]) -> None:
        """Make the entries durable, all or none."""
        store = self._open()
        try:
            store.commit(Batch(tuple(entries)))
        finally:
            store.close()
