"""The ledger's signing key on disk, and its fingerprint pinned in the configuration directory.

The key file is private (0600) and has three lines: a magic word, the seed in base64, the public key in hex. Whoever can
read it can rewrite the ledger up to what was published elsewhere; whoever can only write it is found out by the pin.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.errors import LedgerError, StateError, quote
from warden.ledger.signature import KEY_BYTES, SeedSigner, fingerprint_of
from warden.store.durable import create_file, disk_errors, make_directory

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = "warden-ledger-key-1"
_KEY_LIMIT = 1024
KEY_HINT = "put the key file back, or start a new log with `warden ledger repair`"


def create_key(path: Path) -> SeedSigner:
    """Return a new key that is kept at `path`, or the one that another process kept there first; raises `StateError`."""
    signer = SeedSigner.from_seed(os.urandom(KEY_BYTES))
    text = f"{_MAGIC}\n{base64.b64encode(signer.seed).decode()}\n{signer.public_key.hex()}\n"
    make_directory(path.parent)
    if create_file(path, text.encode()):
        return signer
    return read_key(path)


def read_key(path: Path) -> SeedSigner:
    """Return the key at `path`; raises `StateError` when others may read it, `LedgerError` when it is not a key."""
    with disk_errors(path), path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        data = file.read(_KEY_LIMIT)
    if stat.S_IMODE(mode) & 0o077:
        raise StateError(f"the signing key {quote(path)} can be read by others", f"run `chmod 600 {path}`")
    try:
        magic, seed, public_key, end = data.decode("ascii").split("\n")
        signer = SeedSigner(base64.b64decode(seed, validate=True), bytes.fromhex(public_key))
    except (ValueError, binascii.Error) as error:
        raise LedgerError(f"{quote(path)} is not a signing key", KEY_HINT) from error
    if magic != _MAGIC or end or len(signer.seed) != KEY_BYTES or len(signer.public_key) != KEY_BYTES:
        raise LedgerError(f"{quote(path)} is not a signing key", KEY_HINT)
    return signer


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the key and its pin lie."""

    key: Path
    pin: Path

    def read_pin(self) -> str | None:
        """Return the pinned fingerprint, None when nothing is pinned; raises `StateError`."""
        with disk_errors(self.pin):
            try:
                return self.pin.read_text("utf-8", "replace")[:_KEY_LIMIT].strip()
            except FileNotFoundError:
                return None

    def write_pin(self, public_key: bytes) -> bool:
        """Pin the key's fingerprint; return False when the configuration directory cannot be written."""
        try:
            make_directory(self.pin.parent)
            create_file(self.pin, (fingerprint_of(public_key) + "\n").encode())
        except StateError:
            return False
        return True

    def pin_once(self, public_key: bytes) -> None:
        """Pin the key of a ledger that is there, unless one is pinned: what is pinned says that there was a ledger."""
        if not self.pin.exists():
            self.write_pin(public_key)

    def load(self, pinned: str | None, ledger_exists: bool, replaced: bool = False) -> SeedSigner:
        """Return the signing key, made on first use; `pinned` is what `read_pin` said before it was seen whether a ledger
        exists, `replaced` says that a ledger was there and was put aside.

        Raises `LedgerError` when a ledger is there and its key is not, when a ledger was there and is gone, or when the key
        is not the pinned one.
        """
        if not self.key.exists():
            if ledger_exists or pinned is not None:
                raise LedgerError(
                    f"the ledger's signing key {quote(self.key)} is missing, and a ledger was there",
                    f"{KEY_HINT}; also when the state directory was emptied on purpose",
                )
            signer = create_key(self.key)
        elif pinned is not None and not ledger_exists and not replaced:
            raise LedgerError(
                f"the ledger is gone, and the fingerprint of its key is still pinned in {quote(self.pin)}",
                "put a copy back with `warden ledger restore`, or start a new log with `warden ledger repair`",
            )
        else:
            signer = read_key(self.key)
        if pinned is not None and pinned != fingerprint_of(signer.public_key):
            raise LedgerError(
                f"the signing key {quote(self.key)} is not the one whose fingerprint is pinned in {quote(self.pin)}",
                KEY_HINT,
            )
        return signer
