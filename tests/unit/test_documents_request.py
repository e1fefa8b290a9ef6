"""Requests and case files as documents."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_compare import to_request
from policy_random import random_request
from warden.documents.cases import load_cases
from warden.documents.request import request_from_json, request_to_json, requests_from_json
from warden.errors import DocumentError
from warden.model.request import Decision, Effect, McpCall, Request
from warden.policy.cases import run_cases


@given(st.integers(0, 2**32))
def test_a_request_survives_json(seed: int) -> None:
    """Writing and reading a request gives the same request, and the same bytes again."""
    request = to_request(random_request(random.Random(seed)))
    data = request_to_json(request)
    assert request_from_json(data) == request
    assert request_to_json(request_from_json(data)) == data


def test_fields_that_are_left_out_have_plain_defaults() -> None:
    """Only the topic must be there; everything else is empty, and nobody looked for secrets."""
    assert request_from_json(b'{"topic": "x"}') == Request("x", "", "", "")
    assert request_from_json(b'{"topic": "x", "mcp": {"tool": "t"}}').mcp == McpCall(tool="t")


def test_a_list_of_requests_is_told_apart_from_one() -> None:
    """A JSON list gives a list, an object one request."""
    assert requests_from_json(b'[{"topic": "a"}, {"topic": "b"}]')[1] is True
    assert requests_from_json(b"[]") == ([], True)
    assert requests_from_json(b'{"topic": "a"}') == ([Request("a", "", "", "")], False)


REFUSED = [
    (b"", "JSON"),
    (b"{", "JSON"),
    (b"\xff", "UTF-8"),
    (b"3", "mapping"),
    (b"[3]", "mapping"),
    (b"{}", "topic"),
    (b'{"topic": 3}', "topic: this must be a string"),
    (b'{"topic": "x", "topics": []}', "unknown key `topics`"),
    (b'{"topic": "x", "topic": "y"}', "twice"),
    (b'{"topic": "x", "labels": {"a": 1}}', "labels.a"),
    (b'{"topic": "x", "labels": []}', "labels"),
    (b'{"topic": "x", "risk_tags": "a"}', "risk_tags"),
    (b'{"topic": "x", "risk_tags": [1]}', "risk_tags.0"),
    (b'{"topic": "x", "counts": {"a": -1}}', "counts.a"),
    (b'{"topic": "x", "counts": {"a": 1.0}}', "counts.a"),
    (b'{"topic": "x", "counts": {"a": true}}', "counts.a"),
    (b'{"topic": "x", "counts": {"a": 9007199254740992}}', "counts.a"),
    (b'{"topic": "x", "counts": {"a": NaN}}', "NaN"),
    (b'{"topic": "x", "secrets_present": "no"}', "secrets_present"),
    (b'{"topic": "x", "secrets_present": 0}', "secrets_present"),
    (b'{"topic": "x", "mcp": {"tols": "a"}}', "unknown key `tols`"),
    (b'{"topic": "x", "mcp": []}', "mcp"),
    (b"[" * 100_000, "nested"),
    (b'{"topic": "x", "counts": {"a": ' + b"9" * 5_000 + b"}}", "too long"),
    (b" " * (1024 * 1024 + 1), "bytes"),
]


@pytest.mark.parametrize(("data", "words"), REFUSED)
def test_a_request_that_is_not_understood_is_refused(data: bytes, words: str) -> None:
    """Unknown and repeated keys, wrong types and what is no JSON are refused, naming the field."""
    with pytest.raises(DocumentError) as caught:
        requests_from_json(data)
    assert words in caught.value.message


CASES = b"""
schema: warden.cases/1
defaults:
  topic: job.a
  labels: {env: test, trust: token}
  counts: {hops: 0}
cases:
  - name: plain
    decision: allow
    rules: [p/r]
  - name: changed
    request: {capability: x, labels: {env: prod, trust: null}, counts: {hops: 1}, secrets_present: true}
    decision: deny
    throttled: true
"""


def test_a_case_is_laid_over_the_defaults() -> None:
    """A case's own keys replace those of the defaults, labels and counts one by one; null takes a key away."""
    plain, changed = load_cases(CASES, "c.yaml")
    assert plain.request == Request("job.a", "", "", "", labels={"env": "test", "trust": "token"}, counts={"hops": 0})
    assert changed.request.labels == {"env": "prod"}
    assert changed.request.counts == {"hops": 1}
    assert changed.request.secrets_present is True
    assert (plain.line, changed.line) == (8, 11)


def test_a_case_says_everything_that_went_wrong() -> None:
    """Effect, rules and waiting are compared, and each difference is told."""
    cases = load_cases(CASES, "c.yaml")
    results = run_cases(cases, lambda request: Decision(Effect.DENY, ("p/other",)))
    assert results[0].failures == ("expected allow, got deny", "rule p/r did not decide")
    assert results[1].failures == ("expected to be held for later",)
    held = run_cases(cases, lambda request: Decision(Effect.DENY, ("p/r",), retry_after_s=1))
    assert held[1].failures == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("warden.cases/1", "warden.cases/2", "schema"),
        ("decision: allow", "decision: perhaps", "decision"),
        ("decision: allow", "decide: allow", "unknown key `decide`"),
        ("name: changed", "name: plain", "twice"),
        ("name: plain", "name: ''", "needs a `name`"),
        ("rules: [p/r]", "rules: p/r", "rules"),
        ("throttled: true", "throttled: 1", "throttled"),
        ("capability: x", "capabilities: x", "unknown key `capabilities`"),
        ("topic: job.a", "capability: c", "topic"),
        ("cases:\n", "case:\n", "unknown key `case`"),
        ("env: prod,", "env: 1,", "labels"),
    ],
)
def test_a_case_file_with_a_slip_is_refused(old: str, new: str, words: str) -> None:
    """Slips in a case file are refused with file and line."""
    text = CASES.decode()
    assert old in text
    with pytest.raises(DocumentError) as caught:
        load_cases(text.replace(old, new, 1).encode(), "c.yaml")
    assert words in caught.value.message
    assert caught.value.message.startswith("c.yaml:")


def test_a_file_without_cases_is_refused() -> None:
    """A file without any case proves nothing and is refused."""
    with pytest.raises(DocumentError, match="1 to"):
        load_cases(json.dumps({"schema": "warden.cases/1", "cases": []}).encode(), "c.yaml")
