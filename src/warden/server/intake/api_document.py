"""The API of the intake as an OpenAPI 3.1 document, made from one table of operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from warden.server.openapi import Schema, content, document, reference


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `scopes` are those of which one is needed, `query` names parameters, `body` and `answer` schemas."""

    name: str
    method: str
    path: str
    summary: str
    answer: str
    scopes: tuple[str, ...] = ()
    errors: tuple[int, ...] = (401, 403, 422, 429, 503)
    query: tuple[str, ...] = ()
    body: str = ""
    keyed: bool = False
    statuses: tuple[int, ...] = (200,)


_WRITING = (400, 401, 403, 408, 409, 413, 415, 422, 429, 503)
_OWN = ("audit", "events", "dispatch")

OPERATIONS: Final = (
    Operation(
        "take_event",
        "POST",
        "/v1/events",
        "Take an event in, once. The operator's rules say what is made of it.",
        "Taken",
        ("events",),
        _WRITING,
        body="NewEvent",
        keyed=True,
        statuses=(202, 200),
    ),
    Operation(
        "dispatch",
        "POST",
        "/v1/dispatch",
        "As an event, refused when no rule orders a script, a workload or a trigger for it.",
        "Taken",
        ("dispatch",),
        _WRITING,
        body="NewEvent",
        keyed=True,
        statuses=(202, 200),
    ),
    Operation(
        "list_events", "GET", "/v1/events", "One page of events, newest first.", "EventPage", _OWN,
        query=("source", "after", "limit"),
    ),
    Operation(
        "get_timeline",
        "GET",
        "/v1/events/{event_id}",
        "Why an event (`d7`, or its task `e9`) was assigned, when it was delivered, and what became of it.",
        "Timeline",
        _OWN,
        (401, 403, 404, 429, 503),
    ),
    Operation(
        "list_workloads", "GET", "/v1/workloads", "One page of workloads, newest first.", "WorkloadPage", ("audit",),
        query=("state", "after", "limit"),
    ),
    Operation(
        "get_workload",
        "GET",
        "/v1/workloads/{workload_id}",
        "One workload, all that was heard of it, and the ledger's steps.",
        "Workload",
        ("audit",),
        (401, 403, 404, 429, 503),
    ),
    Operation(
        "claim",
        "POST",
        "/v1/workloads/{workload_id}/claim",
        "Fresh tokens for what this workload is granted; earlier ones stop working, uses go on being counted.",
        "Claimed",
        ("claim",),
        (401, 403, 404, 409, 429, 503),
    ),
    Operation(
        "authorize",
        "POST",
        "/v1/capabilities/authorize",
        "Count one use of a capability. 403 with `allowed: false` and a reason when it is not allowed.",
        "Ruling",
        ("authorize",),
        _WRITING,
        body="Use",
    ),
    Operation(
        "list_capabilities", "GET", "/v1/capabilities", "One page of capabilities, newest first.", "CapabilityPage",
        ("audit",), query=("workload", "after", "limit"),
    ),
    Operation(
        "list_decisions", "GET", "/v1/decisions", "One page of the kernel's decisions, newest first.", "DecisionPage",
        ("audit",), query=("after", "limit"),
    ),
    Operation("openapi", "GET", "/v1/openapi.json", "This document.", "Document", errors=(503,)),
)  # fmt: skip

_TEXT: Final[Schema] = {"type": "string"}
_WORD: Final[Schema] = {"type": "string", "pattern": r"^[\u0000-\u007f]{1,256}$"}
_NUMBER: Final[Schema] = {"type": "integer"}
_FLAG: Final[Schema] = {"type": "boolean"}
_TIME: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_AFTER: Final[Schema] = {"type": ["string", "null"], "description": "Where this page ended; null for the last."}
_ANY: Final[Schema] = {"type": "object"}


def _object(fields: Mapping[str, Schema], required: tuple[str, ...] = (), more: bool = True) -> Schema:
    made: dict[str, Any] = {"type": "object", "properties": dict(fields), "additionalProperties": more}
    return {**made, "required": list(required)} if required else made


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _page_of(name: str, schema: str) -> Schema:
    return _object({name: _list(reference(schema)), "after": _AFTER}, (name, "after"), more=False)


