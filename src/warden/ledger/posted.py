"""Heads that runs posted on a hub, in the metadata of their audit events.

A posted head says: at this moment the log had this size and this root. Whoever rolls the whole state directory back
cannot make the hub forget. Only heads of the log's own origin count; what else stands in an event is ignored, because
anybody may post events.
"""

from __future__ import annotations

from collections.abc import Mapping

from warden.ledger.checkpoint import Checkpoint
from warden.ledger.merkle import HASH_BYTES

ORIGIN_NAME = "head-origin"
SIZE_NAME = "head-size"
ROOT_NAME = "head-root"


def read_posted_head(metadata: Mapping[str, str], origin: str) -> Checkpoint | None:
    """Return the head of the log `origin` that an event carries, None when it carries none in the right form."""
    size, root = metadata.get(SIZE_NAME, ""), metadata.get(ROOT_NAME, "")
    if metadata.get(ORIGIN_NAME) != origin or not (size.isascii() and size.isdigit() and len(size) < 16):
        return None
    try:
        node = bytes.fromhex(root.removeprefix("sha256:"))
    except ValueError:
        return None
    return Checkpoint(origin, int(size), node) if len(node) == HASH_BYTES else None
