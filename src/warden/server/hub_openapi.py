"""The hub contract as data: one table of operations, from which the routes and the OpenAPI document are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from warden.hubs.contract import (
    CONTRACT,
    KEY_DAYS,
    LINE_CHARACTERS,
    METADATA_CHARACTERS,
    METADATA_ENTRIES,
    REQUEST_BYTES,
)
from warden.hubs.names import PAGE_BYTES, PAGE_MESSAGES, THREAD_MESSAGES
from warden.server.openapi import Schema, content, document, reference

_READING: Final = (401, 403, 422, 500, 503)
_WRITING: Final = (400, 401, 403, 404, 408, 409, 413, 422, 500, 503)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract; `query` names parameters of `_PARAMETERS`, `body` and `answer` name schemas."""

    name: str
    method: str
    path: str
    summary: str
    answer: str
    status: int = 200
    errors: tuple[int, ...] = ()
    query: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    body: str = ""
    open: bool = False

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every status that an answer may have."""
        return (self.status, *self.errors)


OPERATIONS: Final = (
    Operation(
        "list_messages",
        "GET",
        "/messages",
        "One page of an agent's inbox, oldest first. Marks nothing. A message that arrives later stands behind every cursor.",
        "MessagePage",
        errors=_READING,
        query=("to_agent", "unread", "after", "limit"),
        required=("to_agent",),
    ),
    Operation(
        "post_message",
        "POST",
        "/messages",
        "Send a message. Without thread_id and in_reply_to it opens a thread; into a thread posts only who is in it.",
        "Posted",
        status=201,
        errors=(*_WRITING, 415),
        body="NewMessage",
    ),
    Operation(
        "get_message",
        "GET",
        "/messages/{id}",
        "One message that the caller sent or received.",
        "Message",
        errors=(*_READING, 404),
        query=("agent",),
    ),
    Operation(
        "mark_read",
        "POST",
        "/messages/{id}/read",
        "Set the read flag of a message in the caller's inbox. The body is empty.",
        "Made",
        errors=_WRITING,
        query=("agent",),
    ),
    Operation(
        "get_thread",
        "GET",
        "/threads/{id}",
        f"The newest {THREAD_MESSAGES} messages of a thread that the caller takes part in (at most {PAGE_BYTES} bytes of them),"
        " oldest first.",
        "Thread",
        errors=(*_READING, 404),
        query=("agent",),
    ),
    Operation(
        "list_progress",
        "GET",
        "/progress",
        "One page of an agent's progress events, oldest first.",
        "ProgressPage",
        errors=_READING,
        query=("agent", "after", "limit"),
        required=("agent",),
    ),
    Operation(
        "post_progress",
        "POST",
        "/progress",
        "Post a progress event.",
        "Made",
        status=201,
        errors=(*_WRITING, 415),
        body="NewProgress",
    ),
    Operation("get_hub", "GET", "/hub", "What the hub declares of itself.", "Hub", errors=(401, 403, 500, 503)),
    Operation("get_health", "GET", "/healthz", "Whether the process answers.", "Status", errors=(500,), open=True),
    Operation(
        "get_readiness", "GET", "/readyz", "Whether the database answers.", "Status", errors=(500, 503), open=True
    ),
    Operation("get_openapi", "GET", "/openapi.json", "This document.", "Document", errors=(500,), open=True),
)

_NAME: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}$"}
_KIND: Final[Schema] = {"type": "string", "pattern": "^[a-z_]{1,32}$"}
_LINE: Final[Schema] = {
    "type": "string",
    "maxLength": LINE_CHARACTERS,
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$",
    "description": "One line, no control characters.",
}
_TEXT: Final[Schema] = {
    "type": "string",
    "pattern": r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$",
    "description": "No control characters but newline, carriage return and tab; no lone surrogates.",
}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_METADATA: Final[Schema] = {
    "type": "object",
    "maxProperties": METADATA_ENTRIES,
    "propertyNames": {"pattern": "^[a-z0-9_-]{1,64}$"},
    "additionalProperties": {**_LINE, "maxLength": METADATA_CHARACTERS},
    "description": "`auto-submitted` (RFC 3834) and `warden-hops` have a meaning for warden; `drafted_by` names who "
    "drafted a reply that no catalogue holds.",
}


def _optional(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _object(required: Schema, optional: Schema | None = None, *, closed: bool = False) -> Schema:
    made = {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }
    return {**made, "additionalProperties": False} if closed else made


def _list(name: str) -> Schema:
    return {"type": "array", "items": reference(name)}


_AFTER: Final[Schema] = {"type": ["string", "null"], "description": "The cursor of the next page, null at the end."}
_SCHEMAS: Final[Schema] = {
    "NewMessage": _object(
        {"from_agent": _NAME, "to_agent": _NAME, "subject": _LINE, "body": _TEXT, "kind": _KIND},
        {"thread_id": _optional(_NAME), "in_reply_to": _optional(_NAME), "metadata": _optional(_METADATA)},
        closed=True,
    ),
    "NewProgress": _object(
        {"agent": _NAME, "summary": {**_LINE, "minLength": 1}, "kind": _KIND},
        {
            "detail": _optional(_TEXT),
            "message_id": _optional(_NAME),
            "thread_id": _optional(_NAME),
            "metadata": _optional(_METADATA),
        },
        closed=True,
    ),
    "Message": _object(
        {
            "id": _NAME,
            "thread_id": _NAME,
            "from_agent": _NAME,
            "to_agent": _NAME,
            "assurance": {
                "enum": ["claimed", "token"],
                "description": "Whether the sender showed a token when it posted.",
            },
            "created_at": _TIME,
            "kind": _KIND,
            "subject": _LINE,
            "body": _TEXT,
            "in_reply_to": _optional(_NAME),
            "metadata": _METADATA,
            "read": {"type": "boolean"},
        }
    ),
    "MessagePage": _object({"messages": _list("Message"), "after": _AFTER}),
    "Thread": _object({"id": _NAME, "messages": _list("Message")}),
    "Progress": _object(
        {"id": _NAME, "agent": _NAME, "created_at": _TIME, "kind": _KIND, "summary": _LINE},
        {
            "detail": _optional(_TEXT),
            "message_id": _optional(_NAME),
            "thread_id": _optional(_NAME),
            "metadata": _METADATA,
        },
    ),
    "ProgressPage": _object({"events": _list("Progress"), "after": _AFTER}),
    "Posted": _object({"id": _NAME, "thread_id": _NAME}),
    "Made": _object({"id": _NAME}),
    "Hub": _object(
        {"hub_id": {"type": "string"}, "contract": {"const": CONTRACT}, "authenticated_senders": {"type": "boolean"}}
    ),
    "Status": _object({"status": {"type": "string"}}),
    "Document": {"type": "object"},
    "Error": _object(
        {
            "error": _object(
                {"code": {"type": "string"}, "message": {"type": "string"}},
                {"field": {"type": "string", "description": "The part of the request that was refused."}},
            )
        }
    ),
}
_PARAMETERS: Final[Mapping[str, tuple[Schema, str]]] = {
    "to_agent": (_NAME, "Whose inbox; with a token only one's own."),
    "agent": (_NAME, "Who looks; with a token only oneself, and not needed."),
    "unread": ({"type": "boolean", "default": False}, "Only messages that are not marked read."),
    "after": ({"type": "string", "pattern": "^[0-9]{1,18}$"}, "The `after` of the page before."),
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": PAGE_MESSAGES, "default": 100},
        f"Most messages of the page; it ends earlier at {PAGE_BYTES} bytes.",
    ),
}
_ERRORS: Final = {
    400: "The body is not one JSON document in UTF-8, or has a name twice.",
    401: "No token, or not one of this hub.",
    403: "The token is bound to another agent.",
    404: "There is no such message or thread, or the caller takes no part in it.",
    408: "The body came too slowly.",
    409: "Something else was sent before under this idempotency key.",
    413: f"The body is larger than {REQUEST_BYTES} bytes.",
    415: "The content type is not application/json.",
    422: "A field or parameter is unknown, missing or not acceptable; nothing was stored.",
    500: "The hub failed; whether a write was taken is not known: send it again under the same key.",
    503: "The hub is busy or shutting down; nothing was taken. See Retry-After.",
}


def build_document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the contract."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    info = {
        "title": "warden hub",
        "version": CONTRACT.rpartition("/")[2],
        "description": "Messages, threads and progress of agents. Every POST honours Idempotency-Key: the same key and"
        " content answer the first result, other content is 409; keys belong to the agent that acts and are kept"
        f" {KEY_DAYS} days. A path that is not here is 404, a method that is not here 405.",
    }
    return document(info, paths, _SCHEMAS)


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
    if operation.open:
        made["security"] = []
    parameters = [_parameter(name, name in operation.required) for name in operation.query]
    if "{id}" in operation.path:
        parameters.insert(0, {"name": "id", "in": "path", "required": True, "schema": dict(_NAME)})
    if operation.method == "POST":
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
            }
        )
    if parameters:
        made["parameters"] = parameters
    if operation.body:
        made["requestBody"] = {"required": True, "content": content(operation.body)}
    made["responses"] = {str(operation.status): _answer(operation)}
    for status in sorted(operation.errors):
        made["responses"][str(status)] = {"description": _ERRORS[status], "content": content("Error")}
    return made


def _answer(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {"description": "Done.", "content": content(operation.answer)}
    if operation.method == "POST":
        made["headers"] = {
            "Idempotency-Replayed": {
                "description": "`true` when an earlier request with this key had made it.",
                "schema": {"const": "true"},
            }
        }
    return made


def _parameter(name: str, required: bool) -> dict[str, Any]:
    schema, description = _PARAMETERS[name]
    return {"name": name, "in": "query", "required": required, "description": description, "schema": dict(schema)}
