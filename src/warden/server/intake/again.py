"""A kept delivery, taken in again: proven again where that can be done, read and sorted by the rules of today. Pure but for the
scanner that it is given."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from warden.errors import GateError, InputError, quote
from warden.hubs.intake_operations import NewDelivery
from warden.model.digests import digest_bytes
from warden.model.message import Assurance
from warden.server.intake import delivery
from warden.server.intake.delivery import Proven, RefusedError, Source, Sources
from warden.server.intake.signature import Headers, RefusedDeliveryError, SourceKind, check_signature

if TYPE_CHECKING:
    from warden.orders.book import TriggerBook
    from warden.ports import Scanner


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file has of a delivery: its body redacted, `body_digest` that of the bytes as they came."""

    source: str
    headers: str
    body: bytes
    body_digest: str
    received_at: float


def prepare_again(
    sources: Sources, book: TriggerBook, scanner: Scanner, kept: Kept, told: tuple[str, float]
) -> NewDelivery:
    """Return the delivery as a new one; `told` is its old name and the present moment.

    Raises `InputError` for a source that is gone or a payload that cannot be read any more, and `GateError` for a signature
    that does not hold any more.
    """
    name, now = told
    source = sources.get(kept.source)
    if source is None:
        raise InputError(f"there is no source {quote(kept.source)} any more", "put it back into config.toml")
    headers = [(str(name), str(value)) for name, value in json.loads(kept.headers)]
    proven = Proven(_assurance(source, headers, kept), kept.body, kept.body_digest)
    try:
        event = delivery.read(source, headers, proven, kept.received_at)
        ready = delivery.ready(scanner, book, event, proven)
    except RefusedError as error:
        raise InputError(
            f"the delivery {quote(name)} is no event any more: {error.reason}", "see the source"
        ) from error
    return NewDelivery(
        event=ready.event,
        assurance=ready.assurance.value,
        body_digest=kept.body_digest,
        body=ready.body,
        headers=headers,
        received_at=now,
        tasks=tuple(replace(task, window_s=0) for task in ready.tasks),
        reason=ready.reason,
        origin=f"replay of {name}",
        window_s=0,
        strict_body=source.forge,
    )


def _assurance(source: Source, headers: Headers, kept: Kept) -> Assurance:
    """INVARIANT (fail-closed): what cannot be proven again is a claim."""
    kind = next((value for name, value in headers if name == "content-type"), "")
    whole = digest_bytes(kept.body) == kept.body_digest
    as_signed = not (source.signature.kind is SourceKind.GITHUB and kind.startswith(delivery.FORM))
    if not whole or not as_signed or source.signature.kind is SourceKind.BEARER:
        return Assurance.CLAIMED
    try:
        return check_signature(source.signature, source.keys, headers, kept.body, kept.received_at)
    except RefusedDeliveryError as error:
        raise GateError(
            f"the signature does not hold any more: {error.code}", "was the source's key replaced?"
        ) from error
