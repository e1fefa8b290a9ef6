"""A deadline for a whole exchange, kept at every step on the network.

httpcore and httpx know a time-out per read only, which lets a server drip for ever. The one step that is not cut is the
system's own look-up of a host's name: it cannot be interrupted.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final

import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

GATHERED_BYTES: Final = 16 * 1024
"""A request up to this size leaves in one piece."""


class Deadline(threading.local):
    """When the exchange of this thread must have ended, by the clock that was handed in."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._at = 0.0

    def start(self, seconds: float) -> None:
        """Begin an exchange."""
        self._at = self._monotonic() + seconds

    def shorten(self, timeout: float | None) -> float:
        """Return the time-out of one step, no longer than what is left; raises `httpcore.ReadTimeout`."""
        left = self._at - self._monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("deadline")
        return left if timeout is None else min(timeout, left)


class _BoundedStream(httpcore.NetworkStream):
    """A stream that sends headers and a small body in one piece: what is written waits for the next read.

    INVARIANT (bounded): no step outlives the deadline, however slowly a server drips.
    """

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self._unsent = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # A server may answer before it has read all, and close: its answer counts, not that the rest could not be sent.
        with contextlib.suppress(httpcore.WriteError):
            self._flush(timeout)
        return self._stream.read(max_bytes, self._deadline.shorten(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._unsent += buffer
        if len(self._unsent) > GATHERED_BYTES:
            self._flush(timeout)

    def _flush(self, timeout: float | None) -> None:
        unsent, self._unsent = self._unsent, b""
        if unsent:
            self._stream.write(unsent, self._deadline.shorten(timeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.shorten(timeout))
        return _BoundedStream(stream, self._deadline)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class BoundedBackend(httpcore.NetworkBackend):
    """Opens streams that end at the deadline, without looking at the environment."""

    def __init__(self, deadline: Deadline) -> None:
        self._backend = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect; raises `httpcore.ConnectTimeout` when the deadline is over before: nothing was sent."""
        try:
            timeout_s = self._deadline.shorten(timeout)
        except httpcore.ReadTimeout as error:
            raise httpcore.ConnectTimeout("deadline") from error
        stream = self._backend.connect_tcp(host, port, timeout_s, local_address, socket_options)
        return _BoundedStream(stream, self._deadline)
