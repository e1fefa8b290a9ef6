"""Lifecycle reports: what a datagram must be, where they are heard, and a state that no order and no loss can confuse."""

from __future__ import annotations

import json
import os
import socket
import stat
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warden.engine.outcomes import standing
from warden.errors import StateError
from warden.model.disposition import Disposition
from warden.model.outcome import Outcome, OutcomeStatus
from warden.model.records import IntentState
from warden.model.workload import WorkloadState, workload_state
from warden.server.intake.lifecycle import (
    DATAGRAM_BYTES,
    DETAILS_CHARACTERS,
    PATH_BYTES,
    MalformedReportError,
    bind_socket,
    parse_report,
)
from warden.testing.runtime import Runtime
from workloadbed import WorkloadBed, running_bed

__all__ = ["running_bed"]

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
GOOD: dict[str, Any] = {
    "version": 1,
    "type": "workload.lifecycle",
    "event_id": "opencrow:crow-1:17:1:running",
    "workload_id": "wk1-abc",
    "status": "running",
    "occurred_at": "2026-01-01T00:00:00Z",
}


def redact(text: str) -> str:
    """Take the one secret out."""
    return text.replace(SECRET, "[redacted]")


def parse(instance: str = "", **changes: Any) -> Any:
    """Parse the good report with some fields changed; None takes one away."""
    document = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return parse_report(json.dumps(document).encode(), redact, instance)


def test_a_report_with_all_its_optional_fields() -> None:
    """Optional fields are read when they are there, and a newer runtime may say more."""
    heard = parse(
        opencrow_instance="crow-1", inbox_id=17, attempt="1", source_event_id="e1", source="n8n", action="triage",
        details={"note": f"key {SECRET}"}, another={"x": 1},
    )  # fmt: skip
    assert (heard.workload_id, heard.status) == ("wk1-abc", OutcomeStatus.RUNNING)
    assert heard.details == '{"note": "key [redacted]"}'


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 2}, "other-version"),
        ({"version": True}, "other-version"),
        ({"type": "workload.other"}, "other-version"),
        *(({name: None}, "missing-field") for name in GOOD),
        ({"event_id": 7}, "event-id"),
        ({"event_id": "opencrow:crow-1:17:1:completed"}, "event-id"),
        ({"event_id": "crow-1:17:1:running"}, "event-id"),
        ({"event_id": "opencrow:crow 1:17:1:running"}, "event-id"),
        ({"event_id": "opencrow:crow-1:17:1:running\n"}, "event-id"),
        ({"event_id": "opencrow:crow-1:17:-1:running"}, "event-id"),
        ({"event_id": "opencrow:crow-1:17:1:ended", "status": "ended"}, "status"),
        ({"status": ["running"]}, "event-id"),
        ({"opencrow_instance": "crow-2"}, "event-id"),
        ({"inbox_id": 18}, "event-id"),
        ({"attempt": True}, "event-id"),
        ({"workload_id": ""}, "workload-id"),
        ({"workload_id": 7}, "workload-id"),
        ({"workload_id": "a b"}, "workload-id"),
        ({"workload_id": "x" * 129}, "workload-id"),
        ({"workload_id": SECRET}, "secret-in-id"),
        ({"event_id": f"opencrow:{SECRET}:17:1:running"}, "secret-in-id"),
        ({"occurred_at": 7}, "malformed-field"),
        ({"occurred_at": "x" * 300}, "malformed-field"),
        ({"source": "a\nb"}, "malformed-field"),
        ({"action": {}}, "malformed-field"),
    ],
)
def test_what_is_no_report_is_refused_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    """Each field that does not hold has a stable word."""
    with pytest.raises(MalformedReportError, match=f"^{reason}$"):
        parse(**changes)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not-json"),
        (b"\xff", "not-json"),
        (b"{", "not-json"),
        (b'{"version":1,"version":1}', "not-json"),
        (b"[" * 9000, "not-json"),
        (b'{"version":NaN}', "not-json"),
        (b"[]", "missing-field"),
        (b"null", "missing-field"),
        (b" " * (DATAGRAM_BYTES + 1), "too-large"),
    ],
)
def test_hostile_bytes_are_refused(data: bytes, reason: str) -> None:
    """Whatever arrives, it is refused by name."""
    with pytest.raises(MalformedReportError, match=f"^{reason}$"):
        parse_report(data, redact)


