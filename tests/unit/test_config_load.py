"""Settings: where they come from, which wins, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warden.cli import compose
from warden.config import schema, settings
from warden.config.environment import from_variables, read_environment
from warden.config.load import Overrides, load
from warden.config.state import ensure_private_dir
from warden.errors import ConfigError, InputError, StateError
from warden.store.durable import make_directory


def load_text(tmp_path: Path, text: str, overrides: Overrides | None = None) -> settings.Settings:
    """Return the settings that a config.toml with this text gives."""
    file = tmp_path / "config.toml"
    file.write_text(text)
    return load(overrides or Overrides(config=file), from_variables({"HOME": str(tmp_path)}))


def refusal(tmp_path: Path, text: str) -> ConfigError:
    """Return the error that a config.toml with this text raises."""
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)
    return caught.value


def test_nothing_configured_gives_the_embedded_hub_below_home(tmp_path: Path) -> None:
    """Without a file, a variable or an option, everything has its default."""
    found = load(environment=from_variables({"HOME": str(tmp_path)}))
    assert found.agent == "ops-warden"
    assert found.hub.url is None
    assert found.config_file is None
    assert found.config_dir == tmp_path / ".config" / "ops-warden"
    assert found.state_dir == tmp_path / ".local" / "state" / "ops-warden"
    assert found.policy.dir == tmp_path / ".config" / "ops-warden" / "policies"
    assert found.hub_file.parent == found.locks_dir.parent == found.state_dir
    assert not found.state_dir.exists()


def test_the_xdg_directories_are_used_when_absolute(tmp_path: Path) -> None:
    """A relative XDG value counts as unset, as its specification says."""
    found = load(environment=from_variables({"HOME": "/h", "XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": "rel"}))
    assert found.config_dir == tmp_path / "ops-warden"
    assert found.state_dir == Path("/h/.local/state/ops-warden")


def test_the_command_line_wins_over_environment_over_file(tmp_path: Path) -> None:
    """Nearest to the person wins."""
    file = tmp_path / "config.toml"
    file.write_text('agent = "filed"\nstate_dir = "filed"\n[hub]\nurl = "https://filed.example"\n')
    variables = {"HOME": str(tmp_path), "WARDEN_CONFIG": str(file)}
    filed = load(environment=from_variables(variables))
    assert (filed.agent, filed.hub.url, filed.state_dir) == ("filed", "https://filed.example", tmp_path / "filed")
    moved = load(environment=from_variables({**variables, "WARDEN_STATE_DIR": "/varied"}))
    assert moved.state_dir == Path("/varied")
    said = load(
        Overrides(agent="said", hub="http://said.example/", state_dir=Path("/said"), brain="auto"),
        from_variables({**variables, "WARDEN_STATE_DIR": "/varied"}),
    )
    assert (said.agent, said.hub.url, said.state_dir, said.brain) == (
        "said",
        "http://said.example",
        Path("/said"),
        "auto",
    )
    embedded = load(Overrides(hub="embedded"), from_variables(variables))
    assert embedded.hub.url is None


def test_a_directory_may_be_named_as_configuration(tmp_path: Path) -> None:
    """`--config DIR` means the config.toml in it, if there is one."""
    assert load(Overrides(config=tmp_path), from_variables({})).config_file is None
    (tmp_path / "config.toml").write_text('agent = "x"')
    assert load(Overrides(config=tmp_path), from_variables({})).agent == "x"


def test_a_named_configuration_that_is_missing_is_refused(tmp_path: Path) -> None:
    """A typing error in --config never means the defaults."""
    with pytest.raises(ConfigError, match="no configuration file") as caught:
        load(Overrides(config=tmp_path / "nope.toml"), from_variables({}))
    assert caught.value.exit_status == 10


def test_every_key_of_the_table_can_be_set(tmp_path: Path) -> None:
    """A file with all keys loads, and the values arrive."""
    found = load_text(
        tmp_path,
        """
        agent = "a"
        brain = "rule"
        catalog = "catalog.yaml"
        state_dir = "/s"
        concurrency = 4
        retention_days = 7
        [hub]
        url = "https://hub.example/base/"
        profile = "classic"
        id = "hub-1"
        token_file = "token"
        connect_timeout_s = 1
        timeout_s = 2.5
        retries = 0
        [limits]
        replies_per_thread_hour = 1
        replies_per_sender_hour = 2
        actions_per_run = 3
        hops = 4
        [policy]
        dir = "rules"
        charter_public_key = "~/key"
        require_signatures = true
        keys = ["k1", "/k2"]
        """,
    )
    assert found.catalog == tmp_path / "catalog.yaml"
    assert (found.concurrency, found.retention_days) == (4, 7)
    assert (found.hub.url, found.hub.profile, found.hub.hub_id) == ("https://hub.example/base", "classic", "hub-1")
    assert found.hub.token.file == tmp_path / "token"
    assert (found.hub.connect_timeout_s, found.hub.timeout_s, found.hub.retries) == (1.0, 2.5, 0)
    assert found.limits == settings.Limits(1, 2, 3, 4)
    assert found.policy.dir == tmp_path / "rules"
    assert found.policy.charter_public_key == Path("~/key").expanduser()
    assert found.policy.require_signatures
    assert found.policy.keys == (tmp_path / "k1", Path("/k2"))


def test_the_other_credential_sources_and_an_inline_profile_arrive(tmp_path: Path) -> None:
    """A command stays a list; a profile may be a table."""
    found = load_text(tmp_path, '[hub]\ntoken_command = ["pass", "hub"]\n[hub.profile]\npaging = "none"\n')
    assert found.hub.token.command == ("pass", "hub")
    assert found.hub.profile == {"paging": "none"}
    assert load_text(tmp_path, '[hub]\ntoken_variable = "T"').hub.token.variable == "T"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agnet = 'x'", "`agnet`"),
        ("[hub]\nurll = 'x'", "`hub.urll`"),
        ("[hbu]\nurl = 'x'", "`hbu`"),
        ("url = 'x'", "`url`"),
        ("hub = 'x'", "`hub` must be a table"),
        ("agent = 3", "`agent`"),
        ("agent = ''", "`agent`"),
        ("agent = '-x'", "`agent`"),
        ("agent = '../x'", "`agent`"),
        ("concurrency = 0", "`concurrency`"),
        ("concurrency = true", "`concurrency`"),
        ("concurrency = 1.5", "`concurrency`"),
        ("concurrency = 99999999999999999999999", "`concurrency`"),
        ("[hub]\ntimeout_s = nan", "`hub.timeout_s`"),
        ("[hub]\ntimeout_s = inf", "`hub.timeout_s`"),
        ("[hub]\ntoken_command = 'pass hub'", "`hub.token_command`"),
        ("[hub]\ntoken_command = []", "`hub.token_command`"),
        ("[hub]\ntoken_command = ['a', 1]", "`hub.token_command`"),
        ("[hub]\ntoken_variable = 'a b'", "`hub.token_variable`"),
        ("[hub]\ntoken_file = 'a'\ntoken_variable = 'B'", "both set"),
        ("[policy]\nrequire_signatures = 'no'", "`policy.require_signatures`"),
        ('catalog = "a\\u0000b"', "`catalog`"),
        ("agent = 'x'\nagent = 'y'", "not TOML"),
        ("agent", "not TOML"),
        ("a = " + "[" * 5000, "config.toml"),
        ("[hub]\nurl = 'ftp://x'", "not the URL"),
        ("[hub]\nurl = 'https://user:pw@x'", "user or password"),
        ("[hub]\nurl = 'https://x/?q=1'", "base URL"),
        ("[hub]\nurl = 'https://'", "not the URL"),
        ("[hub]\nurl = 'http://x:99999'", "cannot be read"),
    ],
)
def test_what_the_table_does_not_have_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    """Every unknown key and every value out of bounds is refused, naming the key and what to do."""
    error = refusal(tmp_path, text)
    assert said in error.message
    assert error.hint
    assert error.exit_status == 10


def test_an_unknown_key_names_the_nearest_one(tmp_path: Path) -> None:
    """A typing error is answered with what was probably meant."""
    assert "`retention_days`" in refusal(tmp_path, "retention_dyas = 3").hint
    assert "`hub.url`" in refusal(tmp_path, "url = 'x'").hint


@pytest.mark.parametrize("name", ["replies_per_thread_hour", "replies_per_sender_hour", "actions_per_run", "hops"])
def test_no_limit_can_be_raised(tmp_path: Path, name: str) -> None:
    """One above the built-in bound is refused; the bound itself is allowed."""
    bound = getattr(settings.Limits(), name)
    assert getattr(load_text(tmp_path, f"[limits]\n{name} = {bound}").limits, name) == bound
    assert f"`limits.{name}`" in refusal(tmp_path, f"[limits]\n{name} = {bound + 1}").message
    assert f"`limits.{name}`" in refusal(tmp_path, f"[limits]\n{name} = -1").message


@pytest.mark.parametrize("key", ["token", "hub.token", "api_key", "hub.password", "OPENROUTER_API_KEY", "hub.secret"])
def test_a_secret_value_in_the_file_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    """The error says where to put it instead, and never says the value."""
    table, _, name = key.rpartition(".")
    error = refusal(tmp_path, (f"[{table}]\n" if table else "") + f"{name} = 'swordfish-9'")
    assert "_file" in error.hint
    assert "swordfish" not in error.message + error.hint


def test_a_syntax_error_does_not_repeat_the_line(tmp_path: Path) -> None:
    """What stands on a broken line could be a secret."""
    error = refusal(tmp_path, 'agent = "x"\ntoken = swordfish\n')
    assert "swordfish" not in error.message + error.hint
    assert "line 2" in error.message


def test_a_file_that_is_not_utf8_or_too_large_is_refused(tmp_path: Path) -> None:
    """Bytes are checked before they are parsed."""
    file = tmp_path / "config.toml"
    for data, said in ((b"agent = '\xff'", "UTF-8"), (b"#" * 300_000, "larger")):
        file.write_bytes(data)
        with pytest.raises(ConfigError, match=said):
            load(Overrides(config=file), from_variables({}))


def test_an_agent_on_the_command_line_is_checked_too() -> None:
    """An option is no way round the rules of the file."""
    with pytest.raises(ConfigError, match="cannot name an agent"):
        load(Overrides(agent="a b"), from_variables({}))


@given(
    st.dictionaries(
        st.sampled_from([*schema.BY_NAME, "x", "hub", "limits.zz"]), st.integers() | st.text() | st.booleans()
    )
)
def test_any_document_loads_or_is_refused(values: dict[str, object]) -> None:
    """No document brings anything out of the loader but settings or a `ConfigError`."""
    from warden.config.check import check_document

    document: dict[str, object] = {}
    for name, value in values.items():
        table, _, last = name.rpartition(".")
        target = document.setdefault(table, {}) if table else document
        if isinstance(target, dict):
            target[last] = value
    try:
        found = check_document(Path("config.toml"), document)
    except ConfigError as error:
        message = error.message
    else:
        message = ""
        assert set(found) <= set(schema.BY_NAME)
    assert message.isprintable()


def test_the_shown_defaults_are_the_real_ones(tmp_path: Path) -> None:
    """The reference prints `shown`; it must be what a missing key means."""
    found = load(environment=from_variables({"HOME": str(tmp_path)}))
    assert schema.BY_NAME["agent"].shown == found.agent
    assert schema.BY_NAME["brain"].shown == found.brain
    assert schema.BY_NAME["concurrency"].shown == str(found.concurrency)
    assert schema.BY_NAME["retention_days"].shown == str(found.retention_days)
    assert float(schema.BY_NAME["hub.timeout_s"].shown) == found.hub.timeout_s
    assert float(schema.BY_NAME["hub.connect_timeout_s"].shown) == found.hub.connect_timeout_s
    assert schema.BY_NAME["hub.retries"].shown == str(found.hub.retries)
    for name in ("replies_per_thread_hour", "replies_per_sender_hour", "actions_per_run", "hops"):
        assert schema.BY_NAME[f"limits.{name}"].shown == str(getattr(found.limits, name))


def test_settings_do_not_print_the_environment() -> None:
    """A settings value in a log or traceback shows no variable."""
    found = load(environment=from_variables({"HOME": "/h", "HUB_TOKEN": "swordfish"}))
    assert "swordfish" not in repr(found)


def test_the_real_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """`read_environment` looks at the process."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("WARDEN_DEBUG", "0")
    found = read_environment()
    assert found.no_color
    assert not found.debug


