"""What a person's word about a workload becomes in the ledger, and when it becomes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from enginebed import charter_kernel
from warden.documents.request import request_from_json
from warden.engine.journal import Journal
from warden.engine.letters import Person
from warden.engine.release import Gate
from warden.engine.workloads import MAX_TRIES, cancelling, try_again, undelivered
from warden.errors import GateError, InputError
from warden.model.delivery import ReadMark
from warden.model.disposition import Disposition
from warden.model.ids import idempotency_key
from warden.model.outcome import OutcomeStatus
from warden.model.records import IntentState, OutboxRecord
from warden.model.request import Request
from warden.model.workload import WorkloadRecord, WorkloadState
from warden.store import queries
from workloadbed import WorkloadBed

ADA = Person("ada", "sha256:" + "e" * 64)


class Ended(WorkloadBed):
    """A bed with one workload that was delivered and failed."""

    def gate(self) -> Gate:
        """What judges another try."""
        return Gate(charter_kernel(), self.scanner, self.store, self.clock)

    def before(self) -> tuple[WorkloadRecord, OutboxRecord, Request]:
        """The workload, its intent and the facts on which it was allowed."""
        (workload,) = self.workloads()
        record = self.store.intent(workload.workload_id)
        assert record is not None
        kept = self.store.read(lambda c: queries.read_request(c, record))
        assert kept is not None
        return workload, record, request_from_json(kept)

    def try_it(self, workload: WorkloadRecord, record: OutboxRecord, request: Request) -> str:
        """Ask for another try and return its id; nothing is committed."""
        return try_again(Journal(self.store, "run-x"), self.gate(), workload, record, request, ADA)


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Ended]:
    from warden.hubs.intake_operations import NewDelivery, accept
    from warden.hubs.workload_reports import HeardReport, keep_report
    from warden.model.event import Event, Trust

    made = Ended(tmp_path)
    made.runtime.start()
    event = Event("n8n", "d-1", "alert", action="triage", repository="ada/notes", number="7", trust=Trust.OWNER)
    new = NewDelivery(event, "token", "sha256:" + "0" * 64, b"{}", (), 0.0, made.book.sort(event)[0])
    made.database.write(lambda c: accept(c, new))
    made.execute()
    (workload_id,) = made.runtime.read()
    heard = HeardReport(workload_id, "opencrow:c:1:1:failed", OutcomeStatus.FAILED, "t")
    made.database.write(lambda c: keep_report(c, heard, 0.0))
    made.execute()
    yield made
    made.close()


def test_a_failed_workload_can_be_tried_again_under_the_next_id(bed: Ended) -> None:
    """The id follows from message and ordinal, so that two people who ask at once name the same try."""
    first = bed.workloads()[0]
    assert first.ordinal == 0
    second = idempotency_key(first.message, "start_workload", 1)
    assert bed.try_it(*bed.before()) == bed.try_it(*bed.before()) == second != first.workload_id


@pytest.mark.parametrize("state", [WorkloadState.DEAD, WorkloadState.IN_DOUBT])
def test_a_line_that_was_perhaps_not_written_is_a_dead_letter(bed: Ended, state: WorkloadState) -> None:
    """Whoever asks is sent to the command that tries the same line again."""
    workload, record, request = bed.before()
    with pytest.raises(InputError) as refused:
        bed.try_it(replace(workload, state=state), record, request)
    assert "dead retry" in refused.value.hint


@pytest.mark.parametrize("state", [WorkloadState.RUNNING, WorkloadState.COMPLETED, WorkloadState.WITHDRAWN])
def test_what_did_not_end_badly_is_not_tried_again(bed: Ended, state: WorkloadState) -> None:
    """A workload that goes on would run twice, and one that is done is done."""
    workload, record, request = bed.before()
    with pytest.raises(InputError, match="nothing to try again"):
        bed.try_it(replace(workload, state=state), record, request)


def test_tries_are_bounded(bed: Ended) -> None:
    """Nobody has a workload tried for ever."""
    workload, record, request = bed.before()
    with pytest.raises(GateError, match="too often"):
        bed.try_it(replace(workload, ordinal=MAX_TRIES - 1), record, request)


def test_only_a_workload_is_tried_again(bed: Ended) -> None:
    """An intent with another payload is none, whatever its key."""
    workload, record, request = bed.before()
    other = replace(record, intent=replace(record.intent, payload=ReadMark("e1")))
    with pytest.raises(InputError, match="no workload"):
        bed.try_it(workload, other, request)


def test_a_secret_that_is_known_since_stops_another_try(bed: Ended) -> None:
    """The guard of today looks at the line again."""

    class Finds:
        digest = "sha256:" + "1" * 64

        def scan(self, text: str) -> tuple[Any, ...]:
            from warden.model.finding import Finding

            return (Finding("enrolled", 0, 1, "guard/known"),) if text else ()

    bed.scanner = Finds()  # type: ignore[assignment]
    with pytest.raises(GateError, match="does not allow"):
        bed.try_it(*bed.before())


def test_cancelling_leaves_a_message_alone_that_is_over(bed: Ended) -> None:
    """A message that was ended otherwise, or is not known any more, is not ended again; the report is written."""
    workload, _, _ = bed.before()
    running = replace(workload, state=WorkloadState.RUNNING)
    standing = bed.store.dispositions([workload.message])[workload.message]
    done = replace(standing, disposition=Disposition.NOTED)
    kinds = {name: [entry.kind for entry in cancelling(running, (), ADA, "run-x", where)] for name, where in
             {"over": done, "unknown": None, "held": standing}.items()}  # fmt: skip
    assert kinds == {
        "over": ["outcome_reported"],
        "unknown": ["outcome_reported"],
        "held": ["outcome_reported", "closed"],
    }


def test_a_try_that_was_asked_for_is_the_newest(bed: Ended) -> None:
    """Once another try is in the ledger the one before it cannot be tried again."""
    before = bed.before()
    journal = Journal(bed.store, "run-x")
    try_again(journal, bed.gate(), *before, ADA)
    journal.commit()
    with pytest.raises(InputError, match="later try"):
        bed.try_it(*before)


def test_a_line_that_was_not_written_needs_no_report(bed: Ended) -> None:
    """What never left is withdrawn: nothing is said to have become of it."""
    workload, _, _ = bed.before()
    waiting = replace(workload, state=WorkloadState.WAITING, delivered_at=None, reports=0)
    assert [entry.kind for entry in cancelling(waiting, ("k",), ADA, "run-x", None)] == ["dead_dropped"]


def test_cancelling_an_ended_workload_is_refused(bed: Ended) -> None:
    """There is nothing left to cancel."""
    workload, _, _ = bed.before()
    with pytest.raises(InputError, match="failed already"):
        cancelling(workload, (), ADA, "run-x", None)


def test_only_what_is_not_delivered_is_withdrawn(bed: Ended) -> None:
    """A person ends what is open, dead or in doubt; what has a receipt or was dropped stays what it is."""
    _, record, _ = bed.before()
    records = [replace(record, intent=replace(record.intent, key=state.value), state=state) for state in IntentState]
    assert set(undelivered(records)) == {"open", "in_doubt", "dead"}
