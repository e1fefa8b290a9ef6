"""Policies written in Cedar as a layer of the kernel (the extra `ops-warden[cedar]`).

How a request looks to a policy is `CEDAR_SCHEMA`; policies are validated against it when they are loaded. Three annotations
mean something: `@id` names the rule, `@reason` explains it, and `@decision("require_approval")` makes a permit or a forbid
ask for a person. Cedar answers Allow although a policy could not be evaluated, a forbid included; here any evaluation error
is a deny. Language: https://docs.cedarpolicy.com.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from warden.errors import DocumentError, quote
from warden.model.digests import digest_bytes
from warden.model.request import Decision, Effect, Request, VelocityKey
from warden.policy.explanation import LayerTrace, RuleTrace
from warden.policy.facts import Facts
from warden.policy.overlay import DEFAULT_RULE, NO_MATCH

MAX_BYTES = 512 * 1024
MAX_POLICIES = 2_000
MAX_ID = 128
COUNTS = (
    "body_bytes",
    "actions_in_message",
    "actions_in_run",
    "replies_in_thread_hour",
    "replies_to_sender_hour",
    "hops",
)
"""The numeric facts that a policy can look at; each may be missing."""

CEDAR_SCHEMA = f"""\
// How warden shows a request to Cedar. Labels are tags of the topic:
// resource.hasTag("trust") && resource.getTag("trust") == "signed"
entity Tenant;
entity Actor in [Tenant] {{ actor_type: String, pack_id: String }};
entity Topic tags String;
type Mcp = {{ server: String, tool: String, resource: String, action: String }};
type Counts = {{ {", ".join(f"{name}?: Long" for name in COUNTS)} }};
action perform appliesTo {{
  principal: [Actor],
  resource: [Topic],
  context: {{
    capability: String,
    risk_tags: Set<String>,
    requires: Set<String>,
    secrets_present?: Bool,
    mcp?: Mcp,
    counts: Counts,
  }}
}};
"""
"""The Cedar schema that policies are validated against."""

ANNOTATIONS = ("id", "decision", "reason")
APPROVAL = "require_approval"
_EFFECT_WORDS: Mapping[str, tuple[str, ...]] = {"permit": ("allow", APPROVAL), "forbid": ("deny", APPROVAL)}


@dataclass(frozen=True, slots=True)
class _Policy:
    """What the layer needs of one policy: its own name, whether it forbids, whether it asks for a person."""

    rule_id: str
    forbids: bool
    asks: bool
    reason: str


def load_cedar(data: bytes, name: str) -> CedarLayer:
    """Return the Cedar policies in `data` as a layer; raises `DocumentError` when they do not parse or validate, use an
    annotation that means nothing, repeat an id, or when the extra is not installed."""
    try:
        import cedarpy
    except ImportError:
        hint = "install it with `pip install 'ops-warden[cedar]'`, or remove the file"
        raise DocumentError("Cedar policies need an extra that is not installed", hint, name) from None
    if len(data) > MAX_BYTES:
        raise DocumentError(f"the file has more than {MAX_BYTES} bytes", "split it", name)
    try:
        text = data.decode("utf-8")
        parsed = json.loads(cedarpy.policies_to_json_str(text))
        schema = cedarpy.Schema.from_str(CEDAR_SCHEMA)
        found = cedarpy.validate_policies(text, schema)
    except ValueError as error:
        raise DocumentError(f"not valid Cedar: {_first_line(error)}", "", name) from None
    if not found.validation_passed:
        raise DocumentError(f"does not fit the schema: {_first_line(found.errors[0].error)}", "see CEDAR_SCHEMA", name)
    if parsed.get("templates"):
        raise DocumentError("policy templates are not supported", "write the policy without a slot", name)
    policies = _policies(parsed["staticPolicies"], name)
    flat = {
        key: item
        for key, item in parsed["staticPolicies"].items()
        if not (policies[key].forbids and policies[key].asks)
    }
    without = json.dumps({**parsed, "staticPolicies": flat})
    return CedarLayer(
        name, digest_bytes(data), policies, schema, (_policy_set(json.dumps(parsed)), _policy_set(without))
    )


def _first_line(error: object) -> str:
    return quote(str(error).splitlines()[0] if str(error) else "no message")[1:-1]


def _policy_set(text: str) -> Any:
    import cedarpy

    return cedarpy.PolicySet.from_json_str(text)


def _policies(parsed: Mapping[str, Any], name: str) -> dict[str, _Policy]:
    if len(parsed) > MAX_POLICIES:
        raise DocumentError(f"the file has more than {MAX_POLICIES} policies", "split it", name)
    policies: dict[str, _Policy] = {}
    seen: set[str] = set()
    for key, item in parsed.items():
        notes = item.get("annotations", {})
        rule_id = str(notes.get("id") or key)
        for note in notes:
            if note not in ANNOTATIONS:
                near = difflib.get_close_matches(note, ANNOTATIONS, n=1)
                hint = f"did you mean {quote('@' + near[0])}?" if near else "known: @id, @decision, @reason"
                raise DocumentError(f"unknown annotation {quote('@' + note)}", hint, name)
        if len(rule_id) > MAX_ID or not rule_id.isprintable():
            raise DocumentError(
                f"policy id {quote(rule_id)} is too long or not printable", f"use {MAX_ID} characters", name
            )
        if rule_id in seen:
            raise DocumentError(f"policy id {quote(rule_id)} stands here twice", "give each policy its own @id", name)
        seen.add(rule_id)
        effect = str(item["effect"])
        word = notes.get("decision")
        if word is not None and word not in _EFFECT_WORDS[effect]:
            hint = f"a {effect} may say {' or '.join(_EFFECT_WORDS[effect])}"
            raise DocumentError(f"@decision({quote(word)}) does not fit a {effect}", hint, name)
        policies[key] = _Policy(rule_id, effect == "forbid", word == APPROVAL, str(notes.get("reason") or ""))
    return policies


def cedar_request(request: Request) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the request and the entities that Cedar judges, as its JSON forms."""
    actor = {"type": "Actor", "id": request.actor_id}
    tenant = {"type": "Tenant", "id": request.tenant}
    topic = {"type": "Topic", "id": request.topic}
    context: dict[str, Any] = {
        "capability": request.capability,
        "risk_tags": sorted(request.risk_tags),
        "requires": sorted(request.requires),
        "counts": {name: request.counts[name] for name in COUNTS if name in request.counts},
    }
    if request.secrets_present is not None:
        context["secrets_present"] = request.secrets_present
    if request.mcp is not None:
        context["mcp"] = {part: getattr(request.mcp, part) for part in ("server", "tool", "resource", "action")}
    attributes = {"actor_type": request.actor_type, "pack_id": request.pack_id}
    entities: list[dict[str, Any]] = [
        {"uid": actor, "attrs": attributes, "parents": [tenant]},
        {"uid": tenant, "attrs": {}, "parents": []},
        {"uid": topic, "attrs": {}, "parents": [], "tags": dict(request.labels)},
    ]
    return {
        "principal": actor,
        "action": {"type": "Action", "id": "perform"},
        "resource": topic,
        "context": context,
    }, entities


