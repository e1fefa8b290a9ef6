"""Deliver durable intents, record what came of them, and let the disposition follow.

The same code delivers what this run intended and what an earlier run left behind. Order within a round: records are written
as attempted and committed by the caller (`begin`, then the journal's commit), delivered (`send`), and settled (`settle`:
receipts, faults, dispositions, audit events), which becomes durable with the caller's next commit.

Deliveries run side by side, but one after another within a thread: when one fails, the rest of its thread waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from warden.engine.audit import AUDIT_STAGE, KIND, AuditFacts, audit_action
from warden.engine.draft import ANSWERING, Draft
from warden.engine.retry import NextStep, next_step
from warden.model.delivery import DeliveryFault, Fault, Intent, Receipt
from warden.model.disposition import Disposition, worst
from warden.model.message import Mail, Message, MessageFacts, Principal
from warden.model.records import IntentState, OutboxRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from warden.engine.enforce import Enforcer, Judgement
    from warden.engine.journal import Journal
    from warden.engine.parts import Parts, Terms
    from warden.model.entry import Head
    from warden.model.ids import MessageKey


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an intent comes from: the thread and the sender of its message."""

    thread_id: str
    sender: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What a round of deliveries changed: new dispositions, and the audit events that are now to be delivered."""

    dispositions: Mapping[MessageKey, Disposition]
    audits: tuple[OutboxRecord, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt and what it brought."""

    record: OutboxRecord
    result: Receipt | DeliveryFault


class Outbox:
    """Delivers for one run. `draw` returns a random number in [0, 1) for jitter, injected."""

    def __init__(
        self, parts: Parts, terms: Terms, enforcer: Enforcer, journal: Journal, draw: Callable[[], float]
    ) -> None:
        self._parts = parts
        self._terms = terms
        self._enforcer = enforcer
        self._journal = journal
        self._draw = draw
        self.credential_refused = False

    @property
    def approval_expiry_s(self) -> float | None:
        """How long an action of this run waits for its release, None for ever."""
        return self._terms.approval_expiry_s

    def intend(
        self, judgement: Judgement, origin: Origin, stage: int, closes: Disposition | None = None
    ) -> OutboxRecord:
        """Write the intent of an allowed action and return its record; durable with the journal's next commit.

        Raises `ValueError` for a judgement that does not allow an action: a fault of ours, never of data.
        """
        return write_intent(self._journal, self._parts.clock.now(), judgement, origin, stage, closes)

    def begin(self, records: Sequence[OutboxRecord]) -> list[OutboxRecord]:
        """Write that an attempt of each record is about to be made; returns the records with the attempt counted."""
        begun = [replace(record, attempts=record.attempts + 1) for record in records]
        for record in begun:
            self._journal.attempted(record)
        return begun

    def send(self, records: Sequence[OutboxRecord]) -> list[Delivery]:
        """Deliver records whose attempt is durable, threads side by side, and return a delivery for each, in order."""
        return self._in_order(records, self._parts.pool.run(self._tasks(records)))

    def start(self, records: Sequence[OutboxRecord]) -> Callable[[], list[Delivery]]:
        """Begin what `send` does, and return what waits for its end and gives what `send` gives."""
        collect = self._parts.pool.start(self._tasks(records))
        return lambda: self._in_order(records, collect())

    def _tasks(self, records: Sequence[OutboxRecord]) -> list[Callable[[], list[Delivery]]]:
        threads: dict[str, list[OutboxRecord]] = {}
        for record in records:
            threads.setdefault(record.intent.thread_id, []).append(record)
        return [self._thread_task(group) for group in threads.values()]

    def _in_order(self, records: Sequence[OutboxRecord], groups: Sequence[Sequence[Delivery]]) -> list[Delivery]:
        results = {delivery.record.intent.key: delivery for group in groups for delivery in group}
        return [results[record.intent.key] for record in records]

    def _thread_task(self, group: list[OutboxRecord]) -> Callable[[], list[Delivery]]:
        return lambda: self._send_thread(group)

    def _send_thread(self, group: list[OutboxRecord]) -> list[Delivery]:
        done: list[Delivery] = []
        failed = False
        for record in group:
            if failed or self.credential_refused or self._parts.stop.requested():
                done.append(Delivery(record, DeliveryFault(record.intent.key, Fault.DEFERRED, "deferred")))
                continue
            channel = self._parts.channels[record.intent.channel]
            # A person's retry counts attempts anew; a fault that is still known tells that there were some.
            result = self._enforcer.deliver(channel, record.intent, record.attempts + bool(record.last_fault))
            if isinstance(result, DeliveryFault):
                failed = True
                if result.fault is Fault.CREDENTIAL:
                    self.credential_refused = True
            done.append(Delivery(record, result))
        return done

    def settle(self, deliveries: Sequence[Delivery], generations: Mapping[MessageKey, int], head: Head) -> Settled:
        """Write receipts, faults, the dispositions that follow, and the audit events of the messages that are closed.

        `generations` tells how often each message was reopened (0 when absent), `head` is what audit events carry.
        """
        faults: dict[MessageKey, tuple[Disposition, str, OutboxRecord]] = {}
        closed: list[tuple[OutboxRecord, Disposition]] = []
        waits: dict[str, float] = {}
        for delivery in deliveries:
            record, result = delivery.record, delivery.result
            if isinstance(result, Receipt):
                self._journal.received(record, result)
                if record.closes is not None:
                    closed.append((record, record.closes))
                continue
            disposition, reason = _after_fault(self._fault(record, result, waits), result)
            if record.stage >= AUDIT_STAGE:
                continue
            known = faults.get(record.intent.message)
            if known is None or worst([known[0], disposition]) is disposition:
                faults[record.intent.message] = (disposition, reason, record)
        dispositions: dict[MessageKey, Disposition] = {}
        audits: list[OutboxRecord] = []
        for key, (disposition, reason, record) in faults.items():
            self._dispose(record, disposition, reason)
            dispositions[key] = disposition
        for record, closes in closed:
            key = record.intent.message
            disposition, reason = self._after_receipt(record, closes)
            dispositions[key] = disposition
            event = self.close(record, disposition, reason, generations.get(key, 0), head)
            if event is not None:
                audits.append(event)
        return Settled(dispositions, tuple(audits))

    def _after_receipt(self, record: OutboxRecord, closes: Disposition) -> tuple[Disposition, str]:
        """Return what a receipt makes of its message: for most channels it is the end."""
        if not self._parts.channels[record.intent.channel].reports_outcomes:
            return closes, "delivered"
        from warden.engine.outcomes import standing

        return standing(self._parts.store.outcomes(record.intent.key), closes)

    def close(
        self, record: OutboxRecord, disposition: Disposition, reason: str, generation: int, head: Head
    ) -> OutboxRecord | None:
        """Write what a delivered message is now, and the audit event of one that ends; returns the event's record."""
        self._dispose(record, disposition, reason)
        if disposition is Disposition.HELD:
            return None
        return self._audit_closed(record, AuditFacts(disposition, reason, _evidence(record)), generation, head)

    def _dispose(self, record: OutboxRecord, disposition: Disposition, reason: str) -> None:
        # INVARIANT (receipt-before-handled): written after the receipt, in the same commit.
        self._journal.disposed(record.intent.message, record.intent.thread_id, record.sender, disposition, reason)

    def _fault(self, record: OutboxRecord, fault: DeliveryFault, waits: dict[str, float]) -> NextStep:
        age_s = (self._parts.clock.now() - record.created_at).total_seconds()
        means = self._parts.channels[record.intent.channel].means
        step = next_step(record, fault, means, age_s, self._terms.retry, self._draw())
        thread = record.intent.thread_id
        if fault.fault is Fault.DEFERRED and step.delay_s is not None:
            # What waits behind a failed delivery becomes due together with it, so that it does not overtake it.
            step = replace(step, delay_s=waits.get(thread, 0.0))
        elif step.delay_s is not None:
            waits[thread] = step.delay_s
        delay = None if step.delay_s is None else int(step.delay_s * 1000)
        self._journal.faulted(record, fault, step.state.value, delay)
        return step

    def _audit_closed(
        self, record: OutboxRecord, facts: AuditFacts, generation: int, head: Head
    ) -> OutboxRecord | None:
        origin = Origin(record.intent.thread_id, record.sender)
        return self.audit(record.intent.message, origin, generation, facts, head)

    def audit(
        self, key: MessageKey, origin: Origin, generation: int, facts: AuditFacts, head: Head
    ) -> OutboxRecord | None:
        """Judge a message's audit event like any other action and intend it; None when the kernel does not allow it."""
        action = audit_action(key, generation, facts, self._terms.run_id, head)
        about = Message(key, Principal(origin.sender), "", Mail("", "", "audit", origin.thread_id))
        draft = Draft(KIND, action.ordinal, action, "template")
        judgement = self._enforcer.judge(draft, about, MessageFacts(), {})
        self._journal.decided(key, judgement)
        if not judgement.allowed or judgement.action is None:
            return None
        self._enforcer.note_velocity(judgement)
        return self.intend(judgement, origin, AUDIT_STAGE)


