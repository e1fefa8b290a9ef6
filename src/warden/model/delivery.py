"""From an allowed action to its receipt: action, payloads, intent, receipt, fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from warden.model.digests import canonical_bytes, digest_bytes
from warden.model.ids import MessageKey, idempotency_key


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """Payload of channel `message`: exactly what `POST /messages` is sent."""

    from_agent: str
    to_agent: str
    subject: str
    body: str
    kind: str
    thread_id: str
    in_reply_to: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """Payload of channel `progress`: exactly what `POST /progress` is sent."""

    agent: str
    summary: str
    kind: str
    detail: str | None = None
    message_id: str | None = None
    thread_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadMark:
    """Payload of channel `read`: `POST /messages/{id}/read`."""

    message_id: str


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """Payload of channel `script`: the program that an operator's rule names, and what it reads.

    `argv` is a JSON list of strings, run without a shell; `stdin` is one JSON document.
    """

    rule: str
    argv: str
    stdin: str


@dataclass(frozen=True, slots=True)
class WorkloadStart:
    """Payload of channel `workload`: what a runtime is asked to execute, under an id that never changes."""

    workload_id: str
    event_id: str
    source: str
    action: str
    response_policy: str | None = None


@dataclass(frozen=True, slots=True)
class TriggerLine:
    """Payload of channel `trigger`: a word and named values for a runtime that listens for triggers."""

    kind: str
    metadata: Mapping[str, str] = field(default_factory=dict)


Payload = OutgoingMessage | ProgressEvent | ReadMark | ScriptRun | WorkloadStart | TriggerLine

_CHANNELS: dict[type, str] = {
    OutgoingMessage: "message",
    ProgressEvent: "progress",
    ReadMark: "read",
    ScriptRun: "script",
    WorkloadStart: "workload",
    TriggerLine: "trigger",
}


CHANNELS = tuple(_CHANNELS.values())
"""The names of all channels that a payload can have."""


def payload_fields(payload: Payload) -> dict[str, object]:
    """Return the payload as JSON values, without the fields that are None."""
    fields = {name: getattr(payload, name) for name in payload.__slots__}
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in fields.items()
        if value is not None
    }


def payload_from_fields(channel: str, fields: object) -> Payload:
    """Return the payload that `payload_fields` wrote for `channel`; raises `ValueError` for every other shape."""
    kinds = {name: kind for kind, name in _CHANNELS.items()}
    kind = kinds.get(channel)
    if kind is None or not isinstance(fields, dict):
        raise ValueError("not the payload of a known channel")
    for name, value in fields.items():
        if name == "metadata":
            if type(value) is not dict or not all(type(k) is str and type(v) is str for k, v in value.items()):
                raise ValueError("metadata of a payload does not map strings to strings")
        elif type(value) is not str:
            raise ValueError("a field of a payload is not a string")
    try:
        payload: Payload = kind(**fields)
    except TypeError as error:
        raise ValueError("a payload has missing or unknown fields") from error
    if payload_fields(payload) != fields:
        raise ValueError("a payload is not in its only form")
    return payload


@dataclass(frozen=True)
class Action:
    """A planned action with its final text: what guard and kernel judged is byte for byte what leaves.

    `ordinal` counts actions of one kind within the message, from 0. Bytes and digests are computed once, when first asked for.
    """

    message: MessageKey
    kind: str
    ordinal: int
    payload: Payload

    @property
    def channel(self) -> str:
        """The channel that carries this payload."""
        return _CHANNELS[type(self.payload)]

    @cached_property
    def payload_bytes(self) -> bytes:
        """Canonical bytes of the payload: what is kept as a blob and what the digest covers."""
        return canonical_bytes(payload_fields(self.payload))

    @cached_property
    def digest(self) -> str:
        """Digest of kind, ordinal, message key and payload: what a plan and an approval bind."""
        head = canonical_bytes(
            [self.message.hub_id, self.message.agent, self.message.message_id, self.kind, self.ordinal, self.channel]
        )
        return digest_bytes(head + b"\n" + self.payload_bytes)

    @cached_property
    def key(self) -> str:
        """The idempotency key."""
        return idempotency_key(self.message, self.kind, self.ordinal)


@dataclass(frozen=True, slots=True)
class Intent:
    """A durable promise to deliver: the row of the outbox that a channel is given."""

    key: str
    message: MessageKey
    thread_id: str
    kind: str
    channel: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outside took it: its id there (empty when the hub gives none), and whether it had taken it before."""

    key: str
    remote_id: str = ""
    replayed: bool = False


class Fault(StrEnum):
    """Why an attempt brought no receipt, by what may be done about it."""

    UNREACHABLE = "unreachable"
    """Certainly not taken (connection refused, name unknown): try again."""
    BUSY = "busy"
    """Certainly not taken (429, 503): try again, not before `retry_after_s`."""
    UNCERTAIN = "uncertain"
    """Perhaps taken (time-out after send, reset, other 5xx, malformed answer): redeliver under the same key if the hub
    keeps keys, look it up if it can be looked up, else in doubt."""
    CONFLICT = "conflict"
    """Something else was taken under this key (409): in doubt."""
    DEFERRED = "deferred"
    """Not tried after all, because an earlier delivery of its thread failed or the run stops: try again."""
    CREDENTIAL = "credential"
    """Refused for who we are (401, 403): the run stops, the intent stays."""
    REJECTED = "rejected"
    """Refused for what it is (other 4xx): dead letter."""


UNCOUNTED = frozenset({Fault.UNREACHABLE, Fault.BUSY, Fault.DEFERRED, Fault.CREDENTIAL})
"""Faults of attempts that were certainly not taken and say nothing against the delivery itself: a hub that is away over a
night. They count towards a delivery's age, not towards its attempts."""


@dataclass(frozen=True, slots=True)
class DeliveryFault:
    """One failed attempt."""

    key: str
    fault: Fault
    detail: str = ""
    retry_after_s: float | None = None
