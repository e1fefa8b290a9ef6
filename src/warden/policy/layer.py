"""A layer: anything that judges a request alone. Bundles and the Cedar adapter are layers; the kernel meets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from warden.model.request import Decision, Request, VelocityKey
from warden.policy.explanation import FieldTrace, LayerTrace, RuleTrace
from warden.policy.facts import Facts
from warden.policy.matching import FieldCheck


class Layer(Protocol):
    """Judges alone. `name` is unique among the layers of a kernel; `digest` names the contents in the snapshot."""

    @property
    def name(self) -> str:
        """The layer's name: a file name."""
        ...

    @property
    def version(self) -> str:
        """The version that the contents state."""
        ...

    @property
    def digest(self) -> str:
        """`sha256:` digest of the contents."""
        ...

    def judge(self, facts: Facts) -> Decision | None:
        """Return this layer's decision, or None when it has no opinion. Whatever it raises is a deny."""
        ...

    def trace(self, facts: Facts) -> LayerTrace:
        """Return how `judge` comes to its answer; the answer in it equals that of `judge`."""
        ...

    def velocity_keys(self, request: Request) -> tuple[VelocityKey, ...]:
        """Return the counts that `judge` wants in the request."""
        ...


_OUTCOMES = {True: "held", False: "failed", None: "missing"}


def trace_rule(rule_id: str, checks: Iterable[FieldCheck], restricting: bool, facts: Facts) -> RuleTrace:
    """Return how `matching.holds` decides on these checks."""
    fields: list[FieldTrace] = []
    for item in checks:
        outcome = item.check(facts)
        fields.append(FieldTrace(item.field, _OUTCOMES[outcome], item.expected, item.actual(facts)))
        if outcome is False or (outcome is None and not restricting):
            return RuleTrace(rule_id, False, tuple(fields))
    note = "" if fields else "an empty match applies to every request"
    if any(trace.outcome == "missing" for trace in fields):
        note = "a missing fact makes a restricting rule match"
    return RuleTrace(rule_id, True, tuple(fields), note)
