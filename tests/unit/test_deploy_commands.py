"""Every command line under deploy/ is one that warden takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from warden.cli.app import invoke

DEPLOY = Path(__file__).parents[2] / "deploy"


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Yield each command under deploy/ with the file it stands in, without the program's name."""
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        for line in re.findall(r"^ExecStart=\S+/warden (.*)$", path.read_text(), re.MULTILINE):
            yield path.name, shlex.split(line)
    cron = (DEPLOY / "cron" / "ops-warden").read_text()
    for line in re.findall(r"^[*/0-9 ]+ \S+/warden (.*)$", cron, re.MULTILINE):
        yield "cron", shlex.split(line)
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for found in yaml.safe_load_all(path.read_text()):
            yield from ((path.name, words) for words in _container_commands(found))
    for name, service in yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())["services"].items():
        yield f"compose {name}", [str(word) for word in service["command"]]
        if service["healthcheck"]["test"][1] == "warden":
            yield f"compose {name}, health", service["healthcheck"]["test"][2:]
    for line in re.findall(r"^CMD (\[.*\])$", (DEPLOY / "container" / "Containerfile").read_text(), re.MULTILINE):
        yield "Containerfile", yaml.safe_load(line)


def _container_commands(found: object) -> Iterator[list[str]]:
    if isinstance(found, dict):
        if "args" in found:
            yield [str(word) for word in found["args"]]
        if isinstance(found.get("exec"), dict):
            yield [str(word) for word in found["exec"]["command"]][1:]
        for value in found.values():
            yield from _container_commands(value)
    elif isinstance(found, list):
        for value in found:
            yield from _container_commands(value)


LINES = list(command_lines())


def test_commands_are_found_in_every_place() -> None:
    """Units, cron, Kubernetes, compose and the image each call warden."""
    assert {where for where, _ in LINES} >= {
        "warden.service",
        "warden-worker.service",
        "cron",
        "cronjob.yaml",
        "deployment.yaml",
        "compose hub",
        "compose worker",
        "compose worker, health",
        "Containerfile",
    }


@pytest.mark.parametrize(("where", "words"), LINES, ids=[where for where, _ in LINES])
def test_a_command_line_of_a_deployment_is_accepted(where: str, words: list[str]) -> None:
    """Every option and argument exists: with `--help` at its end the line parses and prints its help."""
    assert invoke([*words, "--help"]) == 0
