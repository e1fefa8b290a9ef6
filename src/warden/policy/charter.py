"""The charter: the floor under everything. Kinds with tiers, limits, and restrictions that all apply.

Unlike a bundle, whose first matching rule wins, every matching restriction of the charter counts: the charter's answer
is the meet of the kind's tier with all of them, so a decision names each reason why it fell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from warden.errors import ConfigError, quote
from warden.model.request import Decision, Effect, Request, VelocityKey
from warden.policy.combine import meet_all
from warden.policy.explanation import LayerTrace, RuleTrace
from warden.policy.facts import Facts, fold
from warden.policy.layer import trace_rule
from warden.policy.matching import Check, FieldCheck, holds, label_allowlist

TOPIC_PREFIX = "job.warden."
"""A request's topic is this prefix and the kind."""


class Tier(StrEnum):
    """Who may cause an action of a kind."""

    AUTO = "auto"
    """A brain may plan it and warden carries it out."""
    OPERATOR = "operator"
    """Only an operator's own rule for an authenticated event may name it; no brain can plan one."""
    REVIEW = "review"
    """A person decides."""
    NEVER = "never"
    """Nobody."""


_TIER_DECISIONS: dict[Tier, tuple[Effect, str]] = {
    Tier.AUTO: (Effect.ALLOW, "the charter lets warden do this by itself"),
    Tier.OPERATOR: (Effect.ALLOW, "an operator's own rule names this for an authenticated event"),
    Tier.REVIEW: (Effect.REQUIRE_APPROVAL, "the charter leaves this to a person"),
    Tier.NEVER: (Effect.DENY, "the charter forbids this"),
}

ORDERED_BY = "ordered_by"
"""The label that says who named an action: `brain`, or `operator_rule` when no brain was asked."""

_OPERATOR_FLOOR: tuple[tuple[str, Mapping[str, tuple[str, ...]], str], ...] = (
    ("not-ordered", {ORDERED_BY: ("operator_rule",)}, "only an operator's own rule may cause this"),
    ("event-not-authenticated", {"trust": ("token", "signed")}, "the event's sender is only claimed"),
)
"""What every kind of the operator's tier is denied for, whatever the charter's file says beside it. A missing label
counts against the action."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of action. `capability` is what its requests must state; `discharges` names the constraints that the
    enforcement point can keep for it; `body` says that it carries text written for a reader."""

    tier: Tier
    capability: str
    body: bool = False
    discharges: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """The charter's numbers. Counts exclude the action under judgement: a limit of n means that the action after n
    others is stopped. A body may have at most `body_bytes` bytes of UTF-8."""

    actions_per_message: int
    actions_per_run: int
    body_bytes: int
    replies_per_thread_hour: int
    replies_per_sender_hour: int
    hops: int

    def lowered(self, wanted: Mapping[str, int]) -> Limits:
        """Return these limits with the named ones lowered; raises `ConfigError` for a higher or unknown one."""
        # INVARIANT (charter-floor): configuration can lower a limit, never raise it.
        for name, value in wanted.items():
            if name not in LIMIT_NAMES:
                raise ConfigError(f"unknown limit {quote(name)}", f"the limits are {', '.join(LIMIT_NAMES)}")
            ceiling = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= ceiling:
                raise ConfigError(
                    f"limit {quote(name)} is {quote(value)}, but the charter allows at most {ceiling}",
                    "configuration can only lower a limit: choose a whole number from 0 to the charter's",
                )
        return replace(self, **wanted)


LIMIT_NAMES = tuple(item.name for item in fields(Limits))


@dataclass(frozen=True, slots=True)
class CharterMatch:
    """When a restriction applies: all given fields must hold. Missing facts count as holding.

    `label_unequal` pairs two labels that must be there and equal to escape; `count_at_least` and `count_over` name a
    count and the limit that it is compared with; `secrets_not_excluded` holds unless the guard looked and found none.
    """

    kinds: frozenset[str]
    risk_tags: frozenset[str] = frozenset()
    label_allowlist: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    label_unequal: Mapping[str, str] = field(default_factory=dict)
    count_at_least: Mapping[str, str] = field(default_factory=dict)
    count_over: Mapping[str, str] = field(default_factory=dict)
    secrets_not_excluded: bool = False


@dataclass(frozen=True, slots=True)
class CharterRule:
    """A restriction: `deny`, `require_approval`, or a throttle (a deny with `retry_after_s`)."""

    id: str
    match: CharterMatch
    effect: Effect
    reason: str
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Charter:
    """The charter as a frozen value. `digest` covers `charter.yaml` and `charter.md`; `prose` is the latter's text;
    `vocabulary` names the risk tags, labels and counts that warden itself sets."""

    version: str
    digest: str
    kinds: Mapping[str, Kind]
    limits: Limits
    rules: tuple[CharterRule, ...]
    prose: str = ""
    principals: Mapping[str, str] = field(default_factory=dict)
    vocabulary: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def _labels_unequal(pairs: Mapping[str, str]) -> FieldCheck:
    def check(facts: Facts) -> bool | None:
        for one, other in pairs.items():
            left, right = facts.labels.get(one), facts.labels.get(other)
            if not left or not right or left != right:
                return True
        return False

    return FieldCheck(
        "label_unequal",
        "; ".join(f"{one} other than {other}" for one, other in pairs.items()),
        check,
        lambda facts: ", ".join(
            f"{name}={facts.labels.get(name, '(missing)')}" for pair in pairs.items() for name in pair
        ),
    )


