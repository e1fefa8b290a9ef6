"""Text of others as people may see it: nothing hidden in it stays hidden.

Markup is escaped by the template engine afterwards. What is hidden are the general categories Cc, Cf (bidi controls and
zero-width characters among them), Cs, Co, Cn, Zl and Zp of the Unicode standard, as on the terminal.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text: what is shown, and whether it stands for a hidden character."""

    text: str
    hidden: bool = False


def pieces(text: str, keep: str = "\n\t") -> list[Piece]:
    """Return the text in pieces, hidden characters written as `U+202E`; those in `keep` are left alone."""
    if text.isascii() and text.isprintable():
        return [Piece(text)] if text else []
    found: list[Piece] = []
    plain: list[str] = []
    for character in text:
        if character in keep or unicodedata.category(character) not in _HIDDEN:
            plain.append(character)
            continue
        if plain:
            found.append(Piece("".join(plain)))
            plain = []
        found.append(Piece(f"U+{ord(character):04X}", hidden=True))
    if plain:
        found.append(Piece("".join(plain)))
    return found


def one_line(text: object) -> str:
    """Return a short text of others on one line, hidden characters written out."""
    return "".join(f"<{piece.text}>" if piece.hidden else piece.text for piece in pieces(str(text), keep=""))


@dataclass(frozen=True, slots=True)
class DiffPiece:
    """A run of words of an edit: `same`, `gone` or `new`."""

    how: str
    text: str


def word_diff(before: str, after: str) -> list[DiffPiece]:
    """Return how a text became another, word by word. Bounded: texts of very many words are compared line by line."""
    import difflib
    import re

    pattern = r"\s+|\S+" if len(before) + len(after) <= 20_000 else r"[^\n]*\n?"
    old, new = re.findall(pattern, before), re.findall(pattern, after)
    found: list[DiffPiece] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(DiffPiece("same", "".join(old[a:b])))
            continue
        found += [
            DiffPiece(how, text) for how, text in (("gone", "".join(old[a:b])), ("new", "".join(new[c:d]))) if text
        ]
    return found
