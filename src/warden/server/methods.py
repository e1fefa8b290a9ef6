"""What a path takes: the `Allow` header of a refusal (RFC 9110, 15.5.6), of all routes on the path together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Match, Route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def name_methods(request: Request, response: Response) -> None:
    """Put the methods that the request's path takes into a 405, and leave every other answer as it is."""
    if response.status_code != 405:
        return
    found: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    response.headers["allow"] = ", ".join(sorted(found))
