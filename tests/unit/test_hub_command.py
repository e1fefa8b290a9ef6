"""`warden hub ...` as a person meets it: what it prints, what it refuses, and with which exit status."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from warden.cli.hub_send import post_all
from warden.cli.main import run
from warden.errors import EXIT_FAILED, EXIT_NOT_CONFIGURED, EXIT_USAGE, HubUnreachableError
from warden.hubs.embedded import EmbeddedHub
from warden.model.delivery import OutgoingMessage, ProgressEvent
from warden.testing.engine import FixedClock
from warden.testing.hub import Call, MemoryHub

LINES: list[dict[str, Any]] = [
    {"from_agent": "a", "to_agent": "ops-warden", "subject": "one", "body": "x", "kind": "request"},
    {
        "from_agent": "a",
        "to_agent": "ops-warden",
        "subject": "two",
        "body": "y",
        "kind": "info",
        "metadata": {"k": "v"},
    },
]


class Shell:
    """Runs commands on one state directory."""

    def __init__(self, state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.state_dir = state_dir
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Return status, stdout and stderr of `warden hub WORDS`."""
        status = run(["hub", *words, "--state-dir", str(self.state_dir)])
        captured = self._capsys.readouterr()
        return status, captured.out, captured.err


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "state", capsys)


def give_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Let stdin hold these bytes."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_send_and_look(shell: Shell) -> None:
    """A message that is sent is listed, its thread can be printed, and looking marks nothing."""
    status, out, err = shell(
        "send", "--from", "flex-auth", "--to", "ops-warden", "--subject", "hi", "--body", "line 1\nline 2"
    )
    assert (status, out, err) == (0, "m1\n", "")
    for _ in range(2):
        status, out, _ = shell("inbox")
        assert status == 0
        assert "m1" in out
        assert "flex-auth  hi (request, claimed, thread t1)" in out
    status, out, _ = shell("thread", "t1")
    assert (status, out.splitlines()[1:]) == (0, ["  | line 1", "  | line 2"])


def test_inbox_as_json(shell: Shell) -> None:
    """The inbox as JSON names its schema and carries every field."""
    shell(
        "send",
        "--from",
        "a",
        "--to",
        "ops-warden",
        "--subject",
        "s",
        "--body",
        "b",
        "--meta",
        "k=v=w",
        "--kind",
        "info",
    )
    status, out, _ = shell("inbox", "--json")
    document = json.loads(out)
    assert (status, document["schema"], document["agent"], document["after"]) == (
        0,
        "warden.hub.inbox/1",
        "ops-warden",
        None,
    )
    (message,) = document["messages"]
    assert (message["id"], message["kind"], message["metadata"], message["body"]) == ("m1", "info", {"k": "v=w"}, "b")


def test_foreign_text_cannot_reach_the_terminal(shell: Shell) -> None:
    """What turns a line's direction or hides in it is shown as an escape."""
    shell("send", "--from", "a", "--to", "ops-warden", "--subject", "a\u202eb\u200b", "--body", "c\u2066d\re")
    assert "a\\u202eb\\u200b" in shell("inbox")[1]
    assert "c\\u2066d\\x0de" in shell("thread", "t1")[1]


def test_answer(shell: Shell) -> None:
    """A reply joins the thread of what it answers."""
    shell("send", "--from", "a", "--to", "b", "--subject", "q", "--body", "?")
    status, out, _ = shell(
        "send", "--from", "b", "--to", "a", "--subject", "re: q", "--body", "!", "--in-reply-to", "m1"
    )
    assert (status, out) == (0, "m2\n")
    document = json.loads(shell("thread", "t1", "--agent", "a", "--json")[1])
    assert [(m["from_agent"], m["body"]) for m in document["messages"]] == [("a", "?"), ("b", "!")]


