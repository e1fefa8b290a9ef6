"""The policy directory: whole sets, the last good one, signatures, and history."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from charter_files import charter
from policy_matrix import base
from warden.config.policies import (
    CURRENT,
    LAST_GOOD,
    MAX_FILE_BYTES,
    NONE_GOOD,
    PolicyFile,
    PolicyHistory,
    PolicySet,
    Trust,
    load_policies,
    policy_stamp,
    read_policy_dir,
    set_digest,
)
from warden.config.policy_history import KEPT, restore
from warden.config.signatures import check_charter_signature, make_key, read_key, sign, verifies
from warden.errors import ConfigError, GateError, InputError, StateError
from warden.model.request import Effect
from warden.policy import Kernel

ALLOW = b"version: v1\nrules: [{id: yes, decision: allow}]\n"
DENY = b"version: v1\nrules: [{id: no, decision: deny}]\n"
BROKEN = b"rules: [{id: a, decison: allow}]\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty policy directory."""
    directory = tmp_path / "policies"
    directory.mkdir()
    return directory


@pytest.fixture
def history(tmp_path: Path) -> PolicyHistory:
    """A history that holds nothing."""
    return PolicyHistory(tmp_path / "state" / "policies")


def decide(policies: PolicySet) -> Effect:
    """What the charter and these policies say about a reply with every fact in order."""
    return Kernel(charter(), policies.layers).evaluate(base("reply")).effect


def test_every_file_is_a_layer_and_a_missing_directory_has_none(place: Path, history: PolicyHistory) -> None:
    """Files become layers by name; dot files are left alone; no directory is a set without files."""
    (place / "b.yaml").write_bytes(ALLOW)
    (place / "a.yml").write_bytes(DENY)
    (place / ".hidden.yaml").write_bytes(BROKEN)
    found = load_policies(place, Trust(), history)
    assert [layer.name for layer in found.layers] == ["a.yml", "b.yaml"]
    assert (found.source, found.alerts) == (CURRENT, ())
    assert load_policies(place / "nowhere", Trust(), history).layers == ()


@pytest.mark.parametrize("damage", [BROKEN, b"\xff", b"", b"#" * (MAX_FILE_BYTES + 1)])
def test_a_bad_file_leaves_the_last_good_set_in_force(place: Path, history: PolicyHistory, damage: bytes) -> None:
    """When a file turns bad the earlier set stays in force with an alert, also for a process that starts later."""
    (place / "p.yaml").write_bytes(DENY)
    good = load_policies(place, Trust(), history)
    (place / "p.yaml").write_bytes(damage)
    for store in (history, PolicyHistory(history.directory)):
        found = load_policies(place, Trust(), store)
        assert found.source == LAST_GOOD
        assert found.digest == good.digest
        assert len(found.alerts) == 2
        assert decide(found) is Effect.DENY
    (place / "p.yaml").write_bytes(ALLOW)
    assert load_policies(place, Trust(), history).source == CURRENT


def test_one_bad_file_holds_back_the_whole_set(place: Path, history: PolicyHistory) -> None:
    """A good file beside a bad one does not take force alone: the set is loaded whole or not at all."""
    (place / "a.yaml").write_bytes(DENY)
    load_policies(place, Trust(), history)
    (place / "a.yaml").write_bytes(ALLOW)
    (place / "b.yaml").write_bytes(BROKEN)
    found = load_policies(place, Trust(), history)
    assert found.source == LAST_GOOD
    assert decide(found) is Effect.DENY


@pytest.mark.parametrize("how", ["never", "pointer", "contents", "garbage"])
def test_without_a_usable_good_set_everything_is_denied(place: Path, history: PolicyHistory, how: str) -> None:
    """No earlier set, or one that was tampered with in the state directory, means that nothing is allowed."""
    if how != "never":
        (place / "p.yaml").write_bytes(ALLOW)
        load_policies(place, Trust(), history)
        kept = next(history.directory.glob("*.json"))
        if how == "pointer":
            (history.directory / "last-good").write_text("sha256:" + "0" * 64)
        else:
            text = kept.read_text()
            kept.write_text("[" if how == "garbage" else text.replace('"name": "p.yaml"', '"name": "q.yaml"'))
    (place / "p.yaml").write_bytes(BROKEN)
    found = load_policies(place, Trust(), history)
    assert found.source == NONE_GOOD
    assert found.alerts[-1].endswith("everything is denied")
    assert decide(found) is Effect.DENY


