"""The meet of decisions and of constraints (DESIGN section 5).

Both meets are associative, commutative and idempotent on canonical values (lists sorted, without repetitions), with
`ALLOWED` and `UNCONSTRAINED` as the neutral elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from warden.model.request import UNCONSTRAINED, Constraints, Decision, Effect, Remediation

ALLOWED = Decision(Effect.ALLOW)
"""The neutral element of the meet: a layer that says nothing."""

REDACTION_LEVELS = ("none", "standard", "strict")
"""From the loosest to the tightest."""


def tighter_number(one: int | None, other: int | None) -> int | None:
    """Return the smaller limit; None is no limit."""
    if one is None:
        return other
    if other is None:
        return one
    return min(one, other)


def tighter_list(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return what both allow-lists hold; None allows everything, an empty list nothing."""
    if one is None:
        return other
    if other is None:
        return one
    return tuple(sorted(set(one) & set(other)))


def union(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sorted union."""
    return tuple(sorted({*one, *other}))


def redaction_rank(level: str) -> int:
    """Return the rank of a redaction level; an unknown one counts as the tightest."""
    return REDACTION_LEVELS.index(level) if level in REDACTION_LEVELS else len(REDACTION_LEVELS)


def meet_constraints(one: Constraints, other: Constraints) -> Constraints:
    """Return constraints that hold only when both hold."""
    if one is other or other is UNCONSTRAINED:
        return one
    if one is UNCONSTRAINED:
        return other
    return Constraints(
        max_runtime_ms=tighter_number(one.max_runtime_ms, other.max_runtime_ms),
        max_retries=tighter_number(one.max_retries, other.max_retries),
        max_artifact_bytes=tighter_number(one.max_artifact_bytes, other.max_artifact_bytes),
        max_concurrent_jobs=tighter_number(one.max_concurrent_jobs, other.max_concurrent_jobs),
        isolated=one.isolated or other.isolated,
        network_allowlist=tighter_list(one.network_allowlist, other.network_allowlist),
        fs_read_only=tighter_list(one.fs_read_only, other.fs_read_only),
        fs_read_write=tighter_list(one.fs_read_write, other.fs_read_write),
        allowed_tools=tighter_list(one.allowed_tools, other.allowed_tools),
        allowed_commands=tighter_list(one.allowed_commands, other.allowed_commands),
        max_files=tighter_number(one.max_files, other.max_files),
        max_lines=tighter_number(one.max_lines, other.max_lines),
        deny_path_globs=union(one.deny_path_globs, other.deny_path_globs),
        redaction_level=max(one.redaction_level, other.redaction_level, key=redaction_rank),
        max_body_bytes=tighter_number(one.max_body_bytes, other.max_body_bytes),
        append_footer=union(one.append_footer, other.append_footer),
        max_replies_per_hour=tighter_number(one.max_replies_per_hour, other.max_replies_per_hour),
    )


def _remediation_key(remediation: Remediation) -> tuple[object, ...]:
    return (
        remediation.id,
        remediation.title,
        remediation.summary,
        remediation.replacement_topic,
        remediation.replacement_capability,
        tuple(sorted(remediation.add_labels.items())),
        tuple(sorted(set(remediation.remove_labels))),
    )


def union_remediations(groups: Iterable[tuple[Remediation, ...]]) -> tuple[Remediation, ...]:
    """Return every distinct remediation, sorted by id and then by content."""
    by_key = {_remediation_key(item): item for group in groups for item in group}
    return tuple(by_key[key] for key in sorted(by_key, key=repr))


def _retry_after_s(denials: Sequence[Decision]) -> int | None:
    """Return the longest wait, or None when one layer denies for good: waiting would not help."""
    longest = 0
    for denial in denials:
        if denial.retry_after_s is None:
            return None
        longest = max(longest, denial.retry_after_s)
    return longest


def meet_all(decisions: Sequence[Decision], snapshot: str = "") -> Decision:
    """Return the meet of all decisions under the name `snapshot`; of none, it is `ALLOWED`.

    INVARIANT (charter-floor): the effect is the lowest of all, so no layer lifts what another one said.
    """
    # INVARIANT (charter-floor)
    effect = min((decision.effect for decision in decisions), default=Effect.ALLOW)
    constraints = UNCONSTRAINED
    rule_ids: set[str] = set()
    reasons: set[str] = set()
    errors: set[str] = set()
    remediations: tuple[Remediation, ...] = ()
    for decision in decisions:
        rule_ids.update(decision.rule_ids)
        reasons.update(decision.reasons)
        errors.update(decision.errors)
        if decision.constraints is not UNCONSTRAINED:
            constraints = meet_constraints(constraints, decision.constraints)
        if decision.remediations:
            remediations = union_remediations((remediations, decision.remediations))
    retry_after_s = None
    if effect is Effect.DENY:
        retry_after_s = _retry_after_s([decision for decision in decisions if decision.effect is Effect.DENY])
    return Decision(
        effect=effect,
        rule_ids=tuple(sorted(rule_ids)),
        reasons=tuple(sorted(reasons)),
        constraints=constraints,
        remediations=remediations,
        snapshot=snapshot,
        errors=tuple(sorted(errors)),
        retry_after_s=retry_after_s,
    )


def meet(one: Decision, other: Decision) -> Decision:
    """Return the meet of two decisions, named after the first one's snapshot."""
    return meet_all((one, other), one.snapshot)