def test_only_the_configured_instance_is_heard() -> None:
    """With an instance configured another runtime's reports are refused."""
    assert parse("crow-1").status is OutcomeStatus.RUNNING
    with pytest.raises(MalformedReportError, match="other-instance"):
        parse("crow-2")


def test_details_are_redacted_before_they_are_cut() -> None:
    """Half a secret at the cut is not known as one, so it is looked for first."""
    heard = parse(details="x" * (DETAILS_CHARACTERS - 10) + SECRET)
    assert len(heard.details) <= DETAILS_CHARACTERS
    assert "ghp_" not in heard.details
    assert parse(details="\ud800").details == "?"


@given(st.binary(max_size=400))
def test_no_bytes_are_more_than_a_refusal(data: bytes) -> None:
    """Nothing that can be sent raises anything but a refusal."""
    with pytest.raises(MalformedReportError):
        parse_report(data, redact)


_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3)
)


@given(st.sampled_from(sorted(GOOD)), _ANY_JSON)
def test_no_value_of_a_field_is_more_than_a_refusal(name: str, value: Any) -> None:
    """Any value in any required field either makes a report or is refused."""
    try:
        heard = parse_report(json.dumps({**GOOD, name: value}).encode(), redact)
    except MalformedReportError:
        return
    assert heard.status is OutcomeStatus.RUNNING


# -- the socket


def test_the_socket_is_its_owners_alone(tmp_path: Path) -> None:
    """Nobody else may write to it, and there is no moment at which they might."""
    path = tmp_path / "s"
    with bind_socket(path):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert os.listdir(tmp_path) == ["s"]


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    """What a killed intake left behind is in nobody's way; another intake's socket is left alone."""
    path = tmp_path / "s"
    bind_socket(path).close()
    with bind_socket(path), pytest.raises(StateError, match="somebody listens"):
        bind_socket(path)
    with bind_socket(path):
        pass


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """A file, a link to one, or a directory at the path is not replaced."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "directory").mkdir()
    for name in ("file", "link", "directory"):
        with pytest.raises(StateError, match="no socket"):
            bind_socket(tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    """Too long a path, and a directory that is not there, are said in words."""
    with pytest.raises(StateError, match="too long"):
        bind_socket(tmp_path / ("x" * PATH_BYTES))
    with pytest.raises(StateError, match="cannot listen"):
        bind_socket(tmp_path / "none" / "s")


def test_hostile_datagrams_are_quarantined_and_the_next_is_heard(bed: WorkloadBed) -> None:
    """Rubbish, an oversized datagram and an empty one stop nobody; no byte of them is kept."""
    with bed.serving() as client:
        workload_id = bed.start_workload(client)
        for datagram in (b"rubbish " + SECRET.encode(), b"", b" " * (DATAGRAM_BYTES + 1)):
            assert bed.runtime.send(datagram)
        assert bed.runtime.send(bed.runtime.report(workload_id, "running"))
        bed.heard(4)
    assert sorted(bed.quarantined()) == ["not-json", "not-json", "too-large"]
    assert bed.database.read("SELECT body FROM quarantine WHERE body IS NOT NULL") == []
    bed.execute()
    assert bed.workload(workload_id).state == "running"


def test_what_lies_in_the_queue_when_the_intake_ends_is_kept(bed: WorkloadBed) -> None:
    """A report that was sent is not lost to an orderly end; afterwards nobody listens, and the socket is gone."""
    with bed.serving() as client:
        workload_id = bed.start_workload(client)
        for inbox in range(50):
            assert bed.runtime.send(bed.runtime.report(workload_id, "running", inbox_id=str(inbox)))
    assert bed.database.read_one("SELECT count(*) FROM reports") == (50,)
    assert not bed.runtime.send(bed.runtime.report(workload_id, "completed"))
    assert bed.runtime.lifecycle is not None
    assert not bed.runtime.lifecycle.exists()


def test_reports_of_one_workload_are_bounded_and_an_end_is_always_taken(
    bed: WorkloadBed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runtime that restarts for ever fills nothing; the end of it all is still heard."""
    monkeypatch.setattr("warden.hubs.workload_reports.REPORTS_OF_ONE", 3)
    with bed.serving() as client:
        workload_id = bed.start_workload(client)
        for inbox in range(5):
            bed.runtime.send(bed.runtime.report(workload_id, "running", inbox_id=str(inbox)))
        bed.runtime.send(bed.runtime.report(workload_id, "completed"))
        bed.heard(6)
    assert bed.database.read_one("SELECT count(*) FROM reports") == (4,)
    assert bed.quarantined() == ["too-many", "too-many"]


