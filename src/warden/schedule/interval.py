"""Lengths of time as people write them: `30s`, `5m`, `2h`, `1d`."""

from __future__ import annotations

import re

from warden.errors import UsageError, quote

_INTERVAL = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)?\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, None: 1}
SHORTEST_S = 1
LONGEST_S = 7 * 86400


def parse_interval(text: str, named: str = "interval") -> int:
    """Return the seconds that `30s`, `5m`, `2h`, `1d` or a bare number of seconds stands for; raises `UsageError`."""
    match = _INTERVAL.match(text)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise UsageError(
            f"{named} {quote(text)} cannot be used", "give seconds, minutes, hours or days: 30s, 5m, 2h, 1d"
        )
    return seconds


def to_words(seconds: int) -> str:
    """Return a length of time in its shortest form: the largest unit that fits it evenly."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
