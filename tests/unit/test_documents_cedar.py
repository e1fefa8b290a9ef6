"""Cedar policies as a layer: what they decide, and that every error is a deny."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from charter_files import charter, charter_bytes
from policy_matrix import base, counted, labelled
from warden.documents.cedar import COUNTS, CedarLayer, load_cedar
from warden.documents.policy_file import load_policy
from warden.errors import DocumentError
from warden.model.request import Decision, Effect, McpCall, Request
from warden.policy import Kernel, UnsafeBareKernel

pytest.importorskip("cedarpy", reason="the extra `cedar` is not installed")

POLICIES = """
@id("catalog-answers") @reason("catalogue answers are fine")
permit(principal, action, resource) when { resource.hasTag("text_source") && resource.getTag("text_source") == "catalog" };

@id("drafts") @decision("require_approval")
permit(principal, action, resource) when { resource.hasTag("text_source") && resource.getTag("text_source") == "draft" };

@id("no-secrets")
forbid(principal, action, resource) unless { context has secrets_present && !context.secrets_present };

@id("long-needs-a-look") @decision("require_approval") @reason("long texts are read by a person")
forbid(principal, action, resource) when { context.counts has body_bytes && context.counts.body_bytes > 100 };
"""


def layer(text: str = POLICIES) -> CedarLayer:
    """The policies as a layer."""
    return load_cedar(text.encode(), "p.cedar")


def decide(request: Request, text: str = POLICIES) -> Decision:
    """What the policies alone decide."""
    return UnsafeBareKernel([layer(text)]).evaluate(request)


def test_a_permit_allows_and_gives_its_reason() -> None:
    """A satisfied permit allows under its id and with its reason."""
    decision = decide(base("reply"))
    assert decision.effect is Effect.ALLOW
    assert decision.rule_ids == ("p.cedar/catalog-answers",)
    assert decision.reasons == ("catalogue answers are fine",)


def test_a_permit_can_ask_for_a_person() -> None:
    """A permit that is annotated so requires approval."""
    decision = decide(labelled(base("reply"), text_source="draft"))
    assert decision.effect is Effect.REQUIRE_APPROVAL
    assert decision.reasons == ("policy drafts permits",)


@pytest.mark.parametrize("secrets", [True, None])
def test_a_forbid_denies(secrets: bool | None) -> None:
    """A satisfied forbid denies, whatever is permitted."""
    decision = decide(replace(base("reply"), secrets_present=secrets))
    assert decision.effect is Effect.DENY
    assert decision.rule_ids == ("p.cedar/no-secrets",)


def test_a_forbid_can_ask_for_a_person_and_permits_nothing_by_that() -> None:
    """An annotated forbid turns an allowance into a request for approval, and leaves a refusal a refusal."""
    long = counted(base("reply"), body_bytes=101)
    decision = decide(long)
    assert decision.effect is Effect.REQUIRE_APPROVAL
    assert decision.rule_ids == ("p.cedar/catalog-answers", "p.cedar/long-needs-a-look")
    assert decide(replace(long, secrets_present=True)).effect is Effect.DENY
    assert decide(labelled(long, text_source="oracle")).effect is Effect.DENY


def test_silence_is_a_deny() -> None:
    """When no policy is satisfied the layer denies."""
    decision = decide(labelled(base("reply"), text_source="oracle"))
    assert decision.effect is Effect.DENY
    assert decision.rule_ids == ("p.cedar/default_decision",)
    assert decide(base("reply"), "").effect is Effect.DENY


OVERFLOW = """
permit(principal, action, resource);
forbid(principal, action, resource) when {
  context.counts has hops && context.counts.hops * 9223372036854775807 > 5
};
"""


def test_an_error_in_a_forbid_denies_although_cedar_allows() -> None:
    """Cedar skips a forbid that errs and answers Allow; the layer's answer is a deny that says so."""
    assert decide(counted(base("reply"), hops=0), OVERFLOW).effect is Effect.ALLOW
    decision = decide(counted(base("reply"), hops=2), OVERFLOW)
    assert decision.effect is Effect.DENY
    assert decision.errors == ("p.cedar: a policy could not be evaluated",)


def test_text_that_cedar_cannot_take_denies() -> None:
    """A lone surrogate or a number beyond Cedar's range is a deny, not a crash."""
    everything = "permit(principal, action, resource);"
    assert decide(base("reply"), everything).effect is Effect.ALLOW
    assert decide(labelled(base("reply"), sender="\ud800"), everything).effect is Effect.DENY
    assert decide(counted(base("reply"), hops=2**70), everything).effect is Effect.DENY


