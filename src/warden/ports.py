"""The ports: what the engine needs of the world, as Protocols.

What it does: names each capability once, as small as its one user needs it. What it does not: implement anything.
Rules: only `model` and `errors` are known here; every port has a fake or a real in-memory form in `warden.testing`, and
one contract suite there that the real thing and the fake both pass; a port's docstring says which errors may come out,
and nothing else may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from warden.model.budget import Spending
from warden.model.catalog import CatalogEntry
from warden.model.consultation import Consultation, Prepared
from warden.model.delivery import Intent, OutgoingMessage, ProgressEvent, Receipt
from warden.model.disposition import Disposition
from warden.model.entry import Batch, Head
from warden.model.finding import Finding
from warden.model.hub import DeliveryMeans, HubTraits, InboxPage
from warden.model.ids import MessageKey
from warden.model.message import BrainInput, Message
from warden.model.outcome import Outcome
from warden.model.plan import Plan
from warden.model.posted import Accepted, ProgressPage
from warden.model.records import DispositionRecord, OutboxRecord, PlanRecord, ReplyWindow
from warden.model.report import MessageReport
from warden.model.request import Decision, Request, VelocityKey
from warden.model.review import Member, ReviewItem, ReviewState, Trace, Vote
from warden.model.workload import WorkloadRecord

T = TypeVar("T")


class Clock(Protocol):
    """Time, injected."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for durations."""
        ...

    def wait(self, seconds: float) -> None:
        """Let `seconds` pass, or return early when the run is asked to stop."""
        ...


class StopSignal(Protocol):
    """Says whether the run was asked to stop; asked between steps."""

    def requested(self) -> str:
        """Return an empty string, or `interrupted`, `terminated` or `deadline`."""
        ...


