"""A bundle compiled for judging: checks for each rule, an index over them, and the tenants' own part.

A bundle has two parts that answer alone and are met: the rules (first match wins) and the entry of the request's tenant.
When neither has an opinion, `default_decision` speaks; without one, the answer is deny.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from warden.model.digests import digest_text
from warden.model.request import Constraints, Decision, Effect, Request, VelocityKey
from warden.policy.bundle import ABSTAIN, THROTTLE_RETRY_S, Bundle, Match, Rule, TenantPolicy, Velocity
from warden.policy.combine import ALLOWED, meet_all
from warden.policy.explanation import LayerTrace, RuleTrace
from warden.policy.facts import Facts, fold, fold_all
from warden.policy.glob import Glob, compile_glob
from warden.policy.layer import trace_rule
from warden.policy.matching import Check, FieldCheck, McpFilter, compile_match, holds

NO_MATCH = "no matching rule"
DEFAULT_RULE = "default_decision"


@dataclass(frozen=True, slots=True)
class _CompiledRule:
    index: int
    rule: Rule
    fields: tuple[FieldCheck, ...]
    checks: tuple[Check, ...]
    restricting: bool
    decision: Decision


@dataclass(frozen=True, slots=True)
class _CompiledTenant:
    deny_topics: tuple[Glob, ...]
    allow_topics: tuple[Glob, ...]
    mcp: McpFilter | None
    constraints: Constraints | None


def velocity_count(layer: str, rule_id: str) -> str:
    """Return the name under which a request's counts carry the number for this rule."""
    return f"velocity:{layer}/{rule_id}"


def velocity_value(key: str, request: Request) -> str | None:
    """Return the text that a velocity key resolves to for this request, or None when a part of it is missing.

    A part that holds `:` itself is written with its length, so two different requests never share a bucket.
    """
    parts: list[str] = []
    for part in key.split(":"):
        name = part.strip()
        if name.startswith("labels."):
            value = request.labels.get(name.removeprefix("labels."), "")
        else:
            value = str(getattr(request, name))
        if not value:
            return None
        parts.append(f"{len(value)}:{value}")
    return "".join(parts)


def _velocity_check(layer: str, rule: Rule, velocity: Velocity) -> FieldCheck:
    name = velocity_count(layer, rule.id)

    def check(facts: Facts) -> bool | None:
        count = facts.counts.get(name)
        return None if count is None else count >= velocity.max_requests

    return FieldCheck(
        "velocity",
        f"at least {velocity.max_requests} in {velocity.window_seconds} s for {velocity.key}",
        check,
        lambda facts: str(facts.counts.get(name, "(missing)")),
    )


def _compile_rule(layer: str, index: int, rule: Rule) -> _CompiledRule:
    fields = compile_match(rule.match)
    if rule.velocity is not None:
        fields = (*fields, _velocity_check(layer, rule, rule.velocity))
    reason = rule.reason or f"rule {rule.id} says {'throttle' if rule.throttle else rule.effect.word}"
    decision = Decision(
        rule.effect,
        (f"{layer}/{rule.id}",),
        (reason,),
        rule.constraints,
        rule.remediations,
        retry_after_s=rule.retry_after_s,
    )
    return _CompiledRule(index, rule, fields, tuple(item.check for item in fields), rule.restricting, decision)


_EXACT: tuple[tuple[str, str], ...] = (
    ("capabilities", "capability"),
    ("actor_ids", "actor_id"),
    ("tenants", "tenant"),
    ("pack_ids", "pack_id"),
    ("actor_types", "actor_type"),
)
"""Fields of a match that hold only for certain texts, and the fact that each is compared with."""


