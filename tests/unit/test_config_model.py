"""`[model]` and `[budget]`: what may be written there, what it means, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from warden.cli.guard_parts import build_guard
from warden.cli.model_parts import model_settings
from warden.config.environment import from_variables
from warden.config.load import Overrides, load
from warden.config.settings import Settings
from warden.errors import EXIT_NOT_CONFIGURED, ConfigError
from warden.model.budget import Limit
from warden.model.consultation import TokenPrice


def loaded(tmp_path: Path, text: str, **variables: str) -> Settings:
    """The settings that this file and these variables give."""
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load(Overrides(config=file), from_variables({"HOME": str(tmp_path), **variables}))


def test_nothing_is_configured_by_default(tmp_path: Path) -> None:
    """Without a word about models there is none, and the budget has its built-in limits."""
    model = loaded(tmp_path, "").model
    assert (model.provider, model.url, model.key.is_set, model.price) == ("", "", False, None)
    budget = model.budget()
    assert (budget.run.calls, budget.run.wall_ms, budget.sender.calls) == (200, 3_600_000, 100)
    assert (budget.hour.calls, budget.day.prompt_tokens, budget.day.cost_microunits) == (400, 20_000_000, None)


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    """Every key arrives where it belongs: paths from the file's directory, prices and costs in millionths, hosts lower case."""
    model = loaded(
        tmp_path,
        """
        [model]
        provider = "openai"
        url = "http://127.0.0.1:8080/v1/"
        name = "qwen2.5:1.5b"
        key_file = "keys/model"
        answer_form = "json_object"
        max_tokens = 300
        reply_chars = 900
        link_hosts = ["Wiki.Example.org"]
        connect_timeout_s = 1
        timeout_s = 20.5
        total_timeout_s = 30
        retries = 1
        concurrency = 3
        cooldown_s = 5
        prices = { "qwen2.5:1.5b" = { prompt = 0.15, completion = 0.6 } }
        [budget]
        run_calls = 3
        hour_prompt_tokens = 1000
        day_cost = 2.5
        sender_wall_s = 1.5
        """,
    ).model
    assert (model.provider, model.url, model.name) == ("openai", "http://127.0.0.1:8080/v1", "qwen2.5:1.5b")
    assert model.key.file == tmp_path / "keys" / "model"
    assert (model.answer_form, model.max_tokens, model.reply_chars) == ("json_object", 300, 900)
    assert model.link_hosts == ("wiki.example.org",)
    assert (model.connect_timeout_s, model.timeout_s, model.total_timeout_s) == (1, 20.5, 30)
    assert (model.retries, model.concurrency, model.cooldown_s) == (1, 3, 5)
    assert model.price == TokenPrice(150_000, 600_000)
    budget = model.budget()
    assert budget.run == Limit(calls=3, wall_ms=3_600_000)
    assert (budget.hour.prompt_tokens, budget.day.cost_microunits, budget.sender.wall_ms) == (1000, 2_500_000, 1500)


def test_llm_connect_is_found_by_its_variable(tmp_path: Path) -> None:
    """`LLM_CONNECT_URL` alone configures llm-connect; the file wins over it, and another provider does not use it."""
    variables = {"LLM_CONNECT_URL": "http://127.0.0.1:9000/"}
    found = loaded(tmp_path, "", **variables).model
    assert (found.provider, found.url) == ("llm-connect", "http://127.0.0.1:9000")
    named = loaded(tmp_path, "[model]\nprovider = 'llm-connect'\nurl = 'http://localhost:1'", **variables).model
    assert named.url == "http://localhost:1"
    other = loaded(tmp_path, "[model]\nprovider = 'anthropic'\nname = 'm'", **variables).model
    assert (other.provider, other.url) == ("anthropic", "https://api.anthropic.com")


def test_a_variable_meant_for_others_stops_nobody(tmp_path: Path) -> None:
    """A strange `LLM_CONNECT_URL` is no error of who asks no model, and one of who does."""
    settings = loaded(tmp_path, "brain = 'auto'", LLM_CONNECT_URL="unix:/run/connect.sock")
    with pytest.raises(ConfigError, match="URL of a model"):
        model_settings(settings)


