"""A token is found in every declared encoding, at the right place, and nothing breaks the looking."""

from __future__ import annotations

import base64
import codecs
import html
import json
import quopri
import re
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warden.guard import GuardScanner, clean, redact
from warden.guard.encodings import ENCODINGS
from warden.guard.known import KnownSecrets, enrolled_forms, make_fingerprint
from warden.guard.scanner import MOST_CHARACTERS, WINDOW
from warden.testing.guard_samples import draw

KEY = b"k" * 32
VALUE = "Zq7#vT2m/Kd90+pLw_4x"
TOKEN = draw("ghp_{w36}", Random(5))
SCANNER = GuardScanner()


def knowing(value: str = VALUE) -> GuardScanner:
    """Return a scanner that knows `value`."""
    prints = [make_fingerprint(KEY, "one", form) for form in enrolled_forms(value.encode())]
    return GuardScanner(KnownSecrets(KEY, prints))


KNOWING = knowing()


def spelled(alphabet: str) -> Callable[[str], str]:
    """Return an encoding by a translation of letters."""
    source, target = alphabet.split("|")
    return lambda value: value.translate(str.maketrans(source, target))


ENCODE: dict[str, list[Callable[[str], str]]] = {
    "plain": [str],
    "reversed": [lambda v: v[::-1]],
    "rot13": [lambda v: codecs.encode(v, "rot13")],
    "base64": [
        lambda v: base64.b64encode(v.encode()).decode(),
        lambda v: base64.b64encode(b"a " + v.encode() + b" zz").decode(),
        lambda v: base64.b64encode(b"ab " + v.encode() + b"\x00\xff\xfe").decode(),
        lambda v: base64.b64encode(v.encode()).decode().rstrip("="),
        lambda v: base64.encodebytes(
            b"some more text in front of it " + v.encode() + b" and behind it as well"
        ).decode(),
    ],
    "base64url": [lambda v: base64.urlsafe_b64encode(v.encode()).decode().rstrip("=")],
    "base32": [lambda v: base64.b32encode(v.encode()).decode()],
    "hex": [
        lambda v: v.encode().hex(),
        lambda v: v.encode().hex().upper(),
        lambda v: v.encode().hex(" "),
        lambda v: v.encode().hex(":"),
        lambda v: ", ".join(f"0x{byte:02x}" for byte in v.encode()),
    ],
    "percent": [lambda v: "".join(f"%{byte:02X}" for byte in v.encode())],
    "html": [
        lambda v: "".join(f"&#{ord(c)};" for c in v),
        lambda v: "".join(f"&#x{ord(c):x};" for c in v),
        lambda v: html.escape(v).replace("+", "&plus;").replace("_", "&lowbar;"),
    ],
    "escaped": [
        lambda v: "".join(f"\\u{ord(c):04x}" for c in v),
        lambda v: "".join(f"\\x{ord(c):02x}" for c in v),
        lambda v: "".join(f"\\{ord(c):03o}" for c in v),
        lambda v: json.dumps(v).replace("/", "\\/").replace("T", "\\u0054"),
        lambda v: "".join(f"\\{c}" if not c.isalnum() else c for c in v),
    ],
    "quoted-printable": [
        lambda v: "".join(f"={byte:02X}" for byte in v.encode()),
        lambda v: v[:9] + "=\n" + v[9:],
        lambda v: quopri.encodestring(v.encode(), quotetabs=True).decode(),
    ],
    "unicode": [
        lambda v: "\u200b".join(v),
        lambda v: "\u00ad".join(v),
        lambda v: "\u202e" + "\ufe0f".join(v) + "\u202c",
        lambda v: "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in v),
        lambda v: "".join(chr(0x1D41A + ord(c) - 97) if c.islower() else c for c in v),
        spelled("aeopcxyT|аеорсхуТ"),
        lambda v: "".join(c + "\u0301" for c in v),
        lambda v: "\x00".join(v),
    ],
    "tags": [lambda v: "".join(chr(0xE0000 + ord(c)) for c in v)],
    "spaced": [" ".join, lambda v: "  ".join(v), ".".join, "\t".join],
    "split": [
        lambda v: v[:9] + "\n" + v[9:],
        lambda v: v[:9] + "\n    " + v[9:14] + "\n    " + v[14:],
        lambda v: f"- {v[:9]}\n- {v[9:]}",
        lambda v: f'["{v[:9]}", "{v[9:]}"]',
        lambda v: f'"{v[:9]}" + "{v[9:]}"',
        lambda v: f"1. {v[:9]}\n2. {v[9:]}",
        lambda v: f"> {v[:9]}\n> {v[9:]}",
    ],
    "wrapped": [lambda v: v[:9] + "-\n" + v[9:]],
    "nested": [
        lambda v: base64.b64encode(base64.b64encode(v.encode())).decode(),
        lambda v: base64.b64encode(v.encode().hex().encode()).decode(),
        lambda v: "".join(f"%25{byte:02X}" for byte in v.encode()),
        lambda v: "\u200b".join("".join(f"&#{ord(c)};" for c in v)),
        lambda v: base64.b64encode("\u200b".join(v).encode()).decode(),
    ],
}
CASES = [(name, number) for name, made in ENCODE.items() for number in range(len(made))]
PLACES = ("{}", "see {} there", "line one\n{}\nline two", 'value: "{}"', "Grüße, {} — danke", "({})")


def test_every_declared_encoding_is_tried_here() -> None:
    """The list in the reference and the list of this test are the same."""
    assert set(ENCODE) == set(ENCODINGS)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("name", "number"), CASES)