def test_reports_that_wait_are_bounded(bed: WorkloadBed, monkeypatch: pytest.MonkeyPatch) -> None:
    """While no run is made the file does not grow for ever: what is too much is refused by name."""
    monkeypatch.setattr("warden.hubs.workload_reports.WAITING_REPORTS", 2)
    with bed.serving():
        for number in range(4):
            bed.runtime.send(bed.runtime.report(f"wk1-{number}", "failed"))
        bed.heard(4)
    assert bed.database.read_one("SELECT count(*) FROM reports") == (2,)
    assert bed.quarantined() == ["too-many", "too-many"]


def test_what_is_over_is_forgotten_after_its_time(bed: WorkloadBed) -> None:
    """Reports, ends and revoked grants older than three months go with the next run that takes something; the ledger stays."""
    with bed.serving() as client:
        workload_id = bed.start_workload(client)
        bed.post(client, f"/v1/workloads/{workload_id}/claim", {}, who="crow")
        bed.runtime.send(bed.runtime.report(workload_id, "completed"))
        bed.heard(1)
        bed.execute()
        bed.clock.advance(91 * 86_400)
        bed.runtime.send(bed.runtime.report("wk1-0", "running"))
        bed.heard(1)
        bed.execute()
        for table, left in (("reports", 1), ("capabilities", 0), ("ended", 0)):
            assert bed.database.read_one(f"SELECT count(*) FROM {table}") == (left,), table
        assert bed.workload(workload_id).state == "completed"
        assert bed.post(client, f"/v1/workloads/{workload_id}/claim", {}, who="crow").status_code == 409


def test_a_socket_of_another_path_is_not_removed_at_the_end(bed: WorkloadBed) -> None:
    """An intake removes its own socket only: one that took its place stays."""
    path = bed.runtime.lifecycle
    assert path is not None
    with bed.serving():
        path.unlink()
        other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        other.bind(os.fspath(path))
    assert path.exists()
    other.close()


# -- the state machine

_STATUSES = st.lists(st.sampled_from(list(OutcomeStatus)), max_size=6)


@given(_STATUSES, st.randoms(use_true_random=False), st.sampled_from([IntentState.OPEN, IntentState.DONE]))
def test_the_state_is_a_function_of_the_set(reports: list[OutcomeStatus], random: Any, delivery: IntentState) -> None:
    """Every order of the same reports gives the same state."""
    shuffled = list(reports)
    random.shuffle(shuffled)
    assert workload_state(delivery, reports) is workload_state(delivery, shuffled)


@given(_STATUSES, _STATUSES)
def test_an_end_is_never_taken_back(first: list[OutcomeStatus], more: list[OutcomeStatus]) -> None:
    """What has ended stays ended whatever else is heard, and a failure stays one unless it was our own inference."""
    before = workload_state(IntentState.DONE, first)
    after = workload_state(IntentState.DONE, [*first, *more])
    assert not before.ended or after.ended
    if before in (WorkloadState.FAILED, WorkloadState.ABORTED):
        assert after in (WorkloadState.FAILED, WorkloadState.ABORTED)


@given(_STATUSES)
def test_state_and_disposition_say_the_same(reports: list[OutcomeStatus]) -> None:
    """A message is held exactly while its workload goes on, closed by a completion, and a person's after a bad end."""
    outcomes = [Outcome("k", "k", f"e{number}", status) for number, status in enumerate(reports)]
    disposition, _ = standing(outcomes, Disposition.NOTED)
    state = workload_state(IntentState.DONE, reports)
    assert (disposition is Disposition.HELD) is (not state.ended)
    assert (disposition is Disposition.NOTED) is (state is WorkloadState.COMPLETED)
    assert (disposition is Disposition.ESCALATED) is state.failed


