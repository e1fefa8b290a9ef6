"""What `explain` answers: each layer, each rule that was tried, why it matched or which field failed, and the meet."""

from __future__ import annotations

from dataclasses import dataclass

from warden.model.request import Decision


@dataclass(frozen=True, slots=True)
class FieldTrace:
    """One field that was looked at: `outcome` is `held`, `failed` or `missing`."""

    field: str
    outcome: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule that was tried, with the fields that were looked at up to the one that decided."""

    rule_id: str
    matched: bool
    fields: tuple[FieldTrace, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class LayerTrace:
    """One layer: the rules tried in order, and its answer (None when it abstained)."""

    layer: str
    rules: tuple[RuleTrace, ...]
    decision: Decision | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All layers and their meet; `decision` equals what `evaluate` answers for the same request."""

    layers: tuple[LayerTrace, ...]
    decision: Decision
    notes: tuple[str, ...] = ()
