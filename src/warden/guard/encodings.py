"""The declared encodings: in each of them an enrolled value and a token with a prefix are found.

What it does: names and describes them, for the reference and for the tests that try each one. What it does not: decode
(`forms`, `regions`, `formats`, `scanner`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ENCODINGS: Mapping[str, str] = MappingProxyType(
    {
        "plain": "as it is, anywhere in a text, also inside longer words",
        "unicode": "full-width, mathematical and other compatibility letters (NFKD), combining marks, zero-width, "
        "bidirectional, soft-hyphen and control characters in between, Cyrillic, Greek and other letters that look Latin",
        "tags": "Unicode tag characters, which are invisible",
        "html": "HTML entities: named, decimal, hexadecimal",
        "percent": "percent-encoding (RFC 3986), in part or all of it",
        "escaped": "JSON, shell, JavaScript and C escapes: \\uXXXX, \\u{X}, \\UXXXXXXXX, \\xXX, octal, and backslashes "
        "before signs",
        "quoted-printable": "quoted-printable (RFC 2045) with soft line breaks",
        "base64": "base64 (RFC 4648), padded or not, at any alignment inside longer data, also wrapped over lines",
        "base64url": "base64 with the URL-safe alphabet",
        "base32": "base32 in capitals",
        "hex": "hexadecimal digits of either case, also with spaces, colons, commas, 0x or \\x between bytes",
        "reversed": "written from the end",
        "rot13": "letters turned by thirteen places",
        "spaced": "single characters with the same gap between all of them: spaces, tabs, dots, commas, dashes, bars",
        "split": "in parts over lines, list items, quoted lines, array elements or joined string literals",
        "wrapped": "hyphenated at the end of a line",
        "nested": "base64, base64url, base32 and hex inside one another, four deep; entities, percent-encoding and escapes are "
        "undone at each of these depths, one inside another as long as their order does not matter",
    }
)
