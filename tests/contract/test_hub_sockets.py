"""The HTTP client against real sockets that misbehave: resets, drips, floods, redirects, and a hostile environment."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpcore
import pytest

from warden.errors import HubAnswerError, HubBusyError, HubUncertainError, HubUnreachableError
from warden.hubs.connection import Bounds, ConnectionPool
from warden.hubs.http import HttpHub, HttpOptions
from warden.hubs.profile import CLASSIC
from warden.model.delivery import OutgoingMessage
from warden.wire.deadline import Deadline

HELLO = OutgoingMessage("a", "b", "s", "b", "request", "", "")
CREATED = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"id":"m1"}'
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n"

Behaviour = Callable[[socket.socket, bytes], None]


class SystemTime:
    """The real clock, without pauses."""

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Do not wait."""


class Misbehaving:
    """A server that does one thing with every request; it keeps the requests that it got."""

    def __init__(self, behave: Behaviour) -> None:
        self.requests: list[bytes] = []
        self.closed = threading.Semaphore(0)
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                request = _read_request(connection)
                if request == b"stop":
                    return
                if request:
                    self.requests.append(request)
                    with contextlib.suppress(OSError):
                        self._behave(connection, request)
            self.closed.release()

    def close(self) -> None:
        """End the server."""
        with socket.create_connection(self._listener.getsockname()) as connection:
            connection.sendall(b"stop")
        self._thread.join()
        self._listener.close()


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data and data != b"stop":
        chunk = connection.recv(65536)
        if not chunk:
            return data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return data


