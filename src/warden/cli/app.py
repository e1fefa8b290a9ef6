"""The whole command line as a typer application, for everything that the fast path leaves over."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from warden.cli.errors import tell_usage
from warden.cli.framework import lazy_group, new_app
from warden.errors import EXIT_INTERRUPTED

MEMBERS = {
    "init": "warden.cli.init",
    "worker": "warden.cli.worker_app",
    "hub": "warden.cli.hub",
    "intake": "warden.cli.intake",
    "catalog": "warden.cli.catalog",
    "ledger": "warden.cli.ledger",
    "charter": "warden.cli.charter",
    "policy": "warden.cli.policy",
    "guard": "warden.cli.guard",
    "dead": "warden.cli.dead",
    "workload": "warden.cli.workload",
    "capability": "warden.cli.capability",
    "budget": "warden.cli.budget",
    "plan": "warden.cli.plan",
    "review": "warden.cli.review_app",
    "stats": "warden.cli.stats",
    "console": "warden.cli.console",
    "schedule": "warden.cli.schedule",
    "status": "warden.cli.status",
    "notify": "warden.cli.notify",
    "backup": "warden.cli.backup",
    "restore": "warden.cli.restore",
    "doctor": "warden.cli.doctor",
}


def build() -> typer.Typer:
    """Return the application; no command's module is imported yet."""
    app = new_app(
        "Answer an agent's inbox by the charter, leave the rest for a person, and write all of it down.",
        cls=lazy_group(MEMBERS),
        name="warden",
        completion=True,
    )

    @app.callback(invoke_without_command=False)
    def root(
        version: bool = typer.Option(
            False, "--version", is_eager=True, callback=_print_version, help="Print the version and end."
        ),
    ) -> None:
        pass

    return app


def _print_version(value: bool) -> None:
    if value:
        from warden import __version__

        typer.echo(f"warden {__version__}")
        raise typer.Exit(0)


def invoke(argv: Sequence[str]) -> int:
    """Run the command that `argv` names and return its exit status; errors other than of usage come out as they are."""
    command = typer.main.get_command(build())
    try:
        status = command.main(args=list(argv), prog_name="warden", standalone_mode=False)
    except typer.Abort:
        return EXIT_INTERRUPTED
    except TyperException as error:
        return _usage(error, argv)
    return status if isinstance(status, int) else 0


def _usage(error: TyperException, argv: Sequence[str]) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "warden"
    render = getattr(error, "format_message", None)
    message = render() if render is not None else str(error)
    if type(error).__name__ == "NoArgsIsHelpError":  # a group without a command: its help is the answer
        typer.echo(message, err=True)
        return 2
    return tell_usage(message, path, argv)
