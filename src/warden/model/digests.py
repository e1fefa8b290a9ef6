"""Canonical bytes and digests.

`canonical_bytes` writes JSON as RFC 8785 (JSON Canonicalization Scheme) does, for the subset of JSON that warden
records: strings, integers within +-(2^53 - 1), booleans, null, lists, and objects with ASCII keys. For that subset the
standard encoder with sorted keys gives the RFC's bytes exactly (a test compares it with an independent
implementation); everything outside the subset is refused rather than written in a second way.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 64

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def _check(value: object, depth: int) -> None:
    """Refuse what has no canonical form; strings, by far the most frequent, are passed over without a call."""
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return
    if kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:  # type: ignore[operator]
            raise ValueError("integer outside the range that JSON keeps exactly")
        return
    if kind is not dict and kind is not list and kind is not tuple:
        raise TypeError(f"a {kind.__name__} has no canonical form")
    if depth >= MAX_DEPTH:
        raise ValueError("value is nested too deeply")
    if kind is dict:
        for key in value:  # type: ignore[attr-defined]
            if type(key) is not str or not key.isascii():
                raise ValueError("object key is not an ASCII string")
        value = value.values()  # type: ignore[attr-defined]
    for item in value:  # type: ignore[attr-defined]
        if type(item) is not str:
            _check(item, depth + 1)


def canonical_bytes(value: object) -> bytes:
    """Return the canonical JSON of `value` as UTF-8.

    Raises `TypeError` for a type without a canonical form (floats among them) and `ValueError` for an integer out of
    range, a key that is not ASCII, or nesting over `MAX_DEPTH`; a lone surrogate raises `UnicodeEncodeError`, which is
    a `ValueError`. Rule: RFC 8785, sections 3.2.2 and 3.2.3.
    """
    _check(value, 0)
    return _encode(value).encode("utf-8")


def digest_bytes(data: bytes) -> str:
    """Return `sha256:<64 hex>` of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_text(text: str) -> str:
    """Return the digest of `text` as UTF-8; lone surrogates are hashed by their code units, never an error."""
    return digest_bytes(text.encode("utf-8", "surrogatepass"))


def digest_value(value: Mapping[str, object] | list[object]) -> str:
    """Return the digest of the canonical bytes of `value`; raises as `canonical_bytes`."""
    return digest_bytes(canonical_bytes(value))
