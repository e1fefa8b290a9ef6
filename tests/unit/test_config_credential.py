"""Credentials are fetched from where the configuration says, and never shown."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from warden.config import credential
from warden.config.credential import NOWHERE, CredentialSource, fetch_credential
from warden.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_no_source_is_no_credential() -> None:
    """None means that the hub is asked without one."""
    assert fetch_credential(NOWHERE, {}) is None
    assert NOWHERE.place == "nowhere"


def test_a_private_file_is_read_and_trimmed(tmp_path: Path) -> None:
    """The line end that every editor adds is not part of the credential."""
    file = tmp_path / "token"
    file.write_text("swordfish\n")
    file.chmod(0o600)
    assert fetch_credential(CredentialSource(file=file), {}) == "swordfish"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The error says which command mends it, and not what the file holds."""
    file = tmp_path / "token"
    file.write_text("swordfish")
    file.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        fetch_credential(CredentialSource(file=file), {})
    assert "chmod 600" in caught.value.hint
    assert "swordfish" not in str(caught.value)


def test_a_missing_file_a_directory_and_a_pipe_are_refused(tmp_path: Path) -> None:
    """A pipe without a writer must not make a scheduled run wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (tmp_path / "missing", tmp_path, pipe):
        with pytest.raises(ConfigError):
            fetch_credential(CredentialSource(file=path), {})


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"a b", b"a\nb", b"a\x00b", b"\xff\xfe", "clé".encode(), b"x" * 20_000]
)
def test_what_no_header_can_carry_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty, broken or overlong credential is said before it is sent."""
    file = tmp_path / "token"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        fetch_credential(CredentialSource(file=file), {})
    assert caught.value.hint


def test_a_command_is_run_without_a_shell() -> None:
    """Its output is the credential; shell characters in an argument mean nothing."""
    source = CredentialSource(command=(sys.executable, "-c", "import sys; print(sys.argv[1])", "$HOME;id"))
    assert fetch_credential(source, {}) == "$HOME;id"


@pytest.mark.parametrize("command", [("/does/not/exist",), (sys.executable, "-c", "raise SystemExit(3)")])
def test_a_command_that_fails_is_named(command: tuple[str, ...]) -> None:
    """The error names the program, not its output."""
    with pytest.raises(ConfigError, match="command"):
        fetch_credential(CredentialSource(command=command), {})


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time-out is a configuration error, not a stuck run."""
    monkeypatch.setattr(credential, "COMMAND_TIMEOUT_S", 0.05)
    with pytest.raises(ConfigError, match="longer than"):
        fetch_credential(
            CredentialSource(command=(sys.executable, "-c", "import threading; threading.Event().wait()")), {}
        )


def test_a_variable_is_looked_up_by_name() -> None:
    """An unset variable is an empty credential, and is said by name."""
    source = CredentialSource(variable="HUB_TOKEN")
    assert fetch_credential(source, {"HUB_TOKEN": " swordfish "}) == "swordfish"
    with pytest.raises(ConfigError, match="HUB_TOKEN"):
        fetch_credential(source, {})
