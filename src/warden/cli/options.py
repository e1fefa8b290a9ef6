"""Options of a hot command as data: one table from which the typer command and the fast parser are both made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True, slots=True)
class Option:
    """One option, or one positional argument when `flags` is empty.

    `kind` is bool, int, str or Path. A bool is set to true by any of `flags`. `low` bounds an int from
    below. An argument has no default and is required.
    """

    name: str
    flags: tuple[str, ...]
    kind: type
    default: object
    help: str
    low: int = 0
    metavar: str = ""


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
        """Return every option's default by name; arguments have none and are left out."""
        return {option.name: option.default for option in self.options if option.flags}
