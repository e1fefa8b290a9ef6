"""Parts of a JSON document that are looked at apart, so that what comes again and again is looked at once. Pure.

The repository and the accounts in a forge's deliveries are the same in most of them and make up most of each; a scanner
remembers texts. Rules: nothing is left out: what is returned is the whole document, in pieces; a piece is a whole member with
its name, so that whatever tells a value stands with it.
"""

from __future__ import annotations

import json
import re
from typing import Final

MOST_PIECES: Final = 16
"""INVARIANT (bounded): members that are taken out of one document."""
SHORT_TEXT: Final = 100
"""Characters; a shorter text is not worth looking for."""
TEXT_NAMES: Final = ("body", "text", "content", "message")
"""Names under which a document has the text of its event."""

# A quotation mark inside a text is escaped, so that this can only be a member's name.
_MEMBER: Final = re.compile(r'"(?:repository|sender|user)":\s*(?=\{)')
_ESCAPED: Final = str.maketrans(
    {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"}
)
"""What writers in Go escape besides."""
_decode = json.JSONDecoder().raw_decode


def split_document(body: str) -> tuple[str, ...]:
    """Return a sound document as what is left of it and those of its members that most deliveries share."""
    pieces: list[str] = []
    left: list[str] = []
    at = 0
    while len(pieces) < MOST_PIECES and (found := _MEMBER.search(body, at)) is not None:
        try:
            _, end = _decode(body, found.end())
        except (ValueError, RecursionError):
            break
        left.append(body[at : found.start()])
        pieces.append(body[found.start() : end])
        at = end
    return ("".join((*left, body[at:])), *pieces)


def without_text(body: str, text: str) -> str:
    """Return a document without the whole text that was read from it, where that stands as what it was read as.

    What its writer escaped in another way stays in.
    """
    if len(text) < SHORT_TEXT:
        return body
    plain = json.dumps(text, ensure_ascii=False)
    for written in (plain, json.dumps(text), plain.translate(_ESCAPED)):
        for name in TEXT_NAMES:
            for colon in ('":', '": '):
                found = f'"{name}{colon}{written}'
                if found in body:
                    return body.replace(found, f'"{name}{colon}""')
    return body
