"""What entries mean for workloads, and reading it: where each stands, and which were not heard of for too long.

The functions that take an entry's fields are called by `projections.project` only, after the outbox and the outcomes have
taken the entry. A workload's state is computed from its delivery and the set of its reports, so that the order in which
reports came never shows. Most runs know no workload: the values are imported where there is one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from warden.model.ids import MessageKey
    from warden.model.workload import WorkloadRecord

    Fields = Mapping[str, Any]

CHANNEL = "workload"
_WAITING = "waiting"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = (
    "workload_id, hub_id, agent, message_id, sender, thread_id, ordinal, state, intended_ms, touched_ms, delivered_ms, "
    "ended_ms, reports"
)


def _intended(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    if fields["channel"] != CHANNEL:
        return
    ref = fields["ref"]
    connection.execute(
        "INSERT INTO workloads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, 0)",
        (
            fields["key"], seq, ref["hub_id"], ref["agent"], ref["message_id"], fields["sender"], fields["thread_id"],
            fields["ordinal"], _WAITING, at, at,
        ),
    )  # fmt: skip


def _delivered(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    found = connection.execute("UPDATE workloads SET delivered_ms = ? WHERE workload_id = ?", (at, fields["key"]))
    if found.rowcount:
        _settle(connection, fields["key"], at)


def _moved(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    if connection.execute("SELECT 1 FROM workloads WHERE workload_id = ?", (fields["key"],)).fetchone():
        _settle(connection, fields["key"], at)


def _restored(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    waiting = connection.execute("SELECT workload_id FROM workloads WHERE state = 'waiting'").fetchall()
    for (key,) in waiting:
        _settle(connection, key, at)


def _settle(connection: sqlite3.Connection, key: str, at: int) -> None:
    from warden.model.outcome import OutcomeStatus
    from warden.model.records import IntentState
    from warden.model.workload import workload_state

    (delivery,) = connection.execute("SELECT state FROM outbox WHERE key = ?", (key,)).fetchone()
    rows = connection.execute("SELECT status FROM outcomes WHERE key = ? AND correlation_id = ?", (key, key)).fetchall()
    state = workload_state(IntentState(delivery), (OutcomeStatus(status) for (status,) in rows))
    connection.execute(
        "UPDATE workloads SET state = ?, touched_ms = max(touched_ms, ?), reports = ?, "
        "ended_ms = CASE WHEN ? THEN coalesce(ended_ms, ?) END WHERE workload_id = ?",
        (state.value, at, len(rows), state.ended, at, key),
    )


HANDLERS = {
    "intended": _intended,
    "received": _delivered,
    "faulted": _moved,
    "dead_retried": _moved,
    "dead_dropped": _moved,
    "outcome_reported": _moved,
    "state_restored": _restored,
}


def read_workload(connection: sqlite3.Connection, workload_id: str) -> WorkloadRecord | None:
    """Return the workload with this id, or None."""
    query = f"SELECT {_COLUMNS} FROM workloads WHERE workload_id = ?"  # noqa: S608 (names of ours)
    row = connection.execute(query, (workload_id,)).fetchone()
    return None if row is None else _record(row)


def read_workloads(
    connection: sqlite3.Connection, agent: str, state: str = "", before: int | None = None, limit: int = 100
) -> tuple[tuple[int, WorkloadRecord], ...]:
    """Return the agent's workloads, newest first, each with its place; `before` is where the page before ended."""
    query = (
        f"SELECT {_COLUMNS}, seq FROM workloads WHERE agent = ?1 AND (?2 = '' OR state = ?2) "  # noqa: S608 (names of ours)
        "AND (?3 IS NULL OR seq < ?3) ORDER BY seq DESC LIMIT ?4"
    )
    rows = connection.execute(query, (agent, state, before, limit)).fetchall()
    return tuple((row[-1], _record(row)) for row in rows)


def read_of_message(connection: sqlite3.Connection, key: MessageKey) -> tuple[WorkloadRecord, ...]:
    """Return the workloads of one message, oldest first."""
    query = f"SELECT {_COLUMNS} FROM workloads WHERE hub_id = ? AND agent = ? AND message_id = ? ORDER BY seq"  # noqa: S608
    rows = connection.execute(query, (key.hub_id, key.agent, key.message_id)).fetchall()
    return tuple(_record(row) for row in rows)


def read_silent(connection: sqlite3.Connection, hub_id: str, agent: str, before_ms: int, limit: int) -> tuple[str, ...]:
    """Return the workloads whose message awaits an outcome and of which nothing was heard since then, oldest first."""
    rows = connection.execute(
        "SELECT workload_id FROM workloads WHERE state IN ('delivered', 'running', 'preempted') "
        "AND hub_id = ?1 AND agent = ?2 AND touched_ms < ?3 AND delivered_ms IS NOT NULL AND EXISTS (SELECT 1 FROM "
        "dispositions d WHERE d.hub_id = ?1 AND d.agent = ?2 AND d.message_id = workloads.message_id "
        "AND d.reason = 'awaiting-outcome') ORDER BY touched_ms, seq LIMIT ?4",
        (hub_id, agent, before_ms, limit),
    )
    return tuple(row[0] for row in rows)


def _record(row: Sequence[Any]) -> WorkloadRecord:
    from warden.model.ids import MessageKey
    from warden.model.workload import WorkloadRecord, WorkloadState

    return WorkloadRecord(
        workload_id=row[0],
        message=MessageKey(row[1], row[2], row[3]),
        sender=row[4],
        thread_id=row[5],
        ordinal=row[6],
        state=WorkloadState(row[7]),
        intended_at=_moment(row[8]),
        touched_at=_moment(row[9]),
        delivered_at=None if row[10] is None else _moment(row[10]),
        ended_at=None if row[11] is None else _moment(row[11]),
        reports=row[12],
    )


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
