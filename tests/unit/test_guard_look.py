"""What is looked at again, what is left out of a second look, and how far round a value one looks."""

from __future__ import annotations

import base64
import re
from random import Random

import pytest

from warden.guard import GuardScanner, clean
from warden.guard.assignment import LEFT_REACH, LOOK_AHEAD
from warden.guard.bare import RULE_BARE
from warden.guard.look import MARGIN, REACH
from warden.guard.mapping import Derived, parts_round, rewrite
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


def form_of(text: str, pattern: str, new: str) -> Derived:
    """Return `text` with all that matches `pattern` replaced by `new`."""
    made = rewrite("form", text, re.compile(pattern), lambda match: new)
    assert made is not None
    return made


def test_changes_of_a_form_are_where_it_differs() -> None:
    """What was put in is a span of the form, what was left out an empty one."""
    assert form_of("ab#cd##e", "#", "XYZ").changes() == [(2, 5), (7, 10), (10, 13)]
    assert form_of("ab#cd##e", "#+", "").changes() == [(2, 2), (4, 4)]
    assert form_of("#ab", "#", "").changes() == [(0, 0)]
    assert form_of("ab#", "#", "").changes() == [(2, 2)]


def test_earlier_changes_move_with_the_text() -> None:
    """A place that a form before changed is where its text stands now, in order with the changes of this form."""
    first = form_of("one#two three%four", "#", "++")
    second = form_of(first.text, "%", "")
    assert second.text == "one++two threefour"
    assert second.changes(first.changes()) == [(3, 5), (14, 14)]
    third = form_of(first.text, "n", "NN")
    assert third.changes(first.changes()) == [(1, 3), (4, 6)]


def test_earlier_change_inside_a_new_one_is_part_of_it() -> None:
    """A span that begins in the middle of what was replaced is where the replacement begins."""
    assert form_of("ab%41cd", "%41", "A").changes([(3, 4)]) == [(2, 2), (2, 3)]


def test_parts_reach_as_far_round_the_changes_as_was_asked() -> None:
    """Parts that meet are one, none goes beyond the text, and words at their ends are whole."""
    assert parts_round("x" * 10_000, lambda: [(5_000, 5_001)], 10) == [(0, 10_000)]  # one word
    lines = "\n".join(["x" * 9] * 100)
    assert parts_round(lines, lambda: [(200, 201)], 10) == [(189, 219)]
    assert parts_round(lines, lambda: [(200, 201), (215, 215)], 10) == [(189, 229)]
    assert parts_round(lines, lambda: [(200, 201), (500, 500)], 10) == [(189, 219), (489, 519)]
    assert parts_round(lines, lambda: [(0, 0), (998, 999)], 10) == [(0, 19), (979, 999)]
    assert parts_round(lines, list, 10) == []


def test_parts_that_are_most_of_a_text_are_the_whole_of_it() -> None:
    """Three quarters are most, and a text of no more than twice the reach is always looked at whole."""
    lines = "\n".join(["x" * 9] * 100)
    assert parts_round(lines, lambda: [(300, 1_000)], 10) == [(289, 999)]
    assert parts_round(lines, lambda: [(220, 1_000)], 10) == [(0, 999)]
    assert parts_round(lines[:20], lambda: [(0, 0)], 10) == [(0, 20)]
    assert parts_round(lines[:50], lambda: [(0, 0)], 10) == [(0, 19)]


def test_values_in_the_margins_are_left_to_the_look_before() -> None:
    """A value far from what was changed is not judged by a name that is cut off there."""
    field = '"commit": "' + draw("{w40}", Random(6)) + '"'
    for distance in range(MARGIN // 2, REACH + 200, 7):
        filling = (WORDS * 100)[:distance]
        text = (WORDS * 100)[:6_000] + field + filling + "\\u0041" + filling + field + (WORDS * 100)[:6_000]
        assert found(text) == [], distance


def test_id_that_clears_a_value_may_stand_anywhere() -> None:
    """A value that is an id elsewhere in the text passes in a form too, however far from what was changed."""
    value = draw("{x32}", Random(9))
    text = (
        f'{{"cart_id": "{value}", "note": "{(WORDS * 200)[:9_000]}", "item": "\\u0041", "token": "{value}"}}'.replace(
            "\n", " "
        )
    )
    assert found(text) == []
    assert found(text.replace("cart_id", "cart_no", 1).replace(value, value[::-1], 1)) != []


def test_secret_id_twice_in_a_text_is_no_id() -> None:
    """What only sounds like an id in one place does not clear itself in another."""
    value = draw("{uuid}", Random(9))
    assert len(found(f"role_id: x\nsecret_id: {value}\n\nas said, secret_id: {value}\n")) == 2


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
