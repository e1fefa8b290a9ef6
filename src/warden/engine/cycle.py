"""One cycle: one pass over one inbox, dry, executing, or applying a saved plan.

The three differ in where messages come from and in what is done with a judged message; pulling, planning and judging are
the same objects in each. A dry run is given no channel: INVARIANT (dry-run-is-pure) holds because there is nothing in its
hands that could deliver, and because it writes nothing but the run's own two entries and what asking a model used and gave.

Most runs find nothing to do: what plans, judges and delivers is imported when there is something to plan, judge or deliver.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from warden.engine.bench import Bench, Closing
from warden.engine.parts import BATCH_MESSAGES, BRAIN_FAULTS, FAULTS
from warden.engine.pull import Puller
from warden.errors import EXIT_CREDENTIAL, EXIT_DONE, EXIT_PARTIAL
from warden.model.disposition import Disposition

if TYPE_CHECKING:
    from warden.engine.execution import Execution
    from warden.engine.outbox import Outbox
    from warden.engine.parts import Parts, Terms
    from warden.engine.planning import Judged
    from warden.engine.pull import Pulled, Seen
    from warden.model.report import RunReport
    from warden.model.saved_plan import PlanDigest, PlanHeader, PlanItem

_UNHANDLED = (Disposition.FAILED, Disposition.DEAD, Disposition.QUARANTINED)

Keep = Callable[["PlanHeader"], Callable[["PlanItem"], None]]
"""Is called with a plan's header and returns what takes each item of it."""


def run_dry(parts: Parts, terms: Terms, keep: Keep | None = None) -> RunReport:
    """Plan and judge the inbox, report it, and change nothing.

    `keep` takes the plan that is to be saved. Raises `HubError`, `StateError` and `LedgerError`.
    """
    bench = Bench(parts, terms, "dry-run")
    plan = _PlanInMaking(bench, keep)
    counts: Counter[str] = Counter()
    blocked = False
    with Closing(bench, counts) as close:
        if keep is not None:
            plan.begin()
        for pulled in Puller(parts, terms, bench.traits).pages():
            blocked |= _count_page(pulled, counts)
            for item in pulled.unreadable:
                parts.reporter.message(item.report())
            if pulled.fresh:  # an empty page needs no planner
                plan.begin()
                _show(parts, bench, plan, pulled.fresh, counts)
        status = EXIT_PARTIAL if blocked else EXIT_DONE
        return close(parts.stop.requested(), status, blocked, plan.digest())


def _show(parts: Parts, bench: Bench, plan: _PlanInMaking, messages: Sequence[Seen], counts: Counter[str]) -> None:
    for seen, proposed in bench.planner.plans(messages):
        judged = bench.planner.judge(seen, proposed)
        plan.add(judged)
        counts[judged.disposition.value] += 1
        counts[FAULTS] += judged.reason in BRAIN_FAULTS
        parts.reporter.message(judged.report())


class _PlanInMaking:
    """Computes the digest of a dry run's plan, and hands its items on to be saved."""

    def __init__(self, bench: Bench, keep: Keep | None) -> None:
        self._bench = bench
        self._keep = keep
        self._digest: PlanDigest | None = None
        self._take: Callable[[PlanItem], None] | None = None

    def begin(self) -> PlanDigest:
        """Write what the plan is bound to, once, and return what computes its digest."""
        from warden.model.saved_plan import PlanDigest

        if self._digest is None:
            self._bench.opening.write(judging=True)
            header = self._bench.opening.header()
            self._digest = PlanDigest(header)
            self._take = self._keep(header) if self._keep else None
        return self._digest

    def add(self, judged: Judged) -> None:
        """Take the next message into the plan."""
        from warden.engine.proposal import plan_item

        item = plan_item(judged)
        self.begin().add(item)
        if self._take is not None:
            self._take(item)

    def digest(self) -> str | None:
        """Return the plan's digest, None when there is no plan."""
        return self._digest.value() if self._digest is not None else None


