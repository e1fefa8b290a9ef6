"""The embedded hub over HTTP: the contract of `hub_openapi`, as a Starlette application.

Who acts is the agent that the bearer token is bound to. With `Access.UNSAFE_NO_AUTH` (loopback only) it is whoever the
request names, and every name is a claim; then only requests to a loopback name and from no web page are taken, so that
a page in somebody's browser cannot write here.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from warden.errors import WardenError
from warden.hubs import operations
from warden.hubs.contract import CONTRACT, encode_payload, read_message, read_progress
from warden.hubs.names import PAGE_MESSAGES, check_name, message_id
from warden.hubs.operations import OWNER, Acting, Stamp
from warden.hubs.reading import MessageRow, ProgressRow, Reader
from warden.hubs.tokens import TokenStore
from warden.server.hub_openapi import OPERATIONS, build_document
from warden.server.hub_request import (
    RefusedRequestError,
    error_response,
    json_response,
    read_body,
    read_document,
    read_query,
    refusal,
)
from warden.server.hub_writer import GroupWriter
from warden.server.methods import name_methods

if TYPE_CHECKING:
    from warden.hubs.database import Database
    from warden.ports import Clock

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


class Access(StrEnum):
    """How a caller shows who it is."""

    TOKENS = "tokens"
    UNSAFE_NO_AUTH = "unsafe_no_auth"


@dataclass(frozen=True, slots=True)
class HubParts:
    """What the application works on."""

    database: Database
    clock: Clock
    access: Access = Access.TOKENS


Handler = Callable[["_Hub", Request], Awaitable[Response]]


def build_app(parts: HubParts) -> Starlette:
    """Return the application. It owns the writer thread, and closes the database when it is shut down."""
    hub = _Hub(parts)
    routes = [
        Route(operation.path, _endpoint(hub, getattr(_Hub, operation.name)), methods=[operation.method])
        for operation in OPERATIONS
    ]
    app = Starlette(
        routes=routes,
        lifespan=hub.lifespan,
        exception_handlers={HTTPException: _refuse_http, Exception: _refuse_failure},
    )
    app.router.redirect_slashes = False
    return app


def _endpoint(hub: _Hub, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(hub, request)
        except WardenError as error:
            return error_response(error)

    return endpoint


async def _refuse_http(request: Request, error: Exception) -> Response:
    status = cast(HTTPException, error).status_code
    response = refusal(
        status, {404: "there is no such path", 405: "the path has no such method"}.get(status, "refused")
    )
    response.headers.update(cast(HTTPException, error).headers or {})
    name_methods(request, response)
    return response


async def _refuse_failure(_: Request, __: Exception) -> Response:
    return refusal(500, "the hub failed")


class _Hub:
    """The handlers: one per operation of `hub_openapi.OPERATIONS`, under its name."""

    def __init__(self, parts: HubParts) -> None:
        self._parts = parts
        self._reader = Reader(parts.database)
        self._tokens = TokenStore(parts.database, parts.clock)
        self._writer: GroupWriter | None = None

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Run the writer as long as the application runs."""
        import asyncio

        self._writer = GroupWriter(self._parts.database, asyncio.get_running_loop())
        try:
            yield
        finally:
            self._writer.close()
            self._writer = None
            self._parts.database.close()

    async def list_messages(self, request: Request) -> Response:
        acting = self._authenticate(request)
        query = read_query(request, frozenset({"to_agent", "unread", "after", "limit"}))
        agent = acting.named(_required(query, "to_agent"), "to_agent")
        rows, after = self._reader.inbox(agent, _flag(query, "unread"), query.get("after"), _limit(query))
        return json_response({"messages": [_message(row) for row in rows], "after": after})

    async def get_message(self, request: Request) -> Response:
        agent = self._looking(request)
        return json_response(_message(self._reader.message(agent, request.path_params["id"])))

    async def get_thread(self, request: Request) -> Response:
        agent = self._looking(request)
        rows = self._reader.thread(agent, request.path_params["id"])
        return json_response({"id": rows[0].thread_id, "messages": [_message(row) for row in rows]})

    async def list_progress(self, request: Request) -> Response:
        acting = self._authenticate(request)
        query = read_query(request, frozenset({"agent", "after", "limit"}))
        agent = acting.named(_required(query, "agent"), "agent")
        rows, after = self._reader.progress(agent, query.get("after"), _limit(query))
        return json_response({"events": [_progress(row) for row in rows], "after": after})

    async def post_message(self, request: Request) -> Response:
        acting = self._authenticate(request)
        stamp = self._stamp(request)
        message = read_message(await read_document(request))
        return await self._write(
            201,
            partial(operations.post_message, acting=acting, message=message, data=encode_payload(message), stamp=stamp),
        )

    async def post_progress(self, request: Request) -> Response:
        acting = self._authenticate(request)
        stamp = self._stamp(request)
        event = read_progress(await read_document(request))
        return await self._write(
            201,
            partial(operations.post_progress, acting=acting, event=event, data=encode_payload(event), stamp=stamp),
        )

    async def mark_read(self, request: Request) -> Response:
        agent = self._looking(request)
        stamp = self._stamp(request)
        if await read_body(request) not in (b"", b"{}"):
            raise RefusedRequestError(422, "the body must be empty")
        return await self._write(
            200, partial(operations.mark_read, agent=agent, identifier=request.path_params["id"], stamp=stamp)
        )

    async def get_hub(self, request: Request) -> Response:
        self._authenticate(request)
        authenticated = self._parts.access is Access.TOKENS
        return json_response(
            {"hub_id": self._parts.database.hub_id, "contract": CONTRACT, "authenticated_senders": authenticated}
        )

    async def get_health(self, _: Request) -> Response:
        return json_response({"status": "ok"})

    async def get_readiness(self, _: Request) -> Response:
        self._reader.probe()
        return json_response({"status": "ready"})

    async def get_openapi(self, _: Request) -> Response:
        return Response(_openapi(), media_type="application/json")

    def _authenticate(self, request: Request) -> Acting:
        """Return who acts; raises `RefusedRequestError` 401, or 403 where a web page asks."""
        headers = request.headers
        if self._parts.access is Access.UNSAFE_NO_AUTH:
            name = headers.get("host", "").lower()
            if name.rpartition(":")[0] not in LOOPBACK_NAMES and name not in LOOPBACK_NAMES:
                raise RefusedRequestError(403, "without authentication only a loopback host name is served", "host")
            if "origin" in headers:
                raise RefusedRequestError(403, "without authentication no web page is served", "origin")
            return OWNER
        scheme, _, token = headers.get("authorization", "").partition(" ")
        agent = self._tokens.find_agent(token.strip()) if scheme.lower() == "bearer" else None
        if agent is None:
            raise RefusedRequestError(401, "a bearer token of this hub is needed")
        return Acting(agent)

    def _looking(self, request: Request) -> str | None:
        """Return the agent that looks: the token's, or the one that the query names, or None for the local owner."""
        acting = self._authenticate(request)
        named = read_query(request, frozenset({"agent"})).get("agent")
        if named is None:
            return acting.agent
        return acting.named(check_name(named, "agent"), "agent")

    def _stamp(self, request: Request) -> Stamp:
        return Stamp.made(self._parts.clock.now(), request.headers.get("idempotency-key"))

    async def _write(self, status: int, operation: operations.Operation) -> Response:
        if self._writer is None:
            raise RefusedRequestError(503, "the hub is shutting down")
        posted = await self._writer.write(operation)
        made = {"id": posted.id, "thread_id": posted.thread_id} if posted.thread_id else {"id": posted.id}
        return json_response(made, status, {"idempotency-replayed": "true"} if posted.replayed else None)


