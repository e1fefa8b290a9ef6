"""Write the generated pages of docs/reference, or check that they are fresh: `python docs/generate.py [--check]`."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import typer

sys.path.insert(0, str(Path(__file__).parents[1]))

from docs.guard_page import page as guard_page
from docs.policy_page import policy_page
from docs.schemas import all_schemas

from warden import errors
from warden.cli.app import build
from warden.config.schema import KEYS
from warden.errors import WardenError
from warden.schedule.units import (
    Placement,
    cron_table,
    kubernetes_job,
    kubernetes_worker,
    systemd_intake,
    systemd_units,
    systemd_worker,
)
from warden.watch.metrics import SPECS

REFERENCE = Path(__file__).parent / "reference"
DEPLOY = Path(__file__).parents[1] / "deploy"
NOTE = "<!-- Written by docs/generate.py; change the source and run `make docs`. -->\n\n"
WIDTH = 100


def command_page() -> str:
    """Return the page of all commands: the help of each, as it is printed."""
    root = typer.main.get_command(build())
    parts = [NOTE, "# Commands\n\n", "Every command takes `--help`. Data goes to stdout, talk to stderr.\n"]
    for path, command in walk("warden", root):
        context = command.make_context(path, [], resilient_parsing=True, terminal_width=WIDTH, max_content_width=WIDTH)
        help_text = command.get_help(context)
        parts.append(f"\n## `{path}`\n\n```text\n{help_text.strip()}\n```\n")
    return "".join(parts)


def walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Return every command below `command` with the words that call it, groups before their members."""
    yield path, command
    if hasattr(command, "list_commands"):
        context = command.make_context(path, [], resilient_parsing=True)
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            if member is not None and not member.hidden:
                yield from walk(f"{path} {name}", member)


MEANINGS: Mapping[str, str] = {
    "EXIT_DONE": "done",
    "EXIT_FAILED": "failed; also: whoever read our output went away before its end",
    "EXIT_USAGE": "the command line, or a file that was handed in, cannot be used",
    "EXIT_PARTIAL": "partial: some messages failed, some items of a plan were stale, or the inbox is blocked; "
    "the others were handled",
    "EXIT_REFUSED": "refused: the charter, a required signature, a gate or a plan's origin does not hold",
    "EXIT_FOUND": "with `--detailed-exitcode` only: done, and something was found or waits for a person",
    "EXIT_LEDGER": "the ledger does not verify; nothing is executed until it is repaired",
    "EXIT_CREDENTIAL": "hub or model refused our credential",
    "EXIT_NOT_CONFIGURED": "not configured, or the configuration does not hold",
    "EXIT_LOCKED": "another cycle holds the lock",
    "EXIT_INTERRUPTED": "interrupted (SIGINT); what was in flight is in the outbox",
    "EXIT_TERMINATED": "terminated (SIGTERM); what was in flight is in the outbox",
}


def exit_page() -> str:
    """Return the page of exit statuses and of the errors that lead to each."""
    statuses = {name: getattr(errors, name) for name in vars(errors) if name.startswith("EXIT_")}
    if set(statuses) != set(MEANINGS):
        raise SystemExit(f"exit statuses without a meaning here: {sorted(set(statuses) ^ set(MEANINGS))}")
    rows = [f"| {status} | {MEANINGS[name]} |" for name, status in sorted(statuses.items(), key=lambda item: item[1])]
    codes = [
        f"| `{one.code}` | {one.exit_status} | {' '.join(first_sentence(one).split())} |"
        for one in sorted(error_classes(), key=lambda one: (one.exit_status, one.code))
    ]
    codes.append("| `unexpected` | 1 | An error that nobody foresaw: it is named by its type and place only. |")
    return (
        f"{NOTE}# Exit statuses and error codes\n\n| status | meaning |\n|---:|---|\n" + "\n".join(rows) + "\n\n"
        "An error is one line on stderr, `error: ...`, and mostly a second one, `hint: ...`, that says what to do next. "
        "With `--json` it is one JSON line on stderr instead, and stdout stays empty or unfinished:\n\n"
        "```json\n"
        '{"schema": "warden.error/1", "code": "usage", "message": "...", "hint": "...", "exit_status": 2}\n'
        "```\n\n| code | status | meaning |\n|---|---:|---|\n" + "\n".join(codes) + "\n"
    )


def error_classes() -> list[type[WardenError]]:
    """Return every error class of `warden.errors`, one for each code."""
    found = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, WardenError)]
    return list({one.code: one for one in reversed(found)}.values())


def first_sentence(one: type[WardenError]) -> str:
    """Return what the class says of itself, up to the first full stop or colon that ends a clause."""
    return (one.__doc__ or "").split("\n\n")[0].replace("|", "\\|").strip()


