"""Taking findings out of a text, and joining what several scanners found.

What it does: replaces spans by `[redacted:<kind>]`. What it does not: keep, count or hash the values themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from warden.model.finding import Finding

UNSCANNABLE = "unscannable"
ROUNDS = 4
LINE_ROUNDS = 2


class TextScanner(Protocol):
    """The part of the `Scanner` port that is needed here."""

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return all findings."""
        ...


class Cleaned(NamedTuple):
    """A text without findings, and what was found in the text before."""

    text: str
    findings: tuple[Finding, ...]


def scan_union(scanners: Iterable[TextScanner], text: str) -> tuple[Finding, ...]:
    """Return the findings of all `scanners` in `text`, each place and kind once, by start."""
    found = {(f.start, f.end, f.kind): f for scanner in reversed(list(scanners)) for f in scanner.scan(text)}
    return tuple(sorted(found.values(), key=lambda f: (f.start, -f.end, f.kind)))


def redact(text: str, findings: Iterable[Finding]) -> str:
    """Return `text` with each finding replaced by `[redacted:<kind>]`, overlapping ones by one mark.

    The same value gets the same mark wherever it stands in `text`; a second value of a kind gets `[redacted:<kind>#2]`.
    Nothing of a value is part of its mark.
    """
    names: dict[tuple[str, str], str] = {}
    used: Counter[str] = Counter()
    out: list[str] = []
    at = 0
    for start, end, kind in _merged(findings, len(text)):
        key = (kind, text[start:end])
        if key not in names:
            used[kind] += 1
            names[key] = f"[redacted:{kind}]" if used[kind] == 1 else f"[redacted:{kind}#{used[kind]}]"
        out += (text[at:start], names[key])
        at = end
    out.append(text[at:])
    return "".join(out)


def clean(scanner: TextScanner, text: str, found: tuple[Finding, ...] | None = None) -> Cleaned:
    """Return `text` redacted until `scanner` finds nothing more, with the findings of the first look.

    `found` are what `scanner` finds in `text`, for who has looked already: looking is what costs time.
    What is left after taking a value out may form a new one with its surroundings; after `ROUNDS` looks whole lines are
    taken out, and after `LINE_ROUNDS` more the whole text is given up (fail closed).
    """
    first = findings = scanner.scan(text) if found is None else found
    for number in range(ROUNDS + LINE_ROUNDS):
        if not findings:
            return Cleaned(text, first)
        text = redact(text, findings if number < ROUNDS else [_widened(text, one) for one in findings])
        findings = scanner.scan(text)
    return Cleaned(f"[redacted:{UNSCANNABLE}]" if findings else text, first)


def _widened(text: str, found: Finding) -> Finding:
    """Return the finding over the whole of the lines that it stands on."""
    last = text.find("\n", found.end)
    return found._replace(start=text.rfind("\n", 0, found.start) + 1, end=len(text) if last < 0 else last)


def count_kinds(findings: Sequence[Finding]) -> Mapping[str, int]:
    """Return how many findings there are of each kind, by kind."""
    return dict(sorted(Counter(f.kind for f in findings).items()))


def _merged(findings: Iterable[Finding], size: int) -> list[tuple[int, int, str]]:
    """Return the spans of `findings` inside a text of `size` characters, overlaps joined under the first kind."""
    merged: list[tuple[int, int, str]] = []
    for found in sorted(findings, key=lambda f: (f.start, -f.end)):
        start, end = max(0, found.start), min(size, found.end)
        if start >= end:
            continue
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2])
        else:
            merged.append((start, end, found.kind))
    return merged
