"""Entries that wait for the next commit, and how each one is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.ledger.schema import bounded_word
from warden.model.digests import digest_bytes
from warden.model.entry import Batch, Entry

if TYPE_CHECKING:
    from warden.engine.enforce import Judgement
    from warden.engine.planning import Judged
    from warden.engine.pull import Seen, Unreadable
    from warden.model.consultation import Consultation, LayerManifest, Prepared
    from warden.model.delivery import Action, DeliveryFault, Receipt
    from warden.model.disposition import Disposition
    from warden.model.entry import Head
    from warden.model.ids import MessageKey
    from warden.model.message import Message
    from warden.model.records import OutboxRecord
    from warden.ports import LedgerStore, ModelBrain


def _layer(layer: LayerManifest) -> dict[str, object]:
    return {
        "name": layer.name,
        "digest": layer.digest,
        "size_bytes": layer.size_bytes,
        "cut": layer.cut,
        "redactions": dict(layer.redactions),
    }


def _reference(key: MessageKey) -> dict[str, object]:
    return {"ref": {"hub_id": key.hub_id, "agent": key.agent, "message_id": key.message_id}}


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for the release of an action, how long it waits (None: for ever), and the number of the item it replaces."""

    requested_by: str
    expiry_s: float | None = None
    replaces: int | None = None