class CedarLayer:
    """Cedar policies as a layer of the kernel."""

    version = "cedar"

    def __init__(
        self, name: str, digest: str, policies: Mapping[str, _Policy], schema: Any, sets: tuple[Any, Any]
    ) -> None:
        self.name = name
        self.digest = digest
        self._policies = policies
        self._schema = schema
        self._all, self._without_asking_forbids = sets

    def _ask(self, request: Request, policies: Any) -> tuple[bool, tuple[str, ...], bool]:
        """Return whether Cedar allows, the policies that decided, and whether something could not be evaluated."""
        import cedarpy

        asked, entities = cedar_request(request)
        answer = cedarpy.is_authorized(asked, policies, entities, self._schema)
        failed = bool(answer.diagnostics.errors) or answer.decision is cedarpy.Decision.NoDecision
        return answer.decision is cedarpy.Decision.Allow, tuple(answer.diagnostics.reasons), failed

    def judge(self, facts: Facts) -> Decision:
        """Return the decision: a forbid denies, a permit allows, an annotation asks for a person, silence is a deny."""
        allowed, reasons, failed = self._ask(facts.request, self._all)
        # INVARIANT (fail-closed): Cedar skips a policy that errs; here its error denies.
        if failed:
            return self._failure()
        deciding = [self._policies[key] for key in reasons]
        if allowed:
            effect = Effect.REQUIRE_APPROVAL if any(item.asks for item in deciding) else Effect.ALLOW
            return self._decision(effect, deciding)
        if not deciding or not all(item.asks for item in deciding):
            return self._decision(Effect.DENY, deciding)
        allowed, others, failed = self._ask(facts.request, self._without_asking_forbids)
        if failed:
            return self._failure()
        both = [*deciding, *(self._policies[key] for key in others)]
        return self._decision(Effect.REQUIRE_APPROVAL if allowed else Effect.DENY, both)

    def _failure(self) -> Decision:
        text = f"{self.name}: a policy could not be evaluated"
        return Decision(Effect.DENY, (f"{self.name}/error",), ("an error while judging is a deny",), errors=(text,))

    def _decision(self, effect: Effect, deciding: list[_Policy]) -> Decision:
        if not deciding:
            return Decision(effect, (f"{self.name}/{DEFAULT_RULE}",), (NO_MATCH,))
        rules = tuple(sorted({f"{self.name}/{item.rule_id}" for item in deciding}))
        word = "forbids" if deciding[0].forbids else "permits"
        reasons = tuple(sorted({item.reason or f"policy {item.rule_id} {word}" for item in deciding}))
        return Decision(effect, rules, reasons)

    def trace(self, facts: Facts) -> LayerTrace:
        """Return the policies that decided; Cedar does not say which others were tried."""
        decision = self.judge(facts)
        rules = tuple(
            RuleTrace(rule.removeprefix(f"{self.name}/"), True)
            for rule in decision.rule_ids
            if not rule.endswith("/error")
        )
        return LayerTrace(self.name, rules, decision, "Cedar names only the policies that decided")

    def velocity_keys(self, request: Request) -> tuple[VelocityKey, ...]:
        """Return nothing: Cedar policies look at the named counts only."""
        return ()