@functools.cache
def _openapi() -> bytes:
    return json.dumps(build_document(), ensure_ascii=False).encode("utf-8")


def _required(query: dict[str, str], name: str) -> str:
    if name not in query:
        raise RefusedRequestError(422, f"the query parameter `{name}` is missing", name)
    return query[name]


def _flag(query: dict[str, str], name: str) -> bool:
    value = query.get(name, "false")
    if value not in ("true", "false"):
        raise RefusedRequestError(422, f"`{name}` must be `true` or `false`", name)
    return value == "true"


def _limit(query: dict[str, str]) -> int:
    value = query.get("limit", "100")
    if not (value.isascii() and value.isdigit() and len(value) < 6):
        raise RefusedRequestError(422, f"`limit` must be a number from 1 to {PAGE_MESSAGES}", "limit")
    return int(value)


def _message(row: MessageRow) -> dict[str, Any]:
    return {
        "id": message_id(row.seq),
        "thread_id": row.thread_id,
        "from_agent": row.from_agent,
        "to_agent": row.to_agent,
        "assurance": row.assurance,
        "created_at": row.created_at,
        "kind": row.kind,
        "subject": row.subject,
        "body": row.body,
        "in_reply_to": row.in_reply_to or None,
        "metadata": {} if row.metadata == "{}" else json.loads(row.metadata),
        "read": bool(row.read),
    }


def _progress(row: ProgressRow) -> dict[str, Any]:
    return {
        "id": f"p{row.seq}",
        "agent": row.agent,
        "created_at": row.created_at,
        "kind": row.kind,
        "summary": row.summary,
        "detail": row.detail,
        "message_id": row.message_id,
        "thread_id": row.thread_id,
        "metadata": json.loads(row.metadata),
    }
