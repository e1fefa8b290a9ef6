"""The rule brain on every labelled set: what it does by itself is right, and clear questions are answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from warden.brains.rules.brain import RuleBrain
from warden.documents.catalog import load_catalog
from warden.guard.intent import read_facts
from warden.model.ids import MessageKey
from warden.model.message import BrainInput, Mail, Message, Principal

ROOT = Path(__file__).resolve().parents[2]
SETS = sorted((ROOT / "tests" / "labelled").glob("*.jsonl"))
WANTED = {"ack": ("mark_read",), "status": ("progress_note", "mark_read"), "automatic": ("skip",)}


def judge(path: Path) -> tuple[list[str], list[str], int]:
    """Return ids of wrong automatic actions, ids of right ones, and how many clear questions were answered."""
    beside = path.with_suffix(".catalog.yaml")
    source = beside if beside.exists() else ROOT / "charter" / "catalog.yaml"
    brain = RuleBrain(load_catalog(source.read_bytes(), source.name))
    wrong: list[str] = []
    right: list[str] = []
    answered = 0
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        mail = Mail(record["subject"], record["body"], record["kind"], "t", metadata=record.get("metadata", {}))
        message = Message(
            MessageKey("h", "ops-warden", record["id"]), Principal(record["from"]), "2026-01-01T00:00:00Z", mail
        )
        plan = brain.propose(BrainInput(message, read_facts(message, "ops-warden", 5, {})))
        kinds = tuple(action.kind for action in plan.actions)
        if record["label"] == "routing":
            good = kinds == ("route_answer",) and plan.actions[0].arguments == {"entry_id": record["entry"]}
            answered += good
        else:
            good = kinds == WANTED.get(record["label"], ("escalate",))
        if kinds != ("escalate",):
            (right if good else wrong).append(record["id"])
    return wrong, right, answered


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_automatic_actions_are_precise_and_clear_questions_are_answered(path: Path) -> None:
    """At least 99 of 100 automatic actions are the labelled ones, and at least 85 of 100 clear questions get theirs."""
    wrong, right, answered = judge(path)
    asked = sum('"label": "routing"' in line for line in path.read_text(encoding="utf-8").splitlines())
    assert len(right) / (len(right) + len(wrong)) >= 0.99, wrong
    assert answered / asked >= 0.85


def test_there_is_a_large_set_of_our_own_and_many_of_other_trades() -> None:
    """The shipped catalogue has over 200 labelled messages of all classes, ten other trades at least 45 each."""
    counts = {path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in SETS}
    assert counts.pop("ops_warden") >= 200
    assert len(counts) >= 10
    assert min(counts.values()) >= 45


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_labels_name_entries_that_exist(path: Path) -> None:
    """Every entry that a label names is in its catalogue, and ids are unique, so that the scores mean something."""
    beside = path.with_suffix(".catalog.yaml")
    source = beside if beside.exists() else ROOT / "charter" / "catalog.yaml"
    catalog = load_catalog(source.read_bytes(), source.name)
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len({record["id"] for record in records}) == len(records)
    assert all(catalog.find(record["entry"]) for record in records if record["label"] == "routing")
