"""Data on stdout, talk on stderr."""

from __future__ import annotations

import json
import sys
from typing import TextIO


def to_json(document: object, indent: int | None = 2) -> str:
    """Return `document` as JSON.

    ASCII only, so that no terminal or pipe can misread it and nothing in a message can reach the terminal as a control
    sequence. `indent=None` is one line, for documents that are read as JSON lines.
    """
    return json.dumps(document, ensure_ascii=True, indent=indent)


def print_json(document: object, indent: int | None = 2) -> None:
    """Write one JSON document, as `to_json` makes it, and a line end to stdout."""
    sys.stdout.write(to_json(document, indent) + "\n")


def talk(text: str, quiet: bool = False) -> None:
    """Say something to the person, on stderr, unless they asked for quiet."""
    if not quiet:
        print(text, file=sys.stderr)


def shows_color(stream: TextIO, no_color: bool) -> bool:
    """Whether to colour what is written to `stream`: only on a terminal, and never with NO_COLOR (no-color.org)."""
    return not no_color and stream.isatty()
