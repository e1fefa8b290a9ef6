"""Templates of keys and arguments: `{repository}` and the like, filled from an event's facts.

Only names that a source assigns can stand in one. A title or a comment cannot: what a person wrote goes to a program on its
stdin, as one JSON document.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warden.model.event import Event

PLACEHOLDERS = frozenset(
    {"source", "delivery", "event", "type", "action", "repository", "number", "branch", "sender", "trust"}
)
_PART = re.compile(r"\{\{|\}\}|\{([a-z]+)\}|[^{}]+")
MAX_FILLED = 512
"""INVARIANT (bounded): characters of a filled template."""


def template_problem(template: str) -> str:
    """Return what is wrong with a template, or an empty string."""
    at = 0
    while at < len(template):
        part = _PART.match(template, at)
        if part is None:
            return "holds a brace that is no placeholder; write {{ or }} for a brace"
        if part[1] is not None and part[1] not in PLACEHOLDERS:
            return f"has no placeholder of that name; there are: {', '.join(sorted(PLACEHOLDERS))}"
        at = part.end()
    return ""


def fill(template: str, event: Event) -> str:
    """Return a sound template with its placeholders filled, at most `MAX_FILLED` characters long."""
    return _PART.sub(lambda part: _value(part, event), template)[:MAX_FILLED]


def _value(part: re.Match[str], event: Event) -> str:
    name = part[1]
    if name is None:
        return {"{{": "{", "}}": "}"}.get(part[0], part[0])
    if name == "delivery":
        return event.delivery_id
    return event.trust.value if name == "trust" else str(getattr(event, name))


def begins_with_value(template: str) -> bool:
    """Return whether the first thing in a template is a placeholder: what fills it must not look like an option."""
    return bool(re.match(r"\{[a-z]+\}", template))
