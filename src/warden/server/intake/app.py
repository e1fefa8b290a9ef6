"""The application of `warden intake serve`: routes from several groups over one file and one writer thread."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from sqlite3 import Connection
from typing import TYPE_CHECKING, TypeVar, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from warden.errors import HubBusyError, HubUncertainError, StateError, WardenError
from warden.server.hub_request import RefusedRequestError, error_response, refusal
from warden.server.hub_writer import GroupWriter
from warden.server.methods import name_methods

if TYPE_CHECKING:
    from warden.hubs.database import Database
    from warden.ports import Clock

T = TypeVar("T")

log = logging.getLogger(__name__)
_UNKEPT = (StateError, HubBusyError, HubUncertainError)
"""What is wrong with our own disk: it is for the operator's log, and its sender is to try again."""

Handler = Callable[[Request], Awaitable[Response]]
Lifetime = Callable[[], contextlib.AbstractAsyncContextManager[None]]


class Desk:
    """What every group of routes works on: the file, the clock, and the one thread that writes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self._writer: GroupWriter | None = None
        self.problem = ""
        """Why the last write could not be kept, empty when it was."""

    async def write(self, operation: Callable[[Connection], T]) -> T:
        """Return the operation's result once it is durable, in a transaction that others may share.

        Raises what the operation raises, `RefusedRequestError` 503 while shutting down, and `StateError`.
        """
        if self._writer is None:
            raise RefusedRequestError(503, "the intake is shutting down")
        try:
            result = await self._writer.write(operation)
        except _UNKEPT as error:
            self._note(error.message)
            raise
        self._note("")
        return result

    def _note(self, problem: str) -> None:
        """Remember how the last write went, and tell the operator's log when that is another thing than before."""
        if problem and not self.problem:
            log.error("nothing can be kept: %s", problem)
        elif self.problem and not problem:
            log.error("what comes in is kept again")
        self.problem = problem

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Run the writer thread for the length of the block; the file is closed at its end."""
        import asyncio

        self._writer = GroupWriter(self.database, asyncio.get_running_loop())
        try:
            yield
        finally:
            self._writer.close()
            self._writer = None
            self.database.close()


@dataclass(frozen=True, slots=True)
class Router:
    """A group of routes; `lifetime` runs beside the application (a listener, a sweep), inside the writer's life."""

    routes: Sequence[BaseRoute]
    lifetime: Lifetime | None = None


def build_app(desk: Desk, routers: Sequence[Router]) -> Starlette:
    """Return the application over these groups of routes. It owns the writer thread, and closes the file at its end."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(desk.writing())
            for router in routers:
                if router.lifetime is not None:
                    await stack.enter_async_context(router.lifetime())
            yield

    app = Starlette(
        routes=[route for router in routers for route in router.routes],
        lifespan=lifespan,
        exception_handlers={HTTPException: _refuse_http, Exception: _refuse_failure},
    )
    app.router.redirect_slashes = False
    return app


def endpoint(handler: Handler) -> Handler:
    """Return the handler with every error of ours turned into its refusal."""

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except _UNKEPT:
            return refusal(503, "this cannot be kept now; send it again later")
        except WardenError as error:
            return error_response(error)

    return guarded


async def _refuse_http(request: Request, error: Exception) -> Response:
    status = cast(HTTPException, error).status_code
    words = {404: "there is no such path", 405: "the path has no such method"}
    response = refusal(status, words.get(status, "refused"))
    response.headers.update(cast(HTTPException, error).headers or {})
    name_methods(request, response)
    return response


async def _refuse_failure(_: Request, __: Exception) -> Response:
    return refusal(500, "the intake failed")
