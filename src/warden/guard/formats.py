"""Looking for formats: which rules are worth trying on a text, and where they match.

What it does: keeps the rules under their keywords and compiles a pattern when its keyword first turns up. What it does
not: decode or normalise the text it is given.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from warden.guard.rule import Rule, keywords_of, pattern_of
from warden.guard.shape import entropy, is_random, is_stand_in, word_likeness
from warden.guard.structures import STRUCTURE_RULES
from warden.guard.tokens import token_rules
from warden.model.finding import Finding

SHORTEST_RUN = 14
LONGEST_SPLIT = 6_000
OPENING = 3
_RUN = r"[^\s\"'`<>()]{14,}"
_WORD_OPENING = r"(?<![a-z0-9])[a-z0-9]\S\S"


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return every rule with a pattern, token formats first."""
    return (*token_rules(), *STRUCTURE_RULES)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


class _Index(NamedTuple):
    """Rules by what must be in a text for them to match: the first letters of a word, or a keyword anywhere."""

    by_opening: dict[str, tuple[Rule, ...]]
    by_keyword: tuple[tuple[str, tuple[Rule, ...]], ...]


@cache
def _token_index() -> _Index:
    openings: dict[str, list[Rule]] = {}
    keywords: dict[str, list[Rule]] = {}
    for rule in all_rules():
        if not rule.template:
            continue
        opening = rule.template[:OPENING].lower()
        if "{" in opening:
            keywords.setdefault(keywords_of(rule)[0], []).append(rule)
        else:
            openings.setdefault(opening, []).append(rule)
    return _Index({k: tuple(v) for k, v in openings.items()}, tuple((k, tuple(v)) for k, v in keywords.items()))


@cache
def _structure_index() -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    index: dict[str, list[Rule]] = {}
    for rule in all_rules():
        if not rule.template:
            for keyword in keywords_of(rule):
                index.setdefault(keyword, []).append(rule)
    return tuple((k, tuple(v)) for k, v in index.items())


def find_formats(text: str, providers: frozenset[str] | None = None, is_prefix_only: bool = False) -> Iterator[Finding]:
    """Yield a finding for each match of a rule that is worth trying on `text`.

    A token format without gaps is tried when a run of `SHORTEST_RUN` characters or more holds a word with its first
    letters; ordinary prose has few such runs. `providers` limits the rules, for measuring.
    """
    tried: set[str] = set()
    for rule in _worth_trying(text, is_prefix_only):
        if rule.rule_id not in tried and (providers is None or rule.provider in providers):
            tried.add(rule.rule_id)
            yield from _match(text, rule)


def _worth_trying(text: str, is_prefix_only: bool) -> Iterator[Rule]:
    runs = " ".join(_compiled(_RUN).findall(text)).lower()
    if runs:
        index = _token_index()
        for opening in index.by_opening.keys() & set(_compiled(_WORD_OPENING).findall(runs)):
            yield from index.by_opening[opening]
        for keyword, rules in index.by_keyword:
            if keyword in runs:
                yield from rules
    if not is_prefix_only:
        low = text.lower()
        for keyword, rules in _structure_index():
            if keyword in low:
                yield from rules


def _match(text: str, rule: Rule) -> Iterator[Finding]:
    for match in _compiled(pattern_of(rule)).finditer(text):
        group: str | int = "value" if "value" in match.re.groupindex else 0
        value = match.group(group)
        if group and (is_stand_in(value) or (rule.check and not _CHECKS[rule.check](value))):
            continue
        yield Finding(rule.kind, match.start(group), match.end(group), rule.rule_id)


def _is_drawn(value: str) -> bool:
    """Return whether `value` is anything but words."""
    return any(c.isdigit() for c in value) or is_random(value)


def _is_basic(value: str) -> bool:
    """Return whether `value` is the base64 of `user:password` (RFC 7617), or at least looks drawn at random."""
    try:
        plain = binascii.a2b_base64(value + "=" * (-len(value) % 4))
    except binascii.Error:
        return False
    return (b":" in plain and plain.isascii()) or is_random(value)


def _is_chosen(value: str) -> bool:
    """Return whether `value` may be somebody's password rather than the word for one."""
    return value.lower() not in _WORDS_FOR_PASSWORD


_WORDS_FOR_PASSWORD = frozenset(
    [
        "pass",
        "passwd",
        "password",
        "pwd",
        "secret",
        "token",
        "user",
        "username",
        "port",
        "path",
        "key",
        "string",
        "xxx",
        "changeme",
    ]
)
_CHECKS: dict[str, Callable[[str], bool]] = {"drawn": _is_drawn, "basic": _is_basic, "password": _is_chosen}


def find_split(text: str, squeeze: re.Pattern[str]) -> Iterator[Finding]:
    """Yield a finding for each token whose prefix is whole in `text` and whose rest goes on after gaps.

    From the prefix on, gaps (what `squeeze` matches) are left out; words would join as well, so the rest must look
    drawn at random.
    """
    index = _token_index().by_opening
    low = text.lower()
    for opening in index.keys() & set(_compiled(_WORD_OPENING).findall(low)):
        for rule in index[opening]:
            keyword = keywords_of(rule)[0]
            at = low.find(keyword) if rule.template.lower().startswith(keyword) else -1
            while at >= 0:
                yield from _match_split(text, at, rule, squeeze)
                at = low.find(keyword, at + 1)


def _match_split(text: str, at: int, rule: Rule, squeeze: re.Pattern[str]) -> Iterator[Finding]:
    if at and text[at - 1].isalnum():
        return
    part = text[at : at + LONGEST_SPLIT]
    gap = squeeze.search(part)
    if gap is None:
        return
    body = squeeze.sub("", part)
    match = _compiled(pattern_of(rule).rsplit("(?!", 1)[0]).match(body)
    if match is None:
        return
    rest = match.group()[len(keywords_of(rule)[0]) :]
    if entropy(rest) < 3.0 or word_likeness(rest) > 0.5 or not any(c.isdigit() for c in rest):
        return
    yield Finding(rule.kind, at, at + _raw_length(part, squeeze, match.end()), rule.rule_id, "split")


def _raw_length(part: str, squeeze: re.Pattern[str], kept: int) -> int:
    """Return how much of `part` holds `kept` characters outside of gaps."""
    at = 0
    for gap in squeeze.finditer(part):
        if gap.start() - at >= kept:
            break
        kept -= gap.start() - at
        at = gap.end()
    return at + kept
