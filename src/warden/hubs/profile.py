"""Profiles: what is different between one hub over HTTP and another, as data.

A profile says, for each operation, method, path and query; which names the hub gives to the fields of messages and
events; how it pages; and what it promises. The hub contract is the profile `default`; `classic` is a hub without
cursors, keys and authenticated senders. An operator writes another one as a table in config.toml: what the table leaves
out is taken from the profile that its `base` names. Pure: data in, data or `ConfigError` out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Final

from warden.errors import ConfigError, quote
from warden.model.hub import DeliveryMeans

MESSAGE_FIELDS: Final = (
    "id",
    "thread_id",
    "from_agent",
    "to_agent",
    "subject",
    "body",
    "kind",
    "in_reply_to",
    "metadata",
    "created_at",
    "assurance",
)
PROGRESS_FIELDS: Final = (
    "id",
    "agent",
    "summary",
    "detail",
    "kind",
    "message_id",
    "thread_id",
    "metadata",
    "created_at",
)
OPERATIONS: Final = (
    "describe",
    "list_unread",
    "list_all",
    "get_message",
    "get_thread",
    "list_progress",
    "post_message",
    "mark_read",
    "post_progress",
)
REQUIRED_OPERATIONS: Final = ("list_unread", "post_message", "mark_read", "post_progress")
REQUIRED_FIELDS: Final = ("id", "from_agent", "body")

_METHODS: Final = ("GET", "POST", "PUT", "PATCH")
_PLACES: Final = ("agent", "id", "after", "limit")
_PATH = re.compile(r"/[A-Za-z0-9._~/{}-]{0,200}")
_QUERY_NAME = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_QUERY_VALUE = re.compile(r"[A-Za-z0-9._~{} ,:+-]{0,100}")
_HEADER = re.compile(r"[A-Za-z0-9-]{0,64}")
_FIELD = re.compile(r"[A-Za-z0-9_.-]{0,64}")
PAGE_SIZE_LIMIT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Route:
    """How one operation is asked for.

    `path` and the values of `query` may hold `{id}`, `{agent}`, `{after}` and `{limit}`; a query parameter whose place
    has no value in a request is left out.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """A hub's ways.

    `operations` has a route for each operation that the hub has; messages and threads that it cannot give one by one are
    looked for in its listing. `message_fields` and `progress_fields` map our names to the hub's; an empty name means that
    the hub has no such field. `messages_field`, `thread_field` and `events_field` name the list in an answer; empty means
    that the answer is the list. `cursor_field` is empty for a hub without paging, `idempotency_header` for one without
    keys, `id_field` for one whose answers to a POST carry no id. `authenticated_senders` is None when the hub is asked
    for it (operation `describe`). `lookup` says that what was posted can be found again by its metadata.
    """

    name: str
    operations: Mapping[str, Route]
    message_fields: Mapping[str, str]
    progress_fields: Mapping[str, str]
    messages_field: str = "messages"
    thread_field: str = "messages"
    events_field: str = "events"
    id_field: str = "id"
    cursor_field: str = "after"
    idempotency_header: str = "Idempotency-Key"
    replayed_header: str = "Idempotency-Replayed"
    authenticated_senders: bool | None = None
    lookup: bool = False
    page_size: int = 100

    @property
    def delivery(self) -> DeliveryMeans:
        """How one can know that something was already taken."""
        if self.idempotency_header:
            return DeliveryMeans.IDEMPOTENCY_KEY
        return DeliveryMeans.LOOKUP if self.lookup else DeliveryMeans.NONE

    @property
    def pages(self) -> bool:
        """Whether listings have a cursor."""
        return bool(self.cursor_field)


def _same(names: tuple[str, ...], **others: str) -> Mapping[str, str]:
    return MappingProxyType({name: others.get(name, name) for name in names})


