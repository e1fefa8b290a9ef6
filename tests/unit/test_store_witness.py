"""Witnesses: files and commands that keep the ledger's head elsewhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from warden.cli import compose
from warden.cli.main import run
from warden.errors import StateError
from warden.ledger.checkpoint import parse_note
from warden.store.witness import WitnessCommand, WitnessFile


def python(*lines: str) -> tuple[str, ...]:
    """A command that runs these lines."""
    return (sys.executable, "-c", "\n".join(lines))


def test_a_file_keeps_the_newest_head(tmp_path: Path) -> None:
    """What was kept last is read back, private and whole, and nothing else lies beside it."""
    witness = WitnessFile(tmp_path / "head")
    assert witness.read() == ""
    witness.keep("one\n")
    witness.keep("two\n")
    assert witness.read() == "two\n"
    assert [path.name for path in tmp_path.iterdir()] == ["head"]
    assert (tmp_path / "head").stat().st_mode & 0o777 == 0o600


def test_a_disk_that_is_not_there_is_not_made_up(tmp_path: Path) -> None:
    """A missing directory is an error, and stays missing: a disk that is not mounted is not replaced by a directory."""
    witness = WitnessFile(tmp_path / "mount" / "head")
    with pytest.raises(StateError, match="directory is not there"):
        witness.read()
    with pytest.raises(StateError):
        witness.keep("note\n")
    assert not (tmp_path / "mount").exists()


@pytest.mark.parametrize("kind", ["directory", "pipe", "closed", "below a file"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    """A directory, a pipe that nobody writes to, and a place that cannot be written are errors, never a wait."""
    path = tmp_path / "head"
    match kind:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "below a file":
            path.touch()
            path = path / "head"
        case _:
            path = tmp_path / ("x" * 300)
    witness = WitnessFile(path)
    with pytest.raises(StateError):
        witness.keep("note\n")
    if kind != "pipe":
        with pytest.raises(StateError):
            witness.read()


def test_a_huge_or_binary_file_is_read_in_part(tmp_path: Path) -> None:
    """Whatever lies there, a bounded text comes out."""
    (tmp_path / "head").write_bytes(b"\xff" * 1_000_000)
    text = WitnessFile(tmp_path / "head").read()
    assert text is not None
    assert len(text) < 20_000


def test_a_command_is_given_the_head_and_gives_it_back(tmp_path: Path) -> None:
    """The head comes on stdin; what the reading command prints is the newest that was kept."""
    place = tmp_path / "kept"
    keeping = python(f"import sys; open({str(place)!r}, 'a').write(sys.stdin.read())")
    reading = python(f"print(open({str(place)!r}).read().splitlines()[-1])")
    witness = WitnessCommand(keeping, reading, 20.0)
    witness.keep("one\n")
    witness.keep("two\n")
    assert place.read_text() == "one\ntwo\n"
    assert witness.read() == "two\n"
    assert WitnessCommand(keeping, (), 20.0).read() is None


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (python("raise SystemExit(3)"), "exit status 3"),
        (("/nowhere/at all",), "cannot be run"),
        (("a\0b",), "cannot be run"),
        (python("import time; time.sleep(60)"), "took longer"),
    ],
)
def test_a_command_that_fails_says_how(command: tuple[str, ...], why: str) -> None:
    """Status, start and time-out are told apart, and nothing that the command printed is shown."""
    witness = WitnessCommand(command, command, 0.3)
    with pytest.raises(StateError, match=why):
        witness.keep("note\n")
    with pytest.raises(StateError, match=why):
        witness.read()


@pytest.fixture
def home(own_home: Path) -> Path:
    """A home with two witnesses in its configuration."""
    directory = own_home / ".config" / "ops-warden"
    directory.mkdir(parents=True)
    (own_home / "disk").mkdir()
    (directory / "config.toml").write_text(
        f'[ledger]\nwitness_files = ["{own_home}/disk/head", "~/disk/second"]\nwitness_timeout_s = 20\n'
    )
    return own_home


def test_witnesses_are_configured(home: Path) -> None:
    """Files are taken from the configuration, and `~` stands for the home."""
    settings = compose.load_settings()
    assert settings.ledger.witness_files == (home / "disk" / "head", home / "disk" / "second")
    assert [witness.name for witness in compose.build_witnesses(settings)] == [
        f"witness `{home}/disk/head`",
        f"witness `{home}/disk/second`",
    ]


@pytest.mark.parametrize(
    "text",
    [
        'witness_files = ["~/.local/state/ops-warden/head"]',
        'witness_files = ["../../.local/state/ops-warden/head"]',
        "witness_files = []",
        'witness_files = "head"',
        'witness_read_command = ["cat"]',
        'witness_command = ["cat"]\nwitness_timeout_s = 0',
    ],
)
def test_what_is_no_witness_is_refused(home: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that would be rolled back with the state, and settings that mean nothing, are status 10."""
    (home / ".config" / "ops-warden" / "config.toml").write_text(f"[ledger]\n{text}\n")
    assert run(["ledger", "verify"]) == 10
    assert "witness" in capsys.readouterr().err


