"""Passphrases: argon2id with the library's own parameters (RFC 9106, section 4), a few at a time."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from warden.errors import InputError

SHORTEST = 12
LONGEST = 1024
AT_ONCE: Final = 2
"""INVARIANT (bounded): each hash takes 64 MiB, so that no flood of sign-ins takes the machine."""


class Passphrases:
    """Makes and checks hashes; `hasher` is the library's with its own parameters unless one is given."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("a passphrase that nobody has: looking for a user takes its time too")

    def hash(self, passphrase: str) -> str:
        """Return what is kept of a passphrase; raises `InputError` for one that is too short or too long."""
        if not SHORTEST <= len(passphrase) <= LONGEST:
            raise InputError(f"a passphrase has {SHORTEST} to {LONGEST} characters", "several words make a good one")
        try:
            data = passphrase.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError("the passphrase holds characters that cannot be written down", "leave them out") from error
        with self._turns:
            return self._hasher.hash(data)

    def fits(self, kept: str, passphrase: str) -> bool:
        """Return whether it is the one that was kept; `kept` is empty when there is none, which takes as long."""
        if len(passphrase) > LONGEST:
            return False
        data = passphrase.encode("utf-8", "replace")
        with self._turns:
            try:
                return self._hasher.verify(kept or self._nobody, data) and bool(kept)
            except (VerificationError, InvalidHashError):
                return False
