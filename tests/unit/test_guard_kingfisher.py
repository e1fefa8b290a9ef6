"""The second opinion: joined when configured, an error when it is configured and missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from random import Random

import pytest

from warden.cli.guard_parts import build_guard
from warden.config.load import Overrides, load
from warden.errors import ConfigError
from warden.guard.union import UnionScanner
from warden.scanners.kingfisher import KingfisherScanner, is_installed, kind_of
from warden.testing.guard_samples import draw

TOKEN = draw("ghp_{w36}", Random(5))


def settings_file(directory: Path) -> Path:
    """Return a configuration that asks kingfisher as well."""
    file = directory / "config.toml"
    file.write_text("[guard]\nkingfisher = true\n")
    return file


def test_a_missing_scanner_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner that is configured and not installed stops the run and says what to install."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "kingfisher_sdk" else real(name))
    settings = load(Overrides(config=settings_file(tmp_path), state_dir=tmp_path / "state"))
    with pytest.raises(ConfigError) as caught:
        build_guard(settings)
    assert "ops-warden[secrets]" in caught.value.hint


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("betterleaks.github-pat", "github_token"),
        ("kingfisher.aws.1", "aws_token"),
        ("kingfisher.jwt.1", "jwt"),
        ("kingfisher.privkey.2", "private_key"),
        ("odd", "odd_token"),
        ("x.", "secret"),
    ],
)
def test_maps_their_rules_to_our_kinds(theirs: str, ours: str) -> None:
    """Every rule of theirs has a kind that can stand in a mark."""
    assert kind_of(theirs) == ours


@pytest.mark.slow
@pytest.mark.skipif(not is_installed(), reason="the extra `secrets` is not installed")
def test_joins_the_guard(tmp_path: Path) -> None:
    """Configured, it is asked as well: places are characters, notes to look away mean nothing, failures are findings."""
    settings = load(Overrides(config=settings_file(tmp_path), state_dir=tmp_path / "state"))
    scanner = KingfisherScanner(settings.scanner_cache_dir)
    assert scanner.prewarm() > 100
    text = f"é\ud800 {TOKEN} # kingfisher:ignore"
    (finding,) = scanner.scan(text)
    assert (text[finding.start : finding.end], finding.kind) == (TOKEN, "github_token")
    assert len(scanner.digest) == 64
    union = build_guard(settings)
    assert isinstance(union, UnionScanner)
    assert {f.rule_id.split(":")[0] for f in union.scan(text)} >= {"github"}