def test_a_look_without_remembering_leaves_nothing(place: Path, history: PolicyHistory) -> None:
    """A command that only looks does not write the state directory."""
    (place / "p.yaml").write_bytes(ALLOW)
    load_policies(place, Trust(), history, remember=False)
    assert not history.directory.exists()


def test_a_state_directory_that_cannot_be_written_is_an_alert(place: Path, tmp_path: Path) -> None:
    """A good set that cannot be kept is in force all the same, with an alert."""
    (tmp_path / "file").write_text("")
    (place / "p.yaml").write_bytes(DENY)
    found = load_policies(place, Trust(), PolicyHistory(tmp_path / "file" / "policies"))
    assert found.source == CURRENT
    assert len(found.alerts) == 1
    assert decide(found) is Effect.DENY


def test_a_file_that_is_no_policy_is_refused(place: Path) -> None:
    """A file with another suffix may be a misspelt policy, so it does not go unnoticed."""
    (place / "p.yaml.bak").write_bytes(ALLOW)
    with pytest.raises(ConfigError, match="no policy file"):
        read_policy_dir(place)


@pytest.mark.parametrize("name", ["a b.yaml", "é.yaml", "-x.yaml", "a" * 101 + ".yaml", "a\nb.yaml"])
def test_a_name_that_the_ledger_could_not_hold_is_refused(place: Path, name: str) -> None:
    """A file's name stands in rule ids, so it is short and plain."""
    (place / name).write_bytes(ALLOW)
    with pytest.raises(ConfigError, match="no name for a policy file"):
        read_policy_dir(place)


def test_what_is_no_file_is_refused_without_being_opened(place: Path) -> None:
    """A directory or a pipe under a policy's name is refused; a pipe would keep a reader waiting for ever."""
    os.mkfifo(place / "p.yaml")
    with pytest.raises(ConfigError, match="no regular file"):
        read_policy_dir(place)
    (place / "p.yaml").unlink()
    (place / "q.yaml").mkdir()
    with pytest.raises(ConfigError, match="no regular file"):
        read_policy_dir(place)


