"""Deliver what an earlier run left open: the normal path, begun from the outbox instead of from the inbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.engine.outbox import Delivery, Outbox
from warden.engine.parts import BATCH_MESSAGES, Parts, Terms
from warden.model.delivery import DeliveryFault, Fault
from warden.model.hub import DeliveryMeans

if TYPE_CHECKING:
    from warden.engine.bench import Bench
    from warden.model.records import OutboxRecord

MAX_ROUNDS = 10_000
"""INVARIANT (bounded): rounds of one drain; each delivers up to `BATCH_MESSAGES` intents."""


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain brought: how many intents have a receipt now, and how many deliveries failed."""

    received: int
    failed: int


def drain(parts: Parts, terms: Terms, bench: Bench, outbox: Outbox) -> Drained:
    """Deliver all open intents that are due, oldest first.

    INVARIANT (exactly-once): an intent that may have been taken is not repeated on a hub that gives no means to know, nor
    when it is so old that the hub may have forgotten its key. Raises `StateError` and `LedgerError` as the store does.
    """
    received = failed = 0
    journal = bench.journal
    for _ in range(MAX_ROUNDS):
        if parts.stop.requested() or outbox.credential_refused:
            break
        records = parts.store.pending(bench.traits.hub_id, terms.agent, parts.clock.now(), BATCH_MESSAGES)
        if not records:
            break
        bench.opening.write(judging=True)
        given_up = [Delivery(record, fault) for record in records if (fault := _hopeless(parts, terms, record))]
        keys = {delivery.record.intent.key for delivery in given_up}
        begun = outbox.begin([record for record in records if record.intent.key not in keys])
        journal.commit(publish=not begun)
        deliveries = given_up + outbox.send(begun)
        known = parts.store.dispositions({record.intent.message for record in records})
        generations = {key: record.generation for key, record in known.items()}
        outbox.settle(deliveries, generations, parts.store.head())
        journal.commit()
        faults = sum(isinstance(delivery.result, DeliveryFault) for delivery in deliveries)
        received += len(deliveries) - faults
        failed += faults
    return Drained(received, failed)


def _hopeless(parts: Parts, terms: Terms, record: OutboxRecord) -> DeliveryFault | None:
    """Return the fault of an intent that must not be attempted any more, None for one that may be."""
    means = parts.channels[record.intent.channel].means
    lost = record.attempts > 0 and not record.last_fault
    if lost and means is DeliveryMeans.NONE and record.intent.channel != "read":
        return DeliveryFault(record.intent.key, Fault.UNCERTAIN, "no-receipt-after-restart")
    if lost and record.spent >= terms.retry.attempts_limit:  # its attempts end the process: they are not made for ever
        return DeliveryFault(record.intent.key, Fault.UNCERTAIN, "no-receipt-too-often")
    if (parts.clock.now() - record.created_at).total_seconds() <= terms.retry.age_limit_s:
        return None
    return DeliveryFault(record.intent.key, Fault.UNCERTAIN if record.doubtful else Fault.DEFERRED, "too-old")
