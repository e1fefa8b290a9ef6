"""What entries mean for whoever watches: counters, the last alerts, what was told to whom; and reading it.

The functions that take an entry's fields are called by `projections.project` only. INVARIANT (own-count): every counter is a
function of the entries, so that one-shot processes, restarts and rebuilds agree. Tables that could grow without end are trimmed
as a function of the entries alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from warden.model.alerts import CLOCK_STEPPED, NOTIFY_FAILED, SCHEDULE_MISSED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from datetime import datetime

    from warden.model.watch import Condition, SentNotice, Standing

    Fields = Mapping[str, Any]

ALERTS_KEPT = 1_000
"""INVARIANT (bounded): alerts that are remembered one by one."""
NOTICES_KEPT = 10_000
"""INVARIANT (bounded): subjects of which it is remembered what a target was told."""
MESSAGES_KEPT = 1_000
"""INVARIANT (bounded): notifications whose time is remembered, for the limit of an hour."""
CONDITIONS_LIMIT = 2_000
"""INVARIANT (bounded): conditions of one kind that are looked at in one pass."""

MESSAGES, DECISIONS, DELIVERIES, RUNS = "messages", "decisions", "deliveries", "runs"
TOKENS, CALLS, COST, ALERTS, NOTIFICATIONS = "tokens", "calls", "cost", "alerts", "notifications"
_ADD = "INSERT INTO tallies VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value"

Counts = dict[tuple[str, str, str], int]
"""What is added to the counters: agent, name and label, and how much."""
_RUN_ENDS = {0: "done", 3: "partial"}


def _add(counts: Counts, agent: str, name: str, label: str, amount: int = 1) -> None:
    if amount:
        counts[agent, name, label] = counts.get((agent, name, label), 0) + amount


def write_counts(connection: sqlite3.Connection, counts: Counts) -> None:
    """Add what was counted to the counters."""
    connection.executemany(_ADD, [(*key, amount) for key, amount in counts.items()])


def _disposed(connection: sqlite3.Connection, counts: Counts, seq: int, at: int, fields: Fields) -> None:
    _add(counts, fields["ref"]["agent"], MESSAGES, fields["disposition"])


def _decided(connection: sqlite3.Connection, counts: Counts, seq: int, at: int, fields: Fields) -> None:
    _add(counts, fields["ref"]["agent"], DECISIONS, fields["effect"])


def _count_delivery(connection: sqlite3.Connection, counts: Counts, key: str, result: str) -> None:
    row = connection.execute("SELECT agent FROM outbox WHERE key = ?", (key,)).fetchone()
    _add(counts, row[0] if row else "", DELIVERIES, result)


def _received(connection: sqlite3.Connection, counts: Counts, seq: int, at: int, fields: Fields) -> None:
    _count_delivery(connection, counts, fields["key"], "received")


def _faulted(connection: sqlite3.Connection, counts: Counts, seq: int, at: int, fields: Fields) -> None:
    _count_delivery(connection, counts, fields["key"], "retried" if fields["next"] == "open" else fields["next"])


def _model_asked(connection: sqlite3.Connection, counts: Counts, seq: int, at: int, fields: Fields) -> None:
    agent = fields["ref"]["agent"]
    _add(counts, agent, TOKENS, "prompt", fields["prompt_tokens"])
    _add(counts, agent, TOKENS, "completion", fields["completion_tokens"])
    _add(counts, agent, CALLS, "", fields["calls"])
    _add(counts, agent, COST, "", fields["cost_microunits"] or 0)


def _agent_of(connection: sqlite3.Connection, run_id: str | None, subject: str) -> str:
    """Return whose alert it is: that of the run that raised it, else the name before the colon."""
    if run_id is None:
        return subject.partition(": ")[0]
    row = connection.execute("SELECT agent FROM open_runs WHERE run_id = ?", (run_id,)).fetchone()
    return str(row[0]) if row else ""


def _run_finished(connection: sqlite3.Connection, counts: Counts, seq: int, at: int, fields: Fields) -> None:
    row = connection.execute("SELECT agent, mode FROM open_runs WHERE run_id = ?", (fields["run_id"],)).fetchone()
    agent, mode = row or ("", "")
    how = "stopped" if fields["stopped"] else _RUN_ENDS.get(fields["exit_status"], "failed")
    _add(counts, agent, RUNS, f"{mode} {how}")


def _alert_raised(connection: sqlite3.Connection, counts: Counts, seq: int, at: int, fields: Fields) -> None:
    agent, code = _agent_of(connection, fields["run_id"], fields["subject"]), fields["code"]
    _add(counts, agent, ALERTS, code)
    connection.execute("INSERT INTO alerts VALUES (?, ?, ?, ?)", (seq, agent, code, at))
    _trim(connection, "alerts", ALERTS_KEPT)
    if code == NOTIFY_FAILED:
        target = fields["subject"].partition(": ")[2]
        connection.execute("INSERT OR REPLACE INTO notify_faults VALUES (?, ?, ?)", (agent, target, at))


def _notified(connection: sqlite3.Connection, counts: Counts, seq: int, at: int, fields: Fields) -> None:
    """A target was told of a subject; it works again, whatever was wrong with it."""
    agent, target, reminder = fields["agent"], fields["target"], fields["notice"] == "reminder"
    connection.execute(
        "INSERT INTO notices VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (agent, target, subject) DO UPDATE SET "
        "state = ?4, reminders = CASE WHEN ?5 THEN reminders + 1 ELSE 0 END, at_ms = ?6, seq = ?7",
        (agent, target, fields["subject"], fields["state"], int(reminder), at, seq),
    )
    _trim(connection, "notices", NOTICES_KEPT)
    connection.execute("DELETE FROM notify_faults WHERE agent = ? AND target = ?", (agent, target))
    fresh = connection.execute(
        "INSERT OR IGNORE INTO notice_messages VALUES (?, ?, ?, ?, ?)",
        (fields["message_id"], agent, target, at, seq),
    ).rowcount
    if fresh:
        _add(counts, agent, NOTIFICATIONS, target)
        _trim(connection, "notice_messages", MESSAGES_KEPT)


def _trim(connection: sqlite3.Connection, table: str, kept: int) -> None:
    connection.execute(
        f"DELETE FROM {table} WHERE seq <= (SELECT seq FROM {table} ORDER BY seq DESC LIMIT 1 OFFSET ?)",  # noqa: S608
        (kept,),
    )


HANDLERS = {
    "disposed": _disposed,
    "decided": _decided,
    "received": _received,
    "faulted": _faulted,
    "model_asked": _model_asked,
    "run_finished": _run_finished,
    "alert_raised": _alert_raised,
    "notified": _notified,
}
"""Called before the handlers of the other tables: a run that ends is still known then."""


def read_standing(connection: sqlite3.Connection, agent: str, since: datetime) -> Standing:
    """Return how the agent's inbox stands, with the alerts since that moment."""
    from warden.model.disposition import TERMINAL
    from warden.model.watch import Standing
    from warden.store.queries import milliseconds

    def pairs(query: str, *values: object) -> dict[str, int]:
        return {str(name): int(number) for name, number in connection.execute(query, (agent, *values))}

    tallies = connection.execute("SELECT name, label, value FROM tallies WHERE agent = ?", (agent,))
    reviews = connection.execute(
        "SELECT kind, state, count(*) FROM review_items WHERE agent = ? AND state IN ('open', 'acknowledged') GROUP BY 1, 2",
        (agent,),
    )
    backlog = pairs("SELECT disposition, count(*) FROM dispositions WHERE agent = ? GROUP BY 1")
    (missed,) = connection.execute("SELECT coalesce(sum(missed), 0) FROM jobs WHERE agent = ?", (agent,)).fetchone()
    (entries,) = connection.execute("SELECT coalesce(max(seq), -1) + 1 FROM entries").fetchone()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    faults = connection.execute("SELECT target FROM notify_faults WHERE agent = ? ORDER BY target", (agent,))
    return Standing(
        tallies={(name, label): value for name, label, value in tallies},
        backlog={name: number for name, number in backlog.items() if name not in TERMINAL},
        reviews={(kind, state): number for kind, state, number in reviews},
        outbox=pairs("SELECT state, count(*) FROM outbox WHERE agent = ? GROUP BY 1"),
        alerts=pairs(
            "SELECT code, count(*) FROM alerts WHERE agent = ? AND at_ms >= ? GROUP BY 1 ORDER BY 1",
            milliseconds(since),
        ),
        alerts_since=since,
        missed_ticks=missed,
        entries=entries,
        database_bytes=pages * connection.execute("PRAGMA page_size").fetchone()[0],
        failing_targets=tuple(row[0] for row in faults),
    )


