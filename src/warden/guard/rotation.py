"""The letters turned by thirteen places."""

from __future__ import annotations

_LOWER = "abcdefghijklmnopqrstuvwxyz"
ROTATED = str.maketrans(_LOWER + _LOWER.upper(), (_LOWER[13:] + _LOWER[:13]) + (_LOWER[13:] + _LOWER[:13]).upper())
