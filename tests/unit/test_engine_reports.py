"""Reports that were heard between two runs: a run takes them first, once each, and gives up on silent workloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from enginebed import AGENT, traits_with
from test_engine_orders import SCRIPT, WORKLOAD, Orders, event_bed
from warden.engine import outcomes
from warden.engine.bench import Bench
from warden.engine.cycle import run_executing
from warden.engine.letters import Person, dropping
from warden.engine.outbox import Outbox
from warden.engine.outcomes import UNKNOWN, sweep, take_reports
from warden.engine.parts import Parts
from warden.errors import HubRejectedError, StateError
from warden.model.delivery import Intent, Receipt
from warden.model.disposition import Disposition
from warden.model.entry import Batch
from warden.model.outcome import Outcome, OutcomeStatus
from warden.model.report import RunReport
from warden.model.workload import Report, WorkloadState
from warden.store.queries import read_behind, read_stuck
from warden.testing.channels import LifecycleChannel
from warden.testing.engine import Patience


class Heard:
    """Reports that wait until they are settled, as a file would keep them."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.taken: list[Report] = []
        self.refused: list[tuple[Report, str]] = []
        self.ended: list[str] = []
        self.failing = False

    def hear(self, workload_id: str, *statuses: str, event_id: str = "") -> None:
        """Write down reports of one workload."""
        for status in statuses:
            number = len(self.reports) + len(self.taken) + len(self.refused) + 1
            outcome = Outcome(workload_id, workload_id, event_id or f"e-{number}", OutcomeStatus(status))
            self.reports.append(Report(number, outcome))

    def waiting(self, limit: int) -> Sequence[Report]:
        """Return what nobody has taken."""
        return self.reports[:limit]

    def settle(self, taken: Sequence[Report], refused: Sequence[tuple[Report, str]]) -> None:
        """Take reports away; with `failing` the process ends first."""
        if self.failing:
            raise StateError("the file of reports cannot be written")
        self.taken += taken
        self.refused += refused
        gone = {report.number for report in [*taken, *(report for report, _ in refused)]}
        self.reports = [report for report in self.reports if report.number not in gone]

    def end(self, workload_ids: Sequence[str]) -> None:
        """Remember what was revoked."""
        self.ended += workload_ids


class World:
    """A bed with one workload that was started, and a source of reports."""

    def __init__(self, *actions: Any) -> None:
        self.bed, self.channel = event_bed(Orders(*(actions or (WORKLOAD,))), traits=traits_with())
        self.heard = Heard()
        self.message_id = self.bed.send()

    def parts(self, **more: Any) -> Parts:
        """The parts of a run that listens."""
        return replace(self.bed.parts(executing=True), outcomes=self.heard, **more)

    def run(self, **more: Any) -> RunReport:
        """Make an executing run that listens."""
        return run_executing(self.parts(), self.bed.terms(**more), lambda: 0.5)

    @property
    def workload_id(self) -> str:
        """The id of the workload that the first run started."""
        return self.channel.delivered[0].key

    def standing(self) -> tuple[Disposition, str]:
        """Where the message stands."""
        record = self.bed.record(self.message_id)
        assert record is not None
        return record.disposition, record.reason

    def alerts(self) -> list[str]:
        """The codes of all alerts."""
        return [entry["code"] for entry in self.bed.entries("alert_raised")]

    def bench(self, parts: Parts, **more: Any) -> tuple[Bench, Outbox]:
        """A bench and an outbox as a run has them."""
        terms = self.bed.terms(**more)
        bench = Bench(parts, terms, "execute")
        return bench, Outbox(parts, terms, bench.enforcer, bench.journal, lambda: 0.5)


class Refusing(LifecycleChannel):
    """A channel that refuses every line for good."""

    def deliver(self, intent: Intent) -> Receipt:
        """Say that the line makes no sense."""
        raise HubRejectedError("the line is too long")


def started() -> World:
    """A world whose workload was delivered."""
    world = World()
    world.run()
    return world


