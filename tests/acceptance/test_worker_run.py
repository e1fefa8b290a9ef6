"""`warden worker run` as people run it: the real process, an inbox, a dry run, an executing run."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from realprocess import QUESTION, REPORT, SECRET_REQUEST, THANKS, Home, Result, served

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]
SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "run.schema.json"
MIXED = (QUESTION, THANKS, REPORT, SECRET_REQUEST)
OUTCOMES = ["answered", "read", "noted", "escalated"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An operator's home."""
    return Home(tmp_path)


def fits(result: Result) -> bool:
    """Return whether stdout is a warden.run/1 document."""
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).is_valid(result.document)


def unread(home: Home, *hub: str) -> list[str]:
    """Return the ids of the unread messages."""
    listing = home.run("hub", "inbox", "--json", *hub)
    return [message["id"] for message in json.loads(listing.out)["messages"]]


def check_executed(home: Home, *hub: str) -> None:
    """Fail unless the mixed inbox was carried out: the reply in its thread, the progress events, the read flags."""
    assert unread(home, *hub) == ["m4"]
    thread = json.loads(home.run("hub", "thread", "t1", "--json", *hub).out)["messages"]
    assert [message["from_agent"] for message in thread] == ["agent-0", "ops-warden"]
    assert thread[1]["in_reply_to"] == "m1"
    assert thread[1]["metadata"]["auto-submitted"] == "auto-replied"
    events = json.loads(home.run("hub", "progress", "--json", *hub).out)["events"]
    audits = {event["message_id"]: event["metadata"]["disposition"] for event in events if event["kind"] == "audit"}
    assert audits == dict(zip(("m1", "m2", "m3", "m4"), OUTCOMES, strict=True))
    assert [event["message_id"] for event in events if event["kind"] == "note"] == ["m3"]


@pytest.mark.parametrize("over_http", [False, True])
def test_send_dry_run_execute_idle(home: Home, over_http: bool) -> None:
    """A dry run shows and changes nothing; the executing run does what it showed; the next one has nothing to do."""
    home.send(*MIXED)
    if not over_http:
        check_main_job(home)
        return
    with served(home) as url:
        check_main_job(Home(home.path / "worker"), "--hub", url)


def check_main_job(home: Home, *hub: str) -> None:
    """Run the main job."""
    home.path.mkdir(exist_ok=True)
    before = home.look(*hub)
    dry = home.run("worker", "run", "--dry-run", "--json", *hub)
    assert (dry.status, dry.dispositions, fits(dry)) == (0, OUTCOMES, True), dry.err
    assert home.look(*hub) == before
    done = home.run("worker", "run", "--execute", "--json", *hub)
    assert (done.status, done.dispositions, fits(done)) == (0, OUTCOMES, True), done.err
    bodies: list[Any] = [
        [[action.get("body") for action in message["actions"]] for message in run.document["messages"]]
        for run in (dry, done)
    ]
    assert bodies[0] == bodies[1]
    check_executed(home, *hub)
    after = home.look(*hub)
    idle = home.run("worker", "run", "--execute", "--json", *hub)
    assert (idle.status, idle.dispositions, idle.document["summary"]["decided_before"]) == (0, [], 1)
    assert home.look(*hub) == after
    assert home.run("ledger", "verify").status == 0


def test_a_plan_for_people_ends_with_its_sums(home: Home) -> None:
    """Text on stdout, what to do next on stderr, and nothing on stderr with --quiet."""
    home.send(*MIXED)
    shown = home.run("worker", "run")
    assert "DRY RUN" in shown.out
    assert "Plan: 1 to answer, 1 to note, 1 to escalate, 0 refused, 1 to read" in shown.out.splitlines()
    assert "warden worker run --execute" in shown.err
    assert home.run("worker", "run", "--quiet").err == ""
    assert home.run("worker", "run", "--execute", "--quiet").status == 0
    idle = home.run("worker", "run", "--execute")
    assert (idle.out, idle.err) == ("Nothing to do for ops-warden: 1 unread message decided before\n", "")