def test_the_state_directory_is_made_private(tmp_path: Path) -> None:
    """Mode 0700 on first use, whatever the umask; a second use changes nothing."""
    before = os.umask(0)
    try:
        made = ensure_private_dir(tmp_path / "a" / "state")
    finally:
        os.umask(before)
    assert made.stat().st_mode & 0o777 == 0o700
    assert ensure_private_dir(made) == made


@pytest.mark.parametrize("make", [ensure_private_dir, make_directory])
def test_missing_parents_are_private_too(make: Callable[[Path], object], tmp_path: Path) -> None:
    """Nobody else may put a file beside ours, whatever the umask: the XDG base directories ask for 0700."""
    before = os.umask(0)
    try:
        make(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b", "a/b/c")]
    assert modes == [0o700] * 3


def test_a_file_in_the_place_of_the_state_directory_is_said(tmp_path: Path) -> None:
    """The error names the path and the way out."""
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match="not a directory") as caught:
        ensure_private_dir(tmp_path / "state")
    assert "--state-dir" in caught.value.hint
    with pytest.raises(StateError):
        ensure_private_dir(tmp_path / "state" / "below")


def test_json_of_overrides_has_no_surprise() -> None:
    """Every override is None unless the command line says otherwise."""
    assert json.dumps([getattr(Overrides(), name) for name in Overrides.__slots__]) == json.dumps([None] * 6)


def test_a_pipe_is_no_configuration_file(tmp_path: Path) -> None:
    """A named pipe without a writer is refused at once, where reading it would wait for ever."""
    pipe = tmp_path / "config.toml"
    os.mkfifo(pipe)
    with pytest.raises(ConfigError, match="not an ordinary file"):
        compose.load_settings(config=pipe)


def test_a_pipe_is_no_catalogue(tmp_path: Path) -> None:
    """Nor is it a catalogue."""
    pipe = tmp_path / "catalog.yaml"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="not an ordinary file"):
        compose.load_catalog(compose.load_settings(catalog=pipe))
