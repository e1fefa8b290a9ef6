"""Questions of the console: a page of the queue, a message's entries, pages of the ledger, and figures for charts.

Each is bounded, so that a page takes as long with a hundred thousand entries as with a hundred.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.ledger.entry import StoredEntry, parse_entry
from warden.model.review import ReviewItem, ReviewKind, ReviewState, Trace
from warden.store.review_queries import HISTORY_LIMIT, HISTORY_SPAN, ITEM_COLUMNS, to_item

if TYPE_CHECKING:
    import sqlite3

    from warden.model.ids import MessageKey

LEDGER_SPAN = 50_000
"""INVARIANT (bounded): entries that are looked through for one page of the ledger."""
MAX_BARS = 62
"""INVARIANT (bounded): points of a chart."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items of an agent: a kind, states, a sender, an owner, a rule with or without its layer, a reason (each empty for
    all), and opened between two moments (None: ever). `owners` and `default_owner` say who owns what was assigned to nobody, as
    `engine.review_gates.owner_of` does. With `now_ms`, an approval whose time had run out by then counts as expired, as
    `engine.review_gates.standing` says it, whether or not a run has recorded that."""

    agent: str
    kind: ReviewKind | None = None
    states: frozenset[ReviewState] = frozenset({ReviewState.OPEN, ReviewState.ACKNOWLEDGED})
    sender: str = ""
    opened_from_ms: int | None = None
    opened_to_ms: int | None = None
    owner: str = ""
    owners: tuple[tuple[str, str], ...] = ()
    default_owner: str = ""
    rule: str = ""
    reason: str = ""
    now_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some items, and whether there are more behind them."""

    items: tuple[ReviewItem, ...]
    more: bool


def _where(wanted: Wanted) -> tuple[str, list[object]]:
    live = frozenset(state for state in ReviewState if state.live)
    names = ", ".join(f"'{state.value}'" for state in ReviewState if state in wanted.states) or "''"
    if wanted.states == live:
        names = "'open', 'acknowledged'"  # as the index has it
    state = "state" if wanted.now_ms is None else _STANDING
    clauses = [f"agent = ? AND {state} IN ({names})"]
    values: list[object] = [wanted.agent, *([] if wanted.now_ms is None else [wanted.now_ms])]
    for clause, value in (
        ("kind = ?", wanted.kind.value if wanted.kind else None),
        ("sender = ?", wanted.sender or None),
        ("reason = ?", wanted.reason or None),
        ("opened_ms >= ?", wanted.opened_from_ms),
        ("opened_ms <= ?", wanted.opened_to_ms),
    ):
        if value is not None:
            clauses.append(clause)
            values.append(value)
    if wanted.owner:
        owner, named = _owner_of(wanted)
        clauses.append(f"{owner} = ?")
        values += [*named, wanted.owner]
    if wanted.rule:
        clauses.append(_NAMES_RULE)
        values += [wanted.rule] * 4
    return " AND ".join(clauses), values


_STANDING = "CASE WHEN expires_ms <= ? AND state IN ('open', 'acknowledged') THEN 'expired' ELSE state END"
_NAMES_RULE = (
    "EXISTS (SELECT 1 FROM json_each(rule_ids) WHERE value = ? "
    "OR (instr(?, '/') = 0 AND substr(value, -length(?) - 1) = '/' || ?))"
)


def _owner_of(wanted: Wanted) -> tuple[str, list[object]]:
    """Return who owns an item, as an expression: whom it was assigned to, else whom the configuration names."""
    named: list[object] = []
    parts = ["nullif(owner, '')"]
    for column in ("capability", "action_kind", "reason") if wanted.owners else ():
        parts.append(f"CASE {column} {'WHEN ? THEN ? ' * len(wanted.owners)}END")
        named += [word for pair in wanted.owners for word in pair]
    return f"coalesce({', '.join(parts)}, ?)", [*named, wanted.default_owner]


def read_page(connection: sqlite3.Connection, wanted: Wanted, after: int, limit: int) -> Page:
    """Return up to `limit` items with numbers above `after`, oldest first."""
    where, values = _where(wanted)
    rows = connection.execute(
        ITEM_COLUMNS + f"WHERE {where} AND number > ? ORDER BY number LIMIT ?", (*values, after, limit + 1)
    )
    found = [to_item(row) for row in rows]
    return Page(tuple(found[:limit]), len(found) > limit)