DEFAULT: Final = Profile(
    name="default",
    operations=MappingProxyType(
        {
            "describe": Route("GET", "/hub"),
            "list_unread": Route(
                "GET", "/messages", {"to_agent": "{agent}", "unread": "true", "after": "{after}", "limit": "{limit}"}
            ),
            "list_all": Route("GET", "/messages", {"to_agent": "{agent}", "after": "{after}", "limit": "{limit}"}),
            "get_message": Route("GET", "/messages/{id}", {"agent": "{agent}"}),
            "get_thread": Route("GET", "/threads/{id}", {"agent": "{agent}"}),
            "list_progress": Route("GET", "/progress", {"agent": "{agent}", "after": "{after}", "limit": "{limit}"}),
            "post_message": Route("POST", "/messages"),
            "mark_read": Route("POST", "/messages/{id}/read", {"agent": "{agent}"}),
            "post_progress": Route("POST", "/progress"),
        }
    ),
    message_fields=_same(MESSAGE_FIELDS),
    progress_fields=_same(PROGRESS_FIELDS),
)

CLASSIC: Final = Profile(
    name="classic",
    operations=MappingProxyType(
        {
            "list_unread": Route("GET", "/messages/", {"to_agent": "{agent}", "unread_only": "true"}),
            "list_all": Route("GET", "/messages/", {"to_agent": "{agent}", "unread_only": "false"}),
            "post_message": Route("POST", "/messages/"),
            "mark_read": Route("PATCH", "/messages/{id}/read"),
            "post_progress": Route("POST", "/progress/"),
        }
    ),
    message_fields=_same(MESSAGE_FIELDS, assurance=""),
    progress_fields=_same(PROGRESS_FIELDS),
    messages_field="",
    thread_field="",
    events_field="",
    cursor_field="",
    idempotency_header="",
    replayed_header="",
    authenticated_senders=False,
)

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType({"default": DEFAULT, "classic": CLASSIC})


def find_profile(given: str | Mapping[str, object]) -> Profile:
    """Return the built-in profile of this name, or the one that a table describes; raises `ConfigError`."""
    if isinstance(given, Mapping):
        return profile_from_mapping(given)
    if given not in PROFILES:
        raise _wrong(f"there is no hub profile {quote(given)}", given, tuple(PROFILES))
    return PROFILES[given]


def profile_from_mapping(table: Mapping[str, object]) -> Profile:
    """Return the profile that a table describes, strictly: an unknown key or a value of another type is refused.

    Keys are the fields of `Profile`, and `base`, the built-in profile that gives what the table leaves out. An operation
    is a table of `method`, `path` and `query`, or `false` when the hub does not have it. Raises `ConfigError`.
    """
    base_name = table.get("base", "default")
    base = find_profile(base_name) if isinstance(base_name, str) else None
    if base is None:
        raise _wrong_value("base", "must be the name of a profile")
    known = tuple(made.name for made in fields(Profile))
    changes: dict[str, object] = {"name": "custom"}
    for name, value in table.items():
        if name == "base":
            continue
        if name not in known:
            raise _wrong(f"a hub profile has no key {quote(name)}", name, (*known, "base"))
        changes[name] = _read_value(base, name, value)
    return _check_whole(replace(base, **changes))  # type: ignore[arg-type]


def _read_value(base: Profile, name: str, value: object) -> object:
    match name:
        case "operations":
            return _read_operations(base.operations, value)
        case "message_fields":
            return _read_names(base.message_fields, value, name)
        case "progress_fields":
            return _read_names(base.progress_fields, value, name)
        case "authenticated_senders" | "lookup":
            if not isinstance(value, bool):
                raise _wrong_value(name, "must be true or false")
            return value
        case "page_size":
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= PAGE_SIZE_LIMIT:
                raise _wrong_value(name, f"must be a whole number from 1 to {PAGE_SIZE_LIMIT}")
            return value
    return _read_word(value, name, _HEADER if name.endswith("_header") else _FIELD)


