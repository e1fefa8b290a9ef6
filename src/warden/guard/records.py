"""What the record round a value tells of it: that it is the name of a field, the key of a file, the handle of a cart.

What it does: judges a value under a name that could be a secret's (`token`, `key`) by the fields beside it. What it does
not: judge the name (`names`), or look at the value.
"""

from __future__ import annotations

import re
from functools import cache

from warden.guard.names import has_provider, mentions_secret, words_of

NAME_REACH = 64  # a little more than what the two patterns for bare names match at most
_FIELD_NAME = r"[\"']:"  # after a value in quotation marks, which so is the name of a field
_BARE_KEY = r"[\"']key[\"']\s{0,4}:\s{0,4}[\"'][\w:]{0,40}$"
_BARE_TOKEN = r"[\"']token[\"']\s{0,4}:\s{0,4}[\"']$"
_STORED = r"(?i)(?:storage|object|bucket|file|blob|upload|attachment|artifact|asset)[\"']\s{0,4}:\s{0,4}\{\s{0,16}$"
_HANDED_OUT = (
    r"[\"'](?:cart_token|checkout_token|checkout_id|order_status_url|order_number|line_items|form_id|landed_at)[\"']"
)
_SIGNED = (r"[\"']timestamp[\"']\s{0,4}:", r"[\"']signature[\"']\s{0,4}:")
_HANDED_LINK = r"/(?:orders?|checkouts?|carts?|receipts?|invoices?)/[^\s\"'<>?]{1,200}\?(?:[^\s\"'<>?]{0,80}&)?key=$"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def is_field_name(left: str, right: str) -> bool:
    """Return whether what stands between `left` and `right` is the name of a field: quoted, with a colon behind it."""
    return left.endswith(('"', "'")) and _compiled(_FIELD_NAME).match(right) is not None


def is_handle(left: str, right: str) -> bool:
    """Return whether the value is handed to whoever it concerns and lets nobody in.

    The token of a cart, an order or an answer to a form; the number used once that is signed with a time; the key in the
    link to a customer's own order; the name of a stored file.
    """
    if left.endswith("="):
        return _compiled(_HANDED_LINK).search(left) is not None
    if _compiled(_BARE_TOKEN).search(left, max(0, len(left) - NAME_REACH)):
        near = left + right
        return _compiled(_HANDED_OUT).search(near) is not None or all(_compiled(p).search(near) for p in _SIGNED)
    key = _compiled(_BARE_KEY).search(left, max(0, len(left) - NAME_REACH))
    return key is not None and _compiled(_STORED).search(left[: key.start()]) is not None


def is_bare_key(left: str) -> bool:
    """Return whether the value stands under a quoted `key` in a record that speaks of no provider and no secret."""
    match = _compiled(_BARE_KEY).search(left, max(0, len(left) - NAME_REACH))
    if match is None:
        return False
    before = words_of(left[: match.start()].rpartition("{")[2])
    return not has_provider(before) and not mentions_secret(before)
