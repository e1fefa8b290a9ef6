"""Writes plain values as YAML that `documents.yaml` reads back exactly: block style, every string in double quotes."""

from __future__ import annotations

import re

_PLAIN_KEY = re.compile(r"[a-z][a-z_]*\Z")
_WORDS = frozenset({"null", "true", "false"})


def _quoted(text: str) -> str:
    parts = ['"']
    for character in text:
        code = ord(character)
        if character in '"\\':
            parts.append("\\" + character)
        elif character.isprintable():
            parts.append(character)
        elif code <= 0xFF:
            parts.append(f"\\x{code:02x}")
        else:
            parts.append(f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}")
    return "".join([*parts, '"'])


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int | float):
        return repr(value)
    raise TypeError(f"a {type(value).__name__} has no YAML form here")


def _key(key: str) -> str:
    return key if _PLAIN_KEY.match(key) and key not in _WORDS else _quoted(key)


def _lines(value: object, indent: str) -> list[str]:
    """Return the lines of a collection, each indented; a scalar or an empty collection is one line of its own."""
    if isinstance(value, dict) and value:
        lines: list[str] = []
        for key, item in value.items():
            inner = _lines(item, indent + "  ")
            if isinstance(item, dict | list) and item:
                lines.extend([f"{indent}{_key(key)}:", *inner])
            else:
                lines.append(f"{indent}{_key(key)}: {inner[0].strip()}")
        return lines
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            first, *rest = _lines(item, indent + "  ")
            lines.extend([f"{indent}- {first[len(indent) + 2 :]}", *rest])
        return lines
    if isinstance(value, dict | list):
        return [indent + ("{}" if isinstance(value, dict) else "[]")]
    return [indent + _scalar(value)]


def emit_yaml(value: object) -> str:
    """Return `value` (dict with string keys, list, string, number, boolean, None) as one YAML document.

    Raises `TypeError` for anything else.
    """
    return "\n".join(_lines(value, "")) + "\n"
