"""The environment, read once into a frozen value."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

APPLICATION = "ops-warden"


@dataclass(frozen=True, slots=True)
class Environment:
    """What warden takes from the environment, and nothing more.

    `config` and `state_dir` are None when the variables are unset or empty. `variables` holds everything, for the
    one purpose of looking up a credential under the name that the configuration gives.
    """

    config_home: Path
    state_home: Path
    config: Path | None
    state_dir: Path | None
    no_color: bool
    debug: bool
    editor: str
    notify_socket: str
    watchdog_s: float | None
    variables: Mapping[str, str]


def read_environment() -> Environment:
    """Return the process's environment as warden sees it."""
    return from_variables(os.environ)


def from_variables(variables: Mapping[str, str]) -> Environment:
    """Return the environment that these variables make.

    A relative `XDG_*` value counts as unset (XDG Base Directory Specification, "Environment variables"). NO_COLOR
    counts when it is not empty, whatever its value (no-color.org).
    """
    return Environment(
        config_home=_base_dir(variables, "XDG_CONFIG_HOME", ".config"),
        state_home=_base_dir(variables, "XDG_STATE_HOME", ".local/state"),
        config=_path(variables, "WARDEN_CONFIG"),
        state_dir=_path(variables, "WARDEN_STATE_DIR"),
        no_color=bool(variables.get("NO_COLOR")),
        debug=variables.get("WARDEN_DEBUG", "") not in {"", "0"},
        editor=variables.get("VISUAL") or variables.get("EDITOR") or "vi",
        notify_socket=variables.get("NOTIFY_SOCKET", ""),
        watchdog_s=_watchdog(variables),
        variables=dict(variables),
    )


def _watchdog(variables: Mapping[str, str]) -> float | None:
    """Return how often the service manager wants to hear of this process, in seconds (sd_watchdog_enabled(3))."""
    length, process = variables.get("WATCHDOG_USEC", ""), variables.get("WATCHDOG_PID", "")
    if not (length.isascii() and length.isdigit() and int(length)) or (process and process != str(os.getpid())):
        return None
    return int(length) / 1_000_000


def _base_dir(variables: Mapping[str, str], name: str, below_home: str) -> Path:
    value = variables.get(name, "")
    if value and os.path.isabs(value):
        return Path(value)
    home = variables.get("HOME", "")
    return (Path(home) if home else Path(os.path.expanduser("~"))) / below_home


def _path(variables: Mapping[str, str], name: str) -> Path | None:
    value = variables.get(name, "")
    return Path(value) if value else None
