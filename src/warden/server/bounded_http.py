"""HTTP/1.1 parsed by httptools (llhttp), with a bound on a request's head.

What it does: what uvicorn's own protocol on httptools does, for half the computing of the one on h11. What it does not: bound
a body, whoever reads it does (`server.body`). Rules: the parser keeps whatever comes until a line is complete, so what came of
a head is counted here, and one that is too long is answered 400 and the connection closed, as h11 does by itself.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES: Final = 64 * 1024
"""INVARIANT (bounded): request line and headers of one request."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection of a server."""

    _heads = 0
    _in_head = True
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Take what came; a head that neither begins nor ends with it counts it whole."""
        before = self._heads, self._in_head
        super().data_received(data)
        if (self._heads, self._in_head) == before and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("Invalid HTTP request received.")

    def on_headers_complete(self) -> None:
        """Begin with the request, unless its head is too long and came at once."""
        self._heads += 1
        self._in_head = False
        self._head_bytes = 0
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            raise ValueError("the head is too long")  # the parser makes a refusal of it
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next head begins."""
        self._in_head = True
        super().on_message_complete()
