"""Live updates as server-sent events (HTML Living Standard, section 9.2): `changed` whenever the ledger has grown.

An event carries no content; the page asks for itself again, with its own session. INVARIANT (bounded): streams in all and
per session, and the length of one, after which the browser connects anew.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from warden.errors import WardenError
from warden.server.console import refusals
from warden.server.console.gate import HEADERS, bare_visit, check_host, to_response
from warden.server.console.visit import RefusedVisitError, status_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from warden.server.console.parts import ConsoleParts

STREAMS: Final = 64
PER_SESSION: Final = 6
LOOK_EVERY_S: Final = 1.0
CHECK_EVERY: Final = 10
"""Looks between two checks of the session, with a sign of life."""
LONGEST: Final = 1_800
"""Looks of one stream."""


class Streams:
    """The streams that are open, by session; `every_s` is how often each looks whether the ledger has grown."""

    def __init__(self, parts: ConsoleParts, every_s: float = LOOK_EVERY_S) -> None:
        self._parts = parts
        self._every_s = every_s
        self._open: dict[str, int] = {}

    async def answer(self, request: Request) -> Response:
        """Return a stream for somebody who is signed in."""
        parts = self._parts
        try:
            check_host(parts, request)
            token = request.cookies.get(parts.site.session_cookie, "")
            visitor = await run_in_threadpool(parts.accounts.visitor, token) if 0 < len(token) <= 200 else None
            if visitor is None:
                raise RefusedVisitError(401, "sign in first")
            if self._full(visitor.key):
                raise RefusedVisitError(429, "too many live pages are open", "close some of them")
        except WardenError as error:
            done = refusals.plain(bare_visit(parts, request), error, status_of(error))
            return to_response(parts, done)
        headers = {**HEADERS, "x-accel-buffering": "no"}
        return StreamingResponse(self._stream(visitor.key, request), 200, headers, "text/event-stream")

    def _full(self, key: str) -> bool:
        return sum(self._open.values()) >= STREAMS or self._open.get(key, 0) >= PER_SESSION

    async def _stream(self, key: str, request: Request) -> AsyncIterator[bytes]:
        parts = self._parts
        if self._full(key):
            return
        # Counted here and not before: what was never begun has no end that would give its place back.
        self._open[key] = self._open.get(key, 0) + 1
        try:
            before = parts.mark()
            yield b"retry: 3000\n\n"
            for number in range(1, LONGEST):
                await asyncio.sleep(self._every_s)
                if parts.stopping.requested() or await request.is_disconnected():
                    return
                if number % CHECK_EVERY == 0:
                    if not await run_in_threadpool(parts.accounts.still_in, key):
                        yield b"event: ended\ndata: \n\n"
                        return
                    yield b": here\n\n"
                now = parts.mark()
                if now != before:
                    before = now
                    yield b"event: changed\ndata: \n\n"
        finally:
            left = self._open.get(key, 1) - 1
            if left > 0:
                self._open[key] = left
            else:
                self._open.pop(key, None)
