"""Running the hub's application with uvicorn: where it may listen, its bounds, and how it stops."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.types import ASGIApp

from warden.errors import ConfigError, StateError, quote
from warden.server.bounded_http import BoundedHttpProtocol
from warden.server.hub import Access, HubParts, build_app

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS: Final = 512
KEEP_ALIVE_S: Final = 75
DRAIN_S: Final = 10


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._announce()


def check_bind(host: str, has_tokens: bool, unsafe_no_auth: bool) -> Access:
    """Return how callers show who they are; raises `ConfigError` for a bind that would let anybody in."""
    if unsafe_no_auth:
        if not is_loopback(host):
            raise ConfigError(
                f"{quote(host)} is not a loopback address, and --unsafe-no-auth is for loopback only",
                "create a token with `warden hub token create AGENT`, and leave --unsafe-no-auth out",
            )
        return Access.UNSAFE_NO_AUTH
    if not has_tokens:
        raise ConfigError(
            "there is no token, so nobody could use this hub",
            "create one with `warden hub token create AGENT`, or on loopback allow everybody with --unsafe-no-auth",
        )
    return Access.TOKENS


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a socket that is bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve_hub(parts: HubParts, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was asked; `announce` is given the URL once it is ready.

    Port 0 takes a free one. Raises `StateError` when the address cannot be bound.
    """
    listener = bind(host, port)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listener.getsockname()[1]}"
    with listener:
        build_server(build_app(parts), lambda: announce(url)).run(sockets=[listener])


def build_server(app: ASGIApp, announce: Callable[[], None]) -> uvicorn.Server:
    """Return a bounded server for an application; `announce` is called once it listens."""
    config = uvicorn.Config(
        app,
        http=BoundedHttpProtocol,
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    return _Server(config, announce)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises `StateError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only on sockets that name it (a delayed
    # acknowledgement would cost 40 ms per answer otherwise).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(CONNECTIONS)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise StateError(
            f"cannot listen on {quote(f'{host}:{port}')}: {reason}", "name another with --host and --port"
        ) from error
    return listener
