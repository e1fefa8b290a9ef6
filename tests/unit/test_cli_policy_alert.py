"""A policy file that broke: the last good set stays in force, and the run says so on stderr and in the ledger."""

from __future__ import annotations

import json

import pytest

from warden.cli import compose
from warden.cli.main import run

GOOD = "version: '1'\ndefault_decision: abstain\nrules:\n  - {id: a, match: {topics: [job.other]}, decision: deny, reason: r}\n"


def test_a_broken_policy_raises_an_alert_in_the_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    """The run falls back on the last good set and writes `alert_raised`; an idle run consults no policy and writes none."""
    settings = compose.load_settings()
    settings.policy.dir.mkdir(parents=True, mode=0o700)
    overlay = settings.policy.dir / "mine.yaml"
    overlay.write_text(GOOD)
    send = ["hub", "send", "--from", "flex-auth", "--to", settings.agent, "--subject", "s", "--body", "hello there"]
    assert run(send) == 0
    assert run(["worker", "run"]) == 0
    overlay.write_text("rules: [")
    assert run(["worker", "run"]) == 0
    assert "alert" in capsys.readouterr().err
    assert run(["ledger", "log", "--kind", "alert_raised", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    subjects = [entry["fields"]["subject"] for entry in found["entries"]]
    assert any("mine.yaml" in subject for subject in subjects), subjects
    assert {entry["fields"]["code"] for entry in found["entries"]} == {"policies"}
