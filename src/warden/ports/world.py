"""What stands round the engine: time, hubs, brains, judges, channels, scanners, and whoever is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from warden.model.catalog import CatalogEntry
from warden.model.consultation import Consultation, Prepared
from warden.model.delivery import Intent, OutgoingMessage, ProgressEvent, Receipt
from warden.model.finding import Finding
from warden.model.hub import DeliveryMeans, HubTraits, InboxPage
from warden.model.message import BrainInput, Message
from warden.model.plan import Plan
from warden.model.posted import Accepted, ProgressPage
from warden.model.report import MessageReport
from warden.model.request import Decision, Request, VelocityKey

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


class Reporter(Protocol):
    """Is told what a run does, as it does it: the shell renders it. Must not raise."""

    def message(self, report: MessageReport) -> None:
        """Take note of one message whose handling is decided, and in an executing run recorded."""
        ...

    def alert(self, text: str) -> None:
        """Take note of something that an operator should know and that does not stop the run."""
        ...
