"""Values that nothing names: in a sentence, on a line of their own, in a list, as a word of a command.

What it does: says whether a value that looks drawn at random stands where a person or a program hands over a secret,
rather than in a record, an address or an encoding. What it does not: find the value, or find hexadecimal digits and UUIDs
(which are identifiers unless a name says otherwise).
"""

from __future__ import annotations

import re
from functools import cache

from warden.guard.names import is_innocent, words_of
from warden.guard.regions import leaves_ascii_trace
from warden.guard.shape import count_digits, syllables

RULE_BARE = "bare-value"
SHORTEST = 20
LONGEST = 100
LINE_OF_AN_ENCODING = 30
DENSEST_SYLLABLE = 2.4
_JOINED_AFTER = ">@&/%"
_BEFORE = " \t\r\n\"'`([{<*_|,;:>“‘«„"
_LINE_MARKS = " \t>|+*-#"
_ENCODED_OBJECT = "eyJ"  # what a JSON object begins with in base64
_UUID = r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_MEMBER = r"[\"']\s{0,4}(?::|=>?)\s{0,4}[\[{(]?\s{0,4}[\"']?$"  # a field of a record; its name would have told
_FIELD = r"^[\s\"'>*-]{0,16}[\w.$-]{1,64}[\"']?\s{0,4}(?::|=)(?!\s{0,4}$)"
_BOUNDARY = r"\s{0,4}(?:--|— \S)"  # between the parts of a mail (RFC 2046), or a signature below a note


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def stands_bare(text: str, start: int, end: int, has_line_start: bool = True) -> bool:
    """Return whether the value from `start` to `end`, which looks drawn at random, is handed over bare.

    `text` may be no more than its surroundings; without `has_line_start` it may begin in the middle of a line, where a
    word before a colon names no field.
    """
    value = text[start:end]
    if not _is_key_like(value) or _is_joined(text, start, end):
        return False
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    last = len(text) if last < 0 else last
    before, after = text[first:start], text[end:last]
    if _compiled(_MEMBER).search(before):
        return False
    is_line = has_line_start or first > 0
    if is_line and (_compiled(_FIELD).match(before + "\0") or _compiled(_BOUNDARY).match(before)):
        return False
    if not before.strip(_LINE_MARKS) and _is_amid_encoding(text, first, last):
        return False
    return not is_innocent(words_of(f"{before} {after}"))


def _is_joined(text: str, start: int, end: int) -> bool:
    """Return whether the value is part of an address, an assignment or a longer word."""
    return (start > 0 and text[start - 1] not in _BEFORE) or (end < len(text) and text[end] in _JOINED_AFTER)


def _is_key_like(value: str) -> bool:
    """Return whether `value` mixes small and capital letters and digits as keys do, and is no encoded text, id or path."""
    if not SHORTEST <= len(value) <= LONGEST or not count_digits(value):
        return False
    if "/" in value and not (value.endswith("=") and len(value) % 4 == 0):
        return False
    if value == value.lower() or value == value.upper() or value.startswith(_ENCODED_OBJECT):
        return False
    if _compiled(_UUID).search(value) or leaves_ascii_trace(value):
        return False
    return len(syllables(value)) * DENSEST_SYLLABLE >= len(value)


def _is_amid_encoding(text: str, first: int, last: int) -> bool:
    """Return whether the line above or below is one long run as well: a block of base64, a signature, a key."""
    above = text[:first].rstrip("\r\n").rpartition("\n")[2].strip()
    below = text[last:].lstrip("\r\n").partition("\n")[0].strip()
    return any(len(line) > LINE_OF_AN_ENCODING and " " not in line for line in (above, below))
