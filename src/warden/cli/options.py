"""Options of a hot command as data: one table from which the typer command and the fast parser are both made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Option:
    """One option, or one positional argument when `flags` is empty.

    `kind` is bool, int, str or Path. A bool is set to true by any of `flags`. `low` and `high` bound an int. With `many` the
    value is a list of them, and may be empty; an argument that is not `many` has no default and is required.
    """

    name: str
    flags: tuple[str, ...]
    kind: type
    default: object
    help: str
    low: int = 0
    metavar: str = ""
    high: int | None = None
    many: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its words, its options, the dataclass that carries them, and `module:function` to call with it.

    The function returns the exit status.
    """

    path: tuple[str, ...]
    help: str
    options: tuple[Option, ...]
    make: Callable[..., object]
    target: str

    def call(self, values: Mapping[str, object]) -> int:
        """Import the command's function, hand it the options, and return the exit status."""
        module, _, function = self.target.partition(":")
        status = getattr(import_module(module), function)(self.make(**values))
        return int(status)

    def defaults(self) -> dict[str, object]:
        """Return every option's default by name; arguments that are required have none and are left out."""
        return {option.name: option.default for option in self.options if option.flags or option.many}


AGENT = Option("agent", ("--agent",), str, None, "Whose inbox; the configured agent when left out.", metavar="NAME")
JSON = Option("json", ("--json",), bool, False, "Print one JSON document instead of text.")
CONFIG = Option("config", ("--config",), Path, None, "Configuration file, or its directory.", metavar="FILE")
STATE_DIR = Option("state_dir", ("--state-dir",), Path, None, "Where ledger, plans and locks lie.", metavar="DIR")
NO_INPUT = Option("no_input", ("--no-input",), bool, False, "Never ask; fail where an answer would be needed.")
