"""What workloads may use: a runtime claims the grants of a workload, and whoever keeps a hook asks whether a use is allowed.

`POST /v1/workloads/{id}/claim` gives the runtime the tokens of the grants that the operator's configuration has for the
workload's action, once per claim; they never travel in the trigger pipe. `POST /v1/capabilities/authorize` counts a use, or
refuses it with the reason. Both are durable before they are answered. A claim needs a workload that the ledger knows and
that has not ended; its end revokes everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from warden.hubs import capabilities
from warden.hubs.capabilities import GrantTerms
from warden.server.hub_request import RefusedRequestError, json_response, read_document
from warden.server.intake.app import Desk, Router
from warden.server.intake.clients import AUTHORIZE, CLAIM, Client, Clients
from warden.server.intake.trails import capability_document

if TYPE_CHECKING:
    from warden.server.intake.trails import Trails

MAX_WORD = 256


class Grants:
    """Claims and authorizations. `grants_of` returns what workloads with this action may claim."""

    def __init__(
        self, desk: Desk, clients: Clients, trails: Trails, grants_of: Callable[[str], Sequence[GrantTerms]]
    ) -> None:
        self._desk = desk
        self._clients = clients
        self._trails = trails
        self._grants_of = grants_of

    def router(self) -> Router:
        """Return the routes."""
        guarded = self._clients.guarded
        return Router(
            [
                Route("/v1/workloads/{workload_id}/claim", guarded(self.claim, CLAIM), methods=["POST"]),
                Route("/v1/capabilities/authorize", guarded(self.authorize, AUTHORIZE), methods=["POST"]),
            ]
        )

    async def claim(self, request: Request, client: Client) -> Response:
        """Answer with a token for each grant of a workload; earlier tokens of it stop working."""
        workload_id = request.path_params["workload_id"]
        known = await asyncio.to_thread(self._trails.workload, workload_id)
        if known is None:
            raise RefusedRequestError(404, "there is no such workload")
        record, action = known
        if record.state.ended:
            raise RefusedRequestError(409, f"the workload is {record.state.value}: it has nothing to claim any more")
        now = self._desk.clock.now().timestamp()
        grants = self._grants_of(action)
        given = await self._desk.write(
            partial(capabilities.claim, workload_id=workload_id, grants=grants, client=client.name, now=now)
        )
        if grants and not given:
            raise RefusedRequestError(409, "the workload has ended, or its grants were revoked")
        found = [{**capability_document(one, now), "token": token} for one, token in given]
        return json_response({"workload_id": workload_id, "capabilities": found}, headers={"cache-control": "no-store"})

    async def authorize(self, request: Request, client: Client) -> Response:
        """Answer 200 when a use is allowed and counted, 403 with the reason when it is not."""
        document = await read_document(request)
        if not isinstance(document, Mapping):
            raise RefusedRequestError(422, "the question must be an object")
        token, hook, operation = (_word(document, name) for name in ("token", "hook", "operation"))
        now = self._desk.clock.now().timestamp()
        ruling = await self._desk.write(
            partial(capabilities.authorize, token=token, hook=hook, operation=operation, now=now)
        )
        answer: dict[str, Any] = {"allowed": not ruling.reason}
        if ruling.reason:
            answer["reason"] = ruling.reason
        if ruling.capability is not None:
            one = ruling.capability
            answer |= {"capability": one.id, "workload_id": one.workload_id, "uses_left": one.max_uses - one.uses}
        return json_response(answer, 403 if ruling.reason else 200, {"cache-control": "no-store"})


def _word(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_WORD or not value.isascii():
        raise RefusedRequestError(422, "token, hook and operation are short texts", name)
    return value
