"""What is kept of a value that must never appear anywhere: enough to recognise it, too little to learn it."""

from __future__ import annotations

from typing import NamedTuple


class Fingerprint(NamedTuple):
    """An enrolled value of `size` bytes under the `name` that a person gave it.

    `mark` is a keyed 20-bit hash of its first 8 bytes, `seal` scrypt of all of it under the same key
    (`warden.guard.known`). `classes` are the classes of character that it is made of, a bit for each: letters with digits, or
    words with blanks; 0 when that was not noted.
    """

    name: str
    size: int
    mark: int
    seal: bytes
    classes: int = 0