def test_limit_leaves_the_rest_for_later(home: Home) -> None:
    """--limit bounds what one run plans, and the next run goes on behind it."""
    home.send(QUESTION, QUESTION, QUESTION)
    for expected in (2, 1, 0):
        assert len(home.run("worker", "run", "--execute", "--limit", "2", "--json").dispositions) == expected


def test_detailed_exit_status(home: Home) -> None:
    """With --detailed-exitcode something that waits for a person is 5, and nothing is 0."""
    assert home.run("worker", "run", "--detailed-exitcode").status == 0
    home.send(SECRET_REQUEST)
    assert home.run("worker", "run", "--detailed-exitcode").status == 5


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--limit", "0"], 2, "--limit"),
        (["--limit", "many"], 2, "--limit"),
        (["--every", "never"], 2, "interval"),
        (["--every", "5m", "--once"], 2, "--every"),
        (["--every", "5m", "--execute"], 2, "--every"),
        (["--cron", "*/5 * * * *", "--execute"], 2, "--cron"),
        (["--scheduled", "--execute"], 2, "--scheduled"),
        (["--cron", "61 * * * *"], 2, "minute"),
        (["--cron", "0 0 * * mon#1"], 2, "weekday"),
        (["--cron", "* * * * *", "--timezone", "Mars/Base"], 2, "time zone"),
        (["--cron", "* * * * *", "--every", "5m"], 2, "exclude"),
        (["--every", "5m", "--jitter", "10m"], 2, "jitter"),
        (["--jitter", "10s"], 2, "--jitter"),
        (["--scheduled", "--out", "plan.json"], 2, "--out"),
        (["--deadline", "soon"], 2, "deadline"),
        (["--execute", "--out", "plan.json"], 2, "--out"),
        (["--brain", "oracle"], 2, "oracle"),
        (["--catalog", "missing.yaml"], 2, "missing.yaml"),
        (["--catalog", "bad.yaml"], 2, "bad.yaml"),
        (["--hub", "http://127.0.0.1:1"], 1, "hub"),
        (["--hub", "ftp://example.org"], 10, "hub"),
        (["--nonsense"], 2, "--nonsense"),
    ],
)
def test_what_cannot_be_run_is_said_in_two_lines(home: Home, arguments: list[str], status: int, said: str) -> None:
    """A mistake is one line and a hint, never a traceback, and leaves stdout empty."""
    (home.path / "bad.yaml").write_text("entries:\n  - id: x\n    id: y\n", encoding="utf-8")
    home.send(QUESTION)
    result = home.run("worker", "run", *arguments)
    assert (result.status, result.out) == (status, ""), result.err
    error, hint = result.err.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert hint.startswith("hint: ")


def test_a_hub_that_refuses_the_credential_ends_the_run(home: Home) -> None:
    """Without a token, a hub that asks for one is exit status 7."""
    assert home.run("hub", "token", "create", "ops-warden").status == 0
    process = home.start("hub", "serve", "--port", "0", "--json")
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        worker = Home(home.path / "worker")
        worker.path.mkdir()
        result = worker.run("worker", "run", "--hub", url)
    finally:
        process.terminate()
        process.communicate()
    assert result.status == 7
    assert "hint: " in result.err


def test_a_reader_that_goes_away_ends_the_run_quietly(home: Home) -> None:
    """`warden worker run | head -1` ends with status 1 and without a word, and the ledger still verifies."""
    home.send(*[QUESTION] * 200)
    process = home.start("worker", "run")
    assert process.stdout is not None
    assert "DRY RUN" in process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 1
    assert home.run("ledger", "verify").status == 0


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_colour_only_on_a_terminal_and_never_with_no_color(tmp_path: Path, variables: dict[str, str]) -> None:
    """On a terminal the plan is coloured, unless NO_COLOR is set; in a pipe it never is."""
    home = Home(tmp_path, {"TERM": "xterm-256color", **variables})
    home.send(THANKS)
    assert "\x1b" not in home.run("worker", "run").out
    ours, theirs = pty.openpty()
    process = home.start("worker", "run", stdout=theirs)
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:  # the other end of the terminal was closed
        pass
    finally:
        os.close(ours)
    process.communicate()
    assert b"DRY RUN" in seen
    assert (b"\x1b[" in seen) is not bool(variables)
