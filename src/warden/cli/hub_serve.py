"""`warden hub serve`: the embedded hub over HTTP."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.output import print_json, talk

if TYPE_CHECKING:
    from warden.config.settings import Settings
    from warden.hubs.database import Database
    from warden.ports import Clock


def serve(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="N", help="Where to listen; 0: a free one.")
    ] = 8765,
    unsafe_no_auth: Annotated[
        bool, typer.Option("--unsafe-no-auth", help="Let everybody on this machine act under any name.")
    ] = False,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Serve the embedded hub over HTTP until it is interrupted.

    Callers show a bearer token (`warden hub token create AGENT`). On loopback, --unsafe-no-auth does without.
    """
    from warden.cli.compose import build_clock, load_settings
    from warden.hubs.tokens import TokenStore
    from warden.server.hub import HubParts
    from warden.server.hub_serve import check_bind, serve_hub

    settings = load_settings(config=config, state_dir=state_dir)
    clock = build_clock()
    with closing(open_database(settings, clock)) as database:
        access = check_bind(host, TokenStore(database, clock).any_valid(), unsafe_no_auth)
        if unsafe_no_auth:
            talk("warning: everybody on this machine can read and send under any name")
        serve_hub(HubParts(database, clock, access), host, port, lambda url: _announce(url, json))
    return 0


def _announce(url: str, json: bool) -> None:
    if json:
        print_json({"schema": "warden.hub.serve/1", "url": url}, indent=None)
    else:
        print(f"listening on {url}")
    import sys

    sys.stdout.flush()


def open_database(settings: Settings, clock: Clock) -> Database:
    """Return the embedded hub's open file; raises `StateError`."""
    from warden.config.state import ensure_private_dir
    from warden.hubs.database import Database

    ensure_private_dir(settings.state_dir)
    return Database(settings.hub_file, clock)
