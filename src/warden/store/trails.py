"""What the ledger says of one message: from the first sight of it to what became of its deliveries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from warden.ledger.entry import parse_entry

if TYPE_CHECKING:
    import sqlite3

    from warden.ledger.entry import StoredEntry
    from warden.model.ids import MessageKey

SPAN = 20_000
"""INVARIANT (bounded): entries after the first sight of a message that are looked through."""
NEAR = 16
"""Entries around a report that belong to it: they are in its commit."""
MOST = 500
"""INVARIANT (bounded): entries of one trail."""


def read_trail(connection: sqlite3.Connection, key: MessageKey) -> tuple[StoredEntry, ...]:
    """Return the entries about a message and its deliveries that the database holds, oldest first, at most `MOST`."""
    where = (key.hub_id, key.agent, key.message_id)
    first = connection.execute(
        "SELECT seq FROM sightings WHERE hub_id = ? AND agent = ? AND message_id = ?", where
    ).fetchone()
    if first is None:
        return ()
    deliveries = [
        row[0]
        for row in connection.execute(
            "SELECT key FROM outbox WHERE hub_id = ? AND agent = ? AND message_id = ? ORDER BY seq LIMIT 64", where
        )
    ]
    windows = [(first[0], first[0] + SPAN)]
    for delivery in deliveries:
        reports = connection.execute(
            "SELECT seq FROM outcomes WHERE key = ? AND correlation_id = ?", (delivery, delivery)
        )
        windows.extend((seq - 1, seq + NEAR) for (seq,) in reports)
    marks = [json.dumps(key.message_id).encode(), *(delivery.encode() for delivery in deliveries)]
    found: dict[int, StoredEntry] = {}
    for start, end in windows:
        for seq, raw in connection.execute("SELECT seq, raw FROM entries WHERE seq >= ? AND seq < ?", (start, end)):
            if seq not in found and any(mark in raw for mark in marks):
                entry = parse_entry(raw)
                if _is_about(entry, where, deliveries):
                    found[seq] = entry
    return tuple(found[seq] for seq in sorted(found)[:MOST])


def _is_about(entry: StoredEntry, where: tuple[str, str, str], deliveries: list[str]) -> bool:
    ref = entry.fields.get("ref")
    if isinstance(ref, dict):
        return (ref["hub_id"], ref["agent"], ref["message_id"]) == where
    return entry.fields.get("subject" if entry.kind == "alert_raised" else "key") in deliveries


def read_decisions(connection: sqlite3.Connection, before: int | None, limit: int) -> tuple[StoredEntry, ...]:
    """Return decisions of the kernel, newest first, before an entry; at most `SPAN` entries are looked through."""
    (newest,) = connection.execute("SELECT coalesce(max(seq), -1) FROM entries").fetchone()
    end = newest + 1 if before is None else min(before, newest + 1)
    found: list[StoredEntry] = []
    rows = connection.execute("SELECT raw FROM entries WHERE seq < ? AND seq >= ? ORDER BY seq DESC", (end, end - SPAN))
    for (raw,) in rows:
        if b'"kind":"decided"' in raw:
            entry = parse_entry(raw)
            if entry.kind == "decided":
                found.append(entry)
        if len(found) == limit:
            break
    return tuple(found)
