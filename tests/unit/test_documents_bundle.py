"""Bundles as documents: what is refused and where, and that writing and reading are a pair."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_random import random_bundle
from warden.documents.bundle import dump_bundle, load_bundle
from warden.documents.emit import emit_yaml
from warden.documents.policy_file import load_policy
from warden.errors import DocumentError
from warden.model.request import UNCONSTRAINED, Effect

HEAD = "rules:\n  - id: a\n    decision: deny\n"
REFUSED = [
    ("", 1, "empty", ""),
    ("[]", 1, "mapping", ""),
    ("rule: []", 1, "unknown key `rule`", "`rules`"),
    ("default_decision: maybe", 1, "default_decision", ""),
    ("default_decision: throttle", 1, "default_decision", ""),
    ("version: 1.5", 1, "version", ""),
    ("rules: {}", 1, "must be a list", ""),
    (HEAD + "    match:\n      topic: [x]\n", 5, "unknown key `rules.0.match.topic`", "`topics`"),
    (HEAD + "    match:\n      topics: x\n", 5, "must be a list", ""),
    (HEAD + "    match:\n      topics:\n        - a\n        - '[x'\n", 7, "bad topic pattern `[x`", ""),
    (HEAD + "    match:\n      topics: ['[x']\n", 5, "bad topic pattern", ""),
    (HEAD + "    match:\n      labels: {a: 1}\n", 5, "must be a string", ""),
    (HEAD + "    match:\n      label_threshold: {a: high}\n", 5, "must be a number", ""),
    (HEAD + "    match:\n      label_threshold: {a: true}\n", 5, "label_threshold.a", ""),
    (HEAD + "    match:\n      secrets_present: 'yes'\n", 5, "true or false", ""),
    (HEAD + "    match:\n      mcp: {allow_tool: [x]}\n", 5, "unknown key", "`allow_tools`"),
    (HEAD + "    constraints:\n      budgets:\n        max_runtime: 1\n", 6, "unknown key", "`max_runtime_ms`"),
    (HEAD + "    constraints: {max_body_bytes: -1}\n", 4, "max_body_bytes", ""),
    (HEAD + "    constraints: {max_body_bytes: true}\n", 4, "max_body_bytes", ""),
    (HEAD + "    constraints: {redaction_level: full}\n", 4, "redaction_level", ""),
    (HEAD + "    constraints: {append_footer: ''}\n", 4, "append_footer", ""),
    (HEAD + "    constraints: {append_footer: ' '}\n", 4, "one line of text", ""),
    (HEAD + '    constraints: {append_footer: ["a\\nb"]}\n', 4, "one line of text", ""),
    (HEAD + "    remediations: [{title: x}]\n", 4, "the key `id` is missing", ""),
    (HEAD + "    velocity: {key: topic, max_requests: 0, window_seconds: 5}\n", 4, "max_requests", ""),
    (HEAD + "    velocity: {key: topic, max_requests: 1, window_seconds: 90000}\n", 4, "window_seconds", ""),
    (
        HEAD + "    velocity: {key: subject, max_requests: 1, window_seconds: 5}\n",
        4,
        "unknown velocity key `subject`",
        "actor_id",
    ),
    (
        HEAD + "    velocity: {key: 'topic:labels.', max_requests: 1, window_seconds: 5}\n",
        4,
        "unknown velocity key",
        "",
    ),
    (
        "rules:\n  - id: a\n    decision: allow\n    velocity: {key: topic, max_requests: 1, window_seconds: 5}\n",
        4,
        "velocity",
        "throttle",
    ),
    (HEAD + "  - id: a\n    decision: deny\n", 4, "stands here twice, first in line 2", ""),
    ("rules:\n  - decision: deny\n", 2, "the key `id` is missing", ""),
    ("rules:\n  - id: a\n", 2, "the key `decision` is missing", ""),
    ("rules:\n  - id: a\n    decison: deny\n", 3, "unknown key `rules.0.decison`", "`decision`"),
    ("rules:\n  - id: a\n    decision: Deny\n", 3, "decision", ""),
    ("rules:\n  - id: 'a b'\n    decision: deny\n", 2, "rules.0.id", ""),
    ("tenants:\n  a: {}\n  A: {}\n", 3, "stands here twice", ""),
    ("tenants:\n  ' ': {}\n", 2, "is empty", ""),
    ('tenants:\n  "a\\nb": {}\n', 2, "not printable", ""),
    ("tenants:\n  " + "a" * 41 + ": {}\n", 2, "1 to 40 characters", ""),
    ("tenants:\n  a:\n    allow_topics: ['']\n", 3, "empty", ""),
    ("tenants:\n  a:\n    deny_topics: ['[']\n", 3, "bad topic pattern", ""),
    ("tenants:\n  a:\n    max_jobs: 1\n", 3, "unknown key", "`max_concurrent_jobs`"),
    ("a: 1\na: 2\n", 2, "twice", ""),
]


@pytest.mark.parametrize(("text", "line", "message", "hint"), REFUSED)
def test_a_slip_is_refused_with_its_line_and_a_suggestion(text: str, line: int, message: str, hint: str) -> None:
    """Unknown keys, wrong types, bad patterns and repeated ids are refused where they stand."""
    with pytest.raises(DocumentError) as caught:
        load_bundle(text.encode(), "p.yaml")
    assert caught.value.message.startswith(f"p.yaml:{line}:"), caught.value.message
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.message[0].islower()
    assert not caught.value.message.endswith(".")


def test_only_an_operators_bundle_may_abstain() -> None:
    """A pack's bundle without an opinion is refused, an operator's is not."""
    text = b"version: v1\ndefault_decision: abstain\n"
    assert load_bundle(text, "p.yaml").default_decision == "abstain"
    with pytest.raises(DocumentError, match=r"p\.yaml:2: .* a pack's bundle may not abstain"):
        load_bundle(text, "p.yaml", origin="pack")


def test_more_rules_than_the_bound_are_refused() -> None:
    """The number of rules in one bundle is bounded."""
    text = "rules:\n" + "".join(f"- {{id: r{number}, decision: deny}}\n" for number in range(5_001))
    with pytest.raises(DocumentError, match="rules"):
        load_bundle(text.encode(), "p.yaml")


@pytest.mark.parametrize(
    ("word", "effect", "throttle"),
    [
        ("allow", Effect.ALLOW, False),
        ("permit", Effect.ALLOW, False),
        ("deny", Effect.DENY, False),
        ("block", Effect.DENY, False),
        ("require_approval", Effect.REQUIRE_APPROVAL, False),
        ("require-approval", Effect.REQUIRE_APPROVAL, False),
        ("require_human", Effect.REQUIRE_APPROVAL, False),
        ("allow_with_constraints", Effect.ALLOW_WITH_CONSTRAINTS, False),
        ("allow-with-constraints", Effect.ALLOW_WITH_CONSTRAINTS, False),
        ("throttle", Effect.DENY, True),
    ],
)
def test_every_word_for_a_decision_is_known(word: str, effect: Effect, throttle: bool) -> None:
    """The dialect's words and their spellings mean what they mean elsewhere."""
    (rule,) = load_bundle(f"rules: [{{id: a, decision: {word}}}]".encode(), "p.yaml").rules
    assert (rule.effect, rule.throttle) == (effect, throttle)
    assert rule.restricting is (effect is not Effect.ALLOW)


