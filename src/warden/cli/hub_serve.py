"""`warden hub serve`: the embedded hub over HTTP."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.output import print_json, talk


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
    from warden.cli import compose
    from warden.cli.redaction import install
    from warden.cli.run_parts import LazyScanner
    from warden.server.hub import HubParts
    from warden.server.hub_serve import check_bind, serve_hub

    settings = compose.load_settings(config=config, state_dir=state_dir)
    clock = compose.build_clock()
    # INVARIANT (no-secret): what the server logs of a request may quote it.
    install(LazyScanner(lambda: compose.build_scanner(settings)))
    with closing(compose.open_hub_database(settings, clock)) as database:
        access = check_bind(host, compose.build_tokens(database, clock).any_valid(), unsafe_no_auth)
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
