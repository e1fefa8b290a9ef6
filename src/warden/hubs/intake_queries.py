"""Looking at what was taken in: the log, one delivery, the quarantine, sums."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warden.hubs.database import Database

DELIVERY_COLUMNS = (
    "id, source, delivery_id, event, type, action, repository, number, branch, labels, sender, trust, assurance, title,"
    " url, flags, body_digest, received_at, state, reason, origin"
)
PAGE = 500
TASK_STATES = ("waiting", "ruling", "escalated", "done", "coalesced", "dropped")


def read_log(database: Database, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield deliveries after this number, oldest first, each with its tasks and what was answered."""
    left = limit
    while left is None or left > 0:
        rows = database.read(
            f"SELECT {DELIVERY_COLUMNS} FROM deliveries WHERE id > ? ORDER BY id LIMIT ?",  # noqa: S608 - a constant
            (after, PAGE if left is None else min(PAGE, left)),
        )
        for row in rows:
            yield delivery_fields(database, row)
        if not rows:
            return
        after = int(str(rows[-1][0]))
        left = None if left is None else left - len(rows)


def newest(database: Database, limit: int) -> int:
    """Return the number after which the newest `limit` deliveries begin."""
    row = database.read_one("SELECT id FROM deliveries ORDER BY id DESC LIMIT 1 OFFSET ?", (limit,))
    return int(str(row[0])) if row else 0


def delivery_fields(database: Database, row: tuple[object, ...]) -> dict[str, Any]:
    """Return a row of `DELIVERY_COLUMNS` as JSON values, with its tasks."""
    names = DELIVERY_COLUMNS.replace(" ", "").split(",")
    fields: dict[str, Any] = dict(zip(names, row, strict=True))
    number = fields["id"]
    fields["id"] = f"d{number}"
    fields["labels"] = fields["labels"].split("\n") if fields["labels"] else []
    fields["flags"] = fields["flags"].split()
    fields["tasks"] = [
        {
            **dict(zip(_TASK_NAMES, task, strict=True)),
            "id": f"e{task[0]}",
            "answers": _answers(database, int(str(task[0]))),
        }
        for task in database.read(
            "SELECT id, rule_set, rule, does, key, state, reason, made_at, taken_at, done_at FROM tasks WHERE delivery = ?"
            " ORDER BY id LIMIT 100",
            (number,),
        )
    ]
    return fields


_TASK_NAMES = ("id", "rule_set", "rule", "does", "key", "state", "reason", "made_at", "taken_at", "done_at")


def _answers(database: Database, task: int) -> list[dict[str, Any]]:
    rows = database.read(
        "SELECT id, agent, recipient, subject, body, made_at FROM answers WHERE task = ? ORDER BY id LIMIT 20", (task,)
    )
    names = ("id", "agent", "recipient", "subject", "body", "made_at")
    return [{**dict(zip(names, row, strict=True)), "id": f"r{row[0]}"} for row in rows]


def read_quarantine(database: Database, limit: int) -> list[dict[str, Any]]:
    """Return what was refused, newest first."""
    names = ("id", "source", "reason", "address", "headers", "headers_digest", "body_digest", "body_bytes")
    times = ("body", "received_at", "times", "last_at")
    rows = database.read(
        "SELECT id, source, reason, address, headers, headers_digest, body_digest, body_bytes, body, received_at, times,"
        " last_at FROM quarantine ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    found = []
    for row in rows:
        fields: dict[str, Any] = dict(zip((*names, *times), row, strict=True))
        fields["id"] = f"q{fields['id']}"
        fields["headers"] = [list(pair) for pair in json.loads(fields["headers"])]
        body = fields["body"]
        fields["body"] = body.decode("utf-8", "replace") if isinstance(body, bytes) else None
        found.append(fields)
    return found


def read_stats(database: Database) -> dict[str, int]:
    """Return the counters, and how many tasks are in each state."""
    found = {str(name): int(str(value)) for name, value in database.read("SELECT name, value FROM counters LIMIT 1000")}
    for name in ("accepted", "duplicates", "refused"):
        found.setdefault(name, 0)
    found |= dict.fromkeys((f"tasks_{state}" for state in TASK_STATES), 0)
    for state, number in database.read("SELECT state, count(*) FROM tasks GROUP BY state LIMIT 100"):
        found[f"tasks_{state}"] = int(str(number))
    found["quarantine"] = int(str(database.read_one("SELECT count(*) FROM quarantine")[0]))
    return found
