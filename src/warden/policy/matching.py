"""What a match means: each field of a rule becomes one check on the facts.

A check answers True, False, or None when a fact that it needs is missing. All checks of a rule must be True; a missing
fact makes a restricting rule match and an allowing rule not match, so that silence never widens anything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from warden.policy.bundle import Match, McpMatch
from warden.policy.facts import Facts, fold, fold_all
from warden.policy.glob import compile_glob

Check = Callable[[Facts], bool | None]

_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")

COUNT_PREFIX = "counts."
"""A `label_threshold` name with this prefix means a numeric fact instead of a label."""


@dataclass(frozen=True, slots=True)
class FieldCheck:
    """One field of a match: its name, what it asks for, the check, and how to show the fact it looked at."""

    field: str
    expected: str
    check: Check
    actual: Callable[[Facts], str]


def holds(checks: Iterable[Check], restricting: bool, facts: Facts) -> bool:
    """Return whether a rule with these checks matches."""
    for check in checks:
        outcome = check(facts)
        if outcome is True:
            continue
        # INVARIANT (fail-closed): a missing fact never keeps a restriction away and never helps an allowance.
        if outcome is None and restricting:
            continue
        return False
    return True


def _one_of(name: str, values: tuple[str, ...], get: Callable[[Facts], str]) -> FieldCheck:
    wanted = fold_all(values)
    return FieldCheck(name, " or ".join(sorted(wanted)), lambda facts: get(facts) in wanted, get)


def _any_tag(values: tuple[str, ...]) -> FieldCheck:
    wanted = fold_all(values)
    return FieldCheck(
        "risk_tags",
        "any of " + ", ".join(sorted(wanted)),
        lambda facts: not wanted.isdisjoint(facts.risk_tags),
        lambda facts: ", ".join(sorted(facts.risk_tags)),
    )


def _all_required(values: tuple[str, ...]) -> FieldCheck:
    wanted = frozenset(fold(value) for value in values)
    return FieldCheck(
        "requires",
        "all of " + ", ".join(sorted(wanted)),
        lambda facts: wanted <= facts.requires,
        lambda facts: ", ".join(sorted(facts.requires)),
    )


def _topics(patterns: tuple[str, ...]) -> FieldCheck:
    globs = tuple(compile_glob(pattern) for pattern in patterns if pattern.strip())
    literals = frozenset(glob.literal for glob in globs if glob.literal is not None)
    others = tuple(glob for glob in globs if glob.literal is None)

    def check(facts: Facts) -> bool:
        return facts.topic in literals or any(glob.matches(facts.topic) for glob in others)

    return FieldCheck("topics", " or ".join(glob.pattern for glob in globs), check, lambda facts: facts.topic)


def _label(name: str, value: str) -> FieldCheck:
    def check(facts: Facts) -> bool | None:
        actual = facts.labels.get(name)
        return None if actual is None else actual == value

    return FieldCheck(f"labels.{name}", value, check, lambda facts: facts.labels.get(name, "(missing)"))


def _either(outcomes: Iterable[bool | None]) -> bool | None:
    """Return whether any outcome is true, or None when one of them is not known: silence counts as silence."""
    seen = tuple(outcomes)
    return None if None in seen else True in seen


def label_allowlist(lists: Mapping[str, tuple[str, ...]]) -> FieldCheck:
    """Return the check that a label has a value outside its list."""
    allowed = {name: fold_all(values) for name, values in lists.items()}

    def outside(facts: Facts, name: str) -> bool | None:
        actual = facts.labels.get(name)
        return None if actual is None else fold(actual) not in allowed[name]

    return FieldCheck(
        "label_allowlist",
        "; ".join(f"{name} outside {', '.join(sorted(values)) or '(nothing)'}" for name, values in allowed.items()),
        lambda facts: _either(outside(facts, name) for name in allowed),
        lambda facts: ", ".join(f"{name}={facts.labels.get(name, '(missing)')}" for name in allowed),
    )


def number_of(facts: Facts, name: str) -> float | None:
    """Return the number under a label or, with the prefix `counts.`, a count; None when there is no finite number."""
    if name.startswith(COUNT_PREFIX):
        return facts.counts.get(name[len(COUNT_PREFIX) :])
    text = facts.labels.get(name)
    if text is None or not _NUMBER.match(text.strip()):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _label_threshold(thresholds: Mapping[str, float]) -> FieldCheck:
    def over(facts: Facts, name: str) -> bool | None:
        number = number_of(facts, name)
        return None if number is None else number > thresholds[name]

    return FieldCheck(
        "label_threshold",
        "; ".join(f"{name} over {limit:g}" for name, limit in thresholds.items()),
        lambda facts: _either(over(facts, name) for name in thresholds),
        lambda facts: ", ".join(f"{name}={number_of(facts, name)}" for name in thresholds),
    )


def _secrets(wanted: bool) -> FieldCheck:
    def check(facts: Facts) -> bool | None:
        return None if facts.secrets_present is None else facts.secrets_present is wanted

    return FieldCheck("secrets_present", str(wanted).lower(), check, lambda facts: str(facts.secrets_present).lower())


@dataclass(frozen=True, slots=True)
class McpFilter:
    """The four allow and four deny lists, folded, in the order server, tool, resource, action."""

    allow: tuple[frozenset[str], ...]
    deny: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, match: McpMatch) -> McpFilter:
        """Return the compiled form of `match`."""
        allow = (match.allow_servers, match.allow_tools, match.allow_resources, match.allow_actions)
        deny = (match.deny_servers, match.deny_tools, match.deny_resources, match.deny_actions)
        return cls(tuple(map(fold_all, allow)), tuple(map(fold_all, deny)))

    def passes(self, call: tuple[str, str, str, str]) -> bool:
        """Return whether no part of the call is denied and each part with an allow list is in it."""
        for value, allow, deny in zip(call, self.allow, self.deny, strict=True):
            if value in deny or (allow and value not in allow):
                return False
        return True


def _mcp(match: McpMatch) -> FieldCheck:
    compiled = McpFilter.of(match)
    return FieldCheck(
        "mcp",
        "an MCP call that passes the lists",
        lambda facts: facts.mcp is not None and compiled.passes(facts.mcp),
        lambda facts: "(no MCP part)" if facts.mcp is None else "/".join(facts.mcp),
    )


def compile_match(match: Match) -> tuple[FieldCheck, ...]:
    """Return one check for each given field, the cheap and selective ones first.

    Raises `ValueError` for a malformed topic pattern.
    """
    checks: list[FieldCheck] = []
    if match.topics:
        checks.append(_topics(match.topics))
    if match.capabilities:
        checks.append(_one_of("capabilities", match.capabilities, lambda facts: facts.capability))
    if match.actor_ids:
        checks.append(_one_of("actor_ids", match.actor_ids, lambda facts: facts.actor_id))
    if match.tenants:
        checks.append(_one_of("tenants", match.tenants, lambda facts: facts.tenant))
    if match.pack_ids:
        checks.append(_one_of("pack_ids", match.pack_ids, lambda facts: facts.pack_id))
    if match.actor_types:
        checks.append(_one_of("actor_types", match.actor_types, lambda facts: facts.actor_type))
    if match.risk_tags:
        checks.append(_any_tag(match.risk_tags))
    if match.requires:
        checks.append(_all_required(match.requires))
    checks.extend(_label(name, value) for name, value in match.labels.items())
    if match.label_allowlist:
        checks.append(label_allowlist(match.label_allowlist))
    if match.label_threshold:
        checks.append(_label_threshold(match.label_threshold))
    if match.secrets_present is not None:
        checks.append(_secrets(match.secrets_present))
    if match.mcp is not None and not match.mcp.empty:
        checks.append(_mcp(match.mcp))
    return tuple(checks)
