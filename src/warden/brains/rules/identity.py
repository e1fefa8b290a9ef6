"""Who the rule brain is, for plans and the ledger; apart from the brain, so that an idle run need not load it."""

from __future__ import annotations

from typing import Final

from warden.model.digests import digest_value

NAME: Final = "rule"
VERSION: Final = 1
"""Raised with every change of behaviour, so that answers kept from an earlier version are not reused."""


def rule_brain_digest(catalog_digest: str) -> str:
    """Return the digest of all that the brain's answers depend on beside its input: its version and its catalogue."""
    return digest_value({"brain": NAME, "version": VERSION, "catalog": catalog_digest})
