"""From a table of options to a typer command; and groups whose members are imported when they are called."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from warden.cli.options import Command, Option


def new_app(help_text: str, *, completion: bool = False, **more: Any) -> typer.Typer:
    """Return a typer application with the settings that every group of warden shares; `completion` is for the root.

    Plain help instead of rich's: it is several times quicker to print and the same on every terminal. Tracebacks are
    never prettified, because a pretty one shows the values of local variables.
    """
    return typer.Typer(
        help=help_text,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        add_completion=completion,
        context_settings={"help_option_names": ["--help", "-h"]},
        **more,
    )


def add_command(app: typer.Typer, command: Command) -> None:
    """Add the command that a table of options describes."""
    app.command(command.path[-1], help=command.help)(_function(command))


def _function(command: Command) -> Callable[..., int]:
    def invoke(**values: object) -> int:
        return command.call(values)

    parameters = [_parameter(option) for option in command.options]
    invoke.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    invoke.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    invoke.__name__ = "_".join(command.path)
    return invoke


def _parameter(option: Option) -> inspect.Parameter:
    shared: dict[str, Any] = {"help": option.help, "metavar": option.metavar or None}
    if option.kind is int:
        shared |= {"min": option.low, "max": option.high}
    if option.kind is bool:
        info: Any = typer.Option(option.default, *option.flags, help=option.help)
    elif option.flags:
        info = typer.Option(option.default, *option.flags, show_default=option.default is not None, **shared)
    else:
        info = typer.Argument(None if option.many else ..., **shared)
    kind: Any = list[option.kind] if option.many else option.kind  # type: ignore[name-defined]
    required = not option.flags and not option.many
    annotation = kind if option.default is not None or required else kind | None
    return inspect.Parameter(option.name, inspect.Parameter.KEYWORD_ONLY, default=info, annotation=annotation)


def lazy_group(members: Mapping[str, str]) -> type[TyperGroup]:
    """Return a group class whose members, a name and the module that holds its `app`, are imported when needed."""

    class LazyGroup(TyperGroup):
        """A group that knows its members' names and imports one only when it is asked for."""

        def list_commands(self, ctx: Any) -> list[str]:
            return [*members, *(name for name in self.commands if name not in members)]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            if cmd_name in members and cmd_name not in self.commands:
                found = typer.main.get_command(import_module(members[cmd_name]).app)
                found.name = cmd_name
                self.commands[cmd_name] = found
            return super().get_command(ctx, cmd_name)

        def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
            names = self.list_commands(ctx)
            if args and args[0] not in names and not args[0].startswith("-"):
                near = difflib.get_close_matches(args[0], names, n=1)
                ctx.fail(f"no such command `{args[0]}`" + (f"; did you mean `{near[0]}`?" if near else ""))
            return super().resolve_command(ctx, args)

    return LazyGroup
