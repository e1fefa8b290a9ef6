"""`warden budget` and `warden plan show` on a ledger that a run with a model wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from warden.cli import main
from warden.testing.model_server import FakeModelServer, served_model

ANSWER = "Please ask the platform team."
QUESTION = "Who keeps the purple door closed at night?"
Run = Callable[..., Any]


@pytest.fixture
def model() -> Any:
    """A model server that answers every message with the same reply."""
    with served_model() as server:
        server.text = json.dumps({"action": {"kind": "reply", "body": ANSWER}})
        yield server


@pytest.fixture
def warden(tmp_path: Path, model: FakeModelServer, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on a fresh state directory and return its exit status, stdout and stderr."""
    config = tmp_path / "config.toml"
    config.write_text(
        f"""
        brain = "auto"
        [model]
        provider = "openai"
        url = "{model.url}"
        name = "m"
        prices = {{ m = {{ prompt = 1.0, completion = 2.0 }} }}
        [budget]
        hour_calls = 2
        sender_calls = 1
        """,
        encoding="utf-8",
    )

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main.run([*words, "--config", str(config), "--state-dir", str(tmp_path / "state")])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def send(warden: Run, sender: str = "alice", body: str = QUESTION) -> None:
    """Put a message into the worker's inbox."""
    words = ("hub", "send", "--from", sender, "--to", "ops-warden", "--subject", "the door", "--body", body)
    assert warden(*words)[0] == 0


def document(warden: Run, *words: str) -> Any:
    """What a command prints with --json."""
    status, out, _ = warden(*words, "--json")
    assert status == 0
    return json.loads(out)


def test_a_budget_before_the_first_run(warden: Run) -> None:
    """Without a ledger nothing was used, and the limits are shown."""
    status, out, _ = warden("budget")
    assert status == 0
    assert "model openai/m, brain auto" in out
    assert "calls              0 of 2" in out
    assert document(warden, "budget")["accounts"][1]["frees_at"] is None


def test_what_was_used_and_when_it_is_free_again(warden: Run) -> None:
    """Calls, tokens, cost and time are shown per window and sender, and a spent limit stands out."""
    for sender in ("alice", "bob"):
        send(warden, sender)
    warden("worker", "run")
    status, out, _ = warden("budget")
    assert status == 0
    assert "calls              2 of 2  SPENT" in out
    assert "sender alice in the last 24 hours" in out
    assert "cost               0.0002" in out
    shown = document(warden, "budget", "--sender", "bob")
    assert shown["schema"] == "warden.budget/1"
    (hour,) = [one for one in shown["accounts"] if one["span"] == "hour"]
    calls = next(one for one in hour["measures"] if one["measure"] == "calls")
    assert (calls["used"], calls["limit"], hour["window_s"]) == (2, 2, 3600)
    assert hour["frees_at"] is not None
    (sender,) = [one for one in shown["accounts"] if one["span"] == "sender"]
    assert (sender["sender"], sender["measures"][0]["used"]) == ("bob", 1)


def test_a_spent_budget_is_told_in_the_plan(warden: Run) -> None:
    """The third message of the hour is escalated, and the plan says which budget did not hold it."""
    for sender in ("alice", "bob", "carol"):
        send(warden, sender)
    shown = document(warden, "worker", "run")
    assert [one["reason"] for one in shown["messages"]] == ["approval", "approval", "budget-spent"]
    assert "the last hour for calls" in shown["messages"][2]["detail"]


def test_a_message_is_shown_with_what_the_model_saw(warden: Run, model: FakeModelServer) -> None:
    """A dry run leaves what the model was asked, its texts are shown on demand; an executing run adds the plan."""
    send(warden)
    warden("worker", "run")
    status, out, _ = warden("plan", "show", "m1")
    assert status == 0
    assert "asked     openai/m: answered" in out
    assert QUESTION not in out
    assert "planned" not in out
    _, out, _ = warden("plan", "show", "m1", "--context")
    assert "--- message" in out
    assert QUESTION in out
    assert ANSWER in out
    warden("worker", "run", "--execute")
    assert len(model.requests) == 1
    _, out, _ = warden("plan", "show", "m1")
    assert "planned   by auto: model-reply" in out
    assert "decided   reply: require approval" in out


def test_a_run_is_shown_with_the_answers_that_it_used_again(warden: Run) -> None:
    """A run that replayed an answer is shown with the question of the run that asked it."""
    send(warden)
    first = document(warden, "worker", "run")["run_id"]
    second = document(warden, "worker", "run", "--execute")["run_id"]
    (message,) = document(warden, "plan", "show", second, "--context")["messages"]
    assert (message["planned"]["reason"], message["asked"]["run_id"]) == ("model-reply", first)
    assert [layer["name"] for layer in message["asked"]["layers"]] == [
        "system",
        "charter",
        "catalogue",
        "thread",
        "message",
    ]
    assert QUESTION in message["asked"]["layers"][-1]["text"]
    assert ANSWER in message["asked"]["answer"]
    (dry,) = document(warden, "plan", "show", first)["messages"]
    assert (dry["planned"], dry["decisions"], dry["asked"]["run_id"]) == (None, [], first)
    assert "text" not in dry["asked"]["layers"][0]


def test_a_saved_plan_is_shown(warden: Run, tmp_path: Path) -> None:
    """A saved plan is shown item by item, with what the model was asked for it."""
    send(warden)
    file = str(tmp_path / "plan.json")
    warden("worker", "run", "--out", file)
    status, out, _ = warden("plan", "show", file, "--context")
    assert status == 0
    assert f"body = {ANSWER}" in out
    assert QUESTION in out
    (message,) = document(warden, "plan", "show", file)["messages"]
    assert message["saved"]["proposals"] == [{"kind": "reply", "arguments": {"body": ANSWER}}]


def test_texts_are_gone_after_retention(warden: Run) -> None:
    """What the model was shown is removed with other texts; the digests stay, and the command says so."""
    send(warden)
    warden("worker", "run")
    status, _, err = warden("ledger", "purge", "--before", "2100-01-01")
    assert status == 0, err
    _, out, _ = warden("plan", "show", "m1", "--context")
    assert "--- message: removed after retention" in out
    assert document(warden, "plan", "show", "m1", "--context")["messages"][0]["asked"]["answer"] is None


@pytest.mark.parametrize("what", ["no-such-message", "", "plan.json", "\ud800"])
def test_what_is_not_there_is_said(warden: Run, what: str) -> None:
    """A word that names nothing is a usage error, with or without a ledger."""
    assert warden("plan", "show", what)[0] == 2
    send(warden)
    warden("worker", "run")
    assert warden("plan", "show", what)[0] == 2


def test_rules_leave_no_question(warden: Run) -> None:
    """A message that the rules answered was shown to no model."""
    send(warden, body="Thank you, that worked.")
    warden("worker", "run", "--execute")
    _, out, _ = warden("plan", "show", "m1", "--context")
    assert "no model was asked about this message" in out
