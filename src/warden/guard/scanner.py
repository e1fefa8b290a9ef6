"""The scanner of the core: formats, structures, generic detection and known values, over all forms of a text.

What it does: implements the `Scanner` port. What it does not: raise, wait, or read anything but the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from warden.guard.assignment import find_assigned
from warden.guard.rule import Rule, keywords_of, pattern_of
from warden.guard.shape import is_stand_in
from warden.guard.structures import STRUCTURE_RULES
from warden.guard.tokens import token_rules
from warden.model.finding import Finding

WINDOW = 65_536
OVERLAP = 8_192


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return every rule with a pattern, token formats first."""
    return (*token_rules(), *STRUCTURE_RULES)


@cache
def _keyword_index() -> tuple[tuple[str, tuple[int, ...]], ...]:
    index: dict[str, list[int]] = {}
    for number, rule in enumerate(all_rules()):
        for keyword in keywords_of(rule):
            index.setdefault(keyword, []).append(number)
    return tuple((keyword, tuple(numbers)) for keyword, numbers in index.items())


@cache
def _pattern(number: int) -> re.Pattern[str]:
    return re.compile(pattern_of(all_rules()[number]))


def find_formats(text: str) -> Iterator[Finding]:
    """Yield a finding for each match of a rule one of whose keywords is in `text`."""
    low = text.lower()
    if len(low) != len(text):
        low = text
    numbers = {number for keyword, found in _keyword_index() if keyword in low for number in found}
    rules = all_rules()
    for number in sorted(numbers):
        rule = rules[number]
        for match in _pattern(number).finditer(text):
            group = "value" if "value" in match.re.groupindex else 0
            value = match.group(group)
            if rule.pattern and group and is_stand_in(value):
                continue
            yield Finding(rule.kind, match.start(group), match.end(group), rule.rule_id)


class GuardScanner:
    """The core's scanner. Immutable; safe to use from several threads."""

    def __init__(self, known: object | None = None) -> None:
        self._known = known

    @property
    def digest(self) -> str:
        """Digest of the rules, their version and the number of enrolled values."""
        import hashlib

        told = "\n".join(repr(rule) for rule in all_rules())
        return hashlib.sha256(told.encode()).hexdigest()

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return all findings in `text`, by start; never raises."""
        # INVARIANT (no-secret): an error or an exceeded bound while looking counts as having found something.
        try:
            return self._scan(text)
        except Exception:  # noqa: BLE001 - fail closed whatever went wrong
            return (Finding("unscannable", 0, len(text), "guard-error"),)

    def _scan(self, text: str) -> tuple[Finding, ...]:
        found: dict[tuple[int, int], Finding] = {}
        for start in range(0, max(1, len(text) - OVERLAP), WINDOW - OVERLAP):
            window = text[start : start + WINDOW]
            for item in (*find_formats(window), *find_assigned(window)):
                moved = Finding(item.kind, item.start + start, item.end + start, item.rule_id, item.form)
                found.setdefault((moved.start, moved.end), moved)
        return tuple(sorted(found.values(), key=lambda f: (f.start, -f.end)))
