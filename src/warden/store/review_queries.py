"""Reading the queue of what waits for a person: each question is one query, or a few by number."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from warden.ledger.entry import parse_entry
from warden.model.disposition import Disposition
from warden.model.ids import MessageKey
from warden.model.review import Member, ReviewItem, ReviewKind, ReviewState, Trace, Verdict, Vote
from warden.store.queries import moment, read_blob

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

HISTORY_LIMIT = 400
"""INVARIANT (bounded): entries of one item's history."""
TAUGHT_LIMIT = 2_000
"""INVARIANT (bounded): decisions that teach the catalogue at once."""
HISTORY_SPAN = 200_000
"""INVARIANT (bounded): entries that are looked through for it."""

ITEM_COLUMNS = """
SELECT number, kind, state, hub_id, agent, message_id, thread_id, sender, reason, opened_ms, changed_ms, messages, owner,
  raised, raised_ms, verdict, decided_by, action_kind, ordinal, capability, action_digest, payload_digest, message_digest,
  request_digest, snapshot, rule_ids, requested_by, expires_ms, delivery
FROM review_items
"""
"""The start of a query for items, as `to_item` reads its rows."""


_LIVE_OF = """
WHERE state IN ('open', 'acknowledged') AND number IN (
  SELECT number FROM review_members WHERE hub_id = ? AND agent = ? AND message_id = ?)
ORDER BY number
"""

_OF_STATE = "WHERE agent = ? AND state IN ('open', 'acknowledged') AND state = ? AND number BETWEEN ? AND ? "
_FIRST_TO_EXPIRE = _OF_STATE + "AND expires_ms > ? ORDER BY expires_ms, number LIMIT 1"
_FIRST_LASTING = _OF_STATE + "AND expires_ms IS NULL AND ? ORDER BY number LIMIT 1"
_MOST_NUMBER = 1 << 62


# A queue has thousands of items and few different words in them: they are looked up, not made anew.
_KINDS = {kind.value: kind for kind in ReviewKind}
_STATES = {state.value: state for state in ReviewState}


