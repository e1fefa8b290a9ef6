"""The part of the enforcement point that a person's word passes through.

What it does: judges a text that a person released, changed or wrote (guard and kernel of today, footers applied before the
last judgement), and turns the judgement into one that may be carried out - only for the very action, message and snapshot
that the person saw. What it does not: decide who may release (`review_gates`), record (`review`), deliver (`outbox`).

A release lifts `require_approval` and nothing else: a denial stands, whoever releases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from warden.engine.draft import Draft, outgoing_text
from warden.engine.enforce import CAPABILITIES, Judgement
from warden.engine.obligations import apply_footers, undischarged
from warden.engine.tally import Velocities
from warden.errors import GateError, ReviewStateError
from warden.model.delivery import Action, OutgoingMessage
from warden.model.ids import idempotency_key
from warden.model.message import HOPS, MARKER
from warden.model.request import Effect

if TYPE_CHECKING:
    from warden.model.ids import MessageKey
    from warden.model.request import Request
    from warden.ports import Clock, LedgerStore, PolicyKernel, Scanner

RESPOND = "respond"
PERSON = "person"
"""The source of a text that a person wrote, for the kernel."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Judges what a person releases, under one kernel."""

    kernel: PolicyKernel
    scanner: Scanner
    store: LedgerStore
    clock: Clock

    def judge(self, action: Action, request: Request, *, with_footers: bool) -> Judgement:
        """Return today's judgement of an action, on the facts of `request` and a new scan of its text.

        `with_footers` says that the text is new, so that footers are still to be added. What raises in here releases nothing.
        """
        judged = self._judge(action, request)
        if with_footers and judged.decision.effect is not Effect.DENY:
            final = _with_footers(action, judged)
            if final is not action:
                judged = self._judge(final, request)
        replies = max(request.counts.get("replies_in_thread_hour", 0), request.counts.get("replies_to_sender_hour", 0))
        failed = undischarged(final_action(judged), judged.decision.constraints, replies)
        if failed and judged.decision.effect is not Effect.DENY:
            reasons = (*judged.decision.reasons, "cannot discharge " + ", ".join(failed))
            rule_ids = (*judged.decision.rule_ids, "engine/obligation")
            return replace(
                judged, decision=replace(judged.decision, effect=Effect.DENY, reasons=reasons, rule_ids=rule_ids)
            )
        return judged

    def _judge(self, action: Action, request: Request) -> Judgement:
        # INVARIANT (no-secret): the final text is scanned here, and what is judged here is what is delivered.
        text = outgoing_text(action.payload)
        kinds = tuple(sorted({finding.kind for finding in self.scanner.scan(text)})) if text else ()
        body = action.payload.body if isinstance(action.payload, OutgoingMessage) else text
        size = len(body.encode("utf-8", "surrogatepass"))
        request = replace(request, secrets_present=bool(kinds), counts={**request.counts, "body_bytes": size})
        keys = self.kernel.velocity_keys(request)
        if keys:
            velocities = Velocities(self.store, self.clock)
            counted = {key.count_name: velocities.count(key) for key in keys}
            request = replace(request, counts={**request.counts, **counted})
        draft = Draft(action.kind, action.ordinal, action, request.labels.get("text_source", "none"))
        buckets = tuple(key.bucket for key in keys)
        return Judgement(draft, self.kernel.evaluate(request), request, action, kinds, buckets)


def final_action(judged: Judgement) -> Action:
    """Return the action that was judged; raises `ValueError` where there is none: a fault of ours, never of data."""
    if judged.action is None:
        raise ValueError("what a person releases has an action")
    return judged.action


def _with_footers(action: Action, judged: Judgement) -> Action:
    footers = judged.decision.constraints.append_footer
    payload = action.payload
    if not footers or (isinstance(payload, OutgoingMessage) and payload.body.endswith("\n".join(footers))):
        return action
    return apply_footers(action, judged.decision.constraints)


def release(judged: Judgement, action_digest: str, snapshot: str) -> Judgement:
    """Return the judgement as one that a person released; raises `GateError` when today's answer is a denial, and
    `ReviewStateError` when it is about another action or policy than the person saw.

    INVARIANT (charter-floor): a release makes of `require_approval` what a person wants, and of `deny` nothing.
    """
    if judged.decision.effect is Effect.DENY:
        what = f"the guard found {', '.join(judged.secret_kinds)}" if judged.secret_kinds else "the policy denies it"
        why = ", ".join(judged.decision.rule_ids)
        raise GateError(f"{what}: {why}", "change the text, or end it with `warden review ignore`")
    if final_action(judged).digest != action_digest or judged.decision.snapshot != snapshot:
        raise ReviewStateError(
            "the action or the policy is not the one that was looked at",
            "judge it again with `warden review re-evaluate`",
        )
    return replace(judged, released=True)


def edited(action: Action, body: str) -> Action | None:
    """Return the reply with another body, None for an action whose words are not a person's to change."""
    if not isinstance(action.payload, OutgoingMessage):
        return None
    return replace(action, payload=replace(action.payload, body=body))


def written_by_person(request: Request) -> Request:
    """Return the request as one about a text that a person wrote instead of the brain."""
    return replace(request, labels={**request.labels, "text_source": PERSON})


def about_sender(request: Request, kind: str, identity: str) -> Request:
    """Return a request for another action on the same message, by a person, from the facts that were recorded of it."""
    labels = {name: value for name, value in request.labels.items() if name not in ("recipient", "recipient_is_sender")}
    labels = {**labels, "text_source": PERSON if kind == RESPOND else "none", "brain": PERSON}
    if kind == RESPOND:
        labels = {**labels, "recipient": labels.get("sender", ""), "recipient_is_sender": "true"}
    return replace(
        request,
        topic=f"job.warden.{kind}",
        capability=CAPABILITIES[kind],
        actor_id=identity,
        actor_type=PERSON,
        labels=labels,
    )


def response(key: MessageKey, ordinal: int, about: Request, subject: str, body: str) -> Action:
    """Return what a person answers to a message as an action; `about` is the recorded request about it.

    INVARIANT (reply-to-sender): it goes to the message's sender, in its thread; a person names neither.
    """
    payload = OutgoingMessage(
        from_agent=key.agent,
        to_agent=about.labels["sender"],
        subject=subject,
        body=body,
        kind="reply",
        thread_id=about.labels["thread"],
        in_reply_to=key.message_id,
        metadata={
            HOPS: str(about.counts.get("hops", 0) + 1),
            MARKER: idempotency_key(key, RESPOND, ordinal),
        },
    )
    return Action(key, RESPOND, ordinal, payload)
