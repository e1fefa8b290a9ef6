"""A ledger entry before it is stored, and what a commit gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened: a kind of `ledger.schema` and its fields (ids, kinds, rule ids, sizes, digests; never
    text). Sequence number, time and the link to the entry before are added by the store."""

    kind: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Batch:
    """A unit of work: entries that become durable together with the blobs that they name, or not at all.

    `blobs` maps a digest (`sha256:...`) to the bytes that it is the digest of. `publish` says whether the head is
    published outside the database afterwards; a batch that another one follows at once may leave that to it.
    """

    entries: tuple[Entry, ...]
    blobs: Mapping[str, bytes] = field(default_factory=dict)
    publish: bool = True


@dataclass(frozen=True, slots=True)
class Head:
    """The state of a ledger: how many entries it has, the digest of the last one, and the Merkle root over all.

    `signature` is that of its checkpoint as a signed note writes it (base64 of key id and signature), empty for a log that
    is not signed.
    """

    origin: str
    size: int
    entry_digest: str
    root: str
    signature: str = ""
