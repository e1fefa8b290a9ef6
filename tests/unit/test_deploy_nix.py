"""The NixOS modules of deploy/, evaluated by Nix with a small stand-in for nixpkgs (tests/deploy/evaluate.nix)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from warden.cli.app import invoke
from warden.config.schema import BY_NAME

ROOT = Path(__file__).parents[2]
NIX = ROOT / "deploy" / "nix"
PACKAGE = '{ outPath = "/nix/store/warden"; }'
Evaluate = Callable[[str, str, str], Any]

pytestmark = pytest.mark.skipif(shutil.which("nix-instantiate") is None, reason="Nix is not installed")


def run_nix(directory: Path, module: str, service: str, user: str) -> subprocess.CompletedProcess[str]:
    """Evaluate a module for an operator's settings; everything that Nix writes lies in the directory."""
    expression = (
        f"import {ROOT}/tests/deploy/evaluate.nix {{ module = {NIX}/{module}; service = {json.dumps(service)}; "
    )
    command = ["nix-instantiate", "--eval", "--strict", "--json", "--expr", expression + f"user = {{ {user} }}; }}"]
    places = {"NIX_STATE_DIR": str(directory), "NIX_STORE_DIR": str(directory / "store"), "HOME": str(directory)}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin:/usr/local/bin", **places}
    )


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """Return what gives options and configuration of a module."""

    def read(module: str, service: str, user: str) -> Any:
        done = run_nix(tmp_path, module, service, user)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


def directives(name: str, section: str) -> dict[str, list[str]]:
    """Return what one section of a unit under deploy/systemd says."""
    found: dict[str, list[str]] = {}
    text = (ROOT / "deploy" / "systemd" / name).read_text()
    for line in text.partition(f"[{section}]\n")[2].partition("\n[")[0].splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def to_directive(key: str, value: Any) -> list[str]:
    """Return a value as systemd reads it; what stands in one line there may be a list here."""
    if isinstance(value, bool):
        return ["yes" if value and key != "Persistent" else str(value).lower()]
    words = [str(one) for one in value] if isinstance(value, list) else [str(value)]
    return words if key == "SystemCallFilter" else [" ".join(words)]


def flat(table: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the dotted names of a configuration's keys."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}"


def test_the_module_says_what_the_unit_says(evaluate: Evaluate) -> None:
    """Every directive of warden.service and warden.timer, but for the places, which are Nix's own."""
    found = evaluate("module.nix", "ops-warden", f"enable = true; package = {PACKAGE};")["config"]["systemd"]
    service = found["services"]["ops-warden"]
    said = {key: to_directive(key, value) for key, value in service["serviceConfig"].items()}
    wanted = directives("warden.service", "Service")
    assert said.pop("ExecStart")[0].partition("/bin/")[2] == wanted.pop("ExecStart")[0].partition("/bin/")[2]
    assert said.pop("DynamicUser") == ["yes"]
    assert said.pop("LoadCredential") == [""]
    for key in ("User", "Group", "Environment", "KillSignal"):
        wanted.pop(key)
    assert said == wanted
    timer = {key: to_directive(key, value) for key, value in found["timers"]["ops-warden"]["timerConfig"].items()}
    assert timer == directives("warden.timer", "Timer")


def test_settings_and_credentials_reach_the_service(evaluate: Evaluate) -> None:
    """config.toml is what was set; a credential is a name and a file, and its value stands nowhere."""
    user = (
        f'enable = true; package = {PACKAGE}; agent = "bob"; interval = "1h"; onCalendar = "hourly"; '
        'settings.hub.url = "https://hub.example"; credentials."hub.token" = "/run/keys/hub.token";'
    )
    found = evaluate("module.nix", "ops-warden", user)["config"]["systemd"]
    service = found["services"]["ops-warden"]
    assert service["environment"]["WARDEN_CONFIG"] == {"hub": {"url": "https://hub.example"}}
    assert service["serviceConfig"]["LoadCredential"] == ["hub.token:/run/keys/hub.token"]
    assert service["serviceConfig"]["ExecStart"].endswith("--every 1h --quiet --agent bob")
    assert found["timers"]["ops-warden"]["timerConfig"]["OnCalendar"] == "hourly"


def test_the_intake_has_the_options_that_were_asked_for(evaluate: Evaluate) -> None:
    """Its configuration has keys that warden knows, its services may write where they must, and their commands are taken."""
    user = (
        f'enable = true; package = {PACKAGE}; listenAddr = "127.0.0.1:9000"; dbPath = "/var/lib/x/intake.db"; '
        'tokenFile = "/run/keys/api.token"; triggerPipe = "/run/crow/trigger.pipe"; requires = [ "crow.service" ]; '
        'lifecycleSocket = "/run/crow/lifecycle.sock"; after = [ "crow.service" ]; rules = "/etc/triggers.yaml";'
    )
    found = evaluate("intake.nix", "ops-warden-intake", user)
    assert set(found["options"]) >= {"enable", "listenAddr", "dbPath", "tokenFile", "triggerPipe", "lifecycleSocket"}
    services = found["config"]["systemd"]["services"]
    assert set(services) == {"ops-warden-intake", "ops-warden-intake-pass"}
    for service in services.values():
        assert service["after"] == ["network-online.target", "crow.service"]
        assert service["requires"] == ["crow.service"]
        assert service["environment"]["WARDEN_STATE_DIR"] == "/var/lib/x"
        config = service["environment"]["WARDEN_CONFIG"]
        assert config["intake"] == {"listen": "127.0.0.1:9000", "rules": "/etc/triggers.yaml"}
        config["api"]["clients"] = {}
        assert {name.partition(".clients")[0] for name in flat(config)} <= set(BY_NAME)
        assert service["serviceConfig"]["ReadWritePaths"] == ["/var/lib/x", "/run/crow", "/run/crow"]
        assert service["serviceConfig"]["LoadCredential"] == ["api-token:/run/keys/api.token"]
        assert invoke([*service["serviceConfig"]["ExecStart"].split()[1:], "--help"]) == 0


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('dbPath = "/var/lib/x/other.db";', "dbPath"),
        ('scopes = [ "everything" ];', "scopes"),
        ('listenAdress = "127.0.0.1:1";', "listenAdress"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(tmp_path: Path, setting: str, said: str) -> None:
    """Nix says which, before anything is built."""
    done = run_nix(tmp_path, "intake.nix", "ops-warden-intake", f"enable = true; package = {PACKAGE}; {setting}")
    assert done.returncode != 0
    assert said in done.stderr
