"""Policy bundles: YAML in the safety-policy dialect to a frozen `Bundle`, and back.

Writing gives the canonical form of what was understood: aliases of decisions resolved, budgets of 0 left out, lists in
constraints sorted. Reading what was written gives the same bundle (apart from the digest, which covers bytes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from warden.documents.yaml import Document, load_yaml
from warden.errors import DocumentError, quote
from warden.model.digests import digest_bytes
from warden.model.request import UNCONSTRAINED, Constraints, Effect, Remediation
from warden.policy.bundle import ABSTAIN, Bundle, Match, McpMatch, Remark, Rule, TenantPolicy, Velocity
from warden.policy.facts import fold
from warden.policy.glob import compile_glob

if TYPE_CHECKING:
    from warden.documents.bundle_model import BundleModel, ConstraintsModel, McpModel, RuleModel

EFFECTS: Mapping[str, Effect] = {
    "allow": Effect.ALLOW,
    "permit": Effect.ALLOW,
    "deny": Effect.DENY,
    "block": Effect.DENY,
    "throttle": Effect.DENY,
    "require_approval": Effect.REQUIRE_APPROVAL,
    "require-approval": Effect.REQUIRE_APPROVAL,
    "require_human": Effect.REQUIRE_APPROVAL,
    "allow_with_constraints": Effect.ALLOW_WITH_CONSTRAINTS,
    "allow-with-constraints": Effect.ALLOW_WITH_CONSTRAINTS,
}
"""Every word for a decision, and what it means; `throttle` is a deny that asks to come back."""

VELOCITY_FIELDS = ("actor_id", "actor_type", "capability", "pack_id", "tenant", "topic")
LABEL_FIELD = "labels."

Refuse = Callable[[str, str, tuple[str | int, ...]], DocumentError]


def load_bundle(data: bytes, name: str, origin: str = "operator") -> Bundle:
    """Return the bundle in `data`; `name` is the file name and becomes the layer's name.

    `origin` is `operator` or `pack`; a pack's bundle may not abstain. Raises `DocumentError` with `file:line`.
    """
    from warden.documents.bundle_model import BundleModel
    from warden.documents.models import validate

    document = load_yaml(data, name)
    model = validate(BundleModel, document)

    def refuse(message: str, hint: str, path: tuple[str | int, ...]) -> DocumentError:
        return DocumentError(message, hint, document.place(path))

    if model.default_decision == ABSTAIN and origin == "pack":
        raise refuse("a pack's bundle may not abstain", "give it a decision of its own", ("default_decision",))
    return Bundle(
        name=name,
        version=str(model.version),
        digest=digest_bytes(data),
        rules=_rules(model, document, refuse),
        default_decision=_default(model.default_decision),
        default_tenant=model.default_tenant,
        tenants=_tenants(model, refuse),
        origin=origin,
        remarks=tuple(_remarks(model, document)),
    )


def _remarks(model: BundleModel, document: Document) -> Iterator[Remark]:
    """Return the empty lists of matches: they ask for nothing, which is rarely what was meant."""
    for index, rule in enumerate(model.rules):
        for name in sorted(rule.match.model_fields_set):
            if getattr(rule.match, name) == []:
                line = document.line(("rules", index, "match", name))
                message = f"an empty `{name}` asks for nothing, so the rule matches as if it were not there"
                yield Remark(rule.id, "empty-list", message, line)


def _default(word: str | None) -> str | None:
    return word if word in (None, ABSTAIN) else EFFECTS[str(word)].word


def _rules(model: BundleModel, document: Document, refuse: Refuse) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    seen: dict[str, int] = {}
    for index, item in enumerate(model.rules):
        line = document.line(("rules", index))
        if item.id in seen:
            message = f"rule id {quote(item.id)} stands here twice, first in line {seen[item.id]}"
            raise refuse(message, "give each rule its own id", ("rules", index, "id"))
        seen[item.id] = line
        rules.append(_rule(item, ("rules", index), line, refuse))
    return tuple(rules)


def _rule(model: RuleModel, at: tuple[str | int, ...], line: int, refuse: Refuse) -> Rule:
    effect = EFFECTS[model.decision]
    constraints = _constraints(model.constraints, at, refuse)
    if effect is Effect.ALLOW and constraints != UNCONSTRAINED:
        effect = Effect.ALLOW_WITH_CONSTRAINTS
    _check_patterns(model.match.topics, (*at, "match", "topics"), refuse)
    match = model.match
    return Rule(
        id=model.id,
        match=Match(
            tenants=tuple(match.tenants),
            topics=tuple(match.topics),
            capabilities=tuple(match.capabilities),
            risk_tags=tuple(match.risk_tags),
            requires=tuple(match.requires),
            pack_ids=tuple(match.pack_ids),
            actor_ids=tuple(match.actor_ids),
            actor_types=tuple(match.actor_types),
            labels=dict(match.labels),
            label_allowlist={name: tuple(values) for name, values in match.label_allowlist.items()},
            label_threshold=dict(match.label_threshold),
            secrets_present=match.secrets_present,
            mcp=_mcp(match.mcp),
        ),
        effect=effect,
        reason=model.reason,
        throttle=model.decision == "throttle",
        constraints=constraints,
        remediations=tuple(
            Remediation(
                item.id,
                item.title,
                item.summary,
                item.replacement_topic,
                item.replacement_capability,
                dict(item.add_labels),
                tuple(item.remove_labels),
            )
            for item in model.remediations
        ),
        velocity=_velocity(model, effect, at, refuse),
        line=line,
    )


def _check_patterns(patterns: list[str], at: tuple[str | int, ...], refuse: Refuse) -> None:
    for index, pattern in enumerate(patterns):
        if not pattern.strip():
            continue
        try:
            compile_glob(pattern)
        except ValueError as error:
            raise refuse(f"bad topic pattern {quote(pattern)}: {error}", "see the glob syntax", (*at, index)) from None


def _mcp(model: McpModel | None) -> McpMatch | None:
    if model is None:
        return None
    match = McpMatch(**{name: tuple(values) for name, values in model})
    return None if match.empty else match


def _velocity(model: RuleModel, effect: Effect, at: tuple[str | int, ...], refuse: Refuse) -> Velocity | None:
    if model.velocity is None:
        return None
    if effect is Effect.ALLOW:
        hint = "a velocity fires when the limit is passed: use throttle, deny, or require_approval"
        raise refuse("a velocity on an allowing rule would allow what passes the limit", hint, (*at, "velocity"))
    parts = [part.strip() for part in model.velocity.key.split(":")]
    for part in parts:
        if part not in VELOCITY_FIELDS and not (part.startswith(LABEL_FIELD) and part != LABEL_FIELD):
            hint = f"use {', '.join(VELOCITY_FIELDS)}, labels.<name>, or several joined by `:`"
            raise refuse(f"unknown velocity key {quote(part)}", hint, (*at, "velocity", "key"))
    return Velocity(":".join(parts), model.velocity.max_requests, model.velocity.window_seconds)


def _budget(value: int | None) -> int | None:
    return value or None


def _sorted(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(sorted(set(values)))


def _constraints(model: ConstraintsModel, at: tuple[str | int, ...], refuse: Refuse) -> Constraints:
    footers = [model.append_footer] if isinstance(model.append_footer, str) else model.append_footer
    for footer in footers:
        if not footer.strip() or not footer.isprintable():
            hint = "write one line of printable text"
            raise refuse("a footer must be one line of text", hint, (*at, "constraints", "append_footer"))
    constraints = Constraints(
        max_runtime_ms=_budget(model.budgets.max_runtime_ms),
        max_retries=_budget(model.budgets.max_retries),
        max_artifact_bytes=_budget(model.budgets.max_artifact_bytes),
        max_concurrent_jobs=_budget(model.budgets.max_concurrent_jobs),
        isolated=model.sandbox.isolated,
        network_allowlist=_sorted(model.sandbox.network_allowlist),
        fs_read_only=_sorted(model.sandbox.fs_read_only),
        fs_read_write=_sorted(model.sandbox.fs_read_write),
        allowed_tools=_sorted(model.toolchain.allowed_tools),
        allowed_commands=_sorted(model.toolchain.allowed_commands),
        max_files=model.diff.max_files,
        max_lines=model.diff.max_lines,
        deny_path_globs=_sorted(model.diff.deny_path_globs) or (),
        redaction_level=model.redaction_level,
        max_body_bytes=model.max_body_bytes,
        append_footer=_sorted(footers) or (),
        max_replies_per_hour=model.max_replies_per_hour,
    )
    return UNCONSTRAINED if constraints == UNCONSTRAINED else constraints


def _tenants(model: BundleModel, refuse: Refuse) -> dict[str, TenantPolicy]:
    tenants: dict[str, TenantPolicy] = {}
    seen: set[str] = set()
    for name, item in model.tenants.items():
        at = ("tenants", name)
        if not fold(name) or fold(name) in seen:
            raise refuse(
                f"tenant {quote(name)} is empty or stands here twice", "tenants ignore upper and lower case", at
            )
        seen.add(fold(name))
        for part, patterns in (("allow_topics", item.allow_topics), ("deny_topics", item.deny_topics)):
            if not all(pattern.strip() for pattern in patterns):
                raise refuse("a tenant's topic pattern is empty", "leave it out", (*at, part))
            _check_patterns(patterns, (*at, part), refuse)
        tenants[name] = TenantPolicy(
            tuple(item.allow_topics), tuple(item.deny_topics), _budget(item.max_concurrent_jobs), _mcp(item.mcp)
        )
    return tenants


def bundle_fields(bundle: Bundle) -> dict[str, Any]:
    """Return what the bundle says as plain values, in the dialect's keys, without what is absent."""
    return _present(
        {
            "version": bundle.version,
            "default_decision": bundle.default_decision,
            "default_tenant": bundle.default_tenant,
            "rules": [rule_fields(rule) for rule in bundle.rules],
            "tenants": {
                name: _present(
                    {
                        "allow_topics": list(tenant.allow_topics),
                        "deny_topics": list(tenant.deny_topics),
                        "max_concurrent_jobs": tenant.max_concurrent_jobs,
                        "mcp": _mcp_fields(tenant.mcp),
                    }
                )
                for name, tenant in bundle.tenants.items()
            },
        }
    )


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value not in ("", [], {})}


