"""When one rule always matches where another would, and when a rule can match nothing at all.

Both answers are careful: True only when it is certain, so that lint does not complain about rules that have their use.
"""

from __future__ import annotations

from collections.abc import Iterator

from warden.policy.bundle import Match, McpMatch, Rule
from warden.policy.facts import fold, fold_all
from warden.policy.glob import META, compile_glob

LIST_FIELDS = ("tenants", "capabilities", "pack_ids", "actor_ids", "actor_types", "risk_tags")


def _blank(values: tuple[str, ...]) -> bool:
    return bool(values) and not any(value.strip() for value in values)


def _mcp_conflicts(match: McpMatch) -> Iterator[str]:
    for part in ("servers", "tools", "resources", "actions"):
        allowed = fold_all(getattr(match, f"allow_{part}"))
        if allowed and allowed <= fold_all(getattr(match, f"deny_{part}")):
            yield f"every MCP value in `allow_{part}` is also in `deny_{part}`"


def contradiction(rule: Rule) -> str:
    """Return why this rule can match no request at all, or an empty text."""
    match = rule.match
    for name in (*LIST_FIELDS, "topics"):
        if _blank(getattr(match, name)):
            return f"`{name}` holds only empty values"
    if any(not fold(value) for value in match.requires):
        return "`requires` asks for an empty value"
    conflict = label_conflict(match)
    if conflict and not rule.restricting:
        return conflict
    if match.mcp is not None:
        return next(_mcp_conflicts(match.mcp), "")
    return ""


def label_conflict(match: Match) -> str:
    """Return why no value of a label fits this match, or an empty text. A restricting rule still matches without it."""
    for name, value in match.labels.items():
        allowed = match.label_allowlist.get(name)
        if allowed is not None and len(match.label_allowlist) == 1 and fold(value) in fold_all(allowed):
            return f"label `{name}` must be `{value}` and must be outside a list that holds it"
        limit = match.label_threshold.get(name)
        if limit is not None and len(match.label_threshold) == 1 and _at_most(value, limit):
            return f"label `{name}` must be `{value}` and over {limit:g}"
    return ""


def _at_most(value: str, limit: float) -> bool:
    try:
        return float(value) <= limit
    except ValueError:
        return False


def hides(earlier: Rule, later: Rule) -> bool:
    """Return whether `earlier` matches every request that `later` matches."""
    if earlier.velocity is not None or contradiction(earlier):
        return False
    one, other = earlier.match, later.match
    facts_may_miss = bool(one.labels or one.label_allowlist or one.label_threshold or one.secrets_present is not None)
    if facts_may_miss and later.restricting and not earlier.restricting:
        return False
    return (
        all(_list_covers(getattr(one, name), getattr(other, name)) for name in LIST_FIELDS)
        and fold_all(one.requires) <= fold_all(other.requires)
        and _topics_cover(one.topics, other.topics)
        and _labels_cover(one, other)
        and one.secrets_present in (None, other.secrets_present)
        and one.mcp in (None, other.mcp)
    )


def _list_covers(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return not one or (bool(other) and fold_all(other) <= fold_all(one))


def _labels_cover(one: Match, other: Match) -> bool:
    return (
        one.labels.items() <= other.labels.items()
        and (not one.label_allowlist or one.label_allowlist == other.label_allowlist)
        and (not one.label_threshold or one.label_threshold == other.label_threshold)
    )


def _topics_cover(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if not one:
        return True
    patterns = [pattern.strip() for pattern in one if pattern.strip()]
    return bool(other) and all(
        any(_pattern_covers(wide, narrow.strip()) for wide in patterns) for narrow in other if narrow.strip()
    )


def _pattern_covers(wide: str, narrow: str) -> bool:
    """Return whether every topic that `narrow` matches is matched by `wide`: equal, a literal, or `prefix*`."""
    if wide == narrow:
        return True
    glob, literal = compile_glob(wide), compile_glob(narrow).literal
    if literal is not None:
        return glob.matches(literal)
    is_prefix = wide.endswith("*") and not META & set(wide[:-1])
    return is_prefix and "/" not in narrow and "[" not in narrow and compile_glob(narrow).prefix.startswith(wide[:-1])
