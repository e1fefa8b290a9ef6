"""Taking secret values out of JSON text so that it stays JSON.

What it does: replaces the parts of strings that a finding covers. What it does not: parse; it is given some lines of a
document that is still being written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from warden.model.finding import Finding

if TYPE_CHECKING:
    from warden.guard.redaction import TextScanner

ROUNDS = 4
_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*+)"')
_PIECE = re.compile(r"\\u[0-9A-Fa-f]{4}|\\.|[^\\]")
_NUMBER = re.compile(r"(?<![\w.\"])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.\"])")


def redact_strings(scanner: TextScanner, text: str, findings: tuple[Finding, ...]) -> tuple[str, tuple[Finding, ...]]:
    """Return JSON `text` with what `findings` cover replaced inside its strings, and what is found in it afterwards.

    A covered number becomes a string. What is still found is left in the result, for the caller to take out by other means.
    """
    for _ in range(ROUNDS):
        inside = list(_clipped(text, findings))
        if not inside:
            break
        text = _replaced(text, inside)
        findings = scanner.scan(text)
    return text, findings


def _clipped(text: str, findings: Iterable[Finding]) -> Iterator[tuple[int, int, str, bool]]:
    """Yield (start, end, kind, is_string) for each part of a string or number that a finding covers."""
    spans = [match.span(1) for match in _STRING.finditer(text)]
    numbers = [match.span() for match in _NUMBER.finditer(text) if not _is_inside(match.start(), spans)]
    for found in findings:
        for low, high in spans:
            start, end = max(low, found.start), min(high, found.end)
            if start < end:
                yield (*_whole_pieces(text, low, high, start, end), found.kind, True)
        for low, high in numbers:
            if low < found.end and found.start < high:
                yield low, high, found.kind, False


def _is_inside(at: int, spans: list[tuple[int, int]]) -> bool:
    return any(low <= at < high for low, high in spans)


def _whole_pieces(text: str, low: int, high: int, start: int, end: int) -> tuple[int, int]:
    """Return the span widened so that no escape sequence of the string is cut."""
    for piece in _PIECE.finditer(text, low, high):
        if piece.start() < start < piece.end():
            start = piece.start()
        if piece.start() < end < piece.end():
            end = piece.end()
    return start, end


def _replaced(text: str, inside: list[tuple[int, int, str, bool]]) -> str:
    out: list[str] = []
    at = 0
    for start, end, kind, is_string in sorted(inside, key=lambda one: (one[0], -one[1])):
        if start < at:
            at = max(at, end)
            continue
        mark = f"[redacted:{kind}]"
        out += (text[at:start], mark if is_string else f'"{mark}"')
        at = end
    return "".join((*out, text[at:]))
