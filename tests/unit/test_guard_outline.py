"""What makes the guard quick changes nothing of what it finds: each short cut against the plain way."""

from __future__ import annotations

import re
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warden.guard import GuardScanner, assignment, forms, prose, regions, scanner
from warden.guard.formats import Turn, all_rules, find_tokens, runs_of
from warden.guard.outline import long_runs, matches_at, matches_in_runs, outline_of, starts_of
from warden.guard.shape import _FOLLOWS, word_likeness
from warden.testing.guard_samples import draw

PIECES = (
    *(
        "a",
        "Zq7T",
        "0123456789abcdef",
        "ABCDEFGH",
        "23456",
        "é",
        "\u2003",
        "\u0130",
        "\ud800",
        "密码",
        "x-",
        "_",
        "=",
        "==",
    ),
    *(
        "+",
        "/",
        "~",
        ".",
        ":",
        "://",
        " ",
        "\n",
        "\r\n",
        "\t",
        '"',
        "'",
        "- ",
        "> ",
        "0x4f ",
        "\\x4f",
        "4f:",
        "4f, ",
        "1. ",
    ),
    *(
        "password",
        "PASS",
        "pwd=",
        "passcode is 123456",
        "--password x9",
        "-pwd=y8",
        "mysql -u a -pQ",
        "token",
        "the code ",
    ),
    *("a b c d e f g h", "a.b.c.d.e.f.g.h.", "-\nABCDEFGHIJKLMNOP", "mnemonic", "has", "hasło", "b l a"),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
RUNS = {
    "candidate": (assignment._CANDIDATE, assignment._MEMBERS, assignment.SHORTEST),
    "base64": (regions._BASE64, regions._BASE64_MEMBERS, regions.LEAST_RUN),
    "base32": (regions._BASE32, regions._BASE32_MEMBERS, regions.LEAST_RUN),
}
WORDS = {
    "root": (prose._ROOT, prose._ROOT_STARTS),
    "code": (prose._CODE_ROOT, prose._CODE_STARTS),
    "flag": (prose._FLAG, prose._FLAG_STARTS),
    "phrase": (prose._PHRASE, prose._PHRASE_STARTS),
} | {rule.rule_id: (rule.pattern, rule.keywords) for rule in all_rules() if rule.begins}


def spans(matches: object) -> list[tuple[int, int]]:
    """Return the spans of matches."""
    return [match.span() for match in matches]  # type: ignore[attr-defined]


@settings(max_examples=200)
@given(TEXTS)
def test_runs_lead_to_every_match(text: str) -> None:
    """Trying a pattern only where a run of its characters stands finds what trying it everywhere does."""
    for pattern, members, least in RUNS.values():
        compiled = re.compile(pattern)
        assert spans(matches_in_runs(compiled, text, outline_of(text), members, least)) == spans(
            compiled.finditer(text)
        )


@settings(max_examples=200)
@given(TEXTS)
def test_hexadecimal_runs_lead_to_every_match(text: str) -> None:
    """Hexadecimal digits are found inside runs of what either notation may hold, and nowhere else."""
    pattern = re.compile(regions._HEX)
    found = [
        span
        for start, end in long_runs(outline_of(text), regions._HEX_MEMBERS, regions.LEAST_RUN)
        for span in spans(pattern.finditer(text, start, end))
    ]
    assert found == spans(pattern.finditer(text))


@settings(max_examples=200)
@given(TEXTS)
def test_words_lead_to_every_match(text: str) -> None:
    """Trying a pattern only at the words it begins with covers each value that trying it everywhere does."""
    low = text.replace("\u0130", "i").lower()
    for name, (pattern, words) in WORDS.items():
        compiled = re.compile(pattern)
        group = "value" if "value" in compiled.groupindex else 0
        read = low if name in ("root", "code") else text
        quick = {match.span(group) for match in matches_at(compiled, read, starts_of(low, words))}
        assert quick == {match.span(group) for match in compiled.finditer(read)}, name


@settings(max_examples=200)
@given(TEXTS)
def test_forms_are_passed_over_only_when_they_change_nothing(text: str) -> None:
    """The tests before a rewriting never hide a text that it would change."""
    if not forms._may_be_spaced(text):
        assert re.compile(forms._SPACED).search(text) is None
    if re.compile(forms._WRAPPED_LINE).search(text) is None:
        assert re.compile(forms._WRAP).search(text) is None


@settings(max_examples=200)
@given(TEXTS)
def test_forms_know_where_they_came_from(text: str) -> None:
    """Every part of a form maps to a span inside its original, in order."""
    singles, chain = forms.text_forms(text)
    for derived in (*singles, *forms.prefix_forms(text)):
        ends = [derived.to_original(at, at + 1) for at in range(len(derived.text))]
        assert all(0 <= start <= end <= len(text) for start, end in ends)
        assert ends == sorted(ends)
        for at, (start, end) in enumerate(
            ends
        ):  # a longer part: from where its first character began to its last's end
            assert derived.to_original(0, at + 1) == (ends[0][0], end)
            assert derived.to_original(at, len(ends)) == (start, ends[-1][1])
    assert bool(singles) <= bool(chain)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABZ019-_ éß\u0130\ud800", max_size=60))
def test_likeness_is_that_of_its_definition(value: str) -> None:
    """Neighbouring letters count once each, by the table; other characters part them."""
    low = value.lower()
    pairs = [(a, b) for a, b in pairwise(low) if "a" <= a <= "z" and "a" <= b <= "z"]
    scores = [int(_FOLLOWS[ord(a) - 97][ord(b) - 97]) - 5 for a, b in pairs]
    assert word_likeness(value) == (sum(scores) / len(scores) if scores else 0.0)


@pytest.mark.parametrize("before", ["", "x-", "a.b&", "id ", "k=", "é"])
def test_a_prefix_is_seen_behind_any_sign(before: str) -> None:
    """A token is tried wherever a word begins, also right behind a short word and a sign, and read in any way."""
    token = draw("glpat-{v20}", Random(3))
    text = f"{before}{token} and more"
    assert any(f.kind == "gitlab_token" for f in find_tokens(text, runs_of(text)))
    for turn in (Turn.REVERSED, Turn.ROT13):
        turned = turn.of(f" {token} ")
        assert any(f.kind == "gitlab_token" for f in find_tokens(turned, runs_of(turned), turn=turn))


def test_many_ordinary_words_are_no_exceeded_bound() -> None:
    """Words that merely begin like a token's prefix do not count as places to try."""
    text = "\n".join(f"path = route_{n % 7} (patch, pattern)" for n in range(1_500))
    assert GuardScanner().scan(text) == ()


def test_a_text_is_recalled_only_as_itself() -> None:
    """What is remembered of a text is given for the same text, and memory stays bounded."""
    guard = GuardScanner()
    token = draw("ghp_{w36}", Random(5))
    first = guard.scan(f"see {token}")
    assert first
    assert guard.scan(f"see {token}") is first
    assert guard.scan(f"see {token[:-8]}") != first
    assert guard.scan("see \ud800") == guard.scan("see \ud800") == ()
    for number in range(3 * scanner.REMEMBERED):
        guard.scan(f"note {number}")
    assert len(guard._recent._young) + len(guard._recent._old) <= 2 * scanner.REMEMBERED
    assert guard.scan(f"see {token}") == first


def test_no_text_is_kept() -> None:
    """A scanner that remembers a text holds nothing of it."""
    guard = GuardScanner()
    token = draw("ghp_{w36}", Random(6))
    guard.scan(f"see {token}")
    assert token[4:12] not in repr(guard._recent._young)
