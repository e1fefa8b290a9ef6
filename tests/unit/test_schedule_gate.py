"""The gate, the health of unattended running, and what the ledger counts as evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from warden.errors import TransitionError
from warden.model.digests import digest_text
from warden.model.entry import Batch, Entry
from warden.model.schedule import Alert, Basis, Enabled, Evidence, JobRecord, RunRecord, Scope
from warden.schedule.gate import NOT_ENABLED, Gate, check_drifts, judge_gate, missing_steps
from warden.schedule.health import ADVICE, Facts, WorkerSign, judge_health, recurs_like_a_timer
from warden.schedule.timetable import Interval
from warden.store import schedule
from warden.store.sqlite import SqliteLedgerStore
from warden.testing.engine import FixedClock

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SCOPE = Scope("ops-warden", "hub")
BASIS = Basis(digest_text("charter"), "1:snapshot", digest_text("brain"), digest_text("catalog"))
FILES = digest_text("files")


@dataclass
class Present:
    """What a pass would be judged under now."""

    charter_digest: str = BASIS.charter_digest
    catalog_digest: str = BASIS.catalog_digest
    policies: bool = True
    brain: str = "brain"

    def brain_digest(self, catalog_digest: str) -> str:
        """A brain that depends on its catalogue."""
        return digest_text(self.brain if catalog_digest == BASIS.catalog_digest else self.brain + catalog_digest)

    def same_policies(self, enabled: Enabled) -> bool:
        """Whether the policies are the same."""
        return self.policies


def enabled(*allow: str) -> Enabled:
    """Return an open gate."""
    return Enabled(SCOPE, BASIS, FILES, "uid:0(root)", NOW, allow)


def test_the_gate_is_closed_as_shipped() -> None:
    """Without an enabling there is nothing to hold."""
    assert judge_gate(None, Present()) == NOT_ENABLED
    assert not NOT_ENABLED.holds


CHANGES = {
    "overlay": Present(policies=False),
    "brain": Present(brain="another"),
    "catalog": Present(catalog_digest=digest_text("another")),
}


@pytest.mark.parametrize("kind", sorted(CHANGES))
def test_each_change_closes_the_gate_unless_it_was_allowed(kind: str) -> None:
    """A change closes it, says which it is, and is passed over only when that kind was allowed. A brain that answers from a
    changed catalogue has not changed for that."""
    assert judge_gate(enabled(), Present()) == Gate("open")
    found = judge_gate(enabled(), CHANGES[kind])
    assert (found.holds, found.drift) == (False, (kind,))
    assert kind in found.text
    assert judge_gate(enabled(kind), CHANGES[kind]) == Gate("open", (), (kind,))
    assert not judge_gate(enabled(*(set(CHANGES) - {kind})), CHANGES[kind]).holds


def test_a_changed_charter_always_closes_the_gate() -> None:
    """Whatever was allowed."""
    changed = Present(charter_digest=digest_text("another"))
    assert judge_gate(enabled("overlay", "brain", "catalog", "charter"), changed).drift == ("charter",)
    with pytest.raises(ValueError, match="kind"):
        check_drifts(("charter",))
    assert check_drifts(("catalog", "brain", "catalog")) == ("brain", "catalog")


def test_each_missing_step_is_named() -> None:
    """What is missing, in the order in which it is to be had."""
    assert [step.how.split("`")[1] for step in missing_steps(Evidence(), 3)] == [
        "warden worker shakedown",
        "warden schedule approve --reason TEXT",
        "warden worker run --execute",
    ]
    assert missing_steps(Evidence(3, 1, "uid:0"), 3) == ()
    assert len(missing_steps(Evidence(2, 1, "uid:0"), 3)) == 1


@pytest.fixture
def store() -> Iterator[SqliteLedgerStore]:
    """An empty ledger."""
    store = SqliteLedgerStore(":memory:", FixedClock())
    yield store
    store.close()


def basis_fields(basis: Basis = BASIS) -> dict[str, object]:
    """Return scope and basis as fields."""
    return {
        "agent": SCOPE.agent,
        "hub_id": SCOPE.hub_id,
        "charter_digest": basis.charter_digest,
        "snapshot": basis.snapshot,
        "brain_digest": basis.brain_digest,
        "catalog_digest": basis.catalog_digest,
    }


def run(
    store: SqliteLedgerStore, mode: str = "dry-run", trigger: str = "manual", status: int = 0, **changes: object
) -> None:
    """Record a run."""
    started: dict[str, object] = {**basis_fields(), "run_id": "r", "mode": mode, "trigger": trigger, "brain": "rule"}
    started |= {"guard_digest": None, "version": "1"}
    finished: dict[str, object] = {
        "run_id": "r",
        "exit_status": status,
        "stopped": "",
        "counts": {},
        "plan_digest": None,
    }
    started |= {name: value for name, value in changes.items() if name in started}
    finished |= {name: value for name, value in changes.items() if name in finished}
    entries = [Entry("run_started", started), Entry("run_finished", finished)]
    if "alert" in changes:
        entries.insert(1, Entry("alert_raised", {"run_id": "r", "code": "policies", "subject": ""}))
    store.commit(Batch(tuple(entries)))


def evidence(store: SqliteLedgerStore, basis: Basis = BASIS) -> Evidence:
    """Return what the ledger holds."""
    key = schedule.evidence_key(SCOPE, basis)
    return store.read(lambda connection: schedule.read_evidence(connection, key))


def test_clean_passes_count(store: SqliteLedgerStore) -> None:
    """Dry runs of anybody, executing runs of a person with or without a terminal; nothing of another basis."""
    run(store)
    run(store, trigger="scheduled")
    run(store, "execute")
    run(store, "execute", "headless")
    assert evidence(store) == Evidence(2, 2)
    assert evidence(store, replace(BASIS, snapshot="other")) == Evidence()


@pytest.mark.parametrize(
    "changes",
    [
        {"status": 1},
        {"stopped": "deadline"},
        {"snapshot": ""},
        {"catalog_digest": None},
        {"counts": {"faults": 1}},
        {"alert": True},
        {"mode": "apply"},
        {"mode": "execute", "trigger": "scheduled"},
    ],
)
def test_what_proves_nothing_does_not_count(store: SqliteLedgerStore, changes: dict[str, object]) -> None:
    """A failure, an early end, nothing judged, a brain that failed, an alert, another mode, the schedule's own doing."""
    run(store, **changes)  # type: ignore[arg-type]
    assert evidence(store) == Evidence()