def test_finds_an_enrolled_value(name: str, number: int, place: str) -> None:
    """An enrolled value is found in each declared encoding, wherever it stands."""
    text = place.format(ENCODE[name][number](VALUE))
    assert KNOWING.scan(text), text


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("name", "number"), CASES)
def test_finds_a_token(name: str, number: int, place: str) -> None:
    """A token with a prefix is found in each declared encoding."""
    text = place.format(ENCODE[name][number](TOKEN))
    assert SCANNER.scan(text), text


BLOBS = [made for name in ("base64", "base64url", "base32", "hex") for made in ENCODE[name]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(BLOBS), min_size=1, max_size=4))
def test_finds_nested_blobs(layers: list[Callable[[str], str]]) -> None:
    """Encodings for transport are undone inside one another in any order, to the declared depth."""
    text = VALUE
    for layer in layers:
        text = layer(text)
    assert KNOWING.scan(f"see {text} there")


@settings(max_examples=40)
@given(st.data())
def test_finds_random_values_in_random_places(data: st.DataObject) -> None:
    """Whatever value is enrolled, in any declared encoding and between any texts, it is found."""
    value = data.draw(
        st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/_!#", min_size=16, max_size=40).filter(
            lambda v: len(set(v)) > 9 and v[0].isalnum() and v[-1].isalnum()
        )
    )
    name, number = data.draw(st.sampled_from(CASES))
    before, after = data.draw(st.text(max_size=80)), data.draw(st.text(max_size=80))
    text = f"{before} \n {ENCODE[name][number](value)} \n {after}"
    assert knowing(value).scan(text)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_the_place_covers_the_value(name: str, number: int) -> None:
    """What is redacted in the original is all of what carried the value, and hardly more."""
    carried = ENCODE[name][number](TOKEN)
    text = f"Please look at this: {carried} (end of it)"
    cleaned = clean(SCANNER, text).text
    assert cleaned.startswith("Please look at this: ")
    assert cleaned.endswith("(end of it)")
    assert not SCANNER.scan(cleaned)
    left = re.sub(r"\[redacted:[^\]]*\]", "", cleaned.removeprefix("Please look at this:").removesuffix("(end of it)"))
    assert len(left.strip()) <= 4, "what is left is at most the quotes or list marks round it"


TRICKY = st.text(
    st.one_of(st.characters(), st.sampled_from("=%&\\;:#xX0123456789abcdefABCDEF+/-_\"'\n\r\t \u200b\x00\ud800{}[]<>")),
    max_size=400,
)


@given(TRICKY)
def test_never_raises_and_stays_inside(text: str) -> None:
    """Whatever the text, findings come back, lie inside it and are in order."""
    found = SCANNER.scan(text)
    assert all(0 <= f.start < f.end <= len(text) for f in found)
    assert [f.start for f in found] == sorted(f.start for f in found)
    assert all(f.rule_id != "guard-error" for f in found)


@given(
    TRICKY,
    st.sampled_from(["ghp_{w36}", "password = '{w9}!{d3}'", "AKIA{u16}", "token: {x40}", "eyJ{v20}.eyJ{v20}.{v43}"]),
    TRICKY,
    st.integers(0, 999),
)
def test_cleaning_leaves_nothing_and_is_idempotent(before: str, template: str, after: str, seed: int) -> None:
    """A cleaned text has no finding, and cleaning it again changes nothing."""
    cleaned = clean(SCANNER, before + " " + draw(template, Random(seed)) + " " + after).text
    assert SCANNER.scan(cleaned) == ()
    assert clean(SCANNER, cleaned).text == cleaned


def test_a_huge_text_is_a_finding() -> None:
    """A text beyond the limit is not looked at, and that counts as a secret."""
    (finding,) = SCANNER.scan("a" * (MOST_CHARACTERS + 1))
    assert (finding.kind, finding.start, finding.end) == ("unscannable", 0, MOST_CHARACTERS + 1)


def test_deep_nesting_is_a_finding() -> None:
    """A text that is encoded more often than the bound allows is not passed unseen."""
    text = TOKEN
    for _ in range(9):
        text = base64.b64encode(text.encode()).decode()
    assert {f.kind for f in SCANNER.scan(text)} == {"unscannable"}


@pytest.mark.parametrize("offset", [0, WINDOW - 20, WINDOW - 5, WINDOW, 2 * WINDOW - 8192 - 10])
def test_finds_across_windows(offset: int) -> None:
    """A token is found wherever the cuts between windows fall."""
    text = "lorem ipsum " * 20_000
    text = text[:offset] + " " + TOKEN + " " + text[offset:]
    assert [(text[f.start : f.end]) for f in SCANNER.scan(text)] == [TOKEN]


@pytest.mark.parametrize(
    "note", ["# nosec", "# pragma: allowlist secret", "// gitleaks:allow", "# kingfisher:ignore", "<!-- noscan -->"]
)
def test_a_note_to_look_away_means_nothing(note: str) -> None:
    """Comments that switch other scanners off change nothing."""
    assert SCANNER.scan(f"{TOKEN} {note}")
    assert SCANNER.scan(f"{note}\n{TOKEN} {note}\n{note}")


def test_nul_bytes_are_no_blind_spot() -> None:
    """What stands behind a NUL is looked at."""
    assert SCANNER.scan(f"a\x00b\x00\x00{TOKEN}\x00")


def test_marks_are_stable_within_a_text() -> None:
    """The same value has the same mark everywhere in a text; another value of the kind has another."""
    other = draw("ghp_{w36}", Random(6))
    text = f"{TOKEN} {other} {TOKEN}"
    assert (
        redact(text, SCANNER.scan(text)) == "[redacted:github_token] [redacted:github_token#2] [redacted:github_token]"
    )
