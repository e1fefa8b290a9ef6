"""`POST /hooks/{source}`: from a request to a durable delivery, and nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from warden.hubs import intake_operations
from warden.hubs.intake_operations import DUPLICATE, NEW, NewDelivery, Refused
from warden.model.digests import digest_bytes
from warden.server.body import BodyError, read_body
from warden.server.hub_request import json_response, refusal
from warden.server.intake import delivery
from warden.server.intake.app import Desk, Router, endpoint
from warden.server.intake.delivery import RefusedError, Source, Sources
from warden.server.intake.limits import Rate
from warden.server.intake.signature import Headers

if TYPE_CHECKING:
    from warden.orders.book import TriggerBook
    from warden.ports import Scanner

INLINE_BYTES = 16_384
"""A body up to this size is read on the event loop; a larger one in a thread, so that it holds up nobody else."""

_WORDS = {
    400: "the delivery is malformed",
    401: "the delivery is not signed by this source",
    408: "the body came too slowly",
    409: "this delivery contradicts an earlier one",
    413: "the delivery is too large",
    415: "the content type must be JSON, or a form with `payload`",
    422: "the delivery is no event that can be read",
    429: "too many deliveries",
}


@dataclass(frozen=True, slots=True)
class HookTerms:
    """Bounds of a delivery: bytes, seconds, rates, and how long it is known again."""

    body_bytes: int
    body_timeout_s: float
    source_per_minute: int
    address_per_minute: int
    window_s: float


class Hooks:
    """Takes deliveries in for one event loop. `book` gives the rules that are in force."""

    def __init__(
        self, desk: Desk, sources: Sources, book: Callable[[], TriggerBook], scanner: Scanner, terms: HookTerms
    ) -> None:
        self._desk = desk
        self._sources = sources
        self._book = book
        self._scanner = scanner
        self._terms = terms
        self._source_rate = Rate(terms.source_per_minute, desk.clock.monotonic)
        self._address_rate = Rate(terms.address_per_minute, desk.clock.monotonic)

    def router(self) -> Router:
        """Return the routes."""
        return Router([Route("/hooks/{source}", endpoint(self.take), methods=["POST"])])

    async def take(self, request: Request) -> Response:
        """Answer one delivery: 202 when it is durable, 200 when it was so before, and otherwise why not."""
        address = request.client.host if request.client else ""
        wait_s = self._address_rate.wait_s(address)
        if wait_s:
            return _slow_down(wait_s)
        source = self._sources.get(request.path_params["source"])
        if source is None:
            return refusal(404, "there is no such source")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        body = b""
        try:
            kind = delivery.check_headers(headers)
            body = await read_body(request, self._terms.body_bytes, self._terms.body_timeout_s)
            proven = delivery.prove(source, headers, body, kind, self._now())
            wait_s = self._source_rate.wait_s(source.name)
            if wait_s:
                return _slow_down(wait_s)
            work = partial(self._prepare, source, headers, proven)
            new = work() if len(body) <= INLINE_BYTES else await asyncio.to_thread(work)
            taken = await self._desk.write(partial(intake_operations.accept, new=new))
            if taken.state not in (NEW, DUPLICATE):
                raise RefusedError(409, taken.state, proven=True)
        except BodyError as error:
            return await self._refuse(source, headers, body, address, RefusedError(error.status, error.reason))
        except RefusedError as error:
            return await self._refuse(source, headers, body, address, error)
        found = {"delivery": f"d{taken.delivery}", "state": taken.state, "tasks": [f"e{one}" for one in taken.tasks]}
        return json_response(found, 202 if taken.state == NEW else 200)

    def _now(self) -> float:
        return self._desk.clock.now().timestamp()

    def _prepare(self, source: Source, headers: Headers, proven: delivery.Proven) -> NewDelivery:
        now = self._now()
        event = delivery.read(source, headers, proven, now)
        ready = delivery.ready(self._scanner, self._book(), event, proven)
        return NewDelivery(
            event=ready.event,
            assurance=ready.assurance.value,
            body_digest=ready.digest,
            body=ready.body,
            headers=delivery.kept_headers(source, headers, self._scanner, event.delivery_id),
            received_at=now,
            tasks=ready.tasks,
            reason=ready.reason,
            window_s=self._terms.window_s,
            strict_body=source.forge,
        )

    async def _refuse(
        self, source: Source, headers: Headers, body: bytes, address: str, error: RefusedError
    ) -> Response:
        """Write a refused delivery down, durably, and answer it."""
        kept: bytes | None = None
        if error.proven:  # the body of what nobody vouches for is not kept
            text = body.decode("utf-8", "replace")
            kept = (await asyncio.to_thread(delivery.redact_text, self._scanner, text)).encode("utf-8")
        refused = Refused(
            source=source.name,
            reason=error.reason,
            address=address,
            headers=delivery.kept_headers(source, headers, self._scanner),
            headers_digest=delivery.headers_digest(headers),
            body_digest=digest_bytes(body),
            body_bytes=len(body),
            at=self._now(),
            body=kept,
        )
        await self._desk.write(partial(intake_operations.quarantine, refused=refused))
        return refusal(error.status, _WORDS[error.status], error.reason)


def _slow_down(wait_s: float) -> Response:
    response = refusal(429, _WORDS[429])
    response.headers["retry-after"] = str(max(1, round(wait_s)))
    return response
