"""Counting what a ledger holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.ledger.entry import parse_entry
from warden.ledger.grammar import kind_of
from warden.store.segments import all_raws, all_records, list_segments

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


def read_statistics(connection: sqlite3.Connection, segments: Path | None) -> dict[str, object]:
    """Return counts by kind, disposition and delivery state, sizes in bytes, and the times of the first and last entry."""
    kinds: dict[str, int] = {}
    entries = entry_bytes = 0
    first = last = b""
    for raw in all_raws(all_records(connection, segments)):
        kind = kind_of(raw)
        kinds[kind] = kinds.get(kind, 0) + 1
        entries += 1
        entry_bytes += len(raw)
        first, last = first or raw, raw
    blobs, blob_bytes = connection.execute("SELECT count(*), coalesce(sum(length(bytes)), 0) FROM blobs").fetchone()
    archived = list_segments(connection)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    return {
        "entries": entries,
        "entry_bytes": entry_bytes,
        "first_at": first and parse_entry(first).at,
        "last_at": last and parse_entry(last).at,
        "checkpoints": connection.execute("SELECT count(*) FROM checkpoints").fetchone()[0],
        "archived_entries": sum(segment.last - segment.first + 1 for segment in archived),
        "archived_segments": len(archived),
        "texts": blobs,
        "text_bytes": blob_bytes,
        "database_bytes": pages * connection.execute("PRAGMA page_size").fetchone()[0],
        "kinds": dict(sorted(kinds.items())),
        "dispositions": _counts(connection, "SELECT disposition, count(*) FROM dispositions GROUP BY 1 ORDER BY 1"),
        "deliveries": _counts(connection, "SELECT state, count(*) FROM outbox GROUP BY 1 ORDER BY 1"),
    }


def _counts(connection: sqlite3.Connection, query: str) -> dict[str, int]:
    return {str(name): int(number) for name, number in connection.execute(query)}
