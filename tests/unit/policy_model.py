"""An independent, naive model of what policies mean, written from the reference page and not from the kernel.

It takes bundles as plain dictionaries (the dialect's own keys) and a request as a dictionary, tries every rule in order,
uses no index, no compiled form and none of the kernel's code, and is slow on purpose.
"""

from __future__ import annotations

import functools
from typing import Any

DENY, APPROVAL, CONSTRAINED, ALLOW = 0, 1, 2, 3
WORDS = {
    "allow": ALLOW,
    "permit": ALLOW,
    "deny": DENY,
    "block": DENY,
    "throttle": DENY,
    "require_approval": APPROVAL,
    "require-approval": APPROVAL,
    "require_human": APPROVAL,
    "allow_with_constraints": CONSTRAINED,
    "allow-with-constraints": CONSTRAINED,
}
MISSING = "missing"


def same(one: str, other: str) -> bool:
    """Texts of lists are compared trimmed and without case; an empty one is never equal to anything."""
    one, other = one.strip().casefold(), other.strip().casefold()
    return one != "" and one == other


def contains(values: list[str], wanted: str) -> bool:
    """Whether a list holds a text."""
    return any(same(value, wanted) for value in values)


def glob(pattern: str, topic: str) -> bool:
    """Go's path.Match by plain recursion: every way to read the pattern is tried.

    Go itself keeps the first place where the text after a `*` fits; the two differ only where a class stands for `/`
    between two stars, which the random patterns leave out and a test of its own covers.
    """

    @functools.cache
    def at(i: int, j: int) -> bool:
        if i == len(pattern):
            return j == len(topic)
        character = pattern[i]
        if character == "*":
            return at(i + 1, j) or (j < len(topic) and topic[j] != "/" and at(i, j + 1))
        if j == len(topic):
            return False
        if character == "?":
            return topic[j] != "/" and at(i + 1, j + 1)
        if character == "[":
            matched, end = char_class(pattern, i + 1, topic[j])
            return matched and at(end, j + 1)
        if character == "\\":
            return pattern[i + 1] == topic[j] and at(i + 2, j + 1)
        return character == topic[j] and at(i + 1, j + 1)

    return at(0, 0)


def char_class(pattern: str, i: int, character: str) -> tuple[bool, int]:
    """Whether a character is in the class that begins at `i`, and where the class ends."""
    negated = pattern[i] == "^"
    i += negated
    inside, first = False, True
    while first or pattern[i] != "]":
        first = False
        if pattern[i] == "\\":
            i += 1
        low = high = pattern[i]
        i += 1
        if pattern[i] == "-":
            i += 1
            if pattern[i] == "\\":
                i += 1
            high = pattern[i]
            i += 1
        inside = inside or low <= character <= high
    return inside != negated, i + 1


def number(request: dict[str, Any], name: str) -> float | str:
    """The number under a label or count, or that it is missing."""
    if name.startswith("counts."):
        found = request["counts"].get(name[7:])
        return MISSING if found is None else float(found)
    text = request["labels"].get(name, "").strip()
    if not text or any(character not in "0123456789+-.eE" for character in text):
        return MISSING
    try:
        value = float(text)
    except ValueError:
        return MISSING
    return MISSING if value in (float("inf"), float("-inf")) else value


def mcp_passes(lists: dict[str, list[str]], mcp: dict[str, str]) -> bool:
    """Whether an MCP call is in no deny list and in each allow list that names something."""
    for part in ("server", "tool", "resource", "action"):
        allow = [value for value in lists.get(f"allow_{part}s", []) if value.strip()]
        if contains(lists.get(f"deny_{part}s", []), mcp[part]):
            return False
        if allow and not contains(allow, mcp[part]):
            return False
    return True


def used(mcp: dict[str, str] | None) -> bool:
    """Whether a request has an MCP part that says anything."""
    return mcp is not None and any(value.strip() for value in mcp.values())


