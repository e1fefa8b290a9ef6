"""From a hub's JSON to values, one field at a time; the hub is not trusted.

Written by hand rather than as validation models: a thousand messages a second pass here, and a message that cannot be
read must not spoil the page that it came with. Unknown fields are ignored. A field that is there must be what it says;
what breaks the contract's rules of text is quarantined with the reason, which names the field and never the value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from warden.errors import HubAnswerError, HubRejectedError
from warden.hubs import contract
from warden.hubs.names import THREAD_MESSAGES
from warden.model.hub import InboxPage
from warden.model.ids import MessageKey
from warden.model.message import Assurance, Mail, Message, Principal
from warden.model.posted import ProgressPage, ProgressRecord

if TYPE_CHECKING:
    from warden.hubs.profile import Profile

TEXT_CHARACTERS: Final = contract.REQUEST_BYTES
CURSOR_CHARACTERS: Final = 1_024
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}")
_UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


class _UnreadableError(Exception):
    """Why an element of a listing cannot be read; never leaves this module."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How one hub's answers are read: its profile, its identity, and whether it vouches for its senders."""

    profile: Profile
    hub_id: str
    authenticated_senders: bool


def read_inbox(reading: Reading, document: object, agent: str) -> InboxPage:
    """Return a page of an inbox; elements that cannot be read are quarantined. Raises `HubAnswerError`."""
    profile = reading.profile
    messages: dict[str, Message] = {}
    quarantined: dict[str, str] = {}
    to_field = profile.message_fields["to_agent"]
    for element in _elements(document, profile.messages_field):
        try:
            message = _message(reading, element, agent, agent)
            if to_field and element.get(to_field) not in (None, agent):
                raise _UnreadableError("it is addressed to another agent")
        except _UnreadableError as error:
            quarantined.setdefault(_name(element, profile.message_fields["id"]), str(error))
        else:
            messages.setdefault(message.key.message_id, message)
    found: Iterable[Message] = messages.values()
    if not profile.pages:
        found = _by_time(found)
    return InboxPage(tuple(found), _cursor(profile, document), tuple(quarantined.items()))


def read_thread(reading: Reading, document: object, agent: str) -> tuple[Message, ...]:
    """Return the messages of a thread that can be read, oldest first, the newest ones of very many."""
    found = []
    for element in _elements(document, reading.profile.thread_field):
        try:
            found.append(_message(reading, element, agent))
        except _UnreadableError:  # a listing reports it; here it can only be left out
            continue
    return tuple(found if reading.profile.pages else _by_time(found))[-THREAD_MESSAGES:]


def read_message(reading: Reading, document: object, agent: str) -> Message:
    """Return one message; raises `HubAnswerError`."""
    try:
        return _message(reading, document, agent)
    except _UnreadableError as error:
        raise HubAnswerError(f"the hub's message cannot be read: {error}", "look at it at the hub") from error


def read_progress(reading: Reading, document: object, agent: str) -> ProgressPage:
    """Return a page of progress events; those that cannot be read or are of another agent are left out."""
    events = []
    for element in _elements(document, reading.profile.events_field):
        try:
            event = _event(element, reading.profile.progress_fields)
        except _UnreadableError:
            continue
        if event.agent in ("", agent):
            events.append(event)
    return ProgressPage(tuple(events), _cursor(reading.profile, document))


def read_posted_id(profile: Profile, document: object) -> str:
    """Return the id of what a POST made, empty for a hub that gives none; raises `HubAnswerError`."""
    if not profile.id_field:
        return ""
    try:
        return _identifier(document if isinstance(document, Mapping) else {}, profile.id_field)
    except _UnreadableError as error:
        raise HubAnswerError(
            f"the hub's answer cannot be read: {error}", "set id_field of the hub's profile when it gives no id"
        ) from error


def _elements(document: object, field: str) -> list[Mapping[str, object]]:
    found = document
    if field:
        found = document.get(field) if isinstance(document, Mapping) else None
    if not isinstance(found, list):
        what = f"a list in field `{field}`" if field else "a list"
        raise HubAnswerError(f"the hub's answer is not {what}", "check the URL and the hub's profile")
    return found


def _cursor(profile: Profile, document: object) -> str | None:
    if not profile.cursor_field or not isinstance(document, Mapping):
        return None
    cursor = document.get(profile.cursor_field)
    if isinstance(cursor, int) and not isinstance(cursor, bool):
        cursor = str(cursor)
    if cursor in (None, ""):
        return None
    if (
        not isinstance(cursor, str)
        or len(cursor) > CURSOR_CHARACTERS
        or not (cursor.isascii() and cursor.isprintable())
    ):
        raise HubAnswerError("the hub's cursor cannot be read", "check cursor_field of the hub's profile")
    return cursor


