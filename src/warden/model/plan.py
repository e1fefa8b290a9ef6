"""What a brain proposes. Nothing here is trusted: a plan may hold garbage, and the kernel judges whatever is in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Candidate:
    """A catalogue entry that was considered: its id, its score in thousandths, and the terms that matched."""

    entry_id: str
    score: int
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """One proposed action: a kind (any string) and its arguments (any JSON values)."""

    kind: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a brain proposes for one message.

    `reason` is a short stable code (`routing-question`, `several-candidates`, ...); `detail` is one line of prose for a
    person; `catalog_entry` names the entry an answer rests on; `candidates` are ordered best first. `ordered` is set by the
    engine alone, for what an operator's own rule names; a brain that sets it is not believed.
    """

    actions: tuple[PlannedAction, ...]
    reason: str
    detail: str = ""
    catalog_entry: str | None = None
    candidates: tuple[Candidate, ...] = ()
    ordered: bool = False
