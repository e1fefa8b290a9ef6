"""What waits for a person, who the person is, and what was ruled.

An *escalation* is a message that needs a person's handling; further mail of its sender in its thread joins it. An *approval* is
exactly one action that a person may release. Items are numbered in the order in which the ledger's entries founded them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from warden.model.delivery import Payload
    from warden.model.disposition import Disposition
    from warden.model.ids import MessageKey


class ReviewKind(StrEnum):
    """What is asked of a person."""

    ESCALATION = "escalation"
    """Handle this message."""
    APPROVAL = "approval"
    """Release exactly this action, or do not."""


class ReviewState(StrEnum):
    """States of an item; the edges between them are `ledger.transitions`."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    """A person has taken note; it is not raised again."""
    DECIDED = "decided"
    """A person ended it: `verdict` says how."""
    EXPIRED = "expired"
    """Nobody decided in time: never a person's denial. The message is an open escalation."""
    SUPERSEDED = "superseded"
    """Something else takes its place: another request for the same message, or an open escalation."""

    @property
    def live(self) -> bool:
        """Whether a person can still decide."""
        return self in (ReviewState.OPEN, ReviewState.ACKNOWLEDGED)


class Verdict(StrEnum):
    """How a person ended an item."""

    ACCEPT = "accept"
    """Release the action as it is; for a delivery in doubt: deliver it again, knowing that it may arrive twice."""
    EDIT = "edit"
    """Release it with another text."""
    RESPOND = "respond"
    """Send a text of one's own to the sender."""
    IGNORE = "ignore"
    """End it with a reason and send nothing; for a delivery in doubt: it was taken."""
    REPLAN = "replan"
    """Let the next run plan the message again."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides, as an authentication that cannot be given as an argument says it.

    `identity` is `person:NAME` for somebody whom the configuration declares, `console:NAME` for somebody who signed in to the
    console, else `uid:NUMBER(NAME)`. `names` are the names under which the person writes on the hub. `is_worker` says that the
    process has the worker's own uid, so that nothing tells the person from the worker.
    """

    identity: str
    declared: bool = False
    names: frozenset[str] = frozenset()
    is_worker: bool = False


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """The rules of review that the configuration sets.

    `approval_expiry_s` is None for never; `two_persons` names capabilities whose approvals take two declared people;
    `owners` maps a capability, an action kind or a reason code to the person who owns such items, `owner` owns the rest;
    `people` are the declared names;
    `raise_after_s` is how long an item may be unacknowledged before it is raised (again), None for never.
    """

    approval_expiry_s: float | None = 3 * 86_400.0
    allow_same_uid: bool = False
    two_persons: frozenset[str] = frozenset()
    owner: str = ""
    owners: tuple[tuple[str, str], ...] = ()
    people: frozenset[str] = frozenset()
    raise_after_s: float | None = 86_400.0


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One item of the queue, as the ledger's entries told it.

    `reason` is the reason code of the disposition that founded it. The fields from `action_kind` on are those of the action of
    an approval, and empty for an escalation, except `capability`, `request_digest` and `rule_ids`, which say what the kernel
    was last asked about the message. `delivery` is the key of a delivery that is in doubt. `assigned` is empty when nobody was
    named: the configuration then says who owns it.
    """

    number: int
    kind: ReviewKind
    state: ReviewState
    message: MessageKey
    thread_id: str
    sender: str
    reason: str
    opened_at: datetime
    changed_at: datetime
    messages: int = 1
    assigned: str = ""
    raised: int = 0
    raised_at: datetime | None = None
    verdict: Verdict | None = None
    decided_by: str = ""
    action_kind: str = ""
    ordinal: int = 0
    capability: str = ""
    action_digest: str = ""
    payload_digest: str = ""
    message_digest: str = ""
    request_digest: str = ""
    snapshot: str = ""
    rule_ids: tuple[str, ...] = ()
    requested_by: str = ""
    expires_at: datetime | None = None
    delivery: str = ""


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's release of one action, as far as it holds: for these digests and this snapshot only."""

    by: str
    action_digest: str
    message_digest: str
    snapshot: str


@dataclass(frozen=True, slots=True)
class Member:
    """A message of an item: its redacted text (None when it was purged) and where it stands."""

    message: MessageKey
    disposition: Disposition | None
    subject: str | None
    body: str | None
    message_digest: str = ""
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """One entry of the ledger about an item or its message, for a timeline: number, time, kind and its fields."""

    seq: int
    at: str
    kind: str
    fields: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class ReviewDetail:
    """All that a person needs to decide: the item, its messages (oldest first), the exact payload of an approval, whose votes
    it has, and what the ledger says of how it came about."""

    item: ReviewItem
    members: tuple[Member, ...] = ()
    payload: Payload | None = None
    votes: tuple[Vote, ...] = ()
    history: tuple[Trace, ...] = ()
    owner: str = ""
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a decision did: the item's state now, the keys of the deliveries that it released, and what is still missing.

    `missing` is empty, or says in words why nothing was released yet (a second person). `note` is one line more for the person,
    such as the number of the item that asks again.
    """

    number: int
    state: ReviewState
    verdict: Verdict | None = None
    released: tuple[str, ...] = ()
    missing: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items: every field that is set must fit. Ages are in seconds.

    An approval whose time has run out counts as expired, whether or not a run has recorded that; `overdue` takes one that is
    not recorded yet all the same, because its message waits for somebody until it is.
    """

    kind: ReviewKind | None = None
    states: frozenset[ReviewState] = frozenset({ReviewState.OPEN, ReviewState.ACKNOWLEDGED})
    sender: str = ""
    owner: str = ""
    rule: str = ""
    reason: str = ""
    older_than_s: float | None = None
    younger_than_s: float | None = None
    overdue: bool = True
