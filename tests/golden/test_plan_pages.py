"""Plans look as people reviewed them, and nothing in a message can make them look otherwise."""

from __future__ import annotations

import contextlib
import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from plan_pages import DIRECTORY, PAGES, all_pages
from warden.cli.intake_pass import kept_whole
from warden.cli.run_output import JsonOutput
from warden.errors import InputError
from warden.model.report import RunReport

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "run.schema.json"
SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render for the terminal for which the files were written."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "")


def test_every_reviewed_page_is_rendered_and_every_rendered_page_reviewed(terminal: None) -> None:
    """The directory holds exactly the pages that are rendered."""
    assert sorted(path.name for path in DIRECTORY.iterdir()) == sorted(all_pages())


@pytest.mark.parametrize("name", sorted(path.name for path in DIRECTORY.iterdir()))
def test_a_page_is_what_was_reviewed(name: str, terminal: None) -> None:
    """Text, colours and JSON are those of the file; after a change on purpose run `python tests/unit/plan_pages.py`, review."""
    assert all_pages()[name] == (DIRECTORY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("failed", [False, True])
def test_both_passes_of_a_cycle_are_one_document(failed: bool) -> None:
    """The pass over events stands inside the first one's document, which is whole also when that pass cannot begin."""
    stream = io.StringIO()
    head = {"run_id": "run-0123456789", "mode": "execute", "agent": "ops-warden"}
    first = JsonOutput(stream, head)
    first.begin("ops-warden", "embedded", "rule")
    first.end(RunReport(exit_status=0, counts={}, **head))  # type: ignore[arg-type]
    with contextlib.suppress(InputError), kept_whole(first):
        if failed:
            raise InputError("the trigger rules cannot be read", "mend them")
        second = JsonOutput(stream, {**head, "run_id": "run-9876543210"}, None, first)
        second.begin("ops-warden", "intake", "rule")
        second.end(RunReport(exit_status=3, counts={}, **head))  # type: ignore[arg-type]
        second.finish()
    document = json.loads(stream.getvalue())
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(document)
    assert ("events" in document) is not failed
    assert failed or document["events"]["summary"]["exit_status"] == 3


@pytest.mark.parametrize("name", sorted(PAGES))
def test_json_pages_fit_the_schema(name: str) -> None:
    """What is printed as JSON is a warden.run/1 document, hostile texts included."""
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    document = json.loads(all_pages()[f"{name}.json"])
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)] == []


def test_colour_adds_nothing_but_colour(terminal: None) -> None:
    """Without its colours the styled page says what the plain one says."""
    pages = all_pages()
    for name in ("dry_run", "hostile"):
        styled = SGR.sub("", pages[f"{name}.ansi"]).expandtabs()
        bare = [line.rstrip() for line in styled.splitlines()]
        assert bare == [line.rstrip() for line in pages[f"{name}.txt"].expandtabs().splitlines()]


def test_no_foreign_character_reaches_the_terminal_unseen(terminal: None) -> None:
    """Escape sequences, direction changes, zero-width and control characters are written as escapes, on every page."""
    for name, page in all_pages().items():
        left = {c for c in SGR.sub("", page) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
        assert left <= {"\n", "\t"}, name


def test_a_message_cannot_forge_a_line_of_the_plan() -> None:
    """A line break in a subject, an id or a name does not begin a line; one in a text stands behind the bar."""
    for line in all_pages()["hostile.txt"].splitlines():
        if "Plan: 0 to answer" in line:
            assert line.startswith(("+ answer", "             ", "           │ "))
