"""Finds in a reply the words of the one who is answered: what a message dictates is not the worker's to say.

A reply with eight words in a row of what its sender wrote, in this message or before it in the thread, was dictated by it, or
is of no use. Looked at is what was written as it stands, and as a model may have read it: from base64 or hexadecimal, twice
where one hides in the other, and each of these from escapes, from ROT13 or backwards. Fewer words, words in pieces, another
language, a cipher of the sender's own: these are not found, and the sender hears what it wanted to hear.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final

SHINGLE_WORDS: Final = 8
"""So many words in a row that somebody else wrote are no chance."""

PACKED_CHARS: Final = 16
PACKED_TIMES: Final = 2
"""INVARIANT (bounded): a shorter run hides no eight words, and how often what came out of one is looked at for another."""

_WORDS = re.compile(r"[^\W_]+")
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{PACKED_CHARS},}}={{0,2}}(?:\s+[A-Za-z0-9+/_-]{{{PACKED_CHARS},}}={{0,2}})*")
_HEXADECIMAL = re.compile(rf"(?:[0-9a-fA-F]{{2}}[\s:,]?){{{PACKED_CHARS},}}")
_APART = re.compile(r"[^0-9A-Za-z+/]")
_URL_SAFE = str.maketrans("-_", "+/")
_ESCAPE = re.compile(r"(?:(?<!\\)\\+[ux]|%|&#[xX])(?:00)?([0-9a-fA-F]{2});?|&#([0-9]{2,3});")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROT13 = str.maketrans(
    _LETTERS + _LETTERS.upper(),
    _LETTERS[13:] + _LETTERS[:13] + _LETTERS[13:].upper() + _LETTERS[:13].upper(),
)


def shingles(text: str) -> Iterator[tuple[str, ...]]:
    """Yield every run of `SHINGLE_WORDS` words in `text`, folded."""
    words = [word.casefold() for word in _WORDS.findall(text)]
    return (tuple(words[at : at + SHINGLE_WORDS]) for at in range(len(words) - SHINGLE_WORDS + 1))


def repeats(said: frozenset[tuple[str, ...]], texts: Iterable[str]) -> bool:
    """Return whether one of these shingles stands in one of the texts, plain or disguised. Work is linear in their length."""
    return bool(said) and any(not said.isdisjoint(shingles(reading)) for text in texts for reading in readings(text))


def readings(text: str) -> Iterator[str]:
    """Yield a text as it stands and as it may be read."""
    for _ in range(PACKED_TIMES + 1):
        yield text
        yield _ESCAPE.sub(_unescaped, text)
        yield text.translate(_ROT13)
        yield text[::-1]
        text = " ".join(
            (*map(_from_base64, _BASE64.findall(text)), *map(_from_hexadecimal, _HEXADECIMAL.findall(text)))
        )
        if not text:
            return


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16) if found[1] else int(found[2]))


def _from_base64(run: str) -> str:
    packed = _APART.sub("", run.translate(_URL_SAFE))
    whole = packed[: len(packed) - (len(packed) % 4 == 1)]
    return _text(binascii.a2b_base64(whole + "=" * (-len(whole) % 4)))


def _from_hexadecimal(run: str) -> str:
    return _text(bytes.fromhex(_APART.sub("", run)))


def _text(data: bytes) -> str:
    # Zeros are what UTF-16 puts between the letters of English.
    return data.replace(b"\0", b"").decode("utf-8", "replace")