def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A private key and its public key."""
    private = tmp_path / f"key{len(list(tmp_path.iterdir()))}"
    return private, make_key(private)


def put_signed(place: Path, name: str, data: bytes, private: Path) -> None:
    """Write a file and its signature."""
    (place / name).write_bytes(data)
    (place / f"{name}.sig").write_bytes(sign(data, read_key(private)))


def test_required_signatures_must_be_there_and_right(place: Path, history: PolicyHistory, tmp_path: Path) -> None:
    """With signatures required, unsigned, wrongly signed, strangely signed and changed files do not take force."""
    private, public = keys(tmp_path)
    other, _ = keys(tmp_path)
    trust = Trust((public,), required=True)
    put_signed(place, "p.yaml", ALLOW, private)
    assert load_policies(place, trust, history).source == CURRENT
    put_signed(place, "p.yaml", DENY, other)
    assert load_policies(place, trust, history).source == LAST_GOOD
    put_signed(place, "p.yaml", DENY, private)
    (place / "p.yaml").write_bytes(ALLOW)
    assert load_policies(place, trust, history).source == LAST_GOOD
    for odd in (b"", b"x" * 63, b"x" * 64, b"x" * 65):
        (place / "p.yaml.sig").write_bytes(odd)
        assert load_policies(place, trust, history).source == LAST_GOOD
    (place / "p.yaml.sig").unlink()
    found = load_policies(place, trust, history)
    assert found.source == LAST_GOOD
    assert "not signed" in found.alerts[0]


def test_a_last_good_set_must_still_be_signed(place: Path, history: PolicyHistory, tmp_path: Path) -> None:
    """When the key is changed, an old set that the new key did not sign is not fallen back on."""
    private, public = keys(tmp_path)
    _, new = keys(tmp_path)
    put_signed(place, "p.yaml", ALLOW, private)
    load_policies(place, Trust((public,), required=True), history)
    assert load_policies(place, Trust((new,), required=True), history).source == NONE_GOOD


def test_a_wrong_signature_counts_when_there_is_a_key_to_check_it(
    place: Path, history: PolicyHistory, tmp_path: Path
) -> None:
    """Without a requirement an unsigned file is fine, but a signature that a known key did not make is not."""
    _, public = keys(tmp_path)
    other, _ = keys(tmp_path)
    (place / "p.yaml").write_bytes(ALLOW)
    assert load_policies(place, Trust((public,)), history).source == CURRENT
    put_signed(place, "p.yaml", ALLOW, other)
    assert load_policies(place, Trust((public,)), history).source == LAST_GOOD
    assert load_policies(place, Trust(), history).source == CURRENT
    assert load_policies(place, Trust((), required=True), history).source == NONE_GOOD


def test_a_key_that_cannot_be_used_is_told(place: Path, history: PolicyHistory, tmp_path: Path) -> None:
    """A key file that is missing or holds no key keeps policies from loading, and says which."""
    (tmp_path / "odd").write_bytes(b"short")
    for path in (tmp_path / "odd", tmp_path / "gone"):
        found = load_policies(place, Trust((path,)), history)
        assert found.source != CURRENT
        assert path.name in found.alerts[0]


def test_a_key_is_read_raw_or_as_text(tmp_path: Path) -> None:
    """A key file may hold 32 raw bytes, base64 or hexadecimal, with a line end or without."""
    private, _ = keys(tmp_path)
    key = read_key(private)
    for text in (key, key.hex().encode(), private.read_bytes(), private.read_bytes().strip()):
        (tmp_path / "copy").write_bytes(text)
        assert read_key(tmp_path / "copy") == key


def test_a_private_key_is_private_and_never_overwritten(tmp_path: Path) -> None:
    """Only its owner can read a new private key, and an existing file stays as it is."""
    private, public = keys(tmp_path)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes()
    with pytest.raises(StateError, match="exists"):
        make_key(private)
    assert private.read_bytes() == before
    assert verifies(b"x", sign(b"x", read_key(private)), read_key(public))
    with pytest.raises(StateError):
        make_key(tmp_path / "nowhere" / "key")


def test_the_charter_can_be_held_to_a_signature(tmp_path: Path) -> None:
    """With a key for the charter, a missing or wrong signature is refused with exit status 4."""
    private, public = keys(tmp_path)
    rules = b"the rules"
    check_charter_signature(rules, sign(rules, read_key(private)), public)
    for signature in (None, b"x" * 64, sign(rules + b" ", read_key(private))):
        with pytest.raises(GateError) as caught:
            check_charter_signature(rules, signature, public)
        assert caught.value.exit_status == 4


def test_history_lists_finds_and_prunes(history: PolicyHistory) -> None:
    """Kept sets are found by the beginning of their digest; the newest good one is marked and outlives the others."""
    assert history.sets() == ()
    assert history.last_good() is None
    first = (PolicyFile("p.yaml", ALLOW),)
    history.keep(first)
    for number in range(KEPT + 3):
        history.keep((PolicyFile("p.yaml", DENY + b"#" * number),), good=False)
    kept = history.sets()
    assert len(kept) <= KEPT + 1
    assert history.last_good() == first
    digest = set_digest(first)
    assert [item.last_good for item in kept if item.digest == digest] == [True]
    assert history.find(digest) == first
    assert history.find(digest.removeprefix("sha256:")[:12]) == first
    for wanted in ("", "zz", "sha256:"):
        with pytest.raises(InputError):
            history.find(wanted)


def test_a_set_is_restored_exactly(place: Path) -> None:
    """Files and signatures come back, what was added since goes, dot files stay."""
    (place / "extra.yaml").write_bytes(DENY)
    (place / "extra.yaml.sig").write_bytes(b"s")
    (place / ".note").write_bytes(b"n")
    files = (PolicyFile("p.yaml", ALLOW, b"x" * 64), PolicyFile("q.yaml", DENY))
    restore(place, files, ".sig")
    assert read_policy_dir(place) == files
    assert sorted(path.name for path in place.iterdir()) == [".note", "p.yaml", "p.yaml.sig", "q.yaml"]


def test_a_damaged_history_cannot_write_outside_its_place(history: PolicyHistory) -> None:
    """A kept set whose file names lead elsewhere is not a set."""
    history.keep((PolicyFile("p.yaml", ALLOW),))
    kept = next(history.directory.glob("*.json"))
    kept.write_text(kept.read_text().replace("p.yaml", "../p.yaml"))
    assert history.sets() == ()


def test_a_stamp_changes_with_the_directory(place: Path) -> None:
    """A long run sees by the stamp, without reading files, that it must load the policies again."""
    empty = policy_stamp(place)
    (place / "p.yaml").write_bytes(ALLOW)
    one = policy_stamp(place)
    (place / "p.yaml").write_bytes(ALLOW + b"#")
    two = policy_stamp(place)
    (place / "p.yaml.sig").write_bytes(b"x")
    three = policy_stamp(place)
    assert len({empty, one, two, three}) == 4
    assert policy_stamp(place) == three
    assert policy_stamp(place / "nowhere") == ""
