"""The read-only API: events and their timelines, workloads, capabilities, decisions; paged, newest first.

Everything takes a token with the scope `audit`; a client that sends events may look at its own. A page names the cursor at
which it ended, while there is more; cursors are ids, so that a page is the same however much comes in meanwhile.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from warden.hubs import capabilities
from warden.model.workload import WorkloadState
from warden.server.hub_request import RefusedRequestError, json_response
from warden.server.intake.api_document import openapi_document
from warden.server.intake.app import Desk, Router, endpoint
from warden.server.intake.clients import AUDIT, DISPATCH, EVENTS, Client, Clients
from warden.server.intake.trails import Trails, capability_document

PAGE = 50
PAGE_MOST = 200
"""INVARIANT (bounded): items of one page."""


class Audit:
    """What can be looked at."""

    def __init__(self, desk: Desk, clients: Clients, trails: Trails) -> None:
        self._desk = desk
        self._clients = clients
        self._trails = trails

    def router(self) -> Router:
        """Return the routes."""
        guarded = self._clients.guarded
        own = (AUDIT, EVENTS, DISPATCH)
        return Router(
            [
                Route("/v1/events", guarded(self.events, *own), methods=["GET"]),
                Route("/v1/events/{event_id}", guarded(self.event, *own), methods=["GET"]),
                Route("/v1/workloads", guarded(self.workloads, AUDIT), methods=["GET"]),
                Route("/v1/workloads/{workload_id}", guarded(self.workload, AUDIT), methods=["GET"]),
                Route("/v1/capabilities", guarded(self.capabilities, AUDIT), methods=["GET"]),
                Route("/v1/decisions", guarded(self.decisions, AUDIT), methods=["GET"]),
                Route("/v1/openapi.json", endpoint(self.openapi), methods=["GET"]),
            ]
        )

    async def events(self, request: Request, client: Client) -> Response:
        """Answer one page of events: all of them for `audit`, else the client's own."""
        _check_query(request, "after", "limit", "source")
        source = request.query_params.get("source", "") if AUDIT in client.scopes else client.name
        before, limit = _number(request, "after", "d"), _limit(request)
        page, more = await asyncio.to_thread(self._trails.event_page, source, before, limit)
        return _page("events", page, None if more is None else f"d{more}")

    async def event(self, request: Request, client: Client) -> Response:
        """Answer the timeline of one event."""
        number = self._trails.number_of(request.path_params["event_id"])
        found = None if number is None else await asyncio.to_thread(self._trails.timeline, number)
        if found is None or (AUDIT not in client.scopes and found["source"] != client.name):
            raise RefusedRequestError(404, "there is no such event")
        return json_response(found)

    async def workloads(self, request: Request, client: Client) -> Response:
        """Answer one page of workloads, in one state when it is named."""
        _check_query(request, "after", "limit", "state")
        state = request.query_params.get("state", "")
        if state and state not in tuple(WorkloadState):
            raise RefusedRequestError(422, "the state is one of " + ", ".join(WorkloadState), "state")
        page, more = await asyncio.to_thread(
            self._trails.workload_page, state, _number(request, "after", "w"), _limit(request)
        )
        return _page("workloads", page, None if more is None else f"w{more}")

    async def workload(self, request: Request, client: Client) -> Response:
        """Answer one workload with what was heard of it."""
        found = await asyncio.to_thread(self._trails.workload_detail, request.path_params["workload_id"])
        if found is None:
            raise RefusedRequestError(404, "there is no such workload")
        return json_response(found)

    async def capabilities(self, request: Request, client: Client) -> Response:
        """Answer one page of grants, of one workload when it is named."""
        _check_query(request, "after", "limit", "workload")
        limit = _limit(request)
        before = _number(request, "after", "cap")
        workload_id = request.query_params.get("workload", "")
        found = await asyncio.to_thread(
            capabilities.list_capabilities,
            self._desk.database,
            workload_id,
            "" if before is None else f"cap{before}",
            limit + 1,
        )
        now = self._desk.clock.now().timestamp()
        page = [capability_document(one, now) for one in found[:limit]]
        return _page("capabilities", page, found[limit - 1].id if len(found) > limit else None)

    async def decisions(self, request: Request, client: Client) -> Response:
        """Answer one page of the kernel's decisions."""
        _check_query(request, "after", "limit")
        before, limit = _number(request, "after", "n"), _limit(request)
        page, more = await asyncio.to_thread(self._trails.decision_page, before, limit)
        return _page("decisions", page, None if more is None else f"n{more}")

    async def openapi(self, request: Request) -> Response:
        """Answer the description of this API: no secret, and no token needed."""
        return json_response(openapi_document())


def _page(name: str, items: list[dict[str, Any]], after: str | None) -> Response:
    return json_response({name: items, "after": after})


def _check_query(request: Request, *known: str) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    wrong = next((name for name in names if name not in known or names.count(name) > 1), None)
    if wrong is not None:
        raise RefusedRequestError(422, "a parameter is not known, or stands twice", wrong[:64])


def _number(request: Request, name: str, prefix: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    digits = text.removeprefix(prefix)
    if not text.startswith(prefix) or not digits.isascii() or not digits.isdigit() or len(digits) > 15:
        raise RefusedRequestError(422, "the cursor is not one that a page gave", name)
    return int(digits)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(PAGE))
    if not text.isascii() or not text.isdigit() or len(text) > 4 or not 1 <= int(text) <= PAGE_MOST:
        raise RefusedRequestError(422, f"a page has 1 to {PAGE_MOST} items", "limit")
    return int(text)
