"""Values that cross the hub port."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warden.model.message import Message


class DeliveryMeans(StrEnum):
    """How a hub lets us know that something was already taken (DESIGN invariant 6)."""

    IDEMPOTENCY_KEY = "idempotency_key"
    LOOKUP = "lookup"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class HubTraits:
    """What a hub declares of itself.

    `pages` is false for a hub whose listing has no cursor; `page_size` is then how many messages its one page can hold.
    `lists_progress` says whether progress events, and with them the heads that runs posted, can be read back.
    """

    hub_id: str
    delivery: DeliveryMeans
    authenticated_senders: bool
    pages: bool = True
    page_size: int = 100
    lists_progress: bool = True


@dataclass(frozen=True, slots=True)
class InboxPage:
    """One page of a listing, oldest first; `after` is the cursor of the next page, None at the end.

    `quarantined` names the ids of messages that the hub listed but whose form could not be read, with the reason.
    """

    messages: tuple[Message, ...]
    after: str | None = None
    quarantined: tuple[tuple[str, str], ...] = ()
