"""Schemas of what runs, saved plans, doctor and errors look like."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from docs.schemas.parts import COUNT, DIGEST, DISPOSITION, TEXT, closed, document, listed

from warden.cli.checks import Outcome
from warden.model.disposition import Disposition
from warden.model.request import Effect
from warden.model.saved_plan import PlanHeader

PLAN_ITEM = closed(
    {
        "message_id": TEXT,
        "message_digest": DIGEST,
        "reason": TEXT,
        "detail": TEXT,
        "catalog_entry": {"type": ["string", "null"]},
        "disposition": DISPOSITION,
        "proposals": listed(closed({"kind": TEXT, "arguments": {"type": "object", "additionalProperties": TEXT}})),
        "action_digests": listed({"oneOf": [DIGEST, {"const": ""}]}),
    }
)


def run_schema() -> dict[str, Any]:
    """What `warden worker run --json` and `warden worker apply --json` print."""
    action = closed(
        {
            "kind": TEXT,
            "decision": {"enum": [one.word for one in Effect]},
            "rule_ids": listed(TEXT),
            "reasons": listed(TEXT),
            "delivered": {"type": "boolean"},
        },
        {"body": TEXT, "action_digest": DIGEST},
    )
    message = closed(
        {
            "id": TEXT,
            "thread_id": TEXT,
            "from_agent": TEXT,
            "subject": TEXT,
            "disposition": DISPOSITION,
            "reason": TEXT,
            "detail": TEXT,
            "candidates": listed(closed({"entry": TEXT, "score": {"type": "number"}, "terms": listed(TEXT)})),
            "stale": {"type": "boolean"},
            "actions": listed(action),
        },
        {"catalog_entry": TEXT},
    )
    counts = ("messages", "refused", "decided_before", "waiting", "recovered", "stale", "asked", "replayed")
    summary = closed(
        {
            **{one.value: COUNT for one in Disposition},
            **dict.fromkeys(counts, COUNT),
            "inbox_blocked": {"type": "boolean"},
            "stopped": TEXT,
            "exit_status": COUNT,
            "plan_digest": {"oneOf": [DIGEST, {"type": "null"}]},
            "gate": {"enum": ["open", "not-enabled", "drift", None]},
        }
    )
    head = {"run_id": TEXT, "mode": {"enum": ["dry-run", "execute", "apply"]}, "agent": TEXT}
    half = {**head, "messages": listed(message), "summary": summary}
    return document("A run of warden", "warden.run/1", closed(half, {"events": closed(half)}))


def plan_schema() -> dict[str, Any]:
    """What `warden worker run --out` saves. A file that fits and was not made by this ledger is refused all the same."""
    header = {field.name: DIGEST if field.name.endswith("_digest") else TEXT for field in fields(PlanHeader)}
    return document("A saved plan", "warden.plan/1", closed({**header, "items": listed(PLAN_ITEM)}))


def doctor_schema() -> dict[str, Any]:
    """What `warden doctor --json` prints."""
    outcome = {"enum": [one.value for one in Outcome]}
    check = closed({"check": TEXT, "outcome": outcome, "seen": TEXT, "advice": TEXT})
    return document("Doctor's report", "warden.doctor/1", closed({"outcome": outcome, "checks": listed(check)}))


def error_schema() -> dict[str, Any]:
    """What a command with `--json` prints on stderr when it fails."""
    body = closed({"code": TEXT, "message": TEXT, "hint": TEXT, "exit_status": COUNT})
    return document("An error", "warden.error/1", body)
