"""What is probably not meant: rules that cannot match, that another rule hides, or that rest on a sender's word.

Lint never changes what a bundle means; a bundle with findings is loaded and judges as written.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from warden.model.request import UNCONSTRAINED, Effect
from warden.policy.bundle import Bundle, Rule
from warden.policy.charter import TOPIC_PREFIX, Charter
from warden.policy.facts import fold, fold_all
from warden.policy.glob import compile_glob
from warden.policy.matching import COUNT_PREFIX
from warden.policy.obligations import undischarged
from warden.policy.subsume import contradiction, hides, label_conflict

MESSAGE_PREFIX = "msg."
"""Labels with this prefix were copied from a message: a sender chose them."""


class Severity(StrEnum):
    """How sure it is that something is wrong."""

    ERROR = "error"
    """The rule does not do what it says, or rests on what a sender writes."""
    WARNING = "warning"
    """Probably a slip."""
    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that lint saw; `line` is where the rule starts in its file (0: the whole file)."""

    layer: str
    rule_id: str
    code: str
    severity: Severity
    message: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Words:
    """What warden sets in requests: everything that a rule can match on."""

    topics: frozenset[str]
    capabilities: frozenset[str]
    risk_tags: frozenset[str]
    labels: frozenset[str]
    counts: frozenset[str]

    @classmethod
    def of(cls, charter: Charter) -> Words:
        """Return the words of this charter."""
        vocabulary = charter.vocabulary
        return cls(
            frozenset(TOPIC_PREFIX + kind for kind in charter.kinds),
            frozenset(fold(kind.capability) for kind in charter.kinds.values()),
            fold_all(vocabulary.get("risk_tags", {})),
            frozenset(vocabulary.get("labels", {})),
            frozenset(vocabulary.get("counts", {})),
        )


Complaint = tuple[str, Severity, str]
Check = Callable[[Rule, Charter, Words], Iterator[Complaint]]


