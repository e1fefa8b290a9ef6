"""The stream of live updates: says that the ledger has grown, ends with the session, and is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from consolebed import PORT, ConsoleBed, empty_bed
from warden.server.console.events import PER_SESSION, Streams

__all__ = ["empty_bed"]


def request_of(cookies: dict[str, str]) -> Request:
    """A request for the stream whose client stays."""

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.Event().wait()
        return {}

    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = [(b"host", f"127.0.0.1:{PORT}".encode()), (b"cookie", cookie.encode())]
    scope = {"type": "http", "method": "GET", "path": "/events", "query_string": b"", "headers": headers,
             "client": ("127.0.0.1", 1)}  # fmt: skip
    return Request(scope, receive)


async def first_events(response: Response, number: int) -> list[bytes]:
    """The first pieces of a stream, or all of one that ends before."""
    assert isinstance(response, StreamingResponse)
    found: list[bytes] = []
    async for piece in response.body_iterator:
        assert isinstance(piece, bytes)
        found.append(piece)
        if len(found) == number:
            break
    return found


def test_a_stream_says_that_the_ledger_has_grown_and_nothing_else(bed: ConsoleBed) -> None:
    """Each growth is one event without content; while nothing happens there is only a sign of life."""
    marks = iter(["a", "a", "b", "b", "c", *["c"] * 50])
    cookies = bed.signed_in().cookies
    streams = Streams(replace(bed.parts, mark=lambda: next(marks)), 0.0)

    async def work() -> list[bytes]:
        return await first_events(await streams.answer(request_of(cookies)), 4)

    found = asyncio.run(work())
    assert found == [b"retry: 3000\n\n", *[b"event: changed\ndata: \n\n"] * 2, b": here\n\n"]


def test_a_stream_ends_with_its_session_and_with_the_server(bed: ConsoleBed) -> None:
    """Who was signed out is told so and gets nothing more; a server that stops ends every stream."""
    cookies = bed.signed_in().cookies
    streams = Streams(bed.parts, 0.0)

    async def signed_out() -> list[bytes]:
        response = await streams.answer(request_of(cookies))
        bed.accounts.change_user("ann", "test", disabled=True)
        return await first_events(response, 9)

    assert asyncio.run(signed_out())[-1] == b"event: ended\ndata: \n\n"
    bed.accounts.change_user("ann", "test", disabled=False)
    cookies = bed.signed_in().cookies
    bed.parts.stopping.requested = lambda: True

    async def stopping() -> list[bytes]:
        return await first_events(await streams.answer(request_of(cookies)), 9)

    assert asyncio.run(stopping()) == [b"retry: 3000\n\n"]


def test_a_session_has_a_few_streams_and_gives_them_back(bed: ConsoleBed) -> None:
    """One more than its share is refused; a stream that ended makes room."""
    cookies = bed.signed_in().cookies
    streams = Streams(bed.parts, 0.0)

    async def work() -> tuple[int, int]:
        opened = [await streams.answer(request_of(cookies)) for _ in range(PER_SESSION)]
        for response in opened:
            assert await first_events(response, 1) == [b"retry: 3000\n\n"]
        refused = await streams.answer(request_of(cookies))
        bed.parts.stopping.requested = lambda: True
        for response in opened:
            await first_events(response, 9)
        bed.parts.stopping.requested = lambda: False
        return refused.status_code, (await streams.answer(request_of(cookies))).status_code

    assert asyncio.run(work()) == (429, 200)
