"""Texts that are made to be slow: the work stays in proportion to the size."""

from __future__ import annotations

import sys

import pytest

from warden.guard import GuardScanner

SCANNER = GuardScanner()
PIECES = (
    *(
        "a",
        "A1b2",
        "=",
        "==",
        "%41",
        "&#65;",
        "&amp;",
        "\\",
        "\\u0041",
        "-\n",
        "\n- ",
        '"',
        '"+"',
        "a b ",
        "a.b.",
        "://",
    ),
    *(
        "http://a:",
        "password ",
        "password: ",
        "password for x ",
        'token = "',
        "key: ",
        "bearer ",
        "authorization: bearer ",
    ),
    *(
        "cookie: a=b; ",
        "eyJ",
        "eyJaaaaaaaaaaaa.eyJ",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----\nA\n",
        "Private-Lines: 1\n",
    ),
    *(
        "machine a login b ",
        "?sv=1&sig=",
        "aws secret ",
        "server=a;b;",
        "seed phrase apple ",
        "code is ",
        "123456 is your ",
    ),
    *(
        "sk-",
        "sk-ant-",
        "ghp_ ",
        "dp.st.",
        "\u200b",
        "\ud800",
        "а",
        "\U000e0041",
        "<a>",
        "[",
        "0x41 ",
        "41:",
        "QUJD\n",
        "_",
    ),
    *(
        "~",
        "| a ",
        "a:bbbbbbbb",
        "-u a:b ",
        "\x00",
        "| a |\n",
        "a,b\n",
        "x - ",
        "<b><i>",
        "key: >-\n",
        "echo a | ",
        "7z -p",
        "as the ",
        " (api key) ",
        "---\n",
        "const ",
        "xxxx ",
    ),
)


def steps_of(text: str) -> int:
    """Return how many lines of Python a look at `text` runs: a measure of work that does not depend on the machine."""
    count = 0

    def trace(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += 1
        return trace

    scanner = GuardScanner()  # one that remembers no text
    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        found = scanner.scan(text)
    finally:
        sys.settrace(before)
    assert all(f.rule_id != "guard-error" for f in found)
    return count


@pytest.mark.parametrize("piece", PIECES)
def test_work_grows_with_size_only(piece: str) -> None:
    """Four times the text is at most about four times the work, and nothing goes wrong inside."""
    small, large = ((piece * (size // len(piece) + 1))[:size] for size in (2_000, 8_000))
    for text in (small, large):  # what compiles a pattern is done with
        SCANNER.scan(text)
    assert steps_of(large) <= 6 * steps_of(small) + 2_000
