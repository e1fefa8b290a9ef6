"""A text made from another text, which remembers where each part of it came from.

What it does: rewrites matches of a pattern and maps spans of the result back to the original. What it does not: choose
what to rewrite (`forms`, `regions`).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable

Pieces = tuple[list[int], list[tuple[int, int, bool]]]
"""Where each piece of a derived text begins, and its origin: (start, end, is_exact).

Exact pieces map character by character, the others as a whole."""
Replacement = Callable[[re.Match[str]], str]
Span = tuple[int, int]
LONGEST_WORD = 8_192
_WORD_ENDS = " \n\"'"


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
        starts, origins = self._found_pieces()
        first = max(0, bisect_right(starts, start) - 1)
        last = max(first, bisect_right(starts, max(start, end - 1)) - 1)
        low, _, is_exact = origins[first]
        if is_exact:
            low += start - starts[first]
        last_low, high, is_exact = origins[last]
        if is_exact:
            high = min(high, last_low + end - starts[last])
        return (low, high) if low <= high else (high, low)

    def changes(self, earlier: Iterable[Span] = ()) -> list[Span]:
        """Return, in order, the spans of `text` that are not in the original as they stand; empty where something was left
        out. `earlier` are spans of the original that were changed before: where they stand now counts as well.
        """
        starts, origins = self._found_pieces()
        ends = (*starts[1:], len(self.text))
        own = [(start, end) for start, end, (*_, is_exact) in zip(starts, ends, origins, strict=True) if not is_exact]
        return sorted([*own, *((self._from_original(start), self._from_original(end)) for start, end in earlier)])

    def _from_original(self, at: int) -> int:
        """Return where the place `at` of the original stands in `text`."""
        starts, origins = self._found_pieces()
        piece = max(0, bisect_right(origins, at, key=lambda origin: origin[0]) - 1)
        low, _, is_exact = origins[piece]
        return starts[piece] + (at - low if is_exact else 0)

    def _found_pieces(self) -> Pieces:
        if self._pieces is None:
            self._pieces = self._make_pieces()
        return self._pieces


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
        starts.append(size)
        origins.append((begin, end, False))
        size += len(new)
        at = end
    if at < len(text):
        starts.append(size)
        origins.append((at, len(text), True))
    return starts, origins


def parts_round(text: str, changes: Callable[[], list[Span]], reach: int) -> list[Span]:
    """Return the parts of `text` within `reach` of one of its `changes`; those that meet are one.

    Each goes on to the next blank or quotation mark, if there is one within `LONGEST_WORD`, so that no word is cut. Parts
    that are most of the text are the whole of it, and so they are in a short text.
    """
    parts: list[Span] = []
    for start, end in changes() if len(text) > 2 * reach else ((0, len(text)),):
        low, high = max(0, start - reach), min(len(text), end + reach)
        if parts and low <= parts[-1][1]:
            parts[-1] = (parts[-1][0], max(high, parts[-1][1]))
        else:
            parts.append((low, high))
    parts = [(_word_start(text, low), _word_end(text, high)) for low, high in parts]
    return parts if sum(high - low for low, high in parts) * 4 < len(text) * 3 else [(0, len(text))]


def _word_start(text: str, at: int) -> int:
    first = max(0, at - LONGEST_WORD)
    return max(first, *(text.rfind(char, first, at) for char in _WORD_ENDS))


def _word_end(text: str, at: int) -> int:
    last = min(len(text), at + LONGEST_WORD)
    return min(last, *(found for char in _WORD_ENDS if (found := text.find(char, at, last)) >= 0), last)


def region(form: str, text: str, start: int, end: int) -> Derived:
    """Return `text` as decoded from the whole of `start` to `end`."""
    return Derived(form, text, lambda: ([0], [(start, end, False)]))


def unmirror(size: int, start: int, end: int) -> tuple[int, int]:
    """Return the span of a text of `size` characters that `start` to `end` of its mirror image came from."""
    return size - end, size - start
