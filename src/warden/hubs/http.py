"""A hub over HTTP, as its profile describes it; implements `ports.Hub`.

Looking (GET) is tried again a bounded number of times with jittered pauses. What changes the hub is sent once per
call: whether it may be sent again is for the outbox to know, and every error says whether it can have been taken.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote as percent_encode

from warden import __version__
from warden.errors import (
    HubAnswerError,
    HubBusyError,
    HubError,
    HubNotFoundError,
    HubRejectedError,
    HubUncertainError,
    HubUnreachableError,
    quote,
)
from warden.hubs import wire
from warden.hubs.answers import error_of, read_description, read_json
from warden.hubs.connection import Answer, Bounds, Connection, Header
from warden.hubs.contract import check_message, check_progress, wire_fields
from warden.hubs.names import check_key, check_limit, check_name
from warden.hubs.profile import DEFAULT, Profile
from warden.model.hub import HubTraits, InboxPage
from warden.model.posted import Accepted, ProgressPage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from warden.model.delivery import OutgoingMessage, Payload, ProgressEvent
    from warden.model.message import Message
    from warden.ports import Clock

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 10.0
FIND_PAGES: Final = 100
"""Pages of a listing that are read to find one message at a hub that gives none by id."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
_JSON: Final[Header] = (b"Content-Type", b"application/json")


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What is said of one hub beside its profile.

    `hub_id` overrides what the hub states of itself. `retries` is how often looking is tried again within one call.
    `traceparent` returns the trace context that goes with a request (W3C Trace Context), empty for none.
    """

    token: str = field(default="", repr=False)
    hub_id: str | None = None
    retries: int = 3
    bounds: Bounds = field(default_factory=Bounds)
    traceparent: Callable[[], str] | None = None


class HttpHub:
    """A hub reached over HTTP. Safe to call from several threads."""

    def __init__(
        self,
        base_url: str,
        clock: Clock,
        jitter: Callable[[float, float], float],
        profile: Profile = DEFAULT,
        options: HttpOptions = HttpOptions(),
    ) -> None:
        """Prepare, without connecting. `jitter(low, high)` draws a pause. Raises `ConfigError` for an unusable URL."""
        headers: list[Header] = [
            (b"User-Agent", b"ops-warden/" + __version__.encode("ascii")),
            (b"Accept", b"application/json"),
        ]
        if options.token:
            headers.append((b"Authorization", b"Bearer " + options.token.encode("ascii", "replace")))
        self._connection = Connection(base_url, headers, options.bounds, clock.monotonic)
        self._base_url = base_url.rstrip("/")
        self._profile = profile
        self._options = options
        self._clock = clock
        self._jitter = jitter
        self._reading_state: wire.Reading | None = None

    def traits(self) -> HubTraits:
        """Return what the hub declares of itself, asked once, and what its profile says; raises `HubError`."""
        reading = self._reading()
        profile = self._profile
        return HubTraits(
            hub_id=reading.hub_id,
            delivery=profile.delivery,
            authenticated_senders=reading.authenticated_senders,
            pages=profile.pages,
            page_size=profile.page_size,
            lists_progress="list_progress" in profile.operations and bool(profile.progress_fields["metadata"]),
        )

    def list_unread(self, agent: str, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page of unread messages to `agent`, oldest first."""
        return self._list("list_unread", agent, after, limit)

    def list_inbox(self, agent: str, unread: bool, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page of messages to `agent`, the unread ones or, where the hub can list them, all."""
        can = "list_all" in self._profile.operations
        return self._list("list_unread" if unread or not can else "list_all", agent, after, limit)

    def get_message(self, agent: str, message_id: str) -> Message:
        """Return one message; at a hub that gives none by id, it is looked for in the listing of the inbox."""
        check_name(agent, "agent")
        _check_id(message_id, "message")
        if "get_message" in self._profile.operations:
            document = self._look("get_message", agent=agent, id=message_id)
            return wire.read_message(self._reading(), document, agent)
        found = self._search(agent, lambda message: message.key.message_id == message_id)
        if not found:
            raise HubNotFoundError(f"the hub lists no message {quote(message_id)}", "check the id and the agent")
        return found[0]

    def get_thread(self, agent: str, thread_id: str) -> tuple[Message, ...]:
        """Return the messages of a thread; at a hub that gives no threads, those in the listing of the inbox."""
        check_name(agent, "agent")
        _check_id(thread_id, "thread")
        if "get_thread" in self._profile.operations:
            document = self._look("get_thread", agent=agent, id=thread_id)
            return wire.read_thread(self._reading(), document, agent)
        found = self._search(agent, lambda message: message.content.thread_id == thread_id)
        if not found:
            raise HubNotFoundError(f"the hub lists no thread {quote(thread_id)}", "check the id and the agent")
        return tuple(found)

    def list_progress(self, agent: str, after: str | None = None, limit: int = 100) -> ProgressPage:
        """Return one page of progress events; none at a hub that cannot list them."""
        check_name(agent, "agent")
        check_limit(limit)
        if "list_progress" not in self._profile.operations:
            return ProgressPage(())
        document = self._look("list_progress", agent=agent, after=after, limit=str(limit))
        return wire.read_progress(self._reading(), document, agent)

    def post_message(self, message: OutgoingMessage, key: str | None = None) -> Accepted:
        """Send a message; raises as `ports.HubWriter`."""
        checked, data = check_message(message)
        body = self._body(checked, data, self._profile.message_fields)
        return self._posted(self._send("post_message", body, key))

    def mark_read(self, agent: str, message_id: str, key: str | None = None) -> Accepted:
        """Set the read flag of a message in `agent`'s inbox; raises as `ports.HubWriter`."""
        check_name(agent, "agent")
        _check_id(message_id, "message")
        answer = self._send("mark_read", None, key, agent=agent, id=message_id)
        return Accepted(message_id, self._replayed(answer))

    def post_progress(self, event: ProgressEvent, key: str | None = None) -> Accepted:
        """Post a progress event; raises as `ports.HubWriter`."""
        checked, data = check_progress(event)
        return self._posted(self._send("post_progress", self._body(checked, data, self._profile.progress_fields), key))

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()

    def _reading(self) -> wire.Reading:
        """Return how answers are read; the hub is asked once for what it declares, if its profile leaves that to it."""
        if self._reading_state is None:
            profile = self._profile
            stated = ("", False)
            if "describe" in profile.operations:
                stated = read_description(self._look("describe"))
            hub_id = self._options.hub_id or stated[0] or derive_hub_id(self._base_url)
            vouches = stated[1] if profile.authenticated_senders is None else profile.authenticated_senders
            self._reading_state = wire.Reading(profile, hub_id, vouches)
        return self._reading_state

    def _list(self, operation: str, agent: str, after: str | None, limit: int) -> InboxPage:
        check_name(agent, "to_agent")
        check_limit(limit)
        document = self._look(operation, agent=agent, after=after, limit=str(limit))
        return wire.read_inbox(self._reading(), document, agent)

    def _search(self, agent: str, wanted: Callable[[Message], bool]) -> list[Message]:
        found: list[Message] = []
        after: str | None = None
        for _ in range(FIND_PAGES):
            page = self.list_inbox(agent, unread=False, after=after, limit=1_000)
            found += [message for message in page.messages if wanted(message)]
            after = page.after
            if after is None:
                break
        return found

    def _look(self, operation: str, **places: str | None) -> object:
        """Return the document of a GET, tried again within bounds where that can help; raises `HubError`."""
        attempt = 0
        while True:
            try:
                return read_json(self._ask(operation, None, [], places))
            except (HubUnreachableError, HubUncertainError, HubBusyError) as error:
                pause_s = self._pause(error, attempt)
                if pause_s is None:
                    raise
            self._clock.wait(pause_s)
            attempt += 1

    def _pause(self, error: HubError, attempt: int) -> float | None:
        """Return how long to wait before looking again, None when it is of no use or would take too long."""
        if attempt >= self._options.retries or isinstance(error, HubAnswerError):
            return None
        longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt)
        asked_s = error.retry_after_s if isinstance(error, HubBusyError) else None
        if asked_s is not None and asked_s > LONGEST_PAUSE_S:
            return None
        return max(asked_s or 0.0, self._jitter(longest_s / 2, longest_s))

    def _send(self, operation: str, body: bytes | None, key: str | None, **places: str | None) -> Answer:
        """Send what changes the hub, once."""
        headers: list[Header] = [] if body is None else [_JSON]
        if check_key(key) is not None and key and self._profile.idempotency_header:
            headers.append((self._profile.idempotency_header.encode("ascii"), key.encode("ascii")))
        return self._ask(operation, body, headers, places)

    def _ask(
        self, operation: str, body: bytes | None, headers: list[Header], places: Mapping[str, str | None]
    ) -> Answer:
        route = self._profile.operations[operation]
        if body is None and route.method != "GET":
            body = b""
        if self._options.traceparent is not None and (context := self._options.traceparent()):
            headers = [*headers, (b"traceparent", context.encode("ascii"))]
        answer = self._connection.exchange(route.method, _target(route.path, route.query, places), headers, body)
        if not 200 <= answer.status < 300:
            raise error_of(answer, self._clock.now())
        return answer

    def _body(self, payload: Payload, data: bytes, names: Mapping[str, str]) -> bytes:
        """Return the body of a POST under the hub's names; what the hub has no field for is left out."""
        if (
            self._profile.message_fields is DEFAULT.message_fields
            and self._profile.progress_fields is DEFAULT.progress_fields
        ):
            return data
        fields = {names[name]: value for name, value in wire_fields(payload).items() if names[name]}
        return _encode(fields).encode("utf-8")

    def _posted(self, answer: Answer) -> Accepted:
        document = read_json(answer) if self._profile.id_field else None
        return Accepted(wire.read_posted_id(self._profile, document), self._replayed(answer))

    def _replayed(self, answer: Answer) -> bool:
        header = self._profile.replayed_header
        return bool(header) and answer.headers.get(header.lower()) == "true"


def derive_hub_id(base_url: str) -> str:
    """Return the identity of a hub that states none: the same for the same URL."""
    return "url-" + hashlib.sha256(base_url.encode("utf-8")).hexdigest()[:32]


def _check_id(identifier: str, thing: str) -> None:
    """An id that a hub could not have given is not asked for."""
    try:
        check_name(identifier, "id")
    except HubRejectedError as error:
        raise HubNotFoundError(f"there is no {thing} {quote(identifier)}", "check the id") from error


def _target(path: str, query: Mapping[str, str], places: Mapping[str, str | None]) -> str:
    """Return path and query with every place filled in; a parameter without a value is left out."""
    filled = path.replace("{id}", percent_encode(places.get("id") or "", safe=""))
    filled = filled.replace("{agent}", percent_encode(places.get("agent") or "", safe=""))
    parts = []
    for name, template in query.items():
        value: str | None = template
        for place in ("agent", "id", "after", "limit"):
            mark = f"{{{place}}}"
            if value is not None and mark in value:
                given = places.get(place)
                value = None if given is None else value.replace(mark, given)
        if value is not None:
            parts.append(f"{name}={percent_encode(value, safe='')}")
    return f"{filled}?{'&'.join(parts)}" if parts else filled