@contextlib.contextmanager
def misbehaving(behave: Behaviour, bounds: Bounds = Bounds()) -> Iterator[tuple[Misbehaving, HttpHub]]:
    """Give a server that behaves so, and a client of it that does not retry."""
    server = Misbehaving(behave)
    options = HttpOptions(token="wht_token", retries=0, bounds=bounds)
    hub = HttpHub(server.url, SystemTime(), lambda low, high: high, CLASSIC, options)
    try:
        yield server, hub
    finally:
        hub.close()
        server.close()


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_nobody_listens() -> None:
    """A port on which nobody listens means that nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    hub = HttpHub(f"http://127.0.0.1:{port}", SystemTime(), max, CLASSIC)
    with pytest.raises(HubUnreachableError):
        hub.post_message(HELLO)


def test_unknown_host() -> None:
    """A name that cannot be resolved means that nothing was sent."""
    with pytest.raises(HubUnreachableError):
        HttpHub("http://no-such-host.invalid", SystemTime(), max, CLASSIC).post_message(HELLO)


def test_reset_after_the_request() -> None:
    """A reset instead of an answer leaves it open whether the request was taken."""
    with misbehaving(lambda connection, _: reset(connection)) as (server, hub):
        with pytest.raises(HubUncertainError):
            hub.post_message(HELLO)
        assert len(server.requests) == 1


def test_reset_in_the_middle_of_the_body() -> None:
    """Half an answer is no answer."""

    def half(connection: socket.socket, _: bytes) -> None:
        connection.sendall(CREATED[:-4])
        reset(connection)

    with misbehaving(half) as (_, hub), pytest.raises(HubUncertainError):
        hub.post_message(HELLO)


def test_connection_closed_before_the_announced_length() -> None:
    """An answer that is shorter than announced is no answer."""
    with (
        misbehaving(lambda connection, _: connection.sendall(CREATED[:-4])) as (_, hub),
        pytest.raises(HubUncertainError),
    ):
        hub.post_message(HELLO)


def test_no_http_at_all() -> None:
    """Another protocol on the port is an uncertain answer."""
    with (
        misbehaving(lambda connection, _: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")) as (_, hub),
        pytest.raises(HubUncertainError),
    ):
        hub.post_message(HELLO)


@pytest.mark.parametrize("drip", [ENDLESS, b"HTTP/1.1 200 OK\r\n", b""], ids=["body", "headers", "status line"])
def test_drip_ends_at_the_deadline(drip: bytes) -> None:
    """A hub that sends a byte now and then, in body or headers, is given up at the deadline, not at the last byte."""

    def send_slowly(connection: socket.socket, _: bytes) -> None:
        connection.sendall(drip)
        while True:
            connection.sendall(b"x")
            connection.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                if connection.recv(1) == b"":
                    return

    bounds = Bounds(connect_timeout_s=5, timeout_s=0.3)
    with misbehaving(send_slowly, bounds) as (_, hub), pytest.raises(HubUncertainError):
        hub.list_unread("b")


def test_flood_is_cut_at_the_limit() -> None:
    """A gigabyte is not read: the answer is given up at the limit."""
    sent = 0

    def flood(connection: socket.socket, request: bytes) -> None:
        nonlocal sent
        connection.sendall(ENDLESS)
        for _ in range(16_384):
            connection.sendall(b" " * 65_536)
            sent += 65_536

    bounds = Bounds(response_bytes=256 * 1024)
    with misbehaving(flood, bounds) as (_, hub), pytest.raises(HubAnswerError):
        hub.list_unread("b")
    assert sent < 64 * 1024 * 1024


def test_endless_headers_are_cut() -> None:
    """Headers without end are given up."""

    def send_headers(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(1_000_000):
            connection.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))

    with misbehaving(send_headers) as (_, hub), pytest.raises(HubUncertainError):
        hub.list_unread("b")


def test_redirect_is_not_followed() -> None:
    """A redirect is an error, and the credential goes nowhere else."""
    with misbehaving(lambda connection, _: connection.sendall(CREATED)) as (elsewhere, _):
        answer = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %s/messages/\r\nContent-Length: 0\r\n\r\n"

        def redirect(connection: socket.socket, _: bytes) -> None:
            connection.sendall(answer % elsewhere.url.encode())

        with misbehaving(redirect) as (_, hub), pytest.raises(HubAnswerError) as caught:
            hub.post_message(HELLO)
        assert "redirect" in caught.value.message
        assert elsewhere.requests == []


def test_environment_is_not_obeyed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a proxy nor a netrc that the environment names is used."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with misbehaving(lambda connection, _: connection.sendall(CREATED)) as (proxy, _):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with misbehaving(lambda connection, _: connection.sendall(CREATED)) as (server, hub):
            assert hub.post_message(HELLO).id == "m1"
        assert proxy.requests == []
    assert b"Authorization: Bearer wht_token" in server.requests[0]
    assert b"hunter2" not in server.requests[0]


def test_cookies_are_not_kept() -> None:
    """What a hub wants to be remembered by is forgotten."""
    answer = CREATED.replace(b"Content-Type", b"Set-Cookie: session=1\r\nConnection: close\r\nContent-Type")
    with misbehaving(lambda connection, _: connection.sendall(answer)) as (server, hub):
        hub.post_message(HELLO)
        hub.post_message(HELLO)
    assert b"session" not in server.requests[1]


def test_closed_keep_alive_connection_is_noticed() -> None:
    """A hub that closes after each answer without saying so is still spoken to, each time on a new connection."""
    with misbehaving(lambda connection, _: connection.sendall(CREATED)) as (server, hub):
        for number in range(3):
            assert hub.post_message(HELLO).id == "m1"
            assert server.closed.acquire(timeout=30)
            assert len(server.requests) == number + 1


def test_no_connection_comes_free() -> None:
    """With every connection in use, a further request is told so in time, and was certainly not sent."""
    origin = httpcore.Origin(b"http", b"127.0.0.1", 9)
    pool = ConnectionPool(origin, Bounds(timeout_s=0.01, connections=1), Deadline(lambda: 0.0))
    with pool.taken(), pytest.raises(HubBusyError), pool.taken():
        pytest.fail("a second exchange began on the only connection")
    with pool.taken():
        pass
    pool.close()
