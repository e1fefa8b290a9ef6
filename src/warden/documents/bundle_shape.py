"""The shape of a policy bundle: every key of the dialect, its kind and its bounds."""

from __future__ import annotations

import re
from typing import Any

from warden.documents.shape import (
    REQUIRED,
    Choice,
    Flag,
    ListOf,
    MapOf,
    Number,
    Record,
    Text,
    Whole,
    empty_text,
    no,
    nothing,
)

MAX_RULES = 5_000
MAX_VALUES = 1_000

DECISIONS = (
    "allow",
    "permit",
    "deny",
    "block",
    "require_approval",
    "require-approval",
    "require_human",
    "allow_with_constraints",
    "allow-with-constraints",
    "throttle",
)
DEFAULTS = (*DECISIONS[:7], "abstain")
REDACTION = ("none", "standard", "strict")

TEXT = Text(1_000)
WORD = Text(200, 1)
TEXTS = ListOf(TEXT, MAX_VALUES)
LIMIT = Whole()


def _values() -> tuple[Any, Any]:
    return TEXTS, list


MCP = Record(
    {f"{verb}_{part}": _values() for part in ("servers", "tools", "resources", "actions") for verb in ("allow", "deny")}
)
MATCH = Record(
    {
        "tenants": _values(),
        "topics": _values(),
        "capabilities": _values(),
        "risk_tags": _values(),
        "requires": _values(),
        "pack_ids": _values(),
        "actor_ids": _values(),
        "actor_types": _values(),
        "labels": (MapOf(TEXT), dict),
        "label_allowlist": (MapOf(TEXTS), dict),
        "label_threshold": (MapOf(Number()), dict),
        "secrets_present": (Flag(), nothing),
        "mcp": (MCP, nothing),
    }
)
BUDGETS = Record(
    dict.fromkeys(("max_runtime_ms", "max_retries", "max_artifact_bytes", "max_concurrent_jobs"), (LIMIT, nothing))
)
SANDBOX = Record(
    {
        "isolated": (Flag(), no),
        "network_allowlist": (TEXTS, nothing),
        "fs_read_only": (TEXTS, nothing),
        "fs_read_write": (TEXTS, nothing),
    }
)
TOOLCHAIN = Record({"allowed_tools": (TEXTS, nothing), "allowed_commands": (TEXTS, nothing)})
DIFF = Record({"max_files": (LIMIT, nothing), "max_lines": (LIMIT, nothing), "deny_path_globs": _values()})
CONSTRAINTS = Record(
    {
        "budgets": (BUDGETS, dict),
        "sandbox": (SANDBOX, dict),
        "toolchain": (TOOLCHAIN, dict),
        "diff": (DIFF, dict),
        "redaction_level": (Choice(REDACTION), lambda: "none"),
        "max_body_bytes": (LIMIT, nothing),
        "append_footer": (ListOf(Text(500, 1), 16, alone=True), list),
        "max_replies_per_hour": (LIMIT, nothing),
    }
)
REMEDIATION = Record(
    {
        "id": (WORD, REQUIRED),
        "title": (TEXT, empty_text),
        "summary": (TEXT, empty_text),
        "replacement_topic": (TEXT, empty_text),
        "replacement_capability": (TEXT, empty_text),
        "add_labels": (MapOf(TEXT), dict),
        "remove_labels": _values(),
    }
)
VELOCITY = Record(
    {
        "key": (WORD, REQUIRED),
        "max_requests": (Whole(1, 2**31), REQUIRED),
        "window_seconds": (Whole(1, 86_400), REQUIRED),
    }
)
RULE = Record(
    {
        "id": (Text(128, 1, re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")), REQUIRED),
        "match": (MATCH, nothing),
        "decision": (Choice(DECISIONS), REQUIRED),
        "reason": (TEXT, empty_text),
        "constraints": (CONSTRAINTS, nothing),
        "remediations": (ListOf(REMEDIATION, 32), list),
        "velocity": (VELOCITY, nothing),
    }
)
TENANT = Record(
    {
        "allow_topics": _values(),
        "deny_topics": _values(),
        "max_concurrent_jobs": (LIMIT, nothing),
        "mcp": (MCP, nothing),
    }
)


class Version:
    """A short string, or a whole number that stands for its digits."""

    def read(self, value: object, at: Any, refuse: Any) -> str:
        """Return the version as a string."""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(Whole().read(value, at, refuse))
        return Text(64).read(value, at, refuse)


BUNDLE = Record(
    {
        "version": (Version(), lambda: "unversioned"),
        "default_decision": (Choice(DEFAULTS), nothing),
        "default_tenant": (Text(200), empty_text),
        "rules": (ListOf(RULE, MAX_RULES), list),
        "tenants": (MapOf(TENANT, Text(40, 1), MAX_VALUES), dict),
    }
)
