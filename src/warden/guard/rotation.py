"""The letters turned by thirteen places."""

from __future__ import annotations

_LOWER = b"abcdefghijklmnopqrstuvwxyz"
_TURNED = _LOWER[13:] + _LOWER[:13]
_TABLE = bytes.maketrans(_LOWER + _LOWER.upper(), _TURNED + _TURNED.upper())


def rotated(text: str) -> str:
    """Return `text` with its ASCII letters turned; of other characters UTF-8 has no byte that is a letter."""
    return text.encode("utf-8", "surrogatepass").translate(_TABLE).decode("utf-8", "surrogatepass")
