"""Puts a brain that asks a model together from settings: made when a message is first planned, named before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from warden.brains.llm.identity import AUTO, LLM, model_brain_digest
from warden.brains.llm.settings import ModelSettings
from warden.cli.run_parts import with_orders
from warden.errors import ConfigError

if TYPE_CHECKING:
    from warden.brains.llm.brain import ContainedBrain
    from warden.brains.llm.client import ModelClient
    from warden.cli.run_parts import Documents
    from warden.config.settings import Settings
    from warden.model.consultation import Consultation, Prepared
    from warden.model.message import BrainInput
    from warden.model.plan import Plan
    from warden.ports import Clock, ModelBrain, Redactor, Scanner, StopSignal

NAMES = (LLM, AUTO)


class LazyModelBrain:
    """A brain that asks a model, made when it is first needed; `name`, `digest` and `model` are known before."""

    def __init__(self, name: str, digest: str, model: str, build: Callable[[], tuple[ModelBrain, ModelClient]]) -> None:
        self.name = name
        self.digest = digest
        self.model = model
        self._build = build

    @cached_property
    def _built(self) -> tuple[ModelBrain, ModelClient]:
        return self._build()

    @property
    def value(self) -> ModelBrain:
        """The brain; raises `DocumentError` for a catalogue that cannot be read."""
        return self._built[0]

    def close(self) -> None:
        """Give connections back."""
        if "_built" in self.__dict__:
            self._built[1].close()

    def propose(self, given: BrainInput) -> Plan:
        """Return the brain's plan."""
        return self.value.propose(given)

    def prepare(self, given: BrainInput) -> Prepared | Plan:
        """Return the rules' plan, or what a model would be shown."""
        return self.value.prepare(given)

    def consult(self, prepared: Prepared) -> Consultation:
        """Ask the model."""
        return self.value.consult(prepared)

    def replay(self, prepared: Prepared, answer: str) -> Consultation:
        """Return what a kept answer stands for."""
        return self.value.replay(prepared, answer)

    def decline(self, prepared: Prepared, reason: str) -> Consultation:
        """Return what is proposed without the model."""
        return self.value.decline(prepared, reason)


def model_settings(settings: Settings) -> ModelSettings:
    """Return the configured model as its room knows it; raises `ConfigError` when none is configured."""
    from warden.config.check import check_base_url

    model = settings.model
    if not model.provider:
        raise ConfigError(
            f"the brain `{settings.brain}` needs a model, and none is configured",
            "set `model.provider` and `model.name` in config.toml, or LLM_CONNECT_URL; or use `--brain rule`",
        )
    return ModelSettings(
        provider=model.provider,
        url=check_base_url(model.url, "model", "model.key_file"),
        model=model.name,
        answer_form=model.answer_form,
        max_tokens=model.max_tokens,
        reply_chars=model.reply_chars,
        link_hosts=model.link_hosts,
        price=model.price,
        connect_timeout_s=model.connect_timeout_s,
        timeout_s=model.timeout_s,
        total_timeout_s=model.total_timeout_s,
        retries=model.retries,
        concurrency=model.concurrency,
        cooldown_s=model.cooldown_s,
    )


def digest_with(settings: Settings, catalog_digest: str, charter_digest: str) -> str:
    """Return the digest of the configured brain over these; raises `ConfigError` when no model is configured."""
    digest = model_brain_digest(settings.brain, model_settings(settings), catalog_digest, charter_digest)
    return with_orders(settings, digest)


def build_model_brain(
    settings: Settings, documents: Documents, scanner: Scanner, clock: Clock, stop: StopSignal
) -> LazyModelBrain:
    """Return the brain `llm` or `auto`; raises `ConfigError` when no model is configured."""
    chosen = model_settings(settings)
    digest = digest_with(settings, documents.catalog.digest, documents.kernel.charter_digest)

    def build() -> tuple[ContainedBrain, ModelClient]:
        import secrets

        from warden.brains.llm.brain import ContainedBrain, ModelBrainParts

        client = build_client(settings, clock, stop)
        parts = ModelBrainParts(
            settings=chosen,
            catalog=documents.catalog.value,
            charter_text=documents.charter_text,
            charter_digest=documents.kernel.charter_digest,
            client=client,
            redact=redactor(scanner),
            randomness=secrets.token_hex,
        )
        return ContainedBrain(parts, settings.brain == AUTO), client

    return LazyModelBrain(settings.brain, digest, chosen.label, build)


def build_client(settings: Settings, clock: Clock, stop: StopSignal) -> ModelClient:
    """Return what asks the configured model; its key is fetched when it is first asked."""
    from warden.brains.llm.client import ModelClient, RememberedDialects, Surroundings
    from warden.brains.llm.providers import build_provider
    from warden.cli.own_credentials import fetch_own

    chosen = model_settings(settings)

    def credential() -> str | None:
        return fetch_own(settings.model.key, settings)

    return ModelClient(build_provider(chosen), chosen, Surroundings(clock, stop, credential, RememberedDialects()))


def redactor(scanner: Scanner) -> Redactor:
    """Return what takes out of a text all that the scanner finds in it."""
    from warden.guard.redaction import clean, count_kinds

    def redact(text: str) -> tuple[str, Mapping[str, int]]:
        cleaned = clean(scanner, text)
        return cleaned.text, count_kinds(cleaned.findings)

    return redact
