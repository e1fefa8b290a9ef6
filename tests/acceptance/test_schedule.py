"""From shakedown to unattended with the real program: the gate, timers, the worker and its signals."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from realprocess import QUESTION, THANKS, WAIT_S, Home, SlowHub, finish

pytestmark = pytest.mark.acceptance
CLOSED = "dry run (schedule not enabled)"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of its own."""
    return Home(tmp_path)


def write_config(home: Home, text: str) -> None:
    """Write the configuration."""
    place = home.path / "config" / "ops-warden" / "config.toml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


def open_gate(home: Home, *more: str) -> None:
    """Go all the way to unattended running."""
    home.send(QUESTION, THANKS)
    for arguments in (
        ("worker", "shakedown"),
        ("schedule", "approve", "--reason", "read it"),
        ("worker", "run", "--execute"),
        ("schedule", "enable", *more),
    ):
        result = home.run(*arguments)
        assert result.status == 0, result.err


def test_nobody_gets_there_by_accident(home: Home) -> None:
    """Each step that is missing is named with how to get it, and the gate opens only when all are there."""
    home.send(QUESTION)
    assert home.run("worker", "run", "--once", "--scheduled").out == f"{CLOSED}: would be 1 answered\n"
    refused = home.run("schedule", "enable")
    assert refused.status == 4
    for word in ("1 of 3 clean", "worker shakedown", "schedule approve", "worker run --execute"):
        assert word in refused.err
    assert home.run("schedule", "approve", "--reason", "x").status == 4
    report = home.run("worker", "shakedown", "--json")
    assert report.status == 0, report.err
    document = report.document
    assert (document["clean_passes"], document["would_be_replies"], document["passes_agree"]) == (3, 1, True)
    assert home.run("schedule", "approve").status == 2
    assert home.run("schedule", "approve", "--reason", "read it", "--report", document["saved_as"]).status == 0
    assert "no pass by hand" in home.run("schedule", "enable").err
    assert home.run("worker", "run", "--execute").status == 0
    assert home.run("schedule", "enable", "--allow-drift", "charter").status == 2
    assert home.run("schedule", "enable").status == 0
    assert "no timer has said how often it calls" in home.run("doctor").out
    status = home.run("schedule", "status", "--json").document
    assert (status["executes"], status["missing"]) == (True, [])
    assert status["evidence"]["approved_by"].startswith(f"uid:{os.getuid()}")
    home.send(QUESTION)
    done = home.run("worker", "run", "--once", "--scheduled", "--every", "5m", "--json").document
    assert [message["disposition"] for message in done["messages"]] == ["answered"]
    assert done["summary"]["gate"] == "open"
    assert home.run("status", "--json").document["next_tick"] is not None
    assert home.run("schedule", "disable").status == 0
    home.send(QUESTION)
    assert home.run("worker", "run", "--once", "--scheduled").out.startswith(CLOSED)
    assert home.run("ledger", "verify").status == 0
    before = home.run("schedule", "status", "--json").out
    assert home.run("ledger", "rebuild").status == 0
    assert home.run("schedule", "status", "--json").out == before


def test_a_report_that_was_changed_cannot_be_signed_off(home: Home) -> None:
    """Neither an edited report, nor one about a catalogue that is no longer there."""
    home.send(QUESTION)
    saved = Path(home.run("worker", "shakedown", "--json").document["saved_as"])
    changed = home.path / "catalog.yaml"
    changed.write_text((Path(__file__).parents[2] / "charter" / "catalog.yaml").read_text() + "# more\n")
    refused = home.run("schedule", "approve", "--reason", "x", "--catalog", str(changed))
    assert (refused.status, "the catalogue" in refused.err) == (4, True)
    for odd, status in ((home.path, 2), (home.path / "missing", 2)):
        assert home.run("schedule", "approve", "--reason", "x", "--report", str(odd)).status == status
    assert home.run("schedule", "approve", "--reason", " ").status == 2
    saved.write_text(saved.read_text() + " ")
    assert home.run("schedule", "approve", "--reason", "x").status == 4
    assert home.run("schedule", "approve", "--reason", "x", "--report", str(saved)).status == 4