def metrics_page() -> str:
    """Return the page of the metrics."""
    rows = [
        f"| `{spec.name}` | {spec.kind} | {', '.join(f'`{label}`' for label in ('agent', *spec.labels))} | {spec.help} |\n"
        for spec in SPECS
    ]
    return (
        f"{NOTE}# Metrics\n\n"
        "Written to `metrics.textfile` after each pass that executes or that a schedule makes, and served at `/metrics` by a "
        "long-running worker with `metrics.listen`. Counters are counted from the ledger: a restart, a second process and a "
        "rebuild of the tables do not change them; a new log (`warden ledger repair`) begins at 0. No label holds a sender, a "
        "thread or a message.\n\n"
        "| name | type | labels | meaning |\n|---|---|---|---|\n" + "".join(rows)
    )


def config_page() -> str:
    """Return the page of config.toml."""
    parts = [
        NOTE,
        "# config.toml\n\n",
        "Read from `$XDG_CONFIG_HOME/ops-warden/config.toml` (`~/.config/...` when unset), or from where `--config` or "
        "`WARDEN_CONFIG` point. Without a file everything has its default, and the embedded hub is used. A key that is "
        "not listed here is refused; a relative path is taken from the file's directory.\n\n"
        "A credential's value is never written here: `*_file` names a file of mode 600, `*_command` an argument list "
        "that is run without a shell, `*_variable` an environment variable.\n",
    ]
    table = None
    for key in sorted(KEYS, key=lambda key: key.table):
        if key.table != table:
            table = key.table
            parts.append(
                f"\n## {f'[{table}]' if table else 'Top level'}\n\n| key | kind | default | meaning |\n|---|---|---|---|\n"
            )
        bounds = f" {key.low:g} to {key.high:g}" if key.high else ""
        parts.append(f"| `{key.name.rpartition('.')[2]}` | {key.kind}{bounds} | {key.shown} | {key.help} |\n")
    parts.append("\n## Environment\n\n| variable | meaning |\n|---|---|\n")
    parts += [f"| `{name}` | {meaning} |\n" for name, meaning in VARIABLES]
    return "".join(parts)


VARIABLES = (
    ("WARDEN_CONFIG", "configuration file or its directory; `--config` wins"),
    ("WARDEN_STATE_DIR", "state directory; `--state-dir` wins, config.toml loses"),
    (
        "XDG_CONFIG_HOME, XDG_STATE_HOME",
        "where `ops-warden/` lies when nothing else is said; relative values count as unset",
    ),
    ("LLM_CONNECT_URL", "base URL of llm-connect; alone it configures `model.provider` and `model.url`, the file wins"),
    ("NO_COLOR", "when not empty, nothing is coloured"),
    ("WARDEN_DEBUG", "when neither empty nor `0`, an unforeseen error prints its traceback"),
)


def schema_files() -> Mapping[str, Callable[[], str]]:
    """Return what makes each schema's file: one for each document that is printed or saved."""
    return {
        f"{name}.schema.json": partial("{}\n".format, json.dumps(one, indent=2)) for name, one in all_schemas().items()
    }


PAGES: Mapping[str, Callable[[], str]] = {
    "cli.md": command_page,
    "exit-codes.md": exit_page,
    "metrics.md": metrics_page,
    "config.md": config_page,
    "policy.md": policy_page,
    "guard.md": guard_page,
}


def deploy_files() -> Mapping[str, Callable[[], str]]:
    """Return what makes each generated file under deploy/: what `warden schedule install` prints, at the usual places."""
    usual = Placement()
    units = {**systemd_units(usual), **systemd_worker(usual), **systemd_intake(usual)}
    found: dict[str, Callable[[], str]] = {f"systemd/{name}": partial(str, text) for name, text in units.items()}
    found["cron/ops-warden"] = partial(cron_table, usual)
    found["kubernetes/cronjob.yaml"] = partial(kubernetes_job, usual)
    found["kubernetes/deployment.yaml"] = partial(kubernetes_worker, usual)
    return found


def main() -> int:
    """Write the pages, or with --check say how they differ; returns 1 when one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a page is stale")
    check = parser.parse_args().check
    stale = 0
    files = {REFERENCE / name: make for name, make in {**PAGES, **schema_files()}.items()}
    files |= {DEPLOY / name: make for name, make in deploy_files().items()}
    for path, make in files.items():
        text = make()
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if before == text:
            continue
        stale += 1
        if check:
            lines = difflib.unified_diff(before.splitlines(True), text.splitlines(True), str(path), "generated")
            sys.stderr.writelines(lines)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    if check and stale:
        print(f"error: {stale} generated pages are stale\nhint: run `make docs`", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
