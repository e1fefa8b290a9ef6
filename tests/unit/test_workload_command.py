"""`warden workload`, `warden capability` and `warden intake runs`, as a person meets them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemabed import check_named
from warden.cli.main import run
from warden.errors import EXIT_DONE, EXIT_FAILED, EXIT_REFUSED, EXIT_USAGE
from warden.hubs.capabilities import GrantTerms, claim
from warden.hubs.intake import open_database
from warden.hubs.intake_operations import NewDelivery, accept
from warden.hubs.workload_reports import HeardReport, keep_report
from warden.model.event import Event, Trust
from warden.model.outcome import OutcomeStatus
from warden.testing.engine import FixedClock
from warden.testing.runtime import Runtime

RULES = """version: 1
sets:
  - name: work
    rules:
      - id: triage
        when: {event: alert}
        do: workload
        workload: {action: triage}
      - id: script
        when: {event: hello}
        do: script
        script: {argv: [/bin/echo, hello]}
"""
CONFIG = """
[intake]
rules = "triggers.yaml"
[intake.sources.gitea]
kind = "gitea"
key_file = "gitea.key"
[workload]
trigger_pipe = "trigger.pipe"
lifecycle_socket = "lifecycle.sock"
"""


class Place:
    """A configured state directory with a runtime, and commands on it."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._capsys = capsys
        (path / "triggers.yaml").write_text(RULES)
        (path / "config.toml").write_text(CONFIG)
        (path / "gitea.key").write_text("a-key-of-the-tests")
        (path / "gitea.key").chmod(0o600)
        self.state = path / "state"
        self.runtime = Runtime(path / "trigger.pipe")
        self.runtime.start()
        self.clock = FixedClock()

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Return status, stdout and stderr of `warden WORDS`."""
        status = run([*words, "--config", str(self.path / "config.toml"), "--state-dir", str(self.state)])
        captured = self._capsys.readouterr()
        return status, captured.out, captured.err

    def read(self, *words: str) -> Any:
        """Return the JSON document that a command prints; it fits the schema that it names."""
        status, out, err = self(*words, "--json")
        assert status == EXIT_DONE, err
        document = json.loads(out)
        check_named(document)
        return document

    def write(self, operation: Any) -> Any:
        """Write into the file of events, as the intake does."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        database = open_database(self.state / "intake.db", self.clock)
        try:
            return database.write(operation)
        finally:
            database.close()

    def take_event(self, name: str = "alert", rule: str = "triage", does: str = "workload") -> None:
        """Take an event in, sorted."""
        from warden.model.event import NewTask

        event = Event("gitea", f"d-{name}", name, sender="ada", trust=Trust.OWNER, repository="a/b", number="7")
        task = NewTask("work", rule, does, f"k-{name}")
        digest = "sha256:" + name.encode().hex().ljust(64, "0")[:64]
        self.write(lambda c: accept(c, NewDelivery(event, "signed", digest, b"{}", (), 0.0, (task,))))

    def work(self) -> None:
        """Make an executing pass."""
        status, _, err = self("worker", "run", "--execute")
        assert status in (EXIT_DONE, 3), err
        self.runtime.read()

    def start(self) -> str:
        """Take an event in and deliver its workload; returns its id."""
        self.take_event()
        self.work()
        (workload,) = self.read("workload", "list")["workloads"]
        return str(workload["workload_id"])

    def alerts(self, workload_id: str) -> list[str]:
        """Return the codes of the alerts in a workload's story."""
        steps = self.read("workload", "show", workload_id)["workload"]["steps"]
        return [step["code"] for step in steps if step["kind"] == "alert_raised"]

    def task(self) -> tuple[str, str]:
        """Return state and reason of the newest task."""
        status, out, err = self("intake", "log", "--jsonl")
        assert status == EXIT_DONE, err
        task = json.loads(out.splitlines()[-1])["tasks"][-1]
        return task["state"], task["reason"]

    def passes_over_events(self) -> bool:
        """Make an executing cycle and return whether it had a pass over events."""
        self.runtime.read()
        status, out, err = self("worker", "run", "--execute", "--json")
        assert status == EXIT_DONE, err
        return "events" in json.loads(out)

    def hear(self, workload_id: str, status: OutcomeStatus, inbox: int = 1) -> None:
        """Write a report down, as the listener does."""
        heard = HeardReport(workload_id, f"opencrow:c:{inbox}:1:{status.value}", status, "t")
        self.write(lambda c: keep_report(c, heard, self.clock.now().timestamp()))


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Place]:
    found = Place(tmp_path, capsys)
    yield found
    found.runtime.stop()