def test_any_change_makes_passes_dry_again(home: Home) -> None:
    """Another catalogue, another overlay: dry runs, one alert, and status says so; allowed drift stays open."""
    open_gate(home)
    assert home.run("status").status == 0
    overlay = home.path / "config" / "ops-warden" / "policies"
    overlay.mkdir(parents=True)
    text = Path(__file__).parents[2] / "src/warden/_charter/catalog.yaml"
    catalog = home.path / "catalog.yaml"
    catalog.write_text(text.read_text() + "# changed\n")
    drift = ("worker", "run", "--once", "--scheduled", "--catalog", str(catalog))
    for _ in range(2):
        said = home.run(*drift)
        assert (said.status, said.out) == (
            0,
            "dry run (schedule changed since it was signed off: catalog): nothing to do\n",
        )
    alerts = home.run("ledger", "log", "--kind", "alert_raised").out
    assert alerts.count("gate-drift") == 1
    assert home.run("status", "--catalog", str(catalog)).status == 1
    assert home.run("schedule", "enable", "--allow-drift", "catalog").status == 0
    assert home.run(*drift).out.startswith("Nothing to do")
    (overlay / "more.yaml").write_text("not a policy")
    assert home.run(*drift).out.startswith("Nothing to do"), "the set that was signed off is still in force"
    (overlay / "more.yaml").write_text(
        'version: "1"\ndefault_decision: abstain\nrules:\n  - id: short\n    match: {topics: [job.warden.reply]}\n'
        "    decision: require_approval\n    reason: a person reads it\n"
    )
    assert "overlay" in home.run(*drift).out
    (overlay / "more.yaml").unlink()
    assert home.run(*drift).out.startswith("Nothing to do")


def test_a_failure_of_a_timers_pass_is_an_alert(home: Home) -> None:
    """The hub is away: the exit status says so to the timer, one alert, and status is 1 until a pass goes through."""
    for _ in range(2):
        failed = home.run("worker", "run", "--once", "--scheduled", "--hub", "http://127.0.0.1:1")
        assert failed.status == 1
    assert home.run("ledger", "log", "--kind", "alert_raised").out.count("run-failed") == 1
    status = home.run("status", "--json")
    assert (status.status, [one["code"] for one in status.document["problems"]]) == (1, ["run-failed"])
    assert home.run("worker", "run", "--once", "--scheduled").status == 0
    assert home.run("status").status == 0


def test_nothing_runs_in_quiet_hours(home: Home) -> None:
    """A timer's pass in them is one line, exit status 0, and an entry."""
    write_config(home, '[schedule]\nquiet_hours = ["00:00-24:00"]\n')
    said = home.run("worker", "run", "--once", "--scheduled")
    assert (said.status, said.out) == (0, "skipped: quiet hours 00:00-24:00\n")
    log = home.run("ledger", "log").out
    assert "outcome=skipped" in log
    assert "run_started" not in log
    write_config(home, '[schedule]\nquiet_hours = ["25:00-26:00"]\n')
    assert home.run("worker", "run", "--once", "--scheduled").status == 10


class Manager:
    """A service manager that listens to what it is told."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(WAIT_S)
        self.address = address

    def wait_for(self, word: str) -> list[str]:
        """Return what was said up to the first message with this word."""
        said: list[str] = []
        while not said or word not in said[-1]:
            said.append(self.socket.recv(4096).decode())
        return said

    def forget(self) -> None:
        """Take what waits: a socket's queue is short, and a worker that is not listened to does not wait for room."""
        self.socket.settimeout(0)
        with suppress(BlockingIOError):
            while True:
                self.socket.recv(4096)
        self.socket.settimeout(WAIT_S)


