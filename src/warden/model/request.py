"""The one request shape for every action that the kernel judges, and the kernel's answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Effect(IntEnum):
    """The lattice of DESIGN section 5; the meet of two effects is the smaller one."""

    DENY = 0
    REQUIRE_APPROVAL = 1
    ALLOW_WITH_CONSTRAINTS = 2
    ALLOW = 3

    @property
    def word(self) -> str:
        """The effect as documents and JSON write it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class VelocityKey:
    """A count that a policy layer needs: put the number of requests recorded under `bucket` in the last `window_s` seconds,
    without the one under judgement, into the request's counts under `count_name`. `bucket` is a digest, so that what is
    recorded holds no text."""

    count_name: str
    bucket: str
    window_s: int


@dataclass(frozen=True, slots=True)
class McpCall:
    """The MCP part of a request; every field may be empty."""

    server: str = ""
    tool: str = ""
    resource: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants to do what. All facts come from warden's own code, never from a brain.

    `topic` is `job.warden.<kind>`; `labels` names what the rules may look at (recipient, thread, trust, brain, hub, ...);
    whatever is copied from a message has the prefix `msg.`. `secrets_present` is None when nobody looked; `counts` holds
    numeric facts (body_bytes, actions_in_message, actions_in_run, replies_in_thread_hour, replies_to_sender_hour, ...).
    """

    topic: str
    capability: str
    actor_id: str
    actor_type: str
    tenant: str = "default"
    risk_tags: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    pack_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    secrets_present: bool | None = None
    mcp: McpCall | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


def request_fields(request: Request) -> dict[str, object]:
    """Return the request as JSON values, sets and mappings sorted: what `digests.canonical_bytes` takes.

    Label values keep their text; label names that are not ASCII have no canonical form and raise there.
    """
    mcp = request.mcp
    return {
        "tenant": request.tenant,
        "topic": request.topic,
        "capability": request.capability,
        "risk_tags": sorted(request.risk_tags),
        "requires": sorted(request.requires),
        "pack_id": request.pack_id,
        "actor_id": request.actor_id,
        "actor_type": request.actor_type,
        "labels": dict(request.labels),
        "secrets_present": request.secrets_present,
        "mcp": None
        if mcp is None
        else {"server": mcp.server, "tool": mcp.tool, "resource": mcp.resource, "action": mcp.action},
        "counts": dict(request.counts),
    }


@dataclass(frozen=True, slots=True)
class Remediation:
    """A safer alternative that a rule proposes."""

    id: str
    title: str = ""
    summary: str = ""
    replacement_topic: str = ""
    replacement_capability: str = ""
    add_labels: Mapping[str, str] = field(default_factory=dict)
    remove_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Constraints:
    """Obligations that the enforcement point must discharge. None means unlimited; an empty tuple means nothing.

    The meet of two constraints is computed by `policy.combine`; footers are a sorted set.
    """

    max_runtime_ms: int | None = None
    max_retries: int | None = None
    max_artifact_bytes: int | None = None
    max_concurrent_jobs: int | None = None
    isolated: bool = False
    network_allowlist: tuple[str, ...] | None = None
    fs_read_only: tuple[str, ...] | None = None
    fs_read_write: tuple[str, ...] | None = None
    allowed_tools: tuple[str, ...] | None = None
    allowed_commands: tuple[str, ...] | None = None
    max_files: int | None = None
    max_lines: int | None = None
    deny_path_globs: tuple[str, ...] = ()
    redaction_level: str = "none"
    max_body_bytes: int | None = None
    append_footer: tuple[str, ...] = ()
    max_replies_per_hour: int | None = None


UNCONSTRAINED = Constraints()


@dataclass(frozen=True, slots=True)
class Decision:
    """The kernel's answer: the meet of all layers.

    `rule_ids` names the deciding rule of each layer as `<layer>/<rule>`, sorted; `retry_after_s` is set when a throttle
    or a rate limit decided (the message is held, not refused); `errors` non-empty means that something failed while
    judging and the effect is deny or require_approval.
    """

    effect: Effect
    rule_ids: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    constraints: Constraints = UNCONSTRAINED
    remediations: tuple[Remediation, ...] = ()
    snapshot: str = ""
    errors: tuple[str, ...] = ()
    retry_after_s: int | None = None
