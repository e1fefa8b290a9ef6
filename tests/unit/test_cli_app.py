"""The command line as a whole: every command explains itself, nothing is loaded for another command, shells complete."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer

from warden.cli.app import MEMBERS, build

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAVY = (
    "typer",
    "pydantic",
    "httpx",
    "httpcore",
    "rich",
    "yaml",
    "starlette",
    "uvicorn",
    "httptools",
    "asyncio",
    "apscheduler",
)


def walk(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return every command below `command`, with the words that call it."""
    yield path, command
    if hasattr(command, "list_commands"):
        context = command.make_context("warden", [], resilient_parsing=True)
        for name in command.list_commands(context):
            yield from walk((*path, name), command.get_command(context, name))


COMMANDS = list(walk((), typer.main.get_command(build())))


def test_every_command_and_option_has_a_help_text() -> None:
    """Help that is not there is found here, not by a person at night."""
    silent = [path for path, command in COMMANDS if not command.help]
    silent += [
        (*path, parameter.name)
        for path, command in COMMANDS
        for parameter in command.params
        if not getattr(parameter, "help", None) and parameter.name != "help"
    ]
    assert silent == []


def test_one_option_has_one_meaning_in_all_commands() -> None:
    """`--json`, `--state-dir` and the other shared options say the same wherever they appear."""
    said: dict[str, set[str]] = {}
    for _, command in COMMANDS:
        for parameter in command.params:
            for flag in ("--config", "--state-dir", "--quiet", "--verbose", "--no-input"):
                if flag in parameter.opts:
                    said.setdefault(flag, set()).add(parameter.help)
    assert {flag: texts for flag, texts in said.items() if len(texts) > 1} == {}


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_calling_one_command_loads_no_other(name: str) -> None:
    """A command pays for its own imports, and its help needs no adapter and no network library."""
    script = (
        "import json, sys, io; from warden.cli.main import run; sys.stdout = io.StringIO();"
        f"run([{name!r}, '--help']); sys.stdout = sys.__stdout__; print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(json.loads(done.stdout))
    others = {module for other, module in MEMBERS.items() if other != name}
    assert loaded & others == set()
    assert loaded & {"httpx", "httpcore", "starlette", "uvicorn", "pydantic", "apscheduler"} == set()


@pytest.mark.parametrize("mode", ["--execute", "--dry-run", "--scheduled --every 5m"])
def test_an_idle_run_loads_nothing_heavy(tmp_path: Any, mode: str) -> None:
    """A pass over an empty inbox of the embedded hub, in each mode, imports no framework, client or renderer."""
    script = (
        "import json, sys, io; from warden.cli.main import run; sys.stdout = io.StringIO();"
        f"status = run(['worker', 'run', '--once', *{mode.split()!r}, '--json', '--state-dir', {str(tmp_path / 's')!r}]);"
        "sys.stdout = sys.__stdout__; print(json.dumps([status, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    status, loaded = json.loads(done.stdout)
    assert status == 0
    assert sorted(set(loaded) & set(HEAVY)) == []


def test_an_idle_run_with_a_model_loads_no_model(tmp_path: Any) -> None:
    """With a model configured, a pass over an empty inbox asks nobody: neither client, nor prompt, nor budget is imported."""
    (tmp_path / "config.toml").write_text("brain = 'auto'\n[model]\nprovider = 'openai'\nname = 'm'\n")
    script = (
        "import json, sys, io; from warden.cli.main import run; sys.stdout = io.StringIO();"
        f"status = run(['worker', 'run', '--json', '--config', {str(tmp_path)!r}, '--state-dir', {str(tmp_path / 's')!r}]);"
        "sys.stdout = sys.__stdout__; print(json.dumps([status, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    status, loaded = json.loads(done.stdout)
    assert status == 0
    asking = {"warden.brains.llm.brain", "warden.brains.llm.client", "warden.engine.consulting", "warden.model.budget"}
    assert sorted(set(loaded) & (set(HEAVY) | asking)) == []


def test_a_shell_completes_commands() -> None:
    """Bash asks for what begins with `worke`, and is told `worker`."""
    environment = {**os.environ, "_WARDEN_COMPLETE": "complete_bash", "COMP_WORDS": "warden worke", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "warden"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["worker"]
