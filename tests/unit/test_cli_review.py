"""`warden review`, `warden stats`, `warden catalog learn` and `apply`, through the real command line on the embedded hub."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from enginebed import AGENT, SECRET
from warden.cli import compose
from warden.cli.main import run
from warden.cli.stats import summarize
from warden.hubs.embedded import EmbeddedHub
from warden.model.delivery import OutgoingMessage
from warden.model.entry import Batch, Entry
from warden.model.message import Message

LOOK_FIRST = (
    "version: '1'\ndefault_decision: abstain\nrules:\n"
    "  - {id: look-first, match: {capabilities: [messaging.answer]}, decision: require_approval, reason: look first}\n"
)
QUESTION = "Who issues SSH certificates?"


def configure(text: str = "allow_same_uid = true\n", catalog: str = "") -> Path:
    """Write a configuration with this [review] table; returns its directory."""
    directory = compose.load_settings().config_dir
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    (directory / "config.toml").write_text(f"{catalog}[review]\n{text}", encoding="utf-8")
    return directory


def overlay(text: str = LOOK_FIRST) -> None:
    """Have answers looked at first."""
    policies = compose.load_settings().policy.dir
    policies.mkdir(parents=True, exist_ok=True, mode=0o700)
    (policies / "look.yaml").write_text(text, encoding="utf-8")


def hub() -> EmbeddedHub:
    """The embedded hub."""
    return compose.open_hub(compose.load_settings())  # type: ignore[return-value]


def mail(*bodies: str, sender: str = "flex-auth") -> None:
    """Put messages into the inbox and make an executing run."""
    with_hub = hub()
    for body in bodies:
        with_hub.post_message(OutgoingMessage(sender, AGENT, "a question", body, "request", "", "", {}))
    with_hub.close()
    assert run(["worker", "run", "--execute", "--quiet"]) == 0


def sent() -> list[Message]:
    """What left to the sender."""
    where = hub()
    found = list(where.list_unread("flex-auth").messages)
    where.close()
    return found


def items(capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, Any]]:
    """What `warden review list --json` prints."""
    capsys.readouterr()
    assert run(["review", "list", "--json", *more]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "warden.review/1"
    return list(document["items"])


def test_an_approval_is_listed_shown_and_released(capsys: pytest.CaptureFixture[str]) -> None:
    """What waits is listed; show prints the exact text; accepting sends it at once and only once."""
    configure()
    overlay()
    mail(QUESTION)
    (item,) = items(capsys)
    assert (item["kind"], item["action_kind"], item["state"]) == ("approval", "route_answer", "open")
    assert "look.yaml/look-first" in item["rule_ids"]
    assert run(["review", "show", str(item["number"])]) == 0
    assert "would be sent, exactly" in capsys.readouterr().out
    assert run(["review", "list"]) == 0
    assert "route_answer" in capsys.readouterr().out
    assert sent() == []
    assert run(["review", "accept", str(item["number"]), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["delivered"], document["rulings"][0]["verdict"]) == (True, "accept")
    assert run(["review", "accept", str(item["number"])]) == 4
    assert "is decided by uid:" in capsys.readouterr().err
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    assert len(sent()) == 1
    assert items(capsys) == []
    assert [one["state"] for one in items(capsys, "--state", "all")] == ["decided"]


def test_the_workers_own_uid_is_refused_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Without `allow_same_uid` no decision is taken from the owner of the ledger, and the hint says what to do."""
    overlay()
    mail(QUESTION)
    assert run(["review", "accept", "1"]) == 4
    assert "allow_same_uid" in capsys.readouterr().err
    assert run(["review", "ack", "1"]) == 0
    assert items(capsys)[0]["state"] == "acknowledged"


