"""Heads that runs posted on a hub, in the metadata of their audit events.

A posted head says: at this moment the log had this size and this root, and its key signed that. Whoever rolls the whole
state directory back cannot make the hub forget. Anybody may post events: so an event counts only when it names our log's
origin, and a head that is not in our log only when our key signed it. The event carries the parts of a signed checkpoint
(`ledger.checkpoint`), each in a name of its own, because metadata holds no newlines:

    head-origin, head-size, head-root (`sha256:<64 hex>`), head-signature (base64 of key id and signature)
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warden.model.entry import Head

ORIGIN_NAME = "head-origin"
SIZE_NAME = "head-size"
ROOT_NAME = "head-root"
SIGNATURE_NAME = "head-signature"


def posted_fields(head: Head) -> dict[str, str]:
    """Return the metadata that carries a head; without a signature when the log is not signed."""
    fields = {ORIGIN_NAME: head.origin, SIZE_NAME: str(head.size), ROOT_NAME: head.root}
    return {**fields, SIGNATURE_NAME: head.signature} if head.signature else fields


def posted_note(metadata: Mapping[str, str], origin: str) -> str | None:
    """Return the text of the signed checkpoint of the log `origin` that an event carries, None when it names no head of it.

    The text is not checked: what is missing or malformed makes a text that is no checkpoint, or one that nobody signed.
    """
    if metadata.get(ORIGIN_NAME) != origin:
        return None
    try:
        root = base64.b64encode(bytes.fromhex(metadata.get(ROOT_NAME, "").removeprefix("sha256:"))).decode()
    except ValueError:
        root = ""
    return f"{origin}\n{metadata.get(SIZE_NAME, '')}\n{root}\n\n— {origin} {metadata.get(SIGNATURE_NAME, '')}\n"
