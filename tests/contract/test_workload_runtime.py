"""Workloads and a runtime that behaves like the real one: a reader of a FIFO that dies, reports that are lost or come twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from warden.testing.runtime import Runtime
from workloadbed import ALERT, WorkloadBed, as_it_is


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[WorkloadBed]:
    made = WorkloadBed(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(bed: WorkloadBed) -> Iterator[httpx.Client]:
    bed.runtime.start()
    with bed.serving() as client:
        yield client


def tell(bed: WorkloadBed, *datagrams: bytes) -> None:
    """Send reports, and let the next run take them."""
    for datagram in datagrams:
        assert bed.runtime.send(datagram)
    bed.heard(len(datagrams))
    bed.execute()


def test_a_dispatched_workload_reaches_the_runtime_and_its_completion_closes_it(
    bed: WorkloadBed, client: httpx.Client
) -> None:
    """The line holds what the rule names under the id that the API foretold; the completion ends message and workload."""
    workload_id = bed.start_workload(client)
    assert bed.runtime.workloads == {
        workload_id: {
            "workload_id": workload_id,
            "event_id": "e1",
            "source": "n8n",
            "action": "triage",
            "response_policy": "comment",
        }
    }
    assert bed.standing(workload_id) == ("held", "awaiting-outcome")
    tell(bed, bed.runtime.report(workload_id, "running"))
    assert bed.workload(workload_id).state == "running"
    tell(bed, bed.runtime.report(workload_id, "completed"))
    assert bed.workload(workload_id).state == "completed"
    assert bed.standing(workload_id) == ("noted", "completed")
    assert [event.metadata["disposition"] for event in bed.hub.list_progress("ops-warden").events] == ["noted"]


def test_without_a_reader_the_line_waits_and_is_delivered_once_one_is_there(bed: WorkloadBed) -> None:
    """An outage of the runtime is an outage, not a loss: the outbox tries again."""
    with bed.serving() as client:
        bed.start_workload(client)
        (workload,) = bed.workloads()
        assert workload.state == "waiting"
        bed.runtime.start()
        bed.clock.advance(7200)
        bed.execute()
        assert bed.runtime.read() == [workload.workload_id]


def test_a_line_that_dies_in_the_pipe_is_found_by_the_sweep(bed: WorkloadBed, client: httpx.Client) -> None:
    """The runtime ends with the line unread: nothing is ever reported, so the workload is dropped and a person is told."""
    answer = bed.post(client, "/v1/dispatch", ALERT, "k-1")
    bed.execute()
    bed.runtime.stop()
    bed.runtime.start()
    assert bed.runtime.read() == []
    workload_id = answer.json()["tasks"][0]["workload_id"]
    bed.clock.advance(3599)
    bed.execute()
    assert bed.workload(workload_id).state == "delivered"
    bed.clock.advance(2)
    bed.execute()
    assert bed.workload(workload_id).state == "dropped"
    assert bed.standing(workload_id) == ("escalated", "outcome-dropped")


def test_a_report_is_a_sign_of_life(bed: WorkloadBed, client: httpx.Client) -> None:
    """The time until a workload is given up begins anew with each report."""
    workload_id = bed.start_workload(client)
    for inbox in ("1", "2", "3"):
        bed.clock.advance(3000)
        tell(bed, bed.runtime.report(workload_id, "running", inbox_id=inbox))
    assert bed.workload(workload_id).state == "running"


def test_a_preempted_workload_comes_again_under_another_inbox_id(bed: WorkloadBed, client: httpx.Client) -> None:
    """Preempted is no end: what follows under the new inbox id decides."""
    workload_id = bed.start_workload(client)
    tell(bed, bed.runtime.report(workload_id, "running"), bed.runtime.report(workload_id, "preempted"))
    assert bed.workload(workload_id).state == "preempted"
    again = bed.runtime.requeue()
    tell(bed, bed.runtime.report(workload_id, "running", inbox_id=again))
    assert bed.workload(workload_id).state == "running"
    tell(bed, bed.runtime.report(workload_id, "completed", inbox_id=again))
    assert bed.standing(workload_id) == ("noted", "completed")


def test_reports_that_come_twice_and_in_the_wrong_order_amount_to_the_same(
    bed: WorkloadBed, client: httpx.Client
) -> None:
    """Completed before running, each twice: one completion."""
    workload_id = bed.start_workload(client)
    done, began = bed.runtime.report(workload_id, "completed"), bed.runtime.report(workload_id, "running")
    tell(bed, done, done, began, began)
    record = bed.workload(workload_id)
    assert (record.state, record.reports) == ("completed", 2)
    assert bed.standing(workload_id) == ("noted", "completed")


def test_a_late_completion_overrules_our_inference_and_leaves_the_escalation_to_a_person(
    bed: WorkloadBed, client: httpx.Client
) -> None:
    """What was given up and then completes is shown as completed, with an alert; the person who was called still decides."""
    workload_id = bed.start_workload(client)
    bed.clock.advance(4000)
    bed.execute()
    tell(bed, bed.runtime.report(workload_id, "completed"))
    assert bed.workload(workload_id).state == "completed"
    assert bed.standing(workload_id) == ("escalated", "outcome-dropped")


def test_a_report_of_a_workload_that_is_not_ours_is_quarantined(bed: WorkloadBed, client: httpx.Client) -> None:
    """Somebody else's workload is no error: it is written down with its reason, and nothing else changes."""
    workload_id = bed.start_workload(client)
    tell(bed, bed.runtime.report("wk1-" + "0" * 64, "failed"))
    assert bed.quarantined() == ["unknown-workload"]
    assert bed.workload(workload_id).state == "delivered"


