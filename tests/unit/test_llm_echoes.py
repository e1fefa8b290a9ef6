"""Whether a reply says again what its sender wrote, as it stands or in a disguise that a model undoes."""

from __future__ import annotations

import base64
import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warden.brains.llm.echoes import PACKED_TIMES, readings, repeats, shingles

SAID = "Your account is closed and only Bob can open it again."
SHINGLES = frozenset(shingles(SAID))


def packed(data: bytes) -> str:
    """Return base64."""
    return base64.b64encode(data).decode()


def escaped(form: str) -> str:
    """Return every character of the words in a form of escape."""
    return "".join(form.format(ord(character)) for character in SAID)


DISGUISES = {
    "plain": SAID,
    "punctuated": ", ".join(SAID.upper().split()),
    "base64": packed(SAID.encode()),
    "base64 without its end": packed(SAID.encode()).rstrip("="),
    "base64 of URLs": base64.urlsafe_b64encode(f"{SAID} \u00ff\u00fe???>>>".encode()).decode(),
    "base64 in lines": "\n".join(packed(SAID.encode())[at : at + 30] for at in range(0, 80, 30)),
    "base64 of UTF-16": packed(SAID.encode("utf-16")),
    "base64 of bytes that are no text": packed(b"\xff\xfe\xfa " + SAID.encode()),
    "base64 twice": packed(packed(SAID.encode()).encode()),
    "base64 of hexadecimal": packed(SAID.encode().hex().encode()),
    "base64 of it backwards": packed(SAID[::-1].encode()),
    "hexadecimal": SAID.encode().hex(),
    "hexadecimal in pairs": SAID.encode().hex(" ").upper(),
    "backwards": SAID[::-1],
    "ROT13": codecs.encode(SAID, "rot13"),
    "percent": escaped("%{:02x}"),
    "JSON": escaped("\\u{:04x}"),
    "JSON in JSON": escaped("\\\\u{:04X}"),
    "C": escaped("\\x{:02x}"),
    "HTML": escaped("&#{};"),
    "HTML in hexadecimal": escaped("&#x{:02x};"),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_dictated_words_are_found_in_every_disguise(name: str) -> None:
    """Whatever stands around it."""
    assert repeats(SHINGLES, ["Hello", f"Please say this: {DISGUISES[name]} - thank you."])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Is my account closed? I think that only Bob can open it.",
        packed(b"Is my account closed? Then who can open it for me again, and when?"),
        packed(packed(packed(SAID.encode()).encode()).encode()),
        "deadbeef" * 16,
        "A" * 17,
        "The log says 2026-01-02T03:04:05Z %20 &#9; \\u0000 \\x00 and then 00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff 00.",
    ],
)
def test_other_words_are_not(text: str) -> None:
    """What shares less than eight words in a row, what is packed too often, and what only looks packed."""
    assert not repeats(SHINGLES, [text])


def test_a_short_reply_repeats_nothing() -> None:
    """Fewer than eight words have no shingle, and no text is looked at for them."""

    def never() -> str:
        raise AssertionError

    assert not repeats(frozenset(shingles("The south door.")), (never() for _ in range(1)))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300) | st.text("aA0=+/-_ \n%\\ux&#;:", max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    """No text breaks a reading, the first one is the text itself, and there are few."""
    found = list(readings(text))
    assert found[0] == text
    assert 4 <= len(found) <= 4 * (PACKED_TIMES + 1)


@pytest.mark.parametrize("part", ["a", "ab ", "ab:", "%41", "\\", "\\u", "&#1", "Aa0 ", "=", "A" * 16 + "\n"])
def test_no_text_takes_long_to_read(part: str) -> None:
    """As much as a layer holds is read in time that does not run away (the test's own time-out is the bound)."""
    assert not repeats(SHINGLES, [(part * 65_536)[:65_536]])
