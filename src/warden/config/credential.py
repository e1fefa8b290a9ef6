"""Where a credential is to be found, and how it is fetched: never its value in a setting."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.errors import ConfigError, quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CREDENTIAL_BYTES = 16_384
COMMAND_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """At most one of: a file, an argument list to run without a shell, the name of an environment variable."""

    file: Path | None = None
    command: tuple[str, ...] = ()
    variable: str = ""

    @property
    def is_set(self) -> bool:
        """Whether the configuration names a credential at all."""
        return bool(self.file or self.command or self.variable)

    @property
    def place(self) -> str:
        """Where the value is said to be, for a person; never the value."""
        if self.file:
            return f"file {quote(self.file)}"
        if self.command:
            return f"command {quote(self.command[0])}"
        return f"variable {quote(self.variable)}" if self.variable else "nowhere"


NOWHERE = CredentialSource()


def fetch_credential(source: CredentialSource, variables: Mapping[str, str]) -> str | None:
    """Return the credential's value, or None when the configuration names none.

    Surrounding white space is dropped. Raises `ConfigError` when the source cannot be read, is open to other users, is
    too large, is empty, is not one line of visible ASCII (what an HTTP header can carry: RFC 6750, section 2.1), or
    when the command fails or takes longer than `COMMAND_TIMEOUT_S`. The message names the place, never the value.
    """
    if not source.is_set:
        return None
    if source.file:
        raw = read_private_file(source.file)
    elif source.command:
        raw = _run_command(source)
    else:
        raw = variables.get(source.variable, "").encode("utf-8", "surrogateescape")
    value = raw.strip()
    if not value:
        raise ConfigError(f"the credential in {source.place} is empty", "put the credential there, or take the key out")
    if len(value) > CREDENTIAL_BYTES or not all(0x21 <= byte <= 0x7E for byte in value):
        raise ConfigError(
            f"the credential in {source.place} is not one word of visible ASCII",
            "keep the bare credential there, on one line, and nothing else",
        )
    return value.decode("ascii")


def read_private_file(path: Path) -> bytes:
    """Return the bytes of a file that only its owner may read.

    Raises `ConfigError` when it cannot be read, is not a regular file, is larger than `CREDENTIAL_BYTES`, or its mode
    lets group or others at it. The check is made on the open file, so that it cannot be exchanged in between.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as handle:
            found = os.fstat(handle.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ConfigError(f"{quote(path)} is not a regular file", "name a file that holds the credential")
            if found.st_mode & 0o077:
                raise ConfigError(
                    f"{quote(path)} can be read by other users (mode {stat.S_IMODE(found.st_mode):04o})",
                    f"run: chmod 600 {path}",
                )
            data = handle.read(CREDENTIAL_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read the credential file {quote(path)}: {error.strerror or type(error).__name__}",
            "create it with mode 600, readable by the user that runs warden",
        ) from error
    if len(data) > CREDENTIAL_BYTES:
        raise ConfigError(
            f"{quote(path)} is larger than {CREDENTIAL_BYTES} bytes", "name a file that holds only the credential"
        )
    return data


def _open_without_waiting(path: str, flags: int) -> int:
    """Open so that a pipe without a writer is refused by the check that follows instead of blocking for ever."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _run_command(source: CredentialSource) -> bytes:
    import subprocess  # costs 10 ms, and most configurations name a file

    try:
        done = subprocess.run(
            source.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"the credential {source.place} took longer than {COMMAND_TIMEOUT_S:g} s", "run it by hand to see why"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"cannot run the credential {source.place}: {error.strerror or type(error).__name__}",
            "give the program's full path and its arguments as a list; no shell is involved",
        ) from error
    if done.returncode != 0:
        raise ConfigError(
            f"the credential {source.place} failed with exit status {done.returncode}", "run it by hand to see why"
        )
    return done.stdout
