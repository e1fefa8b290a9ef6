"""Schemas of what people work with: the review queue, unattended running, budgets, hubs, the console."""

from __future__ import annotations

from docs.schemas.log import LAYER, TRACE, fields_of
from docs.schemas.parts import (
    COUNT,
    DIGEST,
    DISPOSITION,
    FLAG,
    MOMENT,
    NUMBER,
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
from docs.schemas.runs import PLAN_ITEM

from warden.cli.status import BACKLOG
from warden.model.budget import Span
from warden.model.disposition import Disposition
from warden.model.message import Assurance
from warden.model.request import Effect
from warden.model.review import ReviewKind, ReviewState, Verdict
from warden.model.schedule import CHARTER, DRIFTS

_ITEM = {
    "number": COUNT,
    "kind": words(ReviewKind),
    "state": words(ReviewState),
    "overdue": FLAG,
    **members(TEXT, ("message_id", "hub_id", "agent", "thread_id", "sender", "reason", "owner")),
    "messages": COUNT,
    "opened_at": MOMENT,
    "changed_at": MOMENT,
    "expires_at": or_null(MOMENT),
    "raised": COUNT,
    "verdict": or_null(words(Verdict)),
    **members(or_null(TEXT), ("decided_by", "action_kind", "capability", "snapshot", "requested_by", "delivery")),
    **members(or_null(DIGEST), ("action_digest", "message_digest")),
    "rule_ids": listed(TEXT),
}
_BASIS = {"charter_digest": DIGEST, "snapshot": TEXT, "brain_digest": DIGEST, "catalog_digest": DIGEST}
_GATE = words(("open", "not-enabled", "drift"))
_DRIFT = listed(words((CHARTER, *DRIFTS)))


def _review() -> Schema:
    member = {"message_id": TEXT, "disposition": or_null(DISPOSITION), "seen_at": or_null(MOMENT)}
    thread = listed(closed({**member, "subject": or_null(TEXT), "body": or_null(TEXT)}))
    detail = closed({**_ITEM, "text": or_null(TEXT), "votes": listed(TEXT), "thread": thread, "history": listed(TRACE)})
    ruling = closed(
        {
            "number": COUNT,
            "state": or_null(words(ReviewState)),
            "verdict": or_null(words(Verdict)),
            "released": listed(TEXT),
            "missing": or_null(TEXT),
            "note": or_null(TEXT),
            "error": or_null(closed({"code": TEXT, "message": TEXT})),
        }
    )
    return either(
        "The review queue: a list, one item, or what decisions did",
        "warden.review/1",
        closed({"items": listed(closed(_ITEM)), "total": COUNT, "next_after": or_null(COUNT)}),
        closed({"item": or_null(detail)}),
        closed({"rulings": listed(ruling), "delivered": or_null(FLAG)}),
    )


def _stats() -> Schema:
    sums = ("messages", "escalated", "decided_approvals", "released_approvals", "expired", "responded", "ignored")
    rates = members(or_null({"type": "integer", "minimum": 0, "maximum": 1000}), ("escalation_rate", "approval_rate"))
    window = closed({"window": TEXT, **members(COUNT, sums), **rates, "warning": TEXT})
    return document("How people decide, rates in thousandths", "warden.stats/1", closed({"windows": listed(window)}))


def _shakedown() -> Schema:
    one = {"clean": FLAG, "messages": COUNT, "seconds": NUMBER, "faults": COUNT, "alerts": COUNT}
    made = closed({**one, "error": TEXT, "stopped": TEXT, "exit_status": COUNT})
    outcomes = (*(one.value for one in Disposition), "refused")
    reply = closed({"message_id": TEXT, "to": TEXT, "catalog_entry": or_null(TEXT), "body": or_null(TEXT)})
    sums = ("clean_passes", "messages", "would_be_replies", "refusals", "errors")
    body = {
        "made_at": MOMENT,
        **members(TEXT, ("agent", "hub_id", "brain")),
        **_BASIS,
        "passes": listed(made),
        **members(COUNT, sums),
        "passes_agree": FLAG,
        "dispositions": closed({}, members(COUNT, outcomes)),
        "decisions": closed({}, members(COUNT, (one.word for one in Effect))),
        "escalation_rate": {"type": "number", "minimum": 0, "maximum": 1},
        "seconds": NUMBER,
        "reasons": named(COUNT),
        "replies": listed(reply),
    }
    saved = {"report_digest": DIGEST, "saved_as": TEXT}
    return document("A report of dry-run passes", "warden.shakedown/1", closed(body, saved))


def _schedule() -> Schema:
    evidence = {
        "clean_dry_passes": COUNT,
        "executed_passes": COUNT,
        "approved_by": or_null(TEXT),
        "approved_at": or_null(MOMENT),
        "report_digest": or_null(DIGEST),
    }
    gate = {"gate": _GATE, "executes": FLAG, **members(_DRIFT, ("drift", "allowed_drift", "allow_drift"))}
    enabled = {"enabled_by": or_null(TEXT), "enabled_at": or_null(MOMENT)}
    facts = {"present": closed(_BASIS), "evidence": closed(evidence)}
    missing = listed(closed({"what": TEXT, "how": TEXT}))
    return either(
        "The gate of unattended running, or the next ticks",
        "warden.schedule/1",
        closed({"agent": TEXT, "hub_id": TEXT, **gate, **enabled, **facts, "missing": missing}),
        closed({"schedule": or_null(TEXT), "ticks": listed(MOMENT)}),
    )


def _status() -> Schema:
    run = closed({**members(TEXT, ("run_id", "mode", "trigger", "stopped")), "exit_status": COUNT, "at": MOMENT})
    worker = closed({"state": TEXT, "at": MOMENT, "age_s": COUNT})
    counted = ("open_escalations", "open_approvals", "dead_letters", "in_doubt", "outbox_pending")
    body = {
        "agent": TEXT,
        "healthy": FLAG,
        "problems": listed(closed(members(TEXT, ("code", "text", "advice")))),
        "last_run": or_null(run),
        "last_good_run": or_null(run),
        "next_tick": or_null(MOMENT),
        "missed_ticks": COUNT,
        "gate": _GATE,
        "drift": _DRIFT,
        "worker": or_null(worker),
        "backlog": closed(members(COUNT, BACKLOG)),
        **members(COUNT, counted),
        "ledger": closed(members(COUNT, ("entries", "database_bytes"))),
        "alerts_since": or_null(MOMENT),
        "alerts": named(COUNT),
        "failing_notification_targets": listed(TEXT),
    }
    return document("How unattended running is", "warden.status/1", closed(body))


def _budget() -> Schema:
    measure = closed({"measure": TEXT, "used": COUNT, "limit": or_null(COUNT)})
    account = closed(
        {
            "span": words(Span),
            "sender": TEXT,
            "window_s": or_null(COUNT),
            "frees_at": or_null(MOMENT),
            "measures": listed(measure),
        }
    )
    body = {**members(TEXT, ("provider", "model", "brain")), "accounts": listed(account)}
    return document("What asking a model used", "warden.budget/1", closed(body))


def _plan_show() -> Schema:
    asked = {**fields_of("model_asked", "ref"), "layers": listed(closed(LAYER, {"text": or_null(TEXT)}))}
    message = closed(
        {
            "message_id": TEXT,
            "run_id": TEXT,
            "saved": or_null(PLAN_ITEM),
            "planned": or_null(closed(fields_of("planned", "run_id", "ref"))),
            "decisions": listed(closed(fields_of("decided", "run_id", "ref"))),
            "asked": or_null(closed({**asked, "answer_digest": or_null(DIGEST)}, {"answer": or_null(TEXT)})),
        }
    )
    return document("Plans, looked at", "warden.plan-show/1", closed({"what": TEXT, "messages": listed(message)}))


def _hub_documents() -> tuple[Schema, ...]:
    message = closed(
        {
            **members(TEXT, ("id", "thread_id", "from_agent", "kind", "subject", "body")),
            "assurance": words(Assurance),
            "created_at": or_null(TEXT),
            "in_reply_to": or_null(TEXT),
            "metadata": named(TEXT),
        }
    )
    event = closed(
        {
            **members(TEXT, ("id", "agent", "kind", "summary")),
            **members(or_null(TEXT), ("created_at", "detail", "message_id", "thread_id")),
            "metadata": named(TEXT),
        }
    )
    token = {"id": TEXT, "agent": TEXT, "created_at": MOMENT, "revoked_at": or_null(MOMENT)}
    box = {"quarantined": listed(closed({"id": TEXT, "reason": TEXT})), "after": or_null(TEXT)}
    sent = closed({"id": TEXT, "replayed": FLAG})
    return (
        document(
            "An inbox",
            "warden.hub.inbox/1",
            closed({"agent": TEXT, "unread_only": FLAG, "messages": listed(message), **box}),
        ),
        document(
            "A thread", "warden.hub.thread/1", closed({"agent": TEXT, "thread_id": TEXT, "messages": listed(message)})
        ),
        document(
            "Progress events",
            "warden.hub.progress/1",
            closed({"agent": TEXT, "events": listed(event), "after": or_null(TEXT)}),
        ),
        document("Messages that were sent", "warden.hub.send/1", closed({"count": COUNT, "sent": listed(sent)})),
        document("Where a hub listens", "warden.hub.serve/1", closed({"url": TEXT})),
        document("A token of the hub", "warden.hub.token/1", closed(token, {"token": TEXT})),
        document("Tokens of the hub", "warden.hub.tokens/1", closed({"tokens": listed(closed(token))})),
    )


def _console() -> Schema:
    user = {"name": TEXT, "role": TEXT, "passphrase": FLAG, "disabled": FLAG, "created_at": MOMENT}
    token = closed({**members(TEXT, ("name", "user", "role")), "ends_at": MOMENT})
    return either(
        "What `warden console` and its commands print; what the console itself answers is described at /api/v1/openapi.json",
        "warden.console/1",
        closed({"url": TEXT, "link": TEXT}),
        closed({"link": TEXT}),
        closed({"users": listed(closed(user))}),
        closed({"tokens": listed(token)}),
    )


def _init() -> Schema:
    step = closed({"name": TEXT, "result": words(("made", "kept")), "path": TEXT})
    return document("A set-up", "warden.init/1", closed({"steps": listed(step), "next": listed(TEXT)}))


def people_schemas() -> tuple[Schema, ...]:
    """Return the schemas of these documents."""
    made = (_review(), _stats(), _shakedown(), _schedule(), _status(), _budget(), _plan_show(), _console(), _init())
    return (*made, *_hub_documents())