def test_every_part_of_a_request_can_be_looked_at() -> None:
    """Actor, tenant, capability, tags, requirements, MCP call and counts all reach a policy."""
    text = """
permit(principal == Actor::"me", action == Action::"perform", resource == Topic::"job.warden.reply") when {
  principal in Tenant::"acme" && principal.actor_type == "agent" && principal.pack_id == "pack" &&
  context.capability == "messaging.reply" && context.risk_tags.contains("t") && context.requires.contains("r") &&
  context has mcp && context.mcp.server == "git" && context.counts has hops && context.counts.hops == 0
};
"""
    request = replace(
        base("reply"),
        actor_id="me",
        tenant="acme",
        pack_id="pack",
        risk_tags=frozenset({"t"}),
        requires=frozenset({"r"}),
        mcp=McpCall(server="git"),
    )
    assert decide(request, text).effect is Effect.ALLOW
    for changed in (replace(request, tenant="x"), replace(request, mcp=None), replace(request, actor_id="x")):
        assert decide(changed, text).effect is Effect.DENY


def test_cedar_stands_on_the_charter() -> None:
    """A Cedar layer that permits everything lifts nothing, and its explanation is that of evaluate."""
    kernel = Kernel(charter(), [layer("permit(principal, action, resource);")])
    assert kernel.evaluate(base("reply")).effect is Effect.ALLOW
    secret = replace(base("reply"), secrets_present=True)
    assert kernel.evaluate(secret).effect is Effect.DENY
    explanation = kernel.explain(secret)
    assert explanation.decision == kernel.evaluate(secret)
    assert explanation.layers[1].rules[0].rule_id == "policy0"
    assert kernel.velocity_keys(secret) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("permit(principal, action, resource", "not valid Cedar"),
        ("permit(principal, action, resource) when { context.counts.hops > 1 };", "schema"),
        ("permit(principal, action, resource) when { context.nothing };", "schema"),
        ("permit(principal == ?principal, action, resource);", "templates"),
        ('@id("a") permit(principal, action, resource);\n@id("a") forbid(principal, action, resource);', "twice"),
        ('@id("policy1") permit(principal, action, resource);\nforbid(principal, action, resource);', "twice"),
        ('@decison("deny") forbid(principal, action, resource);', "unknown annotation `@decison`"),
        ('@decision("deny") permit(principal, action, resource);', "does not fit a permit"),
        ('@decision("allow") forbid(principal, action, resource);', "does not fit a forbid"),
        ("\ud800", "not valid Cedar"),
        ('@id("a\\nb") permit(principal, action, resource);', "not printable"),
        (f'@id("{"a" * 129}") permit(principal, action, resource);', "too long"),
    ],
)
def test_policies_that_are_not_understood_are_refused(text: str, words: str) -> None:
    """Text that does not parse or validate, templates, repeated ids and odd annotations are refused, naming the file."""
    with pytest.raises(DocumentError) as caught:
        load_cedar(text.encode("utf-8", "surrogatepass"), "p.cedar")
    assert caught.value.message.startswith("p.cedar: ")
    assert words in caught.value.message


def test_a_cedar_file_is_a_policy_file() -> None:
    """The suffix `.cedar` makes a file a Cedar layer."""
    assert isinstance(load_policy(POLICIES.encode(), "p.cedar"), CedarLayer)


def test_without_the_extra_a_cedar_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """When cedarpy is not installed the file cannot be used, and the refusal says what to install."""
    monkeypatch.setitem(sys.modules, "cedarpy", None)
    with pytest.raises(DocumentError) as caught:
        load_cedar(POLICIES.encode(), "p.cedar")
    assert "ops-warden[cedar]" in caught.value.hint


def test_more_than_the_bounds_is_refused() -> None:
    """Size and number of policies in one file are bounded."""
    with pytest.raises(DocumentError, match="bytes"):
        load_cedar(b"//" + b"x" * 600_000, "p.cedar")
    with pytest.raises(DocumentError, match="policies"):
        load_cedar(b"permit(principal, action, resource);\n" * 2_001, "p.cedar")


def test_the_schema_knows_every_count_of_the_charter() -> None:
    """The counts that a policy can look at are those that warden sets."""
    assert set(COUNTS) == set(charter().vocabulary["counts"])
    assert charter_bytes()["charter.yaml"]
