"""Deliver what an earlier run left open: the normal path, begun from the outbox instead of from the inbox."""

from __future__ import annotations

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


def drain(parts: Parts, terms: Terms, bench: Bench, outbox: Outbox) -> int:
    """Deliver all open intents that are due, oldest first, and return how many brought a receipt.

    An intent that may have been attempted, on a hub that gives no means to know, is in doubt and not repeated
    (INVARIANT exactly-once). Raises `StateError` and `LedgerError` as the store does.
    """
    received = 0
    journal = bench.journal
    for _ in range(MAX_ROUNDS):
        if parts.stop.requested() or outbox.credential_refused:
            break
        records = parts.store.pending(bench.traits.hub_id, terms.agent, parts.clock.now(), BATCH_MESSAGES)
        if not records:
            break
        bench.opening.write(judging=True)
        doubtful = [record for record in records if _unknowable(parts, record)]
        rest = [record for record in records if record not in doubtful]
        begun = outbox.begin(rest)
        journal.commit()
        deliveries = [Delivery(record, _lost(record)) for record in doubtful] + outbox.send(begun)
        known = parts.store.dispositions({record.intent.message for record in records})
        generations = {key: record.generation for key, record in known.items()}
        outbox.settle(deliveries, generations, parts.store.head())
        journal.commit()
        received += sum(not isinstance(delivery.result, DeliveryFault) for delivery in deliveries)
    return received


def _unknowable(parts: Parts, record: OutboxRecord) -> bool:
    """Whether an attempt without any recorded end was made where the hub gives no means to know what became of it."""
    means = parts.channels[record.intent.channel].means
    return (
        record.attempts > 0
        and not record.last_fault
        and means is DeliveryMeans.NONE
        and record.intent.channel != "read"
    )


def _lost(record: OutboxRecord) -> DeliveryFault:
    return DeliveryFault(record.intent.key, Fault.UNCERTAIN, "no-receipt-after-restart")
