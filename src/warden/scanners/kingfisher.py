"""The kingfisher scanner (distribution `kingfisher-secret-scanner`, extra `secrets`).

Its plain `Scanner` is used, not its `DetectionScanner`: that one obeys comments that tell scanners to look away.
Building its rule set takes seconds without its cache and a fraction of one with it, so `prewarm` builds the cache.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warden.errors import ConfigError
from warden.model.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "kingfisher"
MOST_CHARACTERS = 16 * 1024 * 1024
TIMEOUT_S = 10.0
INSTALL_HINT = "install `ops-warden[secrets]`, or set guard.kingfisher = false"

# Their family of rule to our kind; what is not listed keeps the family's name.
_KINDS = {
    "jwt": "jwt",
    "privkey": "private_key",
    "private-key": "private_key",
    "pem": "private_key",
    "generic": "secret",
    "password": "password",
    "uri": "url_password",
}


class KingfisherScanner:
    """A `Scanner` over kingfisher's own rules. Safe to use from several threads."""

    def __init__(self, cache_dir: Path) -> None:
        """Keep where the compiled rules are cached; raises `ConfigError` when kingfisher is not installed."""
        self._cache_dir = cache_dir
        if not is_installed():
            raise ConfigError("the scanner kingfisher is configured and not installed", INSTALL_HINT)

    @cached_property
    def _scanner(self) -> Any:
        from kingfisher_sdk import Scanner
        from kingfisher_sdk.rules import Rules

        return Scanner(Rules(cache_dir=self._cache_dir))

    @cached_property
    def digest(self) -> str:
        """Digest of the installed version, which its rules come with."""
        import hashlib
        from importlib.metadata import version

        return hashlib.sha256(f"{NAME} {version('kingfisher-secret-scanner')}".encode()).hexdigest()

    def prewarm(self) -> int:
        """Build and cache the rules, and return how many there are."""
        return len(self._scanner.rules)

    def scan(self, text: str) -> tuple[Finding, ...]:
        """Return all findings in `text`, by start; never raises."""
        # INVARIANT (no-secret): an error or an exceeded bound while looking counts as having found something.
        try:
            if len(text) > MOST_CHARACTERS:
                return (_unscannable(text),)
            return tuple(sorted(self._findings(text), key=lambda f: (f.start, -f.end)))
        except Exception:  # noqa: BLE001 - fail closed whatever went wrong over there
            return (_unscannable(text),)

    def _findings(self, text: str) -> Iterator[Finding]:
        data = text.encode("utf-8", "replace")  # a lone surrogate becomes one `?`: as many characters as before
        for found in self._scanner.scan(data, timeout=TIMEOUT_S):
            place = found.location
            start, end = _character(data, place["start_offset"]), _character(data, place["end_offset"])
            if end > start:
                form = "base64" if found.is_base64_encoded else "plain"
                yield Finding(kind_of(found.rule_id), start, min(end, len(text)), f"{NAME}:{found.rule_id}", form)


def is_installed() -> bool:
    """Return whether the extra `secrets` is there, without importing it."""
    from importlib.util import find_spec

    return find_spec("kingfisher_sdk") is not None


def kind_of(rule_id: str) -> str:
    """Return our kind for one of their rule ids: `kingfisher.github.1` is `github_token`."""
    parts = rule_id.split(".")
    family = parts[1] if len(parts) > 1 else parts[0]
    stem = family.split("-")[0].lower()
    known = _KINDS.get(family) or _KINDS.get(stem)
    if known:
        return known
    plain = "".join(c for c in stem if c.isalnum())
    return f"{plain}_token" if plain else "secret"


def _character(data: bytes, offset: int) -> int:
    """Return the index of the character that byte `offset` of UTF-8 `data` lies in."""
    return sum((byte & 0xC0) != 0x80 for byte in data[:offset])


def _unscannable(text: str) -> Finding:
    return Finding("unscannable", 0, len(text), f"{NAME}:error")
