"""What somebody is shown whose request is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from warden.errors import WardenError
from warden.server.console import api
from warden.server.console.look import page
from warden.server.console.visit import Answer, RefusedVisitError, status_of

if TYPE_CHECKING:
    from warden.server.console.visit import Visit

TITLES = {
    401: "Not signed in",
    403: "Not allowed",
    404: "Not here",
    409: "Changed meanwhile",
    413: "Too large",
    421: "Wrong address",
    422: "Cannot be used",
    429: "Too many",
    503: "Not now",
}


def refuse(visit: Visit, error: WardenError) -> Answer:
    """Return the page of a refusal, the document of one under /api, or the way to the sign-in form."""
    if visit.path.startswith("/api/"):
        return api.refuse(visit, error)
    status = status_of(error)
    if status == 401 and isinstance(error, RefusedVisitError):
        asked = f"{visit.path}?{urlencode(visit.query)}" if visit.query else visit.path
        return Answer(location=f"/sign-in?{urlencode({'next': asked})}")
    return page(visit, "refused.html", status=status, error=error, title=TITLES.get(status, "Something went wrong"))


def plain(visit: Visit, error: WardenError, status: int) -> Answer:
    """Return a refusal as a line of text."""
    return Answer(f"{error.message}\n".encode("utf-8", "replace"), status, "text/plain; charset=utf-8")
