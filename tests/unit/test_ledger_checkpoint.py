"""Checkpoints and their keys, by the rules of C2SP tlog-checkpoint and signed-note."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey, VerifyKey

from warden.errors import LedgerError
from warden.ledger.checkpoint import SIGNATURES_LIMIT, Checkpoint, Note, Signature, parse_note, sign_checkpoint
from warden.ledger.merkle import hash_leaf
from warden.ledger.signature import SeedSigner, Verifier, is_key_name

SIGNER = SeedSigner.from_seed(bytes(range(32)))
ORIGIN = "ops-warden/test"
POINT = Checkpoint(ORIGIN, 12, hash_leaf(b"x"))
NOTE = sign_checkpoint(POINT, SIGNER)
KEY = Verifier(ORIGIN, SIGNER.public_key)
WORDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=("C", "Z"), exclude_characters="+"),
    min_size=1,
    max_size=20,
)


def test_form() -> None:
    """A note is origin, size, base64 root, an empty line, and a signature line that starts with an em dash."""
    lines = NOTE.text.split("\n")
    assert lines[:4] == [ORIGIN, "12", base64.b64encode(POINT.root).decode(), ""]
    dash, name, encoded = lines[4].split(" ")
    assert (dash, name, lines[5:]) == ("—", ORIGIN, [""])
    data = base64.b64decode(encoded)
    assert data[:4] == hashlib.sha256(ORIGIN.encode() + b"\n\x01" + SIGNER.public_key).digest()[:4]
    signed = "\n".join(lines[:3]) + "\n"
    VerifyKey(bytes(SigningKey(bytes(range(32))).verify_key)).verify(signed.encode(), data[4:])


def test_vkey_form() -> None:
    """A public key's text is name, key id in hex and base64 of 0x01 and the key, joined by plus signs."""
    name, key_id, encoded = KEY.to_text().split("+", 2)
    assert (name, bytes.fromhex(key_id)) == (ORIGIN, KEY.key_id)
    assert base64.b64decode(encoded) == b"\x01" + SIGNER.public_key
    assert Verifier.from_text(KEY.to_text()) == KEY


@given(WORDS, st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32))
def test_round_trip(origin: str, size: int, root: bytes) -> None:
    """What is written is read back the same, and verifies under its key alone."""
    note = sign_checkpoint(Checkpoint(origin, size, root), SIGNER)
    again = parse_note(note.text)
    assert again == note
    assert again.signed_by(Verifier(origin, SIGNER.public_key))
    assert not again.signed_by(Verifier(origin + "x", SIGNER.public_key))


def test_every_flipped_bit_is_noticed() -> None:
    """No note with one changed bit is read as one that the key signed."""
    data = NOTE.text.encode()
    for place in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            try:
                note = parse_note(changed.decode("utf-8"))
            except (LedgerError, UnicodeDecodeError):
                continue
            assert not note.signed_by(KEY)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n12\n", "\n012\n"),
        lambda text: text.replace("\n12\n", "\n+12\n"),
        lambda text: text.replace("\n12\n", "\n-1\n"),
        lambda text: text.replace("\n12\n", "\n12 \n"),
        lambda text: text.replace("\n12\n", "\n９\n"),
        lambda text: text.replace("\n12\n", "\n9007199254740992\n"),
        lambda text: text.replace("\n12\n", "\n\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n\n", "\nextension\n\n"),
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text.replace("\n\n", "\n\n\n"),
        lambda text: text.replace("— ", "- "),
        lambda text: text.replace("— ", "—  "),
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: text + "— x\n",
        lambda text: text + "— x+y AAAAAAA=\n",
        lambda text: text + "— x AAAA\n",
        lambda text: text + "— x " + "A" * 400 + "\n",
        lambda text: text + text.split("\n")[4] * 5000,
        lambda text: text[text.index("\n") :],
        lambda text: "a\tb" + text[text.index("\n") :],
        lambda text: text.replace("=\n", "\n", 1),
        lambda text: text.replace("=\n", "=!\n", 1),
        lambda text: "o\n1\nAAAA\n\n",
        lambda text: "",
        lambda text: text + "".join("— x AAAAAAA=\n" for _ in range(16)),
    ],
)
def test_other_forms_are_refused(change: object) -> None:
    """One meaning has one form: what differs from it anywhere is refused."""
    assert callable(change)
    text = change(NOTE.text)
    assert text != NOTE.text
    with pytest.raises(LedgerError):
        parse_note(text)


def test_base64_has_one_form() -> None:
    """Base64 whose unused bits are set decodes to the same bytes, and is refused."""
    root = NOTE.text.split("\n")[2]
    other = root[:-2] + chr(ord(root[-2]) + 1) + "="
    assert base64.b64decode(other) == base64.b64decode(root)
    with pytest.raises(LedgerError):
        parse_note(NOTE.text.replace(root, other))


def test_a_note_has_at_most_sixteen_signatures() -> None:
    """As many witnesses as the limit leaves room for are read, and not one more."""
    witnesses = tuple(Signature(f"witness-{number}.example", b"abcd", bytes(72)) for number in range(SIGNATURES_LIMIT))
    assert parse_note(Note(POINT, (*witnesses[1:], *NOTE.signatures)).text).signed_by(KEY)
    with pytest.raises(LedgerError, match="more than 16 signatures"):
        parse_note(Note(POINT, (*witnesses, *NOTE.signatures)).text)


def test_other_signatures_are_ignored() -> None:
    """A witness's signature beside ours is kept and does not matter; a wrong one under our own key does."""
    witness = Signature("witness.example", b"abcd", bytes(72))
    assert parse_note(Note(POINT, (witness, *NOTE.signatures)).text).signed_by(KEY)
    wrong = Signature(ORIGIN, KEY.key_id, bytes(64))
    assert not Note(POINT, (*NOTE.signatures, wrong)).signed_by(KEY)
    assert not Note(POINT, (Signature(ORIGIN, KEY.key_id, bytes(3)),)).signed_by(KEY)
    assert not Note(POINT, (witness,)).signed_by(KEY)


def test_unsigned_notes_have_no_signature() -> None:
    """Without a signer there is a note that no key signed, and it can be read back."""
    note = sign_checkpoint(POINT, None)
    assert parse_note(note.text) == note
    assert not note.signed_by(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ORIGIN,
        KEY.to_text() + "x",
        KEY.to_text().replace("+", " "),
        KEY.to_text().replace("ops", "opz"),
        KEY.to_text()[:-4],
        "+".join(KEY.to_text().split("+")[:2]) + "+" + base64.b64encode(b"\x02" + SIGNER.public_key).decode(),
    ],
)
def test_other_keys_are_refused(text: str) -> None:
    """A public key whose id does not fit its name and bytes, or of another kind, is refused."""
    with pytest.raises(LedgerError):
        Verifier.from_text(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n", "a\u2003b", "x" * 257, "\x00"])
def test_key_names(name: str) -> None:
    """A key's name has no space, plus or control character, and is not empty."""
    assert not is_key_name(name)
    with pytest.raises(LedgerError):
        Verifier(name, bytes(32))


def test_seeds_stay_hidden() -> None:
    """No representation of a signer shows its seed, and a seed has 32 bytes."""
    assert "seed" not in repr(SIGNER)
    with pytest.raises(LedgerError):
        SeedSigner.from_seed(b"short")
