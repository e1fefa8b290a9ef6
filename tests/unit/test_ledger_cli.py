"""`warden ledger ...` as a person and as a program uses it."""

from __future__ import annotations

import io
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from warden.cli.main import run
from warden.ledger.export import verify_export
from warden.ledger.signature import SeedSigner, Verifier
from warden.model.entry import Batch
from warden.store.files import LedgerFiles
from warden.store.sqlite import NewLog
from warden.testing.engine import FixedClock
from warden.testing.ledger import Story, delivered, run_finished, run_started


@pytest.fixture
def state(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory with a ledger of ten entries; the configuration is in the test's own home."""
    state_dir = own_home / "state"
    config_dir = own_home / "config"
    config_dir.mkdir()
    monkeypatch.setenv("WARDEN_STATE_DIR", str(state_dir))
    monkeypatch.setenv("WARDEN_CONFIG", str(config_dir))
    store = LedgerFiles(state_dir, config_dir).open(FixedClock(), NewLog())
    store.commit(Batch((run_started(),)))
    for batch in delivered(Story("1")):
        store.commit(batch)
    store.commit(Story("2").intended())
    store.commit(Batch((Story("3").disposed("escalated"), Story("3").reopened(), run_finished())))
    store.close()
    return state_dir


class Terminal:
    """Runs commands and keeps what they printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def text(self, *words: str, status: int = 0) -> str:
        """Return what `warden ledger ...` prints on stdout."""
        self._capsys.readouterr()
        found = run(["ledger", *words])
        out, self.err = self._capsys.readouterr()
        assert found == status, out + self.err
        assert "Traceback" not in self.err
        return out

    def json(self, *words: str, status: int = 0) -> Any:
        """Return the document that `warden ledger ... --json` prints."""
        return json.loads(self.text(*words, "--json", status=status))


@pytest.fixture
def ledger(state: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal on the ledger."""
    return Terminal(capsys)


def change(state: Path, statement: str) -> None:
    """Change the database behind the ledger's back."""
    connection = sqlite3.connect(state / "ledger.db")
    with connection:
        assert connection.execute(statement).rowcount
    connection.close()


class Screen(io.StringIO):
    """A terminal that shows both streams."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_the_progress_bar_is_gone_before_the_result_is_shown(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a bar shows how far verifying is; nothing of it comes after the result, which stays."""
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    assert run(["ledger", "verify"]) == 0
    bar, result = screen.getvalue().split("verifies: 10 entries")
    assert "verifying, 0 records" in bar
    assert "\x1b" not in result


def test_log_lists_the_newest(ledger: Terminal) -> None:
    """`log` shows one line an entry, the newest last, as many as asked for."""
    lines = ledger.text("log").splitlines()
    assert [line.split()[0] for line in lines] == [str(number) for number in range(10)]
    assert ledger.text("log", "--limit", "2").splitlines() == lines[-2:]
    assert ledger.text("log", "--all", "--limit", "1").splitlines() == lines


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["--kind", "intended"], [2, 6]),
        (["--kind", "intended", "--kind", "received"], [2, 4, 6]),
        (["--message", "3"], [7, 8]),
        (["--key", Story("1").action().key], [2, 3, 4]),
        (["--run", "run-00000001", "--kind", "run_started"], [1]),
        (["--run", "other"], []),
        (["--since", "2026-01-02"], list(range(10))),
        (["--since", "2027-01-01T00:00:00Z"], []),
    ],
)
def test_log_filters(ledger: Terminal, words: list[str], numbers: list[int]) -> None:
    """Filters choose by kind, run, message, delivery and time, and combine."""
    document = ledger.json("log", *words)
    assert document["schema"] == "warden.ledger-log/1"
    assert [entry["seq"] for entry in document["entries"]] == numbers


def test_show_has_the_redacted_text(ledger: Terminal) -> None:
    """`show` prints every field of an entry and the text that it names."""
    document = ledger.json("show", "2")
    assert (document["kind"], document["seq"], document["text_purged"]) == ("intended", 2, False)
    assert json.loads(document["text"])["body"] == "ask platform-ops"
    assert "ask platform-ops" in ledger.text("show", "2")
    assert ledger.json("show", "3")["text"] is None
    ledger.text("purge", "--before", "0d")
    assert ledger.json("show", "2")["text_purged"]
    assert "purged" in ledger.text("show", "2")