def test_the_models_key_is_known_to_the_guard(tmp_path: Path) -> None:
    """INVARIANT (no-secret): our key for the model is redacted wherever it stands, without being enrolled by hand."""
    key = tmp_path / "key"
    key.write_text("plainword-without-shape")
    key.chmod(0o600)
    settings = loaded(tmp_path, "[model]\nprovider = 'openai'\nname = 'm'\nkey_file = 'key'\n")
    scanner = build_guard(settings)
    assert scanner.scan("they said plainword-without-shape was ours")
    assert not scanner.scan("they said another word was ours")


REFUSED = {
    "provider": ("[model]\nprovider = 'openia'", "`openia`"),
    "no model": ("[model]\nprovider = 'openai'", "`model.name` is missing"),
    "name alone": ("[model]\nname = 'm'", "without `model.provider`"),
    "url alone": ("[model]\nurl = 'http://localhost:1'", "without `model.provider`"),
    "no url": ("[model]\nprovider = 'llm-connect'", "llm-connect has no URL"),
    "bad url": ("[model]\nprovider = 'llm-connect'\nurl = 'ftp://x'", "URL of a model"),
    "password in url": ("[model]\nprovider = 'llm-connect'\nurl = 'http://u:p@x'", "user or password"),
    "form": ("[model]\nprovider = 'llm-connect'\nurl = 'http://x'\nanswer_form = 'xml'", "`xml`"),
    "key itself": ("[model]\nkey = 'abc'", "`model.key` would hold a secret value"),
    "api key itself": ("[model]\napi_key = 'abc'", "would hold a secret value"),
    "two keys": ("[model]\nkey_file = 'a'\nkey_variable = 'B'", "are both set"),
    "misspelt": ("[model]\nmax_token = 3", "unknown key `model.max_token`"),
    "misspelt budget": ("[budget]\nrun_prompt_token = 3", "unknown key `budget.run_prompt_token`"),
    "negative": ("[budget]\nday_cost = -1", "`budget.day_cost`"),
    "not a number": ("[budget]\nday_cost = nan", "`budget.day_cost`"),
    "text": ("[budget]\nday_cost = '1'", "must be a number"),
    "flag": ("[budget]\nday_cost = true", "must be a number"),
    "half calls": ("[budget]\nrun_calls = 1.5", "must be a whole number"),
    "prices": ("[model]\nprices = 3", "must be a table of models"),
    "price": ("[model]\nprices = { m = 3 }", "`prompt` and `completion`"),
    "half a price": ("[model]\nprices = { m = { prompt = 1 } }", "`prompt` and `completion`"),
    "strange price": ("[model]\nprices = { m = { prompt = 1, completion = -2 } }", "must hold prices"),
    "price flag": ("[model]\nprices = { m = { prompt = 1, completion = true } }", "must hold prices"),
    "link host with a scheme": ("[model]\nlink_hosts = ['https://wiki.example.org']", "which is no host"),
    "link host with a path": ("[model]\nlink_hosts = ['wiki.example.org/vpn']", "which is no host"),
    "cost without price": (
        "[model]\nprovider = 'openai'\nname = 'm'\nprices = { other = { prompt = 1, completion = 1 } }\n[budget]\nday_cost = 1",
        "no price is known",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, name: str) -> None:
    """A mistake is an error of the configuration that names the key, before anything runs."""
    text, told = REFUSED[name]
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert told in caught.value.message
    assert caught.value.exit_status == EXIT_NOT_CONFIGURED
    assert "abc" not in str(caught.value)


def test_a_limit_of_cost_for_a_free_model(tmp_path: Path) -> None:
    """A price of nothing is a price."""
    text = "[model]\nprovider = 'openai'\nname = 'm'\nprices = { m = { prompt = 0, completion = 0 } }\n[budget]\nday_cost = 0"
    model = loaded(tmp_path, text).model
    assert (model.price, model.budget().day.cost_microunits) == (TokenPrice(0, 0), 0)
