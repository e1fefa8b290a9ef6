"""The composition root: the only place that builds adapters from settings.

Every builder imports what it builds when it is called, so that a command pays for what it uses and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from warden.cli.clock import SystemClock
from warden.cli.run_parts import asks_a_model, lazy_rule_brain, read_documents
from warden.config.load import Overrides, load
from warden.config.settings import Settings
from warden.config.state import ensure_private_dir

if TYPE_CHECKING:
    from warden.brains.rules.brain import RuleBrain
    from warden.cli.run_parts import Documents
    from warden.engine.parts import Asking
    from warden.hubs.database import Database
    from warden.hubs.tokens import TokenStore
    from warden.model.catalog import Catalog
    from warden.ports import Brain, Channel, Clock, Hub, PolicyKernel, Scanner, StopSignal, Witness
    from warden.scanners.kingfisher import KingfisherScanner
    from warden.store.files import LedgerFiles
    from warden.store.locks import FileLockStore
    from warden.store.review_store import SqliteReviews
    from warden.store.sqlite import SqliteLedgerStore
    from warden.store.verification import Report


def load_settings(
    config: Path | None = None,
    state_dir: Path | None = None,
    hub: str | None = None,
    agent: str | None = None,
    catalog: Path | None = None,
    brain: str | None = None,
) -> Settings:
    """Return the settings with what the command line says put over them; raises `ConfigError`."""
    return load(Overrides(config=config, state_dir=state_dir, hub=hub, agent=agent, catalog=catalog, brain=brain))


def build_clock(wait: Callable[[float], None] | None = None) -> Clock:
    """Return the system's clock; `wait` lets seconds pass, by default by sleeping."""
    return SystemClock(wait) if wait else SystemClock()


def open_hub(settings: Settings, clock: Clock | None = None, traceparent: Callable[[], str] | None = None) -> Hub:
    """Return the hub that the settings name: embedded, or over HTTP. The caller closes it.

    `traceparent` gives the trace context (W3C) that goes with each request over HTTP, empty for none.

    Raises `ConfigError` for a credential or profile that cannot be used, `StateError` for the embedded hub's file.
    """
    clock = clock or build_clock()
    if settings.hub.url is None:
        from warden.hubs.embedded import EmbeddedHub

        ensure_private_dir(settings.state_dir)
        return EmbeddedHub(settings.hub_file, clock)
    return _open_http_hub(settings, settings.hub.url, clock, traceparent)


def open_hub_database(settings: Settings, clock: Clock) -> Database:
    """Return the embedded hub's open file, for serving it and for its tokens; raises `StateError`. The caller closes it."""
    from warden.hubs.database import Database

    ensure_private_dir(settings.state_dir)
    return Database(settings.hub_file, clock)


def build_tokens(database: Database, clock: Clock) -> TokenStore:
    """Return the bearer tokens of the embedded hub."""
    from warden.hubs.tokens import TokenStore

    return TokenStore(database, clock)


def ledger_files(settings: Settings) -> LedgerFiles:
    """Return where the ledger's files lie."""
    from warden.store.files import LedgerFiles

    return LedgerFiles(settings.state_dir, settings.config_dir)


def open_ledger(settings: Settings, clock: Clock | None = None) -> SqliteLedgerStore:
    """Return the ledger for reading and appending, made with its signing key on first use. The caller closes it.

    Raises `StateError` when its files cannot be used and `LedgerError` when it does not hold together.
    """
    from warden.store.sqlite import NewLog

    ensure_private_dir(settings.state_dir)
    files = ledger_files(settings)
    ensure_private_dir(files.head.parent)
    return files.open(clock or build_clock(), NewLog())


def build_reviews(store: SqliteLedgerStore) -> SqliteReviews:
    """Return the queue of what waits for a person, in an open ledger."""
    from warden.store.review_store import SqliteReviews

    return SqliteReviews(store)


def read_ledger(settings: Settings, clock: Clock | None = None) -> SqliteLedgerStore:
    """Return the ledger for reading; raises as `open_ledger`, and `StateError` when there is none."""
    return ledger_files(settings).open_reader(clock or build_clock())


