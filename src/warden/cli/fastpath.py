"""The hot commands, parsed without a command-line framework.

What it does: recognises a hot command whose arguments are plainly right, and returns its options. What it does not:
explain anything. Whatever is not plainly right (help, an unknown option, a missing or odd value, an option given
twice) is left to the typer command that is made from the same table, so that there is one wording of every error.
A test gives both parsers the same arguments and compares what they understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from warden.cli.options import Command, Option

INTEGER_DIGITS = 9
TABLES = {"worker": "warden.cli.worker_options", "review": "warden.cli.review_options"}
"""Groups with hot commands, and the modules whose `COMMANDS` they are."""


def find(argv: Sequence[str]) -> tuple[Command, dict[str, object]] | None:
    """Return the hot command that `argv` names with its option values, or None when typer has to look at it."""
    if len(argv) < 2 or argv[0] not in TABLES:
        return None
    commands: Sequence[Command] = import_module(TABLES[argv[0]]).COMMANDS
    for command in commands:
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
        if word.startswith("-"):
            found = _flag(table, word, rest)
        elif positional and word:
            found = (positional[0], _value(positional[0], word))
            if not positional[0].many:
                del positional[0]
        else:
            found = None
        if found is None or found[1] is None:
            return None
        option, value = found
        if option.many:
            values[option.name] = [*_gathered(values, option), value]
        elif option.name in seen:
            return None
        else:
            values[option.name] = value
        seen.add(option.name)
    return None if any(not option.many for option in positional) else values


def _flag(table: Mapping[str, Option], word: str, rest: Iterator[str]) -> tuple[Option, object | None] | None:
    """Return the option that a word names and its value, which may be the next word."""
    flag, equals, attached = word.partition("=")
    option = table.get(flag)
    if option is None:
        return None
    if option.kind is bool:
        return option, None if equals else True
    text = attached if equals else next(rest, "")
    return option, None if equals and not flag.startswith("--") else _value(option, text)


def _gathered(values: Mapping[str, object], option: Option) -> list[object]:
    held = values[option.name]
    return held if isinstance(held, list) else []


def _value(option: Option, text: str) -> object | None:
    """Return the value that `text` stands for, or None when a person should be told what is wrong with it."""
    if not text or text.startswith("-"):
        return None
    if option.kind is int:
        plain = text.isascii() and text.isdigit() and len(text) <= INTEGER_DIGITS
        if not plain or int(text) < option.low or (option.high is not None and int(text) > option.high):
            return None
        return int(text)
    return Path(text) if option.kind is Path else text