def test_losing_reports_never_makes_an_end_of_none() -> None:
    """Without the last report of a life the workload is merely not over: the sweep finds it."""
    life = [OutcomeStatus.RUNNING, OutcomeStatus.PREEMPTED, OutcomeStatus.RUNNING]
    for kept in range(len(life) + 1):
        for order in permutations(life, kept):
            assert not workload_state(IntentState.DONE, order).ended


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_ledger_agrees_with_the_set_under_reordering_loss_and_repetition(data: st.DataObject) -> None:
    """Whatever arrives, in whatever portions between runs, table, rebuild and disposition agree."""
    from tempfile import TemporaryDirectory

    from warden.hubs.workload_reports import HeardReport, keep_report
    from warden.store.migration import rederive

    with TemporaryDirectory() as directory:
        bed = WorkloadBed(Path(directory))
        bed.runtime.start()
        try:
            workload_id = _deliver(bed)
            sent = data.draw(st.lists(st.tuples(st.sampled_from(list(OutcomeStatus)), st.integers(1, 3)), max_size=8))
            for status, inbox in sent:
                heard = HeardReport(workload_id, f"opencrow:c:{inbox}:1:{status.value}", status, "t")
                bed.database.write(lambda c, heard=heard: keep_report(c, heard, 0.0))  # type: ignore[misc]
                if data.draw(st.booleans()):
                    bed.execute()
            bed.execute()
            record = bed.workload(workload_id)
            assert record.state is workload_state(IntentState.DONE, (status for status, _ in set(sent)))
            held = bed.standing(workload_id)[0] == "held"
            assert held is (not record.state.ended)
            before = bed.store.read(lambda c: c.execute("SELECT * FROM workloads").fetchall())
            bed.store.read(lambda c: rederive(c, None))
            assert bed.store.read(lambda c: c.execute("SELECT * FROM workloads").fetchall()) == before
        finally:
            bed.close()


def _deliver(bed: WorkloadBed) -> str:
    from warden.hubs.intake_operations import NewDelivery, accept
    from warden.model.event import Event, Trust

    event = Event("n8n", "d-1", "alert", action="triage", repository="ada/notes", number="7", trust=Trust.OWNER)
    tasks, _ = bed.book.sort(event)
    new = NewDelivery(event, "token", "sha256:" + "0" * 64, b"{}", (), 0.0, tasks)
    bed.database.write(lambda c: accept(c, new))
    bed.execute()
    (workload_id,) = bed.runtime.read()
    return workload_id


def test_the_runtime_of_the_tests_sends_what_is_taken(tmp_path: Path) -> None:
    """The fake's datagrams are reports of the real format."""
    runtime = Runtime(tmp_path / "pipe")
    for status in OutcomeStatus:
        heard = parse_report(runtime.report("wk1-a", status.value), redact)
        assert heard.status is status


def test_a_report_is_tried_again_while_the_disk_refuses_it(tmp_path: Path) -> None:
    """What was read of the socket is not lost to a full disk: it is kept as soon as there is room."""
    import asyncio

    from warden.hubs.intake import open_database
    from warden.server.intake.app import Desk
    from warden.server.intake.lifecycle import Listener
    from warden.testing.engine import FixedClock

    class FullAtFirst(Desk):
        refusals = 2

        async def write(self, operation: Any) -> Any:
            if self.refusals:
                self.refusals -= 1
                raise StateError("the disk is full")
            return await super().write(operation)

    clock = FixedClock()
    desk = FullAtFirst(open_database(tmp_path / "intake.db", clock), clock)
    runtime = Runtime(tmp_path / "pipe", tmp_path / "s")
    listener = Listener(desk, tmp_path / "s", redact)
    listener.open()

    async def life() -> int:
        async with desk.writing(), listener.listening():
            assert runtime.send(runtime.report("wk1-a", "running"))
            while desk.refusals:
                await asyncio.sleep(0)
            for _ in range(10_000):
                if desk.database.read_one("SELECT count(*) FROM reports") == (1,):
                    return 1
                await asyncio.sleep(0.001)
            return 0

    assert asyncio.run(life()) == 1