def _mcp_fields(match: McpMatch | None) -> dict[str, Any] | None:
    if match is None:
        return None
    return _present({name: list(getattr(match, name)) for name in match.__slots__})


def rule_fields(rule: Rule) -> dict[str, Any]:
    """Return one rule as plain values, in the dialect's keys, without what is absent."""
    match = rule.match
    velocity = rule.velocity
    lists = ("tenants", "topics", "capabilities", "risk_tags", "requires", "pack_ids", "actor_ids", "actor_types")
    return _present(
        {
            "id": rule.id,
            "match": _present(
                {
                    **{name: list(getattr(match, name)) for name in lists},
                    "labels": dict(match.labels),
                    "label_allowlist": {name: list(values) for name, values in match.label_allowlist.items()},
                    "label_threshold": dict(match.label_threshold),
                    "secrets_present": match.secrets_present,
                    "mcp": _mcp_fields(match.mcp),
                }
            ),
            "decision": "throttle" if rule.throttle else rule.effect.word,
            "reason": rule.reason,
            "constraints": constraint_fields(rule.constraints),
            "remediations": [remediation_fields(item) for item in rule.remediations],
            "velocity": None
            if velocity is None
            else {
                "key": velocity.key,
                "max_requests": velocity.max_requests,
                "window_seconds": velocity.window_seconds,
            },
        }
    )


