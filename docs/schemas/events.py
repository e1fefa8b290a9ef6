"""Schemas of what comes in as events and goes out as notifications."""

from __future__ import annotations

from docs.schemas.parts import (
    COUNT,
    DIGEST,
    FLAG,
    MOMENT,
    TEXT,
    Schema,
    closed,
    document,
    either,
    listed,
    members,
    named,
    or_null,
    words,
)

from warden.hubs.intake_queries import TASK_STATES
from warden.model.event import Flag, Trust
from warden.model.outcome import OutcomeStatus
from warden.model.workload import WorkloadState

_FACTS = (
    "source",
    "event",
    "type",
    "action",
    "repository",
    "number",
    "branch",
    "sender",
    "url",
    "delivery",
    "sender-trust",
)
_ANSWER = closed({**members(TEXT, ("id", "agent", "recipient", "subject", "body")), "made_at": MOMENT})
_TASK = closed(
    {
        **members(TEXT, ("id", "rule_set", "rule", "does", "key", "state", "reason")),
        "made_at": MOMENT,
        **members(or_null(MOMENT), ("taken_at", "done_at")),
        "answers": listed(_ANSWER),
    }
)
_DELIVERY = closed(
    {
        **members(TEXT, ("id", "source", "delivery_id", "event", "type", "action", "repository", "number", "branch")),
        **members(TEXT, ("sender", "assurance", "title", "url", "state", "reason", "origin")),
        "trust": words(Trust),
        "labels": listed(TEXT),
        "flags": listed(words(Flag)),
        "body_digest": DIGEST,
        "received_at": MOMENT,
        "tasks": listed(_TASK),
    }
)
_REFUSED = closed(
    {
        **members(TEXT, ("id", "source", "reason", "address")),
        "headers": listed(listed(TEXT)),
        **members(DIGEST, ("headers_digest", "body_digest")),
        **members(COUNT, ("body_bytes", "times")),
        "body": or_null(TEXT),
        **members(MOMENT, ("received_at", "last_at")),
    }
)
_LOCK = closed(
    {**members(TEXT, ("name", "owner", "state")), "fence": COUNT, **members(MOMENT, ("taken_at", "expires_at"))}
)
_SUMS = ("accepted", "duplicates", "refused", "quarantine", *(f"tasks_{state}" for state in TASK_STATES))
_RUN = closed(
    {
        **members(TEXT, ("key", "rule", "status", "output")),
        "number": COUNT,
        "began_at": MOMENT,
        "ended_at": or_null(MOMENT),
    }
)
_GRANT = closed(
    {
        **members(TEXT, ("id", "workload_id", "name", "hook", "state", "client", "revoked_for")),
        "operations": listed(TEXT),
        **members(COUNT, ("max_uses", "uses", "refused")),
        **members(or_null(MOMENT), ("issued_at", "expires_at", "used_at", "revoked_at")),
    }
)
_WORKLOAD = {
    **members(TEXT, ("workload_id", "task", "sender", "thread")),
    "state": words(WorkloadState),
    "ended": FLAG,
    **members(COUNT, ("try", "reports")),
    "intended_at": MOMENT,
    **members(or_null(MOMENT), ("delivered_at", "heard_at", "ended_at")),
}
_HEARD = closed(
    {
        **members(TEXT, ("event_id", "occurred_at", "details", "state")),
        "status": words(OutcomeStatus),
        "received_at": MOMENT,
    }
)
_STEP = closed(
    {"at": MOMENT, "kind": TEXT},
    {
        **members(
            TEXT, ("brain", "reason", "action", "effect", "snapshot", "channel", "key", "remote_id", "fault", "next")
        ),
        **members(TEXT, ("detail", "status", "event_id", "disposition", "by", "by_message_id", "code")),
        **members(listed(TEXT), ("kinds", "rule_ids", "secret_kinds", "errors")),
        "number": COUNT,
        "retry_in_ms": or_null(COUNT),
        "replayed": FLAG,
    },
)
"""A step of a story: which members it has depends on its kind."""
_STORY = closed({**_WORKLOAD, "heard": listed(_HEARD), "steps": listed(_STEP)}, members(TEXT, ("source", "action")))
_ACTION = closed({"kind": TEXT, "arguments": named(TEXT)})
_SET = closed(
    {
        "name": TEXT,
        **members(or_null(TEXT), ("rule", "does", "key")),
        "objections": named(TEXT),
        "plan": listed(_ACTION),
    }
)
_TRIED = closed({"sets": listed(_SET), "tasks": COUNT, "escalates": FLAG, "flags": listed(words(Flag)), "reason": TEXT})


def event_schemas() -> tuple[Schema, ...]:
    """Return the schemas of these documents."""
    event = closed(
        {"title": TEXT, "text": TEXT, "labels": listed(TEXT), "flags": listed(words(Flag))}, members(TEXT, _FACTS)
    )
    notice = closed({**members(TEXT, ("code", "subject", "meaning", "next")), "reminder": COUNT})
    told = {"agent": TEXT, "counts": named(COUNT), "items": listed(notice)}
    target = closed({"target": TEXT, "taken": FLAG, "error": TEXT})
    rules = {"digest": DIGEST, "sets": listed(closed({"name": TEXT, "rules": listed(TEXT)}))}
    return (
        document("An event, as a script reads it", "warden.event/1", event),
        document("The data of a notification (Standard Webhooks)", "warden.notification/1", closed(told)),
        document("What targets took of a notification", "warden.notify/1", closed({"targets": listed(target)})),
        document("Where webhooks are taken in", "warden.intake.serve/1", closed({"url": TEXT})),
        document("A delivery that was taken in", "warden.intake.delivery/1", _DELIVERY),
        document("How much was taken in", "warden.intake.stats/1", closed(members(COUNT, _SUMS))),
        document("What was refused", "warden.intake.quarantine/1", closed({"quarantine": listed(_REFUSED)})),
        document("Issues that are worked on", "warden.intake.locks/1", closed({"locks": listed(_LOCK)})),
        document("Runs of scripts", "warden.intake.runs/1", closed({"runs": listed(_RUN)})),
        document(
            "A delivery that was taken in again",
            "warden.intake.replay/1",
            closed({"delivery": TEXT, "assurance": TEXT, "tasks": listed(TEXT)}),
        ),
        document(
            "What was asked of a source that webhooks did not bring",
            "warden.intake.reconcile/1",
            closed({"source": TEXT, "seen": COUNT, "new": COUNT}),
        ),
        either(
            "Workloads, or one with its story",
            "warden.workload/1",
            closed({"workloads": listed(closed(_WORKLOAD))}),
            closed({"workload": _STORY}),
        ),
        document("What workloads may use", "warden.capability/1", closed({"capabilities": listed(_GRANT)})),
        document("Rules for events", "warden.intake.rules/1", closed(rules)),
        document("What rules make of an event", "warden.intake.dry-run/1", _TRIED),
    )