def _count(name: str, limit: int, over: bool) -> FieldCheck:
    def check(facts: Facts) -> bool | None:
        number = facts.counts.get(name)
        if number is None:
            return None
        return number > limit if over else number >= limit

    return FieldCheck(
        f"counts.{name}",
        f"{'over' if over else 'at least'} {limit}",
        check,
        lambda facts: str(facts.counts.get(name, "(missing)")),
    )


def _compile(match: CharterMatch, limits: Limits) -> tuple[FieldCheck, ...]:
    checks: list[FieldCheck] = []
    if match.risk_tags:
        tags = frozenset(fold(tag) for tag in match.risk_tags)
        checks.append(
            FieldCheck(
                "risk_tags",
                "any of " + ", ".join(sorted(tags)),
                lambda facts: not tags.isdisjoint(facts.risk_tags),
                lambda facts: ", ".join(sorted(facts.risk_tags)),
            )
        )
    if match.label_allowlist:
        checks.extend(label_allowlist({name: values}) for name, values in match.label_allowlist.items())
    if match.label_unequal:
        checks.append(_labels_unequal(match.label_unequal))
    checks.extend(_count(name, getattr(limits, limit), over=False) for name, limit in match.count_at_least.items())
    checks.extend(_count(name, getattr(limits, limit), over=True) for name, limit in match.count_over.items())
    if match.secrets_not_excluded:
        checks.append(
            FieldCheck(
                "secrets_present",
                "anything but false",
                lambda facts: facts.secrets_present is not False,
                lambda facts: str(facts.secrets_present).lower(),
            )
        )
    return tuple(checks)


@dataclass(frozen=True, slots=True)
class _Restriction:
    rule_id: str
    fields: tuple[FieldCheck, ...]
    checks: tuple[Check, ...]
    decision: Decision


@dataclass(frozen=True, slots=True)
class _CompiledKind:
    capability: str
    decision: Decision
    restrictions: tuple[_Restriction, ...]


def _decision(rule_id: str, effect: Effect, reason: str, retry_after_s: int | None = None) -> Decision:
    return Decision(effect, (f"charter/{rule_id}",), (reason,), retry_after_s=retry_after_s)


def _tier_floor(tier: Tier) -> tuple[_Restriction, ...]:
    """Return the restrictions that come with the tier itself."""
    if tier is not Tier.OPERATOR:
        return ()
    # INVARIANT (charter-floor): no brain can plan an action of this tier, and no unauthenticated event can cause one.
    found = []
    for rule_id, allowed, reason in _OPERATOR_FLOOR:
        checks = (label_allowlist(allowed),)
        decision = _decision(rule_id, Effect.DENY, reason)
        found.append(_Restriction(rule_id, checks, tuple(item.check for item in checks), decision))
    return tuple(found)


_UNKNOWN_KIND = _decision("unknown-kind", Effect.DENY, "the charter knows no such kind of action")
_WRONG_CAPABILITY = _decision(
    "wrong-capability", Effect.DENY, "the request states another capability than its kind has"
)


class CharterLayer:
    """The charter, compiled for judging with (possibly lowered) limits."""

    name = "charter"

    def __init__(self, charter: Charter, limits: Limits) -> None:
        self.version = charter.version
        self.digest = charter.digest
        restrictions = [
            (
                rule.match.kinds,
                _Restriction(
                    rule.id,
                    checks := _compile(rule.match, limits),
                    tuple(item.check for item in checks),
                    _decision(rule.id, rule.effect, rule.reason, rule.retry_after_s),
                ),
            )
            for rule in charter.rules
        ]
        self._kinds = {
            name: _CompiledKind(
                fold(kind.capability),
                _decision(f"tier-{kind.tier}", *_TIER_DECISIONS[kind.tier]),
                (*_tier_floor(kind.tier), *(item for kinds, item in restrictions if name in kinds)),
            )
            for name, kind in charter.kinds.items()
        }

    def kind_of(self, request: Request) -> str | None:
        """Return the kind that the request's topic names when the charter knows it, else None."""
        if not request.topic.startswith(TOPIC_PREFIX):
            return None
        kind = request.topic[len(TOPIC_PREFIX) :]
        return kind if kind in self._kinds else None

    def judge(self, facts: Facts) -> Decision:
        """Return the meet of the kind's tier and of every restriction that applies; an unknown kind is denied."""
        name = self.kind_of(facts.request)
        if name is None:
            return _UNKNOWN_KIND
        kind = self._kinds[name]
        if facts.capability != kind.capability:
            return _WRONG_CAPABILITY
        fallen = [item.decision for item in kind.restrictions if holds(item.checks, True, facts)]
        if not fallen:
            return kind.decision
        return meet_all(fallen if kind.decision.effect is Effect.ALLOW else [kind.decision, *fallen])

    def trace(self, facts: Facts) -> LayerTrace:
        """Return every restriction of the kind with the fields that were looked at."""
        name = self.kind_of(facts.request)
        decision = self.judge(facts)
        if name is None or decision is _WRONG_CAPABILITY:
            return LayerTrace(self.name, (), decision, decision.reasons[0])
        kind = self._kinds[name]
        tier = RuleTrace(kind.decision.rule_ids[0].removeprefix("charter/"), True, (), kind.decision.reasons[0])
        tried = tuple(trace_rule(item.rule_id, item.fields, True, facts) for item in kind.restrictions)
        return LayerTrace(self.name, (tier, *tried), decision, "every matching restriction counts")

    def velocity_keys(self, request: Request) -> tuple[VelocityKey, ...]:
        """Return nothing: the charter's rates are the named counts that every request carries."""
        return ()
