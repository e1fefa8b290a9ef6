"""What a hub takes: the shape and the bounds of every value, checked the same way in process, over HTTP and in fakes.

Pure: values in, frozen values or `HubRejectedError` out. A refusal names the field and the rule, never the value, and
nothing is stored before everything was checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from warden.errors import HubRejectedError, quote
from warden.hubs.names import check_name, refuse
from warden.model.delivery import OutgoingMessage, Payload, ProgressEvent, payload_fields

CONTRACT: Final = "warden.hub/1"
REQUEST_BYTES: Final = 1024 * 1024
LINE_CHARACTERS: Final = 1_000
METADATA_ENTRIES: Final = 64
METADATA_CHARACTERS: Final = 1_024
KEY_DAYS: Final = 90
"""How long an idempotency key is kept; longer than the outbox's maximal age."""

_KIND = re.compile(r"[a-z_]{1,32}")
_METADATA_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_TEXT_REFUSED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_MESSAGE_REQUIRED = ("from_agent", "to_agent", "subject", "body", "kind")
_MESSAGE_OPTIONAL = ("thread_id", "in_reply_to", "metadata")
_PROGRESS_REQUIRED = ("agent", "summary", "kind")
_PROGRESS_OPTIONAL = ("detail", "message_id", "thread_id", "metadata")

TextCheck = Callable[[object, str], str]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def read_message(document: object) -> OutgoingMessage:
    """Return what `POST /messages` was given. An absent thread or message to answer is an empty string.

    Raises `HubRejectedError` that names the field for anything that the contract does not have.
    """
    given = _check_object(document, _MESSAGE_REQUIRED, _MESSAGE_OPTIONAL)
    return OutgoingMessage(
        from_agent=check_name(given["from_agent"], "from_agent"),
        to_agent=check_name(given["to_agent"], "to_agent"),
        subject=check_line(given["subject"], "subject"),
        body=check_text(given["body"], "body"),
        kind=check_kind(given["kind"]),
        thread_id=_check_optional_name(given.get("thread_id"), "thread_id") or "",
        in_reply_to=_check_optional_name(given.get("in_reply_to"), "in_reply_to") or "",
        metadata=check_metadata(given.get("metadata")),
    )


def read_progress(document: object) -> ProgressEvent:
    """Return what `POST /progress` was given; raises as `read_message`."""
    given = _check_object(document, _PROGRESS_REQUIRED, _PROGRESS_OPTIONAL)
    summary = check_line(given["summary"], "summary")
    if not summary.strip():
        raise refuse("summary", "must not be empty")
    detail = given.get("detail")
    return ProgressEvent(
        agent=check_name(given["agent"], "agent"),
        summary=summary,
        kind=check_kind(given["kind"]),
        detail=None if detail is None else check_text(detail, "detail"),
        message_id=_check_optional_name(given.get("message_id"), "message_id"),
        thread_id=_check_optional_name(given.get("thread_id"), "thread_id"),
        metadata=check_metadata(given.get("metadata")),
    )


def check_message(message: OutgoingMessage) -> tuple[OutgoingMessage, bytes]:
    """Return a message made in process, checked as `read_message` checks one from outside, and its JSON."""
    checked = read_message(wire_fields(message))
    return checked, encode_payload(checked)


def check_progress(event: ProgressEvent) -> tuple[ProgressEvent, bytes]:
    """Return an event made in process, checked as `read_progress` checks one from outside, and its JSON."""
    checked = read_progress(wire_fields(event))
    return checked, encode_payload(checked)


def wire_fields(payload: Payload) -> dict[str, object]:
    """Return the fields of a POST body: absent ones (None, or an empty thread or reply id) are left out."""
    fields = payload_fields(payload)
    for name in ("thread_id", "in_reply_to", "metadata"):
        if fields.get(name) in ("", {}):
            del fields[name]
    return fields


def encode_payload(payload: Payload) -> bytes:
    """Return the JSON of a checked payload; raises `HubRejectedError` over `REQUEST_BYTES`."""
    data = _encode(wire_fields(payload)).encode("utf-8")
    if len(data) > REQUEST_BYTES:
        raise HubRejectedError(
            f"the message is larger than {REQUEST_BYTES} bytes", "shorten it, or link to the long part"
        )
    return data


def _check_object(document: object, required: tuple[str, ...], optional: tuple[str, ...]) -> Mapping[str, object]:
    if not isinstance(document, Mapping):
        raise HubRejectedError("the document must be a JSON object")
    for name in document:
        if name not in required and name not in optional:
            raise HubRejectedError(
                f"there is no field {quote(name)}{_near(str(name), required + optional)}", "", str(name)
            )
    for name in required:
        if document.get(name) is None:
            raise refuse(name, "is missing")
    return document


def _near(name: str, known: tuple[str, ...]) -> str:
    import difflib  # only on the way to a refusal

    near = difflib.get_close_matches(name[:64], known, n=1)
    return f"; did you mean {quote(near[0])}?" if near else ""


def _check_optional_name(value: object, field: str) -> str | None:
    return None if value is None else check_name(value, field)


def check_kind(value: object) -> str:
    """Return a kind of `[a-z_]{1,32}`; raises `HubRejectedError`."""
    if not isinstance(value, str) or not _KIND.fullmatch(value):
        raise refuse("kind", "must be 1 to 32 small letters or underscores")
    return value


def check_line(value: object, field: str, limit: int = LINE_CHARACTERS) -> str:
    """Return one line of text without control characters; raises `HubRejectedError`."""
    if not isinstance(value, str):
        raise refuse(field, "must be a text")
    if len(value) > limit:
        raise refuse(field, f"must not be longer than {limit} characters")
    found = _LINE_REFUSED.search(value)
    if found:
        raise _control(field, found, "must be one line without control characters")
    return value


def check_subject_text(value: object, field: str) -> str:
    """Return one line of text of a foreign hub, which may be longer than one of ours."""
    return check_line(value, field, REQUEST_BYTES)


def check_text(value: object, field: str) -> str:
    """Return text whose only control characters are newline, carriage return and tab; raises `HubRejectedError`."""
    if not isinstance(value, str):
        raise refuse(field, "must be a text")
    found = _TEXT_REFUSED.search(value)
    if found:
        raise _control(field, found, "must not hold control characters other than newline, carriage return and tab")
    return value


def _control(field: str, found: re.Match[str], rule: str) -> HubRejectedError:
    point = ord(found.group())
    if 0xD800 <= point <= 0xDFFF:
        rule = "must be Unicode text: half of a surrogate pair stands alone"
    return refuse(field, f"{rule} (U+{point:04X} at character {found.start() + 1})", "take the character out")


def is_metadata_name(name: str) -> bool:
    """Return whether metadata can have this name."""
    return _METADATA_NAME.fullmatch(name) is not None


def check_metadata(value: object) -> dict[str, str]:
    """Return metadata, an empty mapping for none; raises `HubRejectedError`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise refuse("metadata", "must be an object of texts")
    if len(value) > METADATA_ENTRIES:
        raise refuse("metadata", f"must not have more than {METADATA_ENTRIES} entries")
    checked = {}
    for name, text in value.items():
        if not isinstance(name, str) or not _METADATA_NAME.fullmatch(name):
            raise refuse("metadata", "must have names of 1 to 64 small letters, digits, dashes or underscores")
        checked[name] = check_line(text, f"metadata.{name}", METADATA_CHARACTERS)
    return checked
