"""Ed25519 keys and signatures as signed notes use them (C2SP signed-note).

A key has a name and an id: the first four bytes of SHA-256(name || 0x0A || 0x01 || public key), where 0x01 stands for
Ed25519. Its text form is the vkey `<name>+<id in hex>+<base64(0x01 || public key)>`. pynacl is imported when a
signature is made or checked, not before: most commands do neither.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

from warden.errors import LedgerError

ED25519 = b"\x01"
KEY_BYTES = 32
SIGNATURE_BYTES = 64


class Signer(Protocol):
    """Signs with one Ed25519 key."""

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public half."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the 64 bytes of the signature of `data`."""
        ...


def fingerprint_of(public_key: bytes) -> str:
    """Return `sha256:<64 hex>` of a public key."""
    return "sha256:" + sha256(public_key).hexdigest()


@lru_cache(maxsize=16)
def _key_id(name: str, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:4]


@lru_cache(maxsize=16)
def verifier_of(name: str, public_key: bytes) -> Verifier:
    """Return the key under that name; the same one each time, because a log signs all its checkpoints with it."""
    return Verifier(name, public_key)


def is_key_name(name: str) -> bool:
    """Return whether a signed note may carry this key name: not empty, no space, no plus, no control character."""
    return 0 < len(name) <= 256 and name.isprintable() and not any(c.isspace() or c == "+" for c in name)


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name) or len(self.public_key) != KEY_BYTES:
            raise LedgerError("a key's name or length is not acceptable")

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        return _key_id(self.name, self.public_key)

    @property
    def fingerprint(self) -> str:
        """What is pinned in the configuration directory."""
        return fingerprint_of(self.public_key)

    def to_text(self) -> str:
        """Return the vkey."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public_key).decode()}"

    @classmethod
    def from_text(cls, text: str) -> Verifier:
        """Return the key of a vkey; raises `LedgerError` for anything else."""
        name, _, rest = text.partition("+")
        _, _, encoded = rest.partition("+")
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise LedgerError("a public key is not of the form name+id+base64") from error
        if len(data) != KEY_BYTES + 1 or data[:1] != ED25519:
            raise LedgerError("a public key is not an Ed25519 key")
        verifier = cls(name, data[1:])
        if verifier.to_text() != text:
            raise LedgerError("a public key's id does not fit its name and bytes")
        return verifier

    def check(self, data: bytes, signature: bytes) -> bool:
        """Return whether `signature` is this key's signature of `data`."""
        from nacl.exceptions import BadSignatureError
        from nacl.signing import VerifyKey

        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            VerifyKey(self.public_key).verify(data, signature)
        except BadSignatureError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SeedSigner:
    """Signs with the Ed25519 key that grows from a 32-byte seed; no representation of it shows the seed.

    The public half is kept beside it so that it is known without importing pynacl.
    """

    seed: bytes = field(repr=False)
    public_key: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> SeedSigner:
        """Return the signer of a seed; raises `LedgerError` when it has not 32 bytes."""
        from nacl.signing import SigningKey

        if len(seed) != KEY_BYTES:
            raise LedgerError("a signing key's seed has not 32 bytes")
        return cls(seed, bytes(SigningKey(seed).verify_key))

    def sign(self, data: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        from nacl.bindings import crypto_sign

        return crypto_sign(data, self.seed + self.public_key)[:SIGNATURE_BYTES]
