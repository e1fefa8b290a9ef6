"""Schemas of what the commands print that are about charter, policies, guard and catalogue."""

from __future__ import annotations

from docs.schemas.parts import (
    COUNT,
    DIGEST,
    FLAG,
    INTEGER,
    MOMENT,
    TEXT,
    Schema,
    closed,
    document,
    listed,
    members,
    named,
    or_null,
    words,
)

from warden.model.request import Effect
from warden.policy.charter import Limits, Tier
from warden.policy.lint import Severity
from warden.policy.simulate import Direction

_EFFECT = words(one.word for one in Effect)
_REQUEST = closed(
    {
        **members(TEXT, ("tenant", "topic", "capability", "pack_id", "actor_id", "actor_type")),
        **members(listed(TEXT), ("risk_tags", "requires")),
        "labels": named(TEXT),
        "secrets_present": or_null(FLAG),
        "mcp": or_null(closed(members(TEXT, ("server", "tool", "resource", "action")))),
        "counts": named(INTEGER),
    }
)
_CONSTRAINTS = closed(
    {},
    {
        "budgets": closed(
            {}, members(COUNT, ("max_runtime_ms", "max_retries", "max_artifact_bytes", "max_concurrent_jobs"))
        ),
        "sandbox": closed(
            {}, {"isolated": FLAG, **members(listed(TEXT), ("network_allowlist", "fs_read_only", "fs_read_write"))}
        ),
        "toolchain": closed({}, members(listed(TEXT), ("allowed_tools", "allowed_commands"))),
        "diff": closed({}, {**members(COUNT, ("max_files", "max_lines")), "deny_path_globs": listed(TEXT)}),
        "redaction_level": TEXT,
        "max_body_bytes": COUNT,
        "append_footer": listed(TEXT),
        "max_replies_per_hour": COUNT,
    },
)
_REMEDIATION = closed(
    {"id": TEXT},
    {
        **members(TEXT, ("title", "summary", "replacement_topic", "replacement_capability")),
        "add_labels": named(TEXT),
        "remove_labels": listed(TEXT),
    },
)
DECISION = closed(
    {
        "decision": _EFFECT,
        "rule_ids": listed(TEXT),
        "reasons": listed(TEXT),
        "constraints": _CONSTRAINTS,
        "remediations": listed(_REMEDIATION),
        "snapshot": TEXT,
        "errors": listed(TEXT),
        "retry_after_s": or_null(COUNT),
    }
)
_LIMITS = closed(members(COUNT, Limits.__slots__))
_CASES = listed(closed({"name": TEXT, "line": COUNT, "passed": FLAG, "failures": listed(TEXT), "decision": DECISION}))
_LINT = listed(
    closed({"layer": TEXT, "rule": TEXT, "line": COUNT, "code": TEXT, "severity": words(Severity), "message": TEXT})
)


def _charter_documents() -> tuple[Schema, ...]:
    kind = closed({"tier": words(Tier), "capability": TEXT})
    rule = closed(
        {"id": TEXT, "kinds": listed(TEXT), "decision": _EFFECT, "reason": TEXT, "retry_after_s": or_null(COUNT)}
    )
    shared = {"version": TEXT, "digest": DIGEST}
    signature = words(("verified", "not required"))
    return (
        document(
            "The charter",
            "warden.charter-show/1",
            closed({**shared, "kinds": named(kind), "limits": _LIMITS, "rules": listed(rule)}),
        ),
        document(
            "Whether the charter holds",
            "warden.charter-verify/1",
            closed({**shared, "signature": signature, "cases": _CASES}),
        ),
    )


def _judging_documents() -> tuple[Schema, ...]:
    field = closed(members(TEXT, ("field", "outcome", "expected", "actual")))
    rule = closed({"rule": TEXT, "matched": FLAG, "note": TEXT, "fields": listed(field)})
    layer = closed({"layer": TEXT, "decision": or_null(DECISION), "note": TEXT, "rules": listed(rule)})
    explained = {"charter_digest": or_null(DIGEST), "notes": listed(TEXT), "layers": listed(layer)}
    change = closed({"request": TEXT, "direction": words(Direction), "before": DECISION, "after": DECISION})
    counted = closed({}, members(COUNT, (one.value for one in Direction)))
    sums = {"judged": COUNT, "skipped": COUNT, "counts": counted, "changes": listed(change)}
    asked = {"remediation": TEXT, "request": _REQUEST, "before": DECISION, "after": DECISION}
    return (
        document(
            "How a decision comes about",
            "warden.policy-explanation/1",
            closed({"request": _REQUEST, "decision": DECISION, **explained}),
        ),
        document("Cases, judged", "warden.policy-cases/1", closed({"cases": _CASES})),
        document("A remediation, applied", "warden.policy-remediation/1", closed(asked)),
        document(
            "What other policies would change",
            "warden.policy-simulation/1",
            closed({"snapshot_before": TEXT, "snapshot_after": TEXT, **sums}),
        ),
    )


