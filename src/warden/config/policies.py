"""The operator's policy directory as layers for the kernel, with the last good set to fall back on.

Every file is a layer of its own. The set is loaded whole or not at all: when one file cannot be read, parsed or verified,
the last set that could stays in force, kept in the state directory so that it survives a restart, and the reason is an
alert. Without such a set everything is denied: one layer that says no stands for the missing ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.config.policy_history import PolicyFile, PolicyHistory, set_digest
from warden.config.signatures import SIGNATURE_SUFFIX, read_key, verifies
from warden.documents.policy_file import SUFFIXES, load_policy
from warden.errors import ConfigError, DocumentError, GateError, WardenError, quote
from warden.model.digests import digest_text
from warden.model.request import Effect
from warden.policy.bundle import Bundle, Match, Rule

if TYPE_CHECKING:
    from pathlib import Path

    from warden.policy.layer import Layer

MAX_FILES = 256
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""What a policy file may be called: its name stands in every rule id, and so in the ledger."""
MAX_FILE_BYTES = 2 * 1024 * 1024

CURRENT = "current"
LAST_GOOD = "last-good"
NONE_GOOD = "deny-all"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count, and whether each file needs one. `keys` are public-key files."""

    keys: tuple[Path, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The layers in force. `source` is `current`, `last-good` or `deny-all`; anything but the first comes with alerts,
    each a sentence for the log, the ledger, doctor and `policy check`. `digest` names the files in force."""

    layers: tuple[Bundle | Layer, ...]
    digest: str
    source: str = CURRENT
    alerts: tuple[str, ...] = ()


def read_policy_dir(directory: Path) -> tuple[PolicyFile, ...]:
    """Return the policy files of a directory with their signatures, sorted by name; a missing directory has none.

    Raises `ConfigError` for what cannot be read, and for a file whose suffix says that it is no policy.
    """
    if not directory.exists():
        return ()
    try:
        names = sorted(item.name for item in directory.iterdir() if not item.name.startswith("."))
    except OSError:
        raise ConfigError(f"cannot read the policy directory {quote(directory)}", "check its permissions") from None
    policies = [name for name in names if not name.endswith(SIGNATURE_SUFFIX)]
    if len(policies) > MAX_FILES:
        raise ConfigError(f"{quote(directory)} holds more than {MAX_FILES} policy files", "merge or remove some")
    for name in policies:
        if not name.endswith(SUFFIXES):
            hint = f"policy files end in {', '.join(SUFFIXES)}; a leading dot makes warden ignore a file"
            raise ConfigError(f"{quote(name)} in the policy directory is no policy file", hint)
        if not FILE_NAME.fullmatch(name):
            hint = "use letters, digits, `_`, `-` and `.`, at most 100 characters"
            raise ConfigError(f"{quote(name)} is no name for a policy file", hint)
    return tuple(_read(directory, name, name + SIGNATURE_SUFFIX in names) for name in policies)


def _read(directory: Path, name: str, signed: bool) -> PolicyFile:
    if (directory / name).exists() and not (directory / name).is_file():
        raise ConfigError(f"{quote(name)} in the policy directory is no regular file", "move it away")
    try:
        data = _read_bounded(directory / name)
        signature = _read_bounded(directory / (name + SIGNATURE_SUFFIX)) if signed else None
    except OSError:
        raise ConfigError(f"cannot read the policy file {quote(name)}", "check its permissions") from None
    return PolicyFile(name, data, signature)


def _read_bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(f"{quote(path.name)} has more than {MAX_FILE_BYTES} bytes", "split it into several files")
    return data


def policy_stamp(directory: Path) -> str:
    """Return a text that changes when a file of the directory is added, removed or written; empty when it is missing.

    A long run compares stamps between cycles and calls `load_policies` when they differ: no file is read for it.
    """
    try:
        found = [(item.name, item.stat()) for item in directory.iterdir()]
    except OSError:
        return ""
    lines = sorted(f"{name} {info.st_size} {info.st_mtime_ns} {info.st_ino}" for name, info in found)
    return digest_text("\n".join(lines))


def read_policy_file(path: Path) -> PolicyFile:
    """Return one policy file with its signature, wherever it lies; raises `ConfigError` when it cannot be read."""
    return _read(path.parent, path.name, path.with_name(path.name + SIGNATURE_SUFFIX).exists())


def verify_file(file: PolicyFile, keys: tuple[bytes, ...], required: bool) -> None:
    """Check a file's signature; raises `GateError` when it is needed and missing, or there and wrong.

    Without any key nothing can be checked: then a signature beside a file means nothing.
    """
    if file.signature is None:
        if required:
            hint = f"sign it: `warden policy sign {file.name} --key KEY`"
            raise GateError(f"policy file {quote(file.name)} is not signed", hint)
        return
    if (keys or required) and not any(verifies(file.data, file.signature, key) for key in keys):
        hint = "sign it again with a key that the configuration names"
        raise GateError(f"the signature of {quote(file.name)} is wrong or by an unknown key", hint)


def load_files(files: tuple[PolicyFile, ...], trust: Trust) -> tuple[Bundle | Layer, ...]:
    """Return the files as layers; raises `GateError`, `DocumentError` or `ConfigError` for the first bad one."""
    keys = tuple(read_key(path) for path in trust.keys)
    layers: list[Bundle | Layer] = []
    for file in files:
        verify_file(file, keys, trust.required)
        layers.append(load_policy(file.data, file.name))
    return tuple(layers)


def load_policies(directory: Path, trust: Trust, history: PolicyHistory, remember: bool = True) -> PolicySet:
    """Return the layers in force; never raises for a bad file.

    `remember` keeps a good set as the last good one (it is written only when it changed).
    """
    try:
        files = read_policy_dir(directory)
        layers = load_files(files, trust)
    except WardenError as error:
        return _fall_back(error, trust, history)
    digest = set_digest(files)
    if remember:
        try:
            history.keep(files)
        except WardenError as error:
            return PolicySet(layers, digest, CURRENT, (f"the policies in force could not be kept: {error.message}",))
    return PolicySet(layers, digest)


def _fall_back(error: WardenError, trust: Trust, history: PolicyHistory) -> PolicySet:
    """INVARIANT (fail-closed): a bad set never takes force, and without a good one nothing is allowed."""
    alert = f"the policies could not be loaded: {error.message}"
    try:
        files = history.last_good()
        if files is not None:
            return PolicySet(
                load_files(files, trust), set_digest(files), LAST_GOOD, (alert, "the last good set is in force")
            )
        second = "no earlier set is known: everything is denied"
    except WardenError as later:
        second = f"the last good set cannot be used: {later.message}: everything is denied"
    return PolicySet((deny_all(),), digest_text(NONE_GOOD), NONE_GOOD, (alert, second))


def deny_all() -> Bundle:
    """Return the layer that stands for policies that are not there."""
    rule = Rule("no-good-set", Match(), Effect.DENY, "the policies could not be loaded and no earlier set is known")
    return Bundle(NONE_GOOD, "0", digest_text(NONE_GOOD), (rule,))


__all__ = [
    "CURRENT",
    "LAST_GOOD",
    "NONE_GOOD",
    "DocumentError",
    "PolicyFile",
    "PolicyHistory",
    "PolicySet",
    "Trust",
    "deny_all",
    "load_files",
    "load_policies",
    "policy_stamp",
    "read_policy_dir",
    "read_policy_file",
    "set_digest",
    "verify_file",
]