@pytest.mark.parametrize(
    "words",
    [
        ["show", "99"],
        ["log", "--kind", "nothing"],
        ["log", "--since", "yesterday"],
        ["log", "--since", "99999999d"],
        ["prove", "10"],
        ["consistency", "8", "2"],
        ["consistency", "2", "4"],
        ["consistency", "2", "99"],
        ["check-proof", "/nowhere"],
        ["verify", "/nowhere"],
        ["verify", "--head", "/nowhere"],
        ["verify", "--key", "what", "/dev/null"],
        ["purge", "--before", ""],
        ["export", "--out", "/nowhere/file"],
        ["backup", "/dev/null"],
        ["restore", "/dev/null"],
    ],
)
def test_mistakes_are_told(ledger: Terminal, words: list[str]) -> None:
    """A mistake of the person is one line and status 2."""
    assert ledger.text(*words, status=2) == ""
    assert ledger.err.startswith("error: ")


def test_there_is_no_ledger(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Every command says that nothing was recorded yet, and makes nothing."""
    terminal = Terminal(capsys)
    place = ["--state-dir", str(tmp_path / "none")]
    for words in (["log"], ["show", "0"], ["stats"], ["verify"], ["export"], ["prove", "0"], ["key"], ["checkpoint"]):
        terminal.text(*words, *place, status=1)
        assert "there is no ledger" in terminal.err
    assert not (tmp_path / "none").exists()


def test_stats(ledger: Terminal) -> None:
    """`stats` counts entries, dispositions and deliveries."""
    document = ledger.json("stats")
    assert (document["entries"], document["checkpoints"], document["texts"]) == (10, 6, 2)
    assert document["dispositions"] == {"answered": 1, "escalated": 1}
    assert document["deliveries"] == {"done": 1, "open": 1}
    assert "intended           2" in ledger.text("stats")


def test_verify(ledger: Terminal) -> None:
    """A ledger that holds is said to hold, with what was checked, and what that does not exclude."""
    document = ledger.json("verify")
    assert (document["sound"], document["findings"], document["key_pinned"]) == (True, [], True)
    assert (document["verdict"]["entries"], document["verdict"]["signed"]) == (10, 6)
    assert ledger.text("verify").startswith("verifies: 10 entries, 6 signed checkpoints")
    assert "--online, --head or a witness" in ledger.err
    ledger.text("verify", "--online")
    assert "noticed only with a head that was kept elsewhere, and the hub has none" in ledger.err
    ledger.text("verify", "--online", "--hub", "http://127.0.0.1:1", status=1)
    assert "the hub cannot be reached" in ledger.err
    ledger.text("verify", "--hub", "http://127.0.0.1:1", status=2)


def test_verify_names_damage(ledger: Terminal, state: Path) -> None:
    """A ledger that does not hold is status 6, with the damage and the first bad entry; every command that writes refuses."""
    change(state, "DELETE FROM entries WHERE seq = 4")
    document = ledger.json("verify", status=6)
    assert document["findings"][0]["damage"] == "missing"
    assert document["findings"][0]["entry"] == 4
    assert "missing" in ledger.text("verify", status=6)
    ledger.text("rebuild", status=6)


def test_verify_against_a_kept_head(ledger: Terminal, state: Path, tmp_path: Path) -> None:
    """A checkpoint that was kept elsewhere is compared with, and a later one gives a roll-back away."""
    early, late = tmp_path / "early", tmp_path / "late"
    early.write_text(ledger.text("checkpoint"))
    data = (state / "ledger.db").read_bytes(), (state / "checkpoints" / "ledger.head").read_bytes()
    ledger.text("purge", "--before", "0d")
    late.write_text(ledger.text("checkpoint"))
    ledger.text("verify", "--head", str(early), "--head", str(late))
    (state / "ledger.db").write_bytes(data[0])
    (state / "checkpoints" / "ledger.head").write_bytes(data[1])
    ledger.text("verify", "--head", str(early))
    assert ledger.json("verify", "--head", str(late), status=6)["findings"][0]["damage"] == "rolled-back"


def test_export_verifies_elsewhere(ledger: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export verifies from a file or stdin, with the key that was handed over, and a changed one does not."""
    out = tmp_path / "export.jsonl"
    key = ledger.text("key").strip()
    ledger.text("export", "--jsonl", "--out", str(out))
    assert ledger.json("verify", str(out))["key_given"] is False
    document = ledger.json("verify", str(out), "--key", key)
    assert (document["sound"], document["key_given"], document["verdict"]["signed"]) == (True, True, 6)
    (tmp_path / "key").write_text(key + "\n")
    ledger.text("verify", str(out), "--key", str(tmp_path / "key"))
    other = Verifier(key.split("+")[0], SeedSigner.from_seed(bytes(32)).public_key).to_text()
    assert ledger.json("verify", str(out), "--key", other, status=6)["findings"][0]["damage"] == "key"
    out.write_bytes(out.read_bytes().replace(b"alert", b"alarm").replace(b"flex-auth", b"flex-auht", 1))
    assert ledger.json("verify", str(out), status=6)["findings"][0]["entry"] == 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(out.read_bytes())))
    ledger.text("verify", "-", status=6)
    ledger.text("verify", str(out), "--online", status=2)
    (tmp_path / "other").write_text("hello\n")
    ledger.text("verify", str(tmp_path / "other"), status=6)