def test_text_from_a_file_and_from_stdin(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text comes from where it is said to come from, unchanged."""
    text = tmp_path / "text"
    text.write_bytes("grüße\r\n\n".encode())
    shell("send", "--from", "a", "--to", "ops-warden", "--body-file", str(text))
    give_stdin(monkeypatch, b"piped\n")
    shell("send", "--from", "a", "--to", "ops-warden")
    give_stdin(monkeypatch, b"piped too\n")
    shell("send", "--from", "a", "--to", "ops-warden", "--body-file", "-")
    bodies = [message["body"] for message in json.loads(shell("inbox", "--json")[1])["messages"]]
    assert bodies == ["grüße\r\n\n", "piped\n", "piped too\n"]


def test_many_from_a_file(shell: Shell, tmp_path: Path) -> None:
    """A file of messages is sent in its order; under a key it can be sent again without a second effect."""
    file = tmp_path / "many.jsonl"
    file.write_text("\n\n".join(json.dumps(line) for line in LINES) + "\n\n")
    assert shell("send", "--jsonl", str(file), "--key", "import") == (0, "", "sent 2 messages\n")
    status, out, err = shell("send", "--jsonl", str(file), "--key", "import", "--json")
    assert (status, err) == (0, "sent 0 messages, 2 had been sent before\n")
    assert json.loads(out) == {
        "schema": "warden.hub.send/1",
        "count": 2,
        "sent": [{"id": "m1", "replayed": True}, {"id": "m2", "replayed": True}],
    }
    assert [m["subject"] for m in json.loads(shell("inbox", "--json")[1])["messages"]] == ["one", "two"]


def test_options_fill_in_what_lines_leave_out(shell: Shell, tmp_path: Path) -> None:
    """--from, --to and --kind stand for what a line does not say."""
    file = tmp_path / "many.jsonl"
    file.write_text('{"subject": "s", "body": "b"}\n{"subject": "s", "body": "b", "from_agent": "z"}\n')
    assert shell("send", "--jsonl", str(file), "--from", "y", "--to", "ops-warden", "--kind", "info")[0] == 0
    messages = json.loads(shell("inbox", "--json")[1])["messages"]
    assert [(m["from_agent"], m["kind"]) for m in messages] == [("y", "info"), ("z", "info")]


BAD_LINES = {
    "not json": (b"{", "line 3: the document is not JSON"),
    "twice": (b'{"body": "a", "body": "b"}', "line 3: the name `body` stands twice"),
    "unknown field": (json.dumps({**LINES[0], "bdy": "x"}).encode(), "did you mean `body`?"),
    "control character": (json.dumps({**LINES[0], "body": "\x07"}).encode(), "line 3: `body` must not hold control"),
    "not utf-8": (b'{"body": "\xff"}', "line 3: the document is not UTF-8 at byte 11"),
    "list": (b"[]", "line 3: the document must be a JSON object"),
    "long": (b'"' + b"x" * 1024 * 1024 + b'"', "line 3 is longer than 1048576 bytes"),
}


@pytest.mark.parametrize(("line", "said"), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_line(shell: Shell, tmp_path: Path, line: bytes, said: str) -> None:
    """One bad line is named with its number, and nothing of the file is sent."""
    file = tmp_path / "many.jsonl"
    file.write_bytes(json.dumps(LINES[0]).encode() + b"\n\n" + line + b"\n")
    status, out, err = shell("send", "--jsonl", str(file))
    assert (status, out) == (EXIT_USAGE, "")
    assert said in err
    assert json.loads(shell("inbox", "--json")[1])["messages"] == []


REFUSED = {
    "no recipient": (("--body", "b"), "`--to` is missing"),
    "two texts": (("--to", "b", "--body", "b", "--body-file", "f"), "both there"),
    "no such file": (("--to", "b", "--body-file", "/no/such/file"), "No such file"),
    "directory": (("--to", "b", "--body-file", "/"), "Is a directory"),
    "jsonl and text": (("--jsonl", "f", "--body", "b"), "brings its own texts"),
    "metadata": (("--to", "b", "--body", "b", "--meta", "novalue"), "not NAME=VALUE"),
    "metadata twice": (("--to", "b", "--body", "b", "--meta", "a=1", "--meta", "a=2"), "twice"),
    "control character": (("--to", "b", "--body", "a\x1b[0m"), "`body` must not hold control characters"),
    "surrogate": (("--to", "b", "--body", "\udcff"), "surrogate"),
    "bad name": (("--to", "b/c", "--body", "b"), "`to_agent` must be"),
    "bad kind": (("--to", "b", "--body", "b", "--kind", "Ask"), "`kind` must be"),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED)
def test_refused_message(shell: Shell, words: tuple[str, ...], said: str) -> None:
    """What cannot be sent is refused as a usage error that says why."""
    status, out, err = shell("send", "--from", "a", *words)
    assert (status, out) == (EXIT_USAGE, "")
    assert said in err


def test_no_text_at_all(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With neither option and nothing piped in, nothing is sent."""
    give_stdin(monkeypatch, b"")
    status, _, err = shell("send", "--from", "a", "--to", "b")
    assert (status, "there is no text" in err) == (EXIT_USAGE, True)


def test_text_that_is_not_utf8(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are no text are refused with their place."""
    give_stdin(monkeypatch, b"ab\xff")
    status, _, err = shell("send", "--from", "a", "--to", "b")
    assert (status, "not UTF-8 at byte 3" in err) == (EXIT_USAGE, True)


def test_unknown_thread(shell: Shell) -> None:
    """A thread that is not there, or not ours, is said not to be there."""
    shell("send", "--from", "a", "--to", "b", "--body", "x")
    for thread in ("t9", "t1"):
        status, out, err = shell("thread", thread)
        assert (status, out) == (EXIT_FAILED, "")
        assert "that this agent takes part in" in err


def test_limits_and_cursors(shell: Shell, tmp_path: Path) -> None:
    """A list that is cut says how to go on, and going on gives the rest."""
    file = tmp_path / "many.jsonl"
    file.write_text("".join(json.dumps({**LINES[0], "subject": str(n)}) + "\n" for n in range(5)))
    shell("send", "--jsonl", str(file))
    status, out, err = shell("inbox", "--limit", "3")
    assert (status, len(out.splitlines()), err) == (0, 3, "there is more: go on with --after 3\n")
    assert len(shell("inbox", "--after", "3")[1].splitlines()) == 2
    assert shell("inbox", "--after", "x")[0] == EXIT_FAILED


def test_empty_lists(shell: Shell) -> None:
    """Nothing to show is said on stderr, and is no failure."""
    assert shell("inbox") == (0, "", "nothing waits in the inbox of `ops-warden`\n")
    assert shell("progress", "--quiet") == (0, "", "")
    assert json.loads(shell("progress", "--json")[1])["events"] == []


def test_tokens(shell: Shell) -> None:
    """A token is printed once; lists show its id; revoking ends it."""
    status, token, err = shell("token", "create", "bob")
    assert (status, token[:4], token.strip() in err) == (0, "wht_", False)
    listed = json.loads(shell("token", "list", "--json")[1])["tokens"]
    assert [(found["agent"], found["revoked_at"]) for found in listed] == [("bob", None)]
    assert token.strip() not in shell("token", "list")[1]
    assert shell("token", "revoke", listed[0]["id"])[0] == 0
    assert "revoked" in shell("token", "list")[1]
    assert shell("token", "revoke", "tok-unknown")[0] == EXIT_FAILED
    assert shell("token", "create", "a b")[0] == EXIT_FAILED


def test_progress(shell: Shell) -> None:
    """Progress events are listed with what they are about, and pages follow on each other."""
    shell("send", "--from", "a", "--to", "ops-warden", "--body", "x")
    hub = EmbeddedHub(shell.state_dir / "hub.db", FixedClock())
    hub.post_progress(ProgressEvent("ops-warden", "answered\u202e", "status", "one\ntwo", "m1", "t1"))
    hub.post_progress(ProgressEvent("ops-warden", "idle", "status"))
    hub.close()
    status, out, _ = shell("progress")
    assert (status, out.splitlines()[1:3]) == (0, ["  | one", "  | two"])
    assert "answered\\u202e (status)  message m1  thread t1" in out
    document = json.loads(shell("progress", "--json", "--limit", "1")[1])
    assert (document["events"][0]["detail"], document["after"]) == ("one\ntwo", "1")
    assert "idle" in shell("progress", "--after", "1")[1]
    assert shell("progress", "--limit", "1")[2] == "there is more: go on with --after 1\n"


def test_read_messages_are_listed_on_demand(shell: Shell) -> None:
    """--all lists messages that are marked read too."""
    shell("send", "--from", "a", "--to", "ops-warden", "--body", "x")
    hub = EmbeddedHub(shell.state_dir / "hub.db", FixedClock())
    hub.mark_read("ops-warden", "m1")
    hub.close()
    assert shell("inbox")[1] == ""
    assert "m1" in shell("inbox", "--all")[1]
    assert [m["id"] for m in json.loads(shell("inbox", "--all", "--json")[1])["messages"]] == ["m1"]


def test_failure_in_the_middle_says_how_far_it_got() -> None:
    """A hub without transactions that fails at the third message leaves two sent, and the error says so."""
    left = 2

    def fail_later(call: Call) -> None:
        nonlocal left
        if call.operation == "post_message" and not call.applied:
            left -= 1
            if left < 0:
                raise HubUnreachableError("gone", "look")

    hub = MemoryHub(FixedClock(), hook=fail_later)
    messages = [OutgoingMessage("a", "b", str(n), "x", "info", "", "") for n in range(4)]
    with pytest.raises(HubUnreachableError) as caught:
        post_all(hub, messages, [None] * 4)
    assert caught.value.message == "message 3 of 4 was not sent: gone"
    assert len(hub.sent_by("a")) == 2


@pytest.mark.parametrize("words", [(), ("--host", "0.0.0.0"), ("--host", "0.0.0.0", "--unsafe-no-auth")])
def test_serve_refuses_what_would_let_anybody_in(shell: Shell, words: tuple[str, ...]) -> None:
    """Without tokens nothing is served, and without authentication nothing but loopback."""
    status, out, err = shell("serve", "--port", "0", *words)
    assert (status, out) == (EXIT_NOT_CONFIGURED, "")
    assert "warden hub token create" in err


@pytest.mark.acceptance
@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_serve_for_real(shell: Shell, ending: signal.Signals) -> None:
    """The served hub says where it listens, is the same hub as the embedded one, and ends when it is told to."""
    shell("send", "--from", "a", "--to", "ops-warden", "--subject", "s", "--body", "before")
    command = [sys.executable, "-m", "warden", "hub", "serve", "--port", "0", "--unsafe-no-auth"]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    with subprocess.Popen(
        [*command, "--state-dir", str(shell.state_dir)], stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().removeprefix("listening on ").strip()
        assert url.startswith("http://127.0.0.1:")
        status, out, _ = shell(
            "send", "--hub", url, "--from", "b", "--to", "ops-warden", "--body", "over http", "--key", "k"
        )
        assert (status, out) == (0, "m2\n")
        near, far = shell("inbox", "--json")[1], shell("inbox", "--json", "--hub", url)[1]
        assert json.loads(near) == json.loads(far)
        assert [message["body"] for message in json.loads(near)["messages"]] == ["before", "over http"]
        server.send_signal(ending)
        assert server.wait(30) in (-ending, 128 + ending)
    assert json.loads(shell("inbox", "--json")[1])["messages"][1]["body"] == "over http"