def test_the_ledger_holds_the_order_of_the_steps(store: SqliteLedgerStore) -> None:
    """No sign-off without a report, no enabling without passes and sign-off: whoever writes the entry."""
    person = {"by": "uid:0", "reason_digest": digest_text("x")}
    report = {"report_digest": digest_text("report")}
    approved = Entry("schedule_approved", {**basis_fields(), **report, **person})
    opened = Entry(
        "schedule_enabled", {**basis_fields(), **person, "policy_files_digest": FILES, "allow_drift": ["brain"]}
    )
    for entry in (approved, opened):
        with pytest.raises(TransitionError):
            store.commit(Batch((entry,)))
    store.commit(Batch((Entry("shakedown_finished", {**basis_fields(), **report, "passes": 3, "clean": 3}),)))
    store.commit(Batch((approved,)))
    with pytest.raises(TransitionError):
        store.commit(Batch((opened,)))
    run(store)
    run(store, "execute")
    store.commit(Batch((opened,)))
    (gate,) = store.read(lambda connection: schedule.read_gates(connection, SCOPE.agent))
    assert gate == replace(enabled("brain"), by="uid:0", at=gate.at)
    closed = {"agent": SCOPE.agent, "hub_id": SCOPE.hub_id, "by": "uid:0", "reason_digest": None}
    store.commit(Batch((Entry("schedule_disabled", closed),)))
    assert store.read(lambda connection: schedule.read_gates(connection, SCOPE.agent)) == ()


