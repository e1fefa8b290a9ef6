"""Who may decide, and what is still missing before an action is released.

A reviewer comes with an identity that was authenticated elsewhere (the uid of a process, a signed-in session) and is never
an argument. These rules know nothing of how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.errors import GateError, ReviewStateError, quote
from warden.model.review import ReviewItem, ReviewState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from warden.model.review import Reviewer, ReviewRules, Vote


def check_person(rules: ReviewRules, reviewer: Reviewer) -> None:
    """Raise `GateError` when nothing tells the reviewer from the worker, unless the configuration takes that."""
    if reviewer.is_worker and not rules.allow_same_uid:
        raise GateError(
            "a decision from the worker's own uid is not a person's",
            "decide as another user, or set `allow_same_uid = true` under [review]; that is recorded with each decision",
        )


def check_not_own(reviewer: Reviewer, item: ReviewItem) -> None:
    """Raise `GateError` when the reviewer asked for what they would release: nobody approves their own request."""
    if same_person(item.requested_by, reviewer.identity) or item.sender in reviewer.names:
        raise GateError("nobody approves their own request", "leave it to somebody else")


def same_person(one: str, other: str) -> bool:
    """Return whether two identities are of one human: a declared person is the same on the command line (`person:NAME`) and
    at the console (`console:NAME`)."""
    return _bare(one) == _bare(other)


def _bare(identity: str) -> str:
    kind, _, name = identity.partition(":")
    return name if kind in ("person", "console") else identity


def check_live(item: ReviewItem) -> None:
    """Raise `ReviewStateError` for an item that is over."""
    if not item.state.live:
        how = f" by {item.decided_by}" if item.decided_by else ""
        raise ReviewStateError(f"item {item.number} is {item.state.value}{how}", "`warden review show` says how")


def overdue(item: ReviewItem, now: datetime) -> bool:
    """Return whether an approval's time has run out, whether or not a run has recorded that."""
    return item.state.live and item.expires_at is not None and item.expires_at <= now


def standing(item: ReviewItem, now: datetime) -> ReviewState:
    """Return the state that a person is told: expired from the moment on at which the time has run out."""
    return ReviewState.EXPIRED if overdue(item, now) else item.state


def needs_second(rules: ReviewRules, reviewer: Reviewer, capability: str, votes: Iterable[Vote], vote: Vote) -> bool:
    """Return whether another person has yet to release exactly what `vote` releases.

    Raises `GateError` when the rule of two people holds and the configuration does not declare the reviewer: two identities
    of one human would count as two.
    """
    if capability not in rules.two_persons:
        return False
    if not reviewer.declared:
        raise GateError(
            f"{quote(capability)} takes two people, and {quote(reviewer.identity)} is not declared",
            "declare people with their uid under [review.people]",
        )
    bound = (vote.action_digest, vote.message_digest, vote.snapshot)
    others = [
        other
        for other in votes
        if not same_person(other.by, reviewer.identity)
        and (other.action_digest, other.message_digest, other.snapshot) == bound
    ]
    return not others


def owner_of(rules: ReviewRules, item: ReviewItem) -> str:
    """Return who owns an item: whom it was assigned to, else whom the configuration names; empty for nobody."""
    if item.assigned:
        return item.assigned
    if rules.owners:
        owners = dict(rules.owners)
        for name in (item.capability, item.action_kind, item.reason):
            if name in owners:
                return owners[name]
    return rules.owner
