"""What the commands print with `--json` fits the schemas in docs/reference, and there is a schema for each document."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policy_matrix import base
from realprocess import QUESTION, SECRET_REQUEST, Home, finish
from schemabed import ENDING, REFERENCE, ROOT, Prompt, check_named, prompt
from warden.cli import compose
from warden.documents.request import request_to_json
from warden.model.delivery import OutgoingMessage
from warden.model.event import Event, Trust
from warden.model.watch import Condition
from warden.orders.book import event_document
from warden.testing.model_server import served_model
from warden.watch.notices import Notice, Notification

__all__ = ["prompt"]

WORD = re.compile(r"\bwarden\.([a-z][a-z.-]*)/[0-9]+")
NOT_PRINTED = {
    "cases": "a YAML document that people write; its fields are in policy.md",
    "catalog-patch": "a YAML document that people look at and `catalog apply` reads",
    "charter": "the YAML document of the charter itself",
    "hub": "the name of the HTTP contract, whose description is hub-openapi.json",
    "fingerprint": "a word that is hashed with a value, in no document",
    "heartbeat": "a file of the state directory that only warden reads",
    "notified-damage": "a file of the state directory that only warden reads",
    "policy-set": "a file of the state directory that only warden reads",
}
"""Words of this form that name nothing a program is given as JSON, and what they name."""
LOOK_FIRST = (
    "version: '1'\ndefault_decision: abstain\nrules:\n"
    "  - {id: look-first, match: {capabilities: [messaging.answer]}, decision: require_approval, reason: look first}\n"
)
CASES = "schema: warden.cases/1\ncases:\n  - {name: one, request: {topic: job.x}, decision: allow, rules: []}\n"
REMEDY = (
    "version: '1'\nrules:\n  - id: no\n    decision: deny\n    match: {topics: [job.x]}\n"
    "    constraints: {max_body_bytes: 10}\n"
    "    remediations: [{id: ask, replacement_topic: job.y, add_labels: {mode: slow}}]\n"
)
INTAKE = "[intake]\n[intake.sources.forge]\nkind = 'gitea'\nkey_variable = 'FORGE_KEY'\n"
CERTIFICATES = "Who issues SSH certificates?"


def mail(*bodies: str, sender: str = "flex-auth") -> None:
    """Put messages into the inbox of the embedded hub."""
    hub = compose.open_hub(compose.load_settings())
    for body in bodies:
        hub.post_message(OutgoingMessage(sender, "ops-warden", "a question", body, "request", "", "", {}))
    hub.close()


def configured(text: str = "[review]\nallow_same_uid = true\n") -> Path:
    """Write a configuration; returns its directory."""
    directory = compose.load_settings().config_dir
    (directory / "policies").mkdir(parents=True, exist_ok=True, mode=0o700)
    (directory / "config.toml").write_text(text, encoding="utf-8")
    return directory


def named_in_source() -> Iterator[str]:
    """Return the name of each versioned document that the source names."""
    for ending in ("*.py", "*.yaml"):
        for path in (ROOT / "src" / "warden").rglob(ending):
            yield from WORD.findall(path.read_text(encoding="utf-8"))


def test_each_document_has_a_schema() -> None:
    """Whatever the source names as `warden.NAME/N` has a schema in the reference, and no schema is about nothing."""
    files = {path.name.removesuffix(ENDING) for path in REFERENCE.glob(f"*{ENDING}")}
    assert set(named_in_source()) - set(NOT_PRINTED) == files


def test_schemas_are_closed() -> None:
    """No schema lets a member through that it does not name, unless the names of members are data."""
    for path in REFERENCE.glob(f"*{ENDING}"):
        for place in objects(json.loads(path.read_text(encoding="utf-8"))):
            assert "additionalProperties" in place or place == {"type": "object"}, path.name


def objects(schema: object) -> Iterator[dict[str, object]]:
    """Return every part of a schema that describes an object."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


def test_the_queue_and_what_it_teaches(prompt: Prompt, tmp_path: Path) -> None:
    """Lists, single items, decisions of every sort, rates, and a catalogue that learns from them."""
    prompt.run("catalog", "export", tmp_path / "catalog.yaml")
    directory = configured(f"catalog = '{tmp_path}/catalog.yaml'\n[review]\nallow_same_uid = true\n")
    (directory / "policies" / "look.yaml").write_text(LOOK_FIRST, encoding="utf-8")
    mail(CERTIFICATES, SECRET_REQUEST, "Where do I get a zorbium?")
    prompt.run("worker", "run", "--execute", "--quiet")
    items = {item["kind"]: item["number"] for item in prompt.json("review", "list")["items"]}
    prompt.json("review", "next")
    prompt.json("review", "show", items["approval"])
    prompt.json("review", "ack", items["escalation"])
    prompt.json("review", "accept", items["approval"], 99, status=3)
    prompt.json("review", "respond", items["escalation"], "--entry", "openrouter-key")
    prompt.json("review", "list", "--state", "all")
    prompt.json("review", "show", items["approval"])
    prompt.json("review", "ignore", "--all", "--yes", "--reason", "done")
    assert prompt.json("review", "next")["item"] is None
    prompt.json("stats")
    patch = tmp_path / "patch.yaml"
    prompt.json("catalog", "learn", "--out", patch)
    prompt.json("catalog", "apply", patch)
    prompt.json("catalog", "check")
    prompt.json("catalog", "list")
    prompt.json("catalog", "match", QUESTION)
    assert set(prompt.held) >= {"review", "stats", "catalog-learn", "catalog-apply", "catalog-check", "catalog"}


