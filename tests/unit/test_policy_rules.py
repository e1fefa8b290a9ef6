"""What each field of a rule means, one table per field."""

from __future__ import annotations

from typing import Any

import pytest

from policy_compare import to_request
from warden.documents.bundle import load_bundle
from warden.documents.emit import emit_yaml
from warden.policy import UnsafeBareKernel

MCP = {"server": "git", "tool": "push", "resource": "", "action": "write"}


def decide(match: dict[str, Any], decision: str = "allow", **fields: Any) -> bool:
    """Whether a rule with this match decides a request with these fields."""
    rule = {"id": "r", "match": match, "decision": decision}
    kernel = UnsafeBareKernel([load_bundle(emit_yaml({"rules": [rule]}).encode(), "p.yaml")])
    request = to_request({"topic": "job.a", "tenant": "acme", **fields})
    answer = kernel.evaluate(request)
    assert kernel.explain(request).decision == answer
    return answer.rule_ids == ("p.yaml/r",)


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("tenants", "tenant"),
        ("capabilities", "capability"),
        ("pack_ids", "pack_id"),
        ("actor_ids", "actor_id"),
        ("actor_types", "actor_type"),
    ],
)
@pytest.mark.parametrize(
    ("values", "value", "expected"),
    [
        (["x"], "x", True),
        (["x"], " X ", True),
        ([" x "], "x", True),
        (["y", "x"], "x", True),
        (["y"], "x", False),
        (["x"], "", False),
        ([""], "", False),
        (["straße"], "STRASSE", True),
        ([], "x", True),
    ],
)
def test_a_list_field_holds_when_one_value_is_equal(
    field: str, key: str, values: list[str], value: str, expected: bool
) -> None:
    """Any value of a list is enough, without regard to case and outer spaces; an empty value never matches."""
    assert decide({field: values}, **{key: value}) is expected


def test_an_empty_match_holds_for_every_request() -> None:
    """A rule without conditions applies to everything."""
    assert decide({})
    assert decide({}, mcp=MCP, risk_tags=["a"])


@pytest.mark.parametrize(
    ("wanted", "tags", "expected"),
    [
        (["a", "b"], ["b", "c"], True),
        (["a"], ["A "], True),
        (["a"], ["b"], False),
        (["a"], [], False),
        ([""], [""], False),
    ],
)
def test_one_risk_tag_is_enough(wanted: list[str], tags: list[str], expected: bool) -> None:
    """A rule on risk tags holds when the request has any of them."""
    assert decide({"risk_tags": wanted}, risk_tags=tags) is expected


@pytest.mark.parametrize(
    ("wanted", "has", "expected"),
    [(["a", "b"], ["b", "A", "c"], True), (["a", "b"], ["a"], False), (["a"], [], False), ([""], [""], False)],
)
def test_all_requirements_must_be_there(wanted: list[str], has: list[str], expected: bool) -> None:
    """A rule on requirements holds when the request has all of them."""
    assert decide({"requires": wanted}, requires=has) is expected


@pytest.mark.parametrize(
    "decision", ["deny", "block", "require_approval", "require_human", "throttle", "allow_with_constraints"]
)
@pytest.mark.parametrize(
    "match",
    [
        {"labels": {"env": "prod"}},
        {"label_allowlist": {"env": ["prod"]}},
        {"label_threshold": {"env": 5}},
        {"label_threshold": {"counts.env": 5}},
        {"secrets_present": True},
        {"secrets_present": False},
    ],
)
def test_a_missing_fact_makes_a_restriction_match_and_an_allowance_not(match: dict[str, Any], decision: str) -> None:
    """A label, count or look for secrets that is missing never helps an action."""
    assert decide(match, decision)
    assert not decide(match, "allow")
    assert not decide(match, "permit")


@pytest.mark.parametrize(("value", "expected"), [("prod", True), ("PROD", False), ("prod ", False), ("", False)])
def test_labels_are_compared_exactly(value: str, expected: bool) -> None:
    """A label's value must be the same to the letter, whatever the rule decides."""
    assert decide({"labels": {"env": "prod"}}, labels={"env": value}) is expected
    assert decide({"labels": {"env": "prod"}}, "deny", labels={"env": value}) is expected


def test_a_label_that_differs_settles_a_rule_with_a_missing_one() -> None:
    """All fields must hold: one that fails decides, even when another fact is missing."""
    assert not decide({"labels": {"env": "prod", "gone": "x"}}, "deny", labels={"env": "test"})
    assert decide({"labels": {"env": "prod", "gone": "x"}}, "deny", labels={"env": "prod"})


