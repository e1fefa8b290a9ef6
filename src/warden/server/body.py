"""Reading a request's body, bounded in size and time: the one way in which any of our servers does.

What it does: refuses a body that says that it is too large before any of it is read, and one that turns out so, that comes too
slowly, or whose sender goes away. What it does not: look at what it reads, or answer; whoever asked words the refusal.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from starlette.requests import Request

MALFORMED, TOO_LARGE, TOO_SLOW, ENDED = "content-length", "too-large", "too-slow", "ended-early"
_STATUSES = {MALFORMED: 400, TOO_LARGE: 413, TOO_SLOW: 408, ENDED: 400}


class BodyError(Exception):
    """A body that is not taken. `reason` is a stable word, `status` what it is answered with."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = _STATUSES[reason]


def read_media_type(request: Request) -> str:
    """Return the content type without its parameters, in small letters; empty when none was sent."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, limit_bytes: int, timeout_s: float) -> bytes:
    """Return the raw body; raises `BodyError`."""
    stated = request.headers.get("content-length", "0")
    if not (stated.isascii() and stated.isdigit()):
        raise BodyError(MALFORMED)
    if int(stated[:20]) > limit_bytes:
        raise BodyError(TOO_LARGE)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit_bytes:
                    raise BodyError(TOO_LARGE)
                chunks.append(chunk)
    except TimeoutError:
        raise BodyError(TOO_SLOW) from None
    except ClientDisconnect:
        raise BodyError(ENDED) from None
    return b"".join(chunks)
