"""The tables `[workload]`, `[script]` and `[api]`: read strictly, when the file has one of them. No token is ever in here,
only where each is to be found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from warden.config.check import VARIABLE, refuse
from warden.config.credential_fields import read_source
from warden.config.workload_settings import ApiClient, Grant, WorkloadSettings
from warden.errors import quote

SCOPES = ("events", "dispatch", "claim", "authorize", "audit")
TRUSTS = ("owner", "collaborator", "readonly", "unknown")
MAX_ENTRIES = 64
"""INVARIANT (bounded): clients, grants, and names in one of their lists."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}\Z")
_CLIENT_KEYS = frozenset({"token_file", "token_command", "token_variable", "scopes", "trust"})
_GRANT_KEYS = frozenset({"actions", "hook", "operations", "max_uses", "expires_s"})


def read_workload(file: Path, values: Mapping[str, object], place: Path) -> WorkloadSettings:
    """Return how workloads go out; raises `ConfigError` for a path, a grant or a client that does not hold."""
    defaults = WorkloadSettings()
    drop_after = values.get("workload.drop_after_s", defaults.drop_after_s)
    variables = values.get("script.variables")
    return WorkloadSettings(
        trigger_pipe=_path(values, "workload.trigger_pipe", place),
        lifecycle_socket=_path(values, "workload.lifecycle_socket", place),
        drop_after_s=float(drop_after) if isinstance(drop_after, int | float) and drop_after else None,
        instance=str(values.get("workload.instance", "")),
        grants=tuple(_grant(file, name, fields) for name, fields in _table(file, values, "workload.grants")),
        clients=tuple(_client(file, name, fields, place) for name, fields in _table(file, values, "api.clients")),
        script_variables=defaults.script_variables if variables is None else _variables(file, variables),
    )


def _path(values: Mapping[str, object], name: str, place: Path) -> Path | None:
    value = values.get(name)
    return None if value is None else place / Path(str(value)).expanduser()


def _table(file: Path, values: Mapping[str, object], name: str) -> list[tuple[str, Mapping[str, object]]]:
    table = values.get(name, {})
    if not isinstance(table, Mapping) or len(table) > MAX_ENTRIES:
        raise refuse(file, f"{quote(name)} must be a table of at most {MAX_ENTRIES} entries", f"write [{name}.NAME]")
    for key, fields in table.items():
        if not _NAME.match(key) or not isinstance(fields, Mapping):
            hint = "an entry has a name of lower-case letters, digits and `-`, and keys below it"
            raise refuse(file, f"{quote(f'{name}.{key}')} is not an entry", hint)
    return list(table.items())


def _known(file: Path, where: str, fields: Mapping[str, object], known: frozenset[str]) -> None:
    unknown = sorted(set(fields) - known)
    if unknown:
        hint = "known keys: " + ", ".join(sorted(known))
        if unknown[0] in ("token", "secret", "key"):
            hint = 'no token is kept here: write token_file = "/path" (mode 600), token_command or token_variable'
        raise refuse(file, f"{quote(where)} has an unknown key {quote(unknown[0])}", hint)


def _grant(file: Path, name: str, fields: Mapping[str, object]) -> Grant:
    where = f"workload.grants.{name}"
    _known(file, where, fields, _GRANT_KEYS)
    (hook,) = _words(file, f"{where}.hook", [fields.get("hook")])
    return Grant(
        name,
        _words(file, f"{where}.actions", fields.get("actions")),
        hook,
        _words(file, f"{where}.operations", fields.get("operations")),
        int(_bounded(file, f"{where}.max_uses", fields.get("max_uses", 10), 1_000_000, whole=True)),
        _bounded(file, f"{where}.expires_s", fields.get("expires_s", 3_600), 31 * 86_400),
    )


def _client(file: Path, name: str, fields: Mapping[str, object], place: Path) -> ApiClient:
    where = f"api.clients.{name}"
    _known(file, where, fields, _CLIENT_KEYS)
    token = read_source(file, where, fields, "token", place)
    if not token.is_set:
        raise refuse(file, f"{quote(where)} has no token", f'give it token_file = "{name}.token" (mode 600)')
    scopes = _words(file, f"{where}.scopes", fields.get("scopes"))
    wrong = sorted(set(scopes) - set(SCOPES))
    if wrong:
        raise refuse(file, f"{quote(wrong[0])} is no scope of {quote(where)}", "scopes: " + ", ".join(SCOPES))
    trust = fields.get("trust", "collaborator")
    if trust not in TRUSTS:
        raise refuse(file, f"{quote(f'{where}.trust')} is not known", "one of: " + ", ".join(TRUSTS))
    return ApiClient(name, token, frozenset(scopes), str(trust))


def _words(file: Path, where: str, value: object) -> tuple[str, ...]:
    fine = isinstance(value, list) and 0 < len(value) <= MAX_ENTRIES
    if not isinstance(value, list) or not fine or not all(isinstance(v, str) and _WORD.match(v) for v in value):
        raise refuse(file, f"{quote(where)} must be given, in words of letters, digits and `._:/-`", "see docs/how-to")
    return tuple(str(word) for word in value)


def _bounded(file: Path, where: str, value: object, most: float, whole: bool = False) -> float:
    kinds = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kinds) or not 1 <= value <= most:
        raise refuse(file, f"{quote(where)} must lie between 1 and {most:g}", "write a number")
    return value


def _variables(file: Path, value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else []
    if not all(isinstance(name, str) and VARIABLE.fullmatch(name) for name in names):
        raise refuse(file, "`script.variables` must be names of environment variables", 'such as ["PATH", "HOME"]')
    return tuple(str(name) for name in names)