def read_conditions(connection: sqlite3.Connection, agent: str, since: datetime) -> tuple[Condition, ...]:
    """Return what stands and wants a person: unacknowledged items, deliveries that are stuck, alerts of the schedule.

    Of alerts that the next good pass ends before anybody could be told (missed ticks, a clock that was set back) the newest
    since that moment is one too, as something that does not last.
    """
    from warden.model.watch import DEAD_LETTER, IN_DOUBT, Condition
    from warden.store.queries import milliseconds

    found = [
        Condition(f"review:{number}", "open", kind)
        for number, kind in connection.execute(
            "SELECT number, kind FROM review_items WHERE agent = ? AND state = 'open' ORDER BY number LIMIT ?",
            (agent, CONDITIONS_LIMIT),
        )
    ]
    found += [
        Condition(f"delivery:{seq}", state, DEAD_LETTER if state == "dead" else IN_DOUBT)
        for seq, state in connection.execute(
            "SELECT seq, state FROM outbox WHERE agent = ? AND state IN ('dead', 'in_doubt') ORDER BY seq LIMIT ?",
            (agent, CONDITIONS_LIMIT),
        )
    ]
    found += [
        Condition(f"alert:{code}", str(at_ms), code)
        for code, at_ms in connection.execute(
            "SELECT code, at_ms FROM standing_alerts WHERE agent = ? ORDER BY code", (agent,)
        )
    ]
    standing = {condition.code for condition in found}
    found += [
        Condition(f"alert:{code}", str(at_ms), code, lasting=False)
        for code, at_ms in connection.execute(
            "SELECT code, max(at_ms) FROM alerts WHERE agent = ? AND code IN (?, ?) AND at_ms >= ? GROUP BY 1 ORDER BY 1",
            (agent, SCHEDULE_MISSED, CLOCK_STEPPED, milliseconds(since)),
        )
        if code not in standing
    ]
    return tuple(found)


