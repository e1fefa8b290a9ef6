"""`POST /v1/events` and `POST /v1/dispatch`: events of a client that is known by its token, each taken once.

What it does: reads an event as a webhook's would be, redacts it, sorts it by the operator's rules, and keeps it with its
tasks and the client's claim (its Idempotency-Key) in one transaction. What it does not: name what is run. `/v1/events` takes
every event; `/v1/dispatch` refuses one for which no rule orders a script, a workload or a trigger, because its sender expects
that something starts. Rules: the same key and body are answered as the first time, the same key with another body is a
conflict; whatever is started is named by an operator's rule and judged by the kernel, never by the client.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from warden.hubs import intake_operations
from warden.hubs.intake_operations import DUPLICATE, NEW, NewDelivery, Refused
from warden.model.digests import canonical_bytes, digest_bytes, digest_text
from warden.model.ids import MessageKey, idempotency_key
from warden.model.message import Assurance
from warden.server.hub_request import RefusedRequestError, json_response, read_document
from warden.server.intake import delivery
from warden.server.intake.app import Desk, Router
from warden.server.intake.clients import DISPATCH, EVENTS, Client, Clients
from warden.server.intake.delivery import Proven, RefusedError
from warden.server.intake.events import EventTerms, MalformedEventError, read_event
from warden.server.intake.trust import Accounts, listed_trust

if TYPE_CHECKING:
    from warden.orders.book import TriggerBook
    from warden.ports import Scanner

OPERATOR = frozenset({"script", "workload", "trigger"})
CLAIM_KEPT_S = 7 * 86_400.0
"""How long a claim is remembered."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
_PURGED_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class DispatchTerms:
    """Whose inbox the tasks are in, who accounts are, and how long an event is known again."""

    agent: str
    accounts: Accounts
    window_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client is answered; `replayed` says that it was answered so before."""

    status: int
    document: dict[str, Any]
    replayed: bool = False


class Dispatch:
    """Takes events of clients. `book` gives the rules that are in force."""

    def __init__(
        self,
        desk: Desk,
        clients: Clients,
        book: Callable[[], TriggerBook],
        scanner: Scanner,
        terms: DispatchTerms,
    ) -> None:
        self._desk = desk
        self._clients = clients
        self._book = book
        self._scanner = scanner
        self._terms = terms

    def router(self) -> Router:
        """Return the routes."""
        guarded = self._clients.guarded
        return Router(
            [
                Route("/v1/events", guarded(self._take_event, EVENTS), methods=["POST"]),
                Route("/v1/dispatch", guarded(self._take_dispatch, DISPATCH), methods=["POST"]),
            ]
        )

    async def _take_event(self, request: Request, client: Client) -> Response:
        return await self._take(request, client, "")

    async def _take_dispatch(self, request: Request, client: Client) -> Response:
        return await self._take(request, client, "dispatch")

    async def _take(self, request: Request, client: Client, expects: str) -> Response:
        key = _idempotency_key(request)
        document = await read_document(request)
        if not isinstance(document, Mapping):
            raise RefusedRequestError(422, "the event must be an object")
        if expects:
            document = {"event": expects, **document}
        new = await asyncio.to_thread(self._prepare, client, key, document)
        claim = digest_text(key)
        asked = digest_bytes(canonical_bytes([expects, new.body_digest]))
        if expects and not any(task.does in OPERATOR for task in new.tasks):
            await self._desk.write(partial(intake_operations.quarantine, refused=_unordered(client, new)))
            why = new.reason or "no-order"
            raise RefusedRequestError(422, f"no rule of the operator starts anything for this event: {why}")
        answer = await self._desk.write(lambda c: self._keep(c, client, claim, asked, new))
        headers = {"idempotency-replayed": "true"} if answer.replayed else {}
        return json_response(answer.document, answer.status, headers)

    def _prepare(self, client: Client, key: str, document: Mapping[str, Any]) -> NewDelivery:
        now = self._desk.clock.now().timestamp()
        headers = [] if isinstance(document.get("id"), str) else [("idempotency-key", key)]
        terms = EventTerms(
            source=client.name, format="generic", accounts=self._terms.accounts, id_header="idempotency-key"
        )
        try:
            data = canonical_bytes(dict(document))
            event = read_event(terms, headers, document, now)
        except MalformedEventError as error:
            raise RefusedRequestError(422, "the event cannot be read", error.code) from error
        except (ValueError, TypeError) as error:
            raise RefusedRequestError(
                422, "the event has no canonical form: numbers and texts must be ordinary"
            ) from error
        listed = listed_trust(self._terms.accounts, event.sender) if event.sender else None
        event = replace(
            event, trust=client.trust if listed is None else min(listed, client.trust, key=lambda t: t.rank)
        )
        # The same event under another key is the same event; another event with the same words is another.
        proven = Proven(Assurance.TOKEN, data, digest_bytes(event.delivery_id.encode() + b"\n" + data))
        try:
            ready = delivery.ready(self._scanner, self._book(), event, proven)
        except RefusedError as error:
            raise RefusedRequestError(error.status, "the event is refused", error.reason) from error
        return NewDelivery(
            event=ready.event,
            assurance=ready.assurance.value,
            body_digest=ready.digest,
            body=ready.body,
            headers=(),
            received_at=now,
            tasks=ready.tasks,
            reason=ready.reason,
            origin="api",
            window_s=self._terms.window_s,
            strict_body=False,
        )

    def _keep(self, connection: Connection, client: Client, claim: str, asked: str, new: NewDelivery) -> Answer:
        """INVARIANT (exactly-once): claim, delivery and tasks are one transaction."""
        row = connection.execute(
            "SELECT digest, status, answer FROM claims WHERE client = ? AND key = ? AND at > ?",
            (client.name, claim, new.received_at - CLAIM_KEPT_S),
        ).fetchone()
        if row is not None:
            if row[0] != asked:
                raise RefusedRequestError(409, "something else was sent before under this idempotency key")
            return Answer(int(row[1]), json.loads(row[2]), replayed=True)
        taken = intake_operations.accept(connection, new)
        if taken.state not in (NEW, DUPLICATE):
            raise RefusedRequestError(409, "another event was sent before under this id", taken.state)
        answer = Answer(202 if taken.state == NEW else 200, self._document(connection, taken.delivery, taken.state))
        connection.execute(
            "DELETE FROM claims WHERE (client, key) IN (SELECT client, key FROM claims WHERE at <= ? LIMIT ?)",
            (new.received_at - CLAIM_KEPT_S, _PURGED_AT_ONCE),
        )
        connection.execute(
            "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?)",
            (client.name, claim, asked, answer.status, json.dumps(answer.document), new.received_at),
        )
        return answer

    def _document(self, connection: Connection, number: int, state: str) -> dict[str, Any]:
        tasks = connection.execute(
            "SELECT id, rule_set, rule, does, key, state, reason FROM tasks WHERE delivery = ? ORDER BY id", (number,)
        ).fetchall()
        return {
            "event": f"d{number}",
            "state": state,
            "tasks": [self._task(row) for row in tasks],
            "timeline": f"/v1/events/d{number}",
        }

    def _task(self, row: tuple[Any, ...]) -> dict[str, Any]:
        task = {"task": f"e{row[0]}", "rule": f"{row[1]}/{row[2]}", "does": row[3], "key": row[4], "state": row[5]}
        if row[6]:
            task["reason"] = row[6]
        if row[3] == "workload":
            key = MessageKey(self._desk.database.hub_id, self._terms.agent, f"e{row[0]}")
            task["workload_id"] = idempotency_key(key, "start_workload", 0)
        return task


def _idempotency_key(request: Request) -> str:
    given = [value.decode("latin-1") for name, value in request.headers.raw if name == b"idempotency-key"]
    if len(given) != 1 or not _KEY.match(given[0]):
        raise RefusedRequestError(422, "one Idempotency-Key of visible ASCII is needed", "idempotency-key")
    return given[0]


def _unordered(client: Client, new: NewDelivery) -> Refused:
    reason = new.reason or "no-order"
    return Refused(client.name, reason, "", (), "", new.body_digest, len(new.body), new.received_at, new.body)
