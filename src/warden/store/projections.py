"""What the ledger's entries mean for the tables that are asked: dispositions, outbox, outcomes, plans, answers.

A `Projector` is the only one who writes these tables. A commit hands it each new entry inside its transaction, and a
rebuild each stored one: so the tables never say anything that the entries do not.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from warden.errors import TransitionError, quote
from warden.ledger.entry import StoredEntry, parse_time
from warden.ledger.transitions import check_disposition, check_reopening, next_intent_state
from warden.model.delivery import UNCOUNTED, Fault
from warden.model.disposition import Disposition
from warden.model.records import IntentState
from warden.store import reviews, schedule, watch, workloads
from warden.store.logstate import damage
from warden.store.queries import milliseconds

Fields = Mapping[str, Any]
Handler = Callable[[sqlite3.Connection, int, int, Fields], None]

_UNCOUNTED = frozenset(fault.value for fault in UNCOUNTED)


class Projector:
    """Updates the projections inside the caller's transaction: `take` each entry in order, then `finish`.

    What is only counted is written once, at the end: no handler reads it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._counts: watch.Counts = {}

    def take(self, entry: StoredEntry) -> None:
        """Update the projections from one entry; raises `TransitionError` for an edge that does not exist."""
        at = _time_of(entry.at)
        count = watch.HANDLERS.get(entry.kind)
        if count is not None:
            count(self._connection, self._counts, entry.seq, at, entry.fields)
        for handlers in (_HANDLERS, workloads.HANDLERS):
            handler = handlers.get(entry.kind)
            if handler is not None:
                handler(self._connection, entry.seq, at, entry.fields)

    def finish(self) -> None:
        """Write what was counted."""
        if self._counts:
            watch.write_counts(self._connection, self._counts)
            self._counts = {}


@lru_cache(maxsize=64)
def _time_of(at: str) -> int:
    """The time of an entry in milliseconds; the entries of a commit share theirs."""
    return milliseconds(parse_time(at))