def test_unattended_running(prompt: Prompt) -> None:
    """The shakedown's report, the gate before and after it, the next ticks and the health."""
    configured("[schedule]\nevery = '5m'\n")
    prompt.json("status")
    mail(CERTIFICATES, SECRET_REQUEST)
    prompt.json("schedule", "status")
    document = prompt.json("worker", "shakedown")
    check_named(json.loads(Path(document["saved_as"]).read_text(encoding="utf-8")))
    prompt.run("schedule", "approve", "--reason", "read it")
    prompt.run("worker", "run", "--execute", "--quiet")
    prompt.run("schedule", "enable")
    assert prompt.json("schedule", "status")["executes"] is True
    assert len(prompt.json("schedule", "next")["ticks"]) == 5
    prompt.json("worker", "run", "--once", "--scheduled")
    prompt.json("status")


def test_the_ledger(prompt: Prompt, tmp_path: Path) -> None:
    """Entries, sums, verdicts, proofs, copies and what puts a ledger right."""
    mail(CERTIFICATES, SECRET_REQUEST)
    prompt.run("worker", "run", "--execute", "--quiet")
    entries = prompt.json("ledger", "log", "--all")["entries"]
    for entry in entries:
        prompt.json("ledger", "show", entry["seq"])
    for name in ("stats", "verify", "checkpoint", "key"):
        prompt.json("ledger", name)
    export, inclusion, consistency = (tmp_path / name for name in ("export", "inclusion", "consistency"))
    prompt.run("ledger", "export", "--out", export)
    prompt.json("ledger", "verify", export)
    prompt.run("ledger", "prove", 2, "--out", inclusion)
    size = prompt.json("ledger", "checkpoint")["size"]
    prompt.run("ledger", "consistency", size, size, "--out", consistency)
    for proof in (inclusion, consistency):
        prompt.held.append(check_named(json.loads(proof.read_text(encoding="utf-8"))))
        prompt.json("ledger", "check-proof", proof)
    prompt.json("ledger", "backup", tmp_path / "copy")
    prompt.json("ledger", "restore", tmp_path / "copy")
    for name in ("rebuild", "purge", "archive"):
        prompt.json("ledger", name)
    prompt.json("ledger", "archive", "--before", "2999-01-01")
    assert prompt.json("ledger", "repair")["repaired"] is False
    assert prompt.json("ledger", "repair", "--force")["repaired"] is True
    prompt.json("dead", "list")


def test_everything_in_one_file(prompt: Prompt, tmp_path: Path) -> None:
    """The set-up, a backup, its manifest and the restore."""
    prompt.json("init")
    prompt.json("init")
    prompt.json("backup", tmp_path / "all")
    with tarfile.open(tmp_path / "all") as archive:
        manifest = archive.extractfile(archive.getmembers()[0])
        assert manifest is not None
        prompt.held.append(check_named(json.loads(manifest.read())))
    prompt.json("restore", tmp_path / "all")
    assert prompt.held == ["init", "init", "backup", "backup-manifest", "restore"]


def test_charter_and_policies(prompt: Prompt, tmp_path: Path) -> None:
    """The charter, and all that `policy` prints of files, decisions, sets and keys."""
    directory = configured("")
    file = directory / "policies" / "look.yaml"
    file.write_text(LOOK_FIRST, encoding="utf-8")
    request, cases, other = (tmp_path / name for name in ("request.json", "cases.yaml", "other.yaml"))
    request.write_bytes(request_to_json(base("reply")))
    cases.write_text(CASES, encoding="utf-8")
    other.write_text("version: '2'\nrules: [{id: no, decision: deny, reason: 'no'}]\n", encoding="utf-8")
    prompt.json("charter", "show")
    prompt.json("charter", "verify")
    prompt.json("policy", "check")
    prompt.json("policy", "lint")
    prompt.json("policy", "explain", "--request", request)
    prompt.json("policy", "test", cases, status=1)
    prompt.json("policy", "simulate", other, "--cases", cases)
    snapshots = prompt.json("policy", "snapshots")["snapshots"]
    prompt.json("policy", "diff", other)
    if snapshots:
        prompt.json("policy", "rollback", snapshots[0]["digest"].removeprefix("sha256:"))
    remedy = tmp_path / "remedy.yaml"
    remedy.write_text(REMEDY, encoding="utf-8")
    plain = tmp_path / "plain.json"
    plain.write_text('{"topic": "job.x"}', encoding="utf-8")
    prompt.json("policy", "remediate", "ask", "--request", plain, "--bundle", remedy, "--no-charter")
    prompt.json("policy", "keygen", tmp_path / "key")
    prompt.json("policy", "sign", file, "--key", tmp_path / "key")
    file.write_text("rules: nonsense\n", encoding="utf-8")
    prompt.json("policy", "check", status=1)


