"""Lint: each slip is found under its code, and what is meant is left alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_files import charter
from policy_compare import to_request
from policy_random import random_bundle, random_request
from warden.documents.bundle import load_bundle
from warden.documents.emit import emit_yaml
from warden.policy.facts import Facts
from warden.policy.lint import Finding, lint
from warden.policy.matching import compile_match, holds
from warden.policy.subsume import contradiction, hides

RULE = "rules:\n  - {id: a, decision: %s, match: {%s}}\n"


def findings(text: str) -> list[Finding]:
    """What lint says about a bundle."""
    return list(lint(load_bundle(text.encode(), "p.yaml"), charter()))


def codes(text: str) -> list[str]:
    """The codes that lint gives."""
    return [finding.code for finding in findings(text)]


SLIPS = [
    ("deny", "topics: ['']", "never-matches"),
    ("deny", "actor_ids: [' ']", "never-matches"),
    ("deny", "requires: [a, '']", "never-matches"),
    ("allow", "labels: {trust: token}, label_allowlist: {trust: [TOKEN, signed]}", "never-matches"),
    ("allow", "labels: {trust: '3'}, label_threshold: {trust: 3}", "never-matches"),
    ("deny", "labels: {trust: token}, label_allowlist: {trust: [TOKEN, signed]}", "only-when-missing"),
    ("deny", "labels: {trust: '3'}, label_threshold: {trust: 3}", "only-when-missing"),
    ("deny", "mcp: {allow_tools: [a], deny_tools: [A]}", "never-matches"),
    ("deny", "topics: [job.aws.write]", "no-such-action"),
    ("deny", "topics: [job.warden.reply], capabilities: [messaging.read]", "no-such-action"),
    ("deny", "mcp: {allow_tools: [a]}", "no-mcp"),
    ("deny", "capabilities: [messaging.replly, messaging.reply]", "unknown-capability"),
    ("deny", "capabilities: [messaging.replly]", "unknown-capability"),
    ("deny", "risk_tags: [asks_secrets]", "unknown-risk-tag"),
    ("deny", "labels: {env: prod}", "unset-label"),
    ("deny", "label_threshold: {counts.body_size: 3}", "unset-count"),
    ("deny", "label_threshold: {amount: 3}", "unset-label"),
    ("deny", "labels: {counts.hops: '3'}", "unset-label"),
    ("allow", "labels: {msg.kind: request}", "rests-on-message"),
    ("allow", "label_allowlist: {msg.kind: [request]}", "rests-on-message"),
    ("deny", "mcp: {deny_tools: [a]}", "inverted-mcp"),
    ("allow_with_constraints", "", "no-constraints"),
    ("deny", "topics: [Job.warden.*]", "topic-case"),
    ("deny", "actor_ids: []", "empty-list"),
]


@pytest.mark.parametrize(("decision", "match", "code"), SLIPS)
def test_a_slip_is_found(decision: str, match: str, code: str) -> None:
    """Each kind of slip is found in the rule that makes it, with the rule's line."""
    found = [finding for finding in findings(RULE % (decision, match)) if finding.code == code]
    assert [(finding.rule_id, finding.line) for finding in found] == [("a", 2)]


FINE = [
    ("deny", "topics: [job.warden.*], labels: {trust: claimed}"),
    ("deny", "labels: {msg.kind: request}"),
    ("allow", "label_threshold: {counts.body_bytes: 2000}"),
    ("require_approval", "label_threshold: {counts.body_bytes: 2000}"),
    ("allow", "capabilities: [messaging.reply], risk_tags: [automatic]"),
    ("deny", "labels: {trust: token}, label_allowlist: {trust: [signed]}"),
    ("deny", "labels: {trust: token}, label_allowlist: {trust: [token], brain: [rule]}"),
]


@pytest.mark.parametrize(("decision", "match"), FINE)
def test_what_is_meant_is_left_alone(decision: str, match: str) -> None:
    """A rule that can match and rests on warden's own facts has no findings."""
    assert codes(RULE % (decision, match)) == []


def test_constraints_that_warden_cannot_keep_are_told_once() -> None:
    """A constraint that turns the allowance into a denial is told, with the kind that it would hit."""
    text = "rules: [{id: a, decision: allow, constraints: {sandbox: {isolated: true}}}]"
    (finding,) = findings(text)
    assert finding.code == "undischarged"
    assert "`isolated`" in finding.message
    assert (
        codes(
            "rules: [{id: a, decision: allow, match: {topics: [job.warden.reply]}, constraints: {max_body_bytes: 5}}]"
        )
        == []
    )
    assert codes("rules: [{id: a, decision: deny, constraints: {sandbox: {isolated: true}}}]") == []


