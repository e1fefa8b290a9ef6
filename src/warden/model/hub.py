"""Values that cross the hub port."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warden.model.message import Message
    from collections.abc import Mapping


class DeliveryMeans(StrEnum):
    """How a hub lets us know that something was already taken (issue of exactly-once, DESIGN invariant 6)."""

    IDEMPOTENCY_KEY = "idempotency_key"
    LOOKUP = "lookup"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class HubTraits:
    """What a hub declares of itself.

    `pages` is false for a hub whose listing has no cursor; `page_size` is then how many messages its one page can hold.
    """

    hub_id: str
    delivery: DeliveryMeans
    authenticated_senders: bool
    pages: bool = True
    page_size: int = 100


@dataclass(frozen=True, slots=True)
class InboxPage:
    """One page of a listing, oldest first; `after` is the cursor of the next page, None at the end.

    `quarantined` names the ids of messages that the hub listed but whose form could not be read, with the reason.
    """

    messages: tuple[Message, ...]
    after: str | None = None
    quarantined: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ProgressRecord:
    """A progress event as a hub gives it back."""

    id: str
    agent: str
    created_at: str
    kind: str
    summary: str
    detail: str | None = None
    message_id: str | None = None
    thread_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProgressPage:
    """One page of progress events, oldest first; `after` is the cursor of the next page, None at the end."""

    events: tuple[ProgressRecord, ...]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A hub's answer to a POST: the id of what was made, and whether an earlier request with the same key made it."""

    id: str
    replayed: bool = False
