"""Text on a terminal: styled where a person looks, plain where a program reads.

Everything that came from outside goes through `visible`, so that no message can move the cursor, hide a word or turn the
direction of a line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

from warden.cli.streams import unsafe_write

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str, keep: str = "") -> str:
    """Return `text` with every character that would not be seen as itself written as an escape; `keep` is left alone.

    Hidden are control, format (bidi and zero-width among them), surrogate, private and unassigned characters.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) if character not in keep else character for character in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line and the style it has on a terminal (a style of the rich library, or empty)."""

    text: str
    style: str = ""


Line = tuple[Span, ...]


class PlainPrinter:
    """Writes lines without any styling."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def print(self, lines: Iterable[Line]) -> None:
        """Write the lines."""
        for line in lines:
            self._stream.write(_plain(line))

    def print_own(self, lines: Iterable[Line]) -> None:
        """Write lines of our own wording, in which nothing came from outside, without a look at them."""
        for line in lines:
            unsafe_write(self._stream, _plain(line))


def _plain(line: Line) -> str:
    return "".join(span.text for span in line).rstrip() + "\n"


class StyledPrinter:
    """Writes lines with colour, through rich, as the terminal is able to show them."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, markup=False, soft_wrap=True)

    def print(self, lines: Iterable[Line]) -> None:
        """Write the lines."""
        from rich.text import Text

        for line in lines:
            self._console.print(Text.assemble(*((span.text, span.style) for span in line)))

    def print_own(self, lines: Iterable[Line]) -> None:
        """Write lines of our own wording."""
        self.print(lines)


def printer(stream: TextIO, color: bool) -> PlainPrinter | StyledPrinter:
    """Return the printer for `stream`."""
    return StyledPrinter(stream) if color else PlainPrinter(stream)
