"""Reading what a client sent, strictly, and the one shape of a refusal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from warden.errors import (
    HubBusyError,
    HubConflictError,
    HubCredentialError,
    HubNotFoundError,
    HubRejectedError,
    HubUncertainError,
    StateError,
    WardenError,
    quote,
)
from warden.hubs.contract import REQUEST_BYTES
from warden.hubs.parsing import MalformedDocumentError, parse_json
from warden.server import body

if TYPE_CHECKING:
    from collections.abc import Mapping

BODY_TIMEOUT_S: Final = 20.0
"""How long a client may take to send its body."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_STATUS: Final[tuple[tuple[type[WardenError], int], ...]] = (
    (MalformedDocumentError, 400),
    (HubCredentialError, 403),
    (HubNotFoundError, 404),
    (HubConflictError, 409),
    (HubRejectedError, 422),
    (HubBusyError, 503),
    (HubUncertainError, 500),
    (StateError, 503),
)
_CODES: Final = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    409: "conflict",
    413: "too_large",
    415: "not_json",
    422: "invalid",
    429: "too_many",
    500: "internal",
    503: "unavailable",
}


class RefusedRequestError(WardenError):
    """A request that is refused for its HTTP form; `status` is the answer's."""

    code = "refused-request"

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.field = field


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return `value` as a JSON response."""
    return Response(_encode(value).encode("utf-8"), status, headers, "application/json")


def error_response(error: WardenError) -> Response:
    """Return the refusal that an error means."""
    if isinstance(error, RefusedRequestError):
        return refusal(error.status, error.message, error.field)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    if status >= 500:  # what is wrong with our disk is for the operator's log, not for a client
        return refusal(status, "the hub cannot store this now" if status == 503 else "the hub failed")
    return refusal(status, error.message, getattr(error, "field", None))


def refusal(status: int, message: str, field: str | None = None) -> Response:
    """Return `{"error": {"code", "message", "field"?}}`, with the headers that the status asks for."""
    error = {"code": _CODES.get(status, "refused"), "message": message}
    if field:
        error["field"] = field
    headers = {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"  # RFC 9110, section 11.6.1
    elif status == 503:
        headers["retry-after"] = "1"
    elif status in (408, 413):
        headers["connection"] = "close"  # the rest of the body is not read
    return json_response({"error": error}, status, headers)


async def read_document(request: Request) -> object:
    """Return the JSON document of a POST.

    Raises `RefusedRequestError`: 415 for another content type, 413 over `REQUEST_BYTES`, 408 when it comes too slowly,
    400 for anything that is not one JSON document.
    """
    if body.read_media_type(request) != "application/json":
        raise RefusedRequestError(415, "the content type must be `application/json`", "content-type")
    return parse_json(await read_body(request))


async def read_body(request: Request) -> bytes:
    """Return the body; raises `RefusedRequestError` as `read_document`."""
    try:
        return await body.read_body(request, REQUEST_BYTES, BODY_TIMEOUT_S)
    except body.BodyError as error:
        raise RefusedRequestError(error.status, _BODIES[error.reason]) from None


_BODIES: Final = {
    body.MALFORMED: "the content-length is no number",
    body.TOO_LARGE: f"the body is larger than {REQUEST_BYTES} bytes",
    body.TOO_SLOW: f"the body did not come within {BODY_TIMEOUT_S:.0f} s",
    body.ENDED: "the body ended early",
}


def read_query(request: Request, known: frozenset[str]) -> dict[str, str]:
    """Return the query; raises `RefusedRequestError` for a name that the operation does not have or has twice."""
    if not request.scope["query_string"]:
        return {}
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise RefusedRequestError(422, f"there is no query parameter {quote(name)}", name)
        if name in found:
            raise RefusedRequestError(422, f"the query parameter {quote(name)} stands twice", name)
        found[name] = value
    return found
