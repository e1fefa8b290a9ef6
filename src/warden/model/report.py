"""What a run tells the people who read it: per message what was decided and done, and sums."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.model.disposition import Disposition
    from warden.model.plan import Candidate
    from warden.model.request import Effect


@dataclass(frozen=True, slots=True)
class ActionReport:
    """One planned action: what the kernel said, the exact text that leaves, and whether it left.

    `body` is None for an action without text, and for one whose text must not be shown. `channel` is empty for an
    action that could not be drafted.
    """

    kind: str
    ordinal: int
    effect: Effect
    rule_ids: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    channel: str = ""
    body: str | None = None
    action_digest: str | None = None
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class MessageReport:
    """One message. In a dry run `disposition` is what it would be. `subject` is redacted."""

    message_id: str
    thread_id: str
    sender: str
    subject: str
    message_digest: str
    disposition: Disposition
    reason: str
    detail: str = ""
    catalog_entry: str | None = None
    candidates: tuple[Candidate, ...] = ()
    actions: tuple[ActionReport, ...] = ()
    stale: bool = False


@dataclass(frozen=True, slots=True)
class RunReport:
    """The sums of a run and how it ended.

    `counts` has a number per disposition, and of `stale` items, `recovered` deliveries, messages `waiting` behind their thread
    and messages `decided` before; `stopped` is empty or the code of what ended the run early; `inbox_blocked` says that a
    listing without paging shows only messages that were decided before. `counts` may also say how many messages a model was
    `asked` about and how many kept answers were `replayed`.
    """

    run_id: str
    mode: str
    agent: str
    exit_status: int
    counts: Mapping[str, int] = field(default_factory=dict)
    stopped: str = ""
    inbox_blocked: bool = False
    plan_digest: str | None = None
