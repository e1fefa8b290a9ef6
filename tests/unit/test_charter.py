"""The packaged charter: its pin, its examples, its refusals, and what lowering a limit does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from charter_files import DIRECTORY, charter, charter_bytes, charter_kernel
from policy_matrix import base, counted
from warden.config.charter import read_packaged_charter
from warden.documents.cases import load_cases
from warden.documents.charter import load_charter
from warden.documents.pin import charter_digest, check_pin
from warden.errors import CharterError, ConfigError
from warden.model.digests import digest_bytes
from warden.model.request import Effect
from warden.policy import Kernel, Tier
from warden.policy.cases import Case, run_cases
from warden.policy.charter import LIMIT_NAMES

EXAMPLES = load_cases(charter_bytes()["examples.yaml"], "examples.yaml")


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case.name)
def test_each_example_of_the_charter_is_decided_as_written(case: Case) -> None:
    """The charter's examples hold: effect, deciding rules, and whether the message is held for later."""
    (result,) = run_cases([case], charter_kernel().evaluate)
    assert result.failures == ()


def test_every_rule_has_an_example_that_it_decides() -> None:
    """No rule of the charter stands without an example, and none is named only in the prose."""
    named = {rule for case in EXAMPLES for rule in case.rules}
    assert {f"charter/{rule.id}" for rule in charter().rules} <= named


def test_the_prose_names_every_rule_kind_and_limit() -> None:
    """The page that people and models read explains every rule and kind, and states the numbers that are in force."""
    prose = charter().prose
    for rule in charter().rules:
        assert f"`{rule.id}`" in prose
    for kind in charter().kinds:
        assert f"`{kind}`" in prose
    plain = prose.replace("\u202f", "").replace(" 000", "000").replace("16 384", "16384")
    for name in LIMIT_NAMES:
        assert str(getattr(charter().limits, name)) in plain


def test_the_tiers_are_those_of_the_messaging_charter() -> None:
    """Messaging kinds are automatic, changes are for a person, and only an operator's rule starts scripts and workloads."""
    kinds = charter_kernel().kinds
    automatic = {"route_answer", "reply", "progress_note", "mark_read", "audit_event", "escalate", "skip"}
    assert {name for name, tier in kinds.items() if tier is Tier.AUTO} == automatic
    review = {"respond", "propose_catalog_diff", "change_code", "change_routing", "change_config"}
    assert {name for name, tier in kinds.items() if tier is Tier.REVIEW} == review
    ordered = {"run_script", "start_workload", "send_trigger"}
    assert {name for name, tier in kinds.items() if tier is Tier.OPERATOR} == ordered
    assert set(kinds) == automatic | review | ordered


def test_every_kind_with_a_body_is_denied_unless_its_text_was_looked_at() -> None:
    """A kind that carries text is never allowed while nobody excluded a secret."""
    for name, kind in charter().kinds.items():
        if kind.body:
            assert charter_kernel().evaluate(replace(base(name), secrets_present=None)).effect is Effect.DENY


def test_the_installed_copy_is_the_source_and_its_pin_holds() -> None:
    """The packaged charter passes its pin and is byte for byte the charter of the source tree."""
    files, pins = read_packaged_charter()
    check_pin(files, pins)
    assert files["charter.yaml"] == (DIRECTORY / "charter.yaml").read_bytes()
    assert files["charter.md"] == (DIRECTORY / "charter.md").read_bytes()
    assert {"charter.yaml", "charter.md", "examples.yaml"} <= set(pins)
    assert "catalog.yaml" not in pins


@pytest.mark.parametrize("name", ["charter.yaml", "charter.md", "examples.yaml"])
def test_a_changed_or_missing_pinned_file_is_refused(name: str) -> None:
    """One changed byte, or a file that is gone, stops everything with exit status 4."""
    files = charter_bytes()
    pins = {key: digest_bytes(data) for key, data in files.items() if key != "catalog.yaml"}
    check_pin(files, pins)
    for broken in ({**files, name: files[name] + b" "}, {key: data for key, data in files.items() if key != name}):
        with pytest.raises(CharterError, match=name) as caught:
            check_pin(broken, pins)
        assert caught.value.exit_status == 4


@pytest.mark.parametrize("name", ["charter.yaml", "charter.md"])
def test_a_pin_that_leaves_out_the_charter_is_refused(name: str) -> None:
    """A pin that does not cover rules and prose is no pin."""
    files = charter_bytes()
    pins = {key: digest_bytes(data) for key, data in files.items() if key != name}
    with pytest.raises(CharterError, match="does not cover"):
        check_pin(files, pins)


