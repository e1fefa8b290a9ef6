"""What every request passes before a page sees it: host, size, origin, session, role, form token; and the headers of answers.

The order matters: nothing of the body is looked at before the host is ours, and no page runs before role and token hold.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import quote as percent

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from warden.errors import WardenError
from warden.server import body
from warden.server.console.accounts import csrf_of
from warden.server.console.model import Visitor
from warden.server.console.visit import (
    FORM_BYTES,
    Answer,
    RefusedVisitError,
    Visit,
    parse_form,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from warden.server.console.parts import ConsoleParts
    from warden.server.console.routes import Route

BODY_TIMEOUT_S: Final = 20.0
CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "x-robots-tag": "noindex, nofollow",
    "cache-control": "no-store",
}
FORM_AGE_S: Final = 3600
log = logging.getLogger(__name__)


async def answer(
    parts: ConsoleParts, route: Route, request: Request, refuse: Callable[[Visit, WardenError], Answer]
) -> Response:
    """Return the answer of a route to a request; `refuse` makes the page or document of an error."""
    visit = bare_visit(parts, request)
    try:
        check_host(parts, request)
        visit = await read_visit(parts, route, request)
        done = await run_in_threadpool(route.call, visit)
    except WardenError as error:
        done = await run_in_threadpool(refuse, visit, error)
    except Exception:
        log.exception("a request to %s could not be answered", route.path)
        done = await run_in_threadpool(refuse, visit, RefusedVisitError(500, "something went wrong inside the console"))
    return to_response(parts, done)


def bare_visit(parts: ConsoleParts, request: Request) -> Visit:
    """Return a visit of which nothing is known, for the page of an error."""
    cookies = {"warden_theme": request.cookies.get("warden_theme", "")}
    return Visit(parts, None, request.url.path, {}, dict(request.query_params), address_of(request), cookies=cookies)


async def read_visit(parts: ConsoleParts, route: Route, request: Request) -> Visit:
    """Return the visit once everything holds; raises `RefusedVisitError`."""
    posting = request.method == "POST"
    if posting and not route.is_api:
        check_origin(parts, request)
    token = request.cookies.get(parts.site.session_cookie, "")
    visitor = await run_in_threadpool(find_visitor, parts, route, request, token)
    check_role(route, visitor, request)
    sent = await read_body(request) if posting else b""
    form_token = request.cookies.get(parts.site.form_cookie, "")
    form: dict[str, list[str]] = {}
    if posting and not route.is_api:
        check_media(request, "application/x-www-form-urlencoded")
        form = parse_form(sent)
        check_form_token(
            form.get("csrf", [""])[0], visitor.csrf if visitor else csrf_of(form_token) if form_token else ""
        )
    elif posting:
        check_media(request, "application/json")
    return Visit(
        parts=parts,
        visitor=visitor,
        path=request.url.path,
        params={name: str(value) for name, value in request.path_params.items()},
        query=dict(request.query_params),
        address=address_of(request),
        form=form,
        body=sent,
        cookies=request.cookies,
        form_token=form_token or secrets.token_urlsafe(32),
    )


def address_of(request: Request) -> str:
    """Return where a request comes from, as the socket says: never a header."""
    return request.client.host if request.client else "?"


def check_host(parts: ConsoleParts, request: Request) -> None:
    """Refuse a request to another name than ours: a page elsewhere whose name was turned to this address (DNS rebinding)."""
    if request.headers.getlist("host") != [
        host for host in request.headers.getlist("host")[:1] if host in parts.site.hosts
    ]:
        raise RefusedVisitError(421, "this console is not served under that name", "open the address that it printed")


def check_origin(parts: ConsoleParts, request: Request) -> None:
    """Refuse a form that another site sent. A browser names the origin with each POST."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if origin not in parts.site.origins or site not in ("same-origin", "none"):
        raise RefusedVisitError(403, "the form does not come from this console", "open the page anew and decide there")


def find_visitor(parts: ConsoleParts, route: Route, request: Request, token: str) -> Visitor | None:
    """Return who comes: by bearer token for the API, by session for pages."""
    if route.is_api:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        return parts.accounts.bearer(bearer.strip()) if scheme.lower() == "bearer" and len(bearer) <= 200 else None
    return parts.accounts.visitor(token) if 0 < len(token) <= 200 else None


def check_role(route: Route, visitor: Visitor | None, request: Request) -> None:
    """Refuse who may not come this far."""
    if route.role is None:
        return
    if visitor is None:
        raise RefusedVisitError(401, "sign in first", "`warden console link` makes a one-time link")
    if visitor.role < route.role:
        raise RefusedVisitError(403, f"this takes the role {route.role.word}", "ask an admin of this console")


def check_form_token(sent: str, wanted: str) -> None:
    """Refuse a form that was not made for this session."""
    if not wanted or not hmac.compare_digest(sent.encode("utf-8", "replace"), wanted.encode()):
        raise RefusedVisitError(403, "the form is not one of your session", "open the page anew and decide there")


def check_media(request: Request, wanted: str) -> None:
    """Refuse a body of another type."""
    if body.read_media_type(request) != wanted:
        raise RefusedVisitError(415, f"the body must be {wanted}")


async def read_body(request: Request) -> bytes:
    """Return a bounded body that came in time; raises `RefusedVisitError`."""
    try:
        return await body.read_body(request, FORM_BYTES, BODY_TIMEOUT_S)
    except body.BodyError as error:
        raise RefusedVisitError(error.status, _BODIES[error.reason]) from None


_BODIES: Final = {
    body.MALFORMED: "the content-length is no number",
    body.TOO_LARGE: f"the body has more than {FORM_BYTES} bytes",
    body.TOO_SLOW: "the body took too long",
    body.ENDED: "the body ended early",
}


def to_response(parts: ConsoleParts, done: Answer) -> Response:
    """Return an answer with every header that protects it."""
    status = 303 if done.location and done.status == 200 else done.status
    headers = {**HEADERS, **done.headers}
    if done.location:
        headers["location"] = percent(done.location, safe="/?=&%#:@+,~;._-")
    if parts.site.secure:
        headers["strict-transport-security"] = "max-age=31536000"
    response = Response(done.body, status, headers, done.media_type)
    for name, value, age in done.cookies:
        response.set_cookie(
            name, value, max_age=age, path="/", secure=parts.site.secure, httponly=True, samesite="strict"
        )
    return response