def test_a_roll_back_is_given_away_by_a_witness(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run, verify and doctor know it from the witness alone; repair starts a new log that says what it replaces."""
    state = home / ".local" / "state" / "ops-warden"
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    copy = {path: path.read_bytes() for path in (state / "ledger.db", state / "checkpoints" / "ledger.head")}
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    assert parse_note((home / "disk" / "head").read_text()).checkpoint.size == 7  # a start, two runs, two alerts
    for path, data in copy.items():
        path.write_bytes(data)
    assert run(["ledger", "verify"]) == 6
    assert "rolled-back" in capsys.readouterr().out
    assert run(["worker", "run", "--execute"]) == 6
    assert "older copy" in capsys.readouterr().err
    assert run(["doctor"]) == 1
    assert "rolled back" in capsys.readouterr().out
    assert run(["ledger", "repair"]) == 0
    assert "(rolled-back)" in capsys.readouterr().out
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    assert run(["ledger", "verify"]) == 0


def test_a_restore_gives_up_what_witnesses_know(home: Path, tmp_path: Path) -> None:
    """A copy that is put back with the command that is meant for it does not pass for a roll-back."""
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    assert run(["ledger", "backup", str(tmp_path / "copy")]) == 0
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    assert run(["ledger", "restore", str(tmp_path / "copy")]) == 0
    assert run(["ledger", "verify"]) == 0
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    assert run(["ledger", "verify", "--online"]) == 0


def test_a_witness_that_is_away_makes_verifying_partial(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Verifying says which witness it could not ask, and is status 1 though all else holds."""
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    for file in (home / "disk").iterdir():
        file.unlink()
    (home / "disk").rmdir()
    assert run(["ledger", "verify"]) == 1
    assert "not compared" in capsys.readouterr().err
    assert run(["worker", "run", "--execute"]) == 0
    assert "directory is not there" in capsys.readouterr().err
    assert run(["doctor"]) == 0
    assert "directory is not there" in capsys.readouterr().out


def test_an_emptied_ledger_is_repaired_and_never_begun_anew(own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A database that was emptied together with its head is status 6 until somebody repairs it."""
    state = own_home / ".local" / "state" / "ops-warden"
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    (state / "checkpoints" / "ledger.head").unlink()
    (state / "ledger.db").write_bytes(b"")
    assert run(["worker", "run", "--execute"]) == 6
    assert run(["ledger", "verify"]) == 6
    assert "database is empty" in capsys.readouterr().out
    assert run(["ledger", "repair"]) == 0
    assert run(["worker", "run", "--execute", "--quiet"]) == 0
    assert run(["ledger", "verify"]) == 0
