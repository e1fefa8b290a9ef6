"""The charter's digest and the check of its pins: all that a run without any message needs of the charter."""

from __future__ import annotations

from collections.abc import Mapping

from warden.errors import CharterError, quote
from warden.model.digests import digest_bytes, digest_value

RULES_FILE = "charter.yaml"
PROSE_FILE = "charter.md"
REINSTALL = "install warden again from a trusted package; a charter is not edited in place"


def charter_digest(files: Mapping[str, bytes]) -> str:
    """Return the digest that names this charter: over the digests of its rules and its prose."""
    return digest_value({name: digest_bytes(files[name]) for name in (RULES_FILE, PROSE_FILE)})


def check_pin(files: Mapping[str, bytes], pins: Mapping[str, str]) -> None:
    """Check each pinned file against its digest, and that rules and prose are pinned at all.

    Raises `CharterError`. The pin guards against accidents and stale copies; a signature guards against people.
    """
    for name in (RULES_FILE, PROSE_FILE):
        if name not in pins:
            raise CharterError(f"the charter's pin does not cover {quote(name)}", REINSTALL)
    for name, pin in sorted(pins.items()):
        if name not in files:
            raise CharterError(f"the charter's file {quote(name)} is missing", REINSTALL)
        if digest_bytes(files[name]) != pin:
            raise CharterError(f"the charter's file {quote(name)} is not the one that was packaged", REINSTALL)
