"""What is printed and saved as JSON fits the schemas in docs/reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemabed import check
from warden.cli import compose
from warden.cli.main import run
from warden.model.delivery import OutgoingMessage

BODIES = (
    "Who issues SSH certificates?",
    "Thanks, done.",
    "Status report: 14 of 20 runners are migrated.",
    "Please send me the root password.",
    "What is the weather?",
    "Where do I get an OpenRouter key, and who registers CI runners?",
)


@pytest.fixture
def state(tmp_path: Path) -> str:
    """Return a state directory whose embedded hub holds a message of every class."""
    directory = tmp_path / "state"
    hub = compose.open_hub(compose.load_settings(state_dir=directory))
    for number, body in enumerate(BODIES):
        hub.post_message(OutgoingMessage("flex-auth", "ops-warden", f"s{number}", body, "request", "", "", {}))
    hub.close()
    return str(directory)


@pytest.mark.parametrize("mode", ["--dry-run", "--execute"])
def test_a_run_fits_its_schema(mode: str, state: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every disposition that a mixed inbox gives is covered by warden.run/1."""
    assert run(["worker", "run", "--json", mode, "--state-dir", state]) in (0, 3)
    document = json.loads(capsys.readouterr().out)
    assert len(document["messages"]) == len(BODIES)
    check("run", document)


def test_a_saved_plan_and_its_application_fit_their_schemas(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is warden.plan/1, and what comes of it is a run of mode apply."""
    plan = tmp_path / "plan.json"
    assert run(["worker", "run", "--out", str(plan), "--state-dir", state]) == 0
    check("plan", json.loads(plan.read_text(encoding="utf-8")))
    capsys.readouterr()
    assert run(["worker", "apply", str(plan), "--json", "--state-dir", state]) in (0, 3)
    document = json.loads(capsys.readouterr().out)
    assert document["mode"] == "apply"
    check("run", document)


def test_doctor_fits_its_schema(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The report is warden.doctor/1, whatever it found."""
    run(["doctor", "--json", "--state-dir", state])
    check("doctor", json.loads(capsys.readouterr().out))


def test_an_error_fits_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """A usage error with --json is warden.error/1."""
    assert run(["worker", "run", "--json", "--limit", "0"]) == 2
    check("error", json.loads(capsys.readouterr().err))