def write_intent(
    journal: Journal,
    now: datetime,
    judgement: Judgement,
    origin: Origin,
    stage: int,
    closes: Disposition | None = None,
) -> OutboxRecord:
    """Write the intent of an allowed action, whoever allowed it, and return its record; raises as `Outbox.intend`."""
    action = judgement.action
    if action is None or not judgement.allowed:
        raise ValueError("only an allowed action becomes an intent")
    record = OutboxRecord(
        intent=Intent(action.key, action.message, origin.thread_id, action.kind, action.channel, action.payload),
        state=IntentState.OPEN,
        attempts=0,
        created_at=now,
        due_at=now,
        sender=origin.sender,
        action_digest=action.digest,
        stage=stage,
        closes=closes,
        rule_ids=judgement.decision.rule_ids,
        snapshot=judgement.decision.snapshot,
    )
    journal.intended(record, action, action.kind in ANSWERING)
    for bucket in judgement.buckets:
        journal.counted(action.message, bucket)
    return record


def _evidence(record: OutboxRecord) -> dict[str, str]:
    return {
        "kinds": record.intent.kind,
        "rules": " ".join(record.rule_ids),
        "snapshot": record.snapshot,
        "action": record.action_digest,
    }


def _after_fault(step: NextStep, fault: DeliveryFault) -> tuple[Disposition, str]:
    if step.state is IntentState.DEAD:
        return Disposition.DEAD, f"delivery-{fault.fault.value}"
    if step.state is IntentState.IN_DOUBT:
        return Disposition.HELD, "in-doubt"
    return Disposition.FAILED, f"delivery-{fault.fault.value}"
