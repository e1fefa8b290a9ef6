"""`warden intake serve`: takes webhooks in over HTTP."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.output import print_json, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from warden.cli.intake_parts import RuleFile
    from warden.config.settings import Settings
    from warden.ports import Clock
    from warden.server.intake.app import Desk, Router


def serve(
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to listen instead; port 0: a free one."),
    ] = None,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Take webhooks in until it is interrupted: signed deliveries become durable, and a cycle of the worker acts on them."""
    from warden.cli import compose
    from warden.cli.intake_parts import RuleFile, need_intake, open_intake
    from warden.cli.redaction import install
    from warden.cli.run_parts import LazyScanner
    from warden.server.hub_serve import bind, build_server, is_loopback
    from warden.server.intake.app import Desk, build_app

    settings = compose.load_settings(config=config, state_dir=state_dir)
    intake = need_intake(settings)
    clock = compose.build_clock()
    # INVARIANT (no-secret): what the server logs of a request may quote it.
    install(LazyScanner(lambda: compose.build_scanner(settings)))
    rules = RuleFile(intake, clock)
    host, port = (intake.host, intake.port) if listen is None else _address(listen)
    if not is_loopback(host):
        talk("warning: this listens beyond this machine without TLS; put a proxy with TLS before it")
    listener = bind(host, port)
    with listener:
        desk = Desk(open_intake(settings, clock), clock)
        app = build_app(desk, build_routers(settings, clock, desk, rules))
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listener.getsockname()[1]}"
        build_server(app, lambda: _announce(url, json)).run(sockets=[listener])
    return 0


def build_routers(settings: Settings, clock: Clock, desk: Desk, rules: RuleFile) -> Sequence[Router]:
    """Return the groups of routes that the intake serves; raises `ConfigError` for a key that cannot be fetched."""
    from warden.cli import compose
    from warden.cli.intake_api import build_api
    from warden.cli.intake_parts import build_sources, need_intake
    from warden.server.intake.health import Health
    from warden.server.intake.hooks import Hooks, HookTerms

    intake = need_intake(settings)
    terms = HookTerms(
        intake.body_bytes,
        intake.body_timeout_s,
        intake.source_per_minute,
        intake.address_per_minute,
        intake.dedupe_window_s,
    )
    scanner = compose.build_scanner(settings)
    hooks = Hooks(desk, build_sources(settings), rules.current, scanner, terms)
    health = Health(desk, lambda: rules.problem, intake.retention_s)
    return [hooks.router(), health.router(), *build_api(settings, clock, desk, rules.current, scanner)]


def _address(text: str) -> tuple[str, int]:
    from warden.errors import UsageError

    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise UsageError("--listen is not an address", "write it as 127.0.0.1:8790")
    return host, int(port)


def _announce(url: str, json: bool) -> None:
    if json:
        print_json({"schema": "warden.intake.serve/1", "url": url}, indent=None)
    else:
        print(f"listening on {url}")
    sys.stdout.flush()