def test_a_directory_without_a_pin_is_refused(tmp_path: Path) -> None:
    """No pin, a broken pin and no directory at all are each a refusal, not a traceback."""
    for content in (None, b"{", b"[]", b'{"charter.yaml": 1}'):
        if content is not None:
            (tmp_path / "pin.json").write_bytes(content)
        with pytest.raises(CharterError):
            read_packaged_charter(tmp_path)
    with pytest.raises(CharterError):
        read_packaged_charter(tmp_path / "nowhere")
    (tmp_path / "pin.json").write_text(json.dumps({"a": "sha256:0"}))
    assert read_packaged_charter(tmp_path) == ({}, {"a": "sha256:0"})


def test_the_digest_covers_rules_and_prose() -> None:
    """Changing either the rules or the prose gives another charter digest; the examples are outside it."""
    files = charter_bytes()
    digest = charter_digest(files)
    assert charter().digest == digest == charter_kernel().charter_digest
    assert charter_digest({**files, "charter.md": b"x"}) != digest
    assert charter_digest({**files, "charter.yaml": b"x"}) != digest
    assert charter_digest({**files, "examples.yaml": b"x"}) == digest


BROKEN = [
    ("schema: warden.charter/1", "schema: warden.charter/2"),
    ("tier: auto", "tier: automatic"),
    ("actions_per_run: 5000", "actions_per_run: -1"),
    ("actions_per_run: 5000", "actions_per_rum: 5000"),
    ("{hops: hops}", "{hops: nothing}"),
    ("{hops: hops}", "{nothing: hops}"),
    ("risk_tags: [over_hops]", "risk_tags: [unheard_of]"),
    ("{recipient: sender}", "{recipient: nobody}"),
    ('{recipient_is_sender: ["true"]}', '{unknown_label: ["true"]}'),
    ("id: sender-rate", "id: thread-rate"),
    ("retry_after_s: 900\n", "\n"),
    ("kinds: [route_answer, reply, progress_note, mark_read]", "kinds: [no_such_kind]"),
    ("      secrets_not_excluded: true\n", ""),
    ("discharges: [max_body_bytes]", "discharges: [max_mischief]"),
    ("decision: require_approval", "decision: allow"),
    ('version: "1"', 'version: ""'),
]


@pytest.mark.parametrize(("old", "new"), BROKEN)
def test_a_charter_that_does_not_make_sense_is_refused(old: str, new: str) -> None:
    """Names that mean nothing, rules without a condition and unknown words stop warden, naming the place."""
    files = charter_bytes()
    text = files["charter.yaml"].decode()
    assert old in text
    with pytest.raises(CharterError, match=r"charter\.yaml:\d+"):
        load_charter({**files, "charter.yaml": text.replace(old, new, 1).encode()})


@pytest.mark.parametrize("name", ["charter.yaml", "charter.md"])
def test_a_missing_or_undecodable_charter_is_refused(name: str) -> None:
    """Without rules or prose, or with bytes that are no text, there is no charter."""
    files = charter_bytes()
    with pytest.raises(CharterError):
        load_charter({key: data for key, data in files.items() if key != name})
    with pytest.raises(CharterError):
        load_charter({**files, name: b"\xff\xfe"})


@pytest.mark.parametrize("name", LIMIT_NAMES)
def test_configuration_lowers_a_limit_and_never_raises_it(name: str) -> None:
    """Each limit can be lowered to anything down to 0; one more than the charter's number is refused."""
    ceiling = getattr(charter().limits, name)
    assert getattr(Kernel(charter(), (), {name: 0}).limits, name) == 0
    assert getattr(Kernel(charter(), (), {name: ceiling}).limits, name) == ceiling
    for wrong in (ceiling + 1, -1, True, 1.5, "3"):
        with pytest.raises(ConfigError):
            Kernel(charter(), (), {name: wrong})  # type: ignore[dict-item]


def test_an_unknown_limit_is_refused() -> None:
    """A limit that the charter does not have cannot be set."""
    with pytest.raises(ConfigError, match="unknown limit"):
        Kernel(charter(), (), {"replies": 1})


def test_a_lowered_limit_is_in_force_and_in_the_snapshot() -> None:
    """A lowered limit stops what the charter alone would allow, and the snapshot says that another number is in force."""
    lowered = Kernel(charter(), (), {"replies_per_thread_hour": 1})
    request = counted(base("reply"), replies_in_thread_hour=1)
    assert charter_kernel().evaluate(request).effect is Effect.ALLOW
    assert lowered.evaluate(request).effect is Effect.DENY
    assert lowered.evaluate(request).retry_after_s == 900
    assert lowered.snapshot != charter_kernel().snapshot
    assert lowered.charter_digest == charter_kernel().charter_digest
