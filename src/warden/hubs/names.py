"""Names, keys, cursors and page sizes: what every request to a hub has, checked the same way everywhere.

Apart from `contract`, because looking at an inbox needs no more than this. Pure; raises `HubRejectedError`.
"""

from __future__ import annotations

import re
from typing import Final

from warden.errors import HubRejectedError, quote

PAGE_MESSAGES: Final = 1_000
PAGE_BYTES: Final = 4 * 1024 * 1024
THREAD_MESSAGES: Final = 500
"""`GET /threads/{id}` gives the newest so many, oldest first, within `PAGE_BYTES`."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}")
_KEY_CHARACTERS: Final = 200
_CURSOR_DIGITS: Final = 18


def refuse(field: str, problem: str, hint: str = "") -> HubRejectedError:
    """Return the refusal of one field; `problem` continues a sentence that starts with the field's name."""
    return HubRejectedError(f"{quote(field)} {problem}", hint, field)


def is_name(value: object) -> bool:
    """Return whether `value` can name an agent, a message or a thread."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def check_name(value: object, field: str) -> str:
    """Return `value` when it can name an agent, a message or a thread; raises `HubRejectedError`."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise refuse(
            field,
            "must be 1 to 128 letters, digits or `._@:+-`, starting with a letter or digit",
            "choose another name",
        )
    return value


def check_key(value: str | None) -> str | None:
    """Return an idempotency key, or None when there is none; raises `HubRejectedError`."""
    if value is not None and not (0 < len(value) <= _KEY_CHARACTERS and value.isascii() and _is_visible(value)):
        raise refuse("idempotency-key", "must be 1 to 200 visible ASCII characters")
    return value


def check_cursor(value: str | None) -> int:
    """Return the place in a listing that a cursor names, 0 for none; raises `HubRejectedError`."""
    if value is None:
        return 0
    if not (value.isascii() and value.isdigit() and len(value) <= _CURSOR_DIGITS):
        raise refuse("after", "is not a cursor of this hub", "use the `after` of the page before, unchanged")
    return int(value)


def check_limit(value: int) -> int:
    """Return the size of a page; raises `HubRejectedError` outside 1 to `PAGE_MESSAGES`."""
    if not 1 <= value <= PAGE_MESSAGES:
        raise refuse("limit", f"must lie between 1 and {PAGE_MESSAGES}")
    return value


def message_id(seq: object) -> str:
    """Return the id of the message with this number."""
    return f"m{seq}"


def message_seq(identifier: str) -> int:
    """Return the number in a message's id, -1 when it is not an id of this hub."""
    digits = identifier[1:]
    if identifier[:1] == "m" and digits.isascii() and digits.isdigit() and len(digits) < 19 and digits[0] != "0":
        return int(digits)
    return -1


def _is_visible(value: str) -> bool:
    return value.isprintable() and " " not in value
