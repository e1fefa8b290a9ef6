"""What the head of a column says of the values below it: tables of Markdown, CSV, tabs.

What it does: finds the head of the column that a value stands in, and judges it as a name. What it does not: parse tables;
a cell with a separator in quotation marks counts as two.
"""

from __future__ import annotations

import re
from functools import cache

from warden.guard.names import NameStrength, strength_of

_SEPARATORS = ("|", "\t", ",", ";")
_HEAD = (
    r"[\s\"'*_`]{0,8}(?:[^\W\d_][\w.-]{0,31}(?: [\w.-]{1,32}){0,2})?[\s\"'*_`]{0,8}"  # a name of three words or less
)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def strength_of_column(left: str, is_cut: bool) -> NameStrength:
    """Return what the head of a column says of the value that stands behind `left`.

    `is_cut` says that `left` does not begin where the text does, so that its first line may be no whole one.
    """
    line = left.rfind("\n") + 1
    for separator in _SEPARATORS if line else ():
        place = left.count(separator, line)
        head = _head_of(left[: line - 1].split("\n"), separator, place, is_cut) if place else []
        if place < len(head) and all(map(_compiled(_HEAD).fullmatch, head)):
            return strength_of(head[place])
    return NameStrength.SILENT


def _head_of(above: list[str], separator: str, place: int, is_cut: bool) -> list[str]:
    """Return the cells of the first line of the table that ends with the last line of `above`."""
    first = len(above)
    while first > 0 and above[first - 1].count(separator) >= place:
        first -= 1
    return above[first].split(separator) if first < len(above) and (first or not is_cut) else []
