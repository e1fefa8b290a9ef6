"""Ed25519: keys in files, detached signatures beside what they sign (`<file>.sig`, 64 raw bytes). RFC 8032.

The library is imported when a signature is made or checked.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING

from warden.errors import ConfigError, GateError, StateError, quote

if TYPE_CHECKING:
    from pathlib import Path

SIGNATURE_SUFFIX = ".sig"
SIGNATURE_BYTES = 64
KEY_BYTES = 32


def read_key(path: Path) -> bytes:
    """Return the 32 bytes of a key file: raw, or as base64 or hexadecimal text. Raises `ConfigError`."""
    try:
        data = path.read_bytes()
    except OSError:
        raise ConfigError(f"cannot read the key {quote(path)}", "check the path and its permissions") from None
    key = data if len(data) == KEY_BYTES else _decode(data.strip())
    if key is None or len(key) != KEY_BYTES:
        raise ConfigError(f"{quote(path)} does not hold an Ed25519 key", "make one with `warden policy keygen`")
    return key


def _decode(text: bytes) -> bytes | None:
    try:
        return (
            bytes.fromhex(text.decode("ascii")) if len(text) == 2 * KEY_BYTES else base64.b64decode(text, validate=True)
        )
    except (ValueError, binascii.Error):
        return None


def verifies(data: bytes, signature: bytes, public_key: bytes) -> bool:
    """Return whether `signature` over `data` was made by the owner of `public_key`."""
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey

    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        VerifyKey(public_key).verify(data, signature)
    except BadSignatureError:
        return False
    return True


def check_charter_signature(rules: bytes, signature: bytes | None, public_key_file: Path) -> None:
    """Check the signature of `charter.yaml`; raises `GateError` when it is missing or wrong, `ConfigError` for the key."""
    key = read_key(public_key_file)
    if signature is None or not verifies(rules, signature, key):
        raise GateError(
            "the charter's signature is missing or wrong" if signature is None else "the charter's signature is wrong",
            "sign charter.yaml with the key that `charter_public_key` belongs to, or take the setting away",
        )


def sign(data: bytes, private_key: bytes) -> bytes:
    """Return the detached signature over `data`."""
    from nacl.signing import SigningKey

    return bytes(SigningKey(private_key).sign(data).signature)


def make_key(path: Path) -> Path:
    """Write a new private key to `path` (0600, base64) and its public key to `<path>.pub`; return the latter.

    Raises `StateError` when `path` exists or cannot be written: a key is never overwritten.
    """
    from nacl.signing import SigningKey

    key = SigningKey.generate()
    public = path.with_name(path.name + ".pub")
    try:
        _write_new(path, bytes(key), 0o600)
        _write_new(public, bytes(key.verify_key), 0o644)
    except FileExistsError as error:
        raise StateError(f"{quote(error.filename)} exists", "choose another name: a key is never overwritten") from None
    except OSError as error:
        raise StateError(f"cannot write the key: {error.strerror}", "choose a directory that can be written") from None
    return public


def _write_new(path: Path, key: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(key) + b"\n")
