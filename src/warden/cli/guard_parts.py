"""The guard as commands use it: with what was enrolled, warden's own credentials, and a second opinion if configured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING

from warden.cli.own_credentials import fetch_own
from warden.config.credential import CredentialSource, fetch_credential
from warden.errors import ConfigError

if TYPE_CHECKING:
    from warden.config.settings import Settings
    from warden.guard.known import KnownSecrets
    from warden.ports import Scanner
    from warden.scanners.kingfisher import KingfisherScanner
    from warden.store.fingerprints import FingerprintFiles


def fingerprint_files(settings: Settings) -> FingerprintFiles:
    """Return where fingerprints lie: beside the other keys in the state directory."""
    from warden.store.fingerprints import FingerprintFiles

    return FingerprintFiles(settings.state_dir)


def own_credentials(settings: Settings) -> tuple[bytes, ...]:
    """Return the value of every credential that the settings name; raises `ConfigError` when one cannot be fetched.

    Of those for notifications and of the model's key, one that cannot be fetched is left out: nobody is notified and no model
    asked with it either, and that must not keep mail from being answered.
    """
    without = replace(settings, observe=None, model=replace(settings.model, key=CredentialSource()))
    values = [fetch_own(source, settings) for source in _sources(without)]
    for source in (*_sources(settings.observe), settings.model.key):
        with suppress(ConfigError):
            values.append(fetch_own(source, settings))
    return tuple(value.encode() for value in values if value)


def known_secrets(settings: Settings, has_own: bool = True) -> KnownSecrets | None:
    """Return what must never appear: the enrolled values and, with `has_own`, warden's own credentials, or None.

    Raises `StateError` when the fingerprints cannot be read, and `ConfigError` as `own_credentials`.
    """
    files = fingerprint_files(settings)
    fingerprints = files.load()
    held = own_credentials(settings) if has_own else ()
    if not fingerprints and not held:
        return None
    from warden.guard.known import KnownSecrets

    return KnownSecrets(files.key() if fingerprints else b"", fingerprints, all_forms(held))


def all_forms(values: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return each of `values` and what it looks like when gaps are left out or letters are folded."""
    from warden.guard.known import enrolled_forms

    return tuple(dict.fromkeys(form for value in values for form in enrolled_forms(value)))


def build_guard(settings: Settings, has_own: bool = True) -> Scanner:
    """Return the core's scanner with everything that is known, and the second opinion that the settings name.

    Raises as `known_secrets`, and `ConfigError` when a configured scanner is not installed: it is never silently left
    out.
    """
    from warden.guard.scanner import GuardScanner
    from warden.guard.union import UnionScanner

    core = GuardScanner(known_secrets(settings, has_own))
    second = second_opinion(settings)
    return UnionScanner((core, second)) if second else core


def build_output_guard(settings: Settings, held: tuple[bytes, ...]) -> Scanner:
    """Return what looks at our own output: the core with enrolled values, `held`, and credentials in files and variables.

    A credential that cannot be fetched is none that could be shown. The second opinion is left out: it saw the texts
    when they came in, and loading it for every command would cost more than the command. Raises `StateError` when the
    fingerprints cannot be read.
    """
    from warden.guard.known import KnownSecrets
    from warden.guard.scanner import GuardScanner

    files = fingerprint_files(settings)
    fingerprints = files.load()
    values = all_forms((*held, *_credentials_at_hand(settings)))
    return GuardScanner(KnownSecrets(files.key() if fingerprints else b"", fingerprints, values))


def _credentials_at_hand(settings: Settings) -> Iterator[bytes]:
    """Yield own credentials that need no command to be fetched, as far as they can be."""
    for source in _sources(settings):
        if source.command:
            continue
        try:
            value = fetch_credential(source, settings.variables)
        except ConfigError:
            continue
        if value:
            yield value.encode()


def second_opinion(settings: Settings) -> KingfisherScanner | None:
    """Return the second scanner that the settings name, or None; raises `ConfigError` when it is not installed."""
    if not settings.guard.kingfisher:
        return None
    from warden.scanners.kingfisher import KingfisherScanner

    return KingfisherScanner(settings.scanner_cache_dir)


def _sources(value: object) -> Iterator[CredentialSource]:
    """Yield every credential source anywhere in settings, so that a new one needs no entry here."""
    if isinstance(value, CredentialSource):
        yield value
    elif is_dataclass(value):
        for one in fields(value):
            yield from _sources(getattr(value, one.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _sources(item)
