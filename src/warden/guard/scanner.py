"""The scanner of the core: formats, structures, generic detection and known values, over all forms of a text.

What it does: implements the `Scanner` port. What it does not: raise, wait, or read anything but the text.

A text is cut into overlapping windows, and each is looked at in all its forms (`look`).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from warden.guard.formats import all_rules
from warden.guard.look import KIND_KNOWN, OVERLAP, RULE_BOUND, Look
from warden.guard.redaction import UNSCANNABLE
from warden.model.finding import Finding

if TYPE_CHECKING:
    from warden.guard.known import KnownSecrets

VERSION = 1
WINDOW = 65_536
MOST_CHARACTERS = 16 * 1024 * 1024
REMEMBERED = 256  # texts of either generation
MOST_REMEMBERED = 8_192
RULE_ERROR = "guard-error"


class GuardScanner:
    """The core's scanner. Safe to use from several threads.

    What was found in recent short texts is remembered under the digest of the text (subjects, footers and quoted mail
    come again and again); no text is kept.

    `known` adds enrolled values. `providers` limits the format rules to some providers: a measuring device for rules
    that must not have seen what they are measured on.
    """

    def __init__(self, known: KnownSecrets | None = None, providers: frozenset[str] | None = None) -> None:
        self._known = known if known is not None and len(known) else None
        self._providers = providers
        self._recent = _Recent()

    @cached_property
    def digest(self) -> str:
        """Digest of the rules, their version and the enrolled values."""
        import hashlib

        parts = [str(VERSION), *map(repr, all_rules()), self._known.digest if self._known else ""]
        return "sha256:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return all findings in `text`, by start; never raises."""
        # INVARIANT (no-secret): an error or an exceeded bound while looking counts as having found something.
        try:
            if len(text) > MOST_CHARACTERS:
                return (Finding(UNSCANNABLE, 0, len(text), RULE_BOUND),)
            if len(text) > MOST_REMEMBERED:
                return self._scan(text)
            found = self._recent.recall(text)
            return self._recent.keep(text, self._scan(text)) if found is None else found
        except Exception:  # noqa: BLE001 - fail closed whatever went wrong
            return (Finding(UNSCANNABLE, 0, len(text), RULE_ERROR),)

    def _scan(self, text: str) -> tuple[Finding, ...]:
        found: dict[tuple[int, int], Finding] = {}
        for start in range(0, max(1, len(text) - OVERLAP), WINDOW - OVERLAP):
            window = text[start : start + WINDOW]
            for item in Look(self._known, self._providers, len(window)).all_findings(window):
                moved = Finding(item.kind, item.start + start, item.end + start, item.rule_id, item.form)
                found.setdefault((moved.start, moved.end), moved)
        return tuple(sorted(found.values(), key=lambda f: (f.start, -f.end)))


class _Recent:
    """What was found in the last texts. Two dictionaries take turns: each step is atomic, so threads need no lock."""

    def __init__(self) -> None:
        self._young: dict[bytes, tuple[Finding, ...]] = {}
        self._old: dict[bytes, tuple[Finding, ...]] = {}

    def recall(self, text: str) -> tuple[Finding, ...] | None:
        """Return what was found in `text`, or None when that is not known."""
        key = _digest_of(text)
        found = self._young.get(key)
        return self._old.get(key) if found is None else found

    def keep(self, text: str, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """Remember and return `found`."""
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}
        self._young[_digest_of(text)] = found
        return found


def _digest_of(text: str) -> bytes:
    from hashlib import blake2b

    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()


__all__ = ["KIND_KNOWN", "GuardScanner"]