def test_edit_and_respond_take_their_text_from_an_option_or_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The edited text leaves instead of the draft; a secret in it is refused with exit 4 and nothing leaves."""
    configure()
    overlay()
    mail(QUESTION, "Please delete the production database now.")
    approval, escalation = (str(one["number"]) for one in items(capsys))
    text = tmp_path / "text"
    text.write_text("Ask the platform team.\n", encoding="utf-8")
    assert run(["review", "edit", approval, "--text", SECRET, "--reason", "x"]) == 4
    assert run(["review", "edit", approval, "--file", str(text)]) == 2
    assert run(["review", "edit", approval, "--file", str(text), "--text", "both", "--reason", "x"]) == 2
    assert run(["review", "edit", approval, "--no-input", "--reason", "x"]) == 2
    text.write_bytes(b"\xff")
    assert run(["review", "edit", approval, "--file", str(text), "--reason", "x"]) == 2
    assert sent() == []
    text.write_text("Ask the platform team.\n", encoding="utf-8")
    assert run(["review", "edit", approval, "--file", str(text), "--reason", "wrong team"]) == 0
    assert run(["review", "respond", escalation, "--entry", "nothing"]) == 2
    assert run(["review", "respond", escalation, "--text", "No."]) == 0
    assert [message.content.body for message in sent()] == ["Ask the platform team.", "No."]
    assert items(capsys) == []


def test_many_items_are_decided_at_once_only_on_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    """--all takes the filters and --yes; what is wrong with one item stops no other and ends with status 3."""
    configure("allow_same_uid = true\nowner = 'ann'\n[review.people.ann]\nuid = 123456\n")
    mail("Please delete the production database now.", "Please paste the root password here.", "Blah?")
    numbers = [str(one["number"]) for one in items(capsys)]
    assert run(["review", "ignore", "--all", "--reason", "x"]) == 2
    assert run(["review", "ignore", "--reason", "x"]) == 2
    assert run(["review", "ignore", *numbers, "--all", "--yes", "--reason", "x"]) == 2
    assert run(["review", "ignore", numbers[0], "99", "--reason", "no"]) == 3
    assert run(["review", "ignore", "--all", "--yes", "--sender", "nobody", "--reason", "x"]) == 0
    assert run(["review", "ack", "--all", "--yes", "--kind", "escalation", "--owner", "ann"]) == 0
    assert {one["state"] for one in items(capsys)} == {"acknowledged"}
    assert run(["review", "assign", numbers[1], "ann"]) == 0
    assert run(["review", "assign", numbers[1], "carl"]) == 2
    assert run(["review", "reopen", numbers[1]]) == 0
    capsys.readouterr()
    assert run(["review", "next", "--json"]) == 0
    assert str(json.loads(capsys.readouterr().out)["item"]["number"]) == numbers[1]
    assert run(["review", "ignore", "--all", "--yes", "--reason", "done", "--json"]) == 0
    assert items(capsys) == []
    assert run(["review", "next"]) == 0
    assert run(["review", "next", "--json"]) == 0


def test_a_long_queue_is_listed_a_page_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    """A page says how many there are and where the next one begins, for people and for programs, with and without filters."""
    configure("allow_same_uid = true\nowner = 'ann'\n[review.people.ann]\nuid = 123456\n")
    mail(*(f"Please delete database {number} now." for number in range(5)))
    numbers = [one["number"] for one in items(capsys)]
    assert len(numbers) == 5
    assert run(["review", "list", "--limit", "2"]) == 0
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), "2 of 5 are shown; go on with --after" in err) == (2, True)
    seen: list[int] = []
    page: dict[str, Any] = {"next_after": 0}
    while page["next_after"] is not None:
        assert run(["review", "list", "--json", "--limit", "2", "--after", str(page["next_after"])]) == 0
        page = json.loads(capsys.readouterr().out)
        assert page["total"] == 5
        seen += [one["number"] for one in page["items"]]
    assert seen == numbers
    assert run(["review", "list", "--owner", "ann", "--limit", "4", "--newer-than", "1d"]) == 0
    assert f"4 of 5 are shown; go on with --after {numbers[3]}" in capsys.readouterr().err
    assert items(capsys, "--older-than", "1d") == []
    assert run(["review", "list", "--after", "99"]) == 0
    assert "nothing more waits" in capsys.readouterr().err
    assert run(["review", "list", "--limit", "0"]) == 2


def test_an_approval_that_ran_out_is_listed_as_expired_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Before any run records it, it is shown and found as expired, no longer found as open, and cannot be accepted."""
    configure("allow_same_uid = true\napproval_expiry = '1h'\n")
    overlay()
    mail(QUESTION)
    (item,) = items(capsys)
    configure("allow_same_uid = true\n")
    with sqlite3.connect(compose.load_settings().state_dir / "ledger.db") as connection:
        connection.execute("UPDATE review_items SET expires_ms = 1000")
    connection.close()
    (listed,) = items(capsys)
    assert (listed["state"], listed["overdue"]) == ("expired", True)
    assert [one["number"] for one in items(capsys, "--state", "expired")] == [item["number"]]
    assert items(capsys, "--state", "open") == []
    assert run(["review", "list"]) == 0
    assert " expired " in capsys.readouterr().out
    assert run(["review", "accept", str(item["number"])]) == 4
    assert "is expired" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--kind", "nonsense"],
        ["list", "--state", "nonsense"],
        ["list", "--older-than", "yesterday"],
        ["list", "--newer-than", "1y"],
        ["show", "7"],
        ["show", "x"],
        ["accept", "7"],
    ],
)
def test_what_cannot_be_used_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown words, ages and items are usage errors with a hint, never a traceback."""
    mail()
    assert run(["review", *arguments]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_single_keys_take_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, or with --no-input, the interactive mode refuses cleanly."""
    mail()
    assert run(["review"]) == 2
    assert run(["review", "--no-input"]) == 2
    assert "terminal" in capsys.readouterr().err


