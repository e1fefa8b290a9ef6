"""Group commit: one thread writes for all requests, many of them in one transaction.

A commit costs one fsync, however many writes are in it. While one commit is under way the next requests gather, so that
the rate follows the load, and the event loop only ever waits for a future.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from warden.hubs.database import BATCH_WRITES, Database, Write

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


class _Asked(Write):
    """A write that somebody on an event loop waits for."""

    __slots__ = ("future",)

    def __init__(self, operation: Callable[[Connection], object], future: asyncio.Future[Any]) -> None:
        super().__init__(operation)
        self.future: Final = future

    def settle(self) -> None:
        """Hand the result over, unless whoever asked has gone."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class GroupWriter:
    """Writes to one database from one thread, on behalf of one event loop."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._loop = loop
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="hub-writer", daemon=True)
        self._thread.start()

    async def write(self, operation: Callable[[Connection], T]) -> T:
        """Return the operation's result once it is durable; raises what it raises, and as `Database.write`.

        How many can wait is bounded by the number of connections that the server takes.
        """
        asked = _Asked(operation, self._loop.create_future())
        self._asked.put(asked)
        return cast(T, await asked.future)

    def close(self) -> None:
        """Finish what was asked, then end the thread."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        going = True
        while going:
            batch: list[_Asked] = []
            going = self._gather(batch)
            if batch:
                self._database.write_all(batch)
                self._loop.call_soon_threadsafe(_settle, batch)

    def _gather(self, batch: list[_Asked]) -> bool:
        """Wait for one write and take all that wait beside it; return whether to go on."""
        asked = self._asked.get()
        while asked is not None:
            batch.append(asked)
            if len(batch) == BATCH_WRITES:
                return True
            try:
                asked = self._asked.get_nowait()
            except queue.Empty:
                return True
        return False


def _settle(batch: list[_Asked]) -> None:
    for asked in batch:
        asked.settle()
