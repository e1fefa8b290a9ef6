"""The server of /metrics and /healthz: what it answers, and what clients that misbehave cannot do."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from warden.errors import StateError
from warden.watch import server as watch_server
from warden.watch.server import PLACES, WatchServer


@contextmanager
def serving(
    metrics: Callable[[], bytes] = lambda: b"x 1\n",
    health: Callable[[], tuple[bool, object]] = lambda: (True, {"healthy": True}),
) -> Iterator[int]:
    """Serve for the length of the block; gives the port."""
    server = WatchServer(("127.0.0.1", 0), metrics, health)
    server.start()
    try:
        yield server.port
    finally:
        server.close()


def ask(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Ask once."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_it_answers_what_it_was_given() -> None:
    """Metrics with 200, health with 200 or 503, HEAD without a body, everything else with 404 or 501."""
    with serving() as port:
        assert ask(port, "/metrics?x=1") == (200, b"x 1\n")
        assert ask(port, "/healthz") == (200, b'{"healthy": true}\n')
        assert ask(port, "/healthz", "HEAD") == (200, b"")
        assert ask(port, "/etc/passwd")[0] == 404
        assert ask(port, "/metrics", "DELETE")[0] == 501
    with serving(health=lambda: (False, {"problems": ["run-failed"]})) as port:
        assert ask(port, "/healthz") == (503, b'{"problems": ["run-failed"]}\n')


def test_a_page_that_breaks_is_told_by_its_type() -> None:
    """An error on the way is 500, without its text; the next page is answered all the same."""

    def broken() -> bytes:
        raise ValueError("opensesame")

    with serving(metrics=broken) as port:
        status, body = ask(port, "/metrics")
        assert (status, b"ValueError" in body, b"opensesame" in body) == (500, True, False)
        assert ask(port, "/healthz")[0] == 200


def test_who_asks_often_costs_nothing() -> None:
    """An answer is kept for a moment: the ledger is read once for many that ask."""
    calls: list[int] = []

    def counted() -> bytes:
        calls.append(1)
        return b""

    with serving(metrics=counted) as port:
        for _ in range(5):
            ask(port, "/metrics")
    assert len(calls) <= 2


def test_silent_clients_keep_nobody_out_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that say nothing hold a bounded number of places for a bounded time, and closing waits for none."""
    monkeypatch.setattr(watch_server, "REQUEST_TIMEOUT_S", 0.2)
    with serving() as port, ExitStack() as stack:
        silent = [stack.enter_context(closing(socket.create_connection(("127.0.0.1", port)))) for _ in range(PLACES)]
        for connection in silent:
            connection.settimeout(20)
            assert connection.recv(1) == b""
        assert ask(port, "/healthz")[0] == 200
        stack.enter_context(closing(socket.create_connection(("127.0.0.1", port))))


def test_garbage_is_answered_or_dropped() -> None:
    """Bytes that are no HTTP harm nothing."""
    with serving() as port:
        for odd in (b"\x00\xff\xfe\r\n\r\n", b"GET " + b"a" * 70_000 + b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
            with closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as connection:
                try:
                    connection.sendall(odd)
                    while connection.recv(4096):
                        pass
                except ConnectionError:
                    pass
        assert ask(port, "/healthz")[0] == 200


def test_a_port_that_is_taken_is_an_error_of_ours() -> None:
    """Two cannot listen on one address; the error names it."""
    with serving() as port, pytest.raises(StateError, match=str(port)):
        WatchServer(("127.0.0.1", port), lambda: b"", lambda: (True, {}))
