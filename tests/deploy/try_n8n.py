"""Import deploy/n8n's workflow into a real n8n, and let it dispatch a workload through a real intake.

Not part of the gate. `python tests/deploy/try_n8n.py N8N`, where N8N is the program of an installed n8n and the interpreter is
that of an environment with warden. All in a throw-away directory and on loopback; every process that is started is ended.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

from warden.testing.runtime import Runtime

WORKFLOW = Path(__file__).parents[2] / "deploy" / "n8n" / "dispatch-workload.json"
WARDEN = Path(sys.executable).with_name("warden")
CREDENTIAL = "wardenIntakeToken"
WAIT_S = 180.0
RULES = """\
version: 1
sets:
  - name: work
    rules:
      - id: triage
        when: {event: dispatch, action: triage, trust: collaborator}
        do: workload
        workload: {action: triage, response_policy: comment}
"""


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_home(home: Path, port: int, token: str) -> dict[str, str]:
    """Write configuration, rules and token; returns the environment in which warden finds them."""
    (home / "triggers.yaml").write_text(RULES)
    (home / "n8n.token").write_text(token)
    (home / "n8n.token").chmod(0o600)
    (home / "config.toml").write_text(
        f'[intake]\nlisten = "127.0.0.1:{port}"\nrules = "triggers.yaml"\n'
        '[workload]\ntrigger_pipe = "trigger.pipe"\nlifecycle_socket = "lifecycle.sock"\n'
        '[api.clients.n8n]\ntoken_file = "n8n.token"\nscopes = ["events", "dispatch", "audit"]\n'
    )
    return {**os.environ, "WARDEN_CONFIG": str(home), "WARDEN_STATE_DIR": str(home / "state")}


def n8n_environment(folder: Path, port: int) -> dict[str, str]:
    """Return an environment in which n8n keeps to itself."""
    quiet = ("DIAGNOSTICS", "VERSION_NOTIFICATIONS", "PERSONALIZATION", "TEMPLATES", "RUNNERS")
    return {
        **os.environ,
        **{f"N8N_{name}_ENABLED": "false" for name in quiet},
        "N8N_USER_FOLDER": str(folder),
        "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_PORT": str(port),
        "N8N_BLOCK_ENV_ACCESS_IN_NODE": "true",
    }


def import_all(n8n: str, folder: Path, environment: dict[str, str], token: str, intake: int) -> None:
    """Import the workflow as it is, then with its credential and the intake's address chosen, as a person would."""
    subprocess.run([n8n, "import:workflow", f"--input={WORKFLOW}"], env=environment, check=True)
    kept = {"id": CREDENTIAL, "name": "warden intake", "type": "httpBearerAuth", "data": {"token": token}}
    (folder / "credential.json").write_text(json.dumps([kept]))
    subprocess.run([n8n, "import:credentials", f"--input={folder / 'credential.json'}"], env=environment, check=True)
    subprocess.run([n8n, "export:workflow", "--all", f"--output={folder / 'all.json'}"], env=environment, check=True)
    (workflow,) = json.loads((folder / "all.json").read_text())
    for node in workflow["nodes"]:
        if "credentials" in node:
            node["credentials"]["httpBearerAuth"]["id"] = CREDENTIAL
        if node["name"] == "Where the intake is":
            node["parameters"]["assignments"]["assignments"][0]["value"] = f"http://127.0.0.1:{intake}"
        if node["name"] == "Wait":
            node["parameters"]["amount"] = 2
    (folder / "chosen.json").write_text(json.dumps([workflow]))
    subprocess.run([n8n, "import:workflow", f"--input={folder / 'chosen.json'}"], env=environment, check=True)
    subprocess.run([n8n, "update:workflow", f"--id={workflow['id']}", "--active=true"], env=environment, check=True)


def wait_until_up(url: str) -> None:
    """Return when the URL answers with 200; raises `TimeoutError`."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=5)
            return
        time.sleep(0.5)
    raise TimeoutError(url)


def ask(url: str, body: object, answers: list[object]) -> None:
    """Send a request whose answer comes when the workflow has ended; n8n answers 404 until it has activated its workflows."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    end = time.monotonic() + WAIT_S
    while not answers and time.monotonic() < end:
        try:
            with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
                answers.append(json.load(answer))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                answers.append(f"{error.code} {error.read()[:1000]!r}")
            time.sleep(1.0)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process of ours."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(15)
    process.kill()
    process.wait()


def main() -> int:
    """Dispatch one workload, let the runtime complete it, and compare what n8n says became of it."""
    n8n, token = sys.argv[1], secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        home, folder = Path(place) / "warden", Path(place) / "n8n"
        home.mkdir(mode=0o700)
        folder.mkdir()
        intake_port, n8n_port = free_port(), free_port()
        environment = write_home(home, intake_port, token)
        others = n8n_environment(folder, n8n_port)
        import_all(n8n, folder, others, token, intake_port)
        runtime = Runtime(home / "trigger.pipe", home / "lifecycle.sock")
        runtime.start()
        stack.callback(runtime.stop)
        for command, variables in (([str(WARDEN), "intake", "serve"], environment), ([n8n, "start"], others)):
            stack.callback(end, subprocess.Popen(command, env=variables))
        wait_until_up(f"http://127.0.0.1:{intake_port}/healthz")
        wait_until_up(f"http://127.0.0.1:{n8n_port}/healthz/readiness")
        asked = {"id": "alert-77", "action": "triage", "repository": "ada/notes", "number": 7, "title": "it broke"}
        answers: list[object] = []
        url = f"http://127.0.0.1:{n8n_port}/webhook/warden-dispatch"
        asking = threading.Thread(target=ask, args=(url, asked, answers), daemon=True)
        asking.start()
        while asking.is_alive():
            time.sleep(1.0)
            subprocess.run([str(WARDEN), "worker", "run", "--execute", "--quiet"], env=environment, check=False)
            for workload in runtime.read():
                runtime.send(runtime.report(workload, "running"))
                runtime.send(runtime.report(workload, "completed"))
        said = answers[0] if answers else None
        print(json.dumps(said))
        found = said[0] if isinstance(said, list) else said
        return 0 if isinstance(found, dict) and found.get("states") == ["completed"] else 1


if __name__ == "__main__":
    sys.exit(main())
