"""A text made from another text, which remembers where each part of it came from.

What it does: rewrites matches of a pattern and maps spans of the result back to the original. What it does not: choose
what to rewrite (`forms`, `regions`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple


class Derived(NamedTuple):
    """`text` is a form of some original; piece i of it begins at `starts[i]` and came from `origins[i]`.

    An origin is (start, end, is_exact): exact pieces map character by character, the others as a whole.
    """

    form: str
    text: str
    starts: tuple[int, ...]
    origins: tuple[tuple[int, int, bool], ...]

    def to_original(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that `start` to `end` of `text` came from."""
        first = max(0, bisect_right(self.starts, start) - 1)
        last = max(first, bisect_right(self.starts, max(start, end - 1)) - 1)
        low, _, is_exact = self.origins[first]
        if is_exact:
            low += start - self.starts[first]
        last_low, high, is_exact = self.origins[last]
        if is_exact:
            high = min(high, last_low + end - self.starts[last])
        return (low, high) if low <= high else (high, low)


def rewrite(
    form: str, text: str, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]
) -> Derived | None:
    """Return `text` with each match of `pattern` replaced, or None when that changes nothing."""
    out: list[str] = []
    starts: list[int] = []
    origins: list[tuple[int, int, bool]] = []
    size = at = 0
    for match in pattern.finditer(text):
        new = replacement(match)
        if new == match.group():
            continue
        begin, end = match.span()
        if begin > at:
            out.append(text[at:begin])
            starts.append(size)
            origins.append((at, begin, True))
            size += begin - at
        if new:
            out.append(new)
            starts.append(size)
            origins.append((begin, end, False))
            size += len(new)
        at = end
    if not at:
        return None
    if at < len(text):
        out.append(text[at:])
        starts.append(size)
        origins.append((at, len(text), True))
    return Derived(form, "".join(out), tuple(starts), tuple(origins)) if origins else None


def region(form: str, text: str, start: int, end: int) -> Derived:
    """Return `text` as decoded from the whole of `start` to `end`."""
    return Derived(form, text, (0,), ((start, end, False),))


def unmirror(size: int, start: int, end: int) -> tuple[int, int]:
    """Return the span of a text of `size` characters that `start` to `end` of its mirror image came from."""
    return size - end, size - start
