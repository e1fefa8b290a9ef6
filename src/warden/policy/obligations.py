"""Obligations: which constraints an enforcement point must keep, and what of them can be seen in the facts.

A constraint that cannot be kept for an action turns its allowance into a denial. Numbers that the facts already show
(the size of the final body, the replies of the last hour, the redaction that the brain's input had) are compared here,
so that what remains for the enforcement point is to append the footers before it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import fields

from warden.model.request import UNCONSTRAINED, Constraints, Decision, Effect
from warden.policy.charter import Kind
from warden.policy.combine import meet_all, redaction_rank
from warden.policy.facts import Facts

CONSTRAINT_NAMES = tuple(item.name for item in fields(Constraints))

REPLY_RETRY_S = 600
"""How long a message waits when a bundle's `max_replies_per_hour` stopped its reply, in seconds."""


def active(constraints: Constraints) -> tuple[str, ...]:
    """Return the names of the constraints that say something, in their declared order."""
    if constraints is UNCONSTRAINED:
        return ()
    return tuple(name for name in CONSTRAINT_NAMES if getattr(constraints, name) != getattr(UNCONSTRAINED, name))


def undischarged(constraints: Constraints, dischargeable: Collection[str]) -> tuple[str, ...]:
    """Return the names of the constraints that are not in `dischargeable`."""
    return tuple(name for name in active(constraints) if name not in dischargeable)


def _body_too_large(constraints: Constraints, facts: Facts) -> bool:
    size = facts.counts.get("body_bytes")
    return constraints.max_body_bytes is not None and (size is None or size > constraints.max_body_bytes)


def _too_many_replies(constraints: Constraints, facts: Facts) -> bool:
    count = facts.counts.get("replies_to_sender_hour")
    return constraints.max_replies_per_hour is not None and (count is None or count >= constraints.max_replies_per_hour)


def _shown_unredacted(constraints: Constraints, facts: Facts) -> bool:
    shown = facts.labels.get("redaction", "none")
    return redaction_rank(constraints.redaction_level) > min(redaction_rank(shown), redaction_rank("strict"))


_SEEN: tuple[tuple[str, str, Callable[[Constraints, Facts], bool], int | None], ...] = (
    ("max_body_bytes", "the final body is larger than a bundle allows", _body_too_large, None),
    ("max_replies_per_hour", "a bundle allows no more replies to this sender now", _too_many_replies, REPLY_RETRY_S),
    ("redaction_level", "what the brain was shown was redacted less than a bundle asks", _shown_unredacted, None),
)


def discharge(decision: Decision, kind: Kind, facts: Facts) -> Decision:
    """Return `decision`, or a denial when one of its constraints cannot be kept or is already broken.

    INVARIANT (fail-closed): an obligation is never ignored.
    """
    if decision.effect is Effect.DENY or decision.constraints is UNCONSTRAINED:
        return decision
    denials = [
        Decision(Effect.DENY, (f"kernel/undischarged-{name}",), (f"warden cannot keep `{name}` for this action",))
        for name in undischarged(decision.constraints, kind.discharges)
    ]
    if kind.body:
        denials.extend(
            Decision(Effect.DENY, (f"kernel/{name}",), (reason,), retry_after_s=retry_after_s)
            for name, reason, broken, retry_after_s in _SEEN
            if broken(decision.constraints, facts)
        )
    return meet_all([decision, *denials], decision.snapshot) if denials else decision
