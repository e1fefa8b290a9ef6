"""`warden worker run --brain auto|llm` with the real program, a real hub, and a model server that says what it is told to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from realprocess import QUESTION, SECRET_REQUEST, Home, Result, finish
from warden.testing.model_server import FakeModelServer, Scripted, completion, served_model

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]
OPEN_QUESTION = "Who keeps the purple door closed at night?"
ANSWER = "The caretaker does; please ask there."
KEY = "mk-7Hq2Zt9vLw4Xc1Bn8Rd5"
"""Made up."""


def says(kind: str, **fields: str) -> str:
    """What a model writes to choose an action."""
    return json.dumps({"action": {"kind": kind, **fields}})


@pytest.fixture
def model() -> Iterator[FakeModelServer]:
    """A model that answers every message with the same reply, for whoever has the key."""
    with served_model() as server:
        server.text, server.key = says("reply", body=ANSWER), KEY
        yield server


@pytest.fixture
def home(tmp_path: Path, model: FakeModelServer) -> Home:
    """A home whose brain is `auto`, with the model's key in a file."""
    home = Home(tmp_path)
    configure(home, model.url)
    return home


def configure(home: Home, url: str, brain: str = "auto", more: str = "", key: str = KEY) -> None:
    """Write the home's configuration."""
    directory = home.path / "config" / "ops-warden"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.key").write_text(key + "\n")
    (directory / "model.key").chmod(0o600)
    (directory / "config.toml").write_text(
        f'brain = "{brain}"\n{more}\n'
        f'[model]\nprovider = "openai"\nname = "m"\nurl = "{url}"\nkey_file = "model.key"\nretries = 0\ntimeout_s = 5\n'
    )