def test_a_run_takes_what_was_heard_before_it_lists_the_inbox() -> None:
    """A completion closes the message, is counted, is settled, and its audit event leaves in the same run."""
    world = started()
    assert world.standing() == (Disposition.HELD, "awaiting-outcome")
    world.heard.hear(world.workload_id, "running", "completed")
    report = world.run()
    assert report.counts["reports"] == 2
    assert world.standing() == (Disposition.NOTED, "completed")
    assert (len(world.heard.taken), world.heard.reports, world.heard.refused) == (2, [], [])
    assert len(world.bed.events()) == 1
    assert world.bed.entries("run_started")[-1]["snapshot"] == world.bed.kernel.snapshot


def test_a_run_that_hears_nothing_counts_nothing() -> None:
    """With a source that is silent, and without one, a run reports no reports."""
    world = started()
    assert "reports" not in world.run().counts
    assert "reports" not in run_executing(world.bed.parts(executing=True), world.bed.terms(), lambda: 0.5).counts


def test_a_report_of_an_unknown_workload_is_refused_and_the_others_are_taken() -> None:
    """What nobody here started changes nothing and is quarantined by name; it does not stand in the way."""
    world = started()
    world.heard.hear("wk1-" + "0" * 64, "completed")
    world.heard.hear(world.workload_id, "failed")
    world.run()
    assert [(report.number, why) for report, why in world.heard.refused] == [(1, UNKNOWN)]
    assert [report.number for report in world.heard.taken] == [2]
    assert world.standing() == (Disposition.ESCALATED, "outcome-failed")
    assert len(world.bed.entries("outcome_reported")) == 1


def test_a_report_for_another_agents_workload_is_refused() -> None:
    """A run takes the reports of its own agent's workloads only."""
    world = started()
    world.heard.hear(world.workload_id, "completed")
    parts = world.parts()
    bench, outbox = world.bench(parts)
    other = world.bed.terms(agent="another")
    assert take_reports(parts, other, bench, outbox, world.heard) == 1
    assert [why for _, why in world.heard.refused] == [UNKNOWN]
    assert world.bed.entries("outcome_reported") == []


def test_a_crash_before_reports_are_settled_takes_none_twice() -> None:
    """The next run is given the same reports again, and the ledger holds each once."""
    world = started()
    world.heard.hear(world.workload_id, "running", "completed")
    world.heard.failing = True
    with pytest.raises(StateError):
        world.run()
    world.heard.failing = False
    world.run()
    assert len(world.bed.entries("outcome_reported")) == 2
    assert (world.heard.reports, len(world.heard.taken)) == ([], 2)
    assert world.alerts() == []
    assert len(world.bed.events()) == 1


def test_a_late_report_that_says_the_same_raises_nothing_and_one_that_contradicts_raises_an_alert() -> None:
    """After the end a `running` is only written down; a failure after a completion is a person's to look at."""
    world = started()
    world.heard.hear(world.workload_id, "completed")
    world.run()
    world.heard.hear(world.workload_id, "running")
    world.run()
    assert (world.alerts(), len(world.bed.entries("outcome_reported"))) == ([], 2)
    world.heard.hear(world.workload_id, "failed", event_id="late")
    world.run()
    assert world.standing() == (Disposition.NOTED, "completed")
    assert world.alerts() == ["outcome-after-end"]
    world.heard.hear(world.workload_id, "failed", event_id="late")
    world.run()
    assert world.alerts() == ["outcome-after-end"]
    assert len(world.bed.entries("outcome_reported")) == 3


@pytest.mark.parametrize("statuses", [("running", "completed"), ("completed",)])
def test_a_report_of_a_workload_that_was_withdrawn_raises_an_alert(statuses: tuple[str, ...]) -> None:
    """A person ended what was never delivered for certain, and it runs all the same; its message stays as it was left."""
    world = World()
    world.bed.channels = {**(world.bed.channels or {}), "workload": Refusing()}
    world.run()
    (letter,) = world.bed.store.read(lambda connection: read_stuck(connection, AGENT))
    behind = world.bed.store.read(lambda connection: read_behind(connection, letter))
    person = Person("ada", "sha256:" + "a" * 64)
    world.bed.store.commit(Batch(dropping(letter, behind, person, arrived=False, open_message=True)))
    withdrawn = world.bed.store.workload(letter.intent.key)
    assert withdrawn is not None
    assert withdrawn.state is WorkloadState.WITHDRAWN
    for status in statuses:
        world.heard.hear(letter.intent.key, status)
        world.run()
    assert world.standing()[0] is Disposition.ESCALATED
    assert world.alerts() == ["outcome-after-end"]
    assert len(world.bed.entries("outcome_reported")) == len(statuses)


