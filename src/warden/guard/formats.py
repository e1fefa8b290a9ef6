"""Looking for formats: which rules are worth trying on a text, and where they match.

What it does: keeps the rules under their keywords and compiles a pattern when its keyword first turns up. What it does
not: decode or normalise the text it is given.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from enum import Enum, auto
from functools import cache
from typing import NamedTuple

from warden.guard.outline import long_runs, matches_at, outline_of, starts_of
from warden.guard.redaction import UNSCANNABLE
from warden.guard.rotation import rotated
from warden.guard.rule import CLASSES, Rule, keywords_of, parse_template, pattern_of
from warden.guard.shape import entropy, is_random, is_stand_in, word_likeness
from warden.guard.structures import STRUCTURE_RULES
from warden.guard.tokens import token_rules
from warden.model.finding import Finding

SHORTEST_RUN = 14
LONGEST_SPLIT = 1_500
SHORT_SPLIT = 240
FIRST_GAP = 300
MOST_SPLITS = 400
OPENING = 3
_SCOPE = r"(?:/|%2[Ff])20\d{6}(?:/|%2[Ff])"  # after a key id in the scope of a signature, where it is an id
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_NO_RUN = frozenset("\"'`<>()").union(filter(str.isspace, map(chr, range(256))))
_GAP_SIGNS = " \t\r\n-*•>#|.)0123456789"
_VALUE_MEMBERS = _LETTERS + _LETTERS.upper() + "._-"


class Turn(Enum):
    """How a text is read: as it is, from its end, or with its letters turned by thirteen places."""

    NONE = auto()
    REVERSED = auto()
    ROT13 = auto()

    def of(self, text: str) -> str:
        """Return `text` read this way."""
        if self is Turn.REVERSED:
            return text[::-1]
        return rotated(text) if self is Turn.ROT13 else text


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
def _prefix_in(rule: Rule, turn: Turn) -> bytes:
    """Return what that prefix looks like in a text that must be read in the way of `turn`."""
    return turn.of(_prefix(rule)).encode()


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


class Runs(NamedTuple):
    """What a look for token formats needs to know of a text before it tries one."""

    joined: bytes
    words: frozenset[bytes]


class _Index(NamedTuple):
    """Rules by what must be in a text for them to match: a word, the first letters of a word, or a keyword anywhere."""

    by_word: dict[bytes, tuple[Rule, ...]]
    by_opening: dict[bytes, tuple[Rule, ...]]
    by_keyword: dict[bytes, tuple[Rule, ...]]


@cache
def _token_index(turn: Turn) -> _Index:
    """Return the token formats under what their prefix looks like in a text that must be read in the way of `turn`.

    Of the words that the prefix ends, the longest is the rarest.
    """
    index = _Index({}, {}, {})
    for rule in filter(lambda rule: rule.template, all_rules()):
        prefix = _prefix(rule)
        *whole, last = _compiled("[^a-z0-9]+").split(prefix)
        if any(whole):
            _put(index.by_word, turn.of(max(whole, key=len)).encode(), rule)
        elif len(last) >= OPENING and last == prefix:
            _put(index.by_opening, turn.of(last[:OPENING]).encode(), rule)
        else:
            _put(index.by_keyword, turn.of(prefix or keywords_of(rule)[0]).encode(), rule)
    return index


def _put(index: dict[bytes, tuple[Rule, ...]], key: bytes, rule: Rule) -> None:
    index[key] = (*index.get(key, ()), rule)


@cache
def _structure_index() -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    index: dict[str, list[Rule]] = {}
    for rule in all_rules():
        if not rule.template:
            for keyword in keywords_of(rule):
                index.setdefault(keyword, []).append(rule)
    return tuple((k, tuple(v)) for k, v in index.items())


def runs_of(text: str) -> Runs:
    """Return the long runs of `text` in which a token may stand, with spaces between; ordinary prose has few."""
    parts = outline_of(text).translate(_runs_table()).split()
    joined = b" ".join([part for part in parts if len(part) >= SHORTEST_RUN]).lower()
    return Runs(joined, _words_of(joined))


def _words_of(low: bytes) -> frozenset[bytes]:
    """Return the runs of ASCII letters and digits of the outline of a lower-case text."""
    return frozenset(low.translate(_words_table()).split())


@cache
def _runs_table() -> bytes:
    return bytes(32 if chr(byte) in _NO_RUN else byte for byte in range(256))


@cache
def _words_table() -> bytes:
    kept = _LETTERS.encode()
    return bytes(byte if byte in kept else 32 for byte in range(256))


def find_tokens(
    text: str, runs: Runs, providers: frozenset[str] | None = None, turn: Turn = Turn.NONE
) -> Iterator[Finding]:
    """Yield a finding for each token in `text` read in the way of `turn`; `runs` are those of `text` as it stands.

    A format is tried when a word of a run begins like it. `providers` limits the rules, for measuring. Places are those
    of the text that was read.
    """
    rules = [rule for rule in _worth_trying(runs, turn) if _is_wanted(rule, providers)]
    read = turn.of(text) if rules else text
    for rule in rules:
        yield from _tokens_of(read, rule)


def _worth_trying(runs: Runs, turn: Turn) -> Iterator[Rule]:
    if not runs.words:
        return
    index = _token_index(turn)
    for rule in _begun(index, runs.words, turn):
        if _prefix_in(rule, turn) in runs.joined:
            yield rule
    for keyword, rules in index.by_keyword.items():
        if keyword in runs.joined:
            yield from rules


def _begun(index: _Index, words: frozenset[bytes], turn: Turn) -> Iterator[Rule]:
    """Yield the rules one of `words` may be the beginning of, always in the same order."""
    openings = {w[-OPENING:] for w in words} if turn is Turn.REVERSED else {w[:OPENING] for w in words}
    for key in sorted(index.by_word.keys() & words):
        yield from index.by_word[key]
    for key in sorted(index.by_opening.keys() & openings):
        yield from index.by_opening[key]


def _tokens_of(text: str, rule: Rule) -> Iterator[Finding]:
    """Yield what the rule matches: where its literal beginning stands, or anywhere when it begins with a run."""
    literal = rule.template.split("{", 1)[0]
    pattern = _pattern(rule)
    if not literal:
        yield from _found(text, rule, pattern.finditer(text))
        return
    at = text.find(literal)
    while at >= 0:
        match = pattern.match(text, at)
        if match and not _compiled(_SCOPE).match(text, match.end()):
            yield Finding(rule.kind, at, match.end(), rule.rule_id)
        at = text.find(literal, match.end() if match else at + 1)


def find_structures(text: str, providers: frozenset[str] | None = None) -> Iterator[Finding]:
    """Yield a finding for each structure in `text` one of whose keywords is there."""
    low = text.replace("\u0130", "i").lower()  # as long as `text`
    tried: set[str] = set()
    for keyword, rules in _structure_index():
        if keyword in low:
            for rule in rules:
                if rule.rule_id not in tried and _is_wanted(rule, providers) and _is_near(low, rule):
                    tried.add(rule.rule_id)
                    yield from _found(text, rule, _matches(text, low, rule))


def _is_near(low: str, rule: Rule) -> bool:
    """Return whether a lower-case text has what a rule with everyday keywords asks for besides them."""
    return not rule.near or _compiled(rule.near).search(low) is not None


def _is_wanted(rule: Rule, providers: frozenset[str] | None) -> bool:
    return providers is None or rule.provider in providers


def _matches(text: str, low: str, rule: Rule) -> Iterator[re.Match[str]]:
    """Yield what the rule's pattern matches: in long runs, at its keywords, or anywhere."""
    pattern = _pattern(rule)
    if rule.run:
        runs = long_runs(outline_of(text), _VALUE_MEMBERS, rule.run)
        return (match for start, end in runs for match in pattern.finditer(text, start, end))
    return matches_at(pattern, text, starts_of(low, rule.keywords)) if rule.begins else pattern.finditer(text)


