"""The messaging channel: messages, progress events and read marks of one hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.errors import HubAnswerError, HubRejectedError
from warden.model.delivery import Intent, OutgoingMessage, ProgressEvent, ReadMark, Receipt
from warden.model.message import MARKER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.model.hub import DeliveryMeans
    from warden.model.posted import Accepted
    from warden.ports import Channel, Hub

MAX_PAGES = 50
"""INVARIANT (bounded): pages of progress events that a look-up reads."""


class HubChannel:
    """Delivers to `hub`, which declared `means`."""

    def __init__(self, hub: Hub, means: DeliveryMeans) -> None:
        self._hub = hub
        self._means = means

    @property
    def means(self) -> DeliveryMeans:
        """How one can know that an earlier attempt was taken."""
        return self._means

    @property
    def reports_outcomes(self) -> bool:
        """A hub's receipt is the end of a delivery."""
        return False

    def deliver(self, intent: Intent) -> Receipt:
        """Make the one call that the payload asks for; raises `HubError` and its subclasses."""
        return _receipt(intent, self._post(intent))

    def _post(self, intent: Intent) -> Accepted:
        payload = intent.payload
        if isinstance(payload, OutgoingMessage):
            return self._hub.post_message(payload, intent.key)
        if isinstance(payload, ReadMark):
            return self._hub.mark_read(intent.message.agent, payload.message_id, intent.key)
        if isinstance(payload, ProgressEvent):
            return self._hub.post_progress(payload, intent.key)
        raise HubRejectedError("a hub does not carry this kind of delivery")

    def find(self, intent: Intent) -> Receipt | None:
        """Look for our marker where an earlier attempt would have left it; raises `HubError` and its subclasses."""
        payload = intent.payload
        if isinstance(payload, OutgoingMessage):
            for message in self._hub.get_thread(intent.message.agent, payload.thread_id):
                ours = message.sender.name == payload.from_agent
                if ours and message.content.metadata.get(MARKER) == intent.key:
                    return Receipt(intent.key, message.key.message_id, replayed=True)
            return None
        return self._find_event(intent, payload) if isinstance(payload, ProgressEvent) else None

    def _find_event(self, intent: Intent, event: ProgressEvent) -> Receipt | None:
        after: str | None = None
        for _ in range(MAX_PAGES):
            page = self._hub.list_progress(event.agent, after)
            for record in page.events:
                if record.metadata.get(MARKER) == intent.key:
                    return Receipt(intent.key, record.id, replayed=True)
            if page.after is None:
                return None
            after = page.after
        # More events than a look-up may read: whether ours is among the rest is not known.
        raise HubAnswerError("the hub has too many progress events to look through")


def _receipt(intent: Intent, accepted: Accepted) -> Receipt:
    return Receipt(intent.key, accepted.id, accepted.replayed)


def messaging_channels(hub: Hub, means: DeliveryMeans) -> Mapping[str, Channel]:
    """Return the channels `message`, `progress` and `read` of one hub, by name."""
    channel = HubChannel(hub, means)
    return {"message": channel, "progress": channel, "read": channel}
