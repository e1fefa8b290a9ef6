"""Whether one more question to a model may be asked: our own count against the operator's limits, before the call.

INVARIANT (own-count): what was used comes from our ledger, where every question is written before its answer is looked at.
What is on its way and not yet written is kept here; another worker on the same ledger cannot see it, so that two workers at
once may together use one round of questions more than a limit allows, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from warden.model.budget import Budget, Span, Spending, add_usage, exceeded, measure_words
from warden.model.consultation import NOTHING_USED, Usage

if TYPE_CHECKING:
    from warden.ports import Clock, LedgerStore

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def spending(store: LedgerStore, span: Span, now: datetime, run_id: str = "", sender: str = "") -> Spending:
    """Return what was used within a span that ends now; `run_id` names the run of `Span.RUN`, `sender` that of `SENDER`."""
    since = _EVER if span.window_s is None else now - timedelta(seconds=span.window_s)
    return store.spending(since, run_id if span is Span.RUN else "", sender if span is Span.SENDER else "")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The limit that one more question would exceed."""

    span: Span
    measure: str

    @property
    def detail(self) -> str:
        """The limit in words."""
        whose = {"run": "this run", "hour": "the last hour", "day": "the last day", "sender": "this sender"}
        return (
            f"the budget of {whose[self.span.value]} for {measure_words(self.measure)} does not hold another question"
        )


class Purse:
    """The limits of one run, and the questions that are on their way."""

    def __init__(self, store: LedgerStore, clock: Clock, budget: Budget, run_id: str) -> None:
        self._store = store
        self._clock = clock
        self._budget = budget
        self._run_id = run_id
        self._out: list[tuple[str, Usage]] = []

    def refusal(self, sender: str, estimate: Usage) -> Refusal | None:
        """Return the limit that a question of this sender would exceed, or None."""
        return self._refusal(sender, estimate, self._out)

    def is_spent(self, sender: str, estimate: Usage) -> bool:
        """Return whether the question exceeds a limit even when nothing that is on its way is counted."""
        return self._refusal(sender, estimate, []) is not None

    def take(self, sender: str, estimate: Usage) -> None:
        """Count a question as on its way."""
        self._out.append((sender, estimate))

    def settle(self) -> None:
        """Count nothing as on its way any more: all of it is in the ledger now."""
        self._out.clear()

    def _refusal(self, sender: str, estimate: Usage, out: list[tuple[str, Usage]]) -> Refusal | None:
        now = self._clock.now()
        for span in Span:
            used = spending(self._store, span, now, self._run_id, sender).used
            for one, usage in out:
                used = add_usage(used, usage if span is not Span.SENDER or one == sender else NOTHING_USED)
            measure = exceeded(self._budget.limit(span), used, estimate)
            if measure:
                return Refusal(span, measure)
        return None