def test_a_workload_is_listed_and_shown_with_its_story(place: Place) -> None:
    """The list has a line for it, and showing it by the start of its id tells each step and what was heard."""
    workload_id = place.start()
    assert list(place.runtime.workloads) == [workload_id]
    place.hear(workload_id, OutcomeStatus.RUNNING)
    status, out, _ = place("workload", "show", workload_id[:14])
    assert status == EXIT_DONE
    for word in ("delivered", "intended", "decided", "received", "heard running", "triage"):
        assert word in out, word
    assert "delivered" in place("workload", "list")[1]
    assert place("workload", "list", "--state", "failed")[1] == ""


def test_with_no_workload_the_list_says_so(place: Place) -> None:
    """Before anything was asked for, and for an id that names nothing."""
    place.work()
    assert "no workload" in place("workload", "list")[2]
    assert place("workload", "show", "wk1")[0] == EXIT_USAGE


def test_a_completed_workload_ends_its_task(place: Place) -> None:
    """The run that takes the report ends the message and the task, and says so."""
    workload_id = place.start()
    place.hear(workload_id, OutcomeStatus.COMPLETED)
    place.work()
    assert place.read("workload", "show", workload_id)["workload"]["state"] == "completed"
    status, _, err = place("workload", "cancel", workload_id, "--reason", "late")
    assert (status, "completed already" in err) == (EXIT_USAGE, True)
    assert place("workload", "retry", workload_id)[0] == EXIT_USAGE


def test_a_cancelled_workload_is_over_here_and_loses_its_grants(place: Place) -> None:
    """The person is told that the runtime is not; its later reports change nothing."""
    workload_id = place.start()
    grant = GrantTerms("read", "gitea", ("issue.read",), 5, 600.0)
    place.write(lambda c: claim(c, workload_id, [grant], "crow", place.clock.now().timestamp()))
    status, _, err = place("workload", "cancel", workload_id[:20], "--reason", "not needed")
    assert status == EXIT_DONE, err
    assert "the runtime was not told" in err
    assert place.read("workload", "show", workload_id)["workload"]["state"] == "aborted"
    assert [one["state"] for one in place.read("capability", "list")["capabilities"]] == ["revoked"]
    place.hear(workload_id, OutcomeStatus.RUNNING)
    place.work()
    assert place.alerts(workload_id) == []
    place.hear(workload_id, OutcomeStatus.COMPLETED)
    place.work()
    assert place.read("workload", "show", workload_id)["workload"]["state"] == "aborted"
    assert place.alerts(workload_id) == ["outcome-after-end"]
    assert place("workload", "retry", workload_id)[0] == EXIT_USAGE


def test_a_workload_whose_line_was_not_written_is_withdrawn(place: Place) -> None:
    """Without a reader the line waits; cancelled, it is never written."""
    place.runtime.stop()
    place.take_event()
    place.work()
    (workload,) = place.read("workload", "list")["workloads"]
    assert workload["state"] == "waiting"
    status, _, err = place("workload", "cancel", workload["workload_id"], "--reason", "not needed")
    assert (status, "withdrawn" in err) == (EXIT_DONE, True)
    place.runtime.start()
    place.work()
    assert place.runtime.read() == []
    assert place.read("workload", "list")["workloads"][0]["state"] == "withdrawn"
    place.hear(workload["workload_id"], OutcomeStatus.RUNNING)
    place.work()
    assert place.alerts(workload["workload_id"]) == ["outcome-after-end"]
    assert "outcome-after-end" in place("workload", "show", workload["workload_id"])[1]