COUNT_LIMIT = 1_000
"""INVARIANT (bounded): items that are counted when a filter has to look into each."""


def count_items(connection: sqlite3.Connection, wanted: Wanted) -> int:
    """Return how many items fit; with an owner or a rule at most `COUNT_LIMIT` + 1, which means more than that."""
    where, values = _where(wanted)
    limit = COUNT_LIMIT + 1 if wanted.owner or wanted.rule else -1
    query = f"SELECT count(*) FROM (SELECT 1 FROM review_items WHERE {where} LIMIT ?)"  # noqa: S608 - no value is in it
    return int(connection.execute(query, (*values, limit)).fetchone()[0])


def read_senders(connection: sqlite3.Connection, agent: str, limit: int = 100) -> list[str]:
    """Return who has items that wait, the one with most first."""
    rows = connection.execute(
        "SELECT sender FROM review_items WHERE agent = ? AND state IN ('open', 'acknowledged') "
        "GROUP BY sender ORDER BY count(*) DESC, sender LIMIT ?",
        (agent, limit),
    )
    return [row[0] for row in rows]


def read_items_of(connection: sqlite3.Connection, key: MessageKey) -> tuple[ReviewItem, ...]:
    """Return every item that a message ever belonged to, oldest first."""
    rows = connection.execute(
        ITEM_COLUMNS + "WHERE number IN (SELECT number FROM review_members "  # noqa: S608 - no value is in it
        "WHERE hub_id = ? AND agent = ? AND message_id = ?) ORDER BY number",
        (key.hub_id, key.agent, key.message_id),
    )
    return tuple(to_item(row) for row in rows)


def read_timeline(connection: sqlite3.Connection, key: MessageKey) -> tuple[Trace, ...]:
    """Return the entries about a message, its deliveries and its items, oldest first, from its first sight on."""
    of = (key.hub_id, key.agent, key.message_id)
    where = "hub_id = ? AND agent = ? AND message_id = ?"
    seen = connection.execute(f"SELECT seq FROM sightings WHERE {where}", of).fetchone()  # noqa: S608 - ours
    items = {row[0] for row in connection.execute(f"SELECT number FROM review_members WHERE {where}", of)}  # noqa: S608
    keys = {row[0] for row in connection.execute(f"SELECT key FROM outbox WHERE {where}", of)}  # noqa: S608
    if seen is None and not items and not keys:
        return ()
    first = seen[0] if seen is not None else _first_of(connection, items)
    marks = [
        json.dumps(key.message_id, ensure_ascii=False).encode("utf-8", "replace"),
        *(name.encode() for name in keys),
    ]
    marks += [b'"item":%d' % number for number in items]
    found: list[Trace] = []
    rows = connection.execute(
        "SELECT seq, raw FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq", (first, first + HISTORY_SPAN)
    )
    for seq, raw in rows:
        if not any(mark in raw for mark in marks):
            continue
        entry = parse_entry(raw)
        ref = entry.fields.get("ref")
        about = isinstance(ref, dict) and (ref["hub_id"], ref["agent"], ref["message_id"]) == of
        if about or entry.fields.get("key") in keys or entry.fields.get("item") in items:
            found.append(Trace(seq, entry.at, entry.kind, tuple(entry.fields.items())))
            if len(found) >= HISTORY_LIMIT:
                break
    return tuple(found)


def _first_of(connection: sqlite3.Connection, items: set[int]) -> int:
    """Return where the entries about a message begin that was never read: at its first item."""
    row = connection.execute("SELECT seq FROM review_items WHERE number = ?", (min(items, default=0),)).fetchone()
    return 0 if row is None else int(row[0])


def read_messages(
    connection: sqlite3.Connection, agent: str, before_ms: int | None, limit: int
) -> list[tuple[str, ...]]:
    """Return hub id, message id, time, sender, disposition and reason of messages, the newest first."""
    rows = connection.execute(
        "SELECT s.hub_id, s.message_id, s.seen_ms, coalesce(d.sender, ''), coalesce(d.disposition, ''), coalesce(d.reason, '') "
        "FROM sightings s LEFT JOIN dispositions d USING (hub_id, agent, message_id) "
        "WHERE s.agent = ? AND s.seen_ms < ? ORDER BY s.seq DESC LIMIT ?",
        (agent, before_ms if before_ms is not None else 1 << 62, limit),
    )
    return [tuple(str(value) for value in row) for row in rows]