def test_hostile_text_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """Control and direction characters of a message are shown as escapes."""
    mail("Please delete the production database\u200b now.\u202e")
    (item,) = items(capsys)
    assert run(["review", "show", str(item["number"])]) == 0
    out = capsys.readouterr().out
    assert "\u200b" not in out
    assert "\u202e" not in out


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ("owner = 'nobody'", "whom nobody knows"),
        ("[review.owners]\n'messaging.reply' = 'nobody'", "whom nobody knows"),
        ("[review.owners]\n'messaging.reply' = 3", "does not map"),
        ("approval_expiry = 'soon'", "is not a time"),
        ("approval_expiry = '9999w'", "is not a time"),
        ("raise_after = '0d'", "is not a time"),
        ("people = 3", "must be a table"),
        ("[review.people.ann]\nuid = -1", "uid"),
        ("[review.people.ann]\nuid = true", "uid"),
        ("[review.people.ann]\nagents = 'ann'", "agents"),
        ("[review.people.ann]\nname = 'ann'", "not a person"),
        ("[review.people.ann]\nuid = 1\n[review.people.ben]\nuid = 1", "same uid"),
        ("approval_rate_warning = 101", "between"),
        ("two_persons = 'messaging.reply'", "list"),
    ],
)
def test_a_review_table_that_does_not_hold_ends_at_start_up(
    table: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown owner, a time that is none, a person that is none: exit 10, before anything is read."""
    configure(table)
    assert run(["worker", "run"]) == 10
    assert word in capsys.readouterr().err


def test_a_declared_person_is_known_by_uid(capsys: pytest.CaptureFixture[str]) -> None:
    """The reviewer's name comes from the configuration by the uid of the process, and `never` means what it says."""
    never = "allow_same_uid = true\napproval_expiry = 'never'\nraise_after = 'never'\n"
    configure(f"{never}[review.people.ann]\nuid = {os.getuid()}\n")
    overlay()
    mail(QUESTION)
    assert items(capsys)[0]["expires_at"] is None
    assert run(["review", "accept", "1", "--no-deliver"]) == 0
    assert sent() == []
    assert items(capsys, "--state", "decided")[0]["decided_by"] == "person:ann"
    assert run(["review", "re-evaluate", "1"]) == 4


def test_people_teach_the_catalogue_by_a_patch(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An answer from an entry proposes an alias; the patch is applied with its cases, once, and can be undone."""
    directory = configure(catalog='catalog = "catalog.yaml"\n')
    own = directory / "catalog.yaml"
    shipped = tmp_path / "shipped.yaml"
    (directory / "config.toml").write_text("[review]\nallow_same_uid = true\n", encoding="utf-8")
    assert run(["catalog", "apply", "x"]) == 2
    assert run(["catalog", "export", str(own)]) == 0
    assert run(["catalog", "export", str(own)]) == 2
    shipped.write_bytes(own.read_bytes())
    configure(catalog='catalog = "catalog.yaml"\n')
    mail("Who hands out zorbium keys?")
    patch = tmp_path / "patch.yaml"
    capsys.readouterr()
    assert run(["catalog", "learn", "--out", str(patch)]) == 0
    assert not patch.exists()
    assert run(["review", "respond", "1", "--entry", "openrouter-key"]) == 0
    labelled = tmp_path / "labelled.jsonl"
    labelled.write_text('{"body": "Who issues SSH certificates?", "entry": "ssh-certificate"}\n', encoding="utf-8")
    capsys.readouterr()
    assert run(["catalog", "learn", "--out", str(patch), "--json", "--examples", str(labelled)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [(one["entry"], one["alias"]) for one in document["proposals"]] == [("openrouter-key", "zorbium")]
    assert document["before"]["recall"] < document["after"]["recall"]
    assert document["before"]["precision"] <= document["after"]["precision"]
    assert own.read_bytes() == shipped.read_bytes()
    assert run(["catalog", "learn"]) == 0
    assert run(["catalog", "apply", str(patch), "--json"]) == 0
    lines, before = own.read_text(encoding="utf-8").splitlines(), shipped.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line not in before] == [
        '    aliases: [openrouter key, open router api key, openrouter token, openrouter credentials, "zorbium"]'
    ]
    assert run(["catalog", "check", "--detailed-exitcode"]) == 0
    mail("Who hands out zorbium keys?")
    assert len(sent()) == 2
    assert run(["catalog", "apply", str(patch)]) == 4
    assert run(["catalog", "apply", "--undo"]) == 0
    assert own.read_bytes() == shipped.read_bytes()
    assert run(["catalog", "apply", "--undo"]) == 2
    assert run(["catalog", "apply"]) == 2


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("changes: []\ncases: []\n", 2),
        ("changes:\n  - entry: nothing\n    add_aliases: [x]\n", 4),
        (
            "changes:\n  - entry: openai-key\n    add_aliases: [zorbium]\ncases:\n  - body: Who?\n    entry: openai-key\n",
            4,
        ),
        ("changes:\n  - entry: openai-key\n    add_words: [zorbium]\n", 2),
        ("changes:\n  - entry: openai-key\n    add_questions: ['Where do I get an OpenRouter key?']\n", 4),
    ],
)
def test_a_patch_that_makes_things_worse_is_refused(
    text: str, status: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Unknown entries and keys, lost answers and failing cases leave the catalogue as it was."""
    own = tmp_path / "own.yaml"
    assert run(["catalog", "export", str(own)]) == 0
    before = own.read_bytes()
    digest = compose.load_catalog(compose.load_settings(catalog=own)).digest
    patch = tmp_path / "patch.yaml"
    patch.write_text(f"schema: warden.catalog-patch/1\nbase: {digest}\n{text}", encoding="utf-8")
    assert run(["catalog", "apply", str(patch), "--catalog", str(own)]) == status
    assert own.read_bytes() == before
    assert run(["catalog", "learn", "--examples", str(own), "--catalog", str(own)]) in (2, 1)


def test_the_rates_warn_when_everything_is_released(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten approvals of ten are a warning, nine of ten are none, and expired ones count as nobody's decision."""
    counts = {"messages": 40, "messages.escalated": 10, "approval.accept": 10, "approval.expired": 5}
    found = summarize("7d", counts, 95)
    assert (found["escalation_rate"], found["approval_rate"], found["expired"]) == (250, 1000, 5)
    assert "reading" in str(found["warning"])
    assert summarize("7d", {**counts, "approval.accept": 9, "approval.edit": 1}, 95)["warning"] == ""
    assert summarize("7d", {"messages": 0, "messages.escalated": 0}, 95)["approval_rate"] is None
    mail("Blah?")
    capsys.readouterr()
    assert run(["stats", "--window", "1d", "--json"]) == 0
    (window,) = json.loads(capsys.readouterr().out)["windows"]
    assert (window["messages"], window["escalation_rate"]) == (1, 1000)
    assert run(["stats"]) == 0
    assert "100 %" in capsys.readouterr().out
    assert run(["stats", "--window", "soon"]) == 2


def test_a_released_dead_letter_can_be_retried(capsys: pytest.CaptureFixture[str]) -> None:
    """What a person released is allowed for a retry as well, as long as the policy only asks for a person."""
    configure()
    overlay()
    mail(QUESTION)
    assert run(["review", "accept", "1", "--no-deliver"]) == 0
    settings = compose.load_settings()
    store = compose.open_ledger(settings)
    (row,) = store.read(lambda connection: connection.execute("SELECT key FROM outbox WHERE stage = 0").fetchall())
    given_up = {"fault": "rejected", "next": "dead", "retry_in_ms": None, "detail": "hub-rejected"}
    store.commit(
        Batch(
            (
                Entry("attempted", {"run_id": "run-1", "key": row[0], "number": 1}),
                Entry("faulted", {"run_id": "run-1", "key": row[0], "number": 1, **given_up}),
            )
        )
    )
    store.close()
    assert run(["dead", "retry", row[0]]) == 0
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    assert len(sent()) == 1


def test_an_option_before_the_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """`review --state-dir DIR accept 1` would decide in another queue than it names; it says where the option belongs."""
    assert run(["review", "--state-dir", "/nowhere", "accept", "1"]) == 2
    assert "--state-dir stands before `accept`" in capsys.readouterr().err


def test_all_leaves_out_what_expired_and_has_it_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """`accept --all` releases what waits; an approval whose time ran out is recorded as expired, and its message waits anew."""
    configure()
    overlay()
    mail(QUESTION, QUESTION)
    with sqlite3.connect(compose.load_settings().state_dir / "ledger.db") as connection:
        connection.execute("UPDATE review_items SET expires_ms = 1000 WHERE number = 1")
    connection.close()
    capsys.readouterr()
    assert run(["review", "accept", "--all", "--yes", "--kind", "approval", "--json"]) == 0
    assert [ruling["number"] for ruling in json.loads(capsys.readouterr().out)["rulings"]] == [2]
    (waits,) = items(capsys)
    assert (waits["reason"], waits["kind"]) == ("approval-expired", "escalation")
    assert run(["review", "show", "1"]) == 0
    assert "review_expired" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["list"], ["show", "1"], ["next"]])
def test_looking_loads_no_framework_no_policy_and_no_key(argv: list[str]) -> None:
    """A person who looks waits for nothing that only judging, signing or a command-line framework need."""
    overlay()
    mail(QUESTION)
    heavy = ["typer", "pydantic", "httpx", "rich", "yaml", "nacl", "warden.policy", "warden.store.projections"]
    script = (
        "import sys; from warden.cli.main import run; "
        f"assert run(['review', *{argv!r}]) == 0; found = sorted(set({heavy!r}) & set(sys.modules)); assert found == [], found"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_state_directory_that_this_user_may_not_look_into_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second person without access to the files is told where people without it decide, and sees no fault of ours."""
    assert run(["review", "list", "--state-dir", str(tmp_path / ("x" * 300))]) == 1
    told = capsys.readouterr().err
    assert "cannot be looked into" in told
    assert "decide at `warden console`" in told
