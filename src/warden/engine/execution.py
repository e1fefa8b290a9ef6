"""Carry out judged messages, a batch at a time.

Two commits for a batch of up to `BATCH_MESSAGES` messages, however many actions it has:

1. what was seen, planned and decided, the intents, and that their first attempt begins - together with the receipts of the
   follow-ups (audit events, read marks) of the batch before;
2. after the deliveries: receipts, dispositions, the audit events as intents, and that the follow-ups' attempt begins.

The follow-ups are delivered while the next batch is pulled and judged. A crash between any two steps leaves open intents in
the outbox, and `recovery` delivers them with the code used here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from warden.engine.audit import READ_STAGE, AuditFacts
from warden.engine.journal import Asking
from warden.engine.outbox import Delivery, Origin, Outbox, Settled
from warden.model.delivery import Receipt
from warden.model.disposition import Disposition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from warden.engine.enforce import Judgement
    from warden.engine.journal import Journal
    from warden.engine.parts import Parts
    from warden.engine.planning import Judged
    from warden.model.entry import Head
    from warden.model.ids import MessageKey
    from warden.model.records import DispositionRecord, OutboxRecord


BY_PERSON = "person"
"""Reason code of a disposition that a person gave."""


@dataclass(slots=True)
class _Batch:
    """The records of one batch on their way: `first` are delivered at once, `later` when their message is closed."""

    judged: Sequence[Judged]
    first: list[OutboxRecord] = field(default_factory=list)
    later: dict[MessageKey, list[OutboxRecord]] = field(default_factory=dict)


class Execution:
    """Executes batches for one run and reports each message when its handling is recorded."""

    def __init__(self, parts: Parts, outbox: Outbox, journal: Journal) -> None:
        self._parts = parts
        self._outbox = outbox
        self._journal = journal
        self._followers: Callable[[], list[Delivery]] | None = None
        self._unreported: list[tuple[Judged, Disposition]] = []
        self._delivered: set[str] = set()
        self._reopened: set[MessageKey] = set()
        self.faults = 0

    def carry_out(self, judged: Sequence[Judged], brain: str) -> dict[MessageKey, Disposition]:
        """Record, deliver and settle one batch; returns what each message became.

        Nothing is begun, and nothing returned, when the batch before found that the hub refuses our credential.
        """
        judged = self._undecided(judged)
        batch = _Batch(judged)
        head = self._parts.store.head()
        dispositions = {item.seen.message.key: item.disposition for item in judged}
        self._settle_followers(head)
        if self._outbox.credential_refused:
            return {}
        for item in judged:
            self._write(item, batch, brain, head)
        batch.first = self._outbox.begin(batch.first)
        head = self._journal.commit(publish=not batch.first)
        self._report()
        if not batch.first:
            self._remember(judged, dispositions)
            return dispositions
        deliveries = self._noted(self._outbox.send(batch.first))
        generations = {item.seen.message.key: _generation(item) for item in judged}
        settled = self._outbox.settle(deliveries, generations, head)
        dispositions.update(settled.dispositions)
        followers = self._outbox.begin(self._follow_ups(batch, settled))
        self._journal.commit()
        self._followers = self._outbox.start(followers)
        self._remember(judged, dispositions)
        return dispositions

    def _undecided(self, judged: Sequence[Judged]) -> Sequence[Judged]:
        """Leave out messages that a person decided on while they were planned: what was planned for them is void."""
        before = {item.seen.message.key: item.seen.before for item in judged if item.seen.before is not None}
        now = self._parts.store.dispositions(before) if before else {}
        return [item for item in judged if (key := item.seen.message.key) not in before or now.get(key) == before[key]]

    def finish(self) -> None:
        """Write what the last batch's follow-ups brought; durable with the journal's next commit."""
        self._settle_followers(self._parts.store.head())

    def report_rest(self) -> None:
        """Report the messages whose last records have become durable."""
        self._report()

    def _settle_followers(self, head: Head) -> None:
        if self._followers is not None:
            deliveries = self._noted(self._followers())
            self._followers = None
            self._outbox.settle(deliveries, {}, head)

    def _remember(self, judged: Sequence[Judged], dispositions: dict[MessageKey, Disposition]) -> None:
        self._unreported.extend((item, dispositions[item.seen.message.key]) for item in judged)

    def _report(self) -> None:
        delivered = frozenset(self._delivered)
        for item, disposition in self._unreported:
            self._parts.reporter.message(item.report(delivered, disposition))
        self._unreported.clear()
        self._delivered.clear()

    def _noted(self, deliveries: list[Delivery]) -> list[Delivery]:
        for delivery in deliveries:
            if isinstance(delivery.result, Receipt):
                self._delivered.add(delivery.record.intent.key)
            else:
                self.faults += 1
        return deliveries

    def _write(self, item: Judged, batch: _Batch, brain: str, head: Head) -> None:
        seen = item.seen
        before = seen.before
        if _unchanged(item, before):
            return
        message = seen.message
        if before is None or before.disposition is Disposition.QUARANTINED:
            self._journal.seen(seen)
            self._reopen_thread(item)
        self._journal.planned(item, brain)
        origin = Origin(message.content.thread_id, message.sender.name)
        if item.actions:
            self._intend(item, origin, batch)
            return
        if item.disposition is Disposition.HELD and item.reason == "approval":
            self._ask(item, brain)
        self._journal.disposed(message.key, origin.thread_id, origin.sender, item.disposition, item.reason)
        if item.disposition is Disposition.ESCALATED and (before is None or not before.reopened):
            facts = AuditFacts(item.disposition, item.reason, _evidence(item))
            event = self._outbox.audit(message.key, origin, _generation(item), facts, head)
            if event is not None:
                batch.first.append(event)

    def _ask(self, item: Judged, brain: str) -> None:
        """Ask a person to release the one action of a plan, the read mark behind it aside; a kind that nobody can draft has
        none, and its message is a person's to handle."""
        texts = [judgement for judgement in item.judgements if judgement.draft.kind != "mark_read"]
        (judgement,) = texts or item.judgements[:1]
        if judgement.action is not None:
            expiry_s = self._outbox.approval_expiry_s
            self._journal.release_asked(item.seen.message, judgement, Asking(f"brain:{brain}", expiry_s))

    def _intend(self, item: Judged, origin: Origin, batch: _Batch) -> None:
        marks = [judgement for judgement in item.actions if judgement.draft.kind == "mark_read"]
        primary = [judgement for judgement in item.actions if judgement not in marks] or marks
        for stage, judgement in enumerate(primary):
            closes = item.disposition if stage == len(primary) - 1 else None
            batch.first.append(self._outbox.intend(judgement, origin, stage, closes))
        if primary is not marks:
            later = [self._outbox.intend(judgement, origin, READ_STAGE) for judgement in marks]
            batch.later[item.seen.message.key] = later

    def _reopen_thread(self, item: Judged) -> None:
        """New mail of a sender joins the open escalations of that sender in that thread: they are planned once more."""
        key, content = item.seen.message.key, item.seen.message.content
        open_ones = self._parts.store.open_escalations(
            key.hub_id, key.agent, item.seen.message.sender.name, content.thread_id
        )
        for record in open_ones:
            # What a person has taken stays with that person: its action may have been delivered or dropped by hand.
            open_still = not record.reopened and record.message not in self._reopened
            if record.message != key and open_still and record.reason != BY_PERSON:
                self._reopened.add(record.message)
                self._journal.reopened(record.message, key.message_id)

    def _follow_ups(self, batch: _Batch, settled: Settled) -> list[OutboxRecord]:
        terminal = [key for key, disposition in settled.dispositions.items() if disposition.terminal]
        marks = [record for key in terminal for record in batch.later.get(key, ())]
        return [*settled.audits, *marks]


def _unchanged(item: Judged, before: DispositionRecord | None) -> bool:
    """A message that is held for the same reason as before is not written down again every minute."""
    return (
        before is not None
        and item.disposition is Disposition.HELD
        and before.disposition is Disposition.HELD
        and before.reason == item.reason
    )


def _generation(item: Judged) -> int:
    return item.seen.before.generation if item.seen.before else 0


def _evidence(item: Judged) -> dict[str, str]:
    rules: set[str] = set()
    kinds: list[str] = []
    snapshot = ""
    for judgement in item.judgements:
        rules.update(judgement.decision.rule_ids)
        kinds.append(_kind(judgement))
        snapshot = judgement.decision.snapshot
    return {"kinds": " ".join(kinds), "rules": " ".join(sorted(rules)), "snapshot": snapshot}


def _kind(judgement: Judgement) -> str:
    """The kind for an audit event; a kind that a brain made up is not repeated to the world."""
    return judgement.draft.kind if judgement.request.capability != "unknown" else "unknown"
