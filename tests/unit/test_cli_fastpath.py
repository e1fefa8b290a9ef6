"""The fast parser and the typer command are made from one table and must understand the same."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.exceptions import TyperException

from warden.cli import fastpath
from warden.cli.framework import add_command, new_app
from warden.cli.options import Command
from warden.cli.review_options import IGNORE, LIST, NEXT, RESPOND, BatchOptions, ItemOptions, ListOptions, NextOptions
from warden.cli.worker_options import APPLY, RUN, ApplyOptions, RunOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS = [RUN, APPLY, LIST, IGNORE, RESPOND]
"""One of each form: options only, one argument, options that repeat and are bounded, many arguments, a number."""


class Recorder(Command):
    """A command that keeps what it was called with."""

    def call(self, values: Mapping[str, object]) -> int:
        """Return the values inside an exception, because a status is a number."""
        raise _CalledError(dict(values))


class _CalledError(Exception):
    def __init__(self, values: dict[str, object]) -> None:
        super().__init__("called")
        self.values = values


def _typer_command(command: Command) -> typer.core.TyperGroup:
    app = new_app("x")
    fields = {field.name: getattr(command, field.name) for field in dataclasses.fields(command)}
    add_command(app, Recorder(**fields))
    app.command("other")(lambda: None)
    built = typer.main.get_command(app)
    assert isinstance(built, typer.core.TyperGroup)
    return built


TYPER = {command.path: _typer_command(command) for command in COMMANDS}


def parse_with_typer(command: Command, arguments: list[str]) -> dict[str, object] | None:
    """Return what typer understood, or None when it refused or did something else (help)."""
    try:
        TYPER[command.path].main(args=[command.path[-1], *arguments], prog_name="x", standalone_mode=False)
    except _CalledError as called:
        return called.values
    except TyperException:
        return None
    return None


WORDS = sorted({flag for command in COMMANDS for option in command.options for flag in option.flags})
VALUES = st.sampled_from(
    ["1", "0", "-1", "007", "x", "", "-", "--", "5m", "a b", "١", "1_0", " 1", "plan.json", "=", "a=b", "~/x", "é"]
)
ATTACHED = st.builds("{}={}".format, st.sampled_from(WORDS), VALUES)
ARGUMENTS = st.lists(
    st.one_of(st.sampled_from(WORDS), VALUES, ATTACHED, st.sampled_from(["-qv", "-h", "--lim"])), max_size=7
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path[-1])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_what_the_fast_parser_understands_typer_understands_equally(command: Command, data: st.DataObject) -> None:
    """Whenever the fast parser takes arguments, typer gives the same value for every option."""
    arguments = data.draw(ARGUMENTS)
    fast = fastpath.parse(command, arguments)
    if fast is not None:
        assert parse_with_typer(command, arguments) == fast


@st.composite
def plain_arguments(draw: st.DrawFn, command: Command) -> list[str]:
    """Return well-formed arguments: what timers and scripts write."""
    found: list[list[str]] = []
    for option in draw(st.lists(st.sampled_from(command.options), unique_by=lambda option: option.name)):
        if not option.flags:
            continue
        flag = draw(st.sampled_from(option.flags))
        if option.kind is bool:
            found.append([flag])
            continue
        for _ in range(draw(st.integers(1, 2)) if option.many else 1):
            value = draw(
                st.sampled_from(["1", "7", "4200"] if option.kind is int else ["a", "/x/y", "http://h:1", "5m"])
            )
            attach = flag.startswith("--") and draw(st.booleans())
            found.append([f"{flag}={value}"] if attach else [flag, value])
    for option in command.options:
        if not option.flags:
            words = ["3", "3", "12"] if option.kind is int else ["plan.json"]
            found += [[word] for word in words[: draw(st.integers(0, 3)) if option.many else 1]]
    return [word for words in draw(st.permutations(found)) for word in words]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path[-1])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_plain_arguments_take_the_fast_path_and_typer_agrees(command: Command, data: st.DataObject) -> None:
    """Well-formed arguments never fall back to typer, and mean the same there."""
    arguments = data.draw(plain_arguments(command))
    fast = fastpath.parse(command, arguments)
    assert fast is not None
    assert parse_with_typer(command, arguments) == fast


@pytest.mark.parametrize(
    ("command", "options"),
    [(RUN, RunOptions), (APPLY, ApplyOptions), (LIST, ListOptions), (IGNORE, BatchOptions), (NEXT, NextOptions)],
    ids=lambda given: given.path[-1] if isinstance(given, Command) else "",
)
def test_the_table_and_the_dataclass_agree(command: Command, options: type) -> None:
    """Every field of the options has its row in the table, with the same default."""
    assert command.make is options
    rows = command.defaults()
    fields = {f.name: f.default for f in dataclasses.fields(options) if f.default is not dataclasses.MISSING}
    assert rows == fields
    assert {option.name for option in command.options} == {field.name for field in dataclasses.fields(options)}


@pytest.mark.parametrize("argv", [[], ["worker"], ["worker", "rum"], ["hub", "run"], ["worker", "run", "--help"]])
def test_everything_else_is_left_to_typer(argv: list[str]) -> None:
    """What is not plainly a hot command is not touched."""
    assert fastpath.find(argv) is None


def test_a_hot_command_is_found_with_its_options() -> None:
    """`worker run --once` is recognised, and what was not said has its default."""
    found = fastpath.find(["worker", "run", "--once", "--limit=5", "--state-dir", "/s"])
    assert found is not None
    command, values = found
    assert RunOptions(**values) == RunOptions(once=True, limit=5, state_dir=Path("/s"))  # type: ignore[arg-type]
    assert command is RUN


@pytest.mark.parametrize(("text", "taken"), [("0", False), ("1", True), ("10000", True), ("10001", False)])
def test_a_number_beyond_its_bounds_is_left_to_typer(text: str, taken: bool) -> None:
    """What is too small or too large is refused by typer, in its words."""
    assert (fastpath.parse(LIST, ["--limit", text]) is not None) == taken


def test_the_options_of_commands_about_one_item_are_fields_of_one_dataclass() -> None:
    """`show`, `assign`, `edit` and `respond` share what carries their options; each has some of its fields."""
    fields = {field.name for field in dataclasses.fields(ItemOptions)}
    assert {option.name for option in RESPOND.options} <= fields


@pytest.mark.parametrize("argv", [["worker", "run", "--once"], ["review", "list"], ["review", "accept", "7"]])
def test_parsing_a_hot_command_loads_no_framework(argv: list[str]) -> None:
    """Neither typer nor anything else heavy is imported to understand a hot command."""
    script = (
        f"import sys; from warden.cli import fastpath, main; assert fastpath.find({argv!r});"
        "heavy = {'typer', 'pydantic', 'httpx', 'rich', 'yaml', 'nacl', 'apscheduler', 'starlette', 'asyncio',"
        " 'logging', 'prometheus_client', 'opentelemetry', 'apprise', 'warden.watch', 'warden.model.watch'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
