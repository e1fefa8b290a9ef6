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

from warden.guard.redaction import UNSCANNABLE
from warden.guard.rule import Rule, keywords_of, pattern_of
from warden.guard.shape import entropy, is_random, is_stand_in, word_likeness
from warden.guard.structures import STRUCTURE_RULES
from warden.guard.tokens import token_rules
from warden.model.finding import Finding

SHORTEST_RUN = 14
LONGEST_SPLIT = 1_500
FIRST_GAP = 300
MOST_SPLITS = 400
OPENING = 3
_RUN = r"[^\s\"'`<>()]{14,}"
_SCOPE = r"(?:/|%2[Ff])20\d{6}(?:/|%2[Ff])"  # after a key id in the scope of a signature, where it is an id
_WORD_OPENING = r"(?<![a-z0-9])[a-z0-9]\S\S"


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return every rule with a pattern, token formats first."""
    return (*token_rules(), *STRUCTURE_RULES)


@cache
def _pattern(rule: Rule) -> re.Pattern[str]:
    return re.compile(pattern_of(rule))


@cache
def _open_ended(rule: Rule) -> re.Pattern[str]:
    """Return the rule's pattern without its right edge: when gaps are left out, the next word follows at once."""
    return re.compile(pattern_of(rule).rsplit("(?!", 1)[0])


@cache
def _prefix(rule: Rule) -> str:
    """Return what every token of the rule begins with, lower case; empty when it begins with a run."""
    return rule.template.split("{", 1)[0].lower()


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


def runs_of(text: str) -> str:
    """Return the long runs of `text` in which a token may stand, with spaces between; ordinary prose has few."""
    return " ".join(_compiled(_RUN).findall(text)).lower()


def find_tokens(text: str, runs: str, providers: frozenset[str] | None = None) -> Iterator[Finding]:
    """Yield a finding for each token in `text`, whose long runs are `runs` (`runs_of`, or the same done to it).

    A format is tried when a word of a run begins like it. `providers` limits the rules, for measuring.
    """
    index = _token_index()
    for opening in index.by_opening.keys() & set(_compiled(_WORD_OPENING).findall(runs)):
        for rule in index.by_opening[opening]:
            if _prefix(rule) in runs and _is_wanted(rule, providers):
                yield from _match(text, rule)
    for keyword, rules in index.by_keyword:
        if keyword in runs:
            for rule in rules:
                if _is_wanted(rule, providers):
                    yield from _match(text, rule)


def find_structures(text: str, providers: frozenset[str] | None = None) -> Iterator[Finding]:
    """Yield a finding for each structure in `text` one of whose keywords is there."""
    low = text.lower()
    tried: set[str] = set()
    for keyword, rules in _structure_index():
        if keyword in low:
            for rule in rules:
                if rule.rule_id not in tried and _is_wanted(rule, providers):
                    tried.add(rule.rule_id)
                    yield from _match(text, rule)


def _is_wanted(rule: Rule, providers: frozenset[str] | None) -> bool:
    return providers is None or rule.provider in providers


def _match(text: str, rule: Rule) -> Iterator[Finding]:
    for match in _pattern(rule).finditer(text):
        group: str | int = "value" if "value" in match.re.groupindex else 0
        value = match.group(group)
        if group and (is_stand_in(value) or (rule.check and not _CHECKS[rule.check](value))):
            continue
        if _compiled(_SCOPE).match(text, match.end(group)):
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
    drawn at random. More than `MOST_SPLITS` places to try in one text are a finding themselves.
    """
    index = _token_index().by_opening
    low = text.lower()
    tried = 0
    for opening in index.keys() & set(_compiled(_WORD_OPENING).findall(low)):
        for rule in index[opening]:
            at = low.find(_prefix(rule))
            while at >= 0:
                if _has_gap(text, at, squeeze):
                    tried += 1
                    if tried > MOST_SPLITS:
                        yield Finding(UNSCANNABLE, 0, len(text), "bound-exceeded")
                        return
                    yield from _match_split(text, at, rule, squeeze)
                at = low.find(_prefix(rule), at + 1)


def _has_gap(text: str, at: int, squeeze: re.Pattern[str]) -> bool:
    return not (at and text[at - 1].isalnum()) and squeeze.search(text, at, at + FIRST_GAP) is not None


def _match_split(text: str, at: int, rule: Rule, squeeze: re.Pattern[str]) -> Iterator[Finding]:
    part = text[at : at + LONGEST_SPLIT]
    match = _open_ended(rule).match(squeeze.sub("", part))
    if match is None:
        return
    rest = match.group()[len(_prefix(rule)) :]
    if entropy(rest) < 3.0 or word_likeness(rest) > 0.5 or not any(c.isdigit() for c in rest):
        return
    end = at + _raw_length(part, squeeze, match.end())
    if not _compiled(_SCOPE).match(text, end):
        yield Finding(rule.kind, at, end, rule.rule_id, "split")


def _raw_length(part: str, squeeze: re.Pattern[str], kept: int) -> int:
    """Return how much of `part` holds `kept` characters outside of gaps."""
    at = 0
    for gap in squeeze.finditer(part):
        if gap.start() - at >= kept:
            break
        kept -= gap.start() - at
        at = gap.end()
    return at + kept