_TASK = _object(
    {
        "task": _TEXT,
        "rule": _TEXT,
        "does": {"enum": ["message", "script", "workload", "trigger", "escalate", "approval"]},
        "key": _TEXT,
        "state": _TEXT,
        "reason": _TEXT,
        "workload_id": {**_TEXT, "description": "The id that the workload will have, when the rule starts one."},
    },
    ("task", "rule", "does", "key", "state"),
)
_EVENT_NAMES = ("source", "event", "type", "action", "repository", "number", "branch", "sender", "url", "title", "text")
_SCHEMAS: Final[Mapping[str, Schema]] = {
    "NewEvent": _object(
        {
            "id": {**_TEXT, "description": "The event's own id; without it the Idempotency-Key is taken."},
            **{name: _TEXT for name in _EVENT_NAMES if name != "source"},
            "number": {"type": ["integer", "string"]},
            "labels": _list(_TEXT),
        }
    ),
    "Taken": _object(
        {"event": _TEXT, "state": {"enum": ["new", "duplicate"]}, "tasks": _list(_TASK), "timeline": _TEXT},
        ("event", "state", "tasks", "timeline"),
        more=False,
    ),
    "Event": _object(
        {
            "event_id": _TEXT,
            **{name: _TEXT for name in _EVENT_NAMES if name not in ("url", "title", "text")},
            "labels": _list(_TEXT),
            **dict.fromkeys(("delivery_id", "trust", "assurance", "state", "reason", "origin"), _TEXT),
            "received_at": _TIME,
        },
        ("event_id", "source", "event", "received_at"),
    ),
    "EventPage": _page_of("events", "Event"),
    "Timeline": _object({"event_id": _TEXT, "claims": _list(_ANY), "tasks": _list(_ANY)}, ("event_id", "tasks")),
    "Workload": _object(
        {
            **dict.fromkeys(("workload_id", "state", "task", "sender", "thread", "action", "source"), _TEXT),
            "ended": _FLAG,
            "try": _NUMBER,
            "reports": _NUMBER,
            **dict.fromkeys(("intended_at", "delivered_at", "heard_at", "ended_at"), _TIME),
            "heard": _list(_ANY),
            "steps": _list(_ANY),
        },
        ("workload_id", "state", "ended"),
    ),
    "WorkloadPage": _page_of("workloads", "Workload"),
    "Capability": _object(
        {
            **dict.fromkeys(("id", "workload_id", "name", "hook", "state", "client", "revoked_for"), _TEXT),
            "operations": _list(_TEXT),
            **dict.fromkeys(("max_uses", "uses", "refused"), _NUMBER),
            **dict.fromkeys(("issued_at", "expires_at", "used_at", "revoked_at"), _TIME),
            "token": {**_TEXT, "description": "Only in the answer to a claim."},
        },
        ("id", "workload_id", "hook", "operations", "state"),
    ),
    "CapabilityPage": _page_of("capabilities", "Capability"),
    "Claimed": _object(
        {"workload_id": _TEXT, "capabilities": _list({"$ref": "#/components/schemas/Capability"})},
        ("workload_id", "capabilities"),
        more=False,
    ),
    "Use": _object({"token": _WORD, "hook": _WORD, "operation": _WORD}, ("token", "hook", "operation")),
    "Ruling": _object(
        {"allowed": _FLAG, "reason": _TEXT, "capability": _TEXT, "workload_id": _TEXT, "uses_left": _NUMBER},
        ("allowed",),
        more=False,
    ),
    "Decision": _object(
        {
            "seq": _NUMBER,
            "at": _TIME,
            **dict.fromkeys(("message", "kind", "action", "effect", "snapshot"), _TEXT),
            **dict.fromkeys(("rule_ids", "secret_kinds", "errors"), _list(_TEXT)),
        },
        ("seq", "at", "message", "action", "effect"),
    ),
    "DecisionPage": _page_of("decisions", "Decision"),
    "Document": _ANY,
    "Error": _object(
        {"error": _object({"code": _TEXT, "message": _TEXT, "field": _TEXT}, ("code", "message"))}, ("error",)
    ),
}
_PARAMETERS: Final[Mapping[str, tuple[Schema, str]]] = {
    "source": (_TEXT, "Only events of this source."),
    "state": (_TEXT, "Only workloads in this state."),
    "workload": (_TEXT, "Only capabilities of this workload."),
    "after": ({"type": "string", "pattern": "^(d|w|n|cap)[0-9]{1,15}$"}, "The `after` of the page before."),
    "limit": ({"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "Most items of the page."),
}
_ERRORS: Final = {
    400: "The body is not one JSON document in UTF-8, or has a name twice.",
    401: "No token, or not one that is known.",
    403: "The token has not the scope, or the use is not allowed.",
    404: "There is no such thing.",
    408: "The body came too slowly.",
    409: "Something else was sent before under this key or id, or the workload has ended.",
    413: "The body is too large.",
    415: "The content type is not application/json.",
    422: "A field or parameter is missing or not acceptable, or no rule orders anything; nothing was started.",
    429: "Too many requests. See Retry-After.",
    503: "The file is busy or the intake shuts down; nothing was taken. See Retry-After.",
}


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    info = {
        "title": "warden intake",
        "version": "1",
        "description": "Events in, workloads out, and the story of each. Tokens are bearer tokens with scopes; what a"
        " client asks for is named by the operator's rules and judged by the kernel.",
    }
    return document(info, paths, _SCHEMAS)


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
    made["security"] = [{"token": []}] if operation.scopes else []
    if operation.scopes:
        made["description"] = "Scope: " + " or ".join(f"`{scope}`" for scope in operation.scopes) + "."
    parameters = [_parameter(name) for name in operation.query]
    for name in ("event_id", "workload_id"):
        if f"{{{name}}}" in operation.path:
            parameters.insert(0, {"name": name, "in": "path", "required": True, "schema": dict(_TEXT)})
    if operation.keyed:
        key = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        parameters.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": key})
    if parameters:
        made["parameters"] = parameters
    if operation.body:
        made["requestBody"] = {"required": True, "content": content(operation.body)}
    made["responses"] = {
        str(status): {"description": "Done.", "content": content(operation.answer)} for status in operation.statuses
    }
    for status in operation.errors:
        made["responses"][str(status)] = {"description": _ERRORS[status], "content": content("Error")}
    return made


def _parameter(name: str) -> dict[str, Any]:
    schema, description = _PARAMETERS[name]
    return {"name": name, "in": "query", "required": False, "description": description, "schema": dict(schema)}