def _read_operations(base: Mapping[str, Route], value: object) -> Mapping[str, Route]:
    made = dict(base)
    for name, given in _table(value, "operations").items():
        place = f"operations.{name}"
        if name not in OPERATIONS:
            raise _wrong(f"a hub has no operation {quote(name)}", name, OPERATIONS)
        if given is False:
            made.pop(name, None)
        else:
            made[name] = _read_route(base.get(name), _table(given, place), place)
    return MappingProxyType(made)


def _read_route(base: Route | None, table: Mapping[str, object], place: str) -> Route:
    for name in table:
        if name not in ("method", "path", "query"):
            raise _wrong(f"{quote(place)} has no key {quote(name)}", name, ("method", "path", "query"))
    method = table.get("method", base.method if base else "GET")
    if method not in _METHODS:
        raise _wrong_value(f"{place}.method", f"must be one of {', '.join(_METHODS)}")
    path = _read_word(table.get("path", base.path if base else None), f"{place}.path", _PATH)
    query: dict[str, str] = dict(base.query) if base and "query" not in table else {}
    for name, value in _table(table.get("query", {}), f"{place}.query").items():
        if not _QUERY_NAME.fullmatch(name):
            raise _wrong_value(f"{place}.query", "has a name that cannot stand in a query")
        query[name] = _read_word(value, f"{place}.query.{name}", _QUERY_VALUE)
    for template in (path, *query.values()):
        _check_places(template, place)
    return Route(str(method), path, query)


def _check_places(template: str, place: str) -> None:
    rest = template
    for known in _PLACES:
        rest = rest.replace(f"{{{known}}}", "")
    if "{" in rest or "}" in rest:
        raise _wrong_value(place, "may hold {id}, {agent}, {after} and {limit}, and no other braces")


def _read_names(base: Mapping[str, str], value: object, place: str) -> Mapping[str, str]:
    made = dict(base)
    for name, given in _table(value, place).items():
        if name not in base:
            raise _wrong(f"{quote(place)} has no field {quote(name)}", name, tuple(base))
        made[name] = _read_word(given, f"{place}.{name}", _FIELD)
    return MappingProxyType(made)


def _check_whole(profile: Profile) -> Profile:
    """Refuse a profile that could not work: parts that need each other."""
    for name in REQUIRED_OPERATIONS:
        if name not in profile.operations:
            raise _wrong_value(f"operations.{name}", "is needed")
    for name in REQUIRED_FIELDS:
        if not profile.message_fields[name]:
            raise _wrong_value(f"message_fields.{name}", "is needed")
    for name in ("get_message", "get_thread", "mark_read"):
        route = profile.operations.get(name)
        if route is not None and "{id}" not in route.path + "".join(route.query.values()):
            raise _wrong_value(f"operations.{name}", "must hold {id}")
    if profile.pages and "{after}" not in profile.operations["list_unread"].query.values():
        raise _wrong_value("cursor_field", 'needs a query parameter "{after}" in operations.list_unread')
    if profile.authenticated_senders is None and "describe" not in profile.operations:
        raise _wrong_value("authenticated_senders", "must be said, because there is no operation `describe` to ask")
    if profile.lookup:
        findable = {"get_thread", "list_progress"} <= profile.operations.keys()
        if not (findable and profile.message_fields["metadata"] and profile.progress_fields["metadata"]):
            raise _wrong_value("lookup", "needs get_thread, list_progress and metadata on messages and events")
    return profile


def _table(value: object, place: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _wrong_value(place, "must be a table")
    return value


def _read_word(value: object, place: str, shape: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise _wrong_value(place, "is missing, or holds what cannot stand there")
    return value


def _wrong_value(place: str, problem: str) -> ConfigError:
    return ConfigError(f"hub profile: {quote(place)} {problem}", "see docs/reference/hub-profiles.md")


def _wrong(message: str, given: str, known: tuple[str, ...]) -> ConfigError:
    near = difflib.get_close_matches(given[:64], known, n=1)
    hint = f"did you mean {quote(near[0])}?" if near else f"there are {', '.join(known)}"
    return ConfigError(message, hint)
