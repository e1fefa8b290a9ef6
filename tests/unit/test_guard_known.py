"""Enrolled values: refused when weak, recognised without being kept, on disk only as fingerprints."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warden.errors import InputError, StateError
from warden.guard import GuardScanner
from warden.guard.known import KnownSecrets, classes_of, enrolled_forms, make_fingerprint
from warden.model.fingerprint import Fingerprint
from warden.store.fingerprints import FingerprintFiles
from warden.testing.guard_samples import draw

KEY = bytes(range(32))
VALUE = draw("{v30}", Random(9)).encode()
OTHER = draw("{v24}", Random(8)).encode()
KNOWN = KnownSecrets(KEY, [make_fingerprint(KEY, "one", VALUE), make_fingerprint(KEY, "two", OTHER)])


@pytest.mark.parametrize("weak", [b"", b"short", b"aaaaaaaaaaaa", b"12345678901", b"abababab", b"x" * 70_000])
def test_refuses_weak_values(weak: bytes) -> None:
    """A value that ordinary text would match, or a whole file, is not enrolled, and the message does not quote it."""
    with pytest.raises(InputError) as caught:
        make_fingerprint(KEY, "weak", weak)
    assert not weak or weak.decode() not in caught.value.message


@settings(max_examples=25)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_finds_values_in_any_bytes(before: bytes, after: bytes) -> None:
    """Each enrolled value is found exactly where it stands, whatever is round it."""
    data = before + VALUE + after + OTHER + before
    found = list(KNOWN.find(data))
    assert (len(before), len(before) + len(VALUE)) in found
    assert [data[start:end] for start, end in found] == [VALUE, OTHER]


@pytest.mark.parametrize("place", [10, 3_000, 5_900])
def test_long_value_is_found_when_one_escape_changes_it(place: int) -> None:
    """Forms of a long text are looked at where they differ; an enrolled value may reach further than that."""
    random = Random(7)
    value = " ".join(draw("{w9}", random) for _ in range(600))
    scanner = GuardScanner(KnownSecrets(KEY, [make_fingerprint(KEY, "long", value.encode())]))
    escaped = value[:place] + f"\\u{ord(value[place]):04x}" + value[place + 1 :]
    text = "so it was said\n" * 900 + escaped + "\nso it was said" * 900
    start = text.index(escaped)
    assert (start, start + len(escaped)) in [(f.start, f.end) for f in scanner.scan(text) if f.kind == "known_secret"]


def test_finds_across_chunks() -> None:
    """The place where long data is cut for hashing hides nothing."""
    for at in (16_384 - 31, 16_384 - 8, 16_384 - 7, 16_384 - 1, 16_384, 16_385):
        data = b"." * at + VALUE + b"." * 50
        assert list(KNOWN.find(data)) == [(at, at + len(VALUE))]


@given(st.binary(max_size=400))
def test_finds_nothing_else(data: bytes) -> None:
    """Bytes that do not hold a value are not taken for one."""
    assert VALUE in data or OTHER in data or list(KNOWN.find(data)) == []


def test_a_value_is_tied_to_its_key() -> None:
    """Fingerprints of one installation say nothing under the key of another."""
    foreign = KnownSecrets(b"z" * 32, [make_fingerprint(KEY, "one", VALUE)])
    assert list(foreign.find(VALUE)) == []
    assert make_fingerprint(KEY, "one", VALUE).seal != make_fingerprint(b"z" * 32, "one", VALUE).seal


def test_a_fingerprint_means_the_same_in_every_version() -> None:
    """What was enrolled once is found by every later version: mark, seal and classes of a value never change."""
    told = make_fingerprint(KEY, "one", b"Kd8sQ2mZx7Lw")
    assert (told.size, told.mark, told.classes) == (12, 265_998, 7)
    assert told.seal.hex() == "de0f11266f6374e2022094497cfcbc96"


def test_nothing_of_a_value_is_kept() -> None:
    """A fingerprint and what holds it show no part of the value."""
    one = make_fingerprint(KEY, "one", VALUE)
    told = repr(one) + repr(KNOWN) + repr(vars(KNOWN))
    assert all(VALUE[i : i + 4].decode() not in told for i in range(len(VALUE) - 3))
    assert one.mark < 1 << 20


def test_held_values_need_no_fingerprint() -> None:
    """warden's own credentials are found as they are; short ones are left out."""
    known = KnownSecrets(b"", [], held=(VALUE, b"tiny"))
    assert list(known.find(b"tiny " + VALUE)) == [(5, 5 + len(VALUE))]
    assert len(known) == 1


