"""Where long runs of some class of character stand in a text, found without trying each place.

What it does: turns a text into one byte per character and classes of bytes into marks, so that searching a run of a
class is searching a string. What it does not: know what the runs are for.

A pattern whose every match begins with `least` characters of a class need only be tried where such a run stands; in
ordinary text there are few, and the search for them costs a hundredth of trying a pattern at each place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

_IN, _OUT = b"a", b" "


def outline_of(text: str) -> bytes:
    """Return one byte for each character of `text`: itself to U+00FF, a question mark for others."""
    return text.encode("latin-1", "replace")


@cache
def marks_for(members: str) -> bytes:
    """Return the table for `bytes.translate` that marks the bytes of `members`."""
    inside = frozenset(members.encode("latin-1"))
    return bytes(_IN[0] if byte in inside else _OUT[0] for byte in range(256))


def long_runs(outline: bytes, members: str, least: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of all runs of `least` or more bytes of `members`."""
    marks = outline.translate(marks_for(members))
    needle = _IN * least
    at = marks.find(needle)
    while at >= 0:
        end = marks.find(_OUT, at + least)
        end = len(marks) if end < 0 else end
        yield at, end
        at = marks.find(needle, end)


def matches_in_runs(
    pattern: re.Pattern[str], text: str, outline: bytes, members: str, least: int
) -> Iterator[re.Match[str]]:
    """Yield what `pattern.finditer(text)` does, when each match begins with `least` characters of `members`."""
    marks = outline.translate(marks_for(members))
    needle = _IN * least
    at = marks.find(needle)
    while at >= 0:
        match = pattern.search(text, at)
        if match is None:
            return
        yield match
        at = marks.find(needle, match.end())


def starts_of(text: str, needles: tuple[str, ...]) -> list[int]:
    """Return, in order, all places of `text` at which one of `needles` begins."""
    starts: set[int] = set()
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            starts.add(at)
            at = text.find(needle, at + 1)
    return sorted(starts)


def matches_at(pattern: re.Pattern[str], text: str, starts: list[int]) -> Iterator[re.Match[str]]:
    """Yield what `pattern.finditer(text)` does, when `starts` holds each place at which a match may begin, in order."""
    free = 0
    for at in starts:
        match = pattern.match(text, at) if at >= free else None
        if match is not None:
            yield match
            free = match.end()
