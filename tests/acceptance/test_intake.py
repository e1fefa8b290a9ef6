"""The real intake and the real worker: from a signed webhook to what was done about it, and what survives a kill."""

from __future__ import annotations

import hmac
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from intakebed import ISSUE, KEY, body_of, comment_event, gitea_headers, issue_event
from realprocess import Home, finish
from schemabed import check, check_named

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

RULES = """
version: 1
sets:
  - name: issues
    rules:
      - id: deploy
        when: {event: issues, label: deploy}
        do: script
        script: {argv: [SCRIPT, "{repository}#{number}"], directory: PLACE}
      - id: ask
        when: {event: issue_comment, trust: collaborator}
        do: message
"""


def home_with(path: Path, more: str = "") -> Home:
    """A home with an intake of one Gitea, and a rule that runs a script."""
    config = path / "config" / "ops-warden"
    config.mkdir(parents=True, mode=0o700)
    (config / "forge.key").write_bytes(KEY)
    (config / "forge.key").chmod(0o600)
    script = path / "script.sh"
    script.write_text(f'#!/bin/sh\necho "$1" >> {path}/ran.txt\ncat >> {path}/stdin.txt\n', encoding="utf-8")
    script.chmod(0o700)
    rules = RULES.replace("SCRIPT", str(script)).replace("PLACE", str(path))
    (config / "triggers.yaml").write_text(rules, encoding="utf-8")
    text = (
        '[intake]\nlisten = "127.0.0.1:0"\nrules = "triggers.yaml"\nowners = ["alice"]\n'
        f'[intake.sources.forge]\nkind = "gitea"\nkey_file = "forge.key"\n{more}'
    )
    (config / "config.toml").write_text(text, encoding="utf-8")
    return Home(path)


