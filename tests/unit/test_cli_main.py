"""Dispatch, errors and exit statuses of the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from warden.cli import errors
from warden.cli.main import run
from warden.errors import ConfigError, LedgerError

if TYPE_CHECKING:
    from pathlib import Path


def test_version_is_one_line_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """`warden --version` prints the program's name and version."""
    assert run(["--version"]) == 0
    out = capsys.readouterr()
    assert out.out.startswith("warden ")
    assert out.out.count("\n") == 1
    assert out.err == ""


def test_no_command_prints_help_on_stderr_and_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command there is nothing to do: help goes to stderr, the status says usage."""
    assert run([]) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert "Commands:" in out.err


@pytest.mark.parametrize("argv", [["--help"], ["worker", "--help"], ["worker", "run", "-h"]])
def test_help_is_data_on_stdout(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Help that was asked for is what the command hands over."""
    assert run(argv) == 0
    out = capsys.readouterr()
    assert "Usage: warden" in out.out
    assert out.err == ""


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["wroker"], "did you mean `worker`?"),
        (["worker", "rum"], "run"),
        (["worker", "run", "--limt", "3"], "--limit"),
        (["worker", "run", "--limit", "0"], "--limit"),
        (["worker", "run", "--limit"], "--limit"),
        (["worker", "apply"], "PLAN"),
    ],
)
def test_a_wrong_command_line_says_what_and_where_to_look(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A usage error is one line and a hint on stderr, status 2, nothing on stdout."""
    assert run(argv) == 2
    out = capsys.readouterr()
    assert out.out == ""
    first, second = out.err.splitlines()
    assert first.startswith("error: ")
    assert said in first
    assert "--help" in second


@pytest.mark.parametrize("order", [["--dry-run", "--execute"], ["--execute", "--dry-run"]])
def test_a_dry_run_that_executes_is_refused(order: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks for both has not decided: nothing is carried out because it was written last."""
    assert run(["worker", "run", *order]) == 2
    assert "--execute and --dry-run exclude each other" in capsys.readouterr().err


def test_a_usage_error_with_json_is_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that asked for JSON gets its error as JSON too, on stderr."""
    assert run(["worker", "run", "--json", "--limit", "x"]) == 2
    body = json.loads(capsys.readouterr().err)
    assert body["schema"] == "warden.error/1"
    assert body["code"] == "usage"
    assert body["exit_status"] == 2


def test_a_foreseen_error_keeps_its_status_message_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    """A `WardenError` is told in its own words, with its own exit status."""
    assert errors.tell(LedgerError("entry 7 does not verify", "restore it"), []) == 6
    assert capsys.readouterr().err == "error: entry 7 does not verify\nhint: restore it\n"


def test_an_error_without_a_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """No empty hint is printed."""
    assert errors.tell(ConfigError("no agent"), []) == 10
    assert capsys.readouterr().err == "error: no agent\n"


def test_an_unforeseen_error_is_named_by_type_and_never_by_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of an unforeseen exception could quote anything, so it stays out of what is printed."""
    monkeypatch.delenv("WARDEN_DEBUG", raising=False)
    assert errors.tell(ValueError("the secret is swordfish"), []) == 1
    err = capsys.readouterr().err
    assert "ValueError" in err
    assert "swordfish" not in err
    assert "Traceback" not in err


def test_words_after_two_dashes_do_not_ask_for_json() -> None:
    """`--` ends the options."""
    assert errors.wants_json(["x", "--json"])
    assert not errors.wants_json(["x", "--", "--json"])


def test_a_reader_that_leaves_ends_the_command_quietly() -> None:
    """`warden --help | true` says nothing on stderr."""
    script = "import sys; sys.argv = ['warden', '--help']; from warden.__main__ import main; main()"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert err == b""
    assert process.returncode == 1


def test_a_process_without_stdout_and_stderr_does_what_it_was_asked_for() -> None:
    """A command started by something that closed both streams ends as usual, with nowhere to print to."""
    script = "import sys; sys.argv = ['warden', '--version']; from warden.__main__ import main; main()"
    done = subprocess.run(["/bin/sh", "-c", '"$0" -c "$1" >&- 2>&-', sys.executable, script], timeout=60, check=False)
    assert done.returncode == 0


def test_output_that_finds_no_room_is_told_as_such() -> None:
    """A full disk behind stdout is named, instead of being reported as a fault of warden."""
    script = "import sys; sys.argv = ['warden', '--version']; from warden.__main__ import main; main()"
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: the output cannot be written: no space left on device\n")


def test_a_character_that_the_terminal_lacks_is_escaped(tmp_path: Path) -> None:
    """An odd character in an error is written escaped instead of failing the command."""
    script = "import sys; sys.argv = ['warden', 'snow\\u2603'];from warden.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        timeout=60,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "HOME": str(tmp_path)},
    )
    assert done.returncode == 2
    assert b"\\u2603" in done.stderr


def test_errors_that_no_frame_catches_are_told_without_their_text() -> None:
    """An error in a thread of the process is one line that names its type, as any other unforeseen error."""
    script = (
        "import threading; from warden.cli.errors import tell_uncaught; tell_uncaught([])\n"
        "def fail(): raise ValueError('the secret is swordfish')\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join(); fail()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "WARDEN_DEBUG"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("error: unexpected ValueError") == 2
    assert "swordfish" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_traceback_that_was_asked_for_holds_no_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With WARDEN_DEBUG the traceback is printed, redacted, also when the settings cannot be read."""
    monkeypatch.setenv("WARDEN_DEBUG", "1")
    token = "ghp_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2"
    for config in (tmp_path, tmp_path / "missing.toml"):
        monkeypatch.setenv("WARDEN_CONFIG", str(config))
        monkeypatch.setenv("WARDEN_STATE_DIR", str(tmp_path / "state"))
        assert errors.tell(ValueError(f"refused {token}"), []) == 1
        err = capsys.readouterr().err
        assert "[redacted:github_token]" in err
        assert token not in err