def test_a_crash_between_line_and_receipt_repeats_the_line_under_the_same_id(
    bed: WorkloadBed, client: httpx.Client
) -> None:
    """At least once, and the receiver can tell: the second line has the id of the first."""

    class Killed(BaseException):
        pass

    class DiesAfterwards:
        def __init__(self, inner):  # type: ignore[no-untyped-def]
            self.inner, self.means, self.reports_outcomes = inner, inner.means, inner.reports_outcomes

        def deliver(self, intent):  # type: ignore[no-untyped-def]
            self.inner.deliver(intent)
            raise Killed

        def find(self, intent):  # type: ignore[no-untyped-def]
            return self.inner.find(intent)

    answer = bed.post(client, "/v1/dispatch", ALERT, "k-1")
    bed.wrap = DiesAfterwards
    with pytest.raises(Killed):
        bed.execute()
    bed.wrap = as_it_is
    bed.execute()
    new = bed.runtime.read()
    assert new == [answer.json()["tasks"][0]["workload_id"]]
    assert bed.runtime.repeated == new


def test_a_runtime_that_forgot_everything_still_gets_each_id_once_per_line(tmp_path: Path) -> None:
    """The reader's memory is what tells repetitions: without it a repeated line is a new workload, and the docs say so."""
    runtime = Runtime(tmp_path / "pipe")
    runtime.start()
    writer = os.open(tmp_path / "pipe", os.O_WRONLY)
    line = b'workload.v1 {"workload_id":"w","event_id":"e","source":"s","action":"a"}\n'
    os.write(writer, line)
    assert runtime.read() == ["w"]
    os.write(writer, line)
    assert (runtime.read(), runtime.repeated) == ([], ["w"])
    runtime.forget()
    os.write(writer, line)
    assert runtime.read() == ["w"]
    os.close(writer)
    runtime.stop()


def test_a_line_of_64_kib_would_end_the_reader_and_ours_never_is_one(tmp_path: Path) -> None:
    """The reader's defect is real in the fake too, so that what the channel refuses is worth refusing."""
    runtime = Runtime(tmp_path / "pipe")
    runtime.start()
    writer = os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK)
    os.write(writer, b"x" * 40_000)
    runtime.read()
    os.write(writer, b"x" * 40_000)
    assert runtime.read() == []
    assert runtime.dead
    os.close(writer)
    runtime.stop()