@contextmanager
def serving(home: Home) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve the intake of a home; gives its process and URL."""
    process = home.start("intake", "serve", "--json", stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        finish(process)


def post(url: str, document: object, event: str = "issues") -> httpx.Response:
    """Send a signed delivery."""
    body = body_of(document)
    return httpx.post(f"{url}/hooks/forge", content=body, headers=gitea_headers(body, event), trust_env=False)


def documents(home: Home, *arguments: str) -> list[Any]:
    """Run a cycle and return what its one document has of each pass."""
    result = home.run("worker", "run", "--json", *arguments)
    assert result.status == 0, result.err
    document = json.loads(result.out)
    check("run", document)
    return [document, document["events"]] if "events" in document else [document]


def log(home: Home) -> list[Any]:
    """Return the deliveries that were taken in."""
    return [json.loads(line) for line in home.run("intake", "log", "--jsonl").out.splitlines()]


def test_from_a_webhook_to_a_script_and_an_answer(tmp_path: Path) -> None:
    """A signed issue runs its script once, a question gets its answer, a dry run does neither, and the ledger has all of it."""
    home = home_with(tmp_path)
    with serving(home) as (_, url):
        assert post(url, issue_event()).status_code == 202
        assert post(url, issue_event()).status_code == 200
        assert post(url, comment_event("Who issues TLS certificates?"), "issue_comment").status_code == 202
        _, dry = documents(home, "--dry-run")
        assert [message["disposition"] for message in dry["messages"]] == ["noted", "answered"]
        assert not (tmp_path / "ran.txt").exists()
        _, done = documents(home, "--execute")
        assert [action["kind"] for action in done["messages"][0]["actions"]] == ["run_script"]
        assert (tmp_path / "ran.txt").read_text() == "ops/site#7\n"
        assert json.loads((tmp_path / "stdin.txt").read_text())["title"] == ISSUE["title"]
        (only,) = documents(home, "--execute")
        assert only["messages"] == []
    assert (tmp_path / "ran.txt").read_text() == "ops/site#7\n"
    issue, comment = log(home)
    assert [task["state"] for task in (*issue["tasks"], *comment["tasks"])] == ["done", "done"]
    assert comment["tasks"][0]["answers"]
    assert home.run("ledger", "verify").status == 0


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    """Killed right after its answers, the intake has every delivery; no script runs twice, though the worker is killed too."""
    home = home_with(tmp_path)
    with serving(home) as (process, url):
        for number in range(20):
            assert post(url, issue_event(number=number)).status_code == 202
        process.kill()
        process.wait()
    assert [entry["number"] for entry in log(home)] == [str(number) for number in range(20)]
    worker = home.start("worker", "run", "--execute", "--json")
    while not (tmp_path / "ran.txt").exists() and worker.poll() is None:
        os.sched_yield()
    worker.kill()
    worker.communicate()
    home.run("worker", "run", "--execute", "--json")
    home.run("worker", "run", "--execute", "--json")
    ran = (tmp_path / "ran.txt").read_text().split()
    assert len(ran) == len(set(ran)), "a script ran twice"
    # Runs that were cut off (as many as are made at once) are tried no more: nobody knows whether they took effect.
    states = [entry["tasks"][0]["state"] for entry in log(home)]
    assert states.count("waiting") <= 8
    assert len(ran) >= 20 - states.count("waiting")
    assert home.run("ledger", "verify").status == 0


def test_approval_words_decide_the_item_of_exactly_that_digest(tmp_path: Path) -> None:
    """A comment of a declared person releases the answer that waits; a digest that there is not does nothing."""
    home = home_with(tmp_path, '[review]\nallow_same_uid = true\n[review.people.ada]\nagents = ["alice@forge"]\n')
    policies = tmp_path / "config" / "ops-warden" / "policies"
    policies.mkdir(mode=0o700)
    (policies / "look.yaml").write_text(
        "version: '1'\ndefault_decision: abstain\nrules:\n"
        "  - {id: look-first, match: {capabilities: [messaging.answer]}, decision: require_approval, reason: look first}\n"
    )
    home.send("Where do I get an OpenRouter key?")
    (held,) = documents(home, "--execute")
    assert held["messages"][0]["disposition"] == "held"
    digest = next(a["action_digest"] for a in held["messages"][0]["actions"] if a["kind"] == "route_answer")
    prefix = digest.removeprefix("sha256:")[:12]
    with serving(home) as (_, url):
        assert post(url, comment_event("/approve 000000000000"), "issue_comment").status_code == 202
        assert post(url, comment_event(f"/approve {prefix}"), "issue_comment").status_code == 202
        documents(home, "--execute")
    reasons = [entry["tasks"][0]["reason"] for entry in log(home)]
    assert reasons == ["refused: no-such-item", "decided: item 1"]
    documents(home, "--execute")
    inbox = home.run("hub", "inbox", "--all", "--json", "--agent", "agent-0").document
    assert len(inbox["messages"]) == 1


def test_a_delivery_is_taken_in_again_by_the_rules_of_today(tmp_path: Path) -> None:
    """What can be proven again keeps its signature; what was redacted is a claim, and starts nothing."""
    home = home_with(tmp_path)
    with serving(home) as (_, url):
        post(url, issue_event())
        post(url, issue_event(number=8, body="the password is hunter2hunter2"))
    assert home.run("intake", "replay", "d1", "--json").document["assurance"] == "signed"
    assert home.run("intake", "replay", "d2", "--json").document["assurance"] == "claimed"
    _, done = documents(home, "--execute")
    assert [message["disposition"] for message in done["messages"]] == ["noted", "noted", "noted", "escalated"]
    assert home.run("intake", "replay", "d9").status == 2
    (tmp_path / "config" / "ops-warden" / "forge.key").write_bytes(b"another-key-altogether")
    assert home.run("intake", "replay", "d1").status == 4


class Gitea(BaseHTTPRequestHandler):
    """Answers with an issue and two comments, for those who show the token."""

    def do_GET(self) -> None:
        """Answer."""
        fresh = {**ISSUE, "number": 11, "created_at": ISSUE["updated_at"], "title": "lost"}
        comment = {"id": 90, "body": "Who issues TLS certificates?", "user": {"login": "alice"}}
        times = {"created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z"}
        known = comment_event("hello")["comment"]
        answers: dict[str, object] = {
            "/api/v1/repos/ops/site/issues": [fresh],
            "/api/v1/repos/ops/site/issues/comments": [
                {**comment, **times, "issue_url": "http://x/ops/site/issues/11"},
                {**known, "created_at": known["updated_at"], "issue_url": "http://x/ops/site/issues/7"},
            ],
            "/api/v1/repos/ops/site/issues/7": ISSUE,
        }
        allowed = self.headers["authorization"] == "token a-token-of-this-test"
        answer = answers.get(self.path.partition("?")[0]) if allowed else None
        data = json.dumps(answer).encode()
        self.send_response(200 if answer is not None else 403)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def test_what_webhooks_lost_is_fetched_once(tmp_path: Path) -> None:
    """An issue and a comment that no webhook brought come in, one that a webhook brought does not, and nothing twice."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gitea)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        more = f'url = "{url}"\nrepositories = ["ops/site"]\ntoken_variable = "FORGE_TOKEN"\n'
        home = home_with(tmp_path, more)
        home = Home(tmp_path, {"FORGE_TOKEN": "a-token-of-this-test"})
        with serving(home) as (_, intake):
            post(intake, comment_event("hello"), "issue_comment")
        first = home.run("intake", "reconcile", "forge", "--json")
        assert first.status == 0, first.err
        assert check_named(first.document) == "intake.reconcile"
        assert (first.document["seen"], first.document["new"]) == (3, 2)
        assert home.run("intake", "reconcile", "forge", "--json").document["new"] == 0
        assert [entry["origin"] for entry in log(home)] == ["webhook", "reconcile", "reconcile"]
        assert Home(tmp_path, {"FORGE_TOKEN": "wrong-token"}).run("intake", "reconcile", "forge").status == 1
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_rules_that_break_while_serving_leave_the_old_ones_in_force(tmp_path: Path) -> None:
    """A file that cannot be read any more is named by /healthz, and a pass that would need it ends with an error."""
    home = home_with(tmp_path)
    rules = tmp_path / "config" / "ops-warden" / "triggers.yaml"
    assert home.run("intake", "rules", "check").status == 0
    with serving(home) as (_, url):
        rules.write_text("version: 1\n")
        state = ""
        while state != "broken":  # the file is looked at once a second, when a delivery comes in
            assert post(url, issue_event(body=os.urandom(4).hex())).status_code in (200, 202)
            state = httpx.get(f"{url}/healthz", trust_env=False).json()["rules"]
    assert home.run("intake", "rules", "check").status == 2
    assert home.run("worker", "run", "--execute").status == 2
    assert not (tmp_path / "ran.txt").exists()


def test_hmac_of_the_fixture_is_giteas() -> None:
    """The fixtures sign as Gitea does: lower-case hex over the bytes, nothing before it."""
    body = b'{"a": 1}'
    assert gitea_headers(body)["x-gitea-signature"] == hmac.new(KEY, body, "sha256").hexdigest()