def outcomes(match: dict[str, Any], request: dict[str, Any]) -> list[bool | str]:
    """Every field of a match: true, false, or missing."""
    found: list[bool | str] = []
    for field, key in (
        ("tenants", "tenant"),
        ("capabilities", "capability"),
        ("pack_ids", "pack_id"),
        ("actor_ids", "actor_id"),
        ("actor_types", "actor_type"),
    ):
        if match.get(field):
            found.append(contains(match[field], request[key]))
    if match.get("topics"):
        found.append(any(glob(item.strip(), request["topic"]) for item in match["topics"] if item.strip()))
    if match.get("risk_tags"):
        found.append(any(contains(match["risk_tags"], tag) for tag in request["risk_tags"]))
    if match.get("requires"):
        found.append(all(contains(request["requires"], wanted) for wanted in match["requires"]))
    for name, value in match.get("labels", {}).items():
        found.append(request["labels"][name] == value if name in request["labels"] else MISSING)
    found.extend(label_lists(match, request))
    if match.get("secrets_present") is not None:
        present = request["secrets_present"]
        found.append(MISSING if present is None else present == match["secrets_present"])
    lists = {name: values for name, values in (match.get("mcp") or {}).items() if values}
    if lists:
        found.append(used(request["mcp"]) and mcp_passes(lists, request["mcp"]))
    return found


def label_lists(match: dict[str, Any], request: dict[str, Any]) -> list[bool | str]:
    """The allow-list and the threshold: true when one label breaks its bound, missing when one is not there."""
    found: list[bool | str] = []
    if match.get("label_allowlist"):
        outside: list[bool | str] = [
            MISSING if name not in request["labels"] else not contains(values, request["labels"][name])
            for name, values in match["label_allowlist"].items()
        ]
        found.append(MISSING if MISSING in outside else True in outside)
    if match.get("label_threshold"):
        over: list[bool | str] = []
        for name, limit in match["label_threshold"].items():
            value = number(request, name)
            over.append(MISSING if isinstance(value, str) else value > limit)
        found.append(MISSING if MISSING in over else True in over)
    return found


def matches(layer: str, rule: dict[str, Any], request: dict[str, Any]) -> bool:
    """Whether a rule applies: silence helps a restriction and hinders an allowance."""
    found = outcomes(rule.get("match", {}), request)
    if rule.get("velocity"):
        count = request["counts"].get(f"velocity:{layer}/{rule['id']}")
        found.append(MISSING if count is None else count >= rule["velocity"]["max_requests"])
    restricting = effect_of(rule) != ALLOW
    return all(item is True or (item == MISSING and restricting) for item in found)


def effect_of(rule: dict[str, Any]) -> int:
    """An allowance with constraints that say something is a constrained one."""
    effect = WORDS[rule["decision"]]
    return CONSTRAINED if effect == ALLOW and flat(rule.get("constraints", {})) else effect


LIMITS = {
    "budgets": ("max_runtime_ms", "max_retries", "max_artifact_bytes", "max_concurrent_jobs"),
    "diff": ("max_files", "max_lines"),
    "": ("max_body_bytes", "max_replies_per_hour"),
}
LISTS = {
    "sandbox": ("network_allowlist", "fs_read_only", "fs_read_write"),
    "toolchain": ("allowed_tools", "allowed_commands"),
}
LEVELS = ("none", "standard", "strict")


def flat(constraints: dict[str, Any]) -> dict[str, Any]:
    """Constraints as flat values, only those that say something."""
    found: dict[str, Any] = {}
    for group, names in LIMITS.items():
        values = constraints.get(group, {}) if group else constraints
        for name in names:
            value = values.get(name)
            if value is not None and not (group == "budgets" and value == 0):
                found[name] = value
    for group, names in LISTS.items():
        for name in names:
            value = constraints.get(group, {}).get(name)
            if value is not None:
                found[name] = frozenset(value)
    if constraints.get("sandbox", {}).get("isolated"):
        found["isolated"] = True
    if constraints.get("diff", {}).get("deny_path_globs"):
        found["deny_path_globs"] = frozenset(constraints["diff"]["deny_path_globs"])
    if constraints.get("redaction_level", "none") != "none":
        found["redaction_level"] = constraints["redaction_level"]
    footers = constraints.get("append_footer", [])
    if footers:
        found["append_footer"] = frozenset([footers] if isinstance(footers, str) else footers)
    return found


