"""What is known of unattended running: what passes rest on, the gate, ticks, and the last runs.

A *basis* is what the decisions of a pass rest on: charter, policies in force (the snapshot), brain and catalogue, by
digest. The gate of unattended running is opened for exactly one basis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

CHARTER, OVERLAY, BRAIN, CATALOG = "charter", "overlay", "brain", "catalog"
DRIFTS = (OVERLAY, BRAIN, CATALOG)
"""The kinds of change that an operator may allow in advance. INVARIANT (charter-floor): the charter is not among them."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert of the schedule that stands."""

    code: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Basis:
    """The digests that a pass was judged under."""

    charter_digest: str
    snapshot: str
    brain_digest: str
    catalog_digest: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose inbox at which hub: evidence for one inbox says nothing about another."""

    agent: str
    hub_id: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the ledger holds for one scope and basis: clean dry-run passes, passes that a person started with `--execute`
    and that judged something, and the last sign-off (`approved_by` is empty without one)."""

    dry_passes: int = 0
    execute_passes: int = 0
    approved_by: str = ""
    approved_at: datetime | None = None
    report_digest: str = ""


@dataclass(frozen=True, slots=True)
class Enabled:
    """An open gate: for which scope and basis, by whom, since when, and which kinds of change leave it open.

    `policy_files_digest` is the digest of the policy files that the snapshot was made of, so that an idle pass can see that
    nothing changed without parsing any.
    """

    scope: Scope
    basis: Basis
    policy_files_digest: str
    by: str
    at: datetime
    allow_drift: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShakedownRecord:
    """A report of dry-run passes, as the ledger knows it."""

    report_digest: str
    scope: Scope
    basis: Basis
    at: datetime


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How a run ended. `good` says that it did all that it was to do (exit status 0, not stopped)."""

    run_id: str
    mode: str
    trigger: str
    exit_status: int
    stopped: str
    at: datetime

    @property
    def good(self) -> bool:
        """Whether it went through without a failure."""
        return self.exit_status == 0 and not self.stopped


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A schedule as the ledger knows it: the last tick in the order of claims, and sums since the first.

    `last_at` is the scheduled time of the last tick, or the anchor before any; `outcome` is empty while that tick is claimed
    and not finished, `anchored` when it is an anchor. `attempt` counts the claims of that tick.
    """

    job: str
    agent: str
    last_at: datetime
    outcome: str
    attempt: int = 1
    missed: int = 0
    skipped: int = 0
    failed: int = 0
    touched_at: datetime | None = None

    @property
    def unfinished(self) -> bool:
        """Whether the last tick was claimed and its end is not recorded."""
        return self.outcome == ""
