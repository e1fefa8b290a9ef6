"""`warden init`: makes what a first run would need, keeps what is there, and says what to do next."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from warden.cli import compose
from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json
from warden.cli.render import visible
from warden.config.schema import KEYS, Key
from warden.config.settings import Settings
from warden.errors import EXIT_DONE

SCHEMA = "warden.init/1"
MADE, KEPT = "made", "kept"
NEXT = (
    "`warden doctor` looks at everything that a run needs",
    "`warden worker run` shows what would be done with the inbox, and does nothing",
    "`warden worker run --execute` does it",
)
_SHOWN = frozenset({"integer", "seconds", "flag"})
_EXAMPLES = {
    "agent": '"ops-warden"',
    "brain": '"rule"',
    "catalog": '"catalog.yaml"',
    "state_dir": '"/var/lib/ops-warden"',
    "hub.url": '"https://hub.example"',
    "hub.profile": '"default"',
    "hub.id": '"hub.example"',
    "hub.token_file": '"hub.token"',
    "hub.token_command": '["pass", "show", "hub"]',
    "hub.token_variable": '"HUB_TOKEN"',
    "policy.dir": '"policies"',
    "schedule.every": '"5m"',
    "schedule.cron": '"*/5 * * * *"',
    "schedule.timezone": '"Europe/Berlin"',
    "schedule.quiet_hours": '["22:00-06:00", "sat,sun 00:00-24:00"]',
    "log.level": '"info"',
    "metrics.listen": '"127.0.0.1:9464"',
    "metrics.textfile": '"/var/lib/node_exporter/textfile/warden.prom"',
    "trace.endpoint": '"http://127.0.0.1:4318"',
    "notify.webhook_url": '"https://alerts.example/warden"',
    "notify.webhook_secret_file": '"webhook.secret"',
    "notify.webhook_secret_command": '["pass", "show", "webhook"]',
    "notify.webhook_secret_variable": '"WEBHOOK_SECRET"',
    "notify.remind_after": '"4h"',
    "notify.quiet_hours": '["22:00-06:00"]',
    "notify.urgent": '["ledger-damaged", "gate-drift"]',
    "review.approval_expiry": '"3d"',
    "review.raise_after": '"1d"',
    "review.owner": '"ada"',
    "review.owners": '{ "messaging.reply" = "ada" }',
    "review.people": "{ ada = { uid = 1000 } }",
    "intake.listen": '"127.0.0.1:8790"',
    "intake.sources": '{ forge = { kind = "gitea", key_file = "forge.key" } }',
    "model.provider": '"openai"',
    "model.url": '"http://127.0.0.1:8080/v1"',
    "model.name": '"qwen2.5"',
    "model.prices": '{ "qwen2.5" = { prompt = 0.15, completion = 0.60 } }',
    "workload.grants": '{ triage = { actions = ["triage"], hook = "gitea", operations = ["issue.read"] } }',
    "api.clients": '{ n8n = { token_file = "n8n.token", scopes = ["events"] } }',
    "console.public_url": '"https://warden.example"',
    "schedule.blackouts": '["2026-12-24T18:00/2026-12-27T08:00"]',
}
_BY_KIND = {
    "paths": '["key.pub"]',
    "path": '"file"',
    "command": '["program", "argument"]',
    "texts": '["word"]',
    "amount": "1.5",
}

app = new_app("Make configuration, state and keys where there are none.")


class Step(NamedTuple):
    """One thing that is there now: `result` is `made` or `kept`."""

    name: str
    result: str
    place: Path

    @property
    def text(self) -> str:
        """The step as a line."""
        return f"{self.result}  {self.name:<12} {visible(str(self.place))}\n"


@app.command()
def init(as_json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None) -> int:
    """Make config.toml, state directory and ledger with its key where there are none; nothing that is there is changed.

    Everything works without it: a first run makes state and keys itself. It is for looking at the settings before, and
    for finding out what does not work before the first message does.
    """
    steps = list(prepare(config, state_dir))
    if as_json:
        rows = [{"name": step.name, "result": step.result, "path": str(step.place)} for step in steps]
        print_json({"schema": SCHEMA, "steps": rows, "next": list(NEXT)})
        return EXIT_DONE
    for step in steps:
        sys.stdout.write(step.text)
    for advice in NEXT:
        sys.stdout.write(f"next: {advice}\n")
    return EXIT_DONE


def prepare(config: Path | None, state_dir: Path | None) -> Iterator[Step]:
    """Make what is missing, and yield each thing once it is there.

    Raises `ConfigError` when a configuration that is there does not hold or names a scanner that is not installed,
    `StateError` when a file cannot be made, and `LedgerError` when a ledger that is there does not hold together.
    """
    from warden.config.load import config_place

    file = config_place(config)
    yield _make_config(file)
    settings = compose.load_settings(config=file, state_dir=state_dir)
    second = compose.build_second_opinion(settings)
    yield _make_state(settings)
    yield from _make_ledger(settings)
    if second is not None:
        was_there = settings.scanner_cache_dir.exists()
        second.prewarm()
        yield Step("kingfisher", KEPT if was_there else MADE, settings.scanner_cache_dir)


def config_template() -> str:
    """Return a config.toml in which every key stands with its meaning, as a comment: it changes nothing."""
    parts = [
        "# The configuration of warden. Every key is optional, and each line below is a comment: take away the first `# `\n"
        "# of a line to set its key. The values of credentials never stand here, only where they come from.\n"
    ]
    table = ""
    for key in sorted(KEYS, key=lambda key: key.table):
        if key.table != table:
            table = key.table
            parts.append(f"\n[{table}]\n")
        parts.append(f"\n# {key.help} (default: {key.shown})\n# {key.name.rpartition('.')[2]} = {_example(key)}\n")
    return "".join(parts)


def _example(key: Key) -> str:
    if key.kind in _SHOWN:
        return key.shown if key.shown[:1].isdigit() or key.kind == "flag" else f"{max(key.low, 1):g}"
    return _EXAMPLES.get(key.name) or _BY_KIND.get(key.kind, '"text"')


def _make_config(file: Path) -> Step:
    from warden.store.durable import create_file, make_directory

    if file.exists():
        return Step("config", KEPT, file)
    make_directory(file.parent)
    return Step("config", MADE if create_file(file, config_template().encode()) else KEPT, file)


def _make_state(settings: Settings) -> Step:
    from warden.config.state import ensure_private_dir

    result = KEPT if settings.state_dir.is_dir() else MADE
    return Step("state", result, ensure_private_dir(settings.state_dir))


def _make_ledger(settings: Settings) -> Iterator[Step]:
    """Make the ledger and its key; a ledger that is there is opened, so that what is wrong with it comes out now."""
    files = compose.ledger_files(settings)
    keys = files.keys
    had_key, had_ledger = keys.key.exists(), files.exists()
    compose.open_ledger(settings).close()
    yield Step("ledger key", KEPT if had_key else MADE, keys.key)
    yield Step("ledger", KEPT if had_ledger else MADE, files.database)
