"""Corners of the kernel that no ordinary policy reaches."""

from __future__ import annotations

from enginebed import charter_kernel
from warden.model.request import Effect, Request
from warden.policy import Match, Rule
from warden.policy.charter import CharterLayer
from warden.policy.subsume import hides, label_conflict


def rule(rule_id: str, **match: object) -> Rule:
    """A denying rule with this match."""
    return Rule(rule_id, Match(**match), Effect.DENY)  # type: ignore[arg-type]


def test_the_charter_asks_for_no_velocity_counts() -> None:
    """The charter's own rates are named counts that every request carries, so it asks for no others."""
    charter = charter_kernel().charter
    request = Request("job.warden.reply", "messaging.reply", "ops-warden", "agent")
    assert CharterLayer(charter, charter.limits).velocity_keys(request) == ()


def test_a_label_that_is_no_number_contradicts_no_threshold() -> None:
    """A label that must be a word and must pass a number is judged when it comes, not called impossible."""
    threshold = {"score": 3.0}
    assert label_conflict(Match(labels={"score": "high"}, label_threshold=threshold)) == ""
    assert label_conflict(Match(labels={"score": "4"}, label_threshold=threshold)) == ""
    assert "over 3" in label_conflict(Match(labels={"score": "2"}, label_threshold=threshold))


def test_the_same_glob_covers_itself_and_a_prefix_covers_what_is_longer() -> None:
    """A pattern hides its own copy and narrower patterns, and not wider ones."""
    for wide, narrow, covers in (
        ("job.[ab]*", "job.[ab]*", True),
        ("job.*", "job.warden.*", True),
        ("job.warden.*", "job.*", False),
        ("job.[ab]*", "job.c*", False),
    ):
        assert hides(rule("wide", topics=(wide,)), rule("narrow", topics=(narrow,))) is covers, (wide, narrow)
