"""The hot commands, parsed without a command-line framework.

What it does: recognises a hot command whose arguments are plainly right, and returns its options. What it does not:
explain anything. Whatever is not plainly right (help, an unknown option, a missing or odd value, an option given
twice) is left to the typer command that is made from the same table, so that there is one wording of every error.
A test gives both parsers the same arguments and compares what they understood.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from warden.cli.options import Command, Option

INTEGER_DIGITS = 9


def find(argv: Sequence[str]) -> tuple[Command, dict[str, object]] | None:
    """Return the hot command that `argv` names with its option values, or None when typer has to look at it."""
    if len(argv) < 2 or argv[0] != "worker":
        return None
    from warden.cli.worker_options import APPLY, RUN

    for command in (RUN, APPLY):
        if tuple(argv[:2]) == command.path:
            values = parse(command, argv[2:])
            return None if values is None else (command, values)
    return None


def parse(command: Command, arguments: Sequence[str]) -> dict[str, object] | None:
    """Return every option's value by name, or None when the arguments are not plainly right."""
    table = {flag: option for option in command.options for flag in option.flags}
    values = command.defaults()
    positional = [option for option in command.options if not option.flags]
    seen: set[str] = set()
    rest = iter(arguments)
    for word in rest:
        flag, equals, attached = word.partition("=")
        if not word.startswith("-"):
            if not positional or not word:
                return None
            option = positional.pop(0)
            value = _value(option, word)
        elif flag not in table:
            return None
        else:
            option = table[flag]
            if option.name in seen:
                return None
            seen.add(option.name)
            if option.kind is bool:
                value = None if equals else True
            else:
                text = attached if equals else next(rest, "")
                value = None if equals and not flag.startswith("--") else _value(option, text)
        if value is None:
            return None
        values[option.name] = value
    return None if positional else values


def _value(option: Option, text: str) -> object | None:
    """Return the value that `text` stands for, or None when a person should be told what is wrong with it."""
    if not text or text.startswith("-"):
        return None
    if option.kind is int:
        plain = text.isascii() and text.isdigit() and len(text) <= INTEGER_DIGITS
        return int(text) if plain and int(text) >= option.low else None
    return Path(text) if option.kind is Path else text
