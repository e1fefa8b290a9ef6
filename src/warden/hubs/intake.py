"""The second source: events that were taken in, as messages of a hub.

What it does: lists the tasks that wait as unread messages, keeps what is answered beside them, and ends a task when its
message is marked read. What it does not: take deliveries in (the server does), or sort them (the operator's rules did).
Rules: everything in the file is redacted; a sender is who the source says it is, vouched for as far as its delivery was;
with `takes` a listing also notes which tasks somebody has begun with and locks the issues of those that want it, so that a
later event cannot take their place: a dry run opens the hub without.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from warden.errors import HubConflictError, HubNotFoundError, HubRejectedError, quote
from warden.hubs.database import Database
from warden.hubs.intake_tables import INTAKE_MIGRATIONS, OPEN_TASKS
from warden.hubs.names import check_limit
from warden.model.event import INTAKE, RULE_SET, Event, Flag, Trust, event_facts
from warden.model.hub import DeliveryMeans, HubTraits, InboxPage
from warden.model.ids import MessageKey
from warden.model.posted import Accepted, ProgressPage, ProgressRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from warden.hubs.workload_reports import ReportFile
    from warden.model.delivery import OutgoingMessage, ProgressEvent
    from warden.model.message import Message
    from warden.ports import Clock

T = TypeVar("T")

PAGE_TASKS: Final = 500
THREAD_MESSAGES: Final = 200
HOLD_S: Final = 86_400.0
"""INVARIANT (bounded): how long a task that never ends keeps back later ones of its key."""

EVENT_COLUMNS: Final = (
    "d.source, d.delivery_id, d.event, d.type, d.action, d.repository, d.number, d.branch, d.labels, d.sender, d.trust,"
    " d.title, d.text, d.url, d.flags"
)
_TASKS: Final = (
    "SELECT t.id, t.rule_set, d.assurance, d.received_at, "  # noqa: S608 - made of constants
    + EVENT_COLUMNS
    + " FROM tasks t JOIN deliveries d ON d.id = t.delivery"
)
_FREE: Final = (
    " WHERE t.state = 'waiting' AND t.id > ? AND (t.concurrency = 'none' OR NOT EXISTS (SELECT 1 FROM tasks e WHERE"
    " e.key = t.key AND e.rule_set = t.rule_set AND e.rule = t.rule AND e.state = 'waiting' AND e.id < t.id"
    " AND e.made_at > ?)) AND (t.issue = '' OR NOT EXISTS (SELECT 1 FROM locks l WHERE l.name = t.issue AND l.expires_at > ?"
    " AND l.owner <> 'e' || t.id)) ORDER BY t.id LIMIT ?"
)


def open_database(path: Path, clock: Clock) -> Database:
    """Return the open file, made when there is none; raises `StateError`. The caller closes it."""
    return Database(path, clock, INTAKE_MIGRATIONS, "intake")


def event_of(row: tuple[Any, ...]) -> Event:
    """Return the event of a row of `EVENT_COLUMNS`."""
    labels, flags = str(row[8]), str(row[14])
    return Event(
        source=str(row[0]),
        delivery_id=str(row[1]),
        event=str(row[2]),
        type=str(row[3]),
        action=str(row[4]),
        repository=str(row[5]),
        number=str(row[6]),
        branch=str(row[7]),
        labels=tuple(labels.split("\n")) if labels else (),
        sender=str(row[9]),
        trust=Trust(row[10]),
        title=str(row[11]),
        text=str(row[12]),
        url=str(row[13]),
        flags=frozenset(Flag(word) for word in flags.split()),
    )


class IntakeHub:
    """Events as a hub; implements `ports.Hub`. Safe to call from several threads and several processes.

    It is a source, not a place to write to: messages come out of deliveries, nobody sends one through it. What `SourceContract`
    says of arriving messages holds; of posting, only what the engine does holds: an answer to one of its tasks, kept once under
    its key. There is one inbox, that of whoever asks, and a read mark ends a task, however often and under whatever key.
    """

    def __init__(self, database: Database, clock: Clock, takes: bool, lock_ttl_s: float, lock_grace_s: float) -> None:
        self._database = database
        self._clock = clock
        self._takes = takes
        self._lock_ttl_s = lock_ttl_s
        self._lock_grace_s = lock_grace_s

    def begin_taking(self) -> None:
        """From now on, note which tasks were listed, and lock the issues of those that want it."""
        self._takes = True

    def traits(self) -> HubTraits:
        """Return what this hub declares: keys are honoured, and every sender was vouched for by its source."""
        return HubTraits(self._database.hub_id, DeliveryMeans.IDEMPOTENCY_KEY, authenticated_senders=True)

    def list_unread(self, agent: str, after: str | None = None, limit: int = 100) -> InboxPage:
        """Return one page of the tasks that wait and are not kept back by an earlier one or by a lock, oldest first."""
        now = self._clock.now().timestamp()
        since = 0 if after is None else _number(after)
        found = self._database.read(_TASKS + _FREE, (since, now - HOLD_S, now, check_limit(limit) + 1))
        rows = listed = found[:limit]
        if self._takes and rows:
            from warden.hubs import intake_operations

            numbers = [int(cast(int, row[0])) for row in rows]
            taken = self._write(lambda c: intake_operations.take_tasks(c, numbers, now, self._lock_ttl_s))
            listed = [row for row in rows if row[0] in taken]
        messages = tuple(self._message(row, agent) for row in listed)
        return InboxPage(messages, f"e{rows[-1][0]}" if len(found) > limit else None)

    def get_message(self, agent: str, message_id: str) -> Message:
        """Return the message of a task; raises `HubNotFoundError`."""
        row = self._database.read_one(f"{_TASKS} WHERE t.id = ?", (_number(message_id),))
        if not row:
            raise _unknown(message_id)
        return self._message(row, agent)

    def get_thread(self, agent: str, thread_id: str) -> tuple[Message, ...]:
        """Return the newest tasks of an issue and what was answered to them, oldest first."""
        source, _, rest = thread_id.partition(":")
        repository, _, number = rest.rpartition("#")
        rows = self._database.read(
            f"{_TASKS} WHERE d.source = ? AND d.repository = ? AND d.number = ? ORDER BY t.id DESC LIMIT ?",
            (source, repository, number, THREAD_MESSAGES),
        )
        found: list[tuple[float, Message]] = []
        for row in rows:
            found.append((float(cast(float, row[3])), self._message(row, agent)))
            answers = self._database.read(
                "SELECT id, task, agent, recipient, thread_id, subject, body, metadata, made_at FROM answers WHERE task = ?"
                " LIMIT 20",
                (row[0],),
            )
            found.extend((float(cast(float, answer[8])), self._answer(answer, agent)) for answer in answers)
        if not found:
            raise HubNotFoundError(f"there is no thread {quote(thread_id)}", "check the id")
        return tuple(message for _, message in sorted(found, key=lambda one: one[0]))

    def list_progress(self, agent: str, after: str | None = None, limit: int = 100) -> ProgressPage:
        """Return one page of `agent`'s progress events, oldest first."""
        rows = self._database.read(
            "SELECT id, agent, made_at, kind, summary, detail, message_id, thread_id, metadata FROM progress"
            " WHERE agent = ? AND id > ? ORDER BY id LIMIT ?",
            (agent, 0 if after is None else _number(after, "p"), check_limit(limit) + 1),
        )
        events = tuple(_progress(row) for row in rows[:limit])
        return ProgressPage(events, events[-1].id if len(rows) > limit else None)

    def post_message(self, message: OutgoingMessage, key: str | None = None) -> Accepted:
        """Keep an answer beside the task that it answers; raises as `ports.HubWriter`."""
        from warden.model.delivery import payload_fields
        from warden.model.digests import digest_value

        task = _number(message.in_reply_to)
        now = self._clock.now().timestamp()
        digest = digest_value(payload_fields(message))
        values = (
            *(
                task,
                key,
                digest,
                message.from_agent,
                message.to_agent,
                message.thread_id,
                message.subject,
                message.body,
            ),
            *(_encode(message.metadata), now),
        )

        def post(connection: sqlite3.Connection) -> Accepted:
            self._check_fence(connection, task, now)
            return _once(connection, _ANSWERS, key, digest, values)

        return self._write(post)

    def mark_read(self, agent: str, message_id: str, key: str | None = None) -> Accepted:
        """End a task: raises `HubNotFoundError` when there is none of this id."""
        from warden.hubs import intake_operations

        now = self._clock.now().timestamp()
        number = _number(message_id)
        if not self._write(lambda c: intake_operations.finish_task(c, number, now, self._lock_grace_s)):
            raise _unknown(message_id)
        return Accepted(message_id)

    def post_progress(self, event: ProgressEvent, key: str | None = None) -> Accepted:
        """Keep a progress event; raises as `ports.HubWriter`."""
        from warden.model.delivery import payload_fields
        from warden.model.digests import digest_value

        digest = digest_value(payload_fields(event))
        values = (
            *(event.agent, key, digest, event.kind, event.summary, event.detail, event.message_id, event.thread_id),
            *(_encode(event.metadata), self._clock.now().timestamp()),
        )
        return self._write(lambda c: _once(c, _EVENTS, key, digest, values))

    def open_tasks(self, after: int = 0, limit: int = PAGE_TASKS) -> list[tuple[int, str]]:
        """Return number and state of tasks that have not ended, oldest first: `waiting`, or `escalated` to a person."""
        rows = self._database.read(
            f"SELECT id, state FROM tasks WHERE {OPEN_TASKS} AND state <> 'ruling' AND id > ? ORDER BY id LIMIT ?",  # noqa: S608
            (after, limit),
        )
        return [(int(str(number)), str(state)) for number, state in rows]

    def leave(self, message_id: str, reason: str) -> None:
        """Leave a task to a person."""
        from warden.hubs import intake_operations

        now = self._clock.now().timestamp()
        self._write(lambda c: intake_operations.leave_task(c, _number(message_id), reason, now))

    def recall(self, message_id: str) -> None:
        """Let a task that was left to a person wait for a pass again."""
        from warden.hubs import intake_operations

        self._write(lambda c: intake_operations.recall_task(c, _number(message_id)))

    @property
    def database(self) -> Database:
        """The open file."""
        return self._database

    def reports(self) -> ReportFile:
        """Return what was heard of workloads, in the same file."""
        from warden.hubs.workload_reports import ReportFile

        return ReportFile(self._database, self._clock)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _write(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        return cast(T, self._database.write(operation))

    def _check_fence(self, connection: sqlite3.Connection, task: int, now: float) -> None:
        """INVARIANT (one-runner): who lost an issue's lock writes nothing about it any more."""
        row = connection.execute("SELECT issue, fence FROM tasks WHERE id = ?", (task,)).fetchone()
        if row is None:
            raise _unknown(f"e{task}")
        if row[0] and row[1]:
            from warden.hubs import intake_locks

            intake_locks.check(connection, row[0], int(row[1]), now)

    def _message(self, row: tuple[Any, ...], agent: str) -> Message:
        from warden.model.message import Assurance, Mail, Message, Principal

        event = event_of(row[4:])
        described = f"{event.type or event.event} {event.action}".strip()
        return Message(
            key=MessageKey(self._database.hub_id, agent, f"e{row[0]}"),
            sender=Principal(f"{event.sender or event.source}@{event.source}", Assurance(row[2])),
            received_at=_moment(row[3]),
            content=Mail(
                subject=event.title or described,
                body=event.text or described,
                kind="event",
                thread_id=event.thread_id,
                metadata={**event_facts(event), RULE_SET: row[1]},
            ),
            source=INTAKE,
            recipient=agent,
        )

    def _answer(self, row: tuple[Any, ...], agent: str) -> Message:
        from warden.model.message import Mail, Message, Principal

        return Message(
            key=MessageKey(self._database.hub_id, agent, f"r{row[0]}"),
            sender=Principal(row[2]),
            received_at=_moment(row[8]),
            content=Mail(row[5], row[6], "reply", row[4], f"e{row[1]}", json.loads(row[7])),
            source=INTAKE,
            recipient=row[3],
        )


class _Kept(NamedTuple):
    """A table of things that are kept once: how one is found by its key and put in, and what begins its id."""

    find: str
    insert: str
    letter: str


_ANSWERS: Final = _Kept(
    "SELECT id, digest FROM answers WHERE key = ?",
    "INSERT INTO answers (task, key, digest, agent, recipient, thread_id, subject, body, metadata, made_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "r",
)
_EVENTS: Final = _Kept(
    "SELECT id, digest FROM progress WHERE key = ?",
    "INSERT INTO progress (agent, key, digest, kind, summary, detail, message_id, thread_id, metadata, made_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "p",
)


def _once(
    connection: sqlite3.Connection, kept: _Kept, key: str | None, digest: str, values: tuple[Any, ...]
) -> Accepted:
    """INVARIANT (exactly-once): under one key one thing is kept; the same again is given the first's id."""
    row = connection.execute(kept.find, (key,)).fetchone() if key else None
    if row is not None:
        if row[1] != digest:
            raise HubConflictError(
                "something else was sent before under this idempotency key", "use a key for one thing"
            )
        return Accepted(f"{kept.letter}{row[0]}", True)
    return Accepted(f"{kept.letter}{connection.execute(kept.insert, values).lastrowid}")


def _number(identifier: str, letter: str = "e") -> int:
    digits = identifier.removeprefix(letter)
    if not identifier.startswith(letter) or not digits.isascii() or not digits.isdigit() or len(digits) > 15:
        raise _unknown(identifier)
    return int(digits)


def _unknown(identifier: str) -> HubNotFoundError:
    return HubNotFoundError(f"there is no event {quote(identifier)}", "see `warden intake log`")


def _encode(metadata: Any) -> str:
    try:
        return json.dumps(dict(metadata), sort_keys=True)
    except (TypeError, ValueError) as error:
        raise HubRejectedError("the metadata does not map strings to strings", field="metadata") from error


def _moment(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _progress(row: tuple[Any, ...]) -> ProgressRecord:
    return ProgressRecord(
        id=f"p{row[0]}",
        agent=row[1],
        created_at=_moment(row[2]),
        kind=row[3],
        summary=row[4],
        detail=row[5],
        message_id=row[6],
        thread_id=row[7],
        metadata=json.loads(row[8]),
    )
