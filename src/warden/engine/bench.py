"""What every run sets out before its first message, whatever its mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from warden.engine.draft import Drafter
from warden.engine.enforce import Enforcer
from warden.engine.journal import Journal
from warden.engine.parts import Parts, Terms
from warden.engine.planning import Judged, Planner
from warden.engine.tally import Tally
from warden.model.hub import HubTraits
from warden.model.saved_plan import PlanHeader


def _no_objection(judged: Judged) -> str:
    return ""


class Opening:
    """Writes `run_started`, once: before the first judgement, or at the end of a run that had nothing to judge.

    A run that judges nothing names no snapshot: no policy was consulted, and none has to be read.
    """

    def __init__(self, parts: Parts, terms: Terms, mode: str, hub_id: str, journal: Journal) -> None:
        self._parts = parts
        self._terms = terms
        self._mode = mode
        self._hub_id = hub_id
        self._journal = journal
        self._written = False

    def header(self) -> PlanHeader:
        """Return what the run's plan is bound to."""
        now = self._parts.clock.now()
        return PlanHeader(
            run_id=self._terms.run_id,
            made_at=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            agent=self._terms.agent,
            hub_id=self._hub_id,
            charter_digest=self._parts.kernel.charter_digest,
            snapshot=self._parts.kernel.snapshot,
            brain=self._parts.brain.name,
            brain_digest=self._parts.brain.digest,
            catalog_digest=self._parts.catalog.digest,
            guard_digest=self._parts.scanner.digest,
        )

    def write(self, judging: bool) -> None:
        """Write the entry unless it was written before."""
        if self._written:
            return
        self._written = True
        self._journal.write(
            "run_started",
            mode=self._mode,
            trigger=self._terms.trigger,
            version=self._terms.version,
            agent=self._terms.agent,
            hub_id=self._hub_id,
            charter_digest=self._parts.kernel.charter_digest,
            snapshot=self._parts.kernel.snapshot if judging else "",
            brain=self._parts.brain.name,
            brain_digest=self._parts.brain.digest,
            catalog_digest=self._parts.catalog.digest,
            guard_digest=self._parts.scanner.digest,
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """What every mode sets out before the first message.

    `objection` says why a judged message is not to be carried out after all (a plan that is applied has changed), or
    returns an empty string.
    """

    traits: HubTraits
    enforcer: Enforcer
    planner: Planner
    journal: Journal
    opening: Opening
    objection: Callable[[Judged], str] = _no_objection


def set_out(parts: Parts, terms: Terms, mode: str) -> Bench:
    """Return the bench of a run; raises `HubError` when the hub cannot say what it is."""
    traits = parts.hub.traits()
    enforcer = Enforcer(terms.agent, parts.brain.name, parts.kernel, parts.scanner, traits, terms.hop_limit)
    tally = Tally(parts.store.replies_since(terms.agent, Tally.window_start(parts.clock.now())))
    drafter = Drafter(terms.agent, parts.brain.name, parts.catalog)
    journal = Journal(parts.store, terms.run_id)
    planner = Planner(parts.brain, drafter, enforcer, tally, parts.scanner)
    return Bench(traits, enforcer, planner, journal, Opening(parts, terms, mode, traits.hub_id, journal))
