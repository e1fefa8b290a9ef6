"""A bundle as a frozen value: what an operator's or a pack's policy file says, before it is compiled.

The dialect is the safety-policy dialect of the field; `documents.bundle` reads it and `docs/reference/policy.md` is
generated from both. Values here are canonical: budgets of 0 became None, and lists inside constraints are sorted sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from warden.model.request import UNCONSTRAINED, Constraints, Effect, Remediation

ABSTAIN = "abstain"
"""The `default_decision` of a bundle without an opinion about what its rules do not name."""

THROTTLE_RETRY_S = 60
"""What a throttle without a velocity window asks the caller to wait, in seconds."""


@dataclass(frozen=True, slots=True)
class McpMatch:
    """Filters on the MCP part of a request: a value in a deny list, or outside a non-empty allow list, is no match."""

    allow_servers: tuple[str, ...] = ()
    deny_servers: tuple[str, ...] = ()
    allow_tools: tuple[str, ...] = ()
    deny_tools: tuple[str, ...] = ()
    allow_resources: tuple[str, ...] = ()
    deny_resources: tuple[str, ...] = ()
    allow_actions: tuple[str, ...] = ()
    deny_actions: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether no list is given: such a filter says nothing."""
        return self == _NO_MCP


_NO_MCP = McpMatch()


@dataclass(frozen=True, slots=True)
class Match:
    """When a rule applies: all given fields must hold, any value of a list is enough. An empty match is always true.

    `topics` are globs as `policy.glob` describes; `labels` compares exactly; `label_allowlist` holds when a label has
    a value outside its list, `label_threshold` when a label (or `counts.<name>`) exceeds its number.
    """

    tenants: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    risk_tags: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    pack_ids: tuple[str, ...] = ()
    actor_ids: tuple[str, ...] = ()
    actor_types: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    label_allowlist: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    label_threshold: Mapping[str, float] = field(default_factory=dict)
    secrets_present: bool | None = None
    mcp: McpMatch | None = None


@dataclass(frozen=True, slots=True)
class Velocity:
    """A sliding window: the rule fires when at least `max_requests` requests with the same `key` were counted before
    this one in the last `window_seconds`. `key` is a field (`actor_id`, `tenant`, `topic`, `capability`, `pack_id`,
    `actor_type`, `labels.<name>`) or several joined by `:`."""

    key: str
    max_requests: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `throttle` is a deny that asks to come back later. `line` is where it stands in its file."""

    id: str
    match: Match
    effect: Effect
    reason: str = ""
    throttle: bool = False
    constraints: Constraints = UNCONSTRAINED
    remediations: tuple[Remediation, ...] = ()
    velocity: Velocity | None = None
    line: int = field(default=0, compare=False)

    @property
    def restricting(self) -> bool:
        """Whether a missing fact makes this rule match (it restricts) or not match (it allows)."""
        return self.effect is not Effect.ALLOW

    @property
    def retry_after_s(self) -> int | None:
        """Seconds to wait when this rule throttles, None when it does not."""
        if not self.throttle:
            return None
        return self.velocity.window_seconds if self.velocity is not None else THROTTLE_RETRY_S


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """What a bundle says about one tenant beside its rules: topics, MCP filters, a budget."""

    allow_topics: tuple[str, ...] = ()
    deny_topics: tuple[str, ...] = ()
    max_concurrent_jobs: int | None = None
    mcp: McpMatch | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that reading saw and that a value cannot show, for lint."""

    rule_id: str
    code: str
    message: str
    line: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """One policy file. `default_decision` is `allow`, `deny`, `require_approval`, `abstain` or None (deny); `digest`
    covers the file's bytes and names the layer's contents in the snapshot; `origin` is `operator` or `pack`."""

    name: str
    version: str
    digest: str
    rules: tuple[Rule, ...] = ()
    default_decision: str | None = None
    default_tenant: str = ""
    tenants: Mapping[str, TenantPolicy] = field(default_factory=dict)
    origin: str = field(default="operator", compare=False)
    remarks: tuple[Remark, ...] = field(default=(), compare=False)
