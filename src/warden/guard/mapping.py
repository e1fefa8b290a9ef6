"""A text made from another text, which remembers where each part of it came from.

What it does: rewrites matches of a pattern and maps spans of the result back to the original. What it does not: choose
what to rewrite (`forms`, `regions`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence

Pieces = tuple[list[int], list[tuple[int, int, bool]]]
"""Where each piece of a derived text begins, and its origin: (start, end, is_exact).

Exact pieces map character by character, the others as a whole."""
Replacement = Callable[[re.Match[str]], str]


class Derived:
    """`text` is a form of some original. Where its pieces came from is found out when somebody asks: few forms hold a
    finding, and all are looked at.
    """

    __slots__ = ("_make_pieces", "_pieces", "form", "text")

    def __init__(self, form: str, text: str, make_pieces: Callable[[], Pieces]) -> None:
        self.form = form
        self.text = text
        self._make_pieces = make_pieces
        self._pieces: Pieces | None = None

    def to_original(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that `start` to `end` of `text` came from."""
        if self._pieces is None:
            self._pieces = self._make_pieces()
        starts, origins = self._pieces
        first = max(0, bisect_right(starts, start) - 1)
        last = max(first, bisect_right(starts, max(start, end - 1)) - 1)
        low, _, is_exact = origins[first]
        if is_exact:
            low += start - starts[first]
        last_low, high, is_exact = origins[last]
        if is_exact:
            high = min(high, last_low + end - starts[last])
        return (low, high) if low <= high else (high, low)


def rewrite(form: str, text: str, pattern: re.Pattern[str], replacement: Replacement | None = None) -> Derived | None:
    """Return `text` with each match of `pattern` replaced (left out without a replacement), or None when that changes
    nothing or leaves nothing.
    """
    made = pattern.sub(replacement or "", text)
    if made == text or not made:
        return None
    return Derived(form, made, lambda: _pieces_of(text, pattern, replacement or _nothing))


def _nothing(match: re.Match[str]) -> str:
    return ""


def _pieces_of(text: str, pattern: re.Pattern[str], replacement: Replacement) -> Pieces:
    starts: list[int] = []
    origins: list[tuple[int, int, bool]] = []
    size = at = 0
    for match in pattern.finditer(text):
        new = replacement(match)
        if new == match.group():
            continue
        begin, end = match.span()
        if begin > at:
            starts.append(size)
            origins.append((at, begin, True))
            size += begin - at
        if new:
            starts.append(size)
            origins.append((begin, end, False))
            size += len(new)
        at = end
    if at < len(text):
        starts.append(size)
        origins.append((at, len(text), True))
    return starts, origins


def changed_part(text: str, before: Sequence[str], reach: int) -> tuple[int, int]:
    """Return the part of `text` that stands within `reach` of where it differs from the one of `before` most like it.

    The whole of a text that is not long enough to make that worth while.
    """
    low, high = 0, len(text)
    for other in before if len(text) > 4 * reach else ():
        head = _alike(text, other, 0)
        tail = _alike(text[::-1], other[::-1], head)
        start, end = max(0, head - reach), min(len(text), len(text) - tail + reach)
        if end - start < high - low:
            low, high = start, end
    return low, high


def _alike(one: str, other: str, taken: int) -> int:
    """Return how many characters both begin with, without the last `taken` of either."""
    low, high = 0, min(len(one), len(other)) - taken
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def region(form: str, text: str, start: int, end: int) -> Derived:
    """Return `text` as decoded from the whole of `start` to `end`."""
    return Derived(form, text, lambda: ([0], [(start, end, False)]))


def unmirror(size: int, start: int, end: int) -> tuple[int, int]:
    """Return the span of a text of `size` characters that `start` to `end` of its mirror image came from."""
    return size - end, size - start
