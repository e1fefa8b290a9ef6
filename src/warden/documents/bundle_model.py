"""The shape of a policy bundle, as validation models. Imported only while a bundle is being read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from warden.documents.models import Strict

MAX_RULES = 5_000
MAX_VALUES = 1_000

Text = Annotated[str, Field(max_length=1_000)]
Texts = Annotated[list[Text], Field(max_length=MAX_VALUES)]
OptionalTexts = Texts | None
Word = Annotated[str, Field(min_length=1, max_length=200)]
Limit = Annotated[int, Field(ge=0, le=2**53 - 1)]
OptionalLimit = Limit | None
Footer = Annotated[str, Field(min_length=1, max_length=500)]
RuleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]


def _empty() -> list[str]:
    return []


class McpModel(Strict):
    """Filters on the MCP part of a request."""

    allow_servers: Texts = Field(default_factory=_empty)
    deny_servers: Texts = Field(default_factory=_empty)
    allow_tools: Texts = Field(default_factory=_empty)
    deny_tools: Texts = Field(default_factory=_empty)
    allow_resources: Texts = Field(default_factory=_empty)
    deny_resources: Texts = Field(default_factory=_empty)
    allow_actions: Texts = Field(default_factory=_empty)
    deny_actions: Texts = Field(default_factory=_empty)


class MatchModel(Strict):
    """When a rule applies."""

    tenants: Texts = Field(default_factory=_empty)
    topics: Texts = Field(default_factory=_empty)
    capabilities: Texts = Field(default_factory=_empty)
    risk_tags: Texts = Field(default_factory=_empty)
    requires: Texts = Field(default_factory=_empty)
    pack_ids: Texts = Field(default_factory=_empty)
    actor_ids: Texts = Field(default_factory=_empty)
    actor_types: Texts = Field(default_factory=_empty)
    labels: dict[Word, Text] = Field(default_factory=dict)
    label_allowlist: dict[Word, Texts] = Field(default_factory=dict)
    label_threshold: dict[Word, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict)
    secrets_present: bool | None = None
    mcp: McpModel | None = None


class BudgetsModel(Strict):
    """Budgets; 0 is the same as leaving a budget out."""

    max_runtime_ms: OptionalLimit = None
    max_retries: OptionalLimit = None
    max_artifact_bytes: OptionalLimit = None
    max_concurrent_jobs: OptionalLimit = None


class SandboxModel(Strict):
    """Where a job may run."""

    isolated: bool = False
    network_allowlist: OptionalTexts = None
    fs_read_only: OptionalTexts = None
    fs_read_write: OptionalTexts = None


class ToolchainModel(Strict):
    """What a job may use."""

    allowed_tools: OptionalTexts = None
    allowed_commands: OptionalTexts = None


class DiffModel(Strict):
    """How much a job may change."""

    max_files: OptionalLimit = None
    max_lines: OptionalLimit = None
    deny_path_globs: Texts = Field(default_factory=_empty)


class ConstraintsModel(Strict):
    """Obligations of an allowed action."""

    budgets: BudgetsModel = Field(default_factory=BudgetsModel)
    sandbox: SandboxModel = Field(default_factory=SandboxModel)
    toolchain: ToolchainModel = Field(default_factory=ToolchainModel)
    diff: DiffModel = Field(default_factory=DiffModel)
    redaction_level: Literal["none", "standard", "strict"] = "none"
    max_body_bytes: OptionalLimit = None
    append_footer: Footer | Annotated[list[Footer], Field(max_length=16)] = Field(default_factory=_empty)
    max_replies_per_hour: OptionalLimit = None


class RemediationModel(Strict):
    """A safer alternative that a rule proposes."""

    id: Word
    title: Text = ""
    summary: Text = ""
    replacement_topic: Text = ""
    replacement_capability: Text = ""
    add_labels: dict[Word, Text] = Field(default_factory=dict)
    remove_labels: Texts = Field(default_factory=_empty)


class VelocityModel(Strict):
    """A sliding window over requests with the same key."""

    key: Word
    max_requests: Annotated[int, Field(ge=1, le=2**31)]
    window_seconds: Annotated[int, Field(ge=1, le=86_400)]


Decision = Literal[
    "allow",
    "permit",
    "deny",
    "block",
    "require_approval",
    "require-approval",
    "require_human",
    "allow_with_constraints",
    "allow-with-constraints",
    "throttle",
]


class RuleModel(Strict):
    """One rule."""

    id: RuleId
    match: MatchModel = Field(default_factory=MatchModel)
    decision: Decision
    reason: Text = ""
    constraints: ConstraintsModel = Field(default_factory=ConstraintsModel)
    remediations: Annotated[list[RemediationModel], Field(max_length=32)] = Field(default_factory=list)
    velocity: VelocityModel | None = None


class TenantModel(Strict):
    """What holds for one tenant beside the rules."""

    allow_topics: Texts = Field(default_factory=_empty)
    deny_topics: Texts = Field(default_factory=_empty)
    max_concurrent_jobs: OptionalLimit = None
    mcp: McpModel | None = None


class BundleModel(Strict):
    """The whole file."""

    version: Annotated[str, Field(max_length=64)] | Annotated[int, Field(ge=0, le=2**53 - 1)] = "unversioned"
    default_decision: (
        Literal["allow", "permit", "deny", "block", "require_approval", "require-approval", "require_human", "abstain"]
        | None
    ) = None
    default_tenant: Annotated[str, Field(max_length=200)] = ""
    rules: Annotated[list[RuleModel], Field(max_length=MAX_RULES)] = Field(default_factory=list)
    tenants: Annotated[dict[Word, TenantModel], Field(max_length=MAX_VALUES)] = Field(default_factory=dict)