def _near(word: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def matched_kinds(rule: Rule, charter: Charter) -> tuple[str, ...]:
    """Return the kinds whose topic and capability this rule's match can meet."""
    match = rule.match
    globs = [compile_glob(pattern) for pattern in match.topics if pattern.strip()]
    wanted = fold_all(match.capabilities)
    return tuple(
        name
        for name, kind in charter.kinds.items()
        if (not match.topics or any(glob.matches(TOPIC_PREFIX + name) for glob in globs))
        and (not match.capabilities or fold(kind.capability) in wanted)
    )


def _never(rule: Rule, charter: Charter, words: Words) -> Iterator[Complaint]:
    reason = contradiction(rule)
    if reason:
        yield "never-matches", Severity.ERROR, f"the rule can never match: {reason}"
    elif label_conflict(rule.match):
        text = f"the rule matches only when the label is missing: {label_conflict(rule.match)}"
        yield "only-when-missing", Severity.ERROR, text
    elif not matched_kinds(rule, charter):
        yield "no-such-action", Severity.WARNING, "no action of the charter has such a topic and capability"
    elif rule.match.mcp is not None:
        yield "no-mcp", Severity.WARNING, "no action of the charter makes MCP calls, so the rule never matches one"


def _unknown(rule: Rule, charter: Charter, words: Words) -> Iterator[Complaint]:
    if not matched_kinds(rule, charter) and not rule.match.capabilities:
        return
    for capability in rule.match.capabilities:
        if fold(capability) and fold(capability) not in words.capabilities:
            near = _near(fold(capability), words.capabilities)
            yield "unknown-capability", Severity.WARNING, f"no action has the capability `{capability}`{near}"
    for tag in rule.match.risk_tags:
        if fold(tag) and fold(tag) not in words.risk_tags:
            yield (
                "unknown-risk-tag",
                Severity.WARNING,
                f"nothing sets the risk tag `{tag}`{_near(tag, words.risk_tags)}",
            )


def _names(rule: Rule) -> Iterator[str]:
    yield from rule.match.labels
    yield from rule.match.label_allowlist
    yield from rule.match.label_threshold


def _labels(rule: Rule, charter: Charter, words: Words) -> Iterator[Complaint]:
    for name in _names(rule):
        if name.startswith(MESSAGE_PREFIX):
            if not rule.restricting:
                text = f"the rule allows on the word of a sender: `{name}` is copied from the message"
                yield "rests-on-message", Severity.ERROR, text
        elif name.startswith(COUNT_PREFIX) and name in rule.match.label_threshold:
            if name.removeprefix(COUNT_PREFIX) not in words.counts:
                yield "unset-count", Severity.WARNING, f"nothing sets the count `{name}`{_missing(rule)}"
        elif name not in words.labels:
            text = f"nothing sets the label `{name}`{_near(name, words.labels)}{_missing(rule)}"
            yield "unset-label", Severity.WARNING, text


def _missing(rule: Rule) -> str:
    means = "matches whatever it says" if rule.restricting else "never matches"
    return f"; a missing fact means that this rule {means}"


def _inverted(rule: Rule, charter: Charter, words: Words) -> Iterator[Complaint]:
    mcp = rule.match.mcp
    denies = mcp is not None and (mcp.deny_servers or mcp.deny_tools or mcp.deny_resources or mcp.deny_actions)
    if denies and rule.effect is not Effect.ALLOW:
        text = "`mcp.deny_*` in a restricting rule exempts what it lists: name it with `mcp.allow_*` to restrict it"
        yield "inverted-mcp", Severity.ERROR, text


def _constraints(rule: Rule, charter: Charter, words: Words) -> Iterator[Complaint]:
    if rule.effect is Effect.ALLOW_WITH_CONSTRAINTS and rule.constraints == UNCONSTRAINED:
        yield "no-constraints", Severity.WARNING, "the rule allows with constraints and names none"
    if rule.effect is Effect.DENY:
        return
    for name in matched_kinds(rule, charter):
        left = undischarged(rule.constraints, charter.kinds[name].discharges)
        if left:
            text = f"warden cannot keep {', '.join(f'`{item}`' for item in left)} for `{name}`: the action is denied"
            yield "undischarged", Severity.WARNING, text
            return


def _case(rule: Rule, charter: Charter, words: Words) -> Iterator[Complaint]:
    for pattern in rule.match.topics:
        if pattern != pattern.lower():
            yield "topic-case", Severity.WARNING, f"topics keep upper and lower case apart: `{pattern}`"


CHECKS: tuple[Check, ...] = (_never, _unknown, _labels, _inverted, _constraints, _case)


def _hidden(rules: tuple[Rule, ...]) -> Iterator[tuple[Rule, Complaint]]:
    for index, rule in enumerate(rules):
        for earlier in rules[:index]:
            if hides(earlier, rule):
                text = f"rule `{earlier.id}` in line {earlier.line} always matches first"
                yield rule, ("shadowed", Severity.ERROR, text)
                break


def lint(bundle: Bundle, charter: Charter) -> tuple[Finding, ...]:
    """Return what is probably not meant in this bundle, in the order of its lines."""
    words = Words.of(charter)
    found: list[Finding] = []

    def add(rule: Rule, complaints: Iterable[Complaint]) -> None:
        for code, severity, message in complaints:
            found.append(Finding(bundle.name, rule.id, code, severity, message, rule.line))

    for rule in bundle.rules:
        for check in CHECKS:
            add(rule, check(rule, charter, words))
    for rule, complaint in _hidden(bundle.rules):
        add(rule, [complaint])
    for remark in bundle.remarks:
        found.append(Finding(bundle.name, remark.rule_id, remark.code, Severity.WARNING, remark.message, remark.line))
    if bundle.default_decision == Effect.ALLOW.word:
        text = "what no rule names is left to the charter and the other bundles"
        found.append(Finding(bundle.name, "", "default-allow", Severity.NOTE, text))
    if not bundle.rules and not bundle.tenants and bundle.default_decision is None:
        text = "the bundle has no rule and no default: it denies everything"
        found.append(Finding(bundle.name, "", "denies-all", Severity.WARNING, text))
    return tuple(sorted(found, key=lambda finding: (finding.line, finding.rule_id, finding.code)))
