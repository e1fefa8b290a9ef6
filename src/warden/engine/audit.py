"""The audit event: one per message that was acted on or escalated, posted to the hub's progress.

It carries ids, kinds, dispositions, rule ids, digests and the signed head of the ledger; never a subject, a body or a model's
text. It is an intent like any other, with no event of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.ledger.posted import posted_fields
from warden.model.delivery import Action, ProgressEvent
from warden.model.ids import MessageKey, idempotency_key
from warden.model.message import MARKER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.model.disposition import Disposition
    from warden.model.entry import Head

KIND = "audit_event"
AUDIT_STAGE = 50
READ_STAGE = 100
MAX_VALUE = 512
"""INVARIANT (bounded): characters in one metadata value; a longer list of rule ids is cut with a mark."""


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """What an audit event says: the disposition, its reason code, and evidence (kinds, rule ids, snapshot, digests)."""

    disposition: Disposition
    reason: str
    evidence: Mapping[str, str]


def audit_action(key: MessageKey, generation: int, facts: AuditFacts, run_id: str, head: Head) -> Action:
    """Return the audit event of a message as an action; `generation` counts how often the message was reopened."""
    metadata = {
        "run": run_id,
        "disposition": facts.disposition.value,
        "reason": facts.reason,
        **posted_fields(head),
        MARKER: idempotency_key(key, KIND, generation),
        **facts.evidence,
    }
    event = ProgressEvent(
        agent=key.agent,
        summary=f"message {key.message_id} {facts.disposition.value}",
        kind="audit",
        message_id=key.message_id,
        metadata={name: _cut(value) for name, value in metadata.items()},
    )
    return Action(key, KIND, generation, event)


def _cut(value: str) -> str:
    return value if len(value) <= MAX_VALUE else value[: MAX_VALUE - 3] + "..."
