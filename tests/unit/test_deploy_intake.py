"""What deploy/ has for events and workloads: a workflow of n8n, and a NixOS module."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from warden.cli.app import invoke
from warden.config.schema import BY_NAME
from warden.config.workload import SCOPES
from warden.server.intake.api_document import OPERATIONS

DEPLOY = Path(__file__).parents[2] / "deploy"
WORKFLOW: dict[str, Any] = json.loads((DEPLOY / "n8n" / "dispatch-workload.json").read_text())
MODULE = (DEPLOY / "nix" / "intake.nix").read_text()
OPTIONS = ("enable", "listenAddr", "dbPath", "tokenFile", "triggerPipe", "lifecycleSocket", "after", "requires")


def test_every_connection_of_the_workflow_joins_two_of_its_nodes() -> None:
    """The workflow is whole: it can be imported and run."""
    names = [node["name"] for node in WORKFLOW["nodes"]]
    assert len(set(names)) == len(names)
    assert len({node["id"] for node in WORKFLOW["nodes"]}) == len(names)
    reached = {"Something happened"}
    for source, outputs in WORKFLOW["connections"].items():
        assert source in names
        for target in (target for output in outputs["main"] for target in output):
            assert target["node"] in names
            reached.add(target["node"])
    assert reached == set(names)


def test_the_workflow_calls_operations_that_there_are() -> None:
    """Each request is one of the API's, with a key where one is needed, and with no token in the file."""
    known = {(one.method, re.sub(r"\{[a-z_]+\}", "X", one.path)): one for one in OPERATIONS}
    requests = [node for node in WORKFLOW["nodes"] if node["type"] == "n8n-nodes-base.httpRequest"]
    assert len(requests) == 2
    for node in requests:
        parameters = node["parameters"]
        path = re.sub(r"\{\{[^}]*\}\}", "X", parameters["url"].partition("}}")[2])
        operation = known[parameters["method"], path]
        headers = {one["name"] for one in parameters.get("headerParameters", {"parameters": []})["parameters"]}
        assert ("Idempotency-Key" in headers) is operation.keyed
        assert parameters["genericAuthType"] == "httpBearerAuth"
        assert node["credentials"]["httpBearerAuth"]["id"] == ""


def test_the_workflow_reads_fields_that_a_timeline_has() -> None:
    """What it looks at in an answer is what is answered."""
    text = json.dumps(WORKFLOW)
    for field in ("event_id", "tasks", "done_at", "workloads", "ended", "answers", "state"):
        assert field in text
        assert f'"{field}"' in (Path(__file__).parents[2] / "src/warden/server/intake/trails.py").read_text()


@pytest.mark.parametrize("option", OPTIONS)
def test_the_module_has_the_option_and_uses_it(option: str) -> None:
    """Each option is declared and has an effect."""
    declared = re.findall(r"^    ([a-zA-Z]+) = lib\.mk(?:Option|EnableOption)", MODULE, re.MULTILINE)
    assert option in declared
    assert f"cfg.{option}" in MODULE


def test_the_module_writes_keys_that_warden_knows() -> None:
    """The tables that the module makes have keys of the schema, and its scopes are scopes."""
    for name in ("intake.listen", "intake.rules", "workload.trigger_pipe", "workload.lifecycle_socket", "api.clients"):
        assert name in BY_NAME
        assert name.rpartition(".")[2] in MODULE
    (scopes,) = re.findall(r"lib\.types\.enum \[([^]]*)\]", MODULE)
    assert tuple(re.findall(r'"([a-z]+)"', scopes)) == SCOPES


def test_the_modules_commands_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """Both services run commands that there are."""
    commands = re.findall(r'"warden"\) ([^\]]*)\]', MODULE.replace("\n", " "))
    lines = [shlex.split(found) for found in commands]
    assert [line[:2] for line in lines] == [["intake", "serve"], ["worker", "run"]]
    for line in lines:
        assert invoke([*line, "--help"]) == 0
        shown = capsys.readouterr().out
        assert all(word in shown for word in line if word.startswith("--"))
