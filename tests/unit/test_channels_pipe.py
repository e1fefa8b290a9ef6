"""Lines into a trigger pipe, read by a real reader of a real FIFO."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warden.channels.pipe import LINE_BYTES, PipeChannel, trigger_line
from warden.errors import HubBusyError, HubRejectedError, HubUnreachableError
from warden.model.delivery import Intent, Payload, ReadMark, TriggerLine, WorkloadStart
from warden.model.ids import MessageKey

START = WorkloadStart("wl-1", "e-1", "gitea", "triage")


def intent(payload: Payload = START) -> Intent:
    """Return an intent that carries this payload."""
    return Intent("key-1", MessageKey("intake-1", "ops", "e-1"), "t-1", "start_workload", "workload", payload)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """Return a FIFO."""
    path = tmp_path / "trigger.pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def reader(pipe: Path) -> Iterator[int]:
    """Return a descriptor that reads the FIFO, as a runtime has it open all the time."""
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    yield descriptor
    os.close(descriptor)


def test_a_workload_is_one_line_of_json(pipe: Path, reader: int) -> None:
    """The line begins with its schema and holds the four fields, and the policy when there is one."""
    channel = PipeChannel(pipe, reports_outcomes=True)
    channel.deliver(intent())
    channel.deliver(intent(WorkloadStart("wl-2", "e-2", "n8n", "answer", "comment")))
    lines = os.read(reader, 65536).decode().splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["workload.v1", "workload.v1"]
    first, second = (json.loads(line.partition(" ")[2]) for line in lines)
    assert first == {"workload_id": "wl-1", "event_id": "e-1", "source": "gitea", "action": "triage"}
    assert second["response_policy"] == "comment"


def test_a_trigger_is_a_word_its_schema_and_encoded_values(pipe: Path, reader: int) -> None:
    """Values are percent-encoded, so that no blank, equals sign or newline of theirs means anything."""
    PipeChannel(pipe, reports_outcomes=False).deliver(
        intent(TriggerLine("issue.opened", {"title": "a b=c\nkey=2", "number": "7"}))
    )
    kind, schema, *values = os.read(reader, 65536).decode().rstrip("\n").split(" ")
    assert (kind, schema) == ("issue.opened", "schema=opencrow.trigger.v1")
    assert dict(value.split("=") for value in values) == {"title": "a%20b%3Dc%0Akey%3D2", "number": "7"}
    assert unquote(values[0].partition("=")[2]) == "a b=c\nkey=2"


def test_without_a_reader_nothing_is_written_and_nothing_waits(pipe: Path) -> None:
    """A pipe that nobody has open is an outage: to be tried again."""
    with pytest.raises(HubUnreachableError, match="nobody reads"):
        PipeChannel(pipe, reports_outcomes=True).deliver(intent())


def test_a_missing_pipe_is_not_made(tmp_path: Path) -> None:
    """Where there is no FIFO, none and no file is created."""
    with pytest.raises(HubUnreachableError, match="cannot be opened"):
        PipeChannel(tmp_path / "none", reports_outcomes=True).deliver(intent())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_is_no_fifo_is_never_written_to(tmp_path: Path, kind: str) -> None:
    """A regular file in the place of the pipe keeps its content."""
    path = tmp_path / "pipe"
    path.mkdir() if kind == "directory" else path.write_text("mine")
    with pytest.raises(HubUnreachableError):
        PipeChannel(path, reports_outcomes=True).deliver(intent())
    assert kind == "directory" or path.read_text() == "mine"


def test_a_full_pipe_is_busy_and_takes_no_part_of_a_line(pipe: Path, reader: int) -> None:
    """When the pipe is full the line is not written at all, and lines before it are whole."""
    channel = PipeChannel(pipe, reports_outcomes=True)
    payload = WorkloadStart("wl-1", "e-1", "gitea", "x" * 3000)

    def fill() -> None:
        for _ in range(1000):
            channel.deliver(intent(payload))

    with pytest.raises(HubBusyError, match="full"):
        fill()
    data = os.read(reader, 1 << 20)
    assert data.endswith(b"\n")
    assert set(data.splitlines()) == {trigger_line(payload).rstrip(b"\n")}


def test_writers_never_mix_their_lines(pipe: Path, reader: int) -> None:
    """Many threads write at once, and every line arrives whole."""
    channel = PipeChannel(pipe, reports_outcomes=True)
    payloads = [WorkloadStart(f"wl-{number}", "e", "gitea", "x" * 400) for number in range(64)]
    threads = [Thread(target=channel.deliver, args=(intent(payload),)) for payload in payloads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = os.read(reader, 1 << 20).splitlines(keepends=True)
    assert sorted(lines) == sorted(trigger_line(payload) for payload in payloads)


@pytest.mark.parametrize(
    "payload",
    [
        WorkloadStart("", "e", "gitea", "triage"),
        WorkloadStart("wl", "e", "gitea", "x" * LINE_BYTES),
        TriggerLine("Two words", {}),
        TriggerLine("issue\nopened", {}),
        TriggerLine("issue", {"a b": "c"}),
        TriggerLine("issue", {"schema": "mine"}),
        TriggerLine("issue", {"title": "\ud800"}),
        ReadMark("m1"),
    ],
)
def test_what_makes_no_line_is_refused_for_good(payload: Payload) -> None:
    """Missing fields, long lines, bad names and other payloads never reach the pipe."""
    with pytest.raises(HubRejectedError):
        trigger_line(payload)


@given(st.builds(WorkloadStart, *[st.text(min_size=1, max_size=300)] * 4, st.none() | st.text(max_size=300)))
def test_every_workload_is_one_line_that_says_it_again(payload: WorkloadStart) -> None:
    """Whatever the values hold, the line has one newline at its end and reads back as the payload."""
    try:
        line = trigger_line(payload)
    except HubRejectedError:
        return
    assert len(line) <= LINE_BYTES
    assert line.count(b"\n") == 1
    fields = json.loads(line.partition(b" ")[2])
    assert WorkloadStart(**fields) == payload