def tighter(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What must hold when both must hold."""
    both = {**one, **other}
    for name in set(one) & set(other):
        if name in ("deny_path_globs", "append_footer"):
            both[name] = one[name] | other[name]
        elif isinstance(one[name], frozenset):
            both[name] = one[name] & other[name]
        elif name == "redaction_level":
            both[name] = LEVELS[max(LEVELS.index(one[name]), LEVELS.index(other[name]))]
        elif name != "isolated":
            both[name] = min(one[name], other[name])
    return both


Answer = dict[str, Any]


def answer(effect: int, rule: str, constraints: dict[str, Any] | None = None, retry: int | None = None) -> Answer:
    """One layer's decision."""
    return {"effect": effect, "rules": {rule} if rule else set(), "constraints": constraints or {}, "retry": retry}


def meet(answers: list[Answer]) -> Answer:
    """The lowest effect, all rules, the tighter constraints; a wait only when no layer refuses for good."""
    result = answer(min((item["effect"] for item in answers), default=ALLOW), "")
    waits = []
    for item in answers:
        result["rules"] |= item["rules"]
        result["constraints"] = tighter(result["constraints"], item["constraints"])
        if item["effect"] == DENY and result["effect"] == DENY:
            waits.append(item["retry"])
    result["retry"] = max(waits) if waits and None not in waits else None
    return result


def judge_rules(layer: str, bundle: dict[str, Any], request: dict[str, Any]) -> Answer | None:
    """The first rule that applies."""
    for rule in bundle.get("rules", []):
        if matches(layer, rule, request):
            retry = None
            if rule["decision"] == "throttle":
                retry = rule["velocity"]["window_seconds"] if rule.get("velocity") else 60
            return answer(effect_of(rule), f"{layer}/{rule['id']}", flat(rule.get("constraints", {})), retry)
    return None


def judge_tenant(layer: str, bundle: dict[str, Any], entry: dict[str, Any], request: dict[str, Any]) -> Answer | None:
    """What the tenant's entry says beside the rules."""
    name = f"{layer}/tenants.{request['tenant'].strip().casefold()}"
    topic = request["topic"]
    if any(glob(pattern.strip(), topic) for pattern in entry.get("deny_topics", [])):
        return answer(DENY, f"{name}.deny_topics")
    lists = {key: values for key, values in (entry.get("mcp") or {}).items() if values}
    if lists and used(request["mcp"]) and not mcp_passes(lists, request["mcp"]):
        return answer(DENY, f"{name}.mcp")
    allowed = entry.get("allow_topics", [])
    if not allowed:
        return None
    if any(glob(pattern.strip(), topic) for pattern in allowed):
        return answer(ALLOW, f"{name}.allow_topics")
    if bundle.get("default_decision") in ("allow", "permit"):
        return None
    return answer(DENY, f"{name}.allow_topics")


def judge_bundle(layer: str, bundle: dict[str, Any], request: dict[str, Any]) -> Answer | None:
    """One bundle alone; None is an abstention."""
    if not request["tenant"].strip() and bundle.get("default_tenant", "").strip():
        request = {**request, "tenant": bundle["default_tenant"]}
    first = judge_rules(layer, bundle, request)
    answers = [first] if first else []
    entry = next((item for name, item in bundle.get("tenants", {}).items() if same(name, request["tenant"])), None)
    if entry is not None:
        opinion = judge_tenant(layer, bundle, entry, request)
        answers += [opinion] if opinion else []
    word = bundle.get("default_decision")
    if not answers and word != "abstain":
        answers.append(answer(WORDS[word or "deny"], f"{layer}/default_decision"))
    jobs = entry.get("max_concurrent_jobs") if entry is not None else None
    if jobs:
        name = f"{layer}/tenants.{request['tenant'].strip().casefold()}.max_concurrent_jobs"
        answers.append(answer(CONSTRAINED, name, {"max_concurrent_jobs": jobs}))
    return meet(answers) if answers else None


def judge(bundles: dict[str, dict[str, Any]], request: dict[str, Any]) -> Answer:
    """All bundles together, without a charter."""
    answers = [judge_bundle(layer, bundle, request) for layer, bundle in bundles.items()]
    spoken = [item for item in answers if item is not None]
    return meet(spoken) if spoken else answer(DENY, "")
