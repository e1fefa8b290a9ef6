"""What the engine keeps, and what holds it alone: the ledger, the review queue, locks, witnesses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from warden.model.budget import Spending
from warden.model.entry import Batch, Head
from warden.model.ids import MessageKey
from warden.model.outcome import Outcome
from warden.model.records import DispositionRecord, OutboxRecord, PlanRecord, ReplyWindow
from warden.model.review import Member, ReviewItem, ReviewState, Trace, Vote
from warden.model.workload import WorkloadRecord


class LedgerStore(Protocol):
    """The ledger and its projections (read models): append-only entries, blobs, dispositions, outbox, counters.

    `commit` is the only way in; the projections follow from the entries, in the same transaction. Every method may
    raise `StateError` (disk full, read-only, busy), `LedgerError` (the log does not verify), and `commit` also
    `TransitionError` (an edge that the state machine does not have; nothing is stored).
    """

    def head(self) -> Head:
        """Return the present head."""
        ...

    def commit(self, batch: Batch) -> Head:
        """Make the batch durable, all or nothing, and return the new head."""
        ...

    def blob(self, digest: str) -> bytes | None:
        """Return the bytes kept under this digest, or None when purged or never kept."""
        ...

    def dispositions(self, keys: Iterable[MessageKey]) -> Mapping[MessageKey, DispositionRecord]:
        """Return the disposition of each message that has one."""
        ...

    def open_escalations(self, hub_id: str, agent: str, sender: str, thread_id: str) -> tuple[DispositionRecord, ...]:
        """Return the open escalations of this sender in this thread."""
        ...

    def pending(self, hub_id: str, agent: str, due: datetime, limit: int) -> tuple[OutboxRecord, ...]:
        """Return intents for this hub and agent that are open, due and not waiting for a lower stage, oldest first.

        One that is not known to have failed is always due; a read mark that follows other actions waits until its message
        has a terminal disposition.
        """
        ...

    def intent(self, key: str) -> OutboxRecord | None:
        """Return the intent with this key, whatever its state, or None."""
        ...

    def intended(self, keys: Iterable[str]) -> frozenset[str]:
        """Return those of these keys under which an intent was ever made, whatever its state."""
        ...

    def outcomes(self, key: str) -> tuple[Outcome, ...]:
        """Return what was reported of the delivery with this key, in the order of arrival."""
        ...

    def workload(self, workload_id: str) -> WorkloadRecord | None:
        """Return the workload with this id, or None."""
        ...

    def silent_workloads(self, hub_id: str, agent: str, since: datetime, limit: int) -> tuple[str, ...]:
        """Return delivered workloads without an end of which nothing was heard since then, oldest first."""
        ...

    def busy_threads(self, hub_id: str, agent: str) -> frozenset[str]:
        """Return the threads with an intent on channel `message` that is open: nothing may overtake it there."""
        ...

    def replies_since(self, agent: str, since: datetime) -> ReplyWindow:
        """Return how many automatic replies were intended since then, per thread and per sender."""
        ...

    def requests_since(self, bucket: str, since: datetime) -> int:
        """Return how many requests were recorded under this velocity bucket since then."""
        ...

    def plan_record(self, plan_digest: str) -> PlanRecord | None:
        """Return what the ledger knows of a saved plan with this digest, or None."""
        ...

    def answer(self, key: str) -> bytes | None:
        """Return a brain's kept answer under the digest of its input (DESIGN invariant 9), or None."""
        ...

    @property
    def origin(self) -> str:
        """The log's name, under which its heads are signed."""
        ...

    def note(self) -> str:
        """Return the newest signed checkpoint as a note: what is kept elsewhere."""
        ...

    def check_log(self) -> None:
        """Raise `LedgerError` unless the log holds together: all of a short one, the end and a part of a long one."""
        ...

    def check_heads(self, notes: Iterable[str]) -> int:
        """Return how many of these notes are no heads of this log; raises `LedgerError` for one that the log's key signed and
        that the log does not contain: it was rolled back."""
        ...

    def progress_cursor(self, hub_id: str, agent: str) -> str | None:
        """Return up to where the agent's progress events on this hub were compared with the log, None when never."""
        ...

    def spending(self, since: datetime, run_id: str = "", sender: str = "") -> Spending:
        """Return what asking models used since then, in one run or for one sender when they are named."""
        ...

    def close(self) -> None:
        """Give files back."""
        ...


class ReviewStore(Protocol):
    """Reads the queue of what waits for a person; every change of it is committed to the ledger. Raises `StateError` and
    `LedgerError` as the ledger does."""

    def items(self, agent: str, states: frozenset[ReviewState]) -> tuple[ReviewItem, ...]:
        """Return the agent's items in one of these states, oldest first."""
        ...

    def item(self, number: int) -> ReviewItem | None:
        """Return the item with this number, or None."""
        ...

    def following(self, agent: str, now: datetime, after: int) -> ReviewItem | None:
        """Return the live item that a person should look at next: the open approval that expires first, else the oldest open
        item, else the oldest that was acknowledged; items up to number `after` come last, and approvals whose time has run out
        not at all."""
        ...

    def live(self, message: MessageKey) -> tuple[ReviewItem, ...]:
        """Return the live items that a message belongs to, oldest first."""
        ...

    def waits(self, agent: str, now: datetime, raised_before: datetime | None) -> bool:
        """Return whether `due` would return something."""
        ...

    def due(self, agent: str, now: datetime, raised_before: datetime | None, limit: int) -> tuple[ReviewItem, ...]:
        """Return live approvals whose time has run out, then open items that were not raised since `raised_before` (None:
        no such items)."""
        ...

    def members(self, number: int) -> tuple[Member, ...]:
        """Return the messages of an item, in the order in which they joined, with their redacted texts."""
        ...

    def votes(self, number: int) -> tuple[Vote, ...]:
        """Return the newest vote of each person on this item."""
        ...

    def history(self, number: int) -> tuple[Trace, ...]:
        """Return the entries about an item and its messages that the ledger holds, oldest first, bounded."""
        ...

    def facts(self, message: MessageKey) -> bytes | None:
        """Return the newest request that was judged about a message and not simply allowed, None when it was purged."""
        ...

    def request(self, record: OutboxRecord) -> bytes | None:
        """Return the request on which an intent was allowed, None when it was purged."""
        ...

    def stuck(self, message: MessageKey) -> tuple[OutboxRecord, ...]:
        """Return the message's intents that are dead or in doubt, and the open ones that wait behind them."""
        ...


class LockStore(Protocol):
    """Exclusion on one host."""

    def hold(self, name: str, describe: Mapping[str, str]) -> AbstractContextManager[None]:
        """Hold the lock `name` for the length of the block, with `describe` readable by others.

        Raises `LockHeldError` at once when another process holds it, naming the holder, and `StateError` when the lock
        cannot be taken for another reason: its body never runs without the lock.
        """
        ...


class Witness(Protocol):
    """Keeps the newest head of our log at a place that whoever rolls our files back does not reach.

    Both methods raise `StateError` only: the place cannot be used, or it takes too long.
    """

    @property
    def name(self) -> str:
        """The place, as a person configured it."""
        ...

    def read(self) -> str | None:
        """Return the signed checkpoint that is kept there, empty when there is none yet, None when it cannot be asked."""
        ...

    def keep(self, note: str) -> None:
        """Keep this signed checkpoint, durably, in place of or beside the one before."""
        ...
