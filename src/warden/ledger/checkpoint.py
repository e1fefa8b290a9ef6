"""Checkpoints: origin, size, root, signed (C2SP tlog-checkpoint on signed-note).

    <origin>\\n<size>\\n<base64 root>\\n\\n— <key name> <base64(key id || signature)>\\n

The text that is signed ends with the newline before the empty line. Parsing is strict: no leading zeros, no other
newline forms, no extension lines (ours have none), no control characters, at most `SIGNATURES_LIMIT` signatures; what
would be written differently is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import cached_property

from warden.errors import LedgerError
from warden.ledger.merkle import HASH_BYTES
from warden.ledger.signature import Signer, Verifier, is_key_name, verifier_of
from warden.model.digests import MAX_INTEGER

NOTE_LIMIT = 4096
SIGNATURES_LIMIT = 16
SIGNATURE_LIMIT = 256
"""Bytes of a key id and signature; a witness's signature may be longer than ours."""
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a head says: this log, this long, this root."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who, which key, what."""

    name: str
    key_id: bytes
    signature: bytes

    def to_text(self) -> str:
        """Return what stands after the name: base64 of key id and signature."""
        return base64.b64encode(self.key_id + self.signature).decode()


@dataclass(frozen=True)
class Note:
    """A checkpoint with its signatures, as `text`."""

    checkpoint: Checkpoint
    signatures: tuple[Signature, ...]

    @cached_property
    def text(self) -> str:
        """The whole note."""
        lines = "".join(f"— {line.name} {line.to_text()}\n" for line in self.signatures)
        return f"{self.checkpoint.to_text()}\n{lines}"

    def signed_by(self, verifier: Verifier) -> bool:
        """Return whether `verifier`'s key signed this checkpoint; signatures of other keys are ignored, as the format
        asks, but a wrong one under this key's name and id is a failure."""
        ours = [line for line in self.signatures if line.name == verifier.name and line.key_id == verifier.key_id]
        data = self.checkpoint.to_text().encode()
        return bool(ours) and all(verifier.check(data, line.signature) for line in ours)


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer | None) -> Note:
    """Return the note, signed under the origin as the key's name; without a signer it has no signature (only
    simulations and tests do that)."""
    if signer is None:
        return Note(checkpoint, ())
    verifier = verifier_of(checkpoint.origin, signer.public_key)
    signature = signer.sign(checkpoint.to_text().encode())
    return Note(checkpoint, (Signature(verifier.name, verifier.key_id, signature),))


def parse_note(text: str) -> Note:
    """Return the note that this text is; raises `LedgerError` when it is not one in its only form."""
    if len(text) > NOTE_LIMIT:
        raise LedgerError(f"a checkpoint is longer than {NOTE_LIMIT} characters")
    body, separator, tail = text.partition("\n\n")
    lines = body.split("\n")
    if not separator or len(lines) != 3:
        raise LedgerError("a checkpoint does not have the lines origin, size and root")
    note = Note(_checkpoint(*lines), _signatures(tail))
    if note.text != text:
        raise LedgerError("a checkpoint is not in its only form")
    return note


def _checkpoint(origin: str, size: str, root: str) -> Checkpoint:
    if not origin or len(origin) > 256 or not origin.isprintable():
        raise LedgerError("a checkpoint's origin is not acceptable")
    if _SIZE.fullmatch(size) is None or int(size) > MAX_INTEGER:
        raise LedgerError("a checkpoint's size is not a number in its only form")
    data = _decode(root, "root")
    if len(data) != HASH_BYTES:
        raise LedgerError("a checkpoint's root is not a SHA-256 hash")
    return Checkpoint(origin, int(size), data)


def _signatures(tail: str) -> tuple[Signature, ...]:
    if tail == "":
        return ()
    if not tail.endswith("\n"):
        raise LedgerError("a checkpoint's signatures do not end with a newline")
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_LIMIT:
        raise LedgerError(f"a checkpoint has more than {SIGNATURES_LIMIT} signatures")
    return tuple(_signature(line) for line in lines)


def _signature(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—" or not is_key_name(parts[1]):
        raise LedgerError("a checkpoint's signature line is not of the form `— name base64`")
    data = _decode(parts[2], "signature")
    if not 4 < len(data) <= SIGNATURE_LIMIT:
        raise LedgerError("a checkpoint's signature has no acceptable length")
    return Signature(parts[1], data[:4], data[4:])


def _decode(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise LedgerError(f"a checkpoint's {what} is not base64") from error
