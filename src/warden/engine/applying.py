"""Carry out a saved plan: every message is fetched anew and every action judged anew; what has changed is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from warden.engine.bench import Bench
from warden.engine.cycle import carry_out
from warden.engine.parts import BATCH_MESSAGES, Parts, Terms
from warden.engine.proposal import PlanBrain, action_digests
from warden.engine.pull import Pulled, Seen, needs_planning, read_message
from warden.errors import HubNotFoundError, PlanOriginError, quote
from warden.model.disposition import Disposition
from warden.model.report import MessageReport, RunReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from warden.engine.planning import Judged
    from warden.model.saved_plan import PlanItem, SavedPlan

PLAN_AGE_LIMIT_S = 24 * 3600
_AGAIN = "make a new one with `warden worker run --dry-run --out FILE`"


def check_origin(parts: Parts, plan: SavedPlan) -> None:
    """Raise `PlanOriginError` unless our ledger knows the plan, it is young enough, and nobody has applied it."""
    record = parts.store.plan_record(plan.digest)
    if record is None:
        raise PlanOriginError("this ledger knows no such plan: it was edited, or made elsewhere", _AGAIN)
    if record.used:
        raise PlanOriginError(f"the plan of run {quote(record.run_id)} was applied before", _AGAIN)
    age = parts.clock.now() - record.made_at
    if age > timedelta(seconds=PLAN_AGE_LIMIT_S):
        raise PlanOriginError(f"the plan is older than {PLAN_AGE_LIMIT_S // 3600} hours", _AGAIN)


def run_applying(parts: Parts, terms: Terms, plan: SavedPlan, draw: Callable[[], float]) -> RunReport:
    """Carry out `plan`; stale items are reported as refused and left for the next run.

    Raises `PlanOriginError` when the plan is not ours, was used, is too old, or is for another agent or hub; `HubError`,
    `StateError` and `LedgerError` as an executing run.
    """
    check_origin(parts, plan)
    given = replace(parts, brain=PlanBrain(parts.brain.name, parts.brain.digest, plan.items), asking=None)
    digests = {item.message_id: item.action_digests for item in plan.items}
    bench = Bench(given, terms, "apply", _Changed(digests))
    stale = plan.header.stale_parts(bench.opening.header())
    for name in ("agent", "hub_id"):
        if name in stale:
            raise PlanOriginError(f"the plan is for another {name.removesuffix('_id')}", _AGAIN)
    bench.heads.compare()
    bench.opening.write(judging=True)
    bench.journal.write("plan_applied", plan_digest=plan.digest)
    # The plan counts as used before anything of it leaves, whatever becomes of this run.
    bench.journal.commit()
    return carry_out(given, terms, bench, _pages(given, terms, plan, stale), draw)


@dataclass(frozen=True, slots=True)
class _Changed:
    """Objects to a message whose final actions are not those that the plan showed."""

    digests: Mapping[str, tuple[str, ...]]

    def __call__(self, judged: Judged) -> str:
        expected = self.digests.get(judged.seen.message.key.message_id)
        return "" if action_digests(judged) == expected else "the actions have changed"


def _pages(parts: Parts, terms: Terms, plan: SavedPlan, changed: tuple[str, ...]) -> Iterator[Pulled]:
    for start in range(0, len(plan.items), BATCH_MESSAGES):
        fresh: list[Seen] = []
        stale: list[MessageReport] = []
        for item in plan.items[start : start + BATCH_MESSAGES]:
            found = "changed since: " + ", ".join(changed) if changed else _fetch(parts, terms, item)
            if isinstance(found, Seen):
                fresh.append(found)
            else:
                stale.append(_stale_report(item, found))
        yield Pulled(tuple(fresh), (), 0, 0, False, tuple(stale))


def _fetch(parts: Parts, terms: Terms, item: PlanItem) -> Seen | str:
    """Return the message as it is now, or why its item does not hold any more."""
    try:
        message = parts.hub.get_message(terms.agent, item.message_id)
    except HubNotFoundError:
        return "the hub has no such message any more"
    before = parts.store.dispositions([message.key]).get(message.key)
    if not needs_planning(before):
        return "decided since"
    seen = read_message(message, terms.agent, terms.hop_limit, parts.scanner, before)
    if not isinstance(seen, Seen):
        return "cannot be read any more"
    return seen if seen.message.digest == item.message_digest else "the message has changed"


def _stale_report(item: PlanItem, why: str) -> MessageReport:
    return MessageReport(
        message_id=item.message_id,
        thread_id="",
        sender="",
        subject="",
        message_digest=item.message_digest,
        disposition=Disposition.ESCALATED,
        reason="stale",
        detail=why,
        stale=True,
    )
