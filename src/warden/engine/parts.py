"""What a run is made of: the ports that it was given, and its terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from warden.model.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from warden.engine.outcomes import OutcomeSource
    from warden.model.budget import Budget
    from warden.ports import (
        AnswerSource,
        Brain,
        Channel,
        Clock,
        HubReader,
        LedgerStore,
        ModelBrain,
        OrderBook,
        PolicyKernel,
        Pool,
        Reporter,
        ReviewStore,
        Scanner,
        StopSignal,
        Witness,
    )

BATCH_MESSAGES = 64
"""INVARIANT (bounded): messages whose intents share one commit."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A brain that asks a model, what asking may use (read when there is a question), and how many questions may be on their
    way at once."""

    brain: ModelBrain
    budget: Callable[[], Budget]
    parallel: int = 1


FAULTS = "faults"
"""Name of the count, in `run_finished`, of messages whose brain failed: a run with such is no evidence that all is well."""
BRAIN_FAULTS = frozenset({"brain-failed", "brain-answer"})
"""Reason codes of messages that were escalated because no brain could plan them."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The ports of a run. `channels` is empty in a dry run: there is nothing there that could deliver. `alerts` says what
    went wrong while the kernel was built (an overlay that fell back on its last good set); asked once, before judging. `author`
    is whom drafts name as their writer; empty for the brain's name. With `asking` it is that brain which proposes. `orders` are
    an operator's own rules for events, if there are any."""

    hub: HubReader
    store: LedgerStore
    kernel: PolicyKernel
    scanner: Scanner
    brain: Brain
    catalog: AnswerSource
    clock: Clock
    pool: Pool
    reporter: Reporter
    stop: StopSignal
    channels: Mapping[str, Channel] = field(default_factory=dict)
    alerts: Callable[[], tuple[str, ...]] = tuple
    witnesses: Sequence[Witness] = ()
    """Keep heads of the log elsewhere; a dry run is given none."""
    author: str = ""
    orders: OrderBook | None = None
    asking: Asking | None = None
    reviews: ReviewStore | None = None
    """The queue of what waits for a person, tended by an executing run; None leaves it alone."""
    outcomes: OutcomeSource | None = None
    """What was reported of deliveries since the last run, for a source whose deliveries have outcomes."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a run, fixed before it starts.

    `limit` bounds how many messages are planned, None for all; `hop_limit` is the hop count at which we no longer answer;
    `approval_expiry_s` is how long an action waits for its release, and `raise_after_s` after how long an item that nobody took
    note of is raised (again): None for never.
    """

    run_id: str
    agent: str
    version: str
    trigger: str = "manual"
    limit: int | None = None
    hop_limit: int = 5
    page_size: int = 2 * BATCH_MESSAGES
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    approval_expiry_s: float | None = 3 * 86_400.0
    raise_after_s: float | None = 86_400.0
    drop_after_s: float | None = None
