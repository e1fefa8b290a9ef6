"""The OpenAPI 3.1 description of the JSON API, made from one table."""

from __future__ import annotations

from typing import Any

from warden.server.openapi import content, document

_TEXT = {"type": "string"}
_ANY = {"type": ["string", "null"]}
_NUMBER = {
    "name": "number",
    "in": "path",
    "required": True,
    "description": "number of an item or entry",
    "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999_999},
}
_REFUSALS = {
    "400": "the body is not JSON",
    "401": "no token, or one that does not hold",
    "403": "the role, or a rule of review, does not allow it",
    "404": "there is no such thing",
    "409": "it is not what it was when it was looked at",
    "413": "the body is too large",
    "415": "the body is not JSON",
    "421": "another name than this console's",
    "422": "a parameter or a word cannot be used",
    "500": "something is wrong here",
    "502": "the hub cannot be asked",
    "503": "the state cannot be used now",
}
ITEM = {
    "type": "object",
    "required": ["number", "kind", "state", "message_id", "sender", "seen"],
    "properties": {
        "number": {"type": "integer"},
        "kind": {"enum": ["escalation", "approval"]},
        "state": {"enum": ["open", "acknowledged", "decided", "expired", "superseded"]},
        "message_id": _TEXT,
        "sender": _TEXT,
        "seen": {"type": "string", "description": "what a decision has to name"},
        "action_digest": _ANY,
        "snapshot": _ANY,
    },
}


def _answer(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["schema", name],
        "properties": {"schema": {"const": "warden.console/1"}, name: schema},
    }
    return {"description": "done", "content": content(body)}


def _operation(
    name: str,
    summary: str,
    answer: dict[str, Any],
    parameters: list[dict[str, Any]],
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    refused = content("Error")
    made: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": answer,
            **{status: {"description": text, "content": refused} for status, text in _REFUSALS.items()},
        },
    }
    if body is not None:
        made["requestBody"] = {"required": True, "content": content(body)}
    return made


def _query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": text}


_FILTERS = [
    _query("kind", {"enum": ["", "escalation", "approval"]}, "kind of item"),
    _query(
        "state",
        {"enum": ["", "waiting", "all", "open", "acknowledged", "decided", "expired", "superseded"]},
        "state; `waiting` when left out",
    ),
    _query("sender", _TEXT, "who wrote the message"),
    _query("owner", _TEXT, "who owns the item"),
    _query("rule", _TEXT, "a rule that decided, with or without its layer"),
    _query("older", {"enum": ["", "1h", "1d", "3d", "7d"]}, "opened so long ago or longer"),
    _query("after", {"type": "string", "pattern": "^[0-9]{1,18}$"}, "items behind this number"),
]
WORDS_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "seen": {"type": "string", "description": "from the item's document"},
        "reason": _TEXT,
        "text": {"type": "string", "description": "for `edit` and `respond`"},
        "owner": {"type": "string", "description": "for `assign`"},
    },
}


def describe_api(verbs: tuple[str, ...]) -> dict[str, Any]:
    """Return the description; `verbs` are the decisions that there are."""
    verb = {"name": "verb", "in": "path", "required": True, "schema": {"enum": list(verbs)}}
    windows = {"type": "array", "items": {"type": "object"}}
    entry = {"type": "object", "required": ["seq", "at", "kind", "digest", "fields"]}
    anything = {"description": "done", "content": content({"type": "object"})}
    paths = {
        "/api/v1/items": {
            "get": _operation(
                "listItems", "List items, oldest first", _answer("items", {"type": "array", "items": ITEM}), _FILTERS
            )
        },
        "/api/v1/items/{number}": {"get": _operation("showItem", "Show one item", _answer("item", ITEM), [_NUMBER])},
        "/api/v1/items/{number}/{verb}": {
            "post": _operation(
                "decideItem",
                "Decide one item as it was looked at",
                _answer("ruling", {"type": "object", "required": ["number", "state"]}),
                [_NUMBER, verb],
                WORDS_SCHEMA,
            )
        },
        "/api/v1/stats": {
            "get": _operation("stats", "Show how much waits and how people decide", _answer("windows", windows), [])
        },
        "/api/v1/health": {
            "get": _operation("health", "Show schedule and health", _answer("healthy", {"type": "boolean"}), [])
        },
        "/api/v1/ledger/{number}": {
            "get": _operation("showEntry", "Show an entry of the ledger", _answer("entry", entry), [_NUMBER])
        },
        "/api/v1/ledger/{number}/proof": {
            "get": _operation("proveEntry", "Prove that an entry is in the ledger", anything, [_NUMBER])
        },
    }
    error = {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": _TEXT, "message": _TEXT, "hint": _ANY},
            }
        },
    }
    info = {"title": "warden console", "version": "1", "summary": "The review queue for programs"}
    return document(info, paths, {"Error": error})
