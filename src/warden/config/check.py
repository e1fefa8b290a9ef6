"""Checking a parsed config.toml against the table of keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from warden.config.schema import BY_NAME, TABLES, Key
from warden.errors import ConfigError, quote

if TYPE_CHECKING:
    from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
SECRET_WORDS = ("token", "password", "passwd", "passphrase", "secret", "api_key", "apikey", "credential", "private_key")
TEXT_LIMIT = 4_096
LIST_LIMIT = 256
PRICE_LIMIT = 100_000


def refuse(file: Path, message: str, hint: str) -> ConfigError:
    """Return the error that says what is wrong in which file."""
    return ConfigError(f"{quote(file)}: {message}", hint)


def check_document(file: Path, document: Mapping[str, object]) -> Mapping[str, object]:
    """Return the file's values by dotted key; raises `ConfigError` for anything that the table does not have."""
    found: dict[str, object] = {}
    for name, value in document.items():
        if name in TABLES and name:
            if not isinstance(value, Mapping):
                raise refuse(file, f"{quote(name)} must be a table", f"write [{name}] on a line of its own")
            for inner, item in value.items():
                _take(file, f"{name}.{inner}", item, found)
        else:
            _take(file, name, value, found)
    if "schedule.every" in found and "schedule.cron" in found:
        raise refuse(file, "`schedule.every` and `schedule.cron` are both set", "keep one of them")
    if "ledger.witness_read_command" in found and "ledger.witness_command" not in found:
        raise refuse(
            file, "`ledger.witness_read_command` is set without `ledger.witness_command`", "set both, or neither"
        )
    for credential in ("hub.token", "model.key", "notify.webhook_secret", "notify.apprise"):
        sources = [name for name in (f"{credential}_{way}" for way in ("file", "command", "variable")) if name in found]
        if len(sources) > 1:
            raise refuse(file, f"{quote(sources[0])} and {quote(sources[1])} are both set", "keep one of them")
    return found


def _take(file: Path, name: str, value: object, found: dict[str, object]) -> None:
    key = BY_NAME.get(name)
    if key is None:
        raise _unknown(file, name)
    try:
        found[name] = _check(key, value)
    except ValueError as error:
        raise refuse(file, f"{quote(name)} {error}", "see docs/reference/config.md") from error


def _unknown(file: Path, name: str) -> ConfigError:
    """An unknown key: perhaps a secret written where it must not be, perhaps a typing error."""
    last = name.rpartition(".")[2].lower()
    counts_tokens = name.startswith("budget.") or last.startswith("max_")
    if name == "model.key" or (any(word in last for word in SECRET_WORDS) and not counts_tokens):
        stem = quote(f"{last}_file")[1:-1]
        if name.startswith(("hub.", "model.")):
            stem = "token_file" if name.startswith("hub.") else "key_file"
        return refuse(
            file,
            f"{quote(name)} would hold a secret value, and none is kept here",
            f'name where it is instead: {stem} = "/path" (mode 600), or *_command or *_variable; '
            "then replace the credential, because it was stored in the open",
        )
    import difflib  # only on the way to an error

    near = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.6)
    if not near:
        near = [known for known in BY_NAME if known.rpartition(".")[2] == last][:1]
    hint = f"did you mean {quote(near[0])}?" if near else "see docs/reference/config.md for the keys that there are"
    return refuse(file, f"unknown key {quote(name)}", hint)


def _check(key: Key, value: object) -> object:
    """Return `value` when it is of the key's kind and within its bounds; raises `ValueError` with the rest of a
    sentence that starts with the key's name."""
    match key.kind:
        case "flag":
            if not isinstance(value, bool):
                raise ValueError("must be true or false")
        case "integer":
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError("must be a whole number")
            _check_bounds(key, value)
        case "seconds":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError("must be a number of seconds")
            _check_bounds(key, value)
        case "paths" | "command" | "texts":
            if not isinstance(value, list) or not value or len(value) > LIST_LIMIT:
                raise ValueError("must be a list of texts, with at least one in it")
            for item in value:
                _check_text(item)
        case "amount":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError("must be a number")
            _check_bounds(key, value)
        case "prices":
            _check_prices(value)
        case "table":
            if not isinstance(value, Mapping):
                raise ValueError("must be a table")
        case "profile" if isinstance(value, Mapping):
            pass  # its fields belong to the hub room, which reads them strictly
        case _:
            _check_word(key, _check_text(value))
    return value


def _check_prices(value: object) -> None:
    if not isinstance(value, Mapping) or len(value) > LIST_LIMIT:
        raise ValueError("must be a table of models")
    for name, price in value.items():
        _check_text(name)
        if not isinstance(price, Mapping) or set(price) != {"prompt", "completion"}:
            raise ValueError("must say of each model what `prompt` and `completion` cost, and nothing else")
        for amount in price.values():
            if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount <= PRICE_LIMIT:
                raise ValueError(f"must hold prices of 0 to {PRICE_LIMIT} per million tokens")


def _check_bounds(key: Key, value: float) -> None:
    # INVARIANT (charter-floor): a limit can be lowered here, never raised above the built-in bound
    if not key.low <= value <= key.high:  # false for nan too
        raise ValueError(f"must lie between {key.low:g} and {key.high:g}")


def _check_text(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > TEXT_LIMIT:
        raise ValueError(f"must be a text of 1 to {TEXT_LIMIT} characters")
    if not value.isprintable():
        raise ValueError("must not hold control characters")
    return value


def _check_word(key: Key, value: str) -> None:
    if key.kind == "name" and not NAME.fullmatch(value):
        raise ValueError("must be 1 to 128 letters, digits or `._@:+-`, starting with a letter or digit")
    if key.kind == "variable" and not VARIABLE.fullmatch(value):
        raise ValueError("must be the name of an environment variable")


def check_agent(name: str) -> str:
    """Return `name` when it can name an agent; raises `ConfigError`."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{quote(name)} cannot name an agent",
            "use 1 to 128 letters, digits or `._@:+-`, starting with a letter or digit",
        )
    return name


def check_url(url: str) -> str:
    """Return the hub's base URL; raises as `check_base_url`."""
    return check_base_url(url, "hub", "hub.token_file")


def check_base_url(url: str, whose: str, key: str) -> str:
    """Return a base URL without a slash at the end; `whose` server it names, and `key` is where its credential belongs.

    Raises `ConfigError` when it is not http or https, has no host, or carries a user, a password, a query or a
    fragment (RFC 3986, section 3.2.1: credentials in a URL are deprecated, and they end up in logs).
    """
    from urllib.parse import urlsplit  # the embedded hub has no URL

    hint = "write it as http://host:port or https://host"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"the {whose}'s URL cannot be read", hint) from error
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"the {whose}'s URL carries a user or password", f"use {key} in config.toml instead")
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ConfigError(f"{quote(url)} is not the URL of a {whose}", hint)
    if parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise ConfigError(f"{quote(url)} has parts that a base URL must not have", hint)
    return url.rstrip("/")
