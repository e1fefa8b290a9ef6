"""Moments as the API writes them: RFC 3339 in UTC, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(at: float | datetime | None) -> str | None:
    """Return the text of a moment, given as seconds since 1970 or as itself; None stays None."""
    if at is None:
        return None
    found = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")