def test_places_are_characters() -> None:
    """A finding counts characters, not bytes, also beside wide characters and lone surrogates."""
    text = "äé€😀\udc80 " + VALUE.decode() + " 😀"
    (finding,) = {(f.start, f.end) for f in GuardScanner(KNOWN).scan(text)}
    assert text[slice(*finding)] == VALUE.decode()


def test_the_digest_tells_sets_apart() -> None:
    """A scanner that knows other values has another digest."""
    assert len({GuardScanner().digest, GuardScanner(KNOWN).digest, GuardScanner(KnownSecrets(KEY, [])).digest}) == 2


def test_a_value_with_gaps_has_a_form_without() -> None:
    """A value that itself holds quotes or spaces is also found when gaps are left out."""
    value = b"correct horse 'battery' staple 42"
    known = KnownSecrets(KEY, [make_fingerprint(KEY, "one", form) for form in enrolled_forms(value)])
    assert GuardScanner(known).scan("correct horse\n'battery'\nstaple 42")


def test_keeps_fingerprints_privately(tmp_path: Path) -> None:
    """Key and fingerprints lie in separate files of mode 0600 and come back as they were."""
    files = FingerprintFiles(tmp_path / "state")
    assert files.load() == ()
    key = files.key()
    assert files.key() == key
    one, two = make_fingerprint(key, "one", VALUE), make_fingerprint(key, "two", OTHER)
    files.add([one])
    files.add([two])
    assert files.load() == (one, two)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (files.key_file, files.file)} == {0o600}
    assert VALUE not in files.file.read_bytes() + files.key_file.read_bytes()


@pytest.mark.parametrize(
    ("value", "bits"),
    [
        (b"az", 1),
        (b"AZ", 2),
        (b"09", 4),
        (b" \t\r\n", 8),
        (b"!~/@[`{:", 16),
        (b"\x00\x7f\x80\xff\x0b", 32),
        (b"a\xe9Z 7.", 63),
        (b"", 0),
    ],
)
def test_classes_of_a_value(value: bytes, bits: int) -> None:
    """Each class has a bit of its own, from its first member to its last."""
    assert classes_of(value) == bits
    for byte in value:
        assert classes_of(bytes([byte])) & bits


def test_run_of_other_classes_is_not_worth_a_seal() -> None:
    """A fingerprint of other classes is not compared, one without classes is compared with everything."""
    told = make_fingerprint(KEY, "one", VALUE)
    assert told.classes == classes_of(VALUE)
    for classes, is_found in ((told.classes, True), (0, True), (told.classes | 8, False), (1, False)):
        assert bool(list(KnownSecrets(KEY, [told._replace(classes=classes)]).find(b"x " + VALUE))) is is_found


def test_fingerprints_from_before_classes_were_noted_are_read(tmp_path: Path) -> None:
    """A line without classes is a fingerprint that is compared with everything."""
    files = FingerprintFiles(tmp_path)
    files.add([make_fingerprint(files.key(), "one", VALUE)])
    line = json.loads(files.file.read_text())
    del line["classes"]
    files.file.write_text(json.dumps(line) + "\n")
    (found,) = files.load()
    assert found.classes == 0
    assert list(KnownSecrets(files.key(), [found]).find(VALUE)) == [(0, len(VALUE))]


def test_replaces_and_forgets_by_name(tmp_path: Path) -> None:
    """Enrolling under a name again replaces what was there; forgetting says how many went."""
    files = FingerprintFiles(tmp_path)
    files.add([Fingerprint("a", 9, 1, b"x"), Fingerprint("a", 8, 2, b"y"), Fingerprint("b", 9, 3, b"z")])
    files.add([Fingerprint("a", 10, 4, b"w")])
    assert [(f.name, f.mark) for f in files.load()] == [("b", 3), ("a", 4)]
    assert files.forget("a") == 1
    assert files.forget("a") == 0
    assert [f.name for f in files.load()] == ["b"]


@pytest.mark.parametrize("content", [b"{}\n", b"nonsense\n", b'{"format": "other"}\n', b"\xff\n", b"[]\n"])
def test_a_damaged_file_stops_everything(tmp_path: Path, content: bytes) -> None:
    """Fingerprints that cannot be read are an error that names file and line, not an empty list."""
    files = FingerprintFiles(tmp_path)
    files.file.touch(0o600)
    files.file.write_bytes(content)
    with pytest.raises(StateError, match="line 1"):
        files.load()


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key or fingerprints that other users can read are not used."""
    files = FingerprintFiles(tmp_path)
    files.key()
    files.key_file.chmod(0o644)
    with pytest.raises(StateError, match="read by others"):
        files.key()


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    """A key file without a key is not replaced silently, because every fingerprint would be void."""
    files = FingerprintFiles(tmp_path)
    files.key_file.touch(0o600)
    with pytest.raises(StateError, match="not a key"):
        files.key()
