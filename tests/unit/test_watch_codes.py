"""Every code of an alert is explained, in the table and in the docs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from warden.engine import heads
from warden.model import alerts
from warden.watch.codes import EXPLANATIONS, explain

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "warden"
PAGE = (ROOT / "docs" / "how-to" / "when-it-stops.md").read_text(encoding="utf-8")
WARN_CALLS = {"_warn", "alert", "failure"}
"""Functions of ours that take a code first and raise an alert with it."""


def constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that names of a module's own level stand for."""
    found = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for name, value in zip(names, values, strict=False):
                if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found[name.id] = value.value
    return found


def known_constants() -> dict[str, str]:
    """Return every text constant of the source, by name."""
    return {
        name: text
        for path in SOURCE.rglob("*.py")
        for name, text in constants(ast.parse(path.read_text(encoding="utf-8"))).items()
    }


def code_nodes(tree: ast.Module) -> Iterator[ast.expr]:
    """Return every expression that is a code of an alert."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            named = {
                key.value: value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
            if set(named) == {"run_id", "code", "subject"}:
                yield named["code"]
        if not isinstance(node, ast.Call):
            continue
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and first.value == "alert_raised":
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "code")
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in WARN_CALLS and len(node.args) in (2, 3) and isinstance(first, ast.Constant | ast.Name):
            yield first


def raised_codes() -> set[str]:
    """Return every code that the source raises an alert with."""
    texts, found = known_constants(), set()
    for room in ("engine", "schedule", "cli"):
        for path in (SOURCE / room).rglob("*.py"):
            for node in code_nodes(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant):
                    found.add(str(node.value))
                elif isinstance(node, ast.Name) and node.id.isupper():
                    found.add(texts[node.id])
    return found


def test_every_code_that_is_raised_is_explained() -> None:
    """A code in the source without an explanation fails here, and so does a search that finds none of the known ones."""
    found = raised_codes()
    known = {"policies", "model", "witness-empty", "heads-not-compared", "review-unacknowledged", "outcome-after-end"}
    assert found >= known | alerts.STANDING | {alerts.CLOCK_STEPPED, alerts.NOTIFY_FAILED}
    assert found <= set(EXPLANATIONS)
    assert heads.__name__  # the module is part of the search


def test_every_code_has_its_section() -> None:
    """The how-to has a section with each code as its heading, which doctor points to."""
    missing = [code for code in EXPLANATIONS if code != "test" and f"\n### {code}\n" not in PAGE]
    assert missing == []


def test_a_code_of_another_version_is_named_as_such() -> None:
    """What this warden does not know is explained all the same."""
    assert explain("brand-new").meaning == "an alert of a newer warden"
