"""What a hub's answer means: its document, or the error that its status stands for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from warden.errors import (
    HubAnswerError,
    HubBusyError,
    HubConflictError,
    HubCredentialError,
    HubError,
    HubNotFoundError,
    HubRejectedError,
    HubUncertainError,
    quote,
)
from warden.hubs.contract import CONTRACT
from warden.hubs.names import check_name

if TYPE_CHECKING:
    from warden.hubs.connection import Answer

LONGEST_RETRY_AFTER_S: Final = 3_600.0
_WORD: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


def read_json(answer: Answer) -> object:
    """Return the JSON document of an answer; raises `HubAnswerError` for anything else."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise HubAnswerError(
            f"the hub answered {quote(kind or 'nothing')} instead of JSON", "check hub.url: is a login page before it?"
        )
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise HubAnswerError("the hub's answer is compressed, which was not asked for", "look at the hub")
    try:
        return json.loads(answer.body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise HubAnswerError("the hub's answer is not JSON in UTF-8", "look at the hub") from error


def _refuse_constant(_: str) -> object:
    raise ValueError("not JSON")


def read_description(document: object) -> tuple[str, bool]:
    """Return the hub's identity and whether it authenticates senders, as operation `describe` states them."""
    found = document if isinstance(document, Mapping) else {}
    hub_id, vouches = found.get("hub_id"), found.get("authenticated_senders")
    if found.get("contract", CONTRACT) != CONTRACT:
        raise HubAnswerError("the hub speaks another version of the contract", "upgrade warden or the hub")
    if not isinstance(hub_id, str) or not isinstance(vouches, bool):
        raise HubAnswerError("the hub does not say who it is", "check hub.url and hub.profile")
    try:
        return check_name(hub_id, "hub_id"), vouches
    except HubRejectedError as error:
        raise HubAnswerError("the hub's identity is not a name", "look at the hub") from error


def error_of(answer: Answer, now: datetime) -> HubError:
    """Return the error that a status means (RFC 9110, section 15)."""
    status = answer.status
    said = _said(answer)
    if status in (401, 403):
        return HubCredentialError(
            f"the hub refused our credential ({status})", "check hub.token_file and the agent's name"
        )
    if status == 404:
        return HubNotFoundError(
            f"the hub has no such thing, or not for us{said}", "check the id, and the hub's profile"
        )
    if status == 409:
        return HubConflictError(
            f"something else was sent before under this key{said}", "look at the message at the hub"
        )
    if status in (429, 503):
        after_s = retry_after(answer.headers.get("retry-after", ""), now)
        return HubBusyError(f"the hub asks to come back later ({status})", "try again later", after_s)
    if 300 <= status < 400:
        return HubAnswerError(f"the hub answered with a redirect ({status})", "set hub.url to where it leads")
    if 400 <= status < 500 and status != 408:
        return HubRejectedError(f"the hub refused the request ({status}){said}", "correct it", _field(answer))
    return HubUncertainError(f"the hub failed ({status})", "look at the hub")


def retry_after(text: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, capped (RFC 9110, section 10.2.3); None without one."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        seconds = float(text[:12])
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def _error_fields(answer: Answer) -> Mapping[str, object]:
    try:
        document = json.loads(answer.body[:16_384])
    except (ValueError, RecursionError):
        return {}
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, dict) else {}


def _said(answer: Answer) -> str:
    """Return the hub's error code when it is one word.

    INVARIANT (no-secret): its prose, which may repeat anything that was sent, stays out of errors.
    """
    code = _error_fields(answer).get("code")
    return f": it says {quote(code)}" if isinstance(code, str) and _WORD.fullmatch(code) else ""


def _field(answer: Answer) -> str | None:
    name = _error_fields(answer).get("field")
    return name if isinstance(name, str) and _WORD.fullmatch(name) else None