def test_defaults_that_surprise_are_told() -> None:
    """A default that allows, and a bundle that can only deny, are worth a word."""
    assert codes("default_decision: allow") == ["default-allow"]
    assert codes("version: v1") == ["denies-all"]
    assert codes("default_decision: abstain") == []


HIDDEN = [
    ("{}", "deny", "{topics: [job.warden.reply]}", "allow", True),
    ("{topics: ['job.*']}", "deny", "{topics: [job.warden.reply]}", "deny", True),
    ("{topics: ['job.*']}", "deny", "{topics: ['job.warden.*']}", "deny", True),
    ("{topics: [job.warden.reply]}", "deny", "{topics: ['job.*']}", "deny", False),
    ("{topics: ['job.*']}", "deny", "{topics: [job.warden.reply, other]}", "deny", False),
    ("{topics: ['job.*']}", "deny", "{}", "deny", False),
    ("{actor_ids: [a, b]}", "deny", "{actor_ids: [B]}", "deny", True),
    ("{actor_ids: [a]}", "deny", "{actor_ids: [a, b]}", "deny", False),
    ("{risk_tags: [automatic, over_hops]}", "deny", "{risk_tags: [automatic]}", "deny", True),
    ("{requires: [a]}", "deny", "{requires: [a, b]}", "deny", True),
    ("{requires: [a, b]}", "deny", "{requires: [a]}", "deny", False),
    ("{labels: {trust: a}}", "deny", "{labels: {trust: a, brain: b}}", "deny", True),
    ("{labels: {trust: a}}", "allow", "{labels: {trust: a, brain: b}}", "deny", False),
    ("{labels: {trust: a}}", "allow", "{labels: {trust: a, brain: b}}", "allow", True),
    ("{labels: {trust: a}}", "deny", "{labels: {trust: b}}", "deny", False),
    ("{secrets_present: true}", "deny", "{secrets_present: true, actor_ids: [a]}", "deny", True),
    ("{secrets_present: true}", "deny", "{secrets_present: false}", "deny", False),
    ("{secrets_present: true}", "allow", "{secrets_present: true}", "deny", False),
    ("{actor_ids: [a]}", "allow", "{actor_ids: [a]}", "deny", True),
    ("{label_threshold: {counts.hops: 3}}", "deny", "{label_threshold: {counts.hops: 4}}", "deny", False),
    ("{topics: ['']}", "deny", "{topics: ['']}", "deny", False),
]


@pytest.mark.parametrize(("first", "decision", "second", "later", "hidden"), HIDDEN)
def test_a_rule_behind_a_wider_one_is_hidden(first: str, decision: str, second: str, later: str, hidden: bool) -> None:
    """A rule that an earlier one always beats is told, and one that can still match is not."""
    text = f"rules:\n- {{id: one, decision: {decision}, match: {first}}}\n- {{id: two, decision: {later}, match: {second}}}\n"
    assert ("shadowed" in codes(text)) is hidden


def test_a_velocity_hides_nothing() -> None:
    """A rule that only fires above a rate leaves the rules behind it their use."""
    velocity = "velocity: {key: topic, max_requests: 1, window_seconds: 5}"
    assert "shadowed" not in codes(
        f"rules:\n- {{id: one, decision: deny, {velocity}}}\n- {{id: two, decision: allow}}\n"
    )


@given(st.integers(0, 2**32))
def test_lint_is_right_about_what_cannot_match(seed: int) -> None:
    """No request matches a rule that lint calls impossible, and none reaches a rule that it calls hidden."""
    rng = random.Random(seed)
    rules = load_bundle(emit_yaml(random_bundle(rng)).encode(), "p.yaml").rules
    compiled = [[item.check for item in compile_match(rule.match)] for rule in rules]
    for _ in range(20):
        facts = Facts(to_request(random_request(rng)))
        matched = [holds(checks, rule.restricting, facts) for checks, rule in zip(compiled, rules, strict=True)]
        for index, rule in enumerate(rules):
            assert not (matched[index] and contradiction(rule))
            for before in range(index):
                assert not (matched[index] and not matched[before] and hides(rules[before], rule))
