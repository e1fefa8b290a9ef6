"""The shape of `charter.yaml`."""

from __future__ import annotations

import re

from warden.documents.shape import REQUIRED, Choice, Flag, ListOf, MapOf, Record, Text, Whole, no, nothing
from warden.policy.charter import LIMIT_NAMES

SCHEMA = "warden.charter/1"

NAME = Text(64, 1, re.compile(r"[a-z][a-z0-9_.-]*"))
NAMES = ListOf(NAME)
WORDS = MapOf(Text(), NAME)

KIND = Record(
    {
        "tier": (Choice(("auto", "operator", "review", "never")), REQUIRED),
        "capability": (NAME, REQUIRED),
        "body": (Flag(), no),
        "discharges": (NAMES, list),
    }
)
MATCH = Record(
    {
        "kinds": (ListOf(NAME, least=1), REQUIRED),
        "risk_tags": (NAMES, list),
        "label_allowlist": (MapOf(ListOf(Text()), NAME), dict),
        "label_unequal": (MapOf(NAME, NAME), dict),
        "count_at_least": (MapOf(Text(), NAME), dict),
        "count_over": (MapOf(Text(), NAME), dict),
        "secrets_not_excluded": (Flag(), no),
    }
)
RULE = Record(
    {
        "id": (NAME, REQUIRED),
        "match": (MATCH, REQUIRED),
        "decision": (Choice(("deny", "require_approval", "throttle")), REQUIRED),
        "reason": (Text(200, 1), REQUIRED),
        "retry_after_s": (Whole(1, 86_400), nothing),
    }
)
CHARTER = Record(
    {
        "schema": (Choice((SCHEMA,)), REQUIRED),
        "version": (Text(32, 1, re.compile(r"[0-9A-Za-z._-]+")), REQUIRED),
        "principals": (WORDS, REQUIRED),
        "kinds": (MapOf(KIND, NAME, least=1), REQUIRED),
        "limits": (Record({name: (Whole(0, 2**31), REQUIRED) for name in LIMIT_NAMES}), REQUIRED),
        "vocabulary": (Record(dict.fromkeys(("risk_tags", "labels", "counts"), (WORDS, REQUIRED))), REQUIRED),
        "rules": (ListOf(RULE, least=1), REQUIRED),
    }
)
