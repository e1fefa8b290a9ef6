"""`warden init` on real directories."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest

from warden.cli.init import config_template
from warden.cli.main import run
from warden.config.load import Overrides, config_place, load
from warden.config.schema import KEYS
from warden.errors import EXIT_LEDGER, EXIT_NOT_CONFIGURED


def initialise(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> tuple[int, dict[str, str]]:
    """Return the exit status and the result of each step."""
    arguments = ["--config", str(tmp_path / "etc" / "config.toml"), "--state-dir", str(tmp_path / "state")]
    status = run(["init", "--json", *arguments])
    document = json.loads(capsys.readouterr().out or '{"schema": "warden.init/1", "steps": []}')
    assert document["schema"] == "warden.init/1"
    return status, {step["name"]: step["result"] for step in document["steps"]}


def test_makes_what_is_missing_and_then_keeps_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The first call makes configuration, state, key and ledger, private; the second changes no byte of them."""
    assert initialise(capsys, tmp_path) == (0, dict.fromkeys(("config", "state", "ledger key", "ledger"), "made"))
    files = [tmp_path / "etc" / "config.toml", tmp_path / "state" / "ledger.key"]
    before = [path.read_bytes() for path in files]
    assert initialise(capsys, tmp_path) == (0, dict.fromkeys(("config", "state", "ledger key", "ledger"), "kept"))
    assert [path.read_bytes() for path in files] == before
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]


def test_never_changes_a_configuration_that_is_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A file that somebody wrote stays as it is, also when it does not hold; then nothing else is made."""
    (tmp_path / "etc").mkdir()
    file = tmp_path / "etc" / "config.toml"
    file.write_text("agent = 7\n")
    assert initialise(capsys, tmp_path)[0] == EXIT_NOT_CONFIGURED
    assert file.read_text() == "agent = 7\n"
    assert not (tmp_path / "state").exists()


def test_a_lost_key_is_not_replaced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A ledger whose key is gone is a fault to be looked at, which a new key would hide."""
    initialise(capsys, tmp_path)
    (tmp_path / "state" / "ledger.key").unlink()
    assert initialise(capsys, tmp_path)[0] == EXIT_LEDGER
    assert not (tmp_path / "state" / "ledger.key").exists()


def test_says_what_to_do_next(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """For people each thing is a line, and so is each next step."""
    assert run(["init", "--config", str(tmp_path / "c.toml"), "--state-dir", str(tmp_path / "state")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["made", "config", str(tmp_path / "c.toml")]
    assert any(line.startswith("next: `warden doctor`") for line in lines)


def test_the_template_changes_nothing(tmp_path: Path) -> None:
    """As it is written, the file sets no key."""
    assert not any(tomllib.loads(config_template()).values())
    (tmp_path / "config.toml").write_text(config_template())
    (tmp_path / "empty.toml").write_text("")
    templated, empty = (load(Overrides(config=tmp_path / name)) for name in ("config.toml", "empty.toml"))
    assert (templated.agent, templated.hub, templated.limits) == (empty.agent, empty.hub, empty.limits)


NEEDS = {
    "ledger.witness_read_command": ("ledger.witness_command",),
    "model.provider": ("model.name",),
    "model.url": ("model.provider", "model.name"),
    "model.name": ("model.provider",),
    "review.owner": ("review.people",),
    "review.owners": ("review.people",),
}
"""Keys that mean nothing without another."""


def use(lines: list[str], name: str) -> None:
    """Take away the first `# ` of a key's line."""
    table, _, word = name.rpartition(".")
    start = lines.index(f"[{table}]") if table else 0
    at = next(i for i, line in enumerate(lines) if i >= start and line.startswith(f"# {word} = "))
    lines[at] = lines[at].removeprefix("# ")


@pytest.mark.parametrize("name", [key.name for key in KEYS])
def test_each_line_of_the_template_can_be_used(name: str, tmp_path: Path) -> None:
    """Taking away the first `# ` of a line gives a setting that is accepted, together with what it needs."""
    table, _, word = name.rpartition(".")
    lines = config_template().splitlines()
    for used in (name, *NEEDS.get(name, ())):
        use(lines, used)
    (tmp_path / "config.toml").write_text("\n".join(lines))
    load(Overrides(config=tmp_path / "config.toml"))
    document = tomllib.loads("\n".join(lines))
    assert word in (document[table] if table else document)


def test_the_place_of_the_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A named file or directory wins over the environment, and that over the home directory."""
    monkeypatch.delenv("WARDEN_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_place(None) == tmp_path / "ops-warden" / "config.toml"
    monkeypatch.setenv("WARDEN_CONFIG", str(tmp_path / "there.toml"))
    assert config_place(None) == tmp_path / "there.toml"
    assert config_place(tmp_path) == tmp_path / "config.toml"
    assert config_place(tmp_path / "mine.toml") == tmp_path / "mine.toml"