def _policy_documents() -> tuple[Schema, ...]:
    error = or_null(closed({"code": TEXT, "message": TEXT, "hint": TEXT}))
    file = closed({"name": TEXT, "loaded": FLAG, "signed": FLAG, "error": error, "findings": _LINT})
    force = {"in_force": or_null(TEXT), "alerts": listed(TEXT), "snapshot": or_null(TEXT), "limits": _LIMITS}
    kept = closed({"digest": DIGEST, "kept_at": MOMENT, "last_good": FLAG, "files": listed(TEXT)})
    return (
        document("Policy files, checked", "warden.policy-check/1", closed({"files": listed(file), **force})),
        document("What is probably not meant", "warden.policy-lint/1", closed({"findings": _LINT})),
        document("Kept sets of policies", "warden.policy-snapshots/1", closed({"snapshots": listed(kept)})),
        document("How two sets differ", "warden.policy-diff/1", closed({"files": named(listed(TEXT))})),
        document("A set put back", "warden.policy-rollback/1", closed({"restored": DIGEST, "replaced": DIGEST})),
        document("A new key for signing", "warden.policy-key/1", closed({"private_key": TEXT, "public_key": TEXT})),
        document("Signatures", "warden.policy-signatures/1", closed({"signatures": listed(TEXT)})),
    )


def _guard_documents() -> tuple[Schema, ...]:
    finding = closed({"kind": TEXT, "start": COUNT, "end": COUNT, "rule_id": TEXT, "form": TEXT})
    rule = closed(members(TEXT, ("id", "provider", "kind", "about", "finds", "passes")))
    enrolled = closed({"name": TEXT, "sizes": listed(COUNT)})
    found = {"counts": named(COUNT), "findings": listed(finding)}
    return (
        document("Where secrets stand in a text", "warden.guard-scan/1", closed(found)),
        document("A redacted text", "warden.guard-redact/1", closed({"text": TEXT, "counts": named(COUNT)})),
        document("What is enrolled", "warden.guard-list/1", closed({"enrolled": listed(enrolled)})),
        document("Rules of the guard", "warden.guard-rules/1", closed({"rules": listed(rule)})),
    )


def _catalog_documents() -> tuple[Schema, ...]:
    entry = closed(members(TEXT, ("id", "title", "owner", "scope")))
    unanswered = closed(members(TEXT, ("entry", "question", "reason", "detail")))
    candidate = closed({"entry": TEXT, "score": INTEGER, "terms": listed(TEXT)})
    match = {"actions": listed(TEXT), "reason": TEXT, "detail": TEXT, "entry": or_null(TEXT)}
    score = closed(members(COUNT, ("precision", "recall", "right", "wrong", "wanted")))
    proposal = closed({"entry": TEXT, "alias": TEXT, "answers": listed(TEXT)})
    learned = {"catalog_digest": DIGEST, "decisions": COUNT, "examples": COUNT, "before": score, "after": score}
    counts = {"digest": DIGEST, "entries": COUNT, "questions": COUNT, "unanswered": listed(unanswered)}
    return (
        document("A catalogue, checked", "warden.catalog-check/1", closed(counts)),
        document("A catalogue", "warden.catalog/1", closed({"digest": DIGEST, "entries": listed(entry)})),
        document(
            "What the rule brain proposes",
            "warden.catalog-match/1",
            closed({**match, "candidates": listed(candidate), "body": or_null(TEXT)}),
        ),
        document(
            "What people's answers teach", "warden.catalog-learn/1", closed({**learned, "proposals": listed(proposal)})
        ),
        document(
            "A catalogue, changed",
            "warden.catalog-apply/1",
            closed({"catalog": TEXT, "before": DIGEST, "after": DIGEST}),
        ),
    )


def rule_schemas() -> tuple[Schema, ...]:
    """Return the schemas of these documents."""
    return (
        *_charter_documents(),
        *_judging_documents(),
        *_policy_documents(),
        *_guard_documents(),
        *_catalog_documents(),
    )