@lru_cache(maxsize=1024)
def _rules(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def to_item(row: Sequence[Any]) -> ReviewItem:
    """Return a row of `ITEM_COLUMNS` as an item."""
    return ReviewItem(
        number=row[0],
        kind=_KINDS[row[1]],
        state=_STATES[row[2]],
        message=MessageKey(row[3], row[4], row[5]),
        thread_id=row[6],
        sender=row[7],
        reason=row[8],
        opened_at=moment(row[9]),
        changed_at=moment(row[10]),
        messages=row[11],
        assigned=row[12],
        raised=row[13],
        raised_at=None if row[14] is None else moment(row[14]),
        verdict=Verdict(row[15]) if row[15] else None,
        decided_by=row[16],
        action_kind=row[17],
        ordinal=row[18],
        capability=row[19],
        action_digest=row[20],
        payload_digest=row[21],
        message_digest=row[22],
        request_digest=row[23],
        snapshot=row[24],
        rule_ids=_rules(row[25]),
        requested_by=row[26],
        expires_at=None if row[27] is None else moment(row[27]),
        delivery=row[28],
    )


def read_items(connection: sqlite3.Connection, agent: str, states: frozenset[ReviewState]) -> tuple[ReviewItem, ...]:
    """Return the agent's items in one of these states, oldest first."""
    if all(state.live for state in states):
        where, values = "WHERE agent = ? AND state IN ('open', 'acknowledged')", (agent,)
    else:
        where, values = "WHERE agent = ?", (agent,)
    rows = connection.execute(ITEM_COLUMNS + where + " ORDER BY number", values)
    return tuple(to_item(row) for row in rows if row[2] in states)


def read_item(connection: sqlite3.Connection, number: int) -> ReviewItem | None:
    """Return the item with this number, or None."""
    row = connection.execute(ITEM_COLUMNS + "WHERE number = ?", (number,)).fetchone()
    return None if row is None else to_item(row)


def read_following(connection: sqlite3.Connection, agent: str, now_ms: int, after: int) -> ReviewItem | None:
    """Return the live item that a person should look at next, as `ports.ReviewStore.following` orders them: one look into an
    index for each place in that order, because a queue of thousands is not sorted for one item."""
    for low, high in ((after + 1, _MOST_NUMBER), (0, after)):
        for state in ("open", "acknowledged"):
            for where in (_FIRST_TO_EXPIRE, _FIRST_LASTING):
                row = connection.execute(ITEM_COLUMNS + where, (agent, state, low, high, now_ms)).fetchone()
                if row is not None:
                    return to_item(row)
    return None


def read_live(connection: sqlite3.Connection, key: MessageKey) -> tuple[ReviewItem, ...]:
    """Return the live items that this message belongs to, oldest first."""
    rows = connection.execute(
        ITEM_COLUMNS + _LIVE_OF,
        (key.hub_id, key.agent, key.message_id),
    )
    return tuple(to_item(row) for row in rows)


def read_due(
    connection: sqlite3.Connection, agent: str, now_ms: int, raised_before_ms: int | None, limit: int
) -> tuple[ReviewItem, ...]:
    """Return live approvals whose time has run out, then open items that were not raised since that moment."""
    rows = connection.execute(
        ITEM_COLUMNS
        + "WHERE agent = ? AND expires_ms IS NOT NULL AND expires_ms <= ? AND state IN ('open', 'acknowledged') "
        "ORDER BY expires_ms LIMIT ?",
        (agent, now_ms, limit),
    ).fetchall()
    if raised_before_ms is not None and len(rows) < limit:
        rows += connection.execute(
            ITEM_COLUMNS + "WHERE agent = ? AND state = 'open' AND coalesce(raised_ms, opened_ms) <= ? "
            "AND (expires_ms IS NULL OR expires_ms > ?) ORDER BY coalesce(raised_ms, opened_ms), number LIMIT ?",
            (agent, raised_before_ms, now_ms, limit - len(rows)),
        ).fetchall()
    return tuple(to_item(row) for row in rows)


def read_votes(connection: sqlite3.Connection, number: int) -> tuple[Vote, ...]:
    """Return the newest vote of each person on this item, oldest first."""
    rows = connection.execute(
        "SELECT voter, action_digest, message_digest, snapshot FROM review_votes WHERE number = ? ORDER BY seq",
        (number,),
    )
    return tuple(Vote(*row) for row in rows)


def read_members(connection: sqlite3.Connection, number: int) -> tuple[Member, ...]:
    """Return the messages of an item, in the order in which they joined, with their redacted texts."""
    rows = connection.execute(
        "SELECT m.hub_id, m.agent, m.message_id, d.disposition, s.text_digest, s.message_digest, s.seq "
        "FROM review_members m LEFT JOIN dispositions d USING (hub_id, agent, message_id) "
        "LEFT JOIN sightings s USING (hub_id, agent, message_id) WHERE m.number = ? ORDER BY m.rowid",
        (number,),
    ).fetchall()
    return tuple(_member(connection, row) for row in rows)


def _member(connection: sqlite3.Connection, row: Sequence[Any]) -> Member:
    text = read_blob(connection, row[4]) if row[4] else None
    fields = {} if text is None else json.loads(text)
    entry = connection.execute("SELECT raw FROM entries WHERE seq = ?", (row[6],)).fetchone()
    from warden.ledger.entry import parse_time

    return Member(
        message=MessageKey(row[0], row[1], row[2]),
        disposition=Disposition(row[3]) if row[3] else None,
        subject=fields.get("subject"),
        body=fields.get("body"),
        message_digest=row[5] or "",
        seen_at=None if entry is None else parse_time(parse_entry(entry[0]).at),
    )


def read_history(connection: sqlite3.Connection, number: int) -> tuple[Trace, ...]:
    """Return the entries about an item and its messages that the database holds, oldest first.

    Entries are looked through from the first sight of its oldest message on, at most `HISTORY_SPAN` of them.
    """
    keys = {
        (row[0], row[1], row[2])
        for row in connection.execute(
            "SELECT hub_id, agent, message_id FROM review_members WHERE number = ?", (number,)
        )
    }
    first = connection.execute(
        "SELECT min(coalesce(s.seq, i.seq)) FROM review_members m JOIN review_items i USING (number) "
        "LEFT JOIN sightings s ON (s.hub_id, s.agent, s.message_id) = (m.hub_id, m.agent, m.message_id) "
        "WHERE m.number = ?",
        (number,),
    ).fetchone()[0]
    deliveries = {
        key
        for message in keys
        for (key,) in connection.execute(
            "SELECT key FROM outbox WHERE hub_id = ? AND agent = ? AND message_id = ?", message
        )
    }
    found: list[Trace] = []
    rows = connection.execute(
        "SELECT seq, raw FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq",
        (first or 0, (first or 0) + HISTORY_SPAN),
    )
    marks = (
        [json.dumps(key[2]).encode() for key in keys] + [key.encode() for key in deliveries] + [b'"item":%d' % number]
    )
    for seq, raw in rows:
        if any(mark in raw for mark in marks):
            entry = parse_entry(raw)
            if _is_about(entry.fields, keys, deliveries, number):
                found.append(Trace(seq, entry.at, entry.kind, tuple(entry.fields.items())))
                if len(found) >= HISTORY_LIMIT:
                    break
    return tuple(found)


def _is_about(fields: Any, keys: set[tuple[str, str, str]], deliveries: set[str], number: int) -> bool:
    if fields.get("item") == number or fields.get("key") in deliveries:
        return True
    ref = fields.get("ref")
    return ref is not None and (ref["hub_id"], ref["agent"], ref["message_id"]) in keys


def read_counts(connection: sqlite3.Connection, agent: str, since_ms: int) -> dict[str, int]:
    """Return numbers since then: `messages` that were seen, `messages.escalated` of them that ever needed a person, and per
    kind of item how many were `opened` and ended, by state or verdict (`approval.accept`, `approval.expired`, ...)."""
    counts: dict[str, int] = {}
    counts["messages"], counts["messages.escalated"] = connection.execute(
        "SELECT count(*), coalesce(sum(EXISTS (SELECT 1 FROM review_members m WHERE (m.hub_id, m.agent, m.message_id) = "
        "(s.hub_id, s.agent, s.message_id))), 0) FROM sightings s WHERE s.agent = ? AND s.seen_ms >= ?",
        (agent, since_ms),
    ).fetchone()
    for kind, number in connection.execute(
        "SELECT kind, count(*) FROM review_items WHERE agent = ? AND opened_ms >= ? GROUP BY kind", (agent, since_ms)
    ):
        counts[f"{kind}.opened"] = number
    rows = connection.execute(
        "SELECT kind, CASE verdict WHEN '' THEN state ELSE verdict END AS how, count(*) FROM review_items "
        "WHERE agent = ? AND changed_ms >= ? AND state NOT IN ('open', 'acknowledged') GROUP BY kind, how",
        (agent, since_ms),
    )
    counts.update({f"{kind}.{how}": number for kind, how, number in rows})
    return counts


def read_taught(connection: sqlite3.Connection, agent: str) -> tuple[tuple[int, str, str, str, str], ...]:
    """Return item, verdict, subject and body of the message, and body that was sent, of every released text, oldest first."""
    rows = connection.execute(
        "SELECT i.number, i.verdict, s.text_digest, o.payload_digest FROM review_items i "
        "JOIN outbox o ON o.action_digest = i.released "
        "JOIN sightings s ON (s.hub_id, s.agent, s.message_id) = (o.hub_id, o.agent, o.message_id) "
        "WHERE i.agent = ? AND i.state = 'decided' AND i.released <> '' AND o.channel = 'message' ORDER BY i.number LIMIT ?",
        (agent, TAUGHT_LIMIT),
    ).fetchall()
    found: list[tuple[int, str, str, str, str]] = []
    for number, verdict, text_digest, payload_digest in rows:
        text, payload = read_blob(connection, text_digest), read_blob(connection, payload_digest)
        if text is not None and payload is not None:
            message = json.loads(text)
            found.append((number, verdict, message["subject"], message["body"], json.loads(payload)["body"]))
    return tuple(found)