def test_a_failed_workload_is_started_anew_under_a_new_id(place: Place) -> None:
    """Another try is judged, delivered once, and has its own end; the one before cannot be tried again."""
    workload_id = place.start()
    place.hear(workload_id, OutcomeStatus.FAILED)
    place.work()
    assert place.task() == ("escalated", "outcome-failed")
    assert not place.passes_over_events()  # a person's: no pass goes over it again and again
    status, _, err = place("workload", "retry", workload_id, "--reason", "fixed")
    assert status == EXIT_DONE, err
    place.work()
    assert place.task() == ("waiting", "")
    again, first = place.read("workload", "list")["workloads"]
    assert (first["workload_id"], first["state"], again["try"], again["state"]) == (
        workload_id,
        "failed",
        2,
        "delivered",
    )
    assert list(place.runtime.workloads) == [workload_id, again["workload_id"]]
    assert place.runtime.repeated == []
    status, _, err = place("workload", "retry", workload_id)
    assert (status, "later try" in err) == (EXIT_USAGE, True)
    assert place("workload", "retry", again["workload_id"])[0] == EXIT_USAGE
    place.hear(again["workload_id"], OutcomeStatus.COMPLETED, inbox=2)
    place.work()
    assert place.read("workload", "show", again["workload_id"])["workload"]["state"] == "completed"
    assert place.task() == ("done", "")
    assert place("ledger", "verify")[0] == EXIT_DONE


def test_another_try_needs_todays_policy(place: Place) -> None:
    """A policy that was added since refuses it, and nothing is written."""
    workload_id = place.start()
    place.hear(workload_id, OutcomeStatus.FAILED)
    place.work()
    policies = place.path / "policies"
    policies.mkdir()
    (policies / "none.yaml").write_text(
        "rules:\n  - id: no-workloads\n    match: {topics: [job.warden.start_workload]}\n    decision: deny\n"
        "    reason: not today\n"
    )
    status, _, err = place("workload", "retry", workload_id)
    assert (status, "no-workloads" in err) == (EXIT_REFUSED, True), err
    assert len(place.read("workload", "list")["workloads"]) == 1


def test_a_reason_with_a_secret_is_refused(place: Place) -> None:
    """A person's reason is scanned like any text, and one is needed to cancel."""
    workload_id = place.start()
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    assert place("workload", "cancel", workload_id, "--reason", secret)[0] == EXIT_USAGE
    assert place("workload", "cancel", workload_id, "--reason", " ")[0] == EXIT_USAGE
    assert place.read("workload", "show", workload_id)["workload"]["state"] == "delivered"


def test_a_capability_is_revoked_once(place: Place) -> None:
    """Revoking says what it did; a second time there is nothing live under the id."""
    workload_id = place.start()
    assert "nothing was claimed" in place("capability", "list")[2]
    grant = GrantTerms("read", "gitea", ("issue.read",), 5, 1e9)
    place.write(lambda c: claim(c, workload_id, [grant], "crow", 2e9))
    assert "issue.read" in place("capability", "list")[1]
    assert place("capability", "revoke", "cap1")[0] == EXIT_DONE
    for wrong in ("cap1", "cap9", "x"):
        assert place("capability", "revoke", wrong)[0] == EXIT_USAGE
    assert place.read("capability", "list", "--workload", workload_id)["capabilities"][0]["revoked_for"] == "operator"
    assert place.read("capability", "list", "--workload", "none")["capabilities"] == []


def test_runs_of_scripts_are_listed_with_their_receipts(place: Place) -> None:
    """A run shows its rule, its end and, when asked, what it printed."""
    assert "no script" in place("intake", "runs")[2]
    place.take_event("hello", "script", "script")
    place.work()
    (one,) = place.read("intake", "runs")["runs"]
    assert (one["rule"], one["status"], one["output"]) == ("work/script", "exit 0", "hello\n")
    assert "exit 0" in place("intake", "runs")[1]
    assert "hello" in place("intake", "runs", "--output")[1]


def test_two_people_who_retry_at_once_start_it_once(place: Place) -> None:
    """The second finds the first's try, or the cycle's lock."""
    workload_id = place.start()
    place.hear(workload_id, OutcomeStatus.FAILED)
    place.work()
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(place("workload", "retry", workload_id)[0])) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(EXIT_DONE) == 1
    assert len(place.read("workload", "list")["workloads"]) == 2


def test_a_second_intake_is_told_that_somebody_listens(place: Place) -> None:
    """Two intakes with one socket: the second ends in words, before it serves anything; the first goes on."""
    from warden.server.intake.lifecycle import bind_socket

    with bind_socket(place.path / "lifecycle.sock"):
        status, _, err = place("intake", "serve", "--listen", "127.0.0.1:0")
    assert status == EXIT_FAILED
    assert "somebody listens" in err
    assert "Traceback" not in err


def test_a_workload_that_was_handed_over_is_shown_as_such(place: Place) -> None:
    """The run that delivers says that the end is awaited, not that the action was left out."""
    place.take_event()
    _, out, _ = place("worker", "run", "--execute")
    assert "its end is awaited" in out
    assert "left out" not in out
