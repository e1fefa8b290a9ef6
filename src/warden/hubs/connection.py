"""One bounded exchange over HTTP: pooled http/1.1 connections, a deadline on everything, a limit on what is read.

httpcore, the engine of httpx, is used as it is: the layers above it (redirects, cookies, proxies and netrc from the
environment, decompression) are what a client of an untrusted hub must not have, and cost more than half of the time of
a request. A deadline is kept for the whole exchange, because a time-out per read lets a hub drip for ever.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpcore

from warden.errors import (
    ConfigError,
    HubAnswerError,
    HubBusyError,
    HubRejectedError,
    HubUncertainError,
    HubUnreachableError,
)
from warden.wire.deadline import BoundedBackend, Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Header = tuple[bytes, bytes]
KEEP_ALIVE_S: Final = 15.0
"""Shorter than what servers keep, so that a request seldom meets a connection that is just being closed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A hub's answer: status, headers with names in small letters, and the whole body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one exchange: seconds for the connection and for everything, bytes of the body, connections."""

    connect_timeout_s: float = 5.0
    timeout_s: float = 30.0
    response_bytes: int = 8 * 1024 * 1024
    connections: int = 8


class Connection:
    """Pooled connections to one base URL. Safe to use from several threads."""

    def __init__(
        self, base_url: str, headers: Iterable[Header], bounds: Bounds, monotonic: Callable[[], float]
    ) -> None:
        """Prepare, without connecting; raises `ConfigError` for a URL that is not one of http or https."""
        scheme, host, port, self._prefix = _split(base_url)
        shown = b"[" + host + b"]" if b":" in host else host
        self._origin = (scheme, host, port)
        default = port in (None, 443 if scheme == b"https" else 80)
        self._headers = [(b"Host", shown if default else shown + b":%d" % (port or 0)), *headers]
        self._bounds = bounds
        self._deadline = Deadline(monotonic)
        self._extensions = {
            "timeout": {
                "connect": bounds.connect_timeout_s,
                "read": bounds.timeout_s,
                "write": bounds.timeout_s,
                "pool": bounds.timeout_s,
            }
        }
        self._pool = ConnectionPool(
            httpcore.Origin(scheme, host, port or (443 if scheme == b"https" else 80)), bounds, self._deadline
        )

    def exchange(self, method: str, target: str, headers: list[Header], body: bytes | None) -> Answer:
        """Send a request and return the answer, read whole.

        Raises `HubUnreachableError` when nothing was sent, `HubBusyError` when no connection came free,
        `HubUncertainError` when the request may have arrived, `HubAnswerError` for an answer over the limit.
        """
        sent = [*self._headers, *headers]
        if body is not None:
            sent.append((b"Content-Length", b"%d" % len(body)))
        scheme, host, port = self._origin
        request = httpcore.Request(
            method,
            httpcore.URL(scheme=scheme, host=host, port=port, target=self._prefix + target.encode("ascii")),
            headers=sent,
            content=body,
            extensions=self._extensions,
        )
        self._deadline.start(self._bounds.timeout_s)
        try:
            with self._pool.taken() as connection:
                return self._read(connection.handle_request(request))
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise HubUnreachableError(
                f"the hub cannot be reached: {_reason(error)}", "check hub.url, and that the hub runs"
            ) from error
        except httpcore.LocalProtocolError as error:
            raise HubRejectedError("the request cannot be sent: a header is not acceptable") from error
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise HubUncertainError(
                f"the hub did not answer within {self._bounds.timeout_s:g} s", "raise hub.timeout_s, or look at the hub"
            ) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise HubUncertainError(f"the connection to the hub broke: {_reason(error)}", "look at the hub") from error

    def _read(self, response: httpcore.Response) -> Answer:
        """INVARIANT (bounded): no more than `response_bytes` are ever held of an answer."""
        limit = self._bounds.response_bytes
        try:
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            chunks = []
            size = 0
            for chunk in response.iter_stream():
                size += len(chunk)
                if size > limit:
                    raise HubAnswerError(f"the hub's answer is larger than {limit} bytes", "look at the hub")
                chunks.append(chunk)
        finally:
            response.close()
        return Answer(response.status, headers, b"".join(chunks))

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


def _split(base_url: str) -> tuple[bytes, bytes, int | None, bytes]:
    try:
        parts = urlsplit(base_url)
        host = (parts.hostname or "").encode("idna" if not (parts.hostname or "").isascii() else "ascii")
        port = parts.port
        prefix = parts.path.rstrip("/").encode("ascii")
    except ValueError as error:
        raise ConfigError("the hub's URL cannot be read", "write it as http://host:port or https://host") from error
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or parts.query or parts.fragment:
        raise ConfigError("the hub's URL is not a base URL", "write it as http://host:port or https://host")
    return parts.scheme.encode(), host, port, prefix


def _reason(error: Exception) -> str:
    """Return what the system says, on one line; it holds no part of a request."""
    text = str(error) or type(error).__name__
    return "".join(c if c.isprintable() else " " for c in text)[:200]


class ConnectionPool:
    """Connections, each used by one thread at a time.

    httpcore's own pool is not used: it looks at connections that other threads are using, and now and then takes an
    answer that just arrived on one for its end and closes it, which would leave a delivery in doubt for no reason.
    """

    def __init__(self, origin: httpcore.Origin, bounds: Bounds, deadline: Deadline) -> None:
        self._origin = origin
        self._timeout_s = bounds.timeout_s
        self._backend = BoundedBackend(deadline)
        # A TLS context takes 20 ms to build: only for https.
        self._tls = ssl.create_default_context() if origin.scheme == b"https" else None
        self._free = threading.BoundedSemaphore(bounds.connections)
        self._idle: deque[httpcore.HTTPConnection] = deque()

    @contextlib.contextmanager
    def taken(self) -> Iterator[httpcore.HTTPConnection]:
        """Give a connection for one exchange; raises `HubBusyError` when none comes free in time."""
        if not self._free.acquire(timeout=self._timeout_s):
            raise HubBusyError("no connection to the hub came free", "lower concurrency, or raise hub.timeout_s")
        try:
            connection = self._pick()
            try:
                yield connection
            finally:
                if connection.is_idle():
                    self._idle.append(connection)
                else:
                    connection.close()
        finally:
            self._free.release()

    def _pick(self) -> httpcore.HTTPConnection:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                break
            if connection.is_idle() and not connection.has_expired():
                return connection
            connection.close()
        return httpcore.HTTPConnection(
            self._origin, ssl_context=self._tls, keepalive_expiry=KEEP_ALIVE_S, network_backend=self._backend
        )

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()