def read_notices(connection: sqlite3.Connection, agent: str, target: str) -> dict[str, SentNotice]:
    """Return what this target was last told, by subject."""
    from warden.model.watch import SentNotice
    from warden.store.queries import moment

    rows = connection.execute(
        "SELECT subject, state, reminders, at_ms FROM notices WHERE agent = ? AND target = ?", (agent, target)
    )
    return {row[0]: SentNotice(row[1], row[2], moment(row[3])) for row in rows}


def read_sent_since(connection: sqlite3.Connection, agent: str, target: str, since: datetime) -> int:
    """Return how many notifications this target was sent since that moment."""
    from warden.store.queries import milliseconds

    (number,) = connection.execute(
        "SELECT count(*) FROM notice_messages WHERE agent = ? AND target = ? AND at_ms >= ?",
        (agent, target, milliseconds(since)),
    ).fetchone()
    return int(number)


def read_alert_codes(connection: sqlite3.Connection, agent: str, since: datetime) -> dict[str, int]:
    """Return how many alerts of each code were raised since that moment, of the agent or of nobody in particular."""
    from warden.store.queries import milliseconds

    rows = connection.execute(
        "SELECT code, count(*) FROM alerts WHERE agent IN (?, '') AND at_ms >= ? GROUP BY 1 ORDER BY 1",
        (agent, milliseconds(since)),
    )
    return {row[0]: row[1] for row in rows}
