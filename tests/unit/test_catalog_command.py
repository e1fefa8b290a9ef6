"""`warden catalog` as an operator uses it while writing a catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from warden.cli.main import run

Call = Callable[..., tuple[int, str, str]]
TEXT = """\
entries:
- id: badge
  title: Access badge
  owner: front-desk
  questions: [Where do I get a badge?, Who opens the gate?]
  answer: At the front desk.
- id: gate
  title: Gate
  owner: guards
  questions: [Who opens the gate?]
  answer: The guards do.
"""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run `warden catalog` in an empty state."""
    monkeypatch.setenv("WARDEN_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def call(*words: str) -> tuple[int, str, str]:
        status = run(["catalog", *words])
        out, err = capsys.readouterr()
        return status, out, err

    return call


def test_match_says_what_would_be_done_and_why(catalog: Call) -> None:
    """The proposed action, the reason, the candidates with score and words, and the text that would be sent."""
    status, out, _ = catalog("match", "Who issues SSH certificates?")
    assert status == 0
    assert out.startswith("route_answer (routing-question)\n")
    assert "1000  ssh-certificate  ssh certific" in out
    assert "Send your public key" in out


def test_match_as_json(catalog: Call) -> None:
    """With --json the same comes as one versioned document; an escalation has no text."""
    document = json.loads(catalog("match", "Who issues tokens?", "--json")[1])
    assert document["schema"] == "warden.catalog-match/1"
    assert document["actions"] == ["escalate"]
    assert document["reason"] == "several-candidates"
    assert document["body"] is None
    assert document["candidates"]


def test_check_finds_questions_that_two_entries_claim(catalog: Call, tmp_path: Path) -> None:
    """A question that the catalogue cannot tell apart is listed with its entry; exit 5 only when asked for."""
    file = tmp_path / "c.yaml"
    file.write_text(TEXT)
    status, out, err = catalog("check", str(file))
    assert status == 0
    assert "Who opens the gate?" in out
    assert "Where do I get a badge?" not in out
    assert "2 entries" in err
    assert catalog("check", str(file), "--detailed-exitcode")[0] == 5
    document = json.loads(catalog("check", str(file), "--json")[1])
    assert (document["entries"], document["questions"]) == (2, 3)
    assert "badge" in {finding["entry"] for finding in document["unanswered"]}


def test_the_shipped_catalogue_answers_nearly_all_its_own_questions(catalog: Call) -> None:
    """At most one in twenty of the shipped questions goes to a person."""
    document = json.loads(catalog("check", "--json")[1])
    assert len(document["unanswered"]) <= document["questions"] // 20, document["unanswered"]


def test_a_broken_catalogue_is_told_with_its_line(catalog: Call, tmp_path: Path) -> None:
    """The error names file and line and suggests the key that was meant; exit 2."""
    file = tmp_path / "c.yaml"
    file.write_text(TEXT.replace("owner: guards", "onwer: guards"))
    status, out, err = catalog("check", str(file))
    assert (status, out) == (2, "")
    assert "c.yaml:9" in err
    assert "did you mean `owner`?" in err


def test_list_shows_every_entry(catalog: Call, tmp_path: Path) -> None:
    """One line an entry, and the same as JSON."""
    file = tmp_path / "c.yaml"
    file.write_text(TEXT)
    lines = catalog("list", "--catalog", str(file))[1].splitlines()
    assert [line.split()[:2] for line in lines] == [["badge", "front-desk"], ["gate", "guards"]]
    document = json.loads(catalog("list", "--json", "--catalog", str(file))[1])
    assert [entry["id"] for entry in document["entries"]] == ["badge", "gate"]