def test_the_guard(prompt: Prompt, tmp_path: Path) -> None:
    """Findings, redacted texts, what is enrolled, and the rules."""
    text = tmp_path / "text"
    text.write_text("key ghp_" + "a1B2" * 9, encoding="utf-8")
    value = tmp_path / "value"
    value.write_text("correct-horse-battery-staple-77", encoding="utf-8")
    prompt.json("guard", "scan", text)
    prompt.json("guard", "redact", text)
    prompt.run("guard", "enroll", "db", "--file", value)
    prompt.json("guard", "list")
    rules = prompt.json("guard", "rules")["rules"]
    prompt.json("guard", "explain", rules[0]["id"])


def test_a_model_s_budget_and_plans(prompt: Prompt, tmp_path: Path) -> None:
    """What asking used; plans of a saved file, of a run and of a message, with and without the texts."""
    plan = tmp_path / "plan.json"
    with served_model() as server:
        server.text = json.dumps({"action": {"kind": "reply", "body": "Ask the platform team."}})
        configured(f"brain = 'auto'\n[model]\nprovider = 'openai'\nurl = '{server.url}'\nname = 'm'\n")
        mail("Who keeps the purple door closed at night?", CERTIFICATES)
        run_id = prompt.json("worker", "run")["run_id"]
        prompt.run("worker", "run", "--out", plan)
        for what in (plan, run_id, "m1"):
            prompt.json("plan", "show", what)
            prompt.json("plan", "show", what, "--context")
        prompt.json("budget")
    assert set(prompt.held) == {"run", "plan-show", "budget"}


def test_a_hub(prompt: Prompt, tmp_path: Path) -> None:
    """Inbox, thread, progress, tokens and what sending prints."""
    words = ("--from", "flex-auth", "--to", "ops-warden", "--subject", "hello", "--body", CERTIFICATES)
    first = prompt.json("hub", "send", *words, "--meta", "ticket=7")["sent"][0]["id"]
    inbox = prompt.json("hub", "inbox")
    prompt.json("hub", "thread", inbox["messages"][0]["thread_id"])
    prompt.run("worker", "run", "--execute", "--quiet")
    prompt.json("hub", "inbox", "--all")
    prompt.json("hub", "progress")
    assert first == inbox["messages"][0]["id"]
    token = prompt.json("hub", "token", "create", "flex-auth")
    prompt.json("hub", "token", "list")
    prompt.json("hub", "token", "revoke", token["id"])
    assert set(prompt.held) >= {"hub.send", "hub.inbox", "hub.thread", "hub.progress", "hub.token", "hub.tokens"}


@pytest.mark.acceptance
def test_a_served_hub_and_dead_letters(tmp_path: Path) -> None:
    """Where a hub listens is a document too; so is a delivery that is in doubt, in the list and alone."""
    home = Home(tmp_path)
    process = home.start("hub", "serve", "--port", "0", "--unsafe-no-auth", "--json", stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert check_named(json.loads(process.stdout.readline())) == "hub.serve"
    process.terminate()
    finish(process)


def test_what_comes_in_as_events(prompt: Prompt) -> None:
    """The rules for events, what they would do, and what was taken in, refused and locked."""
    event = Event(
        source="forge", delivery_id="d1", event="issues", labels=("bug",), trust=Trust.OWNER, title="it broke"
    )
    assert check_named(event_document(event)) == "event"
    configured(INTAKE)
    for words in (("stats",), ("quarantine",), ("locks",), ("runs",)):
        prompt.json("intake", *words)
    prompt.json("capability", "list")


def test_a_notification() -> None:
    """What a target is sent names conditions, meanings and what to do next."""
    notice = Notice(Condition("delivery:340", "dead", "dead-letter"))
    document = Notification("ntf_1", "ops-warden", (notice,), datetime(2026, 1, 2, tzinfo=UTC)).document()
    assert set(document) == {"type", "timestamp", "data"}
    assert check_named(document["data"]) == "notification"


def test_who_may_sign_in_to_the_console(prompt: Prompt) -> None:
    """A link, the users and the tokens."""
    prompt.json("console", "link")
    prompt.run("console", "token", "create", "ci", "--role", "viewer")
    assert prompt.json("console", "user", "list")["users"]
    assert prompt.json("console", "token", "list")["tokens"]
    assert set(prompt.held) == {"console"}
