"""What onlookers get of the real program: silence, logs, metrics, traces, notifications, and what failing ones cost."""

from __future__ import annotations

import base64
import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from postbox import Postbox, listening
from realprocess import QUESTION, SECRET_REQUEST, WAIT_S, Home, finish

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ONCE = ("worker", "run", "--once", "--scheduled", "--quiet")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home."""
    return Home(tmp_path, {"HOOK_SECRET": SECRET})


@pytest.fixture
def box() -> Iterator[Postbox]:
    """Somebody who takes what is posted."""
    with listening() as found:
        yield found


def configure(home: Home, text: str) -> None:
    """Write the configuration."""
    place = home.path / "config" / "ops-warden"
    place.mkdir(parents=True, exist_ok=True)
    (place / "config.toml").write_text(text, encoding="utf-8")


def webhook(url: str) -> str:
    """Return the table that notifies `url`."""
    return f'[notify]\nwebhook_url = "{url}"\nwebhook_secret_variable = "HOOK_SECRET"\n'


def codes(box: Postbox) -> list[dict[str, int]]:
    """Return what each notification counted."""
    return [json.loads(posted.body)["data"]["counts"] for posted in box.posted]


def free_port() -> int:
    """Return a port where nobody listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_quiet_pass_is_silent_while_nothing_is_new(home: Home) -> None:
    """On an empty inbox, and on one whose messages were decided before, cron has nothing to mail."""
    silent = (0, "", "")
    first = home.run(*ONCE)
    assert (first.status, first.out, first.err) == silent
    home.send(SECRET_REQUEST)
    assert home.run("worker", "run", "--execute").status == 0
    again = home.run(*ONCE)
    assert (again.status, again.out, again.err) == silent
    assert home.run("worker", "run", "--execute", "--quiet").out == ""


def test_verbose_says_more_and_json_logs_parse(home: Home) -> None:
    """--verbose logs the events of a run; JSON logs are one object a line, without a word of a message."""
    home.send(QUESTION)
    plain = home.run("worker", "run")
    verbose = home.run("worker", "run", "--verbose")
    assert "run.started" not in plain.err
    for event in ("run.started", "message.decided", "run.finished"):
        assert event in verbose.err
    configure(home, '[log]\nformat = "json"\n')
    logged = home.run("worker", "run")
    lines = [json.loads(line) for line in logged.err.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines] == ["run.started", "message.decided", "run.finished"]
    assert "OpenRouter" not in logged.err
    assert "agent-0" not in "".join(json.dumps(line) for line in lines)
    assert home.run("worker", "run", "--quiet").err == ""


def test_one_shot_runs_write_metrics_that_agree(home: Home) -> None:
    """The file is replaced by each pass; counters go on across processes, and a dry run by hand writes none."""
    file = home.path / "warden.prom"
    configure(home, f'[metrics]\ntextfile = "{file}"\n')
    home.send(QUESTION, SECRET_REQUEST)
    home.run("worker", "run")
    assert not file.exists()
    home.run("worker", "run", "--execute")
    first = file.read_text(encoding="utf-8")
    assert 'warden_messages_total{agent="ops-warden",disposition="answered"} 1.0' in first
    assert 'warden_open_escalations{agent="ops-warden"} 1.0' in first
    assert "warden_run_duration_seconds" in first
    home.run(*ONCE)
    second = file.read_text(encoding="utf-8")
    assert 'warden_messages_total{agent="ops-warden",disposition="answered"} 1.0' in second
    assert 'warden_runs_total{agent="ops-warden",mode="dry-run",outcome="done"} 2.0' in second
    assert [path.name for path in home.path.iterdir() if path.name.startswith(".warden.prom")] == []


def test_metrics_that_cannot_be_written_fail_nothing(home: Home) -> None:
    """A directory that is not there is an alert on stderr; the pass is done, and doctor says what to do."""
    configure(home, f'[metrics]\ntextfile = "{home.path}/nowhere/w.prom"\n')
    result = home.run(*ONCE)
    assert (result.status, result.out) == (0, "")
    assert "metrics file" in result.err
    assert home.run("doctor").status == 1