class RuleIndex:
    """Finds the rules that may match, without trying every rule.

    A rule is filed under the values of one of its fields: the one that it shares with the fewest other rules. Topics count
    by their literal text when none has a wildcard, else by the text that each begins with. A rule without such a field is
    always tried.
    """

    def __init__(self, rules: Iterable[_CompiledRule]) -> None:
        options = [(rule, _options(rule.rule.match)) for rule in rules]
        shared = Counter((name, value) for _, found in options for name, values in found.items() for value in values)
        self._always: list[_CompiledRule] = []
        filed: dict[str, dict[str, list[_CompiledRule]]] = {}
        for rule, found in options:
            if not found:
                self._always.append(rule)
                continue
            crowd = {name: max((shared[name, value] for value in found[name]), default=0) for name in found}
            name = min(crowd, key=crowd.__getitem__)
            for value in found[name]:
                filed.setdefault(name, {}).setdefault(value, []).append(rule)
        self._literal = filed.get(_LITERAL, {})
        self._prefix = filed.get(_PREFIX, {})
        self._lengths = sorted({len(prefix) for prefix in self._prefix})
        self._exact = tuple((attrgetter(fact), filed[name]) for name, fact in _EXACT if name in filed)

    def candidates(self, facts: Facts) -> Iterable[_CompiledRule]:
        """Return, in the bundle's order, every rule that may match (and some that do not)."""
        topic = facts.topic
        groups = [self._always] if self._always else []
        if topic in self._literal:
            groups.append(self._literal[topic])
        for length in self._lengths:
            if topic[:length] in self._prefix:
                groups.append(self._prefix[topic[:length]])
        for fact, filed in self._exact:
            value = fact(facts)
            if value in filed:
                groups.append(filed[value])
        if len(groups) < 2:
            return groups[0] if groups else ()
        return sorted({rule.index: rule for group in groups for rule in group}.values(), key=_index_of)


_LITERAL, _PREFIX = "literal topics", "topics"


def _options(match: Match) -> dict[str, frozenset[str]]:
    """Return the fields by which a rule with this match can be filed, each with the values that it holds for."""
    found = {name: fold_all(getattr(match, name)) for name, _ in _EXACT if getattr(match, name)}
    globs = [compile_glob(pattern) for pattern in match.topics if pattern.strip()]
    literals = frozenset(glob.literal for glob in globs if glob.literal is not None)
    if match.topics and all(glob.literal is not None for glob in globs):
        found[_LITERAL] = literals
    elif globs and all(glob.prefix for glob in globs):
        found[_PREFIX] = frozenset(glob.prefix for glob in globs)
    return found


def _index_of(rule: _CompiledRule) -> int:
    return rule.index


