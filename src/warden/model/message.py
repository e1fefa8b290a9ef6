"""A message as it came from a source, and what our own code found in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from warden.model.digests import digest_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.model.ids import MessageKey

HUB = "hub"
"""The source of messages that came from a coordination hub; others are sources of events."""

AUTO_SUBMITTED = "auto-submitted"
"""Metadata name that marks automatic mail; `no` or absence means a person or agent wrote it (RFC 3834, section 5)."""

MARKER = "warden-key"
"""Metadata name under which a delivery carries its idempotency key, so that it can be found again in a thread."""

HOPS = "warden-hops"
"""Metadata name of the hop count that our replies carry."""

DRAFTED_BY = "drafted_by"
"""Metadata name under which a reply whose text is no catalogue's says who wrote it."""


class Assurance(StrEnum):
    """How far the sender's name can be trusted."""

    CLAIMED = "claimed"
    TOKEN = "token"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent a message, and how we know."""

    name: str
    assurance: Assurance = Assurance.CLAIMED


@dataclass(frozen=True, slots=True)
class Mail:
    """The content type of coordination messages. `kind` is one of request, reply, info, status, auto, or any other
    word of `[a-z_]{1,32}`; `metadata` maps strings to strings."""

    subject: str
    body: str
    kind: str
    thread_id: str
    in_reply_to: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """Source, key, sender, time and typed content. `received_at` is RFC 3339 in UTC, as the hub gave it.

    `recipient` is to whom it was sent; empty when the hub does not tell. It is not part of the digest: a message from an
    inbox went to that inbox's agent, and elsewhere it only says whether a message belongs to a conversation.
    """

    key: MessageKey
    sender: Principal
    received_at: str
    content: Mail
    source: str = HUB
    recipient: str = ""

    @property
    def digest(self) -> str:
        """Digest of everything that the message says; two listings of one message give the same."""
        content = self.content
        return digest_value(
            {
                "hub_id": self.key.hub_id,
                "agent": self.key.agent,
                "message_id": self.key.message_id,
                "sender": self.sender.name,
                "assurance": self.sender.assurance.value,
                "received_at": self.received_at,
                "subject": content.subject,
                "body": content.body,
                "kind": content.kind,
                "thread_id": content.thread_id,
                "in_reply_to": content.in_reply_to,
                "metadata": [[name, content.metadata[name]] for name in sorted(content.metadata)],
            }
        )


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What our own code (never a brain, never the sender's claim alone) found in a message.

    `secret_kinds` counts the secrets that were sent to us, by kind; the booleans say that the guard's rules found a
    request for a secret's value, a production change or irreversible act asked for, an attempt to instruct the worker,
    automatic mail (RFC 3834), mail from ourselves. `hops` is the hop count that the sender states (0 when absent,
    the limit when unreadable).
    """

    secret_kinds: Mapping[str, int] = field(default_factory=dict)
    asks_for_secret: bool = False
    asks_for_change: bool = False
    instructs_worker: bool = False
    automatic: bool = False
    from_self: bool = False
    hops: int = 0


@dataclass(frozen=True, slots=True)
class BrainInput:
    """All that a brain is shown: the redacted message, our facts about it, and earlier messages between its sender
    and us, oldest first (DESIGN invariant 3)."""

    message: Message
    facts: MessageFacts
    thread: tuple[Message, ...] = ()
