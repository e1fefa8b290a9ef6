"""Discharging the constraints of a decision before the action is judged for the last time.

A constraint that this enforcement point cannot discharge for a messaging action turns allow into deny: an obligation is
never ignored.
"""

from __future__ import annotations

from dataclasses import fields, replace

from warden.model.delivery import Action, OutgoingMessage, ReadMark
from warden.model.request import UNCONSTRAINED, Constraints

_DISCHARGED = frozenset({"append_footer", "max_body_bytes", "max_replies_per_hour", "redaction_level"})


def apply_footers(action: Action, constraints: Constraints) -> Action:
    """Return the action with the footers that the constraints ask for at the end of its body, each once."""
    payload = action.payload
    if not constraints.append_footer or not isinstance(payload, OutgoingMessage):
        return action
    body = payload.body + "\n\n" + "\n".join(constraints.append_footer)
    return replace(action, payload=replace(payload, body=body))


def undischarged(action: Action, constraints: Constraints, replies_in_hour: int) -> tuple[str, ...]:
    """Return the names of the constraints that do not hold for this final action, empty when all are discharged.

    `replies_in_hour` is the larger of the counts for thread and sender, without this action.
    """
    failed = [
        field.name
        for field in fields(Constraints)
        if field.name not in _DISCHARGED and getattr(constraints, field.name) != getattr(UNCONSTRAINED, field.name)
    ]
    payload = action.payload
    body = payload.body if isinstance(payload, OutgoingMessage) else ""
    if constraints.max_body_bytes is not None and len(body.encode()) > constraints.max_body_bytes:
        failed.append("max_body_bytes")
    limit = constraints.max_replies_per_hour
    if limit is not None and body and replies_in_hour >= limit:
        failed.append("max_replies_per_hour")
    # What has no text for a reader (a read mark, our own audit event) meets a constraint on texts as it stands.
    bare = isinstance(payload, ReadMark) or action.kind == "audit_event"
    if constraints.redaction_level == "strict" and not bare:
        failed.append("redaction_level")
    if constraints.append_footer and not bare and not body.endswith("\n".join(constraints.append_footer)):
        failed.append("append_footer")
    return tuple(failed)