@pytest.mark.parametrize(("value", "expected"), [("a", False), (" A ", False), ("c", True), ("", True)])
def test_a_label_allowlist_holds_outside_its_list(value: str, expected: bool) -> None:
    """The rule applies when the label's value is not in the list."""
    for decision in ("deny", "allow"):
        assert decide({"label_allowlist": {"env": ["a", "b"]}}, decision, labels={"env": value}) is expected


def test_one_label_outside_its_list_is_enough_and_a_missing_one_counts_as_missing() -> None:
    """With several lists, one broken list makes the rule apply; a missing label still keeps an allowance away."""
    match = {"label_allowlist": {"a": ["1"], "b": ["1"]}}
    assert decide(match, "deny", labels={"a": "1", "b": "2"})
    assert not decide(match, "deny", labels={"a": "1", "b": "1"})
    assert decide(match, "deny", labels={"a": "1"})
    assert not decide(match, "allow", labels={"b": "2"})


@pytest.mark.parametrize(
    ("value", "over"),
    [("5", False), ("5.1", True), (" 6 ", True), ("-9", False), ("1e3", True), (".6e1", True)],
)
def test_a_threshold_holds_above_its_number(value: str, over: bool) -> None:
    """The rule applies when the label's number is larger than the threshold."""
    for decision in ("deny", "allow"):
        assert decide({"label_threshold": {"amount": 5}}, decision, labels={"amount": value}) is over


@pytest.mark.parametrize("value", ["", "many", "nan", "inf", "-inf", "1_000", "0x10", "١٢", "1e999", "5,0", "5 0"])
def test_what_is_no_finite_number_counts_as_missing(value: str) -> None:
    """A label that is not plainly a number restricts and does not allow."""
    assert decide({"label_threshold": {"amount": 5}}, "deny", labels={"amount": value})
    assert not decide({"label_threshold": {"amount": 5}}, "allow", labels={"amount": value})


def test_a_threshold_can_look_at_a_count() -> None:
    """`counts.<name>` is the numeric fact of that name."""
    match = {"label_threshold": {"counts.body_bytes": 10}}
    assert decide(match, "deny", counts={"body_bytes": 11})
    assert not decide(match, "deny", counts={"body_bytes": 10})


@pytest.mark.parametrize(
    ("wanted", "present", "expected"), [(True, True, True), (True, False, False), (False, False, True)]
)
def test_secrets_present_is_compared(wanted: bool, present: bool, expected: bool) -> None:
    """The rule applies when the guard's finding is the wanted one."""
    assert decide({"secrets_present": wanted}, secrets_present=present) is expected


@pytest.mark.parametrize(
    ("lists", "mcp", "expected"),
    [
        ({"allow_servers": ["git"]}, MCP, True),
        ({"allow_servers": [" GIT "]}, MCP, True),
        ({"allow_servers": ["hg"]}, MCP, False),
        ({"deny_tools": ["push"]}, MCP, False),
        ({"deny_tools": ["pull"]}, MCP, True),
        ({"allow_servers": ["git"], "deny_actions": ["write"]}, MCP, False),
        ({"allow_resources": ["x"]}, MCP, False),
        ({"deny_resources": ["x"]}, MCP, True),
        ({"allow_actions": ["write"], "allow_tools": ["push", "pull"]}, MCP, True),
        ({"allow_servers": ["git"]}, None, False),
        ({"deny_servers": ["git"]}, None, False),
        ({"deny_servers": ["hg"]}, {"server": " "}, False),
        ({}, None, True),
        ({"allow_servers": []}, None, True),
    ],
)
def test_an_mcp_match_filters_calls_and_never_holds_without_one(
    lists: dict[str, list[str]], mcp: dict[str, str] | None, expected: bool
) -> None:
    """Denied values and values outside an allow list do not match; without an MCP part only an empty match does."""
    for decision in ("allow", "deny"):
        assert decide({"mcp": lists}, decision, mcp=mcp) is expected


def judge(text: str, **fields: Any) -> tuple[str, tuple[str, ...]]:
    """Effect and rules of one bundle for a request."""
    kernel = UnsafeBareKernel([load_bundle(text.encode(), "p.yaml")])
    decision = kernel.evaluate(to_request({"topic": "job.a", "tenant": "acme", **fields}))
    return decision.effect.word, tuple(rule.removeprefix("p.yaml/") for rule in decision.rule_ids)


