"""The state machine of what waits for a person, as data.

The store refuses every edge that is not in this table, and the reference page is compared with it. It stands apart from
the other machines because most runs meet no such item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.errors import TransitionError, quote
from warden.model.disposition import TERMINAL, Disposition
from warden.model.review import ReviewKind, ReviewState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RECALLED = TERMINAL
"""What a person may make an open escalation again: a message that ended."""

_ESCALATION, _APPROVAL = ReviewKind
_LIVE = (ReviewState.OPEN, ReviewState.ACKNOWLEDGED)

REVIEW_EDGES: Mapping[tuple[ReviewKind, ReviewState | None, str], tuple[ReviewState, str]] = {
    (_ESCALATION, None, "founded"): (ReviewState.OPEN, "a message needs a person"),
    (_APPROVAL, None, "founded"): (ReviewState.OPEN, "one action waits for its release"),
    **{
        (kind, state, event): (after or state, meaning)
        for kind in ReviewKind
        for state in _LIVE
        for event, after, meaning in (
            ("assigned", None, "somebody was named to handle it"),
            ("decided", ReviewState.DECIDED, "a person ended it"),
        )
    },
    **{
        (kind, ReviewState.OPEN, event): (after, meaning)
        for kind in ReviewKind
        for event, after, meaning in (
            ("acknowledged", ReviewState.ACKNOWLEDGED, "a person took note"),
            ("raised", ReviewState.OPEN, "nobody took note in time: it was raised (again)"),
        )
    },
    **{
        (kind, ReviewState.ACKNOWLEDGED, "reopened"): (ReviewState.OPEN, "the person gave it back")
        for kind in ReviewKind
    },
    **{
        (kind, ReviewState.DECIDED, "reopened"): (
            ReviewState.DECIDED,
            "the message is an open escalation again, as an item of its own",
        )
        for kind in ReviewKind
    },
    **{(_ESCALATION, state, "joined"): (state, "more mail of the sender came in the thread") for state in _LIVE},
    **{
        (_APPROVAL, state, event): (after or state, meaning)
        for state in _LIVE
        for event, after, meaning in (
            ("approved", None, "one of two people released it"),
            ("reevaluated", None, "today's policy asks the same"),
            ("expired", ReviewState.EXPIRED, "nobody decided in time: the message is an open escalation"),
            ("superseded", ReviewState.SUPERSEDED, "another request, or an open escalation, takes its place"),
        )
    },
}
"""What may happen to an item. Only approvals expire or are superseded, and only a person decides."""


def next_review_state(kind: ReviewKind, state: ReviewState | None, event: str) -> ReviewState:
    """Return the state after `event`; raises `TransitionError` when there is no such edge."""
    edge = REVIEW_EDGES.get((kind, state, event))
    if edge is None:
        if state is not None and state.value == event:
            raise TransitionError(f"this {kind.value} is {quote(event)} already")
        now = "new" if state is None else state.value
        raise TransitionError(f"an {kind.value} that is {quote(now)} cannot be {quote(event)}")
    return edge[0]


def check_recalling(standing: Iterable[Disposition]) -> None:
    """Raise `TransitionError` unless one of an item's messages has ended, so that it can be an open escalation again."""
    now = sorted(disposition.value for disposition in standing)
    if not any(disposition in RECALLED for disposition in now):
        raise TransitionError(f"no message of this item has ended: {', '.join(now) or 'none is known'}")
