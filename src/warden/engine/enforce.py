"""The policy enforcement point: the only code that turns a draft into an allowed action, and the only one that delivers.

What the guard scans and the kernel judges here is the final text, footers included. Facts in a request come from our own
code: the message's facts, the scan, the tally, the hub's traits. An exception anywhere in judging is a denial.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from warden.engine.draft import Draft, outgoing_text
from warden.engine.obligations import apply_footers, undischarged
from warden.errors import (
    HubBusyError,
    HubConflictError,
    HubCredentialError,
    HubError,
    HubNotFoundError,
    HubRejectedError,
    HubUnreachableError,
)
from warden.model.delivery import Action, DeliveryFault, Fault, Intent, OutgoingMessage, Receipt
from warden.model.digests import canonical_bytes
from warden.model.hub import DeliveryMeans, HubTraits
from warden.model.message import HUB, Assurance, Message, MessageFacts
from warden.model.request import Decision, Effect, Request, request_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warden.engine.tally import Velocities
    from warden.ports import Channel, PolicyKernel, Scanner

REDACTION = "standard"
"""The redaction level of what every brain is shown."""

CAPABILITIES: Mapping[str, str] = {
    "route_answer": "messaging.answer",
    "reply": "messaging.reply",
    "respond": "messaging.respond",
    "progress_note": "messaging.progress",
    "mark_read": "messaging.read",
    "audit_event": "messaging.audit",
    "escalate": "messaging.escalate",
    "skip": "messaging.skip",
    "run_script": "operator.script",
    "start_workload": "operator.workload",
    "send_trigger": "operator.trigger",
    "propose_catalog_diff": "catalog.propose",
    "change_code": "code.change",
    "change_routing": "routing.change",
    "change_config": "config.change",
}


_CONSTRAINED = (Effect.REQUIRE_APPROVAL, Effect.ALLOW_WITH_CONSTRAINTS)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One draft, judged. `action` is the final action, None when nothing could be delivered; `allowed` says that it may be;
    `buckets` are what velocity rules count it under once it is carried out. `released` says that a person released exactly this
    action, which lifts a `require_approval` and nothing else (`engine.release` alone sets it)."""

    draft: Draft
    decision: Decision
    request: Request
    action: Action | None = None
    secret_kinds: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    released: bool = False

    @property
    def request_bytes(self) -> bytes:
        """Canonical JSON of the request: what the ledger keeps, so that other policies can be tried on it later."""
        return canonical_bytes(request_fields(self.request))

    @property
    def allowed(self) -> bool:
        """Whether the action may be carried out: by the policy's word, or by a person's where the policy asks for it."""
        floor = Effect.REQUIRE_APPROVAL if self.released else Effect.ALLOW_WITH_CONSTRAINTS
        return self.decision.effect >= floor