def _found(text: str, rule: Rule, matches: Iterator[re.Match[str]]) -> Iterator[Finding]:
    """Yield a finding for each match whose value passes the rule's check."""
    for match in matches:
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


def _is_written(value: str) -> bool:
    """Return whether `value` is written like a password: letters with digits, and a sign or a capital inside."""
    has_letters = any(c.isalpha() for c in value) and any(c.isdigit() for c in value)
    return has_letters and (any(not c.isalnum() and c not in "-_." for c in value) or value[1:] != value[1:].lower())


_CHECKS: dict[str, Callable[[str], bool]] = {
    "drawn": _is_drawn,
    "basic": _is_basic,
    "password": _is_chosen,
    "written": _is_written,
}


def find_split(text: str, squeeze: re.Pattern[str]) -> Iterator[Finding]:
    """Yield a finding for each token whose prefix is whole in `text` and whose rest goes on after gaps.

    From the prefix on, gaps (what `squeeze` matches) are left out; words would join as well, so the rest must look
    drawn at random. More than `MOST_SPLITS` places to try in one text are a finding themselves.
    """
    low = text.lower()
    tried = 0
    for rule in _begun(_token_index(Turn.NONE), _words_of(outline_of(low)), Turn.NONE):
        at = low.find(_prefix(rule))
        while at >= 0:
            if _has_gap(text, at, squeeze) and _may_go_on(text, at, rule, squeeze):
                tried += 1
                if tried > MOST_SPLITS:
                    yield Finding(UNSCANNABLE, 0, len(text), "bound-exceeded")
                    return
                yield from _match_split(text, at, rule, squeeze)
            at = low.find(_prefix(rule), at + 1)


@cache
def _beginning(rule: Rule) -> re.Pattern[str]:
    """Return a pattern of what the rule's tokens begin with: the prefix, then its first run up to the first gap."""
    pieces = parse_template(rule.template)
    (literal, *_), (_, letter, least, _) = pieces[0], pieces[1]
    run = f"[{CLASSES[letter]}]"
    return re.compile(rf"{re.escape(literal)}(?:{run}{{{least}}}|{run}*+(?=[-\r\n\s\"'`,+&\\()\[\]|<>]))")


@cache
def _part(rule: Rule) -> re.Pattern[str]:
    """Return a pattern of one of the rule's tokens, or of the beginning of one at the end of a text."""
    pattern = ""
    for literal, letter, least, most in reversed(parse_template(rule.template)):
        if letter:
            run = f"[{CLASSES[letter]}]"
            pattern = rf"(?:{run}{{{least},{most}}}{pattern}|{run}{{0,{most}}}\Z)"
        for char in reversed(literal):
            pattern = rf"(?:\Z|{re.escape(char)}{pattern})"
    return re.compile(pattern)


def _may_go_on(text: str, at: int, rule: Rule, squeeze: re.Pattern[str]) -> bool:
    """Return whether the next few characters, gaps left out, may be the beginning of a token; not cut inside a gap."""
    part = text[at : at + SHORT_SPLIT].rstrip(_GAP_SIGNS)
    return bool(_beginning(rule).match(text, at) and _part(rule).match(squeeze.sub("", part)))


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
