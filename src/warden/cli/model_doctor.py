"""What `warden doctor` looks at when a model is configured: its transport, whether it takes our credential, and the budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from warden.cli import checks, compose
from warden.cli.checks import Finding
from warden.errors import quote
from warden.model.budget import Span, exceeded, measure_words
from warden.model.consultation import Usage

if TYPE_CHECKING:
    from warden.config.settings import Settings

_LEAST = Usage(calls=1, prompt_tokens=1, completion_tokens=1, cost_microunits=0, wall_ms=1)
"""Less than any question uses."""


def examine_model(settings: Settings) -> Iterator[Finding]:
    """Yield the findings about the configured model; nothing when there is none and no brain needs one.

    The model's server is asked for something that costs nothing, when the configured brain would ask it too. Raises
    `ConfigError` and `ModelCredentialError`.
    """
    from warden.cli.run_parts import asks_a_model

    needed = asks_a_model(settings)
    if not needed and not settings.model.provider:
        return
    from warden.cli.model_parts import build_client, model_settings
    from warden.cli.signals import SignalStop

    chosen = model_settings(settings)
    transport = checks.check_transport(chosen.url, settings.model.key.is_set)
    yield replace(transport, check="model", seen=f"{quote(chosen.label)} at {transport.seen}")
    if needed:
        client = build_client(settings, compose.build_clock(), SignalStop())
        try:
            client.check()
        finally:
            client.close()
        yield checks.ok("model", "its server answers" + (" and takes our key" if settings.model.key.is_set else ""))
    yield _budget(settings)


def _budget(settings: Settings) -> Finding:
    from warden.cli.budget import read_accounts

    for account in read_accounts(settings):
        if account.span is Span.RUN:
            continue
        limit, used = account.budget.limit(account.span), account.spent.used
        measure = exceeded(limit, used, _LEAST)
        if measure:
            is_sender = account.span is Span.SENDER
            whose = f"sender {quote(account.sender)}" if is_sender else f"the last {account.span.value}"
            return checks.warn(
                "budget",
                f"{measure_words(measure)} of {whose} spent",
                "see `warden budget`; until it is free again what rules cannot answer is escalated",
            )
    return checks.ok("budget", "asking is within every limit (`warden budget` shows them)")
