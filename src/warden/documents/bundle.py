"""Policy bundles: YAML in the safety-policy dialect to a frozen `Bundle`, and back.

Writing gives the canonical form of what was understood: aliases of decisions resolved, budgets of 0 left out, lists in
constraints sorted. Reading what was written gives the same bundle (apart from the digest, which covers bytes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from warden.documents.shape import Path, Refuse, read_document, refuser
from warden.documents.yaml import Document, load_yaml
from warden.errors import quote
from warden.model.digests import digest_bytes
from warden.model.request import UNCONSTRAINED, Constraints, Effect, Remediation
from warden.policy.bundle import ABSTAIN, Bundle, Match, McpMatch, Remark, Rule, TenantPolicy, Velocity
from warden.policy.facts import fold
from warden.policy.glob import compile_glob

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

REFERENCE = "docs/reference/policy.md"

Found = dict[str, Any]
"""A part of a document as its shape read it."""


def load_bundle(data: bytes, name: str, origin: str = "operator") -> Bundle:
    """Return the bundle in `data`; `name` is the file name and becomes the layer's name.

    `origin` is `operator` or `pack`; a pack's bundle may not abstain. Raises `DocumentError` with `file:line`.
    """
    from warden.documents.bundle_shape import BUNDLE

    document = load_yaml(data, name)
    found: Found = read_document(document, BUNDLE, REFERENCE)
    refuse = refuser(document)
    word = found["default_decision"]
    if word == ABSTAIN and origin == "pack":
        refuse("a pack's bundle may not abstain", "give it a decision of its own", ("default_decision",))
    return Bundle(
        name=name,
        version=found["version"],
        digest=digest_bytes(data),
        rules=_rules(found["rules"], document, refuse),
        default_decision=word if word in (None, ABSTAIN) else EFFECTS[word].word,
        default_tenant=found["default_tenant"],
        tenants=_tenants(found["tenants"], refuse),
        origin=origin,
        remarks=tuple(_remarks(document)),
    )


def _remarks(document: Document) -> Iterator[Remark]:
    """Return the empty lists of matches: they ask for nothing, which is rarely what was meant."""
    rules = document.value.get("rules", []) if isinstance(document.value, dict) else []
    for index, rule in enumerate(rules):
        for name, value in rule.get("match", {}).items():
            if value == []:
                line = document.line(("rules", index, "match", name))
                message = f"an empty `{name}` asks for nothing, so the rule matches as if it were not there"
                yield Remark(rule["id"], "empty-list", message, line)


def _rules(found: list[Found], document: Document, refuse: Refuse) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    seen: dict[str, int] = {}
    for index, item in enumerate(found):
        line = document.line(("rules", index))
        rule_id = item["id"]
        if rule_id in seen:
            message = f"rule id {quote(rule_id)} stands here twice, first in line {seen[rule_id]}"
            refuse(message, "give each rule its own id", ("rules", index, "id"))
        seen[rule_id] = line
        rules.append(_rule(item, ("rules", index), line, refuse))
    return tuple(rules)


def _rule(found: Found, at: Path, line: int, refuse: Refuse) -> Rule:
    effect = EFFECTS[found["decision"]]
    constraints = _constraints(found["constraints"], (*at, "constraints"), refuse)
    if effect is Effect.ALLOW and constraints != UNCONSTRAINED:
        effect = Effect.ALLOW_WITH_CONSTRAINTS
    return Rule(
        id=found["id"],
        match=_match(found["match"], (*at, "match"), refuse),
        effect=effect,
        reason=found["reason"],
        throttle=found["decision"] == "throttle",
        constraints=constraints,
        remediations=tuple(
            Remediation(**{**item, "remove_labels": tuple(item["remove_labels"])}) for item in found["remediations"]
        ),
        velocity=_velocity(found["velocity"], effect, (*at, "velocity"), refuse),
        line=line,
    )


def _match(found: Found | None, at: Path, refuse: Refuse) -> Match:
    if found is None:
        return Match()
    _check_patterns(found["topics"], (*at, "topics"), refuse)
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    values["label_allowlist"] = {name: tuple(allowed) for name, allowed in found["label_allowlist"].items()}
    values["mcp"] = _mcp(found["mcp"])
    return Match(**values)


def _check_patterns(patterns: list[str], at: Path, refuse: Refuse) -> None:
    for index, pattern in enumerate(patterns):
        if not pattern.strip():
            continue
        try:
            compile_glob(pattern)
        except ValueError as error:
            problem = str(error)
        else:
            continue
        refuse(f"bad topic pattern {quote(pattern)}: {problem}", f"{REFERENCE} says what a pattern is", (*at, index))


def _mcp(found: Found | None) -> McpMatch | None:
    if found is None:
        return None
    match = McpMatch(**{name: tuple(values) for name, values in found.items()})
    return None if match.empty else match


def _velocity(found: Found | None, effect: Effect, at: Path, refuse: Refuse) -> Velocity | None:
    if found is None:
        return None
    if effect is Effect.ALLOW:
        hint = "a velocity fires when the limit is passed: use throttle, deny, or require_approval"
        refuse("a velocity on an allowing rule would allow what passes the limit", hint, at)
    parts = [part.strip() for part in found["key"].split(":")]
    for part in parts:
        if part not in VELOCITY_FIELDS and not (part.startswith(LABEL_FIELD) and part != LABEL_FIELD):
            hint = f"use {', '.join(VELOCITY_FIELDS)}, labels.<name>, or several joined by `:`"
            refuse(f"unknown velocity key {quote(part)}", hint, (*at, "key"))
    return Velocity(":".join(parts), found["max_requests"], found["window_seconds"])


def _sorted(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(sorted(set(values)))


def _constraints(found: Found | None, at: Path, refuse: Refuse) -> Constraints:
    if not found:
        return UNCONSTRAINED
    for footer in found["append_footer"]:
        if not footer.strip() or not footer.isprintable():
            refuse("a footer must be one line of text", "write one line of printable text", (*at, "append_footer"))
    sandbox, toolchain, diff = found["sandbox"], found["toolchain"], found["diff"]
    lists: dict[str, Any] = {
        name: _sorted(values) for name, values in {**sandbox, **toolchain}.items() if name != "isolated"
    }
    constraints = Constraints(
        **{name: value or None for name, value in found["budgets"].items()},
        **lists,
        isolated=sandbox.get("isolated", False),
        max_files=diff.get("max_files"),
        max_lines=diff.get("max_lines"),
        deny_path_globs=_sorted(diff.get("deny_path_globs")) or (),
        redaction_level=found["redaction_level"],
        max_body_bytes=found["max_body_bytes"],
        append_footer=_sorted(found["append_footer"]) or (),
        max_replies_per_hour=found["max_replies_per_hour"],
    )
    return UNCONSTRAINED if constraints == UNCONSTRAINED else constraints


def _tenants(found: dict[str, Found], refuse: Refuse) -> dict[str, TenantPolicy]:
    tenants: dict[str, TenantPolicy] = {}
    seen: set[str] = set()
    for name, item in found.items():
        at = ("tenants", name)
        if not fold(name) or not name.isprintable() or fold(name) in seen:
            refuse(
                f"tenant {quote(name)} is empty, not printable, or stands here twice",
                "tenants ignore upper and lower case",
                at,
            )
        seen.add(fold(name))
        for part in ("allow_topics", "deny_topics"):
            if not all(pattern.strip() for pattern in item[part]):
                refuse("a tenant's topic pattern is empty", "leave it out", (*at, part))
            _check_patterns(item[part], (*at, part), refuse)
        tenants[name] = TenantPolicy(
            tuple(item["allow_topics"]),
            tuple(item["deny_topics"]),
            item["max_concurrent_jobs"] or None,
            _mcp(item["mcp"]),
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
