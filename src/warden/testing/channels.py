"""A channel whose receipts are not the end: what became of each delivery is reported later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.model.delivery import Receipt
from warden.model.hub import DeliveryMeans
from warden.model.outcome import Outcome, OutcomeStatus

if TYPE_CHECKING:
    from warden.model.delivery import Intent


class LifecycleChannel:
    """Takes every intent and remembers it; `report` makes the outcome that a peer would send."""

    means = DeliveryMeans.IDEMPOTENCY_KEY
    reports_outcomes = True

    def __init__(self) -> None:
        self.delivered: list[Intent] = []

    def deliver(self, intent: Intent) -> Receipt:
        """Take the intent; one that was taken before is a replay."""
        replayed = any(earlier.key == intent.key for earlier in self.delivered)
        self.delivered.append(intent)
        return Receipt(intent.key, f"workload-{len(self.delivered)}", replayed)

    def find(self, intent: Intent) -> Receipt | None:
        """Nothing has to be looked for: keys are honoured."""
        return None

    @staticmethod
    def report(intent: Intent, status: str, event_id: str) -> Outcome:
        """Return the report of this status for a delivered intent."""
        return Outcome(intent.key, f"workload:{intent.key[:12]}", event_id, OutcomeStatus(status))
