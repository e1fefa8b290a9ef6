"""`warden worker apply` as people use it: what the dry run showed is what is carried out, once, and nothing else."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from realprocess import QUESTION, SECRET_REQUEST, THANKS, Home

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]
FILE_LIMIT = 300_000


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with three messages and a saved plan for them."""
    home = Home(tmp_path)
    home.send(QUESTION, THANKS, SECRET_REQUEST)
    assert home.run("worker", "run", "--dry-run", "--out", "plan.json").status == 0
    return home


def test_a_plan_is_carried_out_once(home: Home) -> None:
    """Applying does what was planned; applying again is refused."""
    assert (home.path / "plan.json").stat().st_mode & 0o777 == 0o600
    done = home.run("worker", "apply", "plan.json", "--json")
    assert (done.status, done.dispositions) == (0, ["answered", "read", "escalated"]), done.err
    again = home.run("worker", "apply", "plan.json")
    assert (again.status, again.out) == (4, "")
    assert "applied before" in again.err


def test_an_edited_plan_is_refused(home: Home) -> None:
    """A plan with one changed word is not a plan of this ledger; nothing is sent."""
    before = home.look()
    file = home.path / "plan.json"
    file.write_text(file.read_text(encoding="utf-8").replace("openrouter-key", "anthropic-key"), encoding="utf-8")
    result = home.run("worker", "apply", "plan.json")
    assert (result.status, result.out) == (4, "")
    assert home.look() == before


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"schema": "warden.plan/2"}', "\x00", "[" * 100_000])
def test_what_is_no_plan_is_said_to_be_none(home: Home, text: str) -> None:
    """Whatever lies in the file, the answer is a line that names it, and status 2."""
    (home.path / "other.json").write_text(text, encoding="utf-8")
    result = home.run("worker", "apply", "other.json")
    assert (result.status, result.out) == (2, ""), result.err
    assert "other.json" in result.err.splitlines()[0]


def test_a_missing_plan_is_named(home: Home) -> None:
    """The hint says how to make one."""
    result = home.run("worker", "apply", "absent.json")
    assert result.status == 2
    assert "--out" in result.err


def test_items_that_were_decided_since_are_stale(home: Home) -> None:
    """What another run has decided meanwhile is listed as refused, the rest is carried out, and the status is 3."""
    assert home.run("worker", "run", "--execute", "--limit", "1").status == 0
    result = home.run("worker", "apply", "plan.json", "--json")
    assert result.status == 3
    assert [message["stale"] for message in result.document["messages"]] == [True, False, False]
    assert result.document["summary"]["refused"] == 1
    thread = json.loads(home.run("hub", "thread", "t1", "--json").out)["messages"]
    assert len(thread) == 2


def test_another_catalogue_makes_every_item_stale(home: Home) -> None:
    """A plan is bound to the catalogue that it was made with."""
    entry = {"id": "other", "title": "Other things", "owner": "somebody", "answer": "Ask somebody.", "scope": "route"}
    (home.path / "catalog.yaml").write_text(json.dumps({"entries": [entry]}), encoding="utf-8")
    result = home.run("worker", "apply", "plan.json", "--catalog", "catalog.yaml", "--json")
    assert result.status == 3, result.err
    assert result.document["summary"]["stale"] == 3
    assert json.loads(home.run("hub", "progress", "--json").out)["events"] == []


def test_a_plan_is_for_one_agent(home: Home) -> None:
    """Applying it for another agent is refused."""
    result = home.run("worker", "apply", "plan.json", "--agent", "somebody-else")
    assert (result.status, result.out) == (4, "")


def test_a_plan_of_another_ledger_is_refused(home: Home, tmp_path: Path) -> None:
    """A ledger knows only the plans that its own runs made."""
    result = home.run("worker", "apply", "plan.json", "--state-dir", str(tmp_path / "elsewhere"))
    assert (result.status, result.out) == (4, "")


@pytest.mark.parametrize("place", ["missing/plan.json", ".", "/", "..", "/dev/null", "messages.jsonl/plan.json"])
def test_a_plan_that_cannot_be_saved_is_said_so(home: Home, place: str) -> None:
    """A place that cannot be written is named, and nothing is left beside it."""
    before = sorted(path.name for path in home.path.iterdir())
    result = home.run("worker", "run", "--out", place)
    assert result.status == 2, result.err
    assert "cannot be written" in result.err
    assert sorted(path.name for path in home.path.iterdir()) == before


def test_a_plan_is_saved_through_a_link(home: Home) -> None:
    """A link to a plan still is one afterwards, and the file that it names holds the new plan."""
    target = home.path / "plans" / "target.json"
    target.parent.mkdir()
    target.write_text("old", encoding="utf-8")
    (home.path / "link.json").symlink_to(target)
    assert home.run("worker", "run", "--out", "link.json").status == 0
    assert (home.path / "link.json").is_symlink()
    assert json.loads(target.read_text(encoding="utf-8"))["schema"] == "warden.plan/1"


def test_a_full_disk_leaves_no_half_plan(tmp_path: Path) -> None:
    """When the plan does not fit, the run says so and leaves neither a plan nor a part of one."""
    home = Home(tmp_path)
    home.send(*[QUESTION] * 600)

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))

    result = home.run("worker", "run", "--out", "plan.json", "--json", preexec_fn=small_files)
    assert result.status == 2, result.err
    assert "plan.json" in json.loads(result.err)["message"]
    assert not [path.name for path in home.path.iterdir() if "plan" in path.name]
    assert home.run("ledger", "verify").status == 0
