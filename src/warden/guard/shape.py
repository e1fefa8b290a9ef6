"""What a value looks like on its own: drawn by a machine, written by a person, or standing in for one.

What it does: answers questions about one string. What it does not: know where the string stands.
"""

from __future__ import annotations

import math
import re
from functools import cache

# How much likelier one lower-case letter follows another in identifiers and English prose than by chance: row = first
# letter, column = second, digit = log2 of the ratio plus 5 (5 is neutral). Counted over documentation and source text.
_FOLLOWS = [
    "25661350503756050767432341",
    "74446432642733631664622151",
    "73446326506542730556521030",
    "64458532722533641554522130",
    "53664542302557353776243531",
    "64446632801634740655522140",
    "53338346600546530764521122",
    "73348222703443730546421240",
    "54655450102658641566140304",
    "74457431534344742373734021",
    "64448452633544540465534130",
    "63458321712633740355531150",
    "75348222602453671253521120",
    "63666472513334630367451021",
    "44552441414667550755645310",
    "72447325503633651756532140",
    "34342522300643232665942213",
    "73558341704454640566432040",
    "52637426603533553367533140",
    "63447426702433641755422151",
    "55545440500667460767110200",
    "74538433700343540454123030",
    "74447436704446631664223210",
    "54647424602453473448223442",
    "54426452512666582576234243",
    "72339423602442542345321144",
]

_SYLLABLES = r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+"
_UUID = r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_COMPOUND = r"[A-Z]{1,12}[a-z]?v?\d{0,3}|[A-Za-z]?[a-z]{1,11}\d{0,3}|\d{1,4}"
_HEX = r"[0-9a-f]+|[0-9A-F]+"
_STAND_IN = (
    r"(?i)x{4,}|\*{3,}|\.{3,}|•{2,}|_{4,}|#{4,}|0{8,}|1234567890?$|^(?:abcd?|foo|bar|test|dummy|none|null|"
    r"true|false|undefined)+$|"
    r"your|my[-_]?(?:api|token|secret|key|password)|change[-_ ]?me|replace|placeholder|insert|redacted|<[^>]*>|"
    r"^\$|^%[A-Z_]+%$|\$\{|\{\{|\}\}|^secret:|process\.env|os\.environ|getenv|env\[|^env\.|vault:|^op://|^arn:"
)


VARIED = 14
_ONE_PAIR = 1 << 24  # above what the scores of a text of the longest kind add up to
_WITHOUT_DIGITS = dict.fromkeys(map(ord, "0123456789"))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def entropy(value: str) -> float:
    """Return the Shannon entropy of `value` in bits per character (0.0 for an empty string)."""
    size = len(value)
    if not size:
        return 0.0
    counts = map(value.count, set(value))
    return math.log2(size) - sum([n * math.log2(n) for n in counts if n > 1]) / size


def count_digits(value: str) -> int:
    """Return how many ASCII digits `value` holds."""
    return len(value) - len(value.translate(_WITHOUT_DIGITS))


def is_uuid(value: str) -> bool:
    """Return whether `value` has the text form of a UUID (RFC 9562 section 4)."""
    return len(value) == 36 and _compiled(_UUID).fullmatch(value) is not None


def is_hex(value: str) -> bool:
    """Return whether `value` consists of hexadecimal digits of one case."""
    return _compiled(_HEX).fullmatch(value) is not None


def is_stand_in(value: str) -> bool:
    """Return whether `value` stands in for a secret: a placeholder, a variable, a mask, a reference."""
    return _compiled(_STAND_IN).search(value) is not None or len(set(value)) <= min(6, max(2, len(value) // 10))


def word_likeness(value: str) -> float:
    """Return how much the letters of `value` follow each other as in words: about 0 by chance, above 1 for words."""
    data = value.lower().encode("latin-1", "replace")
    scores = _pair_scores()
    # Read as numbers of two bytes, from the first byte on and from the second: every pair of neighbours once.
    even, odd = data[: len(data) & ~1], data[1 : len(data) - (len(data) & 1 ^ 1)]
    both = sum(map(scores.__getitem__, memoryview(even + odd).cast("H")))
    pairs = (both + _ONE_PAIR // 2) // _ONE_PAIR
    return (both - pairs * _ONE_PAIR) / pairs if pairs else 0.0


@cache
def _pair_scores() -> list[int]:
    """Return, for each two bytes read as one number, `_ONE_PAIR` and their score when both are letters, otherwise 0."""
    scores = [0] * 0x10000
    for first, row in enumerate(_FOLLOWS):
        for second, digit in enumerate(row):
            scores[memoryview(bytes((97 + first, 97 + second))).cast("H")[0]] = _ONE_PAIR + int(digit) - 5
    return scores


def is_composed(value: str) -> bool:
    """Return whether `value` is an identifier or a path, put together of words that may end with a small number.

    `TLS13_APPENDIX_D4`, `g10/delkey.c` and `pkcs11_copy_x509_key2` are; what is drawn at random hardly ever is.
    """
    parts = _compiled(r"[_/.\-]+").split(value)
    return len(parts) >= 3 and all(_compiled(_COMPOUND).fullmatch(part) for part in parts)


def syllables(value: str) -> list[str]:
    """Return the runs of `value` of one class: a capitalised or lower word, capitals, digits."""
    return _compiled(_SYLLABLES).findall(value)


def is_random(value: str) -> bool:
    """Return whether `value` (12 characters or more) looks drawn at random rather than written by a person.

    Random base62 changes its class of character every second letter and its letters do not follow each other as in
    words; names, paths and identifiers fail one of the two.
    """
    size = len(value)
    if size < 12:
        return False
    digits = count_digits(value)
    if not digits and size < 16:
        return False
    parts = syllables(value)
    body = sum(map(len, parts))
    if body == digits or body < size * 0.75:
        return False
    if len(set(value)) < VARIED and entropy(value) < (2.8 if size < 20 else 3.1):
        return False
    mean = body / len(parts)
    likeness = word_likeness(value)
    if not digits:
        mixed = value != value.lower() and value != value.upper()
        return (mixed and mean < 2.4 and likeness < 0.5) or likeness < -0.35
    if mean <= 2.1:
        return likeness < 0.9
    return likeness < (0.35 if mean <= 3.2 else -0.1)
