"""Plan and judge one message: the path that a dry run, an executing run and an applied plan have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from warden.engine.draft import ANSWERING, Drafter, closing_disposition, shown_text
from warden.engine.enforce import Enforcer, Judgement
from warden.engine.parts import BATCH_MESSAGES
from warden.engine.reception import escalation, sound_plan
from warden.model.digests import digest_value
from warden.model.disposition import Disposition
from warden.model.message import HUB, BrainInput
from warden.model.plan import Plan, PlannedAction
from warden.model.report import ActionReport, MessageReport
from warden.model.request import Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from warden.engine.consulting import Consulting
    from warden.engine.parts import Parts
    from warden.engine.pull import Seen
    from warden.engine.tally import Tally


@dataclass(frozen=True, slots=True)
class Judged:
    """A message with its plan, every action of it judged, and the disposition that carrying it out will give."""

    seen: Seen
    plan: Plan
    judgements: tuple[Judgement, ...]
    disposition: Disposition
    reason: str

    @property
    def actions(self) -> tuple[Judgement, ...]:
        """The judgements that are carried out, in order: all or none."""
        if self.disposition in (Disposition.ANSWERED, Disposition.NOTED, Disposition.READ):
            return tuple(judgement for judgement in self.judgements if judgement.action is not None)
        return ()

    @property
    def plan_digest(self) -> str:
        """Digest of what was proposed and drafted, for the ledger."""
        drafted = [
            judgement.action.digest if judgement.action else judgement.draft.kind for judgement in self.judgements
        ]
        return digest_value(
            {"reason": self.plan.reason, "catalog_entry": self.plan.catalog_entry, "actions": list(drafted)}
        )

    def report(self, delivered: frozenset[str] = frozenset(), disposition: Disposition | None = None) -> MessageReport:
        """Return what people are told; `delivered` holds the keys with a receipt, `disposition` what really came of it."""
        message = self.seen.message
        return MessageReport(
            message_id=message.key.message_id,
            thread_id=message.content.thread_id,
            sender=message.sender.name,
            subject=message.content.subject,
            message_digest=message.digest,
            disposition=disposition or self.disposition,
            reason=self.reason,
            detail=self.plan.detail,
            catalog_entry=self.plan.catalog_entry,
            candidates=self.plan.candidates,
            actions=tuple(_action_report(judgement, delivered) for judgement in self.judgements),
        )


def _action_report(judgement: Judgement, delivered: frozenset[str]) -> ActionReport:
    action = judgement.action
    # INVARIANT (no-secret): a draft with a finding is denied and its text is shown to nobody.
    body = shown_text(action.payload) if action is not None and not judgement.secret_kinds else None
    return ActionReport(
        kind=judgement.draft.kind,
        ordinal=judgement.draft.ordinal,
        effect=judgement.decision.effect,
        rule_ids=judgement.decision.rule_ids,
        reasons=judgement.decision.reasons,
        channel=action.channel if action else "",
        body=body,
        action_digest=action.digest if action else None,
        delivered=action is not None and action.key in delivered,
    )


class Planner:
    """Asks a brain and judges what it says, one message at a time."""

    def __init__(
        self,
        parts: Parts,
        drafter: Drafter,
        enforcer: Enforcer,
        tally: Tally,
        consulting: Consulting | None = None,
    ) -> None:
        self._brain = parts.brain
        self._orders = parts.orders
        self._scanner = parts.scanner
        self._store = parts.store
        self._drafter = drafter
        self._enforcer = enforcer
        self._tally = tally
        self._consulting = consulting

    def plans(self, messages: Sequence[Seen]) -> Iterator[tuple[Seen, Plan]]:
        """Yield messages with the brain's plan in a form that can be relied on, in order; fewer when the run is to stop.

        Automatic mail and our own are skipped before any brain is asked (RFC 3834, section 2), and what an operator's own rule
        names for an event is taken without asking one. Raises as `Consulting.propose`
        when a model is asked, and nothing otherwise.
        """
        if self._consulting is None:
            for seen in messages:
                yield seen, self._settled(seen) or self._sound(partial(self._ask, seen))
            return
        for start in range(0, len(messages), BATCH_MESSAGES):
            batch = messages[start : start + BATCH_MESSAGES]
            settled = [self._settled(seen) for seen in batch]
            asked = [seen for seen, plan in zip(batch, settled, strict=True) if plan is None]
            proposals = iter(self._consulting.propose(asked))
            for seen, plan in zip(batch, settled, strict=True):
                if plan is not None:
                    yield seen, plan
                    continue
                proposed = next(proposals, None)
                if proposed is None:
                    return
                yield seen, self._as_sound(proposed)

    def _settled(self, seen: Seen) -> Plan | None:
        """Return the plan of a message about which no brain is asked, None when one is."""
        return _skipped(seen) or self._ordered(seen)

    def _ordered(self, seen: Seen) -> Plan | None:
        """Return the plan that an operator's rule names for an event; INVARIANT (charter-floor): only here is one marked so."""
        if self._orders is None or seen.message.source == HUB:
            return None
        try:
            plan = self._orders.order(seen.message)
        except Exception as error:  # noqa: BLE001 - a rule that fails must not end the run, nor hand the event to a brain
            return escalation("order-failed", f"the rules for events failed with {type(error).__name__}")
        return None if plan is None else replace(self._as_sound(plan), ordered=True)

    def _ask(self, seen: Seen) -> Plan:
        return self._brain.propose(BrainInput(seen.message, seen.facts))

    def _sound(self, plan: Callable[[], Plan]) -> Plan:
        """Return the plan that `plan` gives in a form that can be relied on; never raises."""
        try:
            return sound_plan(plan(), self._drafter.catalog, self._scanner)
        except Exception as error:  # noqa: BLE001 - a brain may be anything, and it must not end the run
            return escalation("brain-failed", f"the brain failed with {type(error).__name__}")

    def _as_sound(self, plan: Plan) -> Plan:
        return self._sound(lambda: plan)

    def judge(self, seen: Seen, plan: Plan) -> Judged:
        """Return the plan judged, and count what it will do in the tally."""
        message, facts = seen.message, seen.facts
        judgements: list[Judgement] = []
        for draft in self._drafter.draft(plan, message, facts):
            counts = self._tally.counts(message, len(judgements))
            judgements.append(self._enforcer.judge(draft, message, facts, counts))
        disposition, reason = resolve(plan, tuple(judgements), seen)
        judged = Judged(seen, plan, tuple(judgements), disposition, reason)
        if seen.before is not None and self._acted_before(judged):
            judged = replace(judged, disposition=Disposition.ESCALATED, reason="acted-before")
        for judgement in judged.actions:
            self._tally.note_action()
            self._enforcer.note_velocity(judgement)
            if judgement.draft.kind in ANSWERING:
                self._tally.note_reply(message)
        return judged

    def _acted_before(self, judged: Judged) -> bool:
        """INVARIANT (exactly-once): what was intended for a message once is never intended again, whatever became of it."""
        keys = [judgement.action.key for judgement in judged.actions if judgement.action is not None]
        return bool(self._store.intended(keys))


