"""The shape of `charter.yaml`, as validation models. Imported only while a charter is being read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from warden.documents.models import Strict

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
Count = Annotated[int, Field(ge=0, le=2**31)]


class KindModel(Strict):
    """One kind of action."""

    tier: Literal["auto", "operator", "review", "never"]
    capability: Name
    body: bool = False
    discharges: list[str] = Field(default_factory=list)


class LimitsModel(Strict):
    """The charter's numbers."""

    actions_per_message: Count
    actions_per_run: Count
    body_bytes: Count
    replies_per_thread_hour: Count
    replies_per_sender_hour: Count
    hops: Count


class VocabularyModel(Strict):
    """What warden's own code says about a request."""

    risk_tags: dict[Name, str]
    labels: dict[Name, str]
    counts: dict[Name, str]


class MatchModel(Strict):
    """When a restriction applies."""

    kinds: Annotated[list[Name], Field(min_length=1)]
    risk_tags: list[Name] = Field(default_factory=list)
    label_allowlist: dict[Name, list[str]] = Field(default_factory=dict)
    label_unequal: dict[Name, Name] = Field(default_factory=dict)
    count_at_least: dict[Name, str] = Field(default_factory=dict)
    count_over: dict[Name, str] = Field(default_factory=dict)
    secrets_not_excluded: bool = False


class RuleModel(Strict):
    """One restriction."""

    id: Name
    match: MatchModel
    decision: Literal["deny", "require_approval", "throttle"]
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    retry_after_s: Annotated[int, Field(ge=1, le=86_400)] | None = None


class CharterModel(Strict):
    """The whole file."""

    schema_name: Annotated[str, Field(alias="schema")]
    version: Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[0-9A-Za-z._-]+$")]
    principals: dict[Name, str]
    kinds: Annotated[dict[Name, KindModel], Field(min_length=1)]
    limits: LimitsModel
    vocabulary: VocabularyModel
    rules: Annotated[list[RuleModel], Field(min_length=1)]
