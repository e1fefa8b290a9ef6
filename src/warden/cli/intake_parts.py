"""What the commands of the intake, and a cycle over it, are made of."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from warden.config.state import ensure_private_dir
from warden.errors import ConfigError, InputError, WardenError, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from warden.config.intake_settings import IntakeSettings
    from warden.config.settings import Settings
    from warden.hubs.database import Database
    from warden.hubs.intake import IntakeHub
    from warden.orders.book import TriggerBook
    from warden.ports import Clock
    from warden.server.intake.delivery import Source

LOOK_S = 1.0
"""How often the rules file is looked at for a change, while events come in."""


def need_intake(settings: Settings) -> IntakeSettings:
    """Return how events come in; raises `ConfigError` when the configuration has no source of any."""
    if settings.intake is None:
        raise ConfigError("no events are taken in", "write [intake] and [intake.sources.NAME] in config.toml")
    return settings.intake


def open_intake(settings: Settings, clock: Clock) -> Database:
    """Return the open file of events, made on first use; raises `StateError`. The caller closes it."""
    from warden.hubs.intake import open_database

    ensure_private_dir(settings.state_dir)
    return open_database(settings.intake_file, clock)


@contextmanager
def intake_file(settings: Settings, clock: Clock) -> Iterator[Database]:
    """Give the open file of events for the length of a command."""
    database = open_intake(settings, clock)
    try:
        yield database
    finally:
        database.close()


def open_intake_hub(settings: Settings, clock: Clock, takes: bool) -> IntakeHub:
    """Return the second source; with `takes` a listing notes what was begun with. The caller closes it."""
    from warden.hubs.intake import IntakeHub

    intake = need_intake(settings)
    return IntakeHub(open_intake(settings, clock), clock, takes, intake.lock_ttl_s, intake.lock_grace_s)


def load_rules(intake: IntakeSettings) -> TriggerBook:
    """Return the trigger rules, none when no file is named; raises `InputError` and `DocumentError`."""
    from warden.model.digests import digest_bytes
    from warden.orders.book import TriggerBook

    if intake.rules is None:
        return TriggerBook((), digest_bytes(b""))
    from warden.documents.triggers import load_triggers

    return load_triggers(read_rules(intake.rules), str(intake.rules))


def read_rules(path: Path) -> bytes:
    """Return the bytes of a rules file; raises `InputError`."""
    from warden.documents.triggers import MAX_TRIGGER_BYTES

    if path.exists() and not path.is_file():
        raise InputError(f"the trigger rules {quote(path)} are not an ordinary file", "name a file")
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_TRIGGER_BYTES + 1)
    except OSError as error:
        hint = "write them, or take `intake.rules` out of config.toml"
        raise InputError(f"the trigger rules {quote(path)} cannot be read: {error.strerror}", hint) from error
    if len(data) > MAX_TRIGGER_BYTES:
        raise InputError(f"the trigger rules {quote(path)} are larger than {MAX_TRIGGER_BYTES} bytes", "split them")
    return data


class RuleFile:
    """The trigger rules of a server: read anew when the file changes; while it cannot be read the old ones hold."""

    def __init__(self, intake: IntakeSettings, clock: Clock) -> None:
        """Read the file; raises `InputError` and `DocumentError`."""
        self._intake = intake
        self._clock = clock
        self._book = load_rules(intake)
        self._stamp = self._look()
        self._looked_at = clock.monotonic()
        self.problem = ""

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self._intake.rules.stat() if self._intake.rules is not None else None
        except OSError:
            return (0, 0, 0)
        return (0, 0, 0) if found is None else (found.st_mtime_ns, found.st_size, found.st_ino)

    def current(self) -> TriggerBook:
        """Return the rules in force."""
        now = self._clock.monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._reload()
        return self._book

    def _reload(self) -> None:
        from warden.cli.output import talk

        try:
            self._book = load_rules(self._intake)
            self.problem = ""
        except WardenError as error:
            self.problem = error.message
            talk(f"alert: the trigger rules changed and cannot be read, the old ones hold: {error.message}")


def build_sources(settings: Settings) -> dict[str, Source]:
    """Return the sources with their keys; raises `ConfigError` for a key that cannot be fetched."""
    from warden.server.intake.delivery import Source
    from warden.server.intake.events import EventTerms
    from warden.server.intake.signature import RefusedDeliveryError, SignatureTerms, SourceKind, standard_key

    intake = need_intake(settings)
    fetch = _fetcher(settings)
    workflow = fetch(intake.workflow_key) if intake.workflow_key.is_set else None
    found = {}
    for one in intake.sources:
        keys = [fetch(place) for place in one.keys]
        try:
            for key in keys if one.kind == SourceKind.STANDARD_WEBHOOKS.value else ():
                standard_key(key)
        except RefusedDeliveryError as error:
            hint = "`whsec_` is followed by base64"
            raise ConfigError(f"a key of the source {quote(one.name)} is not of the form it says", hint) from error
        terms = SignatureTerms(
            SourceKind(one.kind), one.header, one.prefix, one.algorithm, one.encoding, one.tolerance_s
        )
        reading = EventTerms(
            source=one.name,
            format=one.format,
            accounts=one.people,
            event_header=one.event_header,
            id_header=one.id_header,
            workflow_keys=() if workflow is None else (workflow,),
            workflow_window_s=intake.workflow_window_s,
            workflow_label=intake.workflow_label,
        )
        found[one.name] = Source(one.name, terms, keys, reading)
    return found


def _fetcher(settings: Settings) -> Callable[..., bytes]:
    from warden.cli.own_credentials import fetch_own
    from warden.config.credential import CredentialSource

    def fetch(place: CredentialSource) -> bytes:
        return (fetch_own(place, settings) or "").encode("ascii")

    return fetch
