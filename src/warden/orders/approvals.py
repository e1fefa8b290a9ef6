"""Approval words in comments: `/approve <digest prefix>` and `/reject <digest prefix>`, alone on the first line with text.

What it does: finds the words. What it does not: decide who may say them, or what they release: the review queue does, for the
action of exactly that digest. Rules: one ruling a comment, at least `PREFIX_LEAST` hex digits, nothing else on the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PREFIX_LEAST = 8
APPROVAL = "approval"
"""What a task does, and the rule set of it, when a comment rules over a review item; no file has such a set."""

_RULING = re.compile(rf"/(approve|reject)[ \t]+(?:sha256:)?([0-9a-f]{{{PREFIX_LEAST},64}})\Z")


@dataclass(frozen=True, slots=True)
class Words:
    """What a comment says: `approve` or `reject`, and the first digits of a digest."""

    verb: str
    prefix: str


def find_words(text: str) -> Words | None:
    """Return the ruling that a comment begins with, None when it does not begin with one."""
    for line in text.splitlines()[:20]:
        if line.strip():
            found = _RULING.match(line.strip())
            return None if found is None else Words(found[1], found[2])
    return None
