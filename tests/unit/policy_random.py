"""Random bundles and requests for the differential run: small alphabets, so that rules often nearly match."""

from __future__ import annotations

import random
from typing import Any

TEXTS = ("a", "B", " a ", "b", "", "ß", "SS", "c.d")
TOPICS = ("job.warden.reply", "job.warden.read", "job.a", "job/a", "job.a/b", "", "JOB.A", "job.x.y")
PATTERNS = (
    *TOPICS[:5],
    "job.*",
    "job.warden.*",
    "*",
    "job?a",
    "job.[a-w]*",
    "job.[^a]*",
    "job\\.a",
    " job.a ",
    "*/*",
    "job.*.*",
    "",
)
LABELS = ("env", "trust", "msg.kind", "amount")
VALUES = ("x", "y", "X", "", "5", "10", "5.5", " 7 ", "nan", "1e400", "0x10")
COUNTS = ("body_bytes", "hops")
DECISIONS = ("allow", "permit", "deny", "block", "require_approval", "require-approval", "require_human")
CONSTRAINED = ("allow_with_constraints", "allow-with-constraints")


def some(rng: random.Random, values: tuple[str, ...], most: int = 3) -> list[str]:
    """A few of the values, at least one."""
    return [rng.choice(values) for _ in range(rng.randint(1, most))]


def maybe(rng: random.Random, chance: float) -> bool:
    """True with this chance."""
    return rng.random() < chance


def mcp_lists(rng: random.Random) -> dict[str, list[str]]:
    """Allow and deny lists for a few parts."""
    names = [f"{kind}_{part}" for kind in ("allow", "deny") for part in ("servers", "tools", "resources", "actions")]
    return {name: [] if maybe(rng, 0.2) else some(rng, TEXTS) for name in names if maybe(rng, 0.25)}


def random_match(rng: random.Random) -> dict[str, Any]:
    """A match with a few fields."""
    match: dict[str, Any] = {}
    for field in ("tenants", "capabilities", "risk_tags", "requires", "pack_ids", "actor_ids", "actor_types"):
        if maybe(rng, 0.12):
            match[field] = [] if maybe(rng, 0.05) else some(rng, TEXTS)
    if maybe(rng, 0.5):
        match["topics"] = some(rng, PATTERNS)
    if maybe(rng, 0.25):
        match["labels"] = {name: rng.choice(VALUES) for name in some(rng, LABELS, 2)}
    if maybe(rng, 0.15):
        match["label_allowlist"] = {name: some(rng, VALUES) for name in some(rng, LABELS, 2)}
    if maybe(rng, 0.15):
        names = some(rng, (*LABELS, "counts.body_bytes", "counts.hops"), 2)
        match["label_threshold"] = {name: rng.choice((0, 5, 5.5, -1, 9)) for name in names}
    if maybe(rng, 0.12):
        match["secrets_present"] = maybe(rng, 0.5)
    if maybe(rng, 0.12):
        match["mcp"] = mcp_lists(rng)
    return match


def random_constraints(rng: random.Random) -> dict[str, Any]:
    """Constraints of all groups."""
    found: dict[str, Any] = {}
    if maybe(rng, 0.4):
        names = some(rng, ("max_runtime_ms", "max_retries", "max_artifact_bytes", "max_concurrent_jobs"), 2)
        found["budgets"] = {name: rng.choice((0, 1, 5)) for name in names}
    if maybe(rng, 0.3):
        found["sandbox"] = {
            "isolated": maybe(rng, 0.5),
            rng.choice(("network_allowlist", "fs_read_only", "fs_read_write")): some(rng, ("a", "b", "c"))[
                : rng.randint(0, 3)
            ],
        }
    if maybe(rng, 0.3):
        found["toolchain"] = {rng.choice(("allowed_tools", "allowed_commands")): some(rng, ("a", "b", "c"))}
    if maybe(rng, 0.3):
        found["diff"] = {"max_files": rng.choice((0, 1, 9)), "deny_path_globs": some(rng, ("a", "b"))}
    if maybe(rng, 0.3):
        found["redaction_level"] = rng.choice(("none", "standard", "strict"))
    if maybe(rng, 0.3):
        found["max_body_bytes"] = rng.choice((0, 5, 10))
    if maybe(rng, 0.3):
        found["append_footer"] = rng.choice(("-- a", ["-- a", "-- b"], []))
    if maybe(rng, 0.2):
        found["max_replies_per_hour"] = rng.choice((0, 2))
    return found


