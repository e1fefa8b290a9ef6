"""What starts warden elsewhere: units, cron lines, Kubernetes objects, and the files under deploy/."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from warden.errors import UsageError
from warden.schedule.units import (
    Placement,
    calendar_expression,
    cron_expression,
    cron_table,
    kubernetes_job,
    kubernetes_worker,
    systemd_intake,
    systemd_units,
    systemd_worker,
)

DEPLOY = Path(__file__).parents[2] / "deploy"
KUBERNETES = ("1.29", "1.31")
EXPOSURE = "20"
"""Tenths of `systemd-analyze security`."""


@pytest.mark.parametrize(
    ("interval", "cron", "calendar"),
    [
        ("1m", "* * * * *", "*-*-* *:0/1:00"),
        ("60", "* * * * *", "*-*-* *:0/1:00"),
        ("5m", "*/5 * * * *", "*-*-* *:0/5:00"),
        ("30m", "*/30 * * * *", "*-*-* *:0/30:00"),
        ("1h", "0 * * * *", "*-*-* 0/1:00:00"),
        ("6h", "0 */6 * * *", "*-*-* 0/6:00:00"),
        ("1d", "0 0 * * *", "*-*-* 00:00:00"),
    ],
)
def test_an_interval_becomes_calendar_fields(interval: str, cron: str, calendar: str) -> None:
    """A whole part of an hour or of a day is said in cron's and in systemd's words."""
    assert cron_expression(interval) == cron
    assert calendar_expression(interval) == calendar


@pytest.mark.parametrize("interval", ["7m", "90m", "45s", "5h", "2d", "61", "0", "x"])
def test_an_uneven_interval_is_refused(interval: str) -> None:
    """A calendar that came round unevenly would not be what was asked for."""
    with pytest.raises(UsageError):
        cron_expression(interval)
    with pytest.raises(UsageError):
        calendar_expression(interval)


@pytest.mark.parametrize("field", ["program", "agent", "user", "config", "state", "image"])
@pytest.mark.parametrize("value", ["", "a b", "a\nExecStart=/bin/sh", "$(id)", "%h", 'a"b', "a'b", "a#b", "ä"])
def test_nothing_can_be_slipped_into_a_unit(field: str, value: str) -> None:
    """A place, a user or an agent that is not one plain word is refused before any text is made of it."""
    with pytest.raises(UsageError):
        Placement(**{field: value})


def test_units_verify_and_are_hardened(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say, and `security` gives each service an exposure of at most 2.0."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    placement = Placement(program="/bin/true")
    files = {**systemd_units(placement), **systemd_worker(placement), **systemd_intake(placement)}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    paths = [str(tmp_path / name) for name in files]
    verified = subprocess.run([analyze, "verify", *paths], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    for path in paths:
        if path.endswith(".service"):
            command = [analyze, "security", "--offline=true", f"--threshold={EXPOSURE}", path]
            judged = subprocess.run(command, capture_output=True, text=True, check=False)
            assert judged.returncode == 0, judged.stdout


def test_a_service_can_write_its_state_and_nothing_else() -> None:
    """The usual place is a state directory of systemd's; another one is opened by name, and homes become readable."""
    usual = systemd_units(Placement())["warden.service"]
    assert "StateDirectory=ops-warden" in usual
    assert "ProtectHome=yes" in usual
    own = systemd_units(Placement(state="/home/ada/state"))["warden.service"]
    assert "ReadWritePaths=/home/ada/state" in own
    assert "ProtectHome=read-only" in own
    assert "StateDirectory" not in own
    for text in (usual, own):
        assert "User=warden" in text
        assert "LoadCredential" in text


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("agent", ["ops-warden", "123", "yes"])
def test_kubernetes_objects_fit_their_schemas(version: str, agent: str) -> None:
    """Every object validates strictly against the published schema, also with names that YAML could take for others."""
    placement = Placement(agent=agent)
    objects = [*yaml.safe_load_all(kubernetes_job(placement)), *yaml.safe_load_all(kubernetes_worker(placement))]
    assert [one["kind"] for one in objects] == [
        "CronJob",
        "PersistentVolumeClaim",
        "Deployment",
        "PersistentVolumeClaim",
    ]
    for one in objects:
        kubernetes_validate.validate(one, version, strict=True)


def test_pods_run_without_root_on_a_read_only_file_system() -> None:
    """Both objects say so for their one container."""
    job = next(yaml.safe_load_all(kubernetes_job(Placement())))["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    worker = next(yaml.safe_load_all(kubernetes_worker(Placement())))["spec"]["template"]["spec"]
    for pod in (job, worker):
        assert pod["securityContext"]["runAsNonRoot"] is True
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_cron_line_is_one_that_cron_takes() -> None:
    """Comments, two assignments and one line with five fields and a command."""
    lines = [line for line in cron_table(Placement()).splitlines() if line and not line.startswith("#")]
    assert [line.partition("=")[0] for line in lines[:2]] == ["WARDEN_CONFIG", "WARDEN_STATE_DIR"]
    fields = lines[2].split()
    assert all(re.fullmatch(r"[*/0-9]+", field) for field in fields[:5])
    assert fields[5] == "/usr/local/bin/warden"
    assert len(lines) == 3


def test_compose_serves_a_hub_beside_a_confined_worker() -> None:
    """Both services are read-only, without capabilities, and keep their state in volumes."""
    found = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())
    assert set(found["services"]) == {"hub", "worker"}
    for service in found["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert any(place.endswith(":/var/lib/ops-warden") for place in service["volumes"])


def test_logrotate_takes_its_file(tmp_path: Path) -> None:
    """`logrotate -d` reads the file without a complaint, once it names a user that there is."""
    program = shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin")
    if program is None:
        pytest.skip("logrotate is not installed")
    text = (DEPLOY / "logrotate" / "ops-warden").read_text()
    file = tmp_path / "ops-warden"
    file.write_text(text.replace("warden adm", "root root"))
    file.chmod(0o644)
    command = [program, "-d", "-s", "/dev/null", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "error:" not in done.stderr