class Journal:
    """Collects the entries of one run and commits them together.

    INVARIANT (intent-before-delivery), (receipt-before-handled): callers write here, then `commit`, and only then act.
    """

    def __init__(self, store: LedgerStore, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._entries: list[Entry] = []
        self._blobs: dict[str, bytes] = {}

    def write(self, entry_kind: str, /, **fields: object) -> None:
        """Add an entry of this run."""
        self._entries.append(Entry(entry_kind, {"run_id": self._run_id, **fields}))

    def record(self, entry_kind: str, /, **fields: object) -> None:
        """Add an entry that a person caused, outside of any run."""
        self._entries.append(Entry(entry_kind, fields))

    def _keep(self, data: bytes) -> str:
        digest = digest_bytes(data)
        self._blobs[digest] = data
        return digest

    def commit(self, *, publish: bool = True) -> Head:
        """Make everything written so far durable, and return the new head; nothing is written when nothing waits.

        The first of a batch's two commits leaves the head's publication to the second.
        """
        if not self._entries:
            return self._store.head()
        batch = Batch(tuple(self._entries), dict(self._blobs), publish)
        head = self._store.commit(batch)
        self._entries.clear()
        self._blobs.clear()
        return head

    def seen(self, seen: Seen) -> None:
        """A message was seen for the first time; its redacted text is kept."""
        message = seen.message
        text_digest = self._keep(seen.text_bytes)
        self.write(
            "message_seen",
            **_reference(message.key),
            thread_id=message.content.thread_id,
            sender=message.sender.name,
            assurance=message.sender.assurance.value,
            content_kind=message.content.kind,
            message_digest=message.digest,
            text_digest=text_digest,
            size_bytes=seen.size_bytes,
            secret_kinds=dict(seen.facts.secret_kinds),
        )

    def unreadable(self, item: Unreadable) -> None:
        """A message cannot be read: quarantined, with its reason."""
        self.write(
            "disposed",
            **_reference(item.key),
            thread_id="",
            sender="",
            disposition="quarantined",
            reason=item.reason,
        )

    def planned(self, judged: Judged, brain: str) -> None:
        """A plan was made, and every action of it was judged."""
        candidates = judged.plan.candidates
        key = judged.seen.message.key
        self.write(
            "planned",
            **_reference(key),
            plan_digest=judged.plan_digest,
            brain=brain,
            reason=judged.plan.reason,
            catalog_entry=judged.plan.catalog_entry,
            score=candidates[0].score if candidates else None,
            kinds=[judgement.draft.kind for judgement in judged.judgements],
        )
        for judgement in judged.judgements:
            self.decided(key, judgement)

    def decided(self, key: MessageKey, judgement: Judgement) -> None:
        """The kernel decided on one action; the request that it judged is kept."""
        request = judgement.request
        self.write(
            "decided",
            **_reference(key),
            kind=judgement.draft.kind,
            ordinal=judgement.draft.ordinal,
            effect=judgement.decision.effect.word,
            rule_ids=list(judgement.decision.rule_ids),
            snapshot=judgement.decision.snapshot,
            action_digest=judgement.action.digest if judgement.action else None,
            request_digest=self._keep(judgement.request_bytes),
            body_bytes=request.counts.get("body_bytes", 0),
            secret_kinds=list(judgement.secret_kinds),
            errors=list(judgement.decision.errors),
        )

    def asked(self, seen: Seen, prepared: Prepared, answer: Consultation, brain: ModelBrain) -> None:
        """A model was asked about a message: what it was shown, as digests, what that used, and what came of it.

        The redacted texts that it was shown and its redacted answer are kept.
        """
        message, manifest, used = seen.message, answer.manifest, answer.usage
        for text in answer.context_texts.values():
            self._keep(text.encode("utf-8", "replace"))
        self.write(
            "model_asked",
            **_reference(message.key),
            thread_id=message.content.thread_id,
            sender=message.sender.name,
            input_digest=prepared.input_digest,
            brain_digest=brain.digest,
            model=bounded_word(brain.model),
            outcome=bounded_word(answer.fallback_reason) or "answered",
            context_digest=manifest.digest,
            layers=[_layer(layer) for layer in manifest.layers],
            calls=used.calls,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            cost_microunits=used.cost_microunits,
            wall_ms=used.wall_ms,
        )
        if answer.answer is None:
            return
        data = answer.answer.encode("utf-8", "replace")
        self.write(
            "answer_kept",
            **_reference(message.key),
            input_digest=prepared.input_digest,
            brain_digest=brain.digest,
            answer_digest=self._keep(data),
            size_bytes=len(data),
        )

    def counted(self, key: MessageKey, bucket: str) -> None:
        """An action that is carried out counts under a velocity bucket."""
        self.write("counted", **_reference(key), bucket=bucket)

    def intended(self, record: OutboxRecord, action: Action, is_reply: bool) -> None:
        """An allowed action becomes an intent; its payload is kept. `is_reply` says that it counts as an automatic reply."""
        intent = record.intent
        payload = action.payload_bytes
        self.write(
            "intended",
            **_reference(intent.message),
            thread_id=intent.thread_id,
            sender=record.sender,
            key=intent.key,
            kind=intent.kind,
            ordinal=action.ordinal,
            channel=intent.channel,
            action_digest=record.action_digest,
            payload_digest=self._keep(payload),
            size_bytes=len(payload),
            is_reply=is_reply,
            stage=record.stage,
            closes=record.closes.value if record.closes else "",
            rule_ids=list(record.rule_ids),
            snapshot=record.snapshot,
        )

    def attempted(self, record: OutboxRecord) -> None:
        """An attempt is about to be made."""
        self.write("attempted", key=record.intent.key, number=record.attempts)

    def received(self, record: OutboxRecord, receipt: Receipt) -> None:
        """The outside took it."""
        self.write(
            "received",
            key=record.intent.key,
            number=record.attempts,
            remote_id=bounded_word(receipt.remote_id),
            replayed=receipt.replayed,
        )

    def faulted(self, record: OutboxRecord, fault: DeliveryFault, state: str, retry_in_ms: int | None) -> None:
        """An attempt brought no receipt."""
        self.write(
            "faulted",
            key=record.intent.key,
            number=record.attempts,
            fault=fault.fault.value,
            next=state,
            retry_in_ms=retry_in_ms,
            detail=fault.detail,
        )

    def disposed(self, key: MessageKey, thread_id: str, sender: str, disposition: Disposition, reason: str) -> None:
        """A message has a new disposition."""
        self.write(
            "disposed",
            **_reference(key),
            thread_id=thread_id,
            sender=sender,
            disposition=disposition.value,
            reason=reason,
        )

    def release_asked(self, message: Message, judgement: Judgement, asking: Asking, message_digest: str = "") -> None:
        """An action waits for a person's release; its payload is kept, byte for byte what would leave.

        `message_digest` is that of the message as it was read, when `message` is only what is left of it.

        Raises `ValueError` for a judgement without an action: a fault of ours, never of data.
        """
        action = judgement.action
        if action is None:
            raise ValueError("only a drafted action can be released")
        expiry_s = asking.expiry_s
        self.write(
            "review_asked",
            **_reference(message.key),
            thread_id=message.content.thread_id,
            sender=message.sender.name,
            kind=action.kind,
            ordinal=action.ordinal,
            capability=judgement.request.capability,
            action_digest=action.digest,
            payload_digest=self._keep(action.payload_bytes),
            message_digest=message_digest or message.digest,
            request_digest=self._keep(judgement.request_bytes),
            snapshot=judgement.decision.snapshot,
            rule_ids=list(judgement.decision.rule_ids),
            requested_by=bounded_word(asking.requested_by),
            expires_in_ms=None if expiry_s is None else int(expiry_s * 1000),
            replaces=asking.replaces,
        )

    def keep(self, data: bytes) -> str:
        """Keep these bytes with the next commit and return their digest."""
        return self._keep(data)

    def reopened(self, key: MessageKey, by_message_id: str) -> None:
        """The sender of an escalated message added to its thread."""
        self.write("reopened", **_reference(key), by_message_id=by_message_id)
