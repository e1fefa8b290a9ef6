"""The guard: finds secret values in text, and takes them out.

What it does: `GuardScanner.scan` returns where a secret stands and of which kind, `redact` replaces those places, and
`KnownSecrets` recognises values that were enrolled without keeping them. Texts are looked at as they are and in
normalised forms (look-alike letters, invisible characters, encodings, reversed, split over lines), nested to a bound.

What it does not: decide anything (the kernel judges), read files, reach the network, resolve references such as
`secret://vault/item`, or carry a matched value anywhere: a `Finding` holds a kind and a place.

Rules of this room:

- Pure: imports only `errors` and `model`, and of the standard library neither clock nor chance nor operating system.
- Fail closed: an exception or an exceeded bound inside a scan is a finding of kind `unscannable` over the whole text.
- Nothing in a text can switch the guard off: comments that ask a scanner to look away are text like any other.
- Rules are data. Patterns are compiled when first needed, and each passes the backtracking lint of the tests.
- A rule is tried only when one of its keywords is in the text; ordinary mail pays for a search, not for a match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warden.guard.redaction import Cleaned, clean, count_kinds, redact, scan_union
    from warden.guard.scanner import GuardScanner

_HOMES = {"GuardScanner": "scanner"} | dict.fromkeys(
    ("Cleaned", "clean", "count_kinds", "redact", "scan_union"), "redaction"
)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: most commands start without looking at any text."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = ["Cleaned", "GuardScanner", "clean", "count_kinds", "redact", "scan_union"]
