"""`/metrics` and `/healthz` of a long-running worker, on one thread of its own.

The standard library's server is enough: one reader a few times a minute, no body is taken, and it costs no memory to speak of.
INVARIANT (bounded): a few connections at once, a time-out on each read and one on the whole, GET and HEAD only, one request a
connection; who comes when all places are taken is turned away.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from socket import AF_INET6, SHUT_RDWR
from typing import Any

from warden.errors import StateError, quote

READ_TIMEOUT_S = 5.0
REQUEST_TIMEOUT_S = 10.0
"""Of one connection, from its beginning to its end: a client that drips holds a place no longer."""
PLACES = 8
FRESH_S = 2.0
"""For so long an answer is given again: whoever asks more often costs the ledger nothing."""
TEXT = "text/plain; version=0.0.4; charset=utf-8"
JSON = "application/json"

Answer = tuple[int, str, bytes]


class WatchServer:
    """Serves what two functions return: the text of the metrics, and (healthy, document) of health."""

    def __init__(
        self, listen: tuple[str, int], metrics: Callable[[], bytes], health: Callable[[], tuple[bool, object]]
    ) -> None:
        """Listen; raises `StateError` when the address cannot be had."""
        pages: dict[str, Callable[[], Answer]] = {
            "/metrics": _kept(lambda: (200, TEXT, metrics())),
            "/healthz": _kept(lambda: _health(health)),
        }
        try:
            self._server = _Server(listen, pages)
        except OSError as error:
            where = quote(f"{listen[0]}:{listen[1]}")
            raise StateError(
                f"cannot listen on {where}: {error.strerror or type(error).__name__}",
                "free it, or change metrics.listen",
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="watch", daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _health(health: Callable[[], tuple[bool, object]]) -> Answer:
    healthy, document = health()
    return (200 if healthy else 503, JSON, json.dumps(document, ensure_ascii=True).encode() + b"\n")


def _kept(make: Callable[[], Answer]) -> Callable[[], Answer]:
    held: list[tuple[float, Answer]] = []
    one_at_a_time = threading.Lock()

    def answer() -> Answer:
        with one_at_a_time:
            now = time.monotonic()
            if not held or now - held[0][0] >= FRESH_S:
                held[:] = [(now, make())]
            return held[0][1]

    return answer


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: _Server
    timeout = READ_TIMEOUT_S
    server_version = "ops-warden"
    sys_version = ""

    def setup(self) -> None:
        """Begin, with an end in sight."""
        super().setup()
        self._end = threading.Timer(REQUEST_TIMEOUT_S, self._cut)
        self._end.daemon = True
        self._end.start()

    def finish(self) -> None:
        """End in time."""
        self._end.cancel()
        with suppress(OSError, ValueError):
            super().finish()

    def _cut(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(SHUT_RDWR)

    def do_GET(self) -> None:
        """Answer with the page."""
        page = self.server.pages.get(self.path.partition("?")[0])
        status, kind, body = _answer(page) if page else (404, TEXT, b"there is /metrics and /healthz\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: who asks is no news."""


class _Server(ThreadingHTTPServer):
    """A quiet one: a reader that goes away is no news either."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listen: tuple[str, int], pages: Mapping[str, Callable[[], Answer]]) -> None:
        """Listen; raises `OSError` when the address cannot be had."""
        self.address_family = AF_INET6 if ":" in listen[0] else HTTPServer.address_family
        self.pages = pages
        self._host = listen[0]
        self._places = threading.BoundedSemaphore(PLACES)
        super().__init__(listen, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection when there is a place for it."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""

    def server_bind(self) -> None:
        """Bind without asking who we are by name, which may take seconds."""
        import socketserver

        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self._host, int(self.server_address[1])


def _answer(page: Callable[[], Answer]) -> Answer:
    try:
        return page()
    except Exception as error:  # noqa: BLE001 - told by its type; a page that breaks must not end the thread
        return 500, JSON, json.dumps({"healthy": False, "error": type(error).__name__}).encode() + b"\n"