def _run_started(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    if fields["mode"] == "dry-run":
        connection.execute("INSERT OR IGNORE INTO dry_runs VALUES (?)", (fields["run_id"],))
    schedule.run_started(connection, seq, at, fields)


def _run_finished(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    dry = connection.execute("DELETE FROM dry_runs WHERE run_id = ?", (fields["run_id"],)).rowcount
    if dry and fields["plan_digest"] is not None:
        connection.execute(
            "INSERT INTO plans VALUES (?, ?, ?, 0) ON CONFLICT (plan_digest) "
            "DO UPDATE SET run_id = excluded.run_id, made_ms = excluded.made_ms WHERE used = 0",
            (fields["plan_digest"], fields["run_id"], at),
        )
    schedule.run_finished(connection, seq, at, fields)


def _counted(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    connection.execute("INSERT INTO velocity VALUES (?, ?, ?)", (fields["bucket"], at, seq))


def _plan_applied(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    used = connection.execute(
        "UPDATE plans SET used = 1 WHERE plan_digest = ? AND used = 0", (fields["plan_digest"],)
    ).rowcount
    if not used:
        raise TransitionError("a plan that is unknown or was applied before cannot be applied")


def _answer_kept(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO answers VALUES (?, ?)", (fields["input_digest"], fields["answer_digest"])
    )


def _model_asked(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    names = ("run_id", "sender", "calls", "prompt_tokens", "completion_tokens", "cost_microunits", "wall_ms")
    connection.execute(
        "INSERT INTO consultations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (seq, at, *(fields[name] for name in names))
    )


def _intended(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    key, ref = fields["key"], fields["ref"]
    state = next_intent_state(_state(connection, key), "intended")
    reviews.check_intent(connection, fields)
    connection.execute(
        "INSERT INTO outbox VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,?,?,?,'','',0,0)",
        (
            seq, key, ref["hub_id"], ref["agent"], ref["message_id"],
            fields["thread_id"], fields["sender"], fields["kind"], fields["ordinal"],
            fields["channel"], fields["action_digest"], fields["payload_digest"],
            int(fields["is_reply"]), fields["stage"], fields["closes"], json.dumps(fields["rule_ids"]),
            fields["snapshot"], state.value, at, at, at,
        ),
    )  # fmt: skip


def _row(connection: sqlite3.Connection, key: str) -> tuple[IntentState, int] | None:
    row = connection.execute("SELECT state, attempts FROM outbox WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    try:
        return IntentState(row[0]), int(row[1])
    except (ValueError, TypeError) as error:
        raise damage("a row of the outbox is not of its form: it was changed") from error


def _state(connection: sqlite3.Connection, key: str) -> IntentState | None:
    row = _row(connection, key)
    return None if row is None else row[0]


def _move(connection: sqlite3.Connection, key: str, event: str, number: int | None) -> IntentState:
    """Return the state that `event` leads to, after checking that it speaks of the attempt that was made last."""
    row = _row(connection, key)
    state = next_intent_state(None if row is None else row[0], event)
    if row is not None and number is not None and row[1] != number:
        raise TransitionError(f"attempt {number} of an intent is not its last, which was {row[1]}")
    return state


def _attempted(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    key, number = fields["key"], fields["number"]
    _move(connection, key, "attempted", number - 1)
    # An attempt of which nothing came back was lost with its process: perhaps it was taken.
    connection.execute(
        "UPDATE outbox SET attempts = ?, last_fault = '', spent = spent + (attempts > 0 AND last_fault = ''), "
        "doubtful = max(doubtful, attempts > 0 AND last_fault = '') WHERE key = ?",
        (number, key),
    )


def _faulted(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    key = fields["key"]
    state = _move(connection, key, "faulted:" + fields["next"], fields["number"])
    due = at + (fields["retry_in_ms"] or 0)
    doubtful = fields["fault"] == Fault.UNCERTAIN.value or state is IntentState.IN_DOUBT
    connection.execute(
        "UPDATE outbox SET state = ?, due_ms = ?, last_fault = ?, spent = spent + ?, doubtful = max(doubtful, ?) "
        "WHERE key = ?",
        (state.value, due, fields["fault"], int(fields["fault"] not in _UNCOUNTED), int(doubtful), key),
    )


def _received(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    key = fields["key"]
    state = _move(connection, key, "received", fields["number"])
    connection.execute(
        "UPDATE outbox SET state = ?, remote_id = ? WHERE key = ?", (state.value, fields["remote_id"], key)
    )


def _dead_retried(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    state = _move(connection, fields["key"], "dead_retried", None)
    connection.execute(
        "UPDATE outbox SET state = ?, attempts = 0, spent = 0, created_ms = ?, due_ms = ? WHERE key = ?",
        (state.value, at, at, fields["key"]),
    )
    reviews.delivery_settled(connection, seq, at, fields["key"], fields["by"], again=True)


def _dead_dropped(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    state = _move(connection, fields["key"], "dead_dropped", None)
    connection.execute("UPDATE outbox SET state = ? WHERE key = ?", (state.value, fields["key"]))
    reviews.delivery_settled(connection, seq, at, fields["key"], fields["by"], again=False)


def _state_restored(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    state = next_intent_state(IntentState.OPEN, "state_restored")
    # A message that waits for such an intent is held with it: it must not be planned a second time.
    connection.execute(
        "INSERT INTO dispositions SELECT DISTINCT hub_id, agent, message_id, 'held', 'in-doubt', sender, thread_id, '', ?, "
        "0, 0 FROM outbox WHERE state = ? ON CONFLICT (hub_id, agent, message_id) DO UPDATE SET disposition = 'held', "
        "reason = 'in-doubt', at_ms = excluded.at_ms WHERE disposition = 'failed'",
        (at, IntentState.OPEN.value),
    )
    connection.execute(
        "UPDATE outbox SET state = ?, last_fault = 'restored', doubtful = 1 WHERE state = ?",
        (state.value, IntentState.OPEN.value),
    )
    reviews.restored(connection, seq, at)


def _outcome_reported(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    if _state(connection, fields["key"]) is None:
        raise TransitionError("an outcome was reported for an intent that is not known")
    connection.execute(
        "INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?, ?, ?, ?)",
        (fields["correlation_id"], fields["event_id"], seq, fields["key"], fields["status"], at),
    )


def _log_archived(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    connection.execute(
        "INSERT INTO segments VALUES (?, ?, ?, ?)",
        (fields["first"], fields["last"], fields["segment"], fields["file_digest"]),
    )


def _heads_compared(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO progress_cursors VALUES (?, ?, ?)",
        (fields["hub_id"], fields["agent"], fields["cursor"]),
    )


def _heads_excused(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    connection.execute("INSERT OR IGNORE INTO excused_heads VALUES (?, ?)", (fields["first"], fields["last"]))


def _reference(fields: Fields) -> tuple[str, str, str]:
    ref = fields["ref"]
    return ref["hub_id"], ref["agent"], ref["message_id"]


def _standing(connection: sqlite3.Connection, fields: Fields) -> tuple[Disposition | None, bool]:
    row = connection.execute(
        "SELECT disposition, reopened FROM dispositions WHERE hub_id = ? AND agent = ? AND message_id = ?",
        _reference(fields),
    ).fetchone()
    if row is None:
        return None, False
    try:
        return Disposition(row[0]), bool(row[1])
    except ValueError as error:
        raise damage("a row of the dispositions is not of its form: it was changed") from error


def _disposed(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    before, reopened = _standing(connection, fields)
    check_disposition(before, Disposition(fields["disposition"]), free=reopened)
    connection.execute(
        "INSERT INTO dispositions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT (hub_id, agent, message_id) "
        "DO UPDATE SET disposition = excluded.disposition, reason = excluded.reason, sender = excluded.sender, "
        "thread_id = excluded.thread_id, run_id = excluded.run_id, at_ms = excluded.at_ms, reopened = 0",
        (
            *_reference(fields), fields["disposition"], fields["reason"], fields["sender"], fields["thread_id"],
            fields["run_id"], at,
        ),
    )  # fmt: skip
    where = (_reference(fields), fields["sender"], fields["thread_id"])
    reviews.follow(connection, seq, at, where, (fields["disposition"], fields["reason"]))


def _closed(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    before, _ = _standing(connection, fields)
    if before is None:
        raise TransitionError(f"a person cannot end message {quote(fields['ref']['message_id'])}: it is not known")
    check_disposition(before, Disposition(fields["disposition"]), free=True)
    connection.execute(
        "UPDATE dispositions SET disposition = ?1, reason = 'person', at_ms = ?2, reopened = 0, "
        "generation = generation + (?1 = 'held') WHERE hub_id = ?3 AND agent = ?4 AND message_id = ?5",
        (fields["disposition"], at, *_reference(fields)),  # held: answered by a person, to end with an event of its own
    )
    reviews.closed(connection, seq, at, fields)


def _reopened(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    before, _ = _standing(connection, fields)
    check_reopening(before)
    connection.execute(
        "UPDATE dispositions SET reopened = 1, generation = generation + 1 "
        "WHERE hub_id = ? AND agent = ? AND message_id = ?",
        _reference(fields),
    )


def _alert_raised(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    schedule.alert_raised(connection, seq, at, fields)
    reviews.alert_raised(connection, seq, at, fields)


_HANDLERS: Mapping[str, Handler] = {
    "run_started": _run_started,
    "run_finished": _run_finished,
    "plan_applied": _plan_applied,
    "counted": _counted,
    "answer_kept": _answer_kept,
    "model_asked": _model_asked,
    "intended": _intended,
    "attempted": _attempted,
    "faulted": _faulted,
    "received": _received,
    "dead_retried": _dead_retried,
    "dead_dropped": _dead_dropped,
    "state_restored": _state_restored,
    "log_archived": _log_archived,
    "heads_compared": _heads_compared,
    "heads_excused": _heads_excused,
    "outcome_reported": _outcome_reported,
    "disposed": _disposed,
    "closed": _closed,
    "reopened": _reopened,
    **schedule.HANDLERS,
    **reviews.HANDLERS,
    "alert_raised": _alert_raised,
}

PROJECTED = frozenset(_HANDLERS) | frozenset(watch.HANDLERS)
"""The kinds of entries that change a table."""
