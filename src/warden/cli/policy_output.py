"""Decisions, findings and changes as JSON values and as lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from warden.cli.render import visible
from warden.model.request import Decision


def decision_document(decision: Decision) -> dict[str, object]:
    """Return a decision as JSON values: what `policy evaluate` prints."""
    from warden.documents.bundle import constraint_fields, remediation_fields

    return {
        "decision": decision.effect.word,
        "rule_ids": list(decision.rule_ids),
        "reasons": list(decision.reasons),
        "constraints": constraint_fields(decision.constraints),
        "remediations": [remediation_fields(item) for item in decision.remediations],
        "snapshot": decision.snapshot,
        "errors": list(decision.errors),
        "retry_after_s": decision.retry_after_s,
    }


def summary(decision: Decision) -> str:
    """Return a decision on one line: its word, and the rules that decided."""
    word = decision.effect.word
    if decision.retry_after_s is not None:
        word += f" (again in {decision.retry_after_s} s)"
    return f"{word}  {', '.join(decision.rule_ids)}"


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the rows as lines with aligned columns; the last column is not padded, every cell is made visible."""
    cells = [[visible(cell) for cell in row] for row in rows]
    if not cells:
        return []
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]) - 1)]
    return [
        "  ".join([*(c.ljust(w) for c, w in zip(row[:-1], widths, strict=True)), row[-1]]).rstrip() for row in cells
    ]