def test_constraints_become_canonical() -> None:
    """A budget of 0 is left out, lists become sorted sets, one footer may be written without a list."""
    text = """
rules:
  - id: a
    decision: allow
    constraints:
      budgets: {max_runtime_ms: 0, max_retries: 2}
      sandbox: {network_allowlist: [b, a, b], fs_read_only: []}
      append_footer: "-- x"
  - {id: b, decision: deny, constraints: {budgets: {max_retries: 0}, sandbox: {isolated: false}}}
"""
    first, second = load_bundle(text.encode(), "p.yaml").rules
    assert first.constraints.max_runtime_ms is None
    assert first.constraints.max_retries == 2
    assert first.constraints.network_allowlist == ("a", "b")
    assert first.constraints.fs_read_only == ()
    assert first.constraints.append_footer == ("-- x",)
    assert first.line == 3
    assert second.constraints is UNCONSTRAINED


@given(st.integers(0, 2**32))
def test_reading_writing_and_reading_is_reading(seed: int) -> None:
    """What a bundle says survives being written in canonical form, and that form is stable."""
    bundle = load_bundle(emit_yaml(random_bundle(random.Random(seed))).encode(), "p.yaml")
    text = dump_bundle(bundle)
    again = load_bundle(text.encode(), "p.yaml")
    assert replace(again, digest=bundle.digest) == bundle
    assert dump_bundle(again) == text


def refusal(text: str) -> str | None:
    """What is said when the text is refused; None when it is a bundle."""
    try:
        load_bundle(text.encode(), "p.yaml")
    except DocumentError as error:
        return error.message
    return None


mutations = st.lists(
    st.tuples(st.integers(0, 4_000), st.sampled_from(["", "  ", "\n", ":", "[", "a", "-", "0", "'", "null"])),
    max_size=4,
)


@given(st.integers(0, 2**32), mutations)
def test_a_damaged_bundle_is_read_or_refused(seed: int, changes: list[tuple[int, str]]) -> None:
    """A bundle with signs put in and taken out at random is a bundle or a DocumentError, never anything else."""
    text = emit_yaml(random_bundle(random.Random(seed)))
    for place, sign in changes:
        cut = place % (len(text) + 1)
        text = text[:cut] + sign + text[cut + 1 :]
    assert (refusal(text) or "p.yaml").startswith("p.yaml")


def test_a_file_of_another_suffix_is_no_policy() -> None:
    """The suffix says in which language a policy is written."""
    assert load_policy(b"rules: []", "p.yml").name == "p.yml"
    with pytest.raises(DocumentError, match="unknown suffix"):
        load_policy(b"rules: []", "p.json")
