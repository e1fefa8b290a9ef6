"""Identities: message keys, idempotency keys, run ids."""

from __future__ import annotations

from dataclasses import dataclass

from warden.model.digests import canonical_bytes, digest_bytes


@dataclass(frozen=True, slots=True)
class MessageKey:
    """A message's identity: message `1` of another hub, or of another agent's inbox, is another message."""

    hub_id: str
    agent: str
    message_id: str


def idempotency_key(message: MessageKey, kind: str, ordinal: int) -> str:
    """Return the one key under which this action is delivered, in every attempt and by every process.

    A hash of (message key, kind, ordinal) and *not* of the text, so that a second, different reply to the same message
    collides at the hub instead of being sent (DESIGN section 1). Shape: `wk1-` and 64 hex digits.
    """
    data = canonical_bytes([message.hub_id, message.agent, message.message_id, kind, ordinal])
    return "wk1-" + digest_bytes(data).removeprefix("sha256:")