def constraint_fields(constraints: Constraints) -> dict[str, Any]:
    """Return constraints in the dialect's keys, without what is absent; an empty allow-list stays: it means nothing."""

    def group(*names: str) -> dict[str, Any]:
        found = {name: getattr(constraints, name) for name in names}
        absent = {name: getattr(UNCONSTRAINED, name) for name in names}
        kept = {name: value for name, value in found.items() if value != absent[name]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}

    groups = {
        "budgets": group("max_runtime_ms", "max_retries", "max_artifact_bytes", "max_concurrent_jobs"),
        "sandbox": group("isolated", "network_allowlist", "fs_read_only", "fs_read_write"),
        "toolchain": group("allowed_tools", "allowed_commands"),
        "diff": group("max_files", "max_lines", "deny_path_globs"),
    }
    own = group("redaction_level", "max_body_bytes", "append_footer", "max_replies_per_hour")
    return {**{name: fields for name, fields in groups.items() if fields}, **own}


def remediation_fields(remediation: Remediation) -> dict[str, Any]:
    """Return a remediation in the dialect's keys, without what is absent."""
    return _present(
        {
            "id": remediation.id,
            "title": remediation.title,
            "summary": remediation.summary,
            "replacement_topic": remediation.replacement_topic,
            "replacement_capability": remediation.replacement_capability,
            "add_labels": dict(remediation.add_labels),
            "remove_labels": list(remediation.remove_labels),
        }
    )


def dump_bundle(bundle: Bundle) -> str:
    """Return the bundle as canonical YAML; `load_bundle` of it gives the same rules, defaults and tenants."""
    from warden.documents.emit import emit_yaml

    return emit_yaml(bundle_fields(bundle))