@pytest.mark.parametrize(("since", "first"), [("0", 0), ("5", 3), ("6", 6), ("2026-01-01", 0), ("2027-01-01", 10)])
def test_export_since(ledger: Terminal, tmp_path: Path, since: str, first: int) -> None:
    """A later part begins at a checkpoint at or before what was asked for, and verifies on its own."""
    out = tmp_path / "part.jsonl"
    ledger.text("export", "--since", since, "--out", str(out))
    lines = out.read_bytes().splitlines(keepends=True)
    assert json.loads(lines[0])["first"] == first
    assert verify_export(lines).size == 10
    seen = {0: "10 entries", 10: "no entry after the first 10"}.get(first, f"entries {first} to 9")
    assert ledger.text("verify", str(out)).startswith(f"verifies: {seen}, ")
    cut = b"".join(lines[:-1])
    out.write_bytes(cut)
    ledger.text("verify", str(out), status=6)


def test_proofs(ledger: Terminal, tmp_path: Path) -> None:
    """Proofs hold with the log's key and no other, and are refused when changed."""
    key = ledger.text("key").strip()
    proof = tmp_path / "proof"
    for words in (["prove", "4"], ["consistency", "2", "10"]):
        ledger.text(*words, "--out", str(proof))
        document = ledger.json("check-proof", str(proof))
        assert (document["holds"], document["problem"]) == (True, "")
        ledger.text("check-proof", str(proof), "--key", key)
        other = Verifier(key.split("+")[0], SeedSigner.from_seed(bytes(32)).public_key).to_text()
        assert ledger.json("check-proof", str(proof), "--key", other, status=6)["holds"] is False
        data = json.loads(proof.read_bytes())
        data["path"][0] = "00" * 32
        proof.write_bytes(json.dumps(data, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode() + b"\n")
        assert "does not hold" in ledger.text("check-proof", str(proof), status=6)
        proof.write_bytes(proof.read_bytes() + b" ")
        ledger.text("check-proof", str(proof), status=2)


def test_proofs_are_checked_without_a_ledger(ledger: Terminal, tmp_path: Path) -> None:
    """Somebody who has only the proof and the key can check it; without the key they are told to name it."""
    (tmp_path / "proof").write_text(ledger.text("prove", "0"))
    key = ledger.text("key").strip()
    elsewhere = ["--state-dir", str(tmp_path / "none")]
    ledger.text("check-proof", str(tmp_path / "proof"), "--key", key, *elsewhere)
    ledger.text("check-proof", str(tmp_path / "proof"), *elsewhere, status=2)
    assert "--key" in ledger.err


def test_checkpoint_document(ledger: Terminal) -> None:
    """The newest checkpoint is a note, and a document with the same facts."""
    document = ledger.json("checkpoint")
    assert document["note"] == ledger.text("checkpoint")
    assert (document["size"], document["note"].split("\n")[0]) == (10, document["origin"])
    assert ledger.json("key")["key"] == ledger.text("key").strip()


def test_care(ledger: Terminal, state: Path, tmp_path: Path) -> None:
    """Rebuild, purge, archive, back up and restore each end with a ledger that verifies."""
    assert ledger.json("rebuild")["entries"] == 10
    assert ledger.json("purge", "--before", "2026-01-03")["texts"] == 1
    assert ledger.json("archive", "--before", "2026-01-03")["segment"] == {
        "first": 0,
        "last": 5,
        "file": "000000000000-000000000005.jsonl.gz",
    }
    ledger.text("verify")
    assert ledger.text("archive") == "nothing to archive\n"
    assert "entries from 6 on stay" in ledger.err
    assert len(ledger.text("log", "--all").splitlines()) == 12
    assert "log_started" in ledger.text("show", "0")
    assert ledger.json("show", "4")["kind"] == "received"
    assert ledger.json("backup", str(tmp_path / "copy"))["entries"] == 12
    document = ledger.json("restore", str(tmp_path / "copy"), "--by", "me\x1b[31m")
    assert (document["entries"], document["lost"], document["in_doubt"]) == (12, 0, 1)
    ledger.text("verify")
    assert ledger.text("rebuild") == "rebuilt from 13 entries\n"


def test_where_nothing_ever_was_nothing_is_repaired(
    own_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place without a ledger, and without a word that there was one, gets none by a repair."""
    monkeypatch.setenv("WARDEN_STATE_DIR", str(own_home / "state"))
    assert run(["ledger", "repair"]) == 1
    assert "there is no ledger" in capsys.readouterr().err
    assert not (own_home / "state" / "ledger.db").exists()


def test_repair_only_what_is_broken(ledger: Terminal, state: Path) -> None:
    """A ledger that verifies is not repaired without --force; one that does not is, and verifies then."""
    assert ledger.json("repair") == {"schema": "warden.ledger-repair/1", "repaired": False}
    assert "nothing to repair" in ledger.text("repair")
    change(state, "UPDATE dispositions SET reason = 'forged'")
    ledger.text("verify", status=6)
    document = ledger.json("repair", "--by", "person")
    assert (document["repaired"], document["damage"], document["dispositions"]) == (True, "projection", 2)
    assert document["previous_head"].startswith("ops-warden/")
    ledger.text("verify")
    assert "ledger_repaired" in ledger.text("log")
    assert "began a new log; the old one (it verified) lies in" in ledger.text("repair", "--force")
    (state / "ledger.key").unlink()
    assert ledger.json("repair")["damage"] == "key"
    ledger.text("verify")


def test_maintenance_waits_for_no_cycle(ledger: Terminal, state: Path) -> None:
    """While a cycle runs, what changes the ledger's files ends with status 11, and reading goes on."""
    from warden.store.locks import FileLockStore

    with FileLockStore(state / "locks").hold("cycle-ops-warden", {"command": "warden worker run"}):
        for words in (["rebuild"], ["purge"], ["archive"], ["repair"]):
            ledger.text(*words, status=11)
            assert "warden worker run" in ledger.err
        ledger.text("verify")
        ledger.text("log")


def test_every_command_has_help(ledger: Terminal) -> None:
    """The group's help names every command, and each has its own."""
    names = ["log", "show", "stats", "checkpoint", "key", "verify", "export", "prove", "consistency", "check-proof"]
    names += ["rebuild", "purge", "archive", "repair", "backup", "restore"]
    overview = ledger.text("--help")
    for name in names:
        assert f"  {name} " in overview
        assert "Usage" in ledger.text(name, "--help")


def test_heads_on_the_hub_give_a_roll_back_away(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every executing run posts its head: a whole state directory that is put back verifies, and not with --online."""
    terminal = Terminal(capsys)
    state = own_home / ".local" / "state" / "ops-warden"
    words = ["--to", "ops-warden", "--subject", "question", "--body", "Who issues SSH certificates?"]
    for sender in ("flex-auth", "deploy-bot"):
        assert run(["hub", "send", "--from", sender, *words]) == 0
        assert run(["worker", "run", "--execute", "--quiet"]) == 0
        terminal.text("verify", "--online")
        if sender == "flex-auth":
            copy = {path: path.read_bytes() for path in (state / "ledger.db", state / "checkpoints" / "ledger.head")}
    for path, data in copy.items():
        path.write_bytes(data)
    terminal.text("verify")
    document = terminal.json("verify", "--online", status=6)
    assert document["findings"][0]["damage"] == "rolled-back"
    assert run(["worker", "run", "--dry-run", "--quiet"]) == 0


def test_an_export_from_an_entry_that_is_not_there_is_refused(ledger: Terminal) -> None:
    """A part without entries is no part."""
    ledger.text("export", "--since", "10", status=2)
    assert "there is no entry 10" in ledger.err
    assert ledger.text("export", "--since", "9")


def test_signatures_and_keys_are_printed_as_they_are(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What looks like a secret because it is random is not replaced in a checkpoint or a key, whichever way it is printed."""
    for _ in range(12):
        assert run(["worker", "run", "--execute", "--quiet"]) == 0
        capsys.readouterr()
        for words in (["checkpoint"], ["checkpoint", "--json"], ["key"], ["key", "--json"]):
            assert run(["ledger", *words]) == 0
            out = capsys.readouterr().out
            assert "redacted" not in out
        note = own_home / "note"
        assert run(["ledger", "checkpoint"]) == 0
        note.write_text(capsys.readouterr().out)
        assert run(["ledger", "verify", "--head", str(note)]) == 0
