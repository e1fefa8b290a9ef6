"""A hub as operators have them already, over HTTP: the profile `classic` speaks to it.

It has numbers for ids, bare lists that are not in order, times without an offset, fields that nobody asked for, and
neither cursors, keys, callers that it knows, nor messages and threads that one can ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from warden.errors import HubError, HubNotFoundError
from warden.hubs.contract import read_message, read_progress

if TYPE_CHECKING:
    from warden.model.message import Message
    from warden.testing.hub import MemoryHub

LIST_LIMIT = 100


def build_classic(hub: MemoryHub) -> Starlette:
    """Return an application that gives `hub` a classic face."""
    handlers = _Classic(hub)
    return Starlette(
        routes=[
            Route("/messages/", handlers.list_messages, methods=["GET"]),
            Route("/messages/", handlers.post_message, methods=["POST"]),
            Route("/messages/{number:int}/read", handlers.mark_read, methods=["PATCH"]),
            Route("/progress/", handlers.post_progress, methods=["POST"]),
        ],
        exception_handlers={HubError: _refuse},
    )


async def _refuse(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 404 if isinstance(error, HubNotFoundError) else 422)


class _Classic:
    def __init__(self, hub: MemoryHub) -> None:
        self._hub = hub

    async def list_messages(self, request: Request) -> Response:
        query = request.query_params
        page = self._hub.list_inbox(query["to_agent"], query.get("unread_only") == "true", limit=LIST_LIMIT)
        return JSONResponse([self._shown(message) for message in reversed(page.messages)])

    async def post_message(self, request: Request) -> Response:
        document = await request.json()
        if document.get("in_reply_to") is not None:
            document["in_reply_to"] = f"m{document['in_reply_to']}"
        made = self._hub.post_message(read_message(document))
        return JSONResponse({"id": _number(made.id), "status": "queued"}, 201)

    async def mark_read(self, request: Request) -> Response:
        self._hub.mark_read(None, f"m{request.path_params['number']}")
        return Response(status_code=204)

    async def post_progress(self, request: Request) -> Response:
        document = await request.json()
        if document.get("message_id") is not None:
            document["message_id"] = f"m{document['message_id']}"
        made = self._hub.post_progress(read_progress(document))
        return JSONResponse({"id": _number(made.id)})

    def _shown(self, message: Message) -> dict[str, Any]:
        content = message.content
        return {
            "id": _number(message.key.message_id),
            "thread_id": content.thread_id,
            "from_agent": message.sender.name,
            "to_agent": message.key.agent,
            "subject": content.subject,
            "body": content.body,
            "kind": content.kind,
            "in_reply_to": _number(content.in_reply_to) if content.in_reply_to else None,
            "metadata": dict(content.metadata),
            "created_at": message.received_at.removesuffix("Z"),
            "priority": 3,
            "labels": [],
        }


def _number(identifier: str) -> int:
    return int(identifier[1:])
