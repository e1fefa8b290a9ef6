"""The metrics: names, labels, values, and everything in deploy/ that names one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from warden.model.watch import Standing
from warden.watch.metrics import SPECS, Observation, expose

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yaml"
NAMES = {spec.name for spec in SPECS}
_METRIC = re.compile(r"\bwarden_[a-z_]+")
MOMENT = datetime(2026, 5, 1, tzinfo=UTC)
FULL = Observation(
    standing=Standing(
        tallies={
            ("messages", "answered"): 7,
            ("alerts", "gate-drift"): 2,
            ("alerts", "never-heard-of"): 1,
            ("cost", ""): 1_500_000,
        },
        reviews={("escalation", "open"): 2, ("escalation", "acknowledged"): 1},
        outbox={"dead": 4},
        missed_ticks=3,
    ),
    version="1.2.3",
    healthy=True,
    last_success_at=MOMENT,
    duration_s=0.25,
)


def lines(seen: Observation) -> list[str]:
    """Return the exposed samples."""
    return [line for line in expose("ops-warden", seen).decode().splitlines() if not line.startswith("#")]


def test_counts_come_out_as_samples() -> None:
    """What the ledger counted is exposed under the metric's name and labels."""
    found = lines(FULL)
    assert 'warden_messages_total{agent="ops-warden",disposition="answered"} 7.0' in found
    assert 'warden_open_escalations{agent="ops-warden"} 3.0' in found
    assert 'warden_dead_letters{agent="ops-warden"} 4.0' in found
    assert 'warden_missed_ticks_total{agent="ops-warden"} 3.0' in found
    assert 'warden_model_cost_total{agent="ops-warden"} 1.5' in found
    assert f'warden_last_success_timestamp_seconds{{agent="ops-warden"}} {MOMENT.timestamp():.10g}' in [
        re.sub(r"[0-9.e+]+$", lambda value: f"{float(value[0]):.10g}", line) for line in found
    ]


def test_a_code_of_another_version_makes_no_label() -> None:
    """Alerts whose code this warden does not know are summed up: no ledger can make a label of its own."""
    found = [line for line in lines(FULL) if line.startswith("warden_alerts_total")]
    assert found == [
        'warden_alerts_total{agent="ops-warden",code="gate-drift"} 2.0',
        'warden_alerts_total{agent="ops-warden",code="other"} 1.0',
    ]


def test_what_is_not_known_is_left_out() -> None:
    """Before the first run there is no time of one, and no duration: 0 would be a lie."""
    found = "\n".join(lines(Observation(Standing(), "1")))
    assert "timestamp" not in found
    assert "duration" not in found
    assert "warden_healthy" not in found


def test_names_follow_the_convention() -> None:
    """Counters, and nothing else, end in _total; units are base units; every metric has a help text that is a sentence."""
    for spec in SPECS:
        assert spec.name.endswith("_total") == (spec.kind == "counter"), spec.name
        assert not re.search(r"_(ms|millis|kilobytes|percent)\b", spec.name)
        assert spec.help.endswith("."), spec.name
        assert not set(spec.labels) & {"sender", "thread", "message", "run", "subject"}
    assert len(NAMES) == len(SPECS)


def named_in(text: str) -> set[str]:
    """Return the metrics that a text names."""
    return set(_METRIC.findall(text))


def test_alert_rules_name_what_there_is() -> None:
    """Every rule has a summary and a description, and names existing metrics only."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
    assert len(rules) >= 8
    for rule in rules:
        assert named_in(rule["expr"]) <= NAMES, rule["alert"]
        assert named_in(rule["expr"]), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_rules_and_metrics() -> None:
    """Prometheus' own checker has nothing to say against the rules and the exposed text."""
    rules = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert rules.returncode == 0, rules.stderr
    text = expose("ops-warden", FULL)
    metrics = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert metrics.returncode == 0, metrics.stderr


def test_the_dashboard_names_what_there_is() -> None:
    """Every query of the dashboard names existing metrics, every panel has one, and no two panels lie on each other."""
    board = json.loads((DEPLOY / "grafana" / "warden.json").read_text(encoding="utf-8"))
    places: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            assert named_in(target["expr"]), panel["title"]
            assert named_in(target["expr"]) <= NAMES, panel["title"]
        where = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(where["x"], where["x"] + where["w"])
            for y in range(where["y"], where["y"] + where["h"])
        }
        assert not cells & places, panel["title"]
        assert where["x"] + where["w"] <= 24
        places |= cells
    used = {name for panel in board["panels"] for target in panel["targets"] for name in named_in(target["expr"])}
    assert used >= NAMES - {"warden_build_info", "warden_ledger_entries"}
    assert named_in(json.dumps(board["templating"])) <= NAMES
