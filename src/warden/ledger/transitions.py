"""The state machines of intents and of dispositions, as data (what waits for a person: `review_transitions`).

The store refuses every edge that is not in these tables, and the reference page is generated from them. An event is
what an entry says happened; `None` is the state before the first entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.errors import TransitionError, quote
from warden.model.disposition import TERMINAL, Disposition
from warden.model.records import IntentState

if TYPE_CHECKING:
    from collections.abc import Mapping

OPEN, DONE, IN_DOUBT, DEAD, DROPPED = (
    IntentState.OPEN,
    IntentState.DONE,
    IntentState.IN_DOUBT,
    IntentState.DEAD,
    IntentState.DROPPED,
)

INTENT_EDGES: Mapping[tuple[IntentState | None, str], tuple[IntentState, str]] = {
    (None, "intended"): (OPEN, "an allowed action became a durable promise"),
    (OPEN, "attempted"): (OPEN, "an attempt is about to be made"),
    (OPEN, "faulted:open"): (OPEN, "the attempt failed and is made again when due"),
    (OPEN, "faulted:in_doubt"): (IN_DOUBT, "an attempt was perhaps taken and nothing can tell"),
    (OPEN, "faulted:dead"): (DEAD, "refused for good, tried too often, or too old, and certainly never taken"),
    (OPEN, "received"): (DONE, "the receipt is there"),
    (OPEN, "dead_dropped"): (DROPPED, "a person ended it before it was delivered"),
    (OPEN, "state_restored"): (IN_DOUBT, "the state was restored from a copy: what happened since is unknown"),
    (IN_DOUBT, "received"): (DONE, "it was found to have been taken"),
    (IN_DOUBT, "dead_retried"): (OPEN, "a person said to deliver it again"),
    (IN_DOUBT, "dead_dropped"): (DROPPED, "a person said that it is settled"),
    (DEAD, "dead_retried"): (OPEN, "a person said to deliver it after all"),
    (DEAD, "dead_dropped"): (DROPPED, "a person ended it"),
}

_ANY = frozenset(Disposition)
_NOTHING: frozenset[Disposition] = frozenset()

DISPOSITION_EDGES: Mapping[Disposition | None, frozenset[Disposition]] = {
    None: _ANY,
    Disposition.HELD: _ANY,
    Disposition.FAILED: _ANY,
    Disposition.QUARANTINED: _ANY,
    Disposition.DEAD: _ANY,
    Disposition.ESCALATED: frozenset({Disposition.ESCALATED}),
    **dict.fromkeys(TERMINAL, _NOTHING),
}
"""What the worker may make of a message, by its present disposition."""

REOPENED_EDGES: Mapping[Disposition | None, frozenset[Disposition]] = {
    **DISPOSITION_EDGES,
    Disposition.ESCALATED: _ANY,
}
"""As above, when the sender added to the thread since or when a person decides."""


def next_intent_state(state: IntentState | None, event: str) -> IntentState:
    """Return the state after `event`; raises `TransitionError` when there is no such edge."""
    edge = INTENT_EDGES.get((state, event))
    if edge is None:
        raise TransitionError(f"an intent that is {quote(_name(state))} has no edge for {quote(event)}")
    return edge[0]


def check_disposition(before: Disposition | None, after: Disposition, *, free: bool) -> None:
    """Raise `TransitionError` when a message may not go from `before` to `after`; `free` says that it was reopened, or
    that a person decides."""
    edges = REOPENED_EDGES if free else DISPOSITION_EDGES
    if after not in edges[before]:
        raise TransitionError(f"a message that is {quote(_name(before))} cannot become {quote(after.value)}")


def check_reopening(before: Disposition | None) -> None:
    """Raise `TransitionError` unless the message is an open escalation."""
    if before is not Disposition.ESCALATED:
        raise TransitionError(f"a message that is {quote(_name(before))} cannot be reopened")


def _name(state: IntentState | Disposition | None) -> str:
    return "new" if state is None else state.value
