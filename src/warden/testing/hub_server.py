"""An ASGI application on a free loopback port, in a thread, for the length of a block."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from warden.server.hub_serve import bind, build_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

START_TIMEOUT_S = 30.0


@contextlib.contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Give the base URL of `app`, served until the block ends; raises `TimeoutError` when it does not start."""
    ready = threading.Event()
    server = build_server(app, ready.set)
    with bind("127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="served-app")
        thread.start()
        try:
            if not ready.wait(START_TIMEOUT_S):
                raise TimeoutError("the application did not start")
            yield url
        finally:
            server.should_exit = True
            thread.join(START_TIMEOUT_S)


class Switchboard:
    """An ASGI application that is another one at a time: one running server serves many tests, one after the other."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._plugged: Starlette | None = None
        self._own = Starlette(lifespan=self._remember)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to whatever is plugged in."""
        plugged = self._plugged if scope["type"] == "http" else None
        await (plugged or self._own)(scope, receive, send)

    @contextlib.contextmanager
    def plugged(self, app: Starlette) -> Iterator[None]:
        """Start `app`, serve it for the block, and shut it down."""
        loop = self._loop
        if loop is None:
            raise RuntimeError("the switchboard is not being served")
        lifespan = app.router.lifespan_context(app)
        asyncio.run_coroutine_threadsafe(lifespan.__aenter__(), loop).result(START_TIMEOUT_S)
        self._plugged = app
        try:
            yield
        finally:
            self._plugged = None
            asyncio.run_coroutine_threadsafe(lifespan.__aexit__(None, None, None), loop).result(START_TIMEOUT_S)

    @contextlib.asynccontextmanager
    async def _remember(self, _: Starlette) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        yield