def test_alerts_stand_until_something_ends_them(store: SqliteLedgerStore) -> None:
    """A pass that goes through ends those about passes; one that executes by schedule ends the one about drift."""

    def standing() -> list[str]:
        return [one.code for one in store.read(lambda connection: schedule.read_alerts(connection, SCOPE.agent))]

    for code in ("gate-drift", "run-failed", "schedule-missed", "clock-stepped"):
        store.commit(Batch((Entry("alert_raised", {"run_id": None, "code": code, "subject": "ops-warden: x"}),)))
    assert standing() == ["gate-drift", "run-failed", "schedule-missed"]
    run(store, status=1)
    assert standing() == ["gate-drift", "run-failed", "schedule-missed"]
    run(store)
    assert standing() == ["gate-drift"]
    run(store, "execute", "scheduled")
    assert standing() == []


GOOD = RunRecord("r", "execute", "scheduled", 0, "", NOW)


def codes(**facts: object) -> list[str]:
    """Return the codes of what is wrong."""
    health = judge_health(replace(Facts(NOW), **facts))  # type: ignore[arg-type]
    assert health.healthy == (not health.problems)
    assert all(problem.advice for problem in health.problems)
    return [problem.code for problem in health.problems]


def test_nothing_is_wrong_with_what_never_ran() -> None:
    """A fresh installation is healthy."""
    assert codes() == []


def test_what_is_wrong_has_a_code_and_advice() -> None:
    """Failures, drift, silence, and ticks at which nothing happened."""
    bad = replace(GOOD, exit_status=1)
    assert codes(runs={"last": bad, "good": GOOD}) == ["last-run"]
    assert codes(runs={"last": replace(GOOD, stopped="deadline", exit_status=3)}) == ["last-run"]
    assert codes(runs={"last": bad}, alerts=[Alert("run-failed", "exit status 1", NOW)]) == ["run-failed"]
    assert codes(gate=Gate("drift", ("catalog",))) == ["gate-drift"]
    assert codes(alerts=[Alert("gate-drift", "catalog", NOW)], gate=Gate("open")) == []
    silent = WorkerSign("waiting", NOW - timedelta(hours=1), timedelta(seconds=30))
    assert codes(worker=silent) == ["worker-silent"]
    assert codes(worker=replace(silent, state="stopped")) == []
    assert set(ADVICE) >= {"last-run", "run-failed", "gate-drift", "worker-silent", "tick-overdue", "schedule-missed"}


def test_a_tick_is_overdue_only_when_somebody_counts_on_it() -> None:
    """With an open gate, a schedule that is known and nothing under way, two minutes after a tick."""
    job = JobRecord("j", "ops-warden", NOW - timedelta(minutes=10), "done")
    known = {"job": job, "table": Interval(60), "last_seen": job.last_at}
    assert codes(**known, gate=Gate("open")) == ["tick-overdue"]
    assert codes(**known, gate=NOT_ENABLED) == []
    assert codes(**known, gate=Gate("open"), jitter=timedelta(hours=1)) == []
    assert codes(**known, gate=Gate("open"), worker=WorkerSign("running", NOW, MINUTE)) == []
    soon = {**known, "last_seen": NOW - MINUTE}
    assert codes(**soon, gate=Gate("open")) == []


def test_even_intervals_look_like_a_timer() -> None:
    """Seven starts in even minutes do; a person's do not, nor do fewer, nor those of a loop by hand."""
    even = [minute * 60_000 + minute % 2 * 200 for minute in range(7)]
    assert recurs_like_a_timer(even) == 60
    assert recurs_like_a_timer([-5_000_000, *even]) == 60
    assert recurs_like_a_timer(even[:6]) is None
    assert recurs_like_a_timer([0, 60_000, 65_000, 400_000, 460_000, 520_000, 900_000]) is None
    assert recurs_like_a_timer([second * 1000 for second in range(7)]) is None
    assert recurs_like_a_timer([]) is None


def test_starts_without_a_terminal_are_remembered_for_a_while(store: SqliteLedgerStore) -> None:
    """Only executing runs that no schedule started, and a bounded number of them."""
    run(store, "execute")
    run(store, "dry-run", "headless")
    for _ in range(schedule.HEADLESS_KEPT + 3):
        run(store, "execute", "headless")
    starts = store.read(lambda connection: schedule.read_headless_runs(connection, SCOPE.agent))
    assert len(starts) == schedule.HEADLESS_KEPT