def test_an_escalation_is_told_once_and_ends_with_its_acknowledgement(home: Home, box: Postbox) -> None:
    """Passes of several processes tell an item once; nothing of the message is in what is told."""
    configure(home, webhook(box.url + "/hook") + 'remind_after = "1m"\n[review]\nallow_same_uid = true\n')
    home.send(SECRET_REQUEST)
    home.run("worker", "run")
    assert box.posted == []
    home.run("worker", "run", "--execute")
    assert codes(box) == [{"escalation": 1}]
    home.run(*ONCE)
    home.run(*ONCE)
    assert len(box.posted) == 1
    said = box.posted[0].body.decode()
    assert "database" not in said
    assert "agent-0" not in said
    assert "notified" in home.run("ledger", "log").out
    assert home.run("ledger", "verify").status == 0


def test_many_at_once_are_one_digest(home: Home, box: Postbox) -> None:
    """More new subjects than `digest_over` come as one notification."""
    configure(home, webhook(box.url) + "digest_over = 3\n")
    home.send(*[SECRET_REQUEST] * 5)
    home.run("worker", "run", "--execute")
    assert codes(box) == [{"escalation": 5}]


def test_a_dead_target_costs_no_run_and_loses_nothing(home: Home, box: Postbox) -> None:
    """The pass ends as it would; the alert is raised once; when the target works again it is told what it missed."""
    configure(home, webhook(f"http://127.0.0.1:{free_port()}"))
    home.send(SECRET_REQUEST)
    result = home.run("worker", "run", "--execute")
    assert result.status == 0
    assert "alert: notifications to webhook" in result.err
    second = home.run(*ONCE)
    assert (second.status, second.out, second.err) == (0, "", "")
    status = home.run("status", "--json").document
    assert status["failing_notification_targets"] == ["webhook"]
    assert status["alerts"] == {"notify-failed": 1}
    assert "notify-failed" in home.run("doctor").out
    assert home.run("worker", "run", "--every", "1h").status == 1
    configure(home, webhook(box.url))
    home.run(*ONCE)
    assert codes(box) == [{"escalation": 1}]
    assert home.run("status", "--json").document["failing_notification_targets"] == []


def test_a_secret_that_is_none_stops_the_worker_at_its_start(home: Home, box: Postbox) -> None:
    """A worker that goes on refuses to start with a target that cannot be used, and does not show the value."""
    configure(home, f'[notify]\nwebhook_url = "{box.url}"\n')
    assert "no secret to sign with" in home.run("worker", "run", "--every", "1h").err
    configure(home, webhook(box.url))
    wrong = Home(home.path, {"HOOK_SECRET": "opensesame4711opensesame"})
    result = wrong.run("worker", "run", "--every", "1h")
    assert result.status == 10
    assert "opensesame" not in result.out + result.err


def test_damage_is_told_once(home: Home, box: Postbox) -> None:
    """A ledger that does not verify cannot keep who was told; they are told once all the same."""
    configure(home, webhook(box.url))
    home.run("worker", "run", "--execute")
    head = next(path for path in home.state.rglob("*") if path.is_file() and "head" in path.name)
    head.unlink()
    for _ in range(2):
        assert home.run("worker", "run", "--execute").status == 6
    assert codes(box) == [{"ledger-damaged": 1}]


