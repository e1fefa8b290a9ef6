"""Who a model-backed brain is, for plans and the ledger; apart from the brain, so that an idle run need not load it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from warden.brains.rules.identity import rule_brain_digest
from warden.model.digests import digest_value

if TYPE_CHECKING:
    from warden.brains.llm.settings import ModelSettings

LLM: Final = "llm"
"""The model is asked about everything that the guard's rules leave."""

AUTO: Final = "auto"
"""Rules first; the model is asked about what they leave open."""

VERSION: Final = 3
"""Raised with every change of what is asked, read or refused, so that answers kept from an earlier version are not reused."""


def model_brain_digest(name: str, settings: ModelSettings, catalog_digest: str, charter_digest: str) -> str:
    """Return the digest of all that the brain's answers depend on beside its input."""
    return digest_value(
        {
            "brain": name,
            "version": VERSION,
            "rules": rule_brain_digest(catalog_digest),
            "charter": charter_digest,
            "provider": settings.provider,
            "url": settings.url,
            "model": settings.model,
            "answer_form": settings.answer_form,
            "max_tokens": settings.max_tokens,
            "seed": settings.seed,
            "reply_chars": settings.reply_chars,
            "link_hosts": sorted(settings.link_hosts),
        }
    )
