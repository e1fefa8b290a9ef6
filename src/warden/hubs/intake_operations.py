"""What is written into `intake.db`: each function runs inside a transaction that its caller commits.

INVARIANT (exactly-once): whether a delivery is known already is asked and answered in the transaction that keeps it, so that
two intakes on one file make one task of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from sqlite3 import Connection
from typing import TYPE_CHECKING

from warden.hubs import intake_locks
from warden.model.event import Concurrency, Event, NewTask

if TYPE_CHECKING:
    from collections.abc import Sequence

NEW = "new"
DUPLICATE = "duplicate"
REUSED = "delivery-id-reused"
RECONCILE = "reconcile"
ESCALATED = "escalated"
"""State of a task that a person has to look at: no pass goes on with it until the ledger says that it may."""
MOVED = "event-header-changed"

_INSERT = (
    "INSERT INTO deliveries (source, delivery_id, event, type, action, repository, number, branch, labels, sender, trust,"
    " assurance, title, text, url, flags, body_digest, body, headers, received_at, state, reason, origin)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery that is to be kept. Everything in it is redacted; `body` is the redacted text, `body_digest` that of the
    bytes as they came; `headers` are those that checking the signature again needs. With `strict_body` the same bytes under
    another event are refused: the header that names the event is not signed. What was asked for
    (origin `reconcile`) is known already when anything brought it in that form."""

    event: Event
    assurance: str
    body_digest: str
    body: bytes
    headers: Sequence[tuple[str, str]]
    received_at: float
    tasks: tuple[NewTask, ...]
    reason: str = ""
    origin: str = "webhook"
    window_s: float = 3 * 86_400.0
    strict_body: bool = True


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a delivery: its number, and `new`, `duplicate`, or why it is refused; `tasks` are their numbers."""

    delivery: int
    state: str
    tasks: tuple[int, ...] = ()


def accept(connection: Connection, new: NewDelivery) -> Taken:
    """Keep a delivery with its tasks, once; the same one again is answered with the first's number."""
    known = _known(connection, new)
    if known is not None:
        if known.state == DUPLICATE:
            count(connection, "duplicates")
        return known
    event = new.event
    state = "sorted" if new.tasks else "ignored"
    cursor = connection.execute(
        _INSERT,
        (
            *(event.source, event.delivery_id, event.event, event.type, event.action, event.repository, event.number),
            *(event.branch, "\n".join(event.labels), event.sender, event.trust.value, new.assurance, event.title),
            *(event.text, event.url, " ".join(sorted(event.flags)), new.body_digest, new.body),
            *(json.dumps(list(new.headers)), new.received_at, state, new.reason, new.origin),
        ),
    )
    number = int(cursor.lastrowid or 0)
    for name in (*_names(new), *new.event.revisions):
        connection.execute(
            "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", (event.source, name, number, new.received_at)
        )
    tasks = tuple(add_task(connection, number, event, task, new.received_at) for task in new.tasks)
    count(connection, "accepted")
    return Taken(number, NEW, tasks)


def _names(new: NewDelivery) -> list[str]:
    body = f"body:{new.body_digest}" if new.strict_body else f"body:{new.event.event}:{new.body_digest}"
    return [body, f"id:{new.event.delivery_id}"] if new.event.delivery_id else [body]


def _known(connection: Connection, new: NewDelivery) -> Taken | None:
    for name in _names(new):
        row = connection.execute(
            "SELECT d.id, d.body_digest, d.event FROM seen s JOIN deliveries d ON d.id = s.delivery"
            " WHERE s.source = ? AND s.name = ? AND s.at > ?",
            (new.event.source, name, new.received_at - new.window_s),
        ).fetchone()
        if row is None:
            continue
        if row[1] != new.body_digest:
            return Taken(int(row[0]), REUSED)
        if new.strict_body and row[2] != new.event.event:
            return Taken(int(row[0]), MOVED)
        return Taken(int(row[0]), DUPLICATE)
    for name in new.event.revisions if new.origin == RECONCILE else ():
        row = connection.execute(
            "SELECT delivery FROM seen WHERE source = ? AND name = ?", (new.event.source, name)
        ).fetchone()
        if row is not None:
            return Taken(int(row[0]), DUPLICATE)
    return None


def add_task(connection: Connection, delivery: int, event: Event, task: NewTask, now: float) -> int:
    """Make a task of a delivery, dropped where its key's window says so, and let it take the place of others."""
    state, reason = "waiting", ""
    if task.does == "approval":
        state = "ruling"
    elif task.window_s:
        earlier = connection.execute(
            "SELECT id FROM tasks WHERE key = ? AND rule_set = ? AND rule = ? AND made_at > ?"
            " AND state NOT IN ('dropped', 'coalesced') ORDER BY id DESC LIMIT 1",
            (task.key, task.rule_set, task.rule, now - task.window_s),
        ).fetchone()
        if earlier is not None:
            state, reason = "dropped", f"as e{earlier[0]}"
    cursor = connection.execute(
        "INSERT INTO tasks (delivery, rule_set, rule, does, key, concurrency, state, reason, made_at, done_at, issue, fence)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (
            *(delivery, task.rule_set, task.rule, task.does, task.key, task.concurrency.value, state, reason, now),
            *(now if state == "dropped" else None, event.issue if task.lock else ""),
        ),
    )
    number = int(cursor.lastrowid or 0)
    if state == "waiting" and task.concurrency is Concurrency.COALESCE:
        connection.execute(
            "UPDATE tasks SET state = 'coalesced', reason = ?, done_at = ? WHERE key = ? AND rule_set = ? AND rule = ?"
            " AND state = 'waiting' AND taken_at IS NULL AND id < ?",
            (f"into e{number}", now, task.key, task.rule_set, task.rule, number),
        )
    return number


