"""The table `[intake]`: where events are taken in, who may send them, and who people are there. Read strictly, when the
file has one. No key of a source is ever in here, only where each is to be found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from warden.config.check import check_base_url, refuse
from warden.config.credential import CredentialSource
from warden.config.credential_fields import read_source
from warden.config.intake_settings import IntakeSettings, IntakeSource, People
from warden.errors import ConfigError, quote

KINDS = ("gitea", "github", "standard-webhooks", "hmac", "bearer")
FORMATS = ("gitea", "github", "generic")
ALGORITHMS = ("sha256", "sha384", "sha512")
ENCODINGS = ("hex", "base64")

DEFAULT_LISTEN = "127.0.0.1:8790"
MAX_SOURCES = 64
MAX_KEYS = 8
"""INVARIANT (bounded): sources, and keys of one source: each delivery is checked against all of them."""
MAX_ACCOUNTS = 1_000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
_ACCOUNT = re.compile(r"[^\s\x00-\x20\x7f]{1,128}\Z")


_SOURCE_KEYS = frozenset(
    {"kind", "format", "header", "prefix", "algorithm", "encoding", "tolerance_s", "event_header", "id_header", "url"}
    | {"owners", "collaborators", "readonly", "own_accounts", "agent_accounts", "repositories"}
    | {f"{stem}_{way}" for stem in ("key", "token") for way in ("file", "command", "variable")}
    | {"key_files", "key_commands", "key_variables"}
)


def read_intake(file: Path, values: Mapping[str, object], place: Path) -> IntakeSettings:
    """Return how events come in; raises `ConfigError` for an address, a source, a key or an account that does not hold."""
    defaults = IntakeSettings()
    sources = _sources(file, values.get("intake.sources", {}), place, _shared_people(values))
    host, port = _listen(file, str(values.get("intake.listen", DEFAULT_LISTEN)))
    rules = values.get("intake.rules")
    workflow = {name.removeprefix("intake."): value for name, value in values.items() if "workflow_key" in name}
    return IntakeSettings(
        host=host,
        port=port,
        rules=place / Path(str(rules)).expanduser() if rules is not None else None,
        sources=sources,
        workflow_key=read_source(file, "intake", workflow, "workflow_key", place),
        workflow_label=str(values.get("intake.workflow_label", defaults.workflow_label)),
        body_bytes=_whole(values, "body_bytes", defaults.body_bytes),
        source_per_minute=_whole(values, "source_per_minute", defaults.source_per_minute),
        address_per_minute=_whole(values, "address_per_minute", defaults.address_per_minute),
        body_timeout_s=_seconds(values, "body_timeout_s", defaults.body_timeout_s),
        dedupe_window_s=_seconds(values, "dedupe_window_s", defaults.dedupe_window_s),
        retention_s=_seconds(values, "retention_s", defaults.retention_s),
        lock_ttl_s=_seconds(values, "lock_ttl_s", defaults.lock_ttl_s),
        lock_grace_s=_seconds(values, "lock_grace_s", defaults.lock_grace_s),
        workflow_window_s=_seconds(values, "workflow_window_s", defaults.workflow_window_s),
    )


def _seconds(values: Mapping[str, object], name: str, default: float) -> float:
    value = values.get(f"intake.{name}", default)
    return float(value) if isinstance(value, int | float) else default


def _whole(values: Mapping[str, object], name: str, default: int) -> int:
    value = values.get(f"intake.{name}", default)
    return value if isinstance(value, int) else default


def _listen(file: Path, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise refuse(file, "`intake.listen` is not an address", 'write it as "127.0.0.1:8790"')
    return host, int(port)


def _shared_people(values: Mapping[str, object]) -> Mapping[str, object]:
    names = ("owners", "collaborators", "readonly", "own_accounts", "agent_accounts")
    return {name: values[f"intake.{name}"] for name in names if f"intake.{name}" in values}


def _sources(file: Path, value: object, place: Path, shared: Mapping[str, object]) -> tuple[IntakeSource, ...]:
    if not isinstance(value, Mapping) or len(value) > MAX_SOURCES:
        raise refuse(
            file, f"`intake.sources` must be a table of at most {MAX_SOURCES} sources", "write [intake.sources.NAME]"
        )
    return tuple(_source(file, name, fields, place, shared) for name, fields in value.items())


def _source(file: Path, name: str, fields: object, place: Path, shared: Mapping[str, object]) -> IntakeSource:
    where = f"intake.sources.{name}"
    if not _NAME.match(name) or not isinstance(fields, Mapping):
        hint = "a source has a name of lower-case letters, digits and `-`, and keys below it"
        raise refuse(file, f"{quote(where)} is not a source", hint)
    unknown = sorted(set(fields) - _SOURCE_KEYS)
    if unknown:
        hint = "known keys: " + ", ".join(sorted(_SOURCE_KEYS))
        if unknown[0] in ("key", "secret", "token"):
            hint = 'no secret value is kept here: write key_file = "/path" (mode 600), key_command or key_variable'
        raise refuse(file, f"{quote(where)} has an unknown key {quote(unknown[0])}", hint)
    kind = _choice(file, where, fields, "kind", KINDS, "")
    keys = _keys(file, where, fields, place)
    if not keys:
        raise refuse(
            file, f"{quote(where)} has no key, and nothing unsigned is taken in", f'give it key_file = "{name}.key"'
        )
    url = fields.get("url")
    try:
        base = None if url is None else check_base_url(str(url), "source", f"{where}.token_file")
    except ConfigError as error:
        raise refuse(file, error.message, error.hint) from error
    return IntakeSource(
        name=name,
        kind=kind,
        keys=keys,
        format=_choice(file, where, fields, "format", FORMATS, kind if kind in FORMATS else "generic"),
        header=_header(file, where, fields, "header", "x-signature"),
        prefix=_text(file, where, fields, "prefix", ""),
        algorithm=_choice(file, where, fields, "algorithm", ALGORITHMS, "sha256"),
        encoding=_choice(file, where, fields, "encoding", ENCODINGS, "hex"),
        tolerance_s=_tolerance(file, where, fields.get("tolerance_s", 300)),
        event_header=_header(file, where, fields, "event_header", "x-event"),
        id_header=_header(file, where, fields, "id_header", "x-delivery"),
        people=_people(file, where, {**shared, **{key: fields[key] for key in fields if key in _PEOPLE}}),
        url=base,
        token=read_source(file, where, fields, "token", place),
        repositories=_accounts(file, where, fields, "repositories"),
    )


_PEOPLE = ("owners", "collaborators", "readonly", "own_accounts", "agent_accounts")


def _people(file: Path, where: str, fields: Mapping[str, object]) -> People:
    lists = {key: frozenset(name.lower() for name in _accounts(file, where, fields, key)) for key in _PEOPLE}
    return People(**lists)


def _accounts(file: Path, where: str, fields: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = fields.get(key, [])
    fine = isinstance(value, list) and len(value) <= MAX_ACCOUNTS
    if not isinstance(value, list) or not fine or not all(isinstance(v, str) and _ACCOUNT.match(v) for v in value):
        raise refuse(file, f"{quote(f'{where}.{key}')} is not a list of names", f'write {key} = ["NAME"]')
    return tuple(str(name) for name in value)


def _keys(file: Path, where: str, fields: Mapping[str, object], place: Path) -> tuple[CredentialSource, ...]:
    found: list[CredentialSource] = []
    for way in ("file", "command", "variable"):
        one, many = fields.get(f"key_{way}"), fields.get(f"key_{way}s", [])
        if not isinstance(many, list):
            raise refuse(file, f"{quote(f'{where}.key_{way}s')} must be a list", "write one, or a list of them")
        named: Sequence[object] = [*([] if one is None else [one]), *many]
        found.extend(read_source(file, where, {f"key_{way}": value}, "key", place) for value in named)
    if len(found) > MAX_KEYS:
        raise refuse(file, f"{quote(where)} has more than {MAX_KEYS} keys", "take out those that are not used any more")
    return tuple(found)


def _choice(
    file: Path, where: str, fields: Mapping[str, object], key: str, words: tuple[str, ...], default: str
) -> str:
    value = fields.get(key, default)
    if not isinstance(value, str) or value not in words:
        raise refuse(file, f"{quote(f'{where}.{key}')} is not known", "one of: " + ", ".join(words))
    return value


def _header(file: Path, where: str, fields: Mapping[str, object], key: str, default: str) -> str:
    value = fields.get(key, default)
    if not isinstance(value, str) or not _HEADER.match(value):
        raise refuse(file, f"{quote(f'{where}.{key}')} is not the name of a header", 'write it as "X-Signature"')
    return value.lower()


def _text(file: Path, where: str, fields: Mapping[str, object], key: str, default: str) -> str:
    value = fields.get(key, default)
    if not isinstance(value, str) or len(value) > 32 or not value.isascii() or not value.isprintable():
        raise refuse(file, f"{quote(f'{where}.{key}')} must be a short text", 'such as "sha256="')
    return value


def _tolerance(file: Path, where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 86_400:
        raise refuse(file, f"{quote(f'{where}.tolerance_s')} must lie between 1 and 86400", "300 is usual")
    return float(value)
