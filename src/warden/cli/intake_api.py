"""What the API of the intake is made of: clients, grants, timelines, the listener of lifecycle reports."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from warden.errors import ConfigError, quote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from warden.config.settings import Settings
    from warden.config.workload_settings import WorkloadSettings
    from warden.hubs.capabilities import GrantTerms
    from warden.hubs.database import Database
    from warden.model.script_run import ScriptRunRecord
    from warden.orders.book import TriggerBook
    from warden.ports import Clock, Scanner
    from warden.server.intake.app import Desk, Router
    from warden.server.intake.clients import Client
    from warden.server.intake.trails import Trails


def build_api(
    settings: Settings, clock: Clock, desk: Desk, book: Callable[[], TriggerBook], scanner: Scanner
) -> Sequence[Router]:
    """Return the groups of routes of the API, and the listener; none where no table asks for them.

    Raises `ConfigError` for a token that cannot be fetched, or that two clients share, and `StateError` for a socket that
    cannot be bound.
    """
    workload = settings.workload
    if workload is None:
        return []
    from warden.guard import clean
    from warden.server.intake.lifecycle import Listener

    routers: list[Router] = []
    if workload.clients:
        routers.extend(_build_routes(settings, workload, clock, desk, book, scanner))
    if workload.lifecycle_socket is not None:
        # INVARIANT (no-secret): what a runtime says is redacted before it is kept.
        listener = Listener(desk, workload.lifecycle_socket, lambda text: clean(scanner, text).text, workload.instance)
        listener.open()  # last, and before anything is served: what is wrong with it is said in words
        routers.append(listener.router())
    return routers


def _build_routes(
    settings: Settings,
    workload: WorkloadSettings,
    clock: Clock,
    desk: Desk,
    book: Callable[[], TriggerBook],
    scanner: Scanner,
) -> list[Router]:
    from warden.cli.intake_parts import need_intake
    from warden.config.intake_settings import People
    from warden.server.intake.app import Router
    from warden.server.intake.audit import Audit
    from warden.server.intake.clients import Clients
    from warden.server.intake.dispatch import Dispatch, DispatchTerms
    from warden.server.intake.grants import Grants
    from warden.server.intake.limits import Rate

    intake = need_intake(settings)
    clients = Clients(build_clients(settings, workload), Rate(intake.source_per_minute, clock.monotonic))
    trails = build_trails(settings, desk.database, clock)

    @contextlib.asynccontextmanager
    async def life() -> AsyncIterator[None]:
        try:
            yield
        finally:
            trails.close()

    everybody = [source.people for source in intake.sources]
    names = ("owners", "collaborators", "readonly", "own_accounts", "agent_accounts")
    people = People(**{name: frozenset().union(*(getattr(one, name) for one in everybody)) for name in names})
    terms = DispatchTerms(settings.agent, people, intake.dedupe_window_s)
    return [
        Dispatch(desk, clients, book, scanner, terms).router(),
        Grants(desk, clients, trails, lambda action: grants_of(workload, action)).router(),
        Audit(desk, clients, trails).router(),
        Router((), life),
    ]


def grants_of(workload: WorkloadSettings, action: str) -> tuple[GrantTerms, ...]:
    """Return what workloads with this action may claim."""
    from warden.hubs.capabilities import GrantTerms

    return tuple(
        GrantTerms(grant.name, grant.hook, grant.operations, grant.max_uses, grant.expires_s)
        for grant in workload.grants
        if action in grant.actions
    )


def build_clients(settings: Settings, workload: WorkloadSettings) -> list[Client]:
    """Return the clients with the hashes of their tokens; raises `ConfigError`."""
    from warden.cli.own_credentials import fetch_own
    from warden.model.event import Trust
    from warden.server.intake.clients import Client, hash_token

    found: dict[bytes, Client] = {}
    names = {source.name for source in settings.intake.sources} if settings.intake is not None else set()
    for one in workload.clients:
        if one.name in names:
            raise ConfigError(
                f"{quote(one.name)} is a client of the API and a source of webhooks", "give one of them another name"
            )
        token = fetch_own(one.token, settings) or ""
        digest = hash_token(token)
        if digest in found:
            raise ConfigError(
                f"the clients {quote(found[digest].name)} and {quote(one.name)} share a token", "give each its own"
            )
        found[digest] = Client(one.name, one.scopes, Trust(one.trust), digest)
    return list(found.values())


def build_trails(settings: Settings, database: Database, clock: Clock) -> Trails:
    """Return what reads timelines; the caller closes it."""
    from warden.cli import compose
    from warden.server.intake.trails import Trails

    def runs_of(key: str) -> tuple[ScriptRunRecord, ...]:
        if not settings.script_runs_file.exists():
            return ()
        from warden.store.script_runs import ScriptRuns

        runs = ScriptRuns(settings.script_runs_file, clock)
        try:
            return runs.of(key)
        finally:
            runs.close()

    return Trails(database, clock, settings.agent, lambda: compose.read_ledger(settings, clock), runs_of)
