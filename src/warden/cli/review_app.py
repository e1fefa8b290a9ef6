"""`warden review ...` for typer: built from the same tables as the fast path; without a command, single keys."""

from __future__ import annotations

import sys
from functools import partial

import typer

from warden.cli.flags import AgentFlag, ConfigFlag, NoInputFlag, StateDirFlag
from warden.cli.framework import add_command, new_app
from warden.cli.review_options import COMMANDS
from warden.errors import UsageError

app = new_app("What waits for a person: look, accept, edit, respond, ignore; without a command, one after the other.")
app.info.no_args_is_help = False


@app.callback(invoke_without_command=True)
def review(
    context: typer.Context,
    agent: AgentFlag = None,
    no_input: NoInputFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """Decide one item after the other with single keys, on a terminal."""
    called = context.invoked_subcommand
    if called is not None:
        _refuse_lost_options(called, {"--agent": agent, "--config": config, "--state-dir": state_dir})
        return
    if no_input or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "deciding with single keys takes a terminal", "use `warden review list` and `accept`, `ignore`, ..."
        )
    from warden.cli.compose import load_settings
    from warden.cli.review import tell_delivery
    from warden.cli.review_keys import decide_all
    from warden.cli.review_parts import deliver, session

    if decide_all(partial(session, config, state_dir, agent)):
        tell_delivery(deliver(load_settings(config, state_dir, agent=agent)) is not None)


def _refuse_lost_options(called: str, given: dict[str, object]) -> None:
    """Refuse an option before the command, where it would be lost: a decision must not go to another queue than was named."""
    for flag, value in given.items():
        if value is not None:
            raise UsageError(
                f"{flag} stands before `{called}`", f"put it behind: `warden review {called} ... {flag} ...`"
            )


for command in COMMANDS:
    add_command(app, command)
