"""Where a secret of a nested table is to be found: `STEM_file`, `STEM_command` or `STEM_variable`, at most one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from warden.config.check import VARIABLE, refuse
from warden.config.credential import NOWHERE, CredentialSource
from warden.errors import quote


def read_source(file: Path, where: str, fields: Mapping[str, object], stem: str, place: Path) -> CredentialSource:
    """Return what the fields of the table `where` say of the secret `stem`; `NOWHERE` when they say nothing.

    A relative path is taken from `place`. Raises `ConfigError` for several ways, or one that does not hold.
    """
    given = {way: fields[f"{stem}_{way}"] for way in ("file", "command", "variable") if f"{stem}_{way}" in fields}
    if len(given) > 1:
        raise refuse(file, f"{quote(f'{where}.{stem}')} is set in several ways", "keep one of them")
    for way, value in given.items():
        if way == "command" and isinstance(value, list) and value and all(isinstance(v, str) and v for v in value):
            return CredentialSource(command=tuple(str(v) for v in value))
        if way == "file" and isinstance(value, str) and value and value.isprintable():
            return CredentialSource(file=place / Path(value).expanduser())
        if way == "variable" and isinstance(value, str) and VARIABLE.fullmatch(value):
            return CredentialSource(variable=value)
        hint = f'write {stem}_file = "/path", {stem}_command = ["program", "argument"] or {stem}_variable = "NAME"'
        raise refuse(file, f"{quote(f'{where}.{stem}_{way}')} does not say where the secret is", hint)
    return NOWHERE
