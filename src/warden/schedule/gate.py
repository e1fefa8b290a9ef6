"""The gate of unattended running: closed as shipped, opened step by step, closed again by any change. Pure.

INVARIANT (fail-closed): whatever is not known to be exactly what a person signed off closes the gate. A charter that changed
closes it always; a changed overlay, brain or catalogue unless the operator allowed that kind of change when opening it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from warden.model.schedule import BRAIN, CATALOG, CHARTER, DRIFTS, OVERLAY, Enabled, Evidence


class Present(Protocol):
    """What a pass would be judged under now; asked for no more than the answer needs."""

    @property
    def charter_digest(self) -> str:
        """Digest of the charter."""
        ...

    @property
    def catalog_digest(self) -> str:
        """Digest of the catalogue's bytes."""
        ...

    def brain_digest(self, catalog_digest: str) -> str:
        """Digest of the brain, were it to answer from the catalogue with this digest."""
        ...

    def same_policies(self, enabled: Enabled) -> bool:
        """Whether the policies in force give the snapshot that the gate was opened for."""
        ...


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether unattended passes execute. `reason` is `open`, `not-enabled` or `drift`; `drift` says what changed and is not
    allowed to; `allowed` what changed and may."""

    reason: str
    drift: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether a scheduled pass executes."""
        return self.reason == "open"

    @property
    def text(self) -> str:
        """The reason in words, for people."""
        if self.reason == "drift":
            return f"changed since it was signed off: {', '.join(self.drift)}"
        return "open" if self.holds else "not enabled"


NOT_ENABLED = Gate("not-enabled")


def judge_gate(enabled: Enabled | None, present: Present) -> Gate:
    """Return the gate as it stands now."""
    if enabled is None:
        return NOT_ENABLED
    if present.charter_digest != enabled.basis.charter_digest:
        return Gate("drift", (CHARTER,))  # the snapshot follows from the charter: nothing more can be said of overlays
    changed = []
    if not present.same_policies(enabled):
        changed.append(OVERLAY)
    # A brain that answers from the catalogue changes with it: what is asked is whether it changed beside that.
    if present.brain_digest(enabled.basis.catalog_digest) != enabled.basis.brain_digest:
        changed.append(BRAIN)
    if present.catalog_digest != enabled.basis.catalog_digest:
        changed.append(CATALOG)
    drift = tuple(kind for kind in changed if kind not in enabled.allow_drift)
    return Gate("drift" if drift else "open", drift, tuple(kind for kind in changed if kind in enabled.allow_drift))


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that is wanted before the schedule can be enabled, and how to get it."""

    what: str
    how: str


def missing_steps(evidence: Evidence, clean_passes: int) -> tuple[Missing, ...]:
    """Return what is missing for exactly the present digests, in the order in which it is to be had."""
    found = []
    if evidence.dry_passes < clean_passes:
        what = f"{evidence.dry_passes} of {clean_passes} clean dry-run passes"
        found.append(Missing(what, "run `warden worker shakedown`"))
    if not evidence.approved_by:
        found.append(
            Missing("no sign-off", "read the shakedown's report, then `warden schedule approve --reason TEXT`")
        )
    if not evidence.execute_passes:
        how = "run `warden worker run --execute` when there is a message that is new to it"
        found.append(Missing("no pass by hand that executed and judged a message", how))
    return tuple(found)


def check_drifts(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Return the kinds of change that may be allowed, sorted; raises `ValueError` for any other, the charter's too."""
    if not set(kinds) <= set(DRIFTS):
        raise ValueError("not a kind of change that can be allowed")
    return tuple(sorted(set(kinds)))
