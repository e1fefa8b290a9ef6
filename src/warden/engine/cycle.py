"""One cycle: one pass over one inbox, dry, executing, or applying a saved plan.

The three differ in where messages come from and in what is done with a judged message; pulling, planning and judging are
the same objects in each. A dry run is given no channel: INVARIANT (dry-run-is-pure) holds because there is nothing in its
hands that could deliver, and because it writes nothing but the run's own two entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from warden.engine.bench import Bench, Opening, set_out
from warden.engine.execution import Execution
from warden.engine.journal import totals
from warden.engine.outbox import Outbox
from warden.engine.parts import BATCH_MESSAGES, Parts, Terms
from warden.engine.planning import Judged
from warden.engine.proposal import plan_item
from warden.engine.pull import Pulled, Puller, Seen
from warden.engine.recovery import drain
from warden.errors import (
    EXIT_CREDENTIAL,
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_PARTIAL,
    EXIT_TERMINATED,
    LedgerError,
    StateError,
    WardenError,
)
from warden.model.delivery import Disposition
from warden.model.report import RunReport
from warden.model.saved_plan import PlanDigest, PlanHeader, PlanItem

_STOPPED = {"interrupted": EXIT_INTERRUPTED, "terminated": EXIT_TERMINATED, "deadline": EXIT_PARTIAL}
_UNHANDLED = (Disposition.FAILED, Disposition.DEAD, Disposition.QUARANTINED)


Keep = Callable[[PlanHeader], Callable[[PlanItem], None]]
"""Is called with a plan's header and returns what takes each item of it."""


def run_dry(parts: Parts, terms: Terms, keep: Keep | None = None) -> RunReport:
    """Plan and judge the inbox, report it, and change nothing.

    `keep` takes the plan that is to be saved. Raises `HubError`, `StateError` and `LedgerError`.
    """
    bench = set_out(parts, terms, "dry-run")
    plan = _PlanInMaking(bench.opening, keep)
    counts: Counter[str] = Counter()
    blocked = False
    with Closing(bench, terms, "dry-run", counts) as close:
        if keep is not None:
            plan.begin()
        for pulled in Puller(parts, terms, bench.traits).pages():
            blocked |= _count_page(pulled, counts)
            for seen in pulled.fresh:
                plan.begin()
                judged = bench.planner.judge(seen, bench.planner.propose(seen))
                plan.add(plan_item(judged))
                counts[judged.disposition.value] += 1
                parts.reporter.message(judged.report())
        status = EXIT_PARTIAL if blocked else EXIT_DONE
        return close(parts.stop.requested(), status, blocked, plan.digest())


class _PlanInMaking:
    """Computes the digest of a dry run's plan, and hands its items on to be saved."""

    def __init__(self, opening: Opening, keep: Keep | None) -> None:
        self._opening = opening
        self._keep = keep
        self._digest: PlanDigest | None = None
        self._take: Callable[[PlanItem], None] | None = None

    def begin(self) -> None:
        if self._digest is None:
            self._opening.write(judging=True)
            header = self._opening.header()
            self._digest = PlanDigest(header)
            self._take = self._keep(header) if self._keep else None

    def add(self, item: PlanItem) -> None:
        if self._digest is not None:
            self._digest.add(item)
        if self._take is not None:
            self._take(item)

    def digest(self) -> str | None:
        return self._digest.value() if self._digest is not None else None


def run_executing(parts: Parts, terms: Terms, draw: Callable[[], float]) -> RunReport:
    """Drain the outbox, then plan, judge and carry out the inbox.

    Raises `HubError` when the inbox cannot be listed, `StateError` and `LedgerError`; what was in flight is in the outbox.
    """
    bench = set_out(parts, terms, "execute")
    puller = Puller(parts, terms, bench.traits)
    return carry_out(parts, terms, bench, "execute", puller.pages(), draw)


