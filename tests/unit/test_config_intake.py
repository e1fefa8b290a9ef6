"""The table `[intake]`: what it gives, what it refuses, and that the rules are part of what the gate is bound to."""

from __future__ import annotations

from pathlib import Path

import pytest

from warden.cli.run_parts import with_orders
from warden.config.environment import from_variables
from warden.config.load import Overrides, load
from warden.config.settings import Settings
from warden.errors import ConfigError, InputError

SOURCE = '[intake.sources.forge]\nkind = "gitea"\nkey_file = "forge.key"\n'


def read(directory: Path, text: str) -> Settings:
    """Return the settings of a file with this text."""
    file = directory / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load(Overrides(config=file, state_dir=directory), from_variables({"HOME": str(directory)}))


def test_without_the_table_nothing_is_taken_in(tmp_path: Path) -> None:
    """Most configurations have none."""
    assert read(tmp_path, "").intake is None


def test_a_source_has_defaults_and_places(tmp_path: Path) -> None:
    """A key's place is taken from the configuration's directory; people of all sources and of one are joined."""
    text = (
        '[intake]\nlisten = "[::1]:9000"\nrules = "t.yaml"\nowners = ["Alice"]\nworkflow_key_variable = "W"\n'
        '[intake.sources.forge]\nkind = "gitea"\nkey_files = ["a", "/b"]\nkey_command = ["get", "key"]\n'
        'collaborators = ["bob"]\nurl = "https://git.example/"\ntoken_variable = "T"\nrepositories = ["o/r"]\n'
        '[intake.sources.ci]\nkind = "hmac"\nheader = "X-Sig"\nprefix = "v1="\nalgorithm = "sha512"\nencoding = "base64"\n'
        'tolerance_s = 60\nkey_variable = "K"\nowners = []\n'
    )
    intake = read(tmp_path, text).intake
    assert intake is not None
    assert (intake.host, intake.port, intake.rules) == ("::1", 9000, tmp_path / "t.yaml")
    assert intake.workflow_key.variable == "W"
    forge, ci = intake.sources
    assert [key.place for key in forge.keys] == [f"file `{tmp_path}/a`", "file `/b`", "command `get`"]
    assert (forge.format, forge.url, forge.token.variable) == ("gitea", "https://git.example", "T")
    assert (forge.people.owners, forge.people.collaborators) == (frozenset({"alice"}), frozenset({"bob"}))
    assert (ci.format, ci.header, ci.prefix, ci.algorithm, ci.encoding) == (
        "generic",
        "x-sig",
        "v1=",
        "sha512",
        "base64",
    )
    assert ci.people.owners == frozenset()
    assert intake.source("ci") == ci
    assert intake.source("other") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[intake]\nlisten = "localhost"\n', "not an address"),
        ('[intake]\nlisten = "h:70000"\n', "not an address"),
        ("[intake]\nbody_bytes = 5\n", "between"),
        ("[intake.sources]\nforge = 5\n", "not a source"),
        ('[intake.sources."A b"]\nkind = "gitea"\n', "not a source"),
        ('[intake.sources.forge]\nkind = "gitea"\n', "has no key"),
        ('[intake.sources.forge]\nkey_file = "k"\n', "is not known"),
        (f"{SOURCE}secret = 'x'\n", "unknown key `secret`"),
        (f"{SOURCE}header = 'a b'\n", "name of a header"),
        (f"{SOURCE}prefix = 5\n", "short text"),
        (f"{SOURCE}tolerance_s = 0\n", "between"),
        (f"{SOURCE}owners = 'alice'\n", "list of names"),
        (f"{SOURCE}owners = ['a b']\n", "list of names"),
        (f"{SOURCE}key_files = 'k'\n", "must be a list"),
        (f"{SOURCE}key_files = {['k'] * 8}\n", "more than 8 keys"),
        (f"{SOURCE}key_command = 'get key'\n", "where the secret is"),
        (f"{SOURCE}key_variable = 'a-b'\n", "where the secret is"),
        (f"{SOURCE}token_file = 't'\ntoken_variable = 'T'\n", "in several ways"),
        (f"{SOURCE}url = 'ftp://x'\n", "not the URL"),
        ('[intake]\nworkflow_key_file = "a"\nworkflow_key_variable = "B"\n', "in several ways"),
    ],
)
def test_what_does_not_hold_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    """Every refusal names the key, and none of them a value of a secret."""
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    assert words in refused.value.message


def test_the_digest_of_what_proposes_changes_with_the_rules(tmp_path: Path) -> None:
    """The gate of unattended running is bound to it; without rules for events it is the brain's alone."""
    settings = read(tmp_path, f'[intake]\nrules = "t.yaml"\n{SOURCE}')
    with pytest.raises(InputError):
        with_orders(settings, "sha256:b")
    (tmp_path / "t.yaml").write_text("version: 1\n", encoding="utf-8")
    first = with_orders(settings, "sha256:b")
    (tmp_path / "t.yaml").write_text("version: 2\n", encoding="utf-8")
    assert len({first, with_orders(settings, "sha256:b"), "sha256:b"}) == 3
    assert with_orders(read(tmp_path, f"[intake]\n{SOURCE}"), "sha256:b") == "sha256:b"