def _message(reading: Reading, element: object, agent: str, recipient: str = "") -> Message:
    """Read one message; `recipient` is what holds when the hub does not say to whom it was sent."""
    if not isinstance(element, Mapping):
        raise _UnreadableError("it is not an object")
    names = reading.profile.message_fields
    identifier = _identifier(element, names["id"])
    in_reply_to = _identifier(element, names["in_reply_to"], needed=False)
    mail = Mail(
        subject=_text(element, names["subject"], contract.check_subject_text),
        body=_text(element, names["body"], contract.check_text, needed=True),
        kind=_kind(element, names["kind"]),
        thread_id=_identifier(element, names["thread_id"], needed=False) or in_reply_to or identifier,
        in_reply_to=in_reply_to or None,
        metadata=_metadata(element, names["metadata"]),
    )
    sender = _identifier(element, names["from_agent"])
    return Message(
        MessageKey(reading.hub_id, agent, identifier),
        Principal(sender, _assurance(reading, element)),
        _time(element, names["created_at"]),
        mail,
        recipient=_recipient(element, names["to_agent"]) or recipient,
    )


def _recipient(element: Mapping[str, object], name: str) -> str:
    value = element.get(name) if name else None
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _assurance(reading: Reading, element: Mapping[str, object]) -> Assurance:
    """Return how far the hub vouches for the sender: never further than its profile lets it, and never `signed`."""
    name = reading.profile.message_fields["assurance"]
    if reading.profile.authenticated_senders is False:
        return Assurance.CLAIMED
    vouched = element.get(name) == Assurance.TOKEN.value if name else reading.authenticated_senders
    return Assurance.TOKEN if vouched else Assurance.CLAIMED


def _event(element: object, names: Mapping[str, str]) -> ProgressRecord:
    if not isinstance(element, Mapping):
        raise _UnreadableError("it is not an object")
    detail = names["detail"]
    return ProgressRecord(
        id=_identifier(element, names["id"]),
        agent=_identifier(element, names["agent"], needed=False),
        created_at=_time(element, names["created_at"]),
        kind=_kind(element, names["kind"]),
        summary=_text(element, names["summary"], contract.check_subject_text),
        detail=_text(element, detail, contract.check_text) if detail and element.get(detail) is not None else None,
        message_id=_identifier(element, names["message_id"], needed=False) or None,
        thread_id=_identifier(element, names["thread_id"], needed=False) or None,
        metadata=_metadata(element, names["metadata"]),
    )


def _identifier(element: Mapping[str, object], name: str, *, needed: bool = True) -> str:
    value = element.get(name) if name else None
    if value is None and not needed:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return str(value)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise _UnreadableError(f"field `{name}` is missing or is not an id or name")
    return value


def _text(element: Mapping[str, object], name: str, check: contract.TextCheck, *, needed: bool = False) -> str:
    value = element.get(name) if name else None
    if value is None and not needed:
        return ""
    if isinstance(value, str) and len(value) > TEXT_CHARACTERS:
        raise _UnreadableError(f"field `{name}` is too long")
    try:
        return check(value, name)
    except HubRejectedError as error:
        raise _UnreadableError(error.message) from error


def _kind(element: Mapping[str, object], name: str) -> str:
    """Return the kind; a hub without kinds has requests only."""
    value = element.get(name) if name else None
    if value is None:
        return "request"
    try:
        return contract.check_kind(value)
    except HubRejectedError as error:
        raise _UnreadableError(error.message) from error


def _metadata(element: Mapping[str, object], name: str) -> dict[str, str]:
    """Return the metadata that the contract can hold: names in small letters, numbers as text, the rest ignored."""
    value = element.get(name) if name else None
    if not value:
        return {}
    if not isinstance(value, Mapping) or len(value) > contract.METADATA_ENTRIES:
        raise _UnreadableError(f"field `{name}` is not a small object")
    found = {}
    for key, item in value.items():
        text = str(item) if isinstance(item, int) else item
        if contract.is_metadata_name(key.lower()) and isinstance(text, str):
            found[key.lower()] = text
    try:
        return contract.check_metadata(found)
    except HubRejectedError as error:
        raise _UnreadableError(error.message) from error


def _time(element: Mapping[str, object], name: str) -> str:
    """Return the moment as RFC 3339 in UTC, empty when the hub gives none; without an offset it counts as UTC."""
    value = element.get(name) if name else None
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 40:
        raise _UnreadableError(f"field `{name}` is not a time")
    try:
        moment = datetime.fromisoformat(value)
        if _UTC_TIME.fullmatch(value):
            return value
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _UnreadableError(f"field `{name}` is not a time") from error
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _by_time(messages: Iterable[Message]) -> list[Message]:
    """Order a listing that has no promised order: by time, then by number where ids are numbers; no time comes first."""
    return sorted(messages, key=_age)


def _age(message: Message) -> tuple[datetime, int]:
    identifier = message.key.message_id
    moment = datetime.fromisoformat(message.received_at) if message.received_at else datetime.min.replace(tzinfo=UTC)
    return moment, int(identifier) if identifier.isascii() and identifier.isdigit() else 0


def _name(element: object, field: str) -> str:
    """Return what an unreadable element is called: its id when that can be read, else a digest of it."""
    if isinstance(element, Mapping):
        try:
            return _identifier(element, field)
        except _UnreadableError:
            pass
    data = json.dumps(element, sort_keys=True).encode("ascii")
    return f"unreadable-{hashlib.sha256(data).hexdigest()[:16]}"
