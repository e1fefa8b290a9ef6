"""Every rule finds its example, leaves its counter-example alone, and is written as the rules say."""

from __future__ import annotations

import re
from importlib import import_module
from random import Random
from typing import Any

import pytest

from warden.guard import GuardScanner
from warden.guard.catalogue import every_rule
from warden.guard.formats import all_rules
from warden.guard.rule import Rule, keywords_of, parse_template, pattern_of
from warden.testing.guard_samples import draw

RULES = every_rule()
SCANNER = GuardScanner()


def counter_example(rule: Rule) -> str:
    """Return the rule's counter-example; a token format's is its fixed parts with runs that are cut short."""
    if rule.counter_example:
        return draw(rule.counter_example, Random(3))
    return "".join(literal or "a" for literal, *_ in parse_template(rule.template))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule_id)
def test_finds_its_example(rule: Rule) -> None:
    """Each of several drawn examples of a rule is found, by that rule or one that covers the same place."""
    for seed in range(5):
        text = draw(rule.example, Random(seed))
        found = SCANNER.scan(f"see {text} there")
        assert found, rule.example
        own = GuardScanner(providers=frozenset({rule.provider})).scan(f"see {text} there")
        assert rule.kind in {finding.kind for finding in own}, rule.rule_id


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule_id)
def test_passes_its_counter_example(rule: Rule) -> None:
    """A text that only resembles the rule's format is not found."""
    assert SCANNER.scan(f"see {counter_example(rule)} there") == ()


def test_ids_are_unique() -> None:
    """A rule id names one rule."""
    ids = [rule.rule_id for rule in RULES]
    assert len(ids) == len(set(ids))


def test_kinds_are_plain_words() -> None:
    """Kinds can stand in a redaction mark, a metric and a manifest."""
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{1,40}", rule.kind) for rule in RULES)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.rule_id)
def test_a_keyword_is_in_every_example(rule: Rule) -> None:
    """A rule is tried only when a keyword is in the text, so each example must hold one."""
    text = draw(rule.example, Random(1)).lower()
    assert any(keyword in text for keyword in keywords_of(rule))


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.rule_id)
def test_patterns_have_no_runs_inside_unbounded_runs(rule: Rule) -> None:
    """No pattern repeats, without a bound, something that repeats: such patterns can take exponential time."""
    assert not nested_repeats(pattern_of(rule)), pattern_of(rule)


def nested_repeats(pattern: str) -> list[str]:
    """Return the repeats without a bound that stand inside another repeat of a variable count."""
    constants: Any = import_module("re._constants")
    parser: Any = import_module("re._parser")

    bad: list[str] = []

    def walk(items: Any, inside: bool) -> None:
        for operation, argument in items:
            if operation in (constants.MAX_REPEAT, constants.MIN_REPEAT):
                least, most, body = argument
                is_variable = most != least and most > 1
                if inside and most >= 4096:
                    bad.append(str(body))
                walk(body, inside or is_variable)
            elif operation is constants.SUBPATTERN:
                walk(argument[-1], inside)
            elif operation is constants.BRANCH:
                for branch in argument[1]:
                    walk(branch, inside)
            elif operation in (constants.POSSESSIVE_REPEAT,):
                walk(argument[2], False)
            elif operation in (constants.ASSERT, constants.ASSERT_NOT):
                walk(argument[1], inside)

    walk(parser.parse(pattern), False)
    return bad
