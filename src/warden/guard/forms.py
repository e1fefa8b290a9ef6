"""Forms of a whole text in which a secret may hide: look-alikes, entities, escapes, wraps, gaps.

What it does: yields each form that differs from the text, behind a cheap test. What it does not: decode blobs
(`regions`) or look for secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

from warden.guard.mapping import Derived, Replacement, rewrite
from warden.guard.outline import outline_of

# Letters of other alphabets that are drawn like Latin ones (Unicode TR 39 lists many more; these are the plain ones).
_LOOK_ALIKES = dict(
    zip(
        map(ord, "АВЕЅІЈКМНОРСТУХѴԜаеѕіјорсухԁһӏԛԝҮүгԌΑΒΕΖΗΙΚΜΝΟΡΤΥΧνοραικυγτηωհոօսցԍᎪᏴᏟᎬᏀᎻᎫᏦᏞᎷᏢᏚᎢᏙᎳᏃɡɑɩᴏᴜᴠᴡ"),
        "ABESIJKMHOPCTYXVWaesijopcyxdhlqwYyrGABEZHIKMNOPTYXvopaikuytnwhnougGABCEGHJKLMPSTVWZgaiouvw",
        strict=False,
    )
)
_LEFT_OUT = ("Mn", "Me", "Cf", "Cc")  # marks, invisible characters, controls
_BLANK = "\u115f\u1160\u3164\uffa0\u2800"
_TAGS = {0xE0000 + code: chr(code) for code in range(0x20, 0x7F)}
_UNUSUAL = r"[^\t\n\r -~](?:(?<=[\x00-\x7f])[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*|(?<=[^\x00-\x7f])[^\x00-\x7f]*)"
_USUAL = bytes((9, 10, 13, *range(32, 127)))
_TAGGED = "[\U000e0020-\U000e007e]+"
_ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});?"
_PERCENT = r"%[0-9A-Fa-f]{2}(?:%[0-9A-Fa-f]{2})*"  # as all of these, with a sign first that is quickly found
_ESCAPE = (
    r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-7]{3})|([^A-Za-z0-9\s]|"
    r"[nrtbfav0e]))"
)
_QUOTED_PRINTABLE = r"=(?:\r?\n|[0-9A-F]{2}(?:=[0-9A-F]{2})*)"
_LIST_MARKS = r"[ \t]*(?:(?:[>|#*•+]|//|-|\d{1,3}[.)])[ \t]*)*"
_LINE_END = "|".join(
    rf"{sign}(?<=[A-Za-z0-9_.-]{sign}){rest}"
    for sign, rest in (("-", r"\\?\r?\n"), (r"\\", r"\r?\n"), (r"\r", r"\n"), (r"\n", ""))
)
_WRAP = rf"(?:{_LINE_END}){_LIST_MARKS}(?=[A-Za-z0-9_+/=.-]{{12}})"
_WRAPPED_LINE = rf"\n{_LIST_MARKS}[A-Za-z0-9_+/=.-]{{12}}"  # what must follow a wrap
_CONCATENATION = r"[\"'`]\s{0,80}(?:(?:[+.,&]|\.\.|\|\|)\s{0,80})?(?:(?<=[\s+,.&])[fFbBrRuL]{1,2})?[\"'`]"
_SEPARATORS = " \t\u00a0._|,*/-"
_SPACED = r"(?<![^\s\"'`:=(])(?:[^\s]([ \t\u00a0._|,*/-]{1,3}))(?:[^\s]\1){6,4096}[^\s](?![^\s\"'`.,;)])"
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "b": "", "f": "", "a": "", "v": "", "0": "", "e": ""}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


Maker = Callable[[str], Derived | None]


def _rewriter(form: str, gate: str, pattern: str, replacement: Replacement | None = None) -> Maker:
    """Return what makes `form` of a text, when `gate` is in it (one of its characters, if there are several)."""

    def make(text: str) -> Derived | None:
        if not any(char in text for char in gate):
            return None
        return rewrite(form, text, _compiled(pattern), replacement)

    return make


@cache
def _makers() -> tuple[Maker, ...]:
    return (
        _untagged,
        _folded,
        _rewriter("html", "&", _ENTITY, _from_entity),
        _rewriter("percent", "%", _PERCENT, _from_percent),
        _rewriter("escaped", "\\", _ESCAPE, _from_escape),
        _unspaced,
    )


def text_forms(text: str) -> tuple[list[Derived], list[Derived]]:
    """Return the forms of `text` that differ from it, each by itself, and made one from the other.

    The last one of the second list undoes everything once.
    """
    singles: list[Derived] = []
    chain: list[Derived] = []
    for make in _makers():
        single = make(text)
        chained = make(chain[-1].text) if chain else single
        singles += (single,) if single else ()
        chain += (chained,) if chained else ()
    return singles, chain


@cache
def _prefix_makers() -> tuple[Maker, ...]:
    return (
        _rewriter("quoted-printable", "=", _QUOTED_PRINTABLE, _from_quoted_printable),
        _unwrapped,
        _rewriter("concatenated", "\"'`", _CONCATENATION),
    )


def _unwrapped(text: str) -> Derived | None:
    return rewrite("wrapped", text, _compiled(_WRAP)) if _compiled(_WRAPPED_LINE).search(text) else None


def prefix_forms(text: str) -> Iterator[Derived]:
    """Yield the forms of `text` in which words run together, so that only tokens with a prefix can be told."""
    for make in _prefix_makers():
        form = make(text)
        if form is not None:
            yield form


def gaps() -> re.Pattern[str]:
    """Return the pattern of what may stand between the parts of a value that was split."""
    return _compiled(SQUEEZE)


def squeezed(text: str) -> Derived | None:
    """Return `text` without white space, quotes, commas, plus signs and list marks, or None when there are none."""
    return rewrite("split", text, _compiled(SQUEEZE))


SQUEEZE = r"-\r?\n[ \t>#|*]*|\r?\n[ \t]*(?:[-*•>#|]|\d{1,3}[.)])[ \t]+|[\s\"'`,+&\\()\[\]|<>]+"


def _folded(text: str) -> Derived | None:
    if text.isascii() and not text.encode().translate(None, _USUAL):
        return None
    return rewrite("unicode", text, _compiled(_UNUSUAL), lambda m: fold(m.group()))


def fold_all(text: str) -> str:
    """Return the whole of `text` as `fold` makes its unusual parts."""
    form = _folded(text)
    return form.text if form else text


def fold(text: str) -> str:
    """Return `text` in compatibility form without marks, invisible characters and controls, look-alikes made Latin."""
    return "" if text.isascii() else "".join(map(_fold_character, text))


@lru_cache(maxsize=65_536)
def _fold_character(char: str) -> str:
    import unicodedata

    flat = unicodedata.normalize("NFKD", char).translate(_LOOK_ALIKES)
    return "".join(c for c in flat if unicodedata.category(c) not in _LEFT_OUT and c not in _BLANK)


def _untagged(text: str) -> Derived | None:
    if text.isascii():
        return None
    return rewrite("tags", text, _compiled(_TAGGED), lambda m: m.group().translate(_TAGS))


def _from_entity(match: re.Match[str]) -> str:
    from html import unescape

    return unescape(match.group())


def _from_escape(match: re.Match[str]) -> str:
    braced, short, long, byte, octal, simple = match.groups()
    code = braced or short or long or byte
    if code:
        number = int(code, 16)
        return chr(number) if number < 0x110000 else ""
    if octal:
        return chr(int(octal, 8) & 0xFF)
    return _SIMPLE.get(simple, simple)


def _from_percent(match: re.Match[str]) -> str:
    return bytes.fromhex(match.group().replace("%", "")).decode("utf-8", "replace")


def _from_quoted_printable(match: re.Match[str]) -> str:
    found = match.group()
    if found.endswith("\n"):
        return ""
    return bytes.fromhex(found.replace("=", "")).decode("utf-8", "replace")


def _unspaced(text: str) -> Derived | None:
    return rewrite("spaced", text, _compiled(_SPACED), _from_spaced) if _may_be_spaced(text) else None


def _may_be_spaced(text: str) -> bool:
    """Return whether seven characters with a separator behind each stand at one distance, as in a spaced-out value."""
    outline = outline_of(text)
    solid, gaps = (int.from_bytes(outline.translate(table), "little") for table in _spacing_tables())
    marks = (solid & gaps >> 8).to_bytes(len(outline), "little")
    return any(b"\x01" * 7 in marks[first::step] for step in (2, 3, 4) for first in range(step))


@cache
def _spacing_tables() -> tuple[bytes, bytes]:
    """Return tables that make 1 of what is no white space, and of what may separate spaced-out characters."""
    solid = bytes(not chr(byte).isspace() for byte in range(256))
    return solid, bytes(chr(byte) in _SEPARATORS for byte in range(256))


def _from_spaced(match: re.Match[str]) -> str:
    separator = match.group(1)
    found = match.group()
    return found[:: len(separator) + 1] if len(set(found)) > 2 else found