class _Hands:
    """Outbox and execution of a run, made when there is something to deliver or to record."""

    def __init__(self, parts: Parts, terms: Terms, bench: Bench, draw: Callable[[], float]) -> None:
        self._parts = parts
        self._terms = terms
        self._bench = bench
        self._draw = draw

    @cached_property
    def outbox(self) -> Outbox:
        """The outbox of this run."""
        from warden.engine.outbox import Outbox

        return Outbox(self._parts, self._terms, self._bench.enforcer, self._bench.journal, self._draw)

    @cached_property
    def execution(self) -> Execution:
        """What carries out batches."""
        from warden.engine.execution import Execution

        return Execution(self._parts, self.outbox, self._bench.journal)

    def tend(self) -> None:
        """Let approvals expire and raise what nobody took note of; nothing is loaded where nothing is due."""
        parts, terms = self._parts, self._terms
        if parts.reviews is None:
            return
        now = parts.clock.now()
        before = None if terms.raise_after_s is None else now - timedelta(seconds=terms.raise_after_s)
        if not parts.reviews.waits(terms.agent, now, before):
            return
        from warden.engine.review_upkeep import tend

        tend(parts, terms, self._bench, self.outbox, parts.reviews)

    def listen(self) -> int:
        """Take what was reported of earlier deliveries, and give up on those of which nothing is heard any more; returns
        how many reports that were."""
        parts, terms, source = self._parts, self._terms, self._parts.outcomes
        if source is None:
            return 0
        from warden.engine.outcomes import silent, sweep, take_reports

        reports = dropped = 0
        if source.waiting(1):
            reports = take_reports(parts, terms, self._bench, self.outbox, source)
        if silent(parts, terms, self._bench.traits.hub_id, 1):
            dropped = sweep(parts, terms, self._bench, self.outbox, source)
        return reports + dropped

    def drain(self) -> tuple[int, int]:
        """Deliver what an earlier run left open and due; returns how many brought a receipt and how many failed."""
        parts, hub_id = self._parts, self._bench.traits.hub_id
        if not parts.store.pending(hub_id, self._terms.agent, parts.clock.now(), 1):
            return 0, 0
        from warden.engine.recovery import drain

        drained = drain(parts, self._terms, self._bench, self.outbox)
        return drained.received, drained.failed

    @property
    def refused(self) -> bool:
        """Whether the hub has refused our credential."""
        return "outbox" in self.__dict__ and self.outbox.credential_refused

    def finish(self) -> int:
        """Write what the last deliveries brought, and return how many deliveries of this run's batches failed."""
        if "execution" not in self.__dict__:
            return 0
        self.execution.finish()
        return self.execution.faults

    def report_rest(self) -> None:
        """Report the messages whose last records have become durable."""
        if "execution" in self.__dict__:
            self.execution.report_rest()


def run_executing(parts: Parts, terms: Terms, draw: Callable[[], float]) -> RunReport:
    """Drain the outbox, then plan, judge and carry out the inbox.

    Raises `HubError` when the inbox cannot be listed, `StateError` and `LedgerError`; what was in flight is in the outbox.
    """
    bench = Bench(parts, terms, "execute")
    bench.heads.compare()
    return carry_out(parts, terms, bench, Puller(parts, terms, bench.traits).pages(), draw)


def deliver_open(parts: Parts, terms: Terms, draw: Callable[[], float]) -> RunReport:
    """Deliver what is open and due, and look at no inbox: how what a person released leaves at once.

    Raises as `run_executing`; the caller holds the cycle's lock as for any other run.
    """
    bench = Bench(parts, terms, "execute")
    bench.heads.compare()
    return carry_out(parts, terms, bench, iter(()), draw)


def carry_out(
    parts: Parts, terms: Terms, bench: Bench, pages: Iterator[Pulled], draw: Callable[[], float]
) -> RunReport:
    """Carry out every message of `pages` after what an earlier run left open."""
    counts: Counter[str] = Counter()
    hands = _Hands(parts, terms, bench, draw)
    blocked = False
    with Closing(bench, counts, hands.finish) as close:
        hands.tend()
        counts["reports"] = hands.listen()
        counts["recovered"], undelivered = hands.drain()
        for pulled in pages:
            blocked |= _count_page(pulled, counts)
            _carry_out_page(parts, bench, hands, pulled, counts)
            if hands.refused:
                break
        faults = hands.finish()
        status = _exit_status(counts, undelivered + faults, blocked)
        stopped = parts.stop.requested()
        if hands.refused:
            stopped, status = "credential", EXIT_CREDENTIAL
        report = close(stopped, status, blocked, None)
        hands.report_rest()
        return report


def _carry_out_page(parts: Parts, bench: Bench, hands: _Hands, pulled: Pulled, counts: Counter[str]) -> None:
    if pulled.fresh or pulled.unreadable:
        bench.opening.write(judging=True)
    for item in pulled.unreadable:
        bench.journal.unreadable(item)
        parts.reporter.message(item.report())
    for stale in pulled.stale:
        parts.reporter.message(stale)
    for start in range(0, len(pulled.fresh), BATCH_MESSAGES):
        if parts.stop.requested() or hands.refused:
            return
        batch = _judge(parts, bench, _ready(parts, bench, pulled.fresh[start : start + BATCH_MESSAGES], counts), counts)
        done = hands.execution.carry_out(batch, parts.brain.name)
        counts.update(disposition.value for disposition in done.values())


def _ready(parts: Parts, bench: Bench, messages: Sequence[Seen], counts: Counter[str]) -> list[Seen]:
    """Leave out what would overtake a delivery of its thread that an earlier batch could not make."""
    busy = parts.store.busy_threads(bench.traits.hub_id, bench.terms.agent)
    ready = [seen for seen in messages if seen.message.content.thread_id not in busy]
    counts["waiting"] += len(messages) - len(ready)
    return ready


def _judge(parts: Parts, bench: Bench, messages: Sequence[Seen], counts: Counter[str]) -> list[Judged]:
    batch: list[Judged] = []
    for seen, proposed in bench.planner.plans(messages):
        judged = bench.planner.judge(seen, proposed)
        counts[FAULTS] += judged.reason in BRAIN_FAULTS
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