def random_rule(rng: random.Random, number: int) -> dict[str, Any]:
    """One rule."""
    decision = rng.choice((*DECISIONS, *CONSTRAINED, "throttle", "allow"))
    rule: dict[str, Any] = {"id": f"r{number}", "match": random_match(rng), "decision": decision}
    if decision in CONSTRAINED or maybe(rng, 0.15):
        rule["constraints"] = random_constraints(rng)
    if decision not in ("allow", "permit") and maybe(rng, 0.15):
        rule["velocity"] = {
            "key": rng.choice(("tenant", "labels.env", "tenant:topic")),
            "max_requests": rng.randint(1, 3),
            "window_seconds": rng.choice((1, 60, 90)),
        }
    if maybe(rng, 0.5):
        rule["reason"] = f"because {number}"
    if maybe(rng, 0.1):
        rule["remediations"] = [{"id": rng.choice("ab"), "add_labels": {"env": "x"}}]
    return rule


def random_bundle(rng: random.Random) -> dict[str, Any]:
    """One bundle in the dialect's keys."""
    bundle: dict[str, Any] = {"version": rng.choice(("v1", "2"))}
    bundle["rules"] = [random_rule(rng, number) for number in range(rng.randint(0, 6))]
    if maybe(rng, 0.7):
        bundle["default_decision"] = rng.choice(("allow", "deny", "require_approval", "abstain", "permit", "block"))
    if maybe(rng, 0.2):
        bundle["default_tenant"] = rng.choice(("a", " B "))
    if maybe(rng, 0.35):
        bundle["tenants"] = {
            name: {
                key: value
                for key, value in (
                    ("allow_topics", some(rng, PATTERNS[:-1])),
                    ("deny_topics", some(rng, PATTERNS[:-1], 1)),
                    ("max_concurrent_jobs", rng.choice((0, 2, 3))),
                    ("mcp", mcp_lists(rng)),
                )
                if maybe(rng, 0.35)
            }
            for name in rng.sample(("a", "b", "ss"), rng.randint(1, 2))
        }
    return bundle


def random_request(rng: random.Random) -> dict[str, Any]:
    """One request with every field; velocity counts for the rules of `random_bundles` among the counts."""
    counts = {name: rng.choice((0, 4, 6, 10)) for name in COUNTS if maybe(rng, 0.7)}
    for layer in ("0.yaml", "1.yaml", "2.yaml"):
        counts.update({f"velocity:{layer}/r{rule}": rng.randint(0, 3) for rule in range(6) if maybe(rng, 0.6)})
    parts = ("server", "tool", "resource", "action")
    return {
        "tenant": rng.choice(TEXTS),
        "topic": rng.choice(TOPICS),
        "capability": rng.choice(TEXTS),
        "risk_tags": sorted(set(some(rng, TEXTS))) if maybe(rng, 0.6) else [],
        "requires": sorted(set(some(rng, TEXTS))) if maybe(rng, 0.6) else [],
        "pack_id": rng.choice(TEXTS),
        "actor_id": rng.choice(TEXTS),
        "actor_type": rng.choice(TEXTS),
        "labels": {name: rng.choice(VALUES) for name in LABELS if maybe(rng, 0.6)},
        "secrets_present": rng.choice((True, False, None)),
        "mcp": {part: rng.choice(TEXTS) for part in parts} if maybe(rng, 0.5) else None,
        "counts": counts,
    }


def random_bundles(rng: random.Random) -> dict[str, dict[str, Any]]:
    """Up to three bundles by layer name."""
    return {f"{number}.yaml": random_bundle(rng) for number in range(rng.randint(0, 3))}
