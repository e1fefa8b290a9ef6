"""From the values of `[model]` and `[budget]` to settings: which model, where its key is, what asking it may cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from warden.config.credential import NOWHERE, CredentialSource
from warden.config.model_keys import BUDGET_DEFAULTS, MEASURES, SPANS
from warden.errors import ConfigError, quote

if TYPE_CHECKING:
    from pathlib import Path

    from warden.model.budget import Budget
    from warden.model.consultation import TokenPrice

LLM_CONNECT = "llm-connect"
CONNECT_VARIABLE = "LLM_CONNECT_URL"
PROVIDERS = (LLM_CONNECT, "openai", "anthropic")
ANSWER_FORMS = ("auto", "json_schema", "json_object", "text")
_URLS = {"openai": "https://api.openai.com", "anthropic": "https://api.anthropic.com"}
_MICRO = 1_000_000
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model, and how it is asked; `provider` is empty when none is configured. Time-outs are in seconds.

    `prices` maps a model's name to its price per million tokens, shown and written, in millionths of the currency;
    `limits` holds what the configuration says of budgets, by key (`day_cost`, in millionths; `run_wall_s`, in milliseconds).
    """

    provider: str = ""
    url: str = ""
    name: str = ""
    key: CredentialSource = NOWHERE
    answer_form: str = "auto"
    max_tokens: int = 700
    reply_chars: int = 4_000
    link_hosts: tuple[str, ...] = ()
    connect_timeout_s: float = 5.0
    timeout_s: float = 120.0
    total_timeout_s: float = 240.0
    retries: int = 2
    concurrency: int = 1
    cooldown_s: float = 60.0
    prices: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def price(self) -> TokenPrice | None:
        """What this model's tokens cost, None when no price is known."""
        found = self.prices.get(self.name)
        if found is None:
            return None
        from warden.model.consultation import TokenPrice

        return TokenPrice(*found)

    def budget(self) -> Budget:
        """Return what asking may use, with the built-in limits where nothing is said."""
        from warden.model.budget import Budget, Limit

        units = {"cost": "cost_microunits", "wall_s": "wall_ms"}
        chosen = {**{name: _scaled(name, value) for name, value in BUDGET_DEFAULTS.items()}, **self.limits}
        return Budget(
            **{
                span: Limit(**{units.get(measure, measure): chosen.get(f"{span}_{measure}") for measure in MEASURES})
                for span in SPANS
            }
        )


def read_model(values: Mapping[str, object], place: Path, variables: Mapping[str, str]) -> ModelSettings:
    """Return the settings of the model, by the file's values and the variable `LLM_CONNECT_URL`.

    Raises `ConfigError` when provider, form or URL are none, when a model is named without its provider or a provider that
    needs it without a model, or when a cost is limited and no price is known.
    """
    named = {key.removeprefix("model."): value for key, value in values.items() if key.startswith("model.")}
    limits = {
        key.removeprefix("budget."): _scaled(key.removeprefix("budget."), value)
        for key, value in values.items()
        if key.startswith("budget.")
    }
    connect = variables.get(CONNECT_VARIABLE, "")
    if not named and not limits:
        # The variable may be meant for somebody else: it is looked at closely when a model is asked.
        return ModelSettings(provider=LLM_CONNECT, url=connect.rstrip("/")) if connect else ModelSettings()
    provider = str(named.pop("provider", LLM_CONNECT if connect else ""))
    url = str(named.pop("url", connect if provider == LLM_CONNECT else _URLS.get(provider, "")))
    key = CredentialSource(
        file=_placed(named.pop("key_file", None), place),
        command=tuple(_list(named.pop("key_command", None))),
        variable=str(named.pop("key_variable", "")),
    )
    hosts = tuple(host.lower() for host in _list(named.pop("link_hosts", None)))
    prices = _prices(named.pop("prices", None))
    rest: dict[str, object] = dict(named)
    settings = ModelSettings(
        provider=provider,
        url=_checked_url(url),
        key=key,
        link_hosts=hosts,
        prices=prices,
        limits=limits,
        **rest,  # type: ignore[arg-type]
    )
    _check(settings)
    return settings


def _check(settings: ModelSettings) -> None:
    for host in settings.link_hosts:
        if not _HOST.fullmatch(host):
            hint = "write the host alone, as in `wiki.example.org`: every https page of it may be linked to"
            raise ConfigError(f"`model.link_hosts` holds {quote(host)}, which is no host", hint)
    if settings.provider not in ("", *PROVIDERS):
        raise ConfigError(f"there is no model provider {quote(settings.provider)}", "one of: " + ", ".join(PROVIDERS))
    if settings.answer_form not in ANSWER_FORMS:
        raise ConfigError(
            f"`model.answer_form` cannot be {quote(settings.answer_form)}", "one of: " + ", ".join(ANSWER_FORMS)
        )
    if not settings.provider and (settings.name or settings.url):
        key = "name" if settings.name else "url"
        raise ConfigError(f"`model.{key}` is set without `model.provider`", "one of: " + ", ".join(PROVIDERS))
    if settings.provider in _URLS and not settings.name:
        raise ConfigError(
            f"`model.provider` is {quote(settings.provider)} and `model.name` is missing", "name the model"
        )
    if settings.provider == LLM_CONNECT and not settings.url:
        raise ConfigError("llm-connect has no URL", f"set `model.url`, or the variable {CONNECT_VARIABLE}")
    costly = next((name for name in settings.limits if name.endswith("_cost")), None)
    if costly is not None and settings.provider and settings.name not in settings.prices:
        raise ConfigError(
            f"`budget.{costly}` is set, and no price is known of the model {quote(settings.name)}",
            "say what it costs in `model.prices`, 0 for nothing",
        )


def _checked_url(url: str) -> str:
    """Return the URL without a slash at its end; raises `ConfigError`."""
    if not url:
        return ""
    from warden.config.check import check_base_url

    return check_base_url(url, "model", "model.key_file")


def _scaled(name: str, value: object) -> int:
    """Return a limit as the ledger counts it: a cost in millionths, seconds in milliseconds."""
    number = value if isinstance(value, int | float) else 0
    if name.endswith("_cost"):
        return round(number * _MICRO)
    return round(number * 1000) if name.endswith("_wall_s") else int(number)


def _prices(value: object) -> dict[str, tuple[int, int]]:
    if not isinstance(value, Mapping):
        return {}
    return {
        name: (round(price["prompt"] * _MICRO), round(price["completion"] * _MICRO)) for name, price in value.items()
    }


def _list(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _placed(value: object, directory: Path) -> Path | None:
    from pathlib import Path

    return None if value is None else directory / Path(str(value)).expanduser()