def read_entries(connection: sqlite3.Connection, before: int | None, kind: str, limit: int) -> tuple[StoredEntry, ...]:
    """Return entries of a kind (empty: all) with numbers below `before` (None: the newest), the newest first."""
    end = before if before is not None else 1 << 62
    rows = connection.execute(
        "SELECT raw FROM (SELECT seq, raw FROM entries WHERE seq < ? ORDER BY seq DESC LIMIT ?)",
        (end, LEDGER_SPAN if kind else limit),
    )
    mark = f'"kind":"{kind}"'.encode()
    found: list[StoredEntry] = []
    for (raw,) in rows:
        if kind and mark not in raw:
            continue
        entry = parse_entry(raw)
        if not kind or entry.kind == kind:
            found.append(entry)
            if len(found) >= limit:
                break
    return tuple(found)


def read_entry(connection: sqlite3.Connection, seq: int) -> StoredEntry | None:
    """Return the entry with this number, None when there is none or it was archived."""
    row = connection.execute("SELECT raw FROM entries WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else parse_entry(row[0])


@dataclass(frozen=True, slots=True)
class Series:
    """Figures per step of time, oldest first; `names` are the columns of `rows`."""

    names: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]


def _binned(
    connection: sqlite3.Connection, query: str, values: tuple[object, ...], names: tuple[str, ...], bins: int
) -> Series:
    table = [[0] * len(names) for _ in range(bins)]
    place = {name: column for column, name in enumerate(names)}
    for step, name, number in connection.execute(query, values):
        if 0 <= step < bins and name in place:
            table[step][place[name]] += int(number)
    return Series(names, tuple(tuple(row) for row in table))


DISPOSITIONS = ("answered", "noted", "read", "skipped", "held", "failed", "escalated", "quarantined", "dead")
VERDICTS = ("accept", "edit", "respond", "ignore", "replan", "expired", "superseded")


def read_messages_by_step(connection: sqlite3.Connection, agent: str, start_ms: int, step_ms: int, bins: int) -> Series:
    """Return how many messages came per step, by what they are now."""
    return _binned(
        connection,
        "SELECT (s.seen_ms - ?) / ? AS step, coalesce(d.disposition, 'failed'), count(*) FROM sightings s "
        "LEFT JOIN dispositions d USING (hub_id, agent, message_id) WHERE s.agent = ? AND s.seen_ms >= ? GROUP BY 1, 2",
        (start_ms, step_ms, agent, start_ms),
        DISPOSITIONS,
        min(bins, MAX_BARS),
    )


def read_reviews_by_step(connection: sqlite3.Connection, agent: str, start_ms: int, step_ms: int, bins: int) -> Series:
    """Return how many approvals ended per step, by how."""
    return _binned(
        connection,
        "SELECT (changed_ms - ?) / ? AS step, CASE verdict WHEN '' THEN state ELSE verdict END, count(*) FROM review_items "
        "WHERE agent = ? AND changed_ms >= ? AND kind = 'approval' AND state NOT IN ('open', 'acknowledged') GROUP BY 1, 2",
        (start_ms, step_ms, agent, start_ms),
        VERDICTS,
        min(bins, MAX_BARS),
    )


def read_escalated_by_step(
    connection: sqlite3.Connection, agent: str, start_ms: int, step_ms: int, bins: int
) -> Series:
    """Return per step how many messages came, and how many of them ever needed a person."""
    bins = min(bins, MAX_BARS)
    table = [(0, 0)] * bins
    rows = connection.execute(
        "SELECT (s.seen_ms - ?) / ? AS step, count(*), coalesce(sum(EXISTS (SELECT 1 FROM review_members m WHERE "
        "(m.hub_id, m.agent, m.message_id) = (s.hub_id, s.agent, s.message_id))), 0) "
        "FROM sightings s WHERE s.agent = ? AND s.seen_ms >= ? GROUP BY 1",
        (start_ms, step_ms, agent, start_ms),
    )
    for step, number, escalated in rows:
        if 0 <= step < bins:
            table[step] = (number, escalated)
    return Series(("messages", "escalated"), tuple(table))