class Overlay:
    """A bundle as a layer."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.name = bundle.name
        self.version = bundle.version
        self.digest = bundle.digest
        self._rules = tuple(_compile_rule(bundle.name, index, rule) for index, rule in enumerate(bundle.rules))
        self._index = RuleIndex(self._rules)
        self._velocity = tuple(rule for rule in self._rules if rule.rule.velocity is not None)
        self._default_tenant = fold(bundle.default_tenant)
        self._tenants = {fold(name): _compile_tenant(tenant) for name, tenant in bundle.tenants.items()}
        self._default = self._default_answer()

    def _default_answer(self) -> Decision | None:
        word = self.bundle.default_decision
        if word == ABSTAIN:
            return None
        effect = Effect.DENY if word is None else Effect[word.upper()]
        reason = NO_MATCH if word is None else f"{NO_MATCH}: the bundle's default is {effect.word}"
        return Decision(effect, (f"{self.name}/{DEFAULT_RULE}",), (reason,))

    def _facts(self, facts: Facts) -> Facts:
        if facts.tenant or not self._default_tenant:
            return facts
        filled = Facts(facts.request)
        filled.tenant = self._default_tenant
        return filled

    def judge(self, facts: Facts) -> Decision | None:
        """Return the meet of the first matching rule and the tenant's entry, or the default when neither speaks."""
        facts = self._facts(facts)
        first = None
        for rule in self._index.candidates(facts):
            if holds(rule.checks, rule.restricting, facts):
                first = rule.decision
                break
        if not self._tenants:
            return self._default if first is None else first
        return self._with_tenant(first, facts)

    def _with_tenant(self, first: Decision | None, facts: Facts) -> Decision | None:
        entry = self._tenants.get(facts.tenant)
        if entry is None:
            return self._default if first is None else first
        opinion = self._tenant_opinion(entry, facts)
        spoken = [answer for answer in (first, opinion) if answer is not None]
        if not spoken and self._default is not None:
            spoken.append(self._default)
        if entry.constraints is not None:
            rule_id = self._tenant_rule(facts, "max_concurrent_jobs")
            reason = "the tenant's budget applies"
            spoken.append(Decision(Effect.ALLOW_WITH_CONSTRAINTS, (rule_id,), (reason,), entry.constraints))
        return meet_all(spoken) if spoken else None

    def _tenant_rule(self, facts: Facts, part: str) -> str:
        return f"{self.name}/tenants.{facts.tenant}.{part}"

    def _tenant_opinion(self, entry: _CompiledTenant, facts: Facts) -> Decision | None:
        """Return what the tenant's topics and MCP lists say, or None when they say nothing about this request."""
        if any(glob.matches(facts.topic) for glob in entry.deny_topics):
            return Decision(
                Effect.DENY, (self._tenant_rule(facts, "deny_topics"),), ("the tenant's policy denies this topic",)
            )
        if entry.mcp is not None and facts.mcp is not None and not entry.mcp.passes(facts.mcp):
            return Decision(
                Effect.DENY, (self._tenant_rule(facts, "mcp"),), ("the tenant's policy denies this MCP call",)
            )
        if not entry.allow_topics:
            return None
        rule_id = self._tenant_rule(facts, "allow_topics")
        if any(glob.matches(facts.topic) for glob in entry.allow_topics):
            return Decision(Effect.ALLOW, (rule_id,), ("the tenant's policy allows this topic",))
        if self.bundle.default_decision == Effect.ALLOW.word:
            return None
        return Decision(Effect.DENY, (rule_id,), ("the tenant's policy does not list this topic",))

    def trace(self, facts: Facts) -> LayerTrace:
        """Return each rule in order up to the first that matches, then what the tenant's entry and default add."""
        decision = self.judge(facts)
        facts = self._facts(facts)
        tried: list[RuleTrace] = []
        for rule in self._rules:
            tried.append(trace_rule(rule.rule.id, rule.fields, rule.restricting, facts))
            if tried[-1].matched:
                break
        entry = self._tenants.get(facts.tenant)
        opinion = None if entry is None else self._tenant_opinion(entry, facts)
        if opinion is not None:
            rule_id = opinion.rule_ids[0].removeprefix(f"{self.name}/")
            tried.append(RuleTrace(rule_id, True, (), opinion.reasons[0]))
        spoke = opinion is not None or bool(tried and tried[-1].matched)
        note = "" if spoke else NO_MATCH if self._default is not None else f"{NO_MATCH}: the bundle abstains"
        return LayerTrace(self.name, tuple(tried), decision, note)

    def velocity_keys(self, request: Request) -> tuple[VelocityKey, ...]:
        """Return the counts that this bundle's velocity rules want: those whose match applies to the request. One whose
        key is missing is left out, so that the rule finds no count and, restricting, fires."""
        keys: list[VelocityKey] = []
        facts = self._facts(Facts(request)) if self._velocity else None
        for rule in self._velocity:
            if facts is not None and any(check(facts) is False for check in rule.checks[:-1]):
                continue
            velocity = rule.rule.velocity
            value = None if velocity is None else velocity_value(velocity.key, request)
            if velocity is None or value is None:
                continue
            bucket = digest_text(f"{self.name}\n{rule.rule.id}\n{velocity.key}\n{value}")
            keys.append(VelocityKey(velocity_count(self.name, rule.rule.id), bucket, velocity.window_seconds))
        return tuple(keys)


def _compile_tenant(tenant: TenantPolicy) -> _CompiledTenant:
    limit = tenant.max_concurrent_jobs
    return _CompiledTenant(
        tuple(compile_glob(pattern) for pattern in tenant.deny_topics),
        tuple(compile_glob(pattern) for pattern in tenant.allow_topics),
        None if tenant.mcp is None or tenant.mcp.empty else McpFilter.of(tenant.mcp),
        None if limit is None else Constraints(max_concurrent_jobs=limit),
    )


__all__ = ["ALLOWED", "DEFAULT_RULE", "NO_MATCH", "THROTTLE_RETRY_S", "Overlay", "velocity_count", "velocity_value"]
