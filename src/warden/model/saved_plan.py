"""A saved plan: what a dry run showed, in a form that a later run can carry out.

The digest covers the header and every item line by line (canonical JSON, each line ended by a newline), so that it can be
computed while a plan of any length is being written.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.model.digests import canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "warden.plan/1"


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """What the plan is bound to: the run that made it, agent, hub, and the digests of all that shaped it."""

    run_id: str
    made_at: str
    agent: str
    hub_id: str
    charter_digest: str
    snapshot: str
    brain: str
    brain_digest: str
    catalog_digest: str
    guard_digest: str

    def fields(self) -> dict[str, object]:
        """Return the header as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    def stale_parts(self, present: PlanHeader) -> tuple[str, ...]:
        """Return the names of what has changed since the plan was made, other than the run and the time."""
        names = [name for name in self.__slots__ if name not in ("run_id", "made_at")]
        return tuple(name for name in names if getattr(self, name) != getattr(present, name))


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One message of a plan: its digest, what the brain proposed (kind and string arguments), the reason and catalogue entry,
    the digests of the final actions in order (empty for one that has no action), and the disposition that was foreseen."""

    message_id: str
    message_digest: str
    reason: str
    detail: str
    catalog_entry: str | None
    disposition: str
    proposals: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    action_digests: tuple[str, ...]

    def fields(self) -> dict[str, object]:
        """Return the item as JSON values."""
        return {
            "message_id": self.message_id,
            "message_digest": self.message_digest,
            "reason": self.reason,
            "detail": self.detail,
            "catalog_entry": self.catalog_entry,
            "disposition": self.disposition,
            "proposals": [{"kind": kind, "arguments": dict(arguments)} for kind, arguments in self.proposals],
            "action_digests": list(self.action_digests),
        }


class PlanDigest:
    """Computes the digest of a plan from its header and its items, as they come."""

    def __init__(self, header: PlanHeader) -> None:
        self._hash = hashlib.sha256(canonical_bytes({"schema": SCHEMA, **header.fields()}) + b"\n")

    def add(self, item: PlanItem) -> None:
        """Take the next item into the digest."""
        self._hash.update(canonical_bytes(item.fields()) + b"\n")

    def value(self) -> str:
        """Return the digest of all that was added so far."""
        return "sha256:" + self._hash.hexdigest()


def plan_digest(header: PlanHeader, items: Iterable[PlanItem]) -> str:
    """Return the digest of a whole plan."""
    digest = PlanDigest(header)
    for item in items:
        digest.add(item)
    return digest.value()


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it was read back from a file."""

    header: PlanHeader
    items: tuple[PlanItem, ...]

    @property
    def digest(self) -> str:
        """The digest that must be in our ledger."""
        return plan_digest(self.header, self.items)