@pytest.mark.parametrize("abstract", [False, True])
def test_the_worker_tells_its_service_manager(home: Home, abstract: bool) -> None:
    """READY when it begins, WATCHDOG before it waits, RELOADING and READY round a reload, STOPPING at the end; a configuration
    that does not hold leaves the old one. The watchdog's period is long: a socket's queue is short (10 messages), and what
    finds no room in it is lost."""
    manager = Manager(f"@warden-test-{os.getpid()}" if abstract else str(home.path / "notify"))
    told = Home(home.path, {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "300000000"})
    process = told.start("worker", "run", "--every", "1h")
    assert any("every 1h" in said for said in manager.wait_for("READY=1"))
    manager.wait_for("WATCHDOG=1")
    second = told.run("worker", "run", "--every", "1h")
    assert second.status == 11
    write_config(home, "agent = 17\n")
    process.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in manager.wait_for("RELOADING=1")[-1]
    assert "old one" in manager.wait_for("READY=1")[-1]
    write_config(home, "[schedule]\njitter_s = 1\n")
    process.send_signal(signal.SIGHUP)
    assert "reloaded" in manager.wait_for("STATUS=reloaded")[-1]
    assert home.run("status", "--json").document["worker"]["state"] == "waiting"
    assert home.run("schedule", "next", "--count", "2").out.count("\n") == 2
    manager.forget()
    process.send_signal(signal.SIGTERM)
    manager.wait_for("STOPPING=1")
    ended = finish(process)
    assert (ended.status, "agent" in ended.err) == (143, True)
    manager.socket.close()
    assert home.run("status", "--json").document["worker"]["state"] == "stopped"


def insist(process: subprocess.Popen[str]) -> None:
    """Send SIGTERM until the process ends: signals of one kind that come close together are one (signal(7))."""
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)


@pytest.mark.parametrize("second", [True, False], ids=["second-signal", "drain-bound"])
def test_a_worker_that_hangs_in_a_delivery_ends_all_the_same(home: Home, second: bool) -> None:
    """SIGTERM waits for the step under way, but not for ever: a second one, or the bound, ends it; the next run goes on."""
    open_gate(home)
    write_config(home, f"[schedule]\ndrain_s = {600 if second else 1}\n")
    hub = SlowHub(messages=3)
    with hub.listening() as url:
        shake = ("--hub", url)
        assert home.run("worker", "shakedown", *shake).status == 0
        assert home.run("schedule", "approve", "--reason", "x", *shake).status == 0
        hub.release.set()
        assert home.run("worker", "run", "--execute", "--limit", "1", *shake).status == 0
        assert home.run("schedule", "enable", *shake).status == 0
        hub.release.clear()
        hub.arrived.clear()
        process = home.start("worker", "run", "--every", "1h", *shake)
        assert hub.arrived.wait(WAIT_S)
        process.send_signal(signal.SIGTERM)
        if second:
            insist(process)
        ended = finish(process)
        hub.release.set()
        assert (ended.status, "outbox" in ended.err) == (143, True)
        again = home.run("worker", "run", "--execute", "--json", *shake)
    assert again.status == 0, again.err
    assert home.run("ledger", "verify").status == 0


def test_a_restart_does_not_repeat_a_tick(home: Home) -> None:
    """A worker with an hour's interval that is killed and started again makes no second pass."""
    process = home.start("worker", "run", "--every", "1h")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(CLOSED)
    while "tick_finished" not in home.run("ledger", "log").out:
        pass
    process.kill()
    finish(process)
    manager = Manager(str(home.path / "notify"))
    again = Home(home.path, {"NOTIFY_SOCKET": manager.address}).start("worker", "run", "--every", "1h")
    manager.wait_for("STATUS=waiting for")
    again.send_signal(signal.SIGTERM)
    assert finish(again).out == ""
    manager.socket.close()
    assert home.run("ledger", "log", "--kind", "tick_claimed").out.count("\n") == 1


def test_a_pass_over_its_deadline_is_stopped_between_steps(home: Home) -> None:
    """It is partial, says why, and what it had begun is recorded."""
    hub = SlowHub(messages=3000)
    hub.release.set()
    with hub.listening() as url:
        result = home.run("worker", "run", "--execute", "--json", "--deadline", "1s", "--hub", url)
    summary = json.loads(result.out)["summary"]
    assert (result.status, summary["stopped"], summary["exit_status"]) == (3, "deadline", 3)
    assert summary["answered"] < 3000
    assert home.run("ledger", "verify").status == 0
