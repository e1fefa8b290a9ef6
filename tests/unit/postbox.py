"""A server on the loopback interface that takes what is posted to it and answers as it was told."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass
class Posted:
    """One request: its path, its headers in small letters, its body."""

    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, empty when there is none."""
        return dict(self.headers).get(name, "")


@dataclass
class Postbox:
    """What came, and where it listens."""

    url: str = ""
    posted: list[Posted] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)


@contextmanager
def listening(statuses: Sequence[int] = ()) -> Iterator[Postbox]:
    """Listen for the length of the block; `statuses` are the first answers, 200 follows."""
    box = Postbox(statuses=list(statuses))

    class Handler(BaseHTTPRequestHandler):
        """Takes one request."""

        def do_POST(self) -> None:
            """Keep it, and answer."""
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            box.posted.append(Posted(self.path, [(k.lower(), v) for k, v in self.headers.items()], body))
            self.send_response(box.statuses.pop(0) if box.statuses else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    box.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