def _skipped(seen: Seen) -> Plan | None:
    if seen.facts.from_self:
        return Plan((PlannedAction("skip"),), "from-self", "sent by ourselves")
    if seen.facts.automatic:
        return Plan((PlannedAction("skip"),), "automatic", "marked as automatic mail")
    return None


def resolve(plan: Plan, judgements: tuple[Judgement, ...], seen: Seen) -> tuple[Disposition, str]:
    """Return what the message will be once its allowed actions are carried out, and the reason code.

    The worst wins: a refusal or an escalation, then a hold; only when everything is allowed is anything carried out.
    """
    kinds = {judgement.draft.kind for judgement in judgements}
    if kinds == {"skip"} and (seen.facts.automatic or seen.facts.from_self):
        return Disposition.SKIPPED, plan.reason
    held = [judgement for judgement in judgements if _is_throttled(judgement)]
    refused = [j for j in judgements if j.decision.effect is Effect.DENY and not _is_throttled(j)]
    if refused:
        return Disposition.ESCALATED, _refusal(refused[0], plan)
    if "escalate" in kinds or "skip" in kinds:
        return Disposition.ESCALATED, plan.reason
    if held:
        return Disposition.HELD, "rate-limit"
    if any(judgement.decision.effect is Effect.REQUIRE_APPROVAL for judgement in judgements):
        # An approval is about one action: a plan with several texts is a person's to handle, not to release piecemeal.
        several = sum(judgement.draft.kind != "mark_read" for judgement in judgements) > 1
        return (Disposition.ESCALATED, "several-actions") if several else (Disposition.HELD, "approval")
    actions = [judgement.action for judgement in judgements]
    if not actions or any(action is None for action in actions):
        return Disposition.ESCALATED, "nothing-to-do"
    return closing_disposition([action for action in actions if action is not None]), plan.reason


def _is_throttled(judgement: Judgement) -> bool:
    return judgement.decision.effect is Effect.DENY and judgement.decision.retry_after_s is not None


def _refusal(judgement: Judgement, plan: Plan) -> str:
    if judgement.secret_kinds:
        return "refused-secret"
    return "refused-draft" if judgement.draft.problem else "refused"