def test_a_stop_leaves_the_rest_of_the_reports_to_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports are taken in parts; between two parts a run that was asked to stop stops."""
    monkeypatch.setattr(outcomes, "REPORTS_AT_ONCE", 2)
    world = started()
    world.heard.hear(world.workload_id, "running", "preempted", "running")
    parts = world.parts(stop=Patience(1))
    bench, outbox = world.bench(parts)
    assert take_reports(parts, world.bed.terms(), bench, outbox, world.heard) == 2
    assert [report.number for report in world.heard.reports] == [3]


def test_one_run_takes_a_bounded_number_of_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of reports ends no run: the rest waits for the next."""
    monkeypatch.setattr(outcomes, "REPORTS_AT_ONCE", 2)
    monkeypatch.setattr(outcomes, "TAKEN_LIMIT", 4)
    world = started()
    world.heard.hear(world.workload_id, *["running", "preempted"] * 3)
    assert world.run().counts["reports"] == 4
    assert len(world.heard.reports) == 2
    assert world.run().counts["reports"] == 2


def test_a_silent_workload_is_given_up_once_and_loses_what_it_was_granted() -> None:
    """After the time that it may be silent it is dropped: its message is a person's, and a second sweep finds nothing."""
    world = started()
    world.bed.clock.advance(3600)
    assert world.run(drop_after_s=3600.0).counts.get("reports") is None
    world.bed.clock.advance(1)
    assert world.run(drop_after_s=3600.0).counts["reports"] == 1
    assert world.standing() == (Disposition.ESCALATED, "outcome-dropped")
    assert world.heard.ended == [world.workload_id]
    world.bed.clock.advance(7200)
    assert "reports" not in world.run(drop_after_s=3600.0).counts
    assert len(world.bed.entries("outcome_reported")) == 1


def test_without_a_limit_a_silent_workload_is_waited_for() -> None:
    """Where no time is set nothing is given up, however long it takes."""
    world = started()
    world.bed.clock.advance(10 * 86_400)
    assert "reports" not in world.run().counts
    assert world.standing() == (Disposition.HELD, "awaiting-outcome")


def test_a_report_keeps_a_workload_alive() -> None:
    """What was heard of since then is not silent, and what is heard in this very run counts."""
    world = started()
    world.bed.clock.advance(3601)
    world.heard.hear(world.workload_id, "running")
    world.run(drop_after_s=3600.0)
    assert world.standing() == (Disposition.HELD, "awaiting-outcome")
    assert world.heard.ended == []


def test_the_runtimes_word_overrules_that_we_gave_up() -> None:
    """A completion that comes after we gave up is written down with an alert; the message stays a person's."""
    world = started()
    world.bed.clock.advance(3601)
    world.run(drop_after_s=3600.0)
    world.heard.hear(world.workload_id, "completed")
    world.run()
    assert world.standing() == (Disposition.ESCALATED, "outcome-dropped")
    assert world.alerts() == ["outcome-after-end"]
    found = world.bed.store.workload(world.workload_id)
    assert found is not None
    assert found.state is WorkloadState.COMPLETED


def test_a_sweep_revokes_before_it_writes() -> None:
    """A crash between the two leaves a workload that can use nothing, never one that was given up and still can."""
    world = started()
    world.bed.clock.advance(3601)

    def end_and_fail(workload_ids: Sequence[str]) -> None:
        assert world.bed.entries("outcome_reported") == []
        raise StateError("the file of grants cannot be written")

    world.heard.end = end_and_fail  # type: ignore[method-assign]
    parts = world.parts()
    bench, outbox = world.bench(parts)
    with pytest.raises(StateError):
        sweep(parts, world.bed.terms(drop_after_s=3600.0), bench, outbox, world.heard)
    assert world.bed.entries("outcome_reported") == []


def test_other_deliveries_have_no_silence() -> None:
    """A script's run is no workload: nothing is heard of it, and nothing is given up."""
    world = World(SCRIPT)
    world.run()
    world.bed.clock.advance(10 * 86_400)
    assert "reports" not in world.run(drop_after_s=3600.0).counts
