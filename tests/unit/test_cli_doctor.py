"""`warden doctor` on real directories, files and sockets."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from warden.cli.main import run


def diagnose(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str
) -> tuple[int, dict[str, dict[str, str]]]:
    """Return the exit status and the findings by check; of several findings of one check the last."""
    status = run(["doctor", "--json", "--state-dir", str(tmp_path / "state"), *arguments])
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "warden.doctor/1"
    return status, {item["check"]: item for item in document["checks"]}


def test_a_fresh_machine_is_well(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Before the first run nothing fails, and doctor makes nothing."""
    status, found = diagnose(capsys, tmp_path)
    assert status == 0
    assert {item["outcome"] for item in found.values()} <= {"ok", "warn"}
    assert not (tmp_path / "state").exists()
    assert {"python", "sqlite", "config", "state", "space", "charter", "policies", "catalog", "ledger", "clock"} <= set(
        found
    )
    assert {"lock", "transport", "hub", "extras"} <= set(found)


def test_after_a_run_the_ledger_and_the_hub_are_looked_at(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A run leaves a ledger that verifies, quickly and whole."""
    assert run(["worker", "run", "--execute", "--state-dir", str(tmp_path / "state")]) == 0
    capsys.readouterr()
    status, found = diagnose(capsys, tmp_path)
    assert status == 0
    assert "entries" in found["ledger"]["seen"]
    assert found["inbox"]["outcome"] == "ok"
    status, found = diagnose(capsys, tmp_path, "--full")
    assert status == 0
    assert "verify" in found["ledger"]["seen"]


def test_a_cut_ledger_fails_and_says_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Doctor goes on after a finding: one broken check hides no other."""
    run(["worker", "run", "--state-dir", str(tmp_path / "state")])
    capsys.readouterr()
    (tmp_path / "state" / "ledger.db").unlink()
    status, found = diagnose(capsys, tmp_path)
    assert status == 1
    assert found["ledger"]["outcome"] == "fail"
    assert found["ledger"]["advice"]
    assert found["hub"]["outcome"] == "ok"


def test_an_emptied_state_directory_is_no_fresh_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A pinned key without a ledger stops every run, so doctor does not call it well."""
    run(["worker", "run", "--state-dir", str(tmp_path / "state")])
    capsys.readouterr()
    shutil.rmtree(tmp_path / "state")
    status, found = diagnose(capsys, tmp_path)
    assert status == 1
    assert found["ledger"]["outcome"] == "fail"
    assert "ledger repair" in found["ledger"]["advice"]


def test_a_state_directory_that_others_can_enter_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Redacted messages lie there: they are nobody else's business."""
    (tmp_path / "state").mkdir(mode=0o755)
    status, found = diagnose(capsys, tmp_path)
    assert status == 1
    assert "chmod 700" in found["state"]["advice"]


def test_a_configuration_that_does_not_hold_is_the_finding(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What cannot be checked without settings is not guessed."""
    config = tmp_path / "config.toml"
    config.write_text("agnet = 'x'")
    status, found = diagnose(capsys, tmp_path, "--config", str(config))
    assert status == 1
    assert "`agnet`" in found["config"]["seen"]
    assert "`agent`" in found["config"]["advice"]
    assert "hub" not in found


def test_a_bad_policy_file_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With no last good set everything is denied, and doctor says so."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "mine.yaml").write_text("rules: [")
    (tmp_path / "config.toml").write_text("")
    status, found = diagnose(capsys, tmp_path, "--config", str(tmp_path / "config.toml"))
    assert status == 1
    assert found["policies"]["outcome"] == "fail"
    assert "warden policy check" in found["policies"]["advice"]


def test_a_bad_catalogue_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Doctor reads the catalogue whole; an idle run does not."""
    (tmp_path / "catalog.yaml").write_text("entries: 3")
    status, found = diagnose(capsys, tmp_path, "--catalog", str(tmp_path / "catalog.yaml"))
    assert status == 1
    assert found["catalog"]["outcome"] == "fail"


def test_an_unreachable_hub_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A port where nobody listens is a finding with advice, not a traceback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    status, found = diagnose(capsys, tmp_path, "--hub", f"http://127.0.0.1:{port}")
    assert status == 1
    assert found["hub"]["outcome"] == "fail"
    assert found["hub"]["advice"]
    assert found["transport"]["outcome"] == "ok"


def test_text_marks_what_fails_and_quiet_leaves_out_what_is_well(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A person sees FAIL at the beginning of the line, and the advice below it."""
    (tmp_path / "state").mkdir(mode=0o755)
    assert run(["doctor", "--quiet", "--state-dir", str(tmp_path / "state")]) == 1
    out = capsys.readouterr().out
    assert "FAIL  state" in out
    assert "chmod 700" in out
    assert "python" not in out
