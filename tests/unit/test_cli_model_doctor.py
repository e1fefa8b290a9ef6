"""What `warden doctor` says of a configured model."""

from __future__ import annotations

from pathlib import Path

from warden.cli import compose, doctor
from warden.cli.checks import Finding, Outcome
from warden.model.entry import Batch
from warden.store.sqlite import SqliteLedgerStore
from warden.testing.ledger import Story, model_asked
from warden.testing.model_server import served_model


def findings(tmp_path: Path, text: str) -> dict[str, list[Finding]]:
    """The findings about model and budget that this configuration gives."""
    config = tmp_path / "config.toml"
    config.write_text(text, encoding="utf-8")
    found = doctor.examine(lambda: compose.load_settings(config, tmp_path / "state"), False)
    kept: dict[str, list[Finding]] = {"model": [], "budget": []}
    for one in found:
        if one.check in kept:
            kept[one.check].append(one)
    return kept


def test_nothing_is_said_without_a_model(tmp_path: Path) -> None:
    """Who uses rules only is not bothered."""
    assert findings(tmp_path, "") == {"model": [], "budget": []}


def test_a_model_that_answers(tmp_path: Path) -> None:
    """A server that is there and takes the key is fine; it is not asked when the rules are in charge."""
    key = tmp_path / "key"
    key.write_text("k-1")
    key.chmod(0o600)
    with served_model() as server:
        server.key = "k-1"
        text = f"[model]\nprovider = 'openai'\nname = 'm'\nurl = '{server.url}'\nkey_file = '{key}'\n"
        found = findings(tmp_path, "brain = 'auto'\n" + text)
        assert [one.outcome for one in found["model"]] == [Outcome.OK, Outcome.OK]
        assert "takes our key" in found["model"][1].seen
        assert found["budget"][0].outcome is Outcome.OK
        asked = len(server.requests)
        assert len(findings(tmp_path, text)["model"]) == 1
        assert len(server.requests) == asked
        server.key = "k-2"
        refused = findings(tmp_path, "brain = 'auto'\n" + text)["model"]
    assert refused[-1].outcome is Outcome.FAIL
    assert "refuses our credential" in refused[-1].seen
    away = findings(tmp_path, "brain = 'auto'\n" + text)["model"]
    assert away[-1].outcome is Outcome.FAIL


def test_a_brain_without_its_model(tmp_path: Path) -> None:
    """A brain that needs a model where none is configured cannot work."""
    (found,) = findings(tmp_path, "brain = 'llm'")["model"]
    assert found.outcome is Outcome.FAIL
    assert "none is configured" in found.seen


def test_a_key_in_the_open(tmp_path: Path) -> None:
    """A key that would cross a network unencrypted is worth a warning."""
    text = "[model]\nprovider = 'openai'\nname = 'm'\nurl = 'http://model.example'\nkey_variable = 'HOME'\n"
    (found,) = findings(tmp_path, text)["model"]
    assert found.outcome is Outcome.WARN


def test_a_spent_budget(tmp_path: Path) -> None:
    """A limit that is reached is named, of a window or of a sender."""
    text = "[model]\nprovider = 'openai'\nname = 'm'\nurl = 'http://localhost:1'\n"
    settings = compose.load_settings(None, tmp_path / "state")
    store = compose.open_ledger(settings)
    assert isinstance(store, SqliteLedgerStore)
    store.commit(Batch((model_asked(Story(), calls=3),)))
    store.close()
    (hour,) = findings(tmp_path, text + "[budget]\nhour_calls = 3")["budget"]
    assert (hour.outcome, "calls of the last hour spent" in hour.seen) == (Outcome.WARN, True)
    (sender,) = findings(tmp_path, text + "[budget]\nsender_calls = 3")["budget"]
    assert "sender `flex-auth`" in sender.seen
    (free,) = findings(tmp_path, text)["budget"]
    assert free.outcome is Outcome.OK