def test_the_first_matching_rule_wins() -> None:
    """Order decides inside a bundle, across the index's groups too."""
    text = """
rules:
  - {id: one, decision: deny, match: {topics: ["job.b"]}}
  - {id: two, decision: require_approval, match: {topics: ["job.*"]}}
  - {id: three, decision: allow, match: {topics: ["job.a"]}}
  - {id: four, decision: allow, match: {capabilities: [do]}}
  - {id: five, decision: deny}
"""
    assert judge(text) == ("require_approval", ("two",))
    assert judge(text, topic="job.b") == ("deny", ("one",))
    assert judge(text, topic="x", capability="do") == ("allow", ("four",))
    assert judge(text, topic="x") == ("deny", ("five",))


@pytest.mark.parametrize(
    ("word", "effect"),
    [
        ("allow", "allow"),
        ("permit", "allow"),
        ("deny", "deny"),
        ("block", "deny"),
        ("require_human", "require_approval"),
    ],
)
def test_the_default_decision_speaks_when_no_rule_does(word: str, effect: str) -> None:
    """Without a matching rule the bundle's default decides; without a default it is deny."""
    assert judge(f"default_decision: {word}") == (effect, ("default_decision",))
    assert judge("rules: []") == ("deny", ("default_decision",))


TENANTS = """
rules:
  - {id: ask, decision: require_approval, match: {capabilities: [ask]}}
  - {id: go, decision: allow, match: {capabilities: [go]}}
tenants:
  Acme:
    allow_topics: ["job.*"]
    deny_topics: ["job.sys.*"]
    mcp: {deny_tools: [push]}
  small: {max_concurrent_jobs: 2}
"""


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("allow", ("tenants.acme.allow_topics",))),
        ({"topic": "other"}, ("deny", ("tenants.acme.allow_topics",))),
        ({"topic": "job.sys.x", "capability": "go"}, ("deny", ("go", "tenants.acme.deny_topics"))),
        ({"topic": "other", "capability": "go"}, ("deny", ("go", "tenants.acme.allow_topics"))),
        ({"capability": "ask"}, ("require_approval", ("ask", "tenants.acme.allow_topics"))),
        ({"mcp": MCP}, ("deny", ("tenants.acme.mcp",))),
        ({"mcp": {"tool": "pull"}}, ("allow", ("tenants.acme.allow_topics",))),
        ({"tenant": "unknown"}, ("deny", ("default_decision",))),
        ({"tenant": "unknown", "capability": "go"}, ("allow", ("go",))),
        (
            {"tenant": "SMALL", "capability": "go"},
            ("allow_with_constraints", ("go", "tenants.small.max_concurrent_jobs")),
        ),
    ],
)
def test_a_tenants_policy_works_beside_rules(fields: dict[str, Any], expected: tuple[str, tuple[str, ...]]) -> None:
    """Topics, MCP lists and the budget of a tenant hold together with the rules, and neither switches the other off."""
    assert judge(TENANTS, **fields) == expected


def test_a_request_without_a_tenant_gets_the_bundles_default_one() -> None:
    """`default_tenant` stands in for an empty tenant in rules and tenant entries, and only there."""
    text = "default_tenant: acme\nrules: [{id: a, decision: allow, match: {tenants: [ACME]}}]"
    assert judge(text, tenant=" ") == ("allow", ("a",))
    assert judge(text, tenant="other") == ("deny", ("default_decision",))


def test_an_allowance_with_constraints_is_a_constrained_one() -> None:
    """`allow` with constraints that say something is `allow_with_constraints`; a budget of 0 says nothing."""
    assert judge("rules: [{id: a, decision: allow, constraints: {max_body_bytes: 0}}]")[0] == "allow_with_constraints"
    assert judge("rules: [{id: a, decision: allow, constraints: {budgets: {max_retries: 0}}}]")[0] == "allow"
    assert judge("rules: [{id: a, decision: allow, constraints: {sandbox: {network_allowlist: []}}}]")[0] == (
        "allow_with_constraints"
    )


def test_a_throttle_is_a_deny_that_asks_to_come_back() -> None:
    """A throttle without a window waits a minute."""
    kernel = UnsafeBareKernel([load_bundle(b"rules: [{id: a, decision: throttle}]", "p.yaml")])
    decision = kernel.evaluate(to_request({"topic": "x"}))
    assert (decision.effect.word, decision.retry_after_s) == ("deny", 60)
