"""`warden notify`: try whether notifications arrive."""

from __future__ import annotations

import os
import sys

from warden.cli import compose
from warden.cli.flags import AgentFlag, ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.notifying import build_target, check_targets, target_names
from warden.cli.output import print_json
from warden.errors import EXIT_DONE, EXIT_FAILED, ConfigError, NotifyError
from warden.model.watch import Condition
from warden.watch.notices import Notice, Notification

SCHEMA = "warden.notify/1"
app = new_app("Tell people of what waits for them.")


@app.callback()
def group() -> None:
    """Keep this a group of commands."""


@app.command("test")
def send_test(
    agent: AgentFlag = None,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Send a notification to every configured target, and say of each whether it took it; exit 1 when one did not."""
    settings = compose.load_settings(config, state_dir, agent=agent)
    names = target_names(settings.observe.notify) if settings.observe else ()
    if not names:
        raise ConfigError("nobody is notified", "name a target under [notify] in config.toml")
    clock = compose.build_clock()
    found = []
    for name in names:
        condition = Condition("test", "", "test")
        notification = Notification(
            f"ntf_test{os.urandom(12).hex()}", settings.agent, (Notice(condition),), clock.now()
        )
        try:
            build_target(settings, name, clock).send(notification)
            found.append({"target": name, "taken": True, "error": ""})
        except (NotifyError, ConfigError) as error:
            found.append({"target": name, "taken": False, "error": error.message})
    if as_json:
        print_json({"schema": SCHEMA, "targets": found})
    else:
        for one in found:
            sys.stdout.write(f"{one['target']}: {'taken' if one['taken'] else one['error']}\n")
    return EXIT_DONE if all(one["taken"] for one in found) else EXIT_FAILED


@app.command()
def check(agent: AgentFlag = None, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> int:
    """Look whether every configured target can be used, and send nothing."""
    check_targets(compose.load_settings(config, state_dir, agent=agent))
    sys.stdout.write("every target can be used\n")
    return EXIT_DONE
