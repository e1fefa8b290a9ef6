"""What is looked at again, what is left out of a second look, and how far round a value one looks."""

from __future__ import annotations

import base64
from random import Random

import pytest

from warden.guard import GuardScanner, clean
from warden.guard.assignment import LEFT_REACH, LOOK_AHEAD
from warden.guard.bare import RULE_BARE
from warden.guard.look import OVERLAP
from warden.guard.mapping import changed_part
from warden.testing.guard_samples import draw

TOKEN = draw("ghp_{w36}", Random(5))
BARE = draw("{w36}", Random(8))
WORDS = "we met at noon and spoke of the garden and what to plant in spring\n"


def found(text: str) -> list[tuple[str, int, int]]:
    """Return what a scanner that remembers nothing finds in `text`."""
    return [(f.kind, f.start, f.end) for f in GuardScanner().scan(text)]


def bare(text: str) -> bool:
    """Return whether a bare value is found in `text`."""
    return any(f.rule_id == RULE_BARE for f in GuardScanner().scan(text))


def test_same_encoded_value_is_found_in_each_of_its_places() -> None:
    """Seven copies of one base64 part are seven findings, and taking them out leaves the rest of the text."""
    part = base64.b64encode(f"the key is {TOKEN} as said".encode()).decode()
    text = "\n\n".join(f"item {number}: {part}" for number in range(7))
    assert [kind for kind, *_ in found(text)] == ["github_token"] * 7
    cleaned = clean(GuardScanner(), text).text
    assert cleaned == "\n\n".join(f"item {number}: [redacted:github_token]" for number in range(7))


def test_copy_that_only_a_form_shows_is_found_too() -> None:
    """A part that was decoded once is found where percent signs break up its second copy."""
    part = base64.b64encode(f"the key is {TOKEN} as said".encode()).decode()
    broken = part[:20] + "%" + format(ord(part[20]), "x") + part[21:]
    text = f"first {part} and then\n\nsecond {broken} so"
    assert {part, broken} <= {text[start:end] for _, start, end in found(text)}


@pytest.mark.parametrize("place", [0, 9, 30_000, 59_990])
def test_value_that_one_escape_hides_in_a_long_text_is_found_in_its_place(place: int) -> None:
    """Only what differs from a text before it is looked at again, and what stands there is placed as in the whole."""
    lines = (WORDS * 1000)[:60_000]
    hidden = f' "gh\\u0070{TOKEN[3:]}" '
    text = lines[:place] + hidden + lines[place:]
    assert found(text) == [("github_token", place + 2, place + len(hidden) - 2)]


def test_two_escapes_far_apart_are_both_undone() -> None:
    """What differs at both ends of a long text is looked at from one end to the other."""
    hidden = f' "gh\\u0070{TOKEN[3:]}" '
    text = hidden + (WORDS * 1000)[:55_000] + hidden
    assert [(start, end) for _, start, end in found(text)] == [
        (2, len(hidden) - 2),
        (len(text) - len(hidden) + 2, len(text) - 2),
    ]


@pytest.mark.parametrize("size", [6_000, 12_000])
def test_key_block_that_is_longer_than_what_is_looked_at_again_is_found_whole(size: int) -> None:
    """A finding that would be cut is looked at in the whole text."""
    body = draw(f"{{b{size}}}", Random(3))
    block = f"-----BEGIN PRIVATE \\u004bEY-----\n{body}\n-----END PRIVATE KEY-----"
    text = (WORDS * 400)[:25_000] + "\n" + block + "\n" + (WORDS * 400)[:25_000]
    start = text.index("-----BEGIN")
    places = [(first, last) for kind, first, last in found(text) if kind == "private_key"]
    assert (start, start + len(block)) in places


def test_changed_part_is_what_differs_from_the_text_most_like_it() -> None:
    """The part reaches as far round the difference as was asked, not beyond the text; nothing else is chosen."""
    before = "".join(str(number) + " " for number in range(2_000))
    after = before[:4_000] + "X" + before[4_001:]
    assert changed_part(after, [before], 10) == (3_990, 4_011)
    assert changed_part(after, ["else", before, "X" * 50], 10) == (3_990, 4_011)
    assert changed_part("X" + before, [before], 10) == (0, 11)
    assert changed_part(before[1:], [before], 10) == (0, 10)
    assert changed_part(before + "X", [before], 10) == (len(before) - 10, len(before) + 1)
    assert changed_part(before, [before], 10) == (len(before) - 10, len(before))


def test_short_texts_are_always_looked_at_whole() -> None:
    """The part that differs is only told from the rest in texts of more than four times the reach."""
    assert changed_part("a" * 20 + "b" * 20, ["a" * 20 + "c" + "b" * 20], 10) == (0, 40)
    assert changed_part("a" * 20 + "b" * 21, ["a" * 20 + "c" + "b" * 21], 10) == (10, 30)
    assert changed_part("a" * 100, [], 10) == (0, 100)


def test_reach_of_a_second_look_is_what_windows_share() -> None:
    """A token at the very end of the part that is looked at again is no finding of that part."""
    lines = (WORDS * 1000)[:60_000]
    text = lines[:20_000] + " \\u0041 " + lines[20_000 : 20_000 + OVERLAP - 20] + f" {TOKEN} " + lines[30_000:]
    assert [text[start:end] for _, start, end in found(text)] == [TOKEN]


def line_with(word: str, distance: int) -> str:
    """Return a line with `word` so far before a bare value that its last letter is the last one looked at, at 0."""
    filling = ("so we went on and on " * 40)[: LEFT_REACH - distance - 1]
    return f"Hello there,\n\n{'we were here ' * 9}{word}{filling} {BARE} and went home again\n\nBest\nAna"


def test_word_before_a_bare_value_counts_as_far_as_one_looks() -> None:
    """The name of an identifier clears a value on its line, up to the reach and not beyond."""
    assert bare(line_with("hello", 60))
    assert not bare(line_with(" commit ", 60))
    assert not bare(line_with(" commit ", 8))
    assert bare(line_with(" commit ", -8))


def test_word_after_a_bare_value_counts_as_far_as_one_looks() -> None:
    """What stands on the line behind a value clears it as well, up to the reach and not beyond."""
    for distance, is_found in ((10, False), (LOOK_AHEAD - 10, False), (LOOK_AHEAD + 10, True)):
        filling = ("so we went on and on " * 40)[:distance]
        assert bare(f"Hello there,\n\nit is {BARE} {filling} commit\n\nBest\nAna") is is_found


def test_field_is_named_at_the_beginning_of_a_line_only() -> None:
    """A word and a colon in the middle of a long line name no field, wherever the line is cut."""
    for size in range(LEFT_REACH - 40, LEFT_REACH + 40):
        middle = ("so we went on and on " * 40)[:size]
        assert bare(f"Hello,\n\nit was here and there: {middle} {BARE} ok\n\nBest\nAna"), size
    assert not bare(f"Hello,\n\nnotes: {'so we went on ' * 4} {BARE} ok\n\nBest\nAna")


def test_value_in_a_desert_of_blanks_is_still_handed_over() -> None:
    """Only a text that is nothing but the value is an identifier; blanks all round within reach do not make it one."""
    blanks = " " * (LEFT_REACH + LOOK_AHEAD)
    assert bare(f"take this\n{blanks}{BARE}{blanks}\nthank you")
    assert not bare(f"{blanks}{BARE}{blanks}")
    assert not bare(BARE)
