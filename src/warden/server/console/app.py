"""The console as an ASGI application: the table of routes behind the gate, and the stream of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route as Path

from warden.errors import WardenError
from warden.server.console import refusals
from warden.server.console.events import Streams
from warden.server.console.gate import answer, bare_visit, check_host, to_response
from warden.server.console.routes import ROUTES, Route
from warden.server.console.visit import RefusedVisitError
from warden.server.methods import name_methods

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from warden.server.console.parts import ConsoleParts


def build_app(parts: ConsoleParts) -> Starlette:
    """Return the application."""
    streams = Streams(parts)
    paths = [Path(route.path, _endpoint(parts, route), methods=[route.method]) for route in ROUTES]
    paths.append(Path("/events", streams.answer, methods=["GET"]))

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        visit = bare_visit(parts, request)
        words = {404: "there is no such page", 405: "this page takes another method"}
        problem: WardenError = RefusedVisitError(status, words.get(status, "this cannot be answered"))
        try:
            check_host(parts, request)
        except WardenError as wrong_host:
            problem = wrong_host
        response = to_response(parts, refusals.refuse(visit, problem))
        name_methods(request, response)
        return response

    return Starlette(routes=paths, exception_handlers={HTTPException: refused})


def _endpoint(parts: ConsoleParts, route: Route) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await answer(parts, route, request, refusals.refuse)

    return endpoint
