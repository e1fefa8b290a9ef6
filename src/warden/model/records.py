"""What the ledger's projections answer with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from warden.model.delivery import Intent
    from warden.model.disposition import Disposition
    from warden.model.ids import MessageKey


@dataclass(frozen=True, slots=True)
class DispositionRecord:
    """Where a message stands, since when, and why (a reason code)."""

    message: MessageKey
    disposition: Disposition
    reason: str
    sender: str
    thread_id: str
    run_id: str
    at: datetime
    reopened: bool = False
    """Whether the sender added to the thread since: the message is planned again once."""
    generation: int = 0
    """How many times the message was reopened; the ordinal of its next audit event."""


class IntentState(StrEnum):
    """States of an intent; the edges between them are `ledger.transitions`."""

    OPEN = "open"
    """Durable, no receipt yet: to be attempted, or attempted and to be tried again."""
    DONE = "done"
    """The receipt is there."""
    IN_DOUBT = "in_doubt"
    """Perhaps taken, and the hub gives no means to know: a person decides."""
    DEAD = "dead"
    """Given up: refused for good, or too many attempts, or too old."""
    DROPPED = "dropped"
    """A person ended it."""


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """An intent with its delivery history, as entry kinds `intended`, `attempted`, `faulted` and `received` told it.

    `attempts` counts the attempts that were made durable before they were made. `stage` orders the intents of one message:
    an intent is pending only when every intent of its message with a lower stage is done (an audit event that was given up
    keeps nothing waiting). `closes` is the disposition that
    this intent's receipt gives its message, None when it gives none (entry field: empty string). `sender` sent the message;
    `rule_ids`, `snapshot` and `action_digest` say by whose authority the intent exists.
    """

    intent: Intent
    state: IntentState
    attempts: int
    created_at: datetime
    due_at: datetime
    sender: str
    action_digest: str
    stage: int = 0
    closes: Disposition | None = None
    rule_ids: tuple[str, ...] = ()
    snapshot: str = ""
    last_fault: str = ""
    """The fault of the last attempt; empty while nothing is known of it."""
    spent: int = 0
    """How many attempts count towards the limit: those that a hub may have seen, not those that certainly never reached
    one."""
    doubtful: bool = False
    """Whether an earlier attempt was perhaps taken: whatever comes after it, the delivery cannot end as never made."""


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A saved plan as the ledger knows it."""

    plan_digest: str
    run_id: str
    made_at: datetime
    used: bool


@dataclass(frozen=True, slots=True)
class ReplyWindow:
    """Automatic replies intended in a window, per thread and per sender."""

    by_thread: Mapping[str, int] = field(default_factory=dict)
    by_sender: Mapping[str, int] = field(default_factory=dict)
