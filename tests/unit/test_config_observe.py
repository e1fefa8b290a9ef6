"""The tables `[log]`, `[metrics]`, `[trace]` and `[notify]` are read strictly, and only when they are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from warden.config.environment import from_variables
from warden.config.load import load
from warden.config.observe import NotifySettings, ObserveSettings
from warden.errors import ConfigError


def read(tmp_path: Path, text: str) -> ObserveSettings | None:
    """Return what a configuration of this text says."""
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load(environment=from_variables({"HOME": str(tmp_path), "WARDEN_CONFIG": str(file)})).observe


def test_nothing_is_watched_by_default(tmp_path: Path) -> None:
    """Without these tables there is nothing: an idle run pays nothing for them."""
    assert read(tmp_path, 'agent = "x"\n') is None


def test_everything_can_be_set(tmp_path: Path) -> None:
    """Each key arrives, with paths taken from the file's directory and times in seconds."""
    found = read(
        tmp_path,
        '[log]\nformat = "json"\nlevel = "debug"\n[metrics]\nlisten = "[::1]:0"\ntextfile = "w.prom"\n'
        '[trace]\nendpoint = "http://127.0.0.1:4318/"\n[notify]\nwebhook_url = "https://a.example/hook"\n'
        'webhook_secret_file = "s"\napprise_command = ["pass", "show"]\nremind_after = "90m"\nper_hour = 3\n'
        'digest_over = 2\nquiet_hours = ["22:00-06:00"]\nurgent = ["run-failed"]\n',
    )
    assert found is not None
    assert (found.log_format, found.log_level, found.listen) == ("json", "debug", ("::1", 0))
    assert (found.textfile, found.trace_endpoint) == (tmp_path / "w.prom", "http://127.0.0.1:4318")
    notify = found.notify
    assert (notify.webhook_url, notify.webhook_secret.file) == ("https://a.example/hook", tmp_path / "s")
    assert (notify.apprise.command, notify.remind_after_s, notify.per_hour) == (("pass", "show"), 5400.0, 3)
    assert (notify.digest_over, notify.quiet_hours, notify.urgent) == (2, ("22:00-06:00",), ("run-failed",))
    assert notify.is_set
    assert not NotifySettings().is_set


@pytest.mark.parametrize(
    "text",
    [
        '[log]\nformat = "xml"\n',
        '[log]\nlevel = "loud"\n',
        '[metrics]\nlisten = "9464"\n',
        '[metrics]\nlisten = "127.0.0.1:70000"\n',
        '[metrics]\nlisten = "a b:1"\n',
        '[metrics]\ntextfile = "metrics.txt"\n',
        '[trace]\nendpoint = "http://user:pw@127.0.0.1"\n',
        '[trace]\nendpoint = "ftp://127.0.0.1"\n',
        '[notify]\nwebhook_url = "https://a.example/?token=x"\nwebhook_secret_file = "s"\n',
        '[notify]\napprise_file = "a"\nremind_after = "soon"\n',
        '[notify]\napprise_file = "a"\napprise_variable = "B"\n',
        '[notify]\napprise_file = "a"\nurgent = ["Not A Code"]\n',
        '[notify]\nwebhook_secret = "whsec_abc"\n',
        "[notify]\nper_hour = 0\n",
    ],
)
def test_what_does_not_hold_is_refused(tmp_path: Path, text: str) -> None:
    """A value that cannot be meant is refused by name, and no secret is taken in the open."""
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    assert "whsec_abc" not in refused.value.message + refused.value.hint


def test_never_is_no_reminder(tmp_path: Path) -> None:
    """`never` turns reminders off."""
    found = read(tmp_path, '[notify]\napprise_file = "a"\nremind_after = "never"\n')
    assert found is not None
    assert found.notify.remind_after_s is None
