"""Providers, one file each: how a question is written for one kind of server, and how its answer is read.

Rules: a provider does no input or output and keeps no state; it believes nothing of a server's answer that it did not check;
it asks for no tools; no error of its own carries text of a server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.errors import ConfigError, quote

if TYPE_CHECKING:
    from warden.brains.llm.provider import Provider
    from warden.brains.llm.settings import ModelSettings


def build_provider(settings: ModelSettings) -> Provider:
    """Return the provider that the settings name; raises `ConfigError` for one that does not exist."""
    if settings.provider == "llm-connect":
        from warden.brains.llm.providers.llm_connect import LlmConnectProvider

        return LlmConnectProvider()
    if settings.provider == "openai":
        from warden.brains.llm.providers.openai import OpenAiProvider

        return OpenAiProvider(settings)
    if settings.provider == "anthropic":
        from warden.brains.llm.providers.anthropic import AnthropicProvider

        return AnthropicProvider(settings)
    hint = "use one of `llm-connect`, `openai`, `anthropic`"
    raise ConfigError(f"there is no model provider {quote(settings.provider)}", hint)
