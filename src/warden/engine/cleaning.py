"""Takes secret values out of the texts of one message, all of them together.

A guard knows many a value only by what stands beside it (`password is ...`). The same value alone, in the subject or further
down, is as secret: what is found once is taken out of every text of the message, and may not be part of its ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.model.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from warden.ports import Scanner

MIN_REPEATED = 6
"""Characters; a shorter value is an ordinary word or number too often to be looked for where nothing points at it."""

MAX_VALUES = 256
"""INVARIANT (bounded): values that are looked for. A message that holds more of them is withheld as a whole."""


class Cleaner:
    """The findings in the texts of one message; `kinds` counts them by kind."""

    def __init__(self, scanner: Scanner, texts: Iterable[str]) -> None:
        self._scanner = scanner
        self._found = {text: scanner.scan(text) for text in texts}
        self.kinds: dict[str, int] = {}
        self._values: dict[str, Finding] = {}
        for text, findings in self._found.items():
            for finding in findings:
                self.kinds[finding.kind] = self.kinds.get(finding.kind, 0) + 1
                value = text[finding.start : finding.end]
                if len(value) >= MIN_REPEATED:
                    self._values.setdefault(value, finding)

    def redacted(self, text: str) -> str:
        """Return one of the given texts without what was found in any of them."""
        if len(self._values) > MAX_VALUES:
            return "[redacted:too_many]"
        findings = [*self._found[text], *self._repeated(text)]
        if not findings:
            return text
        from warden.guard import clean, redact

        # What is left may form a new value with its surroundings, so it is looked at until nothing is found.
        return clean(self._scanner, redact(text, findings)).text

    def holds_value(self, identifier: str) -> bool:
        """Return whether an identifier of the message repeats a value that was found in its texts."""
        return any(value in identifier for value in self._values)

    def _repeated(self, text: str) -> list[Finding]:
        found: list[Finding] = []
        for value, finding in self._values.items():
            at = text.find(value)
            while at >= 0:
                found.append(finding._replace(start=at, end=at + len(value)))
                at = text.find(value, at + len(value))
        return found