def test_drift_is_told_in_quiet_hours_too(home: Home, box: Postbox) -> None:
    """A gate that closes by itself is urgent: it is told at once, and an escalation waits for the end of the quiet hours."""
    configure(home, "")
    home.send(QUESTION)
    for arguments in (
        ("worker", "shakedown"),
        ("schedule", "approve", "--reason", "read it"),
        ("worker", "run", "--execute"),
        ("schedule", "enable"),
    ):
        result = home.run(*arguments)
        assert result.status == 0, result.err
    text = (Path(__file__).parents[2] / "charter" / "catalog.yaml").read_text(encoding="utf-8")
    (home.path / "catalog.yaml").write_text(text + "# changed\n", encoding="utf-8")
    configure(home, webhook(box.url) + 'quiet_hours = ["00:00-24:00"]\n')
    home.send(SECRET_REQUEST)
    home.run("worker", "run", "--execute")
    assert codes(box) == []
    for _ in range(2):
        assert home.run(*ONCE, "--catalog", str(home.path / "catalog.yaml")).status == 0
    assert codes(box) == [{"gate-drift": 1}]


def test_a_failing_pass_is_told(home: Home, box: Postbox) -> None:
    """A scheduled pass that fails is an alert that is told, once while it stands."""
    configure(home, webhook(box.url) + f'[hub]\nurl = "http://127.0.0.1:{free_port()}"\nretries = 0\n')
    for _ in range(2):
        assert home.run(*ONCE).status == 1
    assert codes(box) == [{"run-failed": 1}]


def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    """Ask the worker's server."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_long_worker_serves_metrics_and_health(home: Home) -> None:
    """It answers from its start to its end; what it does not serve is refused; the port is free afterwards."""
    port = free_port()
    configure(home, f'[metrics]\nlisten = "127.0.0.1:{port}"\n')
    process = home.start("worker", "run", "--every", "1h")
    try:
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                status, text = get(port, "/metrics")
                break
            except OSError:
                assert process.poll() is None, finish(process).err
                assert time.monotonic() < deadline
        assert status == 200
        assert "warden_build_info" in text
        status, text = get(port, "/healthz")
        assert (status, json.loads(text)["healthy"]) == (200, True)
        assert get(port, "/")[0] == 404
        assert get(port, "/metrics", "POST")[0] == 501
        with closing(socket.create_connection(("127.0.0.1", port))) as odd:
            odd.sendall(b"\x00\xff\r\n\r\n")
        assert get(port, "/healthz", "HEAD") == (200, "")
    finally:
        process.send_signal(signal.SIGTERM)
        result = finish(process)
    assert result.status == 143, result.err
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def test_traces_arrive_and_one_that_is_away_costs_no_run(home: Home, box: Postbox) -> None:
    """Each run sends its spans; without anybody to take them the run ends as it would, and says nothing."""
    configure(home, f'[trace]\nendpoint = "{box.url}"\n')
    home.send(QUESTION)
    assert home.run("worker", "run").status == 0
    sent = b"".join(posted.body for posted in box.posted)
    assert b"warden.message" in sent
    assert b"OpenRouter" not in sent
    configure(home, f'[trace]\nendpoint = "http://127.0.0.1:{free_port()}"\n')
    away = home.run("worker", "run", "--quiet")
    assert (away.status, away.err) == (0, "")


def test_notify_test_says_who_took_it(home: Home, box: Postbox) -> None:
    """Each target is named with what it did; exit 1 when one did not take it, 10 when there is none."""
    assert home.run("notify", "test").status == 10
    configure(home, webhook(box.url))
    result = home.run("notify", "test", "--json")
    assert result.document == {
        "schema": "warden.notify/1",
        "targets": [{"target": "webhook", "taken": True, "error": ""}],
    }
    configure(home, webhook(f"http://127.0.0.1:{free_port()}"))
    failed = home.run("notify", "test")
    assert (failed.status, "cannot be reached" in failed.out) == (1, True)
    assert home.run("notify", "check").status == 1


def test_a_credential_for_notifications_that_is_gone_fails_no_run(home: Home, box: Postbox) -> None:
    """Mail is answered all the same, and who was to be notified is told when the credential is there again."""
    configure(home, webhook(box.url))
    home.send(QUESTION, SECRET_REQUEST)
    without = Home(home.path)
    result = without.run("worker", "run", "--execute")
    assert result.status == 0
    assert "alert: notifications to webhook" in result.err
    assert home.run(*ONCE).status == 0
    assert codes(box) == [{"escalation": 1}]
