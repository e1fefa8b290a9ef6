"""From a judged message to an item of a saved plan, and back to the plan that a brain had proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.model.plan import Plan, PlannedAction
from warden.model.saved_plan import PlanItem

if TYPE_CHECKING:
    from warden.engine.planning import Judged
    from warden.model.message import BrainInput


def plan_item(judged: Judged) -> PlanItem:
    """Return the saved form of a judged message.

    INVARIANT (no-secret): arguments are kept only of actions that were drafted and hold no secret; of every other proposal
    only the kind is kept, and it is refused again when the plan is applied.
    """
    # Only the first action of a kind is ever drafted: of a second one nobody has looked at the arguments.
    sound = {j.draft.kind for j in judged.judgements if j.action is not None and not j.secret_kinds}
    proposals: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    for action in judged.plan.actions:
        proposals.append((action.kind, _arguments(action) if action.kind in sound else ()))
        sound.discard(action.kind)
    return PlanItem(
        message_id=judged.seen.message.key.message_id,
        message_digest=judged.seen.message.digest,
        reason=judged.plan.reason,
        detail=judged.plan.detail,
        catalog_entry=judged.plan.catalog_entry,
        disposition=judged.disposition.value,
        proposals=tuple(proposals),
        action_digests=action_digests(judged),
    )


def action_digests(judged: Judged) -> tuple[str, ...]:
    """Return the digests of the final actions, in order; an empty string for one that has none."""
    return tuple(j.action.digest if j.action is not None else "" for j in judged.judgements)


def _arguments(action: PlannedAction) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in sorted(action.arguments.items()) if isinstance(value, str))


class PlanBrain:
    """A brain that proposes again what a saved plan holds; any other message it escalates."""

    def __init__(self, name: str, digest: str, items: tuple[PlanItem, ...]) -> None:
        self.name = name
        self.digest = digest
        self._items = {item.message_id: item for item in items}

    def propose(self, given: BrainInput) -> Plan:
        """Return the plan of the saved item for this message."""
        item = self._items.get(given.message.key.message_id)
        if item is None:
            return Plan((PlannedAction("escalate"),), "not-in-plan")
        actions = tuple(PlannedAction(kind, dict(arguments)) for kind, arguments in item.proposals)
        return Plan(actions, item.reason, item.detail, item.catalog_entry)