def verify_ledger(settings: Settings, store: SqliteLedgerStore) -> Report:
    """Return what verifying every entry, signature, text and derived table of an open ledger finds."""
    from warden.store.verification import Source, verify_ledger

    segments = ledger_files(settings).segments
    return store.read(
        lambda connection: verify_ledger(Source(connection, segments, store.origin, store.verifier), store.published())
    )


def build_locks(settings: Settings) -> FileLockStore:
    """Return the locks of this state directory."""
    from warden.store.locks import FileLockStore

    ensure_private_dir(settings.state_dir)
    return FileLockStore(settings.locks_dir)


def build_scanner(settings: Settings) -> Scanner:
    """Return what finds secret values in texts, knowing what was enrolled and warden's own credentials.

    Raises `StateError` when the fingerprints cannot be read, and `ConfigError` when a credential cannot be fetched.
    """
    from warden.cli.guard_parts import build_guard

    return build_guard(settings)


def build_second_opinion(settings: Settings) -> KingfisherScanner | None:
    """Return the second scanner that the settings name, or None; raises `ConfigError` when it is not installed."""
    from warden.cli.guard_parts import second_opinion

    return second_opinion(settings)


def build_witnesses(settings: Settings) -> tuple[Witness, ...]:
    """Return what keeps heads of the ledger elsewhere, by default nothing."""
    ledger = settings.ledger
    if not ledger.witness_files and not ledger.witness_command:
        return ()
    from warden.store.witness import WitnessCommand, WitnessFile

    files = tuple(WitnessFile(path) for path in ledger.witness_files)
    if not ledger.witness_command:
        return files
    return (*files, WitnessCommand(ledger.witness_command, ledger.witness_read_command, ledger.witness_timeout_s))


def load_catalog(settings: Settings) -> Catalog:
    """Return the routing catalogue: the configured one, or the one that ships with warden.

    Raises `InputError` when it cannot be read and `DocumentError` when it is not a catalogue.
    """
    return read_documents(settings).catalog.value


def build_rule_brain(catalog: Catalog) -> RuleBrain:
    """Return the rule brain over a catalogue."""
    from warden.brains.rules.brain import RuleBrain

    return RuleBrain(catalog)


def build_brain(
    settings: Settings, documents: Documents, scanner: Scanner, clock: Clock, stop: StopSignal, stack: ExitStack
) -> tuple[Brain, Asking | None]:
    """Return the configured brain, and what asking a model takes when it asks one; `stack` gives its connections back.

    Raises `InputError` for a brain that does not exist, `ConfigError` for one whose model is not configured.
    """
    if not asks_a_model(settings):
        return lazy_rule_brain(documents.catalog, settings), None
    from warden.cli.model_parts import build_model_brain
    from warden.engine.parts import Asking

    brain = build_model_brain(settings, documents, scanner, clock, stop)
    stack.callback(brain.close)
    return brain, Asking(brain, settings.model.budget, settings.model.concurrency)


def build_kernel(settings: Settings) -> PolicyKernel:
    """Return the kernel over the packaged charter and the configured overlays.

    Raises `CharterError` when the charter is missing or changed. What is wrong with its rules or with an overlay comes out
    as `WardenError` when the kernel is first asked something.
    """
    return read_documents(settings).kernel


def build_channels(hub: Hub) -> Mapping[str, Channel]:
    """Return the channels that deliver to this hub, by name."""
    from warden.channels.hub import messaging_channels

    return messaging_channels(hub, hub.traits().delivery)


def _open_http_hub(settings: Settings, url: str, clock: Clock, traceparent: Callable[[], str] | None) -> Hub:
    import random

    from warden.cli.own_credentials import fetch_own
    from warden.hubs.connection import Bounds
    from warden.hubs.http import HttpHub, HttpOptions
    from warden.hubs.profile import find_profile

    hub = settings.hub
    token = fetch_own(hub.token, settings) or ""
    bounds = Bounds(hub.connect_timeout_s, hub.timeout_s, connections=settings.concurrency)
    options = HttpOptions(token, hub.hub_id, hub.retries, bounds, traceparent)
    return HttpHub(url, clock, random.uniform, find_profile(hub.profile), options)
