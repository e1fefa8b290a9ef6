"""Topic patterns: Go's path.Match, case by case."""

from __future__ import annotations

import pytest

from warden.policy.glob import compile_glob

MATCHES = [
    ("abc", "abc", True),
    ("*", "abc", True),
    ("*", "", True),
    ("*c", "abc", True),
    ("a*", "a", True),
    ("a*", "abc", True),
    ("a*", "ab/c", False),
    ("a*/b", "abc/b", True),
    ("a*/b", "a/c/b", False),
    ("a*b*c*d*e*", "axbxcxdxe", True),
    ("a*b*c*d*e*/f", "axbxcxdxexxx/f", True),
    ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
    ("a*b?c*x", "abxbbxdbxebxczzx", True),
    ("a*b?c*x", "abxbbxdbxebxczzy", False),
    ("ab[c]", "abc", True),
    ("ab[b-d]", "abc", True),
    ("ab[e-g]", "abc", False),
    ("ab[^c]", "abc", False),
    ("ab[^b-d]", "abc", False),
    ("ab[^e-g]", "abc", True),
    ("a\\*b", "a*b", True),
    ("a\\*b", "ab", False),
    ("a?b", "a☺b", True),
    ("a[^a]b", "a☺b", True),
    ("a???b", "a☺b", False),
    ("[a-ζ]*", "α", True),
    ("*[a-ζ]", "A", False),
    ("a?b", "a/b", False),
    ("a*b", "a/b", False),
    ("a[^x]b", "a/b", True),
    ("[\\]a]", "]", True),
    ("[\\-]", "-", True),
    ("[x\\-]", "x", True),
    ("[x\\-]", "-", True),
    ("[x\\-]", "z", False),
    ("[\\-x]", "a", False),
    ("[b-a]", "a", False),
    ("a]", "a]", True),
    ("*x", "xxx", True),
    ("job.*", "job.warden.reply", True),
    ("job.*.reply", "job.warden.reply", True),
    ("JOB.*", "job.a", False),
    ("*[^q]*b", "a/b", False),
    ("*[^q]*b", "job.a/b", False),
    ("**", "abc", True),
    ("**/b", "a/b", True),
]
BAD = [
    "",
    "  ",
    "[",
    "[a",
    "[]",
    "[]a]",
    "[-]",
    "[x-]",
    "[-x]",
    "[^",
    "[^]",
    "[a-b-c]",
    "[\\",
    "a\\",
    "[a-",
    "a[",
    "[x-\\",
]


@pytest.mark.parametrize(("pattern", "topic", "expected"), MATCHES)
def test_a_pattern_matches_as_in_go(pattern: str, topic: str, expected: bool) -> None:
    """A pattern matches a topic exactly when Go's path.Match says so, its leftmost choice after a star included."""
    assert compile_glob(pattern).matches(topic) is expected


@pytest.mark.parametrize("pattern", BAD)
def test_a_malformed_pattern_is_refused(pattern: str) -> None:
    """A pattern that Go calls malformed, or an empty one, is a ValueError when it is compiled."""
    with pytest.raises(ValueError, match=r"pattern|class"):
        compile_glob(pattern)


def test_a_pattern_is_trimmed_and_a_topic_is_not() -> None:
    """White space around a pattern does not count, white space in a topic does."""
    assert compile_glob(" job.a ").matches("job.a")
    assert not compile_glob("job.a").matches(" job.a")


def test_many_stars_cost_no_more_than_the_product_of_lengths() -> None:
    """A pattern made to backtrack is decided at all: trying every split would never end."""
    glob = compile_glob("*a" * 200 + "b")
    assert not glob.matches("a" * 20_000)


@pytest.mark.parametrize(
    ("pattern", "literal", "prefix"),
    [
        ("job.a", "job.a", "job.a"),
        ("job.*", None, "job."),
        ("*", None, ""),
        ("a\\*b", "a*b", "a*b"),
        ("[a]b", None, ""),
    ],
)
def test_a_pattern_knows_its_fixed_beginning(pattern: str, literal: str | None, prefix: str) -> None:
    """What a pattern stands for literally, and what each match begins with, is known for the index."""
    glob = compile_glob(pattern)
    assert (glob.literal, glob.prefix) == (literal, prefix)