def read_latency_by_step(connection: sqlite3.Connection, agent: str, start_ms: int, step_ms: int, bins: int) -> Series:
    """Return per step the median and the 95th percentile of the time from a message's sight to its disposition, in ms."""
    bins = min(bins, MAX_BARS)
    waits: list[list[int]] = [[] for _ in range(bins)]
    rows = connection.execute(
        "SELECT (s.seen_ms - ?) / ? AS step, d.at_ms - s.seen_ms FROM sightings s "
        "JOIN dispositions d USING (hub_id, agent, message_id) WHERE s.agent = ? AND s.seen_ms >= ? "
        "AND d.disposition IN ('answered', 'noted', 'read', 'skipped') ORDER BY s.seq DESC LIMIT 100000",
        (start_ms, step_ms, agent, start_ms),
    )
    for step, wait in rows:
        if 0 <= step < bins:
            waits[step].append(max(0, wait))
    return Series(("median", "p95"), tuple((_at(found, 0.5), _at(found, 0.95)) for found in waits))


def _at(values: list[int], share: float) -> int:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0


def read_spending_by_step(connection: sqlite3.Connection, start_ms: int, step_ms: int, bins: int) -> Series:
    """Return per step how often models were asked, their tokens, and the cost in millionths of the currency."""
    bins = min(bins, MAX_BARS)
    table = [(0, 0, 0)] * bins
    rows = connection.execute(
        "SELECT (at_ms - ?) / ? AS step, total(calls), total(prompt_tokens) + total(completion_tokens), "
        "total(cost_microunits) FROM consultations WHERE at_ms >= ? GROUP BY 1",
        (start_ms, step_ms, start_ms),
    )
    for step, calls, tokens, cost in rows:
        if 0 <= step < bins:
            table[step] = (int(calls), int(tokens), int(cost))
    return Series(("calls", "tokens", "cost"), tuple(table))


def read_subjects(connection: sqlite3.Connection, items: tuple[ReviewItem, ...]) -> dict[int, str]:
    """Return the redacted subject of each item's first message, by item; what was purged is left out."""
    found: dict[int, str] = {}
    for item in items:
        key = item.message
        row = connection.execute(
            "SELECT b.bytes FROM sightings s JOIN blobs b ON b.digest = s.text_digest "
            "WHERE s.hub_id = ? AND s.agent = ? AND s.message_id = ?",
            (key.hub_id, key.agent, key.message_id),
        ).fetchone()
        if row is not None:
            found[item.number] = str(json.loads(row[0]).get("subject", ""))
    return found


PLAN_SPAN = 4_000
"""INVARIANT (bounded): entries before an item that are looked through for the plan that led to it."""


def read_founding(connection: sqlite3.Connection, number: int) -> StoredEntry | None:
    """Return the entry that founded an item, None when there is no such item or the entry was archived."""
    row = connection.execute(
        "SELECT e.raw FROM review_items i JOIN entries e ON e.seq = i.seq WHERE i.number = ?", (number,)
    ).fetchone()
    return None if row is None else parse_entry(row[0])


def read_plan_before(connection: sqlite3.Connection, number: int, message_id: str) -> StoredEntry | None:
    """Return the plan that led to an item, None when it lies too far back or was archived."""
    row = connection.execute("SELECT seq FROM review_items WHERE number = ?", (number,)).fetchone()
    if row is None:
        return None
    mark = json.dumps(message_id, ensure_ascii=False).encode("utf-8", "replace")
    rows = connection.execute(
        "SELECT raw FROM entries WHERE seq < ? AND seq >= ? ORDER BY seq DESC", (row[0], row[0] - PLAN_SPAN)
    )
    for (raw,) in rows:
        if b'"kind":"planned"' in raw and mark in raw:
            entry = parse_entry(raw)
            ref = entry.fields["ref"]
            if isinstance(ref, dict) and ref["message_id"] == message_id:
                return entry
    return None


def read_released_digest(connection: sqlite3.Connection, number: int) -> str:
    """Return under which digest the payload that a person released lies, empty when nothing was released."""
    row = connection.execute(
        "SELECT o.payload_digest FROM review_items i JOIN outbox o ON o.action_digest = i.released "
        "AND o.message_id = i.message_id "
        "WHERE i.number = ? AND i.released <> ''",
        (number,),
    ).fetchone()
    return "" if row is None else str(row[0])
