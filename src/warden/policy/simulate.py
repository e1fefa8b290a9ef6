"""What would change: two judgements of the same request, compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from warden.model.request import Decision, Effect, Request
from warden.policy.combine import meet_constraints


class Direction(StrEnum):
    """How the second judgement stands to the first."""

    UNCHANGED = "unchanged"
    TIGHTENED = "tightened"
    LOOSENED = "loosened"
    CHANGED = "changed"
    """Neither: some constraints became tighter and others looser."""


@dataclass(frozen=True, slots=True)
class Change:
    """One request with both judgements. `name` says which: a case's name, or the ledger entry's number."""

    name: str
    before: Decision
    after: Decision
    direction: Direction


def direction(before: Decision, after: Decision) -> Direction:
    """Return how `after` stands to `before`: first by effect, then by whether it may be tried again, then by
    constraints, which mean nothing in a deny. A deny that may be tried again is looser than one that may not."""
    if after.effect is not before.effect:
        return Direction.TIGHTENED if after.effect < before.effect else Direction.LOOSENED
    if (after.retry_after_s is None) is not (before.retry_after_s is None):
        return Direction.TIGHTENED if after.retry_after_s is None else Direction.LOOSENED
    if after.effect is Effect.DENY or after.constraints == before.constraints:
        return Direction.UNCHANGED
    both = meet_constraints(before.constraints, after.constraints)
    if both == after.constraints:
        return Direction.TIGHTENED
    return Direction.LOOSENED if both == before.constraints else Direction.CHANGED


def compare(
    requests: Iterable[tuple[str, Request]],
    before: Callable[[Request], Decision],
    after: Callable[[Request], Decision],
) -> tuple[Change, ...]:
    """Return both judgements of every request, in order. Judging records nothing, so neither does this."""
    changes: list[Change] = []
    for name, request in requests:
        first, second = before(request), after(request)
        changes.append(Change(name, first, second, direction(first, second)))
    return tuple(changes)