@dataclass(frozen=True, slots=True)
class Enforcer:
    """Judges for one agent, brain and hub under one kernel."""

    agent: str
    brain: str
    kernel: PolicyKernel
    scanner: Scanner
    traits: HubTraits
    hop_limit: int
    velocities: Velocities

    def judge(self, draft: Draft, message: Message, facts: MessageFacts, counts: Mapping[str, int]) -> Judgement:
        """Return the kernel's decision on this draft, with constraints applied to the text before the last judgement.

        INVARIANT (fail-closed): whatever goes wrong in here is a denial. Never raises.
        """
        request = self._request(draft, message, facts, {**counts, "body_bytes": 0}, True)
        try:
            return self._judge(draft, message, facts, counts)
        except Exception as error:  # noqa: BLE001 - a kernel or scanner that fails must deny, whatever it failed with
            reason = f"judging failed with {type(error).__name__}"
            return Judgement(draft, Decision(Effect.DENY, reasons=(reason,), errors=("judging-failed",)), request)

    def _judge(self, draft: Draft, message: Message, facts: MessageFacts, counts: Mapping[str, int]) -> Judgement:
        judged = self._judge_text(draft, draft.action, message, facts, counts)
        if draft.problem:
            decision = replace(
                judged.decision,
                effect=Effect.DENY,
                reasons=(*judged.decision.reasons, draft.problem),
                rule_ids=(*judged.decision.rule_ids, "engine/draft"),
            )
            return replace(judged, decision=decision, action=None)
        # What a person is asked to release is final too: byte for byte what would leave, constraints met.
        if judged.action is None or judged.decision.effect not in _CONSTRAINED:
            return judged
        final = apply_footers(judged.action, judged.decision.constraints)
        if final is not judged.action:
            judged = self._judge_text(draft, final, message, facts, counts)
        replies = max(counts.get("replies_in_thread_hour", 0), counts.get("replies_to_sender_hour", 0))
        failed = undischarged(final, judged.decision.constraints, replies)
        if failed and judged.decision.effect is not Effect.DENY:
            decision = replace(
                judged.decision,
                effect=Effect.DENY,
                reasons=(*judged.decision.reasons, "cannot discharge " + ", ".join(failed)),
                rule_ids=(*judged.decision.rule_ids, "engine/obligation"),
            )
            return replace(judged, decision=decision)
        return judged

    def _judge_text(
        self,
        draft: Draft,
        action: Action | None,
        message: Message,
        facts: MessageFacts,
        counts: Mapping[str, int],
    ) -> Judgement:
        text = "" if action is None else outgoing_text(action.payload)
        # INVARIANT (no-secret): the final text is scanned here, and what is judged here is what is delivered.
        kinds = tuple(sorted({finding.kind for finding in self.scanner.scan(text)})) if text else ()
        body = action.payload.body if action is not None and isinstance(action.payload, OutgoingMessage) else text
        sizes = {**counts, "body_bytes": len(body.encode("utf-8", "surrogatepass"))}
        request = self._request(draft, message, facts, sizes, bool(kinds))
        keys = self.kernel.velocity_keys(request)
        if keys:
            counted = {key.count_name: self.velocities.count(key) for key in keys}
            request = replace(request, counts={**request.counts, **counted})
        buckets = tuple(key.bucket for key in keys)
        return Judgement(draft, self.kernel.evaluate(request), request, action, kinds, buckets)

    def _request(
        self, draft: Draft, message: Message, facts: MessageFacts, counts: Mapping[str, int], secrets: bool
    ) -> Request:
        payload = draft.action.payload if draft.action else None
        recipient = payload.to_agent if isinstance(payload, OutgoingMessage) else ""
        authenticated = self.traits.authenticated_senders and message.sender.assurance is not Assurance.CLAIMED
        labels = {
            "agent": self.agent,
            "brain": self.brain,
            "hub": self.traits.hub_id,
            "sender": message.sender.name,
            "thread": message.content.thread_id,
            "trust": message.sender.assurance.value,
            "text_source": draft.text_source,
            "ordered_by": "operator_rule" if draft.ordered else "brain",
            "redaction": REDACTION,
            "hub_authenticated": "true" if authenticated else "false",
            "msg.kind": message.content.kind,
        }
        labels |= _event_labels(message)
        if recipient:
            labels["recipient"] = recipient
            labels["recipient_is_sender"] = "true" if recipient == message.sender.name else "false"
        return Request(
            topic=f"job.warden.{draft.kind}",
            capability=CAPABILITIES.get(draft.kind, "unknown"),
            actor_id=self.agent,
            actor_type="agent",
            risk_tags=risk_tags(facts, self.hop_limit),
            labels=labels,
            secrets_present=secrets,
            counts={**counts, "hops": facts.hops},
        )

    def note_velocity(self, judgement: Judgement) -> None:
        """Count a judged action that is carried out, for the velocity rules of later ones."""
        for bucket in judgement.buckets:
            self.velocities.note(bucket)

    def deliver(self, channel: Channel, intent: Intent, attempts: int) -> Receipt | DeliveryFault:
        """Deliver one durable intent and return its receipt, or the fault that says what may be done next.

        `attempts` counts this attempt. Raises nothing: a channel that breaks in an unforeseen way counts as uncertain.
        """
        try:
            if attempts > 1 and channel.means is DeliveryMeans.LOOKUP:
                found = channel.find(intent)
                if found is not None:
                    return found
            return channel.deliver(intent)
        except HubError as error:
            after = error.retry_after_s if isinstance(error, HubBusyError) else None
            return DeliveryFault(intent.key, fault_of(error), error.code, after)
        except Exception as error:  # noqa: BLE001 - an unknown failure may have come after the hub took it
            return DeliveryFault(intent.key, Fault.UNCERTAIN, type(error).__name__)


_EVENT_FACTS = {"sender-trust": "msg.sender_trust", "event": "msg.event", "repository": "msg.repository"}
"""Facts of an event that overlays may look at, by their names in a message's metadata."""


def _event_labels(message: Message) -> dict[str, str]:
    """Return what our own code found in an event; a coordination message's sender writes its metadata, so it has none."""
    if message.source == HUB:
        return {}
    facts = message.content.metadata
    return {label: facts[name] for name, label in _EVENT_FACTS.items() if name in facts}


def risk_tags(facts: MessageFacts, hop_limit: int) -> frozenset[str]:
    """Return the risk tags of a request about a message with these facts."""
    tags = {
        "secret_received": bool(facts.secret_kinds),
        "asks_secret": facts.asks_for_secret,
        "asks_change": facts.asks_for_change,
        "instructs_worker": facts.instructs_worker,
        "automatic": facts.automatic,
        "from_self": facts.from_self,
        "over_hops": facts.hops >= hop_limit,
    }
    return frozenset(tag for tag, present in tags.items() if present)


_FAULTS: tuple[tuple[type[HubError], Fault], ...] = (
    (HubCredentialError, Fault.CREDENTIAL),
    (HubConflictError, Fault.CONFLICT),
    (HubRejectedError, Fault.REJECTED),
    (HubNotFoundError, Fault.REJECTED),
    (HubBusyError, Fault.BUSY),
    (HubUnreachableError, Fault.UNREACHABLE),
)


def fault_of(error: HubError) -> Fault:
    """Return the class of a delivery error; an error of no known class may have come after the hub took it."""
    for kind, fault in _FAULTS:
        if isinstance(error, kind):
            return fault
    return Fault.UNCERTAIN