def carry_out(
    parts: Parts, terms: Terms, bench: Bench, mode: str, pages: Iterator[Pulled], draw: Callable[[], float]
) -> RunReport:
    """Carry out every message of `pages` after what an earlier run left open."""
    counts: Counter[str] = Counter()
    outbox = Outbox(parts, terms, bench.enforcer, bench.journal, draw)
    execution = Execution(parts, outbox, bench.journal)
    blocked = False
    with Closing(bench, terms, mode, counts, execution) as close:
        counts["recovered"] = drain(parts, terms, bench, outbox)
        for pulled in pages:
            blocked |= _count_page(pulled, counts)
            if pulled.fresh or pulled.unreadable:
                bench.opening.write(judging=True)
            for item in pulled.unreadable:
                bench.journal.unreadable(item)
            for stale in pulled.stale:
                parts.reporter.message(stale)
            for start in range(0, len(pulled.fresh), BATCH_MESSAGES):
                if parts.stop.requested() or outbox.credential_refused:
                    break
                batch = _judge(parts, bench, pulled.fresh[start : start + BATCH_MESSAGES], counts)
                done = execution.carry_out(batch, parts.brain.name)
                counts.update(disposition.value for disposition in done.values())
            if outbox.credential_refused:
                break
        execution.finish()
        status = _exit_status(counts, execution.faults, blocked)
        stopped = parts.stop.requested()
        if outbox.credential_refused:
            stopped, status = "credential", EXIT_CREDENTIAL
        report = close(stopped, status, blocked, None)
        execution.report_rest()
        return report


def _judge(parts: Parts, bench: Bench, messages: Sequence[Seen], counts: Counter[str]) -> list[Judged]:
    batch: list[Judged] = []
    for seen in messages:
        judged = bench.planner.judge(seen, bench.planner.propose(seen))
        why = bench.objection(judged)
        if why:
            counts["stale"] += 1
            report = judged.report(disposition=Disposition.ESCALATED)
            parts.reporter.message(replace(report, reason="stale", detail=why, stale=True))
        else:
            batch.append(judged)
    return batch


def _exit_status(counts: Counter[str], faults: int, blocked: bool) -> int:
    unhandled = sum(counts[disposition.value] for disposition in _UNHANDLED)
    return EXIT_PARTIAL if unhandled or faults or blocked or counts["stale"] else EXIT_DONE


def _count_page(pulled: Pulled, counts: Counter[str]) -> bool:
    counts["decided"] += pulled.decided
    counts["waiting"] += pulled.waiting
    counts["stale"] += len(pulled.stale)
    counts[Disposition.QUARANTINED.value] += len(pulled.unreadable)
    return pulled.blocked


class Closing:
    """Writes `run_finished` at the end of the block, also when the block ends with an error."""

    def __init__(
        self, bench: Bench, terms: Terms, mode: str, counts: Counter[str], execution: Execution | None = None
    ) -> None:
        self._bench = bench
        self._terms = terms
        self._mode = mode
        self._counts = counts
        self._execution = execution

    def __enter__(self) -> Callable[[str, int, bool, str | None], RunReport]:
        return self._close

    def _close(self, stopped: str, status: int, blocked: bool, digest: str | None) -> RunReport:
        exit_status = _STOPPED.get(stopped, status)
        counts = totals(self._counts)
        self._bench.opening.write(judging=False)
        self._bench.journal.write(
            "run_finished",
            exit_status=exit_status,
            stopped=stopped or ("inbox-blocked" if blocked else ""),
            counts=counts,
            plan_digest=digest,
        )
        self._bench.journal.commit()
        return RunReport(
            self._terms.run_id, self._mode, self._terms.agent, exit_status, counts, stopped, blocked, digest
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, WardenError) or isinstance(error, StateError | LedgerError):
            return
        if self._execution is not None:
            self._execution.finish()
        self._close(error.code, error.exit_status, False, None)