class HubReader(Protocol):
    """Looking at a hub; never changes it.

    Every method may raise `HubError` and its subclasses (`HubCredentialError`, `HubNotFoundError`, `HubBusyError`,
    `HubUnreachableError`, `HubUncertainError`, `HubAnswerError`). Safe to call from several threads.
    """

    def traits(self) -> HubTraits:
        """Return what the hub declares of itself; may ask it once."""
        ...

    def list_unread(self, agent: str, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page of unread messages to `agent`, oldest first, stable while messages arrive."""
        ...

    def get_message(self, agent: str, message_id: str) -> Message:
        """Return one message that `agent` sent or received, as seen from `agent`'s inbox."""
        ...

    def get_thread(self, agent: str, thread_id: str) -> tuple[Message, ...]:
        """Return the messages of a thread that `agent` takes part in, oldest first."""
        ...

    def list_progress(self, agent: str, after: str | None = None, limit: int = 100) -> ProgressPage:
        """Return one page of `agent`'s progress events, oldest first."""
        ...


class HubWriter(Protocol):
    """Changing a hub; only channels call this.

    `key` is the idempotency key: the same key and content answer the first result, the same key with other content
    raises `HubConflictError`. Raises as `HubReader`, and `HubRejectedError`. Safe to call from several threads.
    """

    def post_message(self, message: OutgoingMessage, key: str | None = None) -> Accepted:
        """Send a message."""
        ...

    def mark_read(self, agent: str, message_id: str, key: str | None = None) -> Accepted:
        """Set the read flag of a message in `agent`'s inbox."""
        ...

    def post_progress(self, event: ProgressEvent, key: str | None = None) -> Accepted:
        """Post a progress event."""
        ...


class Hub(HubReader, HubWriter, Protocol):
    """A hub that can be looked at and changed."""

    def close(self) -> None:
        """Give connections and files back."""
        ...


class Brain(Protocol):
    """Proposes; never decides, never delivers. Assume that it is hostile.

    `name` and `digest` identify it in plans and in the ledger: a brain with other behaviour has another digest.
    """

    @property
    def name(self) -> str:
        """`rule`, `llm`, `auto`, ..."""
        ...

    @property
    def digest(self) -> str:
        """Digest of all that its answers depend on beside its input: version, catalogue, model, settings."""
        ...

    def propose(self, given: BrainInput) -> Plan:
        """Return a plan for one message; raises `BrainError` only. Safe to call from several threads."""
        ...


class ModelBrain(Brain, Protocol):
    """A brain that asks a model, in steps, so that the engine decides between a kept answer, a call and neither.

    The engine calls `prepare`; looks for a kept answer under `input_digest` and gives it to `replay`; holds `estimate`
    against the budgets and calls `decline` when one is spent; otherwise calls `consult` and keeps its `answer`. `propose`
    does `prepare` and `consult` in one, without either. No method raises; all are safe to call from several threads.
    """

    @property
    def model(self) -> str:
        """Provider and model as they are configured, for people and the ledger, such as `openai/qwen2.5:1.5b`."""
        ...

    def prepare(self, given: BrainInput) -> Prepared | Plan:
        """Return the rules' plan for a message that no model may see or needs to see, else what a model would be shown."""
        ...

    def consult(self, prepared: Prepared) -> Consultation:
        """Ask the model; when it gives nothing usable, the plan is the fallback or an escalation, with the reason."""
        ...

    def replay(self, prepared: Prepared, answer: str) -> Consultation:
        """Return what `consult` returned when it gave this `answer`, without asking and with nothing used."""
        ...

    def decline(self, prepared: Prepared, reason: str) -> Consultation:
        """Return the fallback for a message that the model is not to be asked about, for this reason code."""
        ...


class Redactor(Protocol):
    """Takes secret values out of a text before a model or a kept answer holds it."""

    def __call__(self, text: str) -> tuple[str, Mapping[str, int]]:
        """Return the text without secret values, and how many were found of each kind. Never raises."""
        ...


class PolicyKernel(Protocol):
    """Judges requests under the charter and all loaded bundles; `policy.Kernel` is the one that does."""

    @property
    def snapshot(self) -> str:
        """Identity of charter and bundles, named in every decision."""
        ...

    @property
    def charter_digest(self) -> str:
        """Digest of the charter."""
        ...

    def evaluate(self, request: Request) -> Decision:
        """Return the decision; pure."""
        ...

    def velocity_keys(self, request: Request) -> tuple[VelocityKey, ...]:
        """Return the counts that must be put into the request before `evaluate`."""
        ...


class AnswerSource(Protocol):
    """The routing catalogue as the engine needs it; `model.catalog.Catalog` is one."""

    @property
    def digest(self) -> str:
        """Digest of the catalogue's bytes."""
        ...

    def find(self, entry_id: str) -> CatalogEntry | None:
        """Return the entry with this id, or None."""
        ...


class OrderBook(Protocol):
    """An operator's own rules for authenticated events: what they name is carried out without asking a brain."""

    @property
    def digest(self) -> str:
        """Digest of the rules."""
        ...

    def order(self, message: Message) -> Plan | None:
        """Return what the first matching rule names for this event, None when none does or a brain is to judge; pure."""
        ...


class Channel(Protocol):
    """Carries one intent to the outside. Only `engine.enforce` calls it."""

    @property
    def means(self) -> DeliveryMeans:
        """How one can know that an earlier attempt of this channel was taken."""
        ...

    @property
    def reports_outcomes(self) -> bool:
        """Whether the receipt is not the end: what became of the delivery is reported later."""
        ...

    def deliver(self, intent: Intent) -> Receipt:
        """Deliver under the intent's key and return the receipt.

        Raises `HubError` and its subclasses; `engine.enforce` turns each into a `Fault`. Safe to call from several
        threads.
        """
        ...

    def find(self, intent: Intent) -> Receipt | None:
        """Return the receipt of an earlier attempt, or None when there certainly was none; raises as `deliver`.

        Called only when `means` is `LOOKUP`.
        """
        ...


class Pool(Protocol):
    """Runs independent pieces of work, at most so many at once."""

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run every task and return the results in the order of the tasks; the first exception is raised at the end."""
        ...

    def start(self, tasks: Sequence[Callable[[], T]]) -> Callable[[], list[T]]:
        """Start every task, and return what waits for their ends and then gives what `run` gives."""
        ...


class Scanner(Protocol):
    """Finds secret values in text."""

    @property
    def digest(self) -> str:
        """Digest of the rules and their version."""
        ...

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return all findings, by start; a bound that is exceeded is a finding of kind `unscannable`. Never raises."""
        ...


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


class Reporter(Protocol):
    """Is told what a run does, as it does it: the shell renders it. Must not raise."""

    def message(self, report: MessageReport) -> None:
        """Take note of one message whose handling is decided, and in an executing run recorded."""
        ...

    def alert(self, text: str) -> None:
        """Take note of something that an operator should know and that does not stop the run."""
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


__all__ = [
    "AnswerSource",
    "Brain",
    "Channel",
    "Clock",
    "Disposition",
    "Hub",
    "HubReader",
    "HubWriter",
    "LedgerStore",
    "LockStore",
    "ModelBrain",
    "PolicyKernel",
    "Pool",
    "Redactor",
    "Reporter",
    "ReviewStore",
    "Scanner",
    "StopSignal",
    "Witness",
]
