"""Running the console: where it may listen, and how it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from warden.errors import ConfigError, quote
from warden.server.console.parts import Site
from warden.server.hub_serve import bind, build_server, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from warden.server.console.parts import ConsoleParts


def check_bind(host: str, allow_remote: bool, public_url: str) -> None:
    """Raise `ConfigError` for a bind that other machines reach, unless the configuration takes that and TLS is in front."""
    if is_loopback(host):
        return
    if not allow_remote:
        raise ConfigError(
            f"{quote(host)} can be reached from other machines",
            "put a proxy with TLS in front of 127.0.0.1, or set `allow_remote = true` and `public_url` under [console]",
        )
    if not public_url.startswith("https://"):
        raise ConfigError(
            "other machines would reach the console without TLS: passphrases would cross the network in the open",
            'put a proxy with TLS in front, and say how browsers reach it: public_url = "https://..." under [console]',
        )


def site_of(host: str, port: int, public_url: str) -> Site:
    """Return the names that the console answers to."""
    if public_url:
        parts = urlsplit(public_url)
        return Site(frozenset({parts.netloc.lower()}), parts.scheme == "https", f"warden_{port}", public_url)
    shown = f"[{host}]" if ":" in host else host
    names = {shown, "127.0.0.1", "localhost", "[::1]"} if is_loopback(host) else {shown}
    return Site(frozenset(f"{name}:{port}" for name in names), False, f"warden_{port}", f"http://{shown}:{port}")


def serve_console(build: Callable[[int], ConsoleParts], host: str, port: int, announce: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM; `build` is given the port that was taken and returns the parts.

    Raises `StateError` when the address cannot be bound.
    """
    from warden.server.console.app import build_app

    listener = bind(host, port)
    taken = listener.getsockname()[1]
    with listener:
        parts = build(taken)
        server = build_server(build_app(parts), lambda: announce(taken))
        parts.stopping.requested = lambda: server.should_exit
        server.run(sockets=[listener])
