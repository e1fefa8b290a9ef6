"""What every run sets out before its first message, whatever its mode."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from warden.engine.journal import Journal
from warden.errors import (
    EXIT_CREDENTIAL,
    EXIT_INTERRUPTED,
    EXIT_PARTIAL,
    EXIT_TERMINATED,
    LedgerError,
    StateError,
    WardenError,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

    from warden.engine.consulting import Consulting
    from warden.engine.enforce import Enforcer
    from warden.engine.heads import HeadWatch
    from warden.engine.parts import Parts, Terms
    from warden.engine.planning import Judged, Planner
    from warden.model.report import RunReport
    from warden.model.saved_plan import PlanHeader

MAX_ALERT = 256
"""INVARIANT (bounded): characters of an alert that an entry holds."""

_STOPPED = {"interrupted": EXIT_INTERRUPTED, "terminated": EXIT_TERMINATED, "deadline": EXIT_PARTIAL}


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
        self._more: list[tuple[str, dict[str, object]]] = []

    def add(self, entry_kind: str, /, **fields: object) -> None:
        """Add an entry that follows the run's start; to be called before `write`."""
        self._more.append((entry_kind, fields))

    def header(self) -> PlanHeader:
        """Return what the run's plan is bound to."""
        from warden.model.saved_plan import PlanHeader

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
        """Write the entry unless it was written before.

        INVARIANT (tamper-evident): a run that is about to act looks at its log first; raises `LedgerError`.
        """
        if self._written:
            return
        if judging and self._mode != "dry-run":
            self._parts.store.check_log()
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
            guard_digest=self._parts.scanner.digest if judging else None,
        )
        for kind, fields in self._more:
            self._journal.write(kind, **fields)
        for alert in self._parts.alerts() if judging else ():
            self._journal.write("alert_raised", code="policies", subject=alert[:MAX_ALERT])


class Bench:
    """What every mode sets out before the first message; what judges is set out when the first message asks for it.

    `objection` says why a judged message is not to be carried out after all (a plan that is applied has changed), or
    returns an empty string. Making one raises `HubError` when the hub cannot say what it is.
    """

    def __init__(
        self, parts: Parts, terms: Terms, mode: str, objection: Callable[[Judged], str] = _no_objection
    ) -> None:
        self._parts = parts
        self.terms = terms
        self.mode = mode
        self.objection = objection
        self.traits = parts.hub.traits()
        self.journal = Journal(parts.store, terms.run_id)
        self.opening = Opening(parts, terms, mode, self.traits.hub_id, self.journal)

    @cached_property
    def heads(self) -> HeadWatch:
        """What compares this run's log with heads that are kept elsewhere; only executing runs ask for it."""
        from warden.engine.heads import HeadWatch

        return HeadWatch(self._parts, self.terms, self.traits, self.journal, self.opening)

    @cached_property
    def enforcer(self) -> Enforcer:
        """The enforcement point of this run."""
        from warden.engine.enforce import Enforcer
        from warden.engine.tally import Velocities

        parts, terms = self._parts, self.terms
        return Enforcer(
            agent=terms.agent,
            brain=parts.brain.name,
            kernel=parts.kernel,
            scanner=parts.scanner,
            traits=self.traits,
            hop_limit=terms.hop_limit,
            velocities=Velocities(parts.store, parts.clock),
        )

    @cached_property
    def planner(self) -> Planner:
        """The planner of this run, with the counts of the last hour."""
        from warden.engine.draft import Drafter
        from warden.engine.planning import Planner
        from warden.engine.tally import Tally

        parts, agent = self._parts, self.terms.agent
        tally = Tally(parts.store.replies_since(agent, Tally.window_start(parts.clock.now())))
        drafter = Drafter(agent, parts.author or parts.brain.name, parts.catalog)
        return Planner(parts, drafter, self.enforcer, tally, self.consulting)

    @cached_property
    def consulting(self) -> Consulting | None:
        """What asks a model in this run, None for a brain that asks none."""
        if self._parts.asking is None:
            return None
        from warden.engine.consulting import Consulting

        return Consulting(self._parts, self.terms, self._parts.asking, self.journal)

    @property
    def asked(self) -> Mapping[str, int]:
        """How many messages a model was asked about, and how many kept answers were used again."""
        consulting = self.__dict__.get("consulting")
        return consulting.counts if consulting is not None else {}

    @property
    def alert(self) -> str:
        """What an operator must do before the model can be used again; empty for nothing."""
        consulting = self.__dict__.get("consulting")
        return consulting.alert if consulting is not None else ""


class Closing:
    """Writes `run_finished` at the end of the block, also when the block ends with an error.

    `finish` writes what is still to be written of deliveries before that.
    """

    def __init__(self, bench: Bench, counts: Counter[str], finish: Callable[[], object] | None = None) -> None:
        self._bench = bench
        self._counts = counts
        self._finish = finish

    def __enter__(self) -> Callable[[str, int, bool, str | None], RunReport]:
        return self._close

    def _close(self, stopped: str, status: int, blocked: bool, digest: str | None) -> RunReport:
        from warden.model.report import RunReport

        exit_status = _STOPPED.get(stopped, EXIT_CREDENTIAL if self._bench.alert else status)
        self._counts.update(self._bench.asked)
        counts = {name: self._counts[name] for name in sorted(self._counts) if self._counts[name]}
        self._bench.opening.write(judging=False)
        self._bench.journal.write(
            "run_finished",
            exit_status=exit_status,
            stopped=stopped or ("inbox-blocked" if blocked else ""),
            counts=counts,
            plan_digest=digest,
        )
        self._bench.journal.commit()
        if "heads" in self._bench.__dict__:
            self._bench.heads.keep()
        terms = self._bench.terms
        return RunReport(terms.run_id, self._bench.mode, terms.agent, exit_status, counts, stopped, blocked, digest)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # A store that failed is not written to again; a run that was killed inside leaves its intents in the outbox.
        if not isinstance(error, WardenError) or isinstance(error, StateError | LedgerError):
            return
        if self._finish is not None:
            self._finish()
        self._close(error.code, error.exit_status, False, None)