def quarantine(connection: Connection, refused: Refused) -> int:
    """Write down what was refused; the same refusal again within an hour is counted, not kept twice."""
    count(connection, "refused")
    row = connection.execute(
        "SELECT id FROM quarantine WHERE last_at > ? AND source = ? AND reason = ? AND body_digest = ? AND address = ?"
        " LIMIT 1",
        (refused.at - 3600, refused.source, refused.reason, refused.body_digest, refused.address),
    ).fetchone()
    if row is not None:
        connection.execute("UPDATE quarantine SET times = times + 1, last_at = ? WHERE id = ?", (refused.at, row[0]))
        return int(row[0])
    cursor = connection.execute(
        "INSERT INTO quarantine (source, reason, address, headers, headers_digest, body_digest, body_bytes, body,"
        " received_at, times, last_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)",
        (
            *(
                refused.source,
                refused.reason,
                refused.address,
                json.dumps(list(refused.headers)),
                refused.headers_digest,
            ),
            *(refused.body_digest, refused.body_bytes, refused.body, refused.at, refused.at),
        ),
    )
    # INVARIANT (bounded): whoever sends rubbish cannot fill the disk with it.
    connection.execute("DELETE FROM quarantine WHERE id <= ?", (int(cursor.lastrowid or 0) - QUARANTINE_ROWS,))
    return int(cursor.lastrowid or 0)


QUARANTINE_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Refused:
    """A delivery that was refused. `body` is its redacted text, only of one whose signature holds."""

    source: str
    reason: str
    address: str
    headers: Sequence[tuple[str, str]]
    headers_digest: str
    body_digest: str
    body_bytes: int
    at: float
    body: bytes | None = None


def count(connection: Connection, name: str, by: int = 1) -> None:
    """Add to a counter."""
    connection.execute(
        "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value", (name, by)
    )


def take_tasks(connection: Connection, numbers: Sequence[int], now: float, ttl_s: float) -> tuple[int, ...]:
    """Mark tasks as begun, and lock the issues of those that want it; returns those that may go on."""
    taken = []
    for number in numbers:
        row = connection.execute(
            "SELECT issue, fence FROM tasks WHERE id = ? AND state = 'waiting'", (number,)
        ).fetchone()
        if row is None:
            continue
        fence = int(row[1])
        if row[0]:
            held = intake_locks.take(connection, row[0], f"e{number}", now, ttl_s)
            if held is None:
                continue
            fence = held.fence
        connection.execute(
            "UPDATE tasks SET taken_at = coalesce(taken_at, ?), fence = ? WHERE id = ?", (now, fence, number)
        )
        taken.append(number)
    return tuple(taken)


def finish_task(connection: Connection, number: int, now: float, grace_s: float) -> bool:
    """End a task and give its issue's lock back; returns whether there is such a task. Ended ones stay ended."""
    row = connection.execute(
        "SELECT t.state, t.issue, t.fence, d.flags FROM tasks t JOIN deliveries d ON d.id = t.delivery WHERE t.id = ?",
        (number,),
    ).fetchone()
    if row is None:
        return False
    if row[0] in ("waiting", ESCALATED):
        connection.execute("UPDATE tasks SET state = 'done', reason = '', done_at = ? WHERE id = ?", (now, number))
        if row[0] == "waiting" and row[1]:
            closed = "closed" in str(row[3]).split()
            intake_locks.give_back(connection, row[1], int(row[2]), now, grace_s if closed else 0.0)
    return True


def leave_task(connection: Connection, number: int, reason: str, now: float) -> None:
    """Leave a waiting task to a person: nothing of ours goes on with it, so its key and its issue are free."""
    row = connection.execute("SELECT issue, fence FROM tasks WHERE id = ? AND state = 'waiting'", (number,)).fetchone()
    if row is None:
        return
    connection.execute(
        "UPDATE tasks SET state = ?, reason = ?, done_at = ? WHERE id = ?", (ESCALATED, reason, now, number)
    )
    if row[0]:
        intake_locks.give_back(connection, row[0], int(row[1]), now)


def recall_task(connection: Connection, number: int) -> None:
    """Let a task that was left to a person wait for a pass again."""
    connection.execute(
        "UPDATE tasks SET state = 'waiting', reason = '', done_at = NULL WHERE id = ? AND state = ?",
        (number, ESCALATED),
    )


def end_ruling(connection: Connection, number: int, outcome: str, now: float) -> None:
    """Write down what came of the approval words of a comment."""
    connection.execute(
        "UPDATE tasks SET state = 'done', reason = ?, done_at = ? WHERE id = ? AND state = 'ruling'",
        (outcome, now, number),
    )


def purge(connection: Connection, before: float, limit: int = 500) -> int:
    """Remove deliveries that are older and wholly done, with what hangs on them, at most `limit`; returns how many."""
    rows = connection.execute(
        "SELECT id FROM deliveries d WHERE received_at < ? AND NOT EXISTS"
        " (SELECT 1 FROM tasks t WHERE t.delivery = d.id AND t.state IN ('waiting', 'ruling', 'escalated')) LIMIT ?",
        (before, limit),
    ).fetchall()
    for (number,) in rows:
        connection.execute("DELETE FROM answers WHERE task IN (SELECT id FROM tasks WHERE delivery = ?)", (number,))
        connection.execute("DELETE FROM tasks WHERE delivery = ?", (number,))
        connection.execute("DELETE FROM deliveries WHERE id = ?", (number,))
    connection.execute(
        "DELETE FROM seen WHERE (source, name) IN (SELECT source, name FROM seen WHERE at < ? LIMIT ?)", (before, limit)
    )
    connection.execute("DELETE FROM quarantine WHERE last_at < ?", (before,))
    return len(rows)