@contextmanager
def authenticated_hub(home: Home) -> Iterator[tuple[str, Home]]:
    """Serve a hub that knows its callers; gives its URL and the sender's home, and configures the worker's token."""
    tokens = {name: home.run("hub", "token", "create", name).out.split()[-1] for name in ("ops-warden", "alice")}
    process = home.start("hub", "serve", "--port", "0", "--json", stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        sender = Home(home.path / "alice", {"TOKEN": tokens["alice"]})
        (sender.path / "config" / "ops-warden").mkdir(parents=True)
        (sender.path / "config" / "ops-warden" / "config.toml").write_text(
            f'agent = "alice"\n[hub]\nurl = "{url}"\ntoken_variable = "TOKEN"\n'
        )
        (home.path / "token").write_text(tokens["ops-warden"])
        (home.path / "token").chmod(0o600)
        yield f'[hub]\nurl = "{url}"\ntoken_file = "{home.path / "token"}"\n', sender
    finally:
        process.terminate()
        finish(process)


def ask(sender: Home, body: str = OPEN_QUESTION) -> None:
    """Let the sender write to the worker."""
    sent = sender.run("hub", "send", "--to", "ops-warden", "--subject", "a question", "--body", body)
    assert sent.status == 0, sent.err


def run(home: Home, *words: str) -> Result:
    """Make one pass and return how it ended."""
    return home.run("worker", "run", "--json", *words)


def entries(home: Home, *kinds: str) -> list[Any]:
    """The ledger's entries of these kinds, all when none is named."""
    wanted = [word for kind in kinds for word in ("--kind", kind)]
    return list(json.loads(home.run("ledger", "log", "--all", "--json", *wanted).out)["entries"])


def test_execute_sends_what_the_dry_run_showed(home: Home, model: FakeModelServer) -> None:
    """On a hub that vouches for its senders a draft goes out: the one that was shown, without a second question."""
    with authenticated_hub(home) as (hub, alice):
        configure(home, model.url, more=hub)
        ask(alice)
        shown = run(home)
        assert (shown.status, shown.dispositions) == (0, ["answered"]), shown.err
        assert shown.document["messages"][0]["actions"][0]["body"] == ANSWER
        assert json.loads(alice.run("hub", "inbox", "--json").out)["messages"] == []
        model.text = says("reply", body="I changed my mind.")
        done = run(home, "--execute")
        assert (done.status, done.dispositions) == (0, ["answered"]), done.err
        (reply,) = json.loads(alice.run("hub", "inbox", "--json").out)["messages"]
        assert (reply["body"], reply["metadata"]["drafted_by"]) == (ANSWER, "openai/m")
        assert reply["metadata"]["auto-submitted"] == "auto-replied"
        assert len(model.requests) == 1


def test_a_saved_plan_carries_out_the_draft_that_it_shows(home: Home, model: FakeModelServer) -> None:
    """`worker apply` asks no model, and sends what a person read in the plan."""
    with authenticated_hub(home) as (hub, alice):
        configure(home, model.url, more=hub)
        ask(alice)
        assert home.run("worker", "run", "--dry-run", "--out", "plan.json").status == 0
        model.script.append(Scripted(b"", 500))
        done = home.run("worker", "apply", "plan.json", "--json")
        assert (done.status, done.dispositions) == (0, ["answered"]), done.err
        (reply,) = json.loads(alice.run("hub", "inbox", "--json").out)["messages"]
        assert (reply["body"], len(model.requests)) == (ANSWER, 1)


def test_a_follow_up_is_asked_with_the_conversation(home: Home, model: FakeModelServer) -> None:
    """What the sender wrote before, and our answer, are shown with the next question of the thread; nobody else's words are."""
    with authenticated_hub(home) as (hub, alice):
        configure(home, model.url, more=hub)
        ask(alice)
        assert run(home, "--execute").status == 0
        words = ("--to", "ops-warden", "--subject", "more", "--body", "And who keeps the green one?", "--thread", "t1")
        assert alice.run("hub", "send", *words).status == 0
        assert run(home, "--execute").dispositions == ["answered"]
        prompt = json.dumps(model.requests[-1].body).replace("^", " ")
        assert ANSWER.split(";")[0] in prompt
        assert OPEN_QUESTION.rstrip("?") in prompt


def test_drafts_wait_for_a_person_where_nobody_vouches_for_senders(home: Home, model: FakeModelServer) -> None:
    """On the embedded hub a model's draft is held for approval, in every later run from the one answer."""
    home.send(OPEN_QUESTION)
    for _ in range(2):
        done = run(home, "--execute")
        assert done.status == 0, done.err
    assert len(model.requests) == 1
    disposed = [entry["fields"] for entry in entries(home, "disposed")]
    assert [(one["disposition"], one["reason"]) for one in disposed][:1] == [("held", "approval")]


def test_a_dry_run_is_pure(home: Home) -> None:
    """A dry run with a model changes nothing at the hub, and leaves its answer and what that used in the ledger."""
    home.send(OPEN_QUESTION, QUESTION, SECRET_REQUEST)
    before = home.look()
    assert run(home).status == 0
    assert home.look() == before
    kinds = {entry["kind"] for entry in entries(home)}
    assert kinds == {"log_started", "run_started", "model_asked", "answer_kept", "run_finished"}
    assert home.run("ledger", "verify").status == 0


def test_rules_keep_what_no_model_may_see(home: Home, model: FakeModelServer) -> None:
    """With `--brain llm` a request for a secret still goes to a person unseen, and a clear question is asked about."""
    home.send(SECRET_REQUEST, OPEN_QUESTION)
    done = run(home, "--brain", "llm")
    assert [message["reason"] for message in done.document["messages"]] == ["asks-for-secret", "approval"]
    assert len(model.requests) == 1
    assert "database password" not in json.dumps(model.requests[0].body)


HOSTILE = {
    "a link": (says("reply", body="See https://evil.example/x for it."), "reply-link"),
    "a recipient": (
        json.dumps({"action": {"kind": "reply", "body": "Hello there.", "to": "eve"}}),
        "answer-",
    ),
    "another kind": (says("change_config", body="x"), "answer-kind"),
    "prose": ("I would rather not.", "answer-unreadable"),
    "two plans": (says("reply", body="One.") + says("reply", body="Two."), "answer-ambiguous"),
    "hidden characters": (says("reply", body="Hello\u202e there."), "reply-characters"),
    "an image": (says("reply", body="![x](https://evil.example/x.png)"), "reply-"),
    "a secret": (says("reply", body="Use ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8 for it."), "reply-withheld"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_goes_nowhere(home: Home, model: FakeModelServer, name: str) -> None:
    """Whatever a model tries, nothing leaves but the audit event, and a person is told why."""
    model.text, reason = HOSTILE[name]
    home.send(OPEN_QUESTION)
    before = home.look()[0]
    done = run(home, "--execute")
    assert (done.status, done.dispositions) == (0, ["escalated"]), done.err
    assert done.document["messages"][0]["reason"].startswith(reason)
    assert home.look()[0] == before
    assert "evil.example" not in done.out
    assert "ghp_" not in done.out + done.err


def test_a_model_that_is_away_leaves_rules_in_charge(home: Home) -> None:
    """Rules answer what they can; the rest is escalated, and the reason says that the model could not be reached."""
    configure(home, "http://127.0.0.1:9")
    home.send(QUESTION, OPEN_QUESTION)
    done = run(home, "--execute")
    assert (done.status, done.dispositions) == (0, ["answered", "escalated"]), done.err
    assert done.document["messages"][1]["reason"] == "model-unreachable"


def test_a_spent_budget_escalates(home: Home, model: FakeModelServer) -> None:
    """What no budget holds is not asked, and the plan says which one was spent."""
    configure(home, model.url, more="[budget]\nday_calls = 1\n")
    home.send(OPEN_QUESTION, OPEN_QUESTION)
    done = run(home, "--execute")
    assert done.dispositions == ["held", "escalated"]
    assert done.document["messages"][1]["reason"] == "budget-spent"
    assert len(model.requests) == 1
    told = home.run("budget")
    assert "1 of 1  SPENT" in told.out


def test_a_refused_key_is_told_and_loses_nothing(home: Home, model: FakeModelServer) -> None:
    """Exit 7, the rules go on, the rest is escalated; with a good key a person gives it back. No key is ever shown."""
    more = "[review]\nallow_same_uid = true\n"
    configure(home, model.url, more=more, key="mk-00000000wrong00000000")
    home.send(QUESTION, OPEN_QUESTION)
    refused = run(home, "--execute")
    assert (refused.status, refused.dispositions) == (7, ["answered", "escalated"])
    assert refused.document["messages"][1]["reason"] == "model-credential"
    assert "alert: the model's server refuses our credential" in refused.err
    configure(home, model.url, more=more)
    back = home.run("review", "re-evaluate", "--all", "--because", "model-credential", "--yes")
    assert back.status == 0, back.err
    done = run(home, "--execute")
    assert done.status == 0, done.err
    assert done.document["messages"][0]["reason"] == "approval"
    written = b"".join(path.read_bytes() for path in home.state.rglob("*") if path.is_file())
    assert KEY.encode() not in written
    assert KEY not in refused.out + refused.err + done.out + done.err


def test_a_key_that_cannot_be_fetched_leaves_rules_in_charge(home: Home, model: FakeModelServer) -> None:
    """No key where one should be: exit 7 and where it was looked for; rules go on, the rest is escalated, nobody is asked."""
    (home.path / "config" / "ops-warden" / "model.key").unlink()
    home.send(QUESTION, OPEN_QUESTION, OPEN_QUESTION)
    done = run(home, "--execute")
    assert (done.status, done.dispositions) == (7, ["answered", "escalated", "escalated"]), done.err
    assert [one["reason"] for one in done.document["messages"][1:]] == ["model-config"] * 2
    assert "alert: cannot read the credential file" in done.err
    assert model.requests == []


@pytest.mark.parametrize("enrolled", [True, False])
def test_a_server_that_repeats_our_key_spreads_it_nowhere(home: Home, model: FakeModelServer, enrolled: bool) -> None:
    """In an error, a header, an answer or a reason: the key is found in no output and no file but its own."""
    directory = home.path / "config" / "ops-warden"
    if enrolled:
        done = home.run("guard", "enroll", "model", "--file", str(directory / "model.key"))
        assert done.status == 0, done.err
    said: list[str] = []
    answers = (
        Scripted(json.dumps({"error": {"message": f"bad key {KEY}"}}).encode(), 401, headers={"X-Key": KEY}),
        Scripted(f"response_format unknown to {KEY}".encode(), 502),
        Scripted(completion("openai", says("reply", body=f"The key is {KEY}."))),
        Scripted(completion("openai", says("reply", body=" ".join(KEY)))),
        Scripted(completion("openai", f"no plan, but {KEY}")),
    )
    for number, scripted in enumerate(answers):
        home.send(f"Who keeps door number {number} closed at night?")
        model.script.append(scripted)
        done = home.run("worker", "run", "--execute", "--verbose", "--json")
        said += [done.out, done.err]
    said += [home.run("plan", "show", f"m{number + 1}", "--context").out for number in range(len(answers))]
    said.append(home.run("doctor").out)
    assert len(model.requests) >= len(answers)
    assert not [one for one in said if KEY in one or " ".join(KEY) in one]
    files = [path for path in home.path.rglob("*") if path.is_file() and path.name != "model.key"]
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert home.run("ledger", "verify").status == 0


def test_without_a_model_the_brain_cannot_be_chosen(home: Home, tmp_path: Path) -> None:
    """`--brain llm` without a configured model is an error of the configuration that says what to do."""
    bare = replace(home, path=tmp_path / "bare")
    bare.path.mkdir()
    result = bare.run("worker", "run", "--brain", "llm")
    assert (result.status, result.out) == (10, "")
    assert "LLM_CONNECT_URL" in result.err


def test_llm_connect_by_its_variable(tmp_path: Path, model: FakeModelServer) -> None:
    """`LLM_CONNECT_URL` is all that llm-connect needs."""
    model.key = None
    home = Home(tmp_path / "connect", {"LLM_CONNECT_URL": model.url})
    home.path.mkdir()
    home.send(OPEN_QUESTION)
    done = run(home, "--brain", "llm")
    assert (done.status, done.dispositions) == (0, ["held"]), done.err
    assert model.requests[-1].path == "/execute"
