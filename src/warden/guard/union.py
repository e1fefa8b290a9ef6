"""Several scanners as one: whatever any of them finds is found."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

from warden.guard.redaction import TextScanner, scan_union
from warden.model.finding import Finding


class NamedScanner(TextScanner, Protocol):
    """The `Scanner` port as this room may know it."""

    @property
    def digest(self) -> str:
        """Digest of the rules and their version."""
        ...


class UnionScanner:
    """A `Scanner` over scanners. A finding of one is a finding, however many found nothing."""

    def __init__(self, scanners: Sequence[NamedScanner]) -> None:
        self._scanners = tuple(scanners)

    @cached_property
    def digest(self) -> str:
        """Digest of all their digests."""
        import hashlib

        return hashlib.sha256("\n".join(scanner.digest for scanner in self._scanners).encode()).hexdigest()

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return the findings of all, by start; never raises."""
        return scan_union(self._scanners, text)
