"""Reading the projections: each question is one query.

The records are imported where a row is found: most runs find none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from warden.errors import LedgerError, StateError, quote
from warden.ledger.entry import parse_entry
from warden.model.digests import digest_bytes
from warden.model.disposition import Disposition
from warden.model.ids import MessageKey
from warden.store.logstate import VERIFY_HINT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from warden.model.budget import Spending
    from warden.model.outcome import Outcome
    from warden.model.records import DispositionRecord, OutboxRecord, PlanRecord, ReplyWindow

KEYS_PER_QUERY = 250
DECISION_DISTANCE = 20_000
"""INVARIANT (bounded): entries between a decision and its intent at most: they are in one commit, or in two that follow."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DISPOSITION = (
    "SELECT hub_id, agent, message_id, disposition, reason, sender, thread_id, run_id, at_ms, reopened, generation "
    "FROM dispositions "
)
_OUTBOX = """
SELECT o.key, o.payload_digest, o.state, o.attempts, o.created_ms, o.due_ms, o.last_fault, o.spent, o.doubtful,
  e.raw, b.bytes
FROM outbox o LEFT JOIN entries e ON e.seq = o.seq LEFT JOIN blobs b ON b.digest = o.payload_digest
"""
_PENDING_WHERE = """
WHERE o.hub_id = ? AND o.agent = ? AND o.state = 'open' AND (o.due_ms <= ? OR o.last_fault = '') AND NOT EXISTS (
  SELECT 1 FROM outbox p
  WHERE p.hub_id = o.hub_id AND p.agent = o.agent AND p.message_id = o.message_id
    AND p.stage < o.stage AND p.state <> 'done' AND (p.state = 'open' OR p.kind <> 'audit_event'))
AND (o.channel <> 'read' OR o.closes <> '' OR EXISTS (
  SELECT 1 FROM dispositions d
  WHERE d.hub_id = o.hub_id AND d.agent = o.agent AND d.message_id = o.message_id
    AND d.disposition IN ('answered', 'noted', 'read', 'skipped')))
ORDER BY o.seq LIMIT ?
"""
_SPENDING = """
SELECT count(*), total(calls), total(prompt_tokens), total(completion_tokens), sum(cost_microunits), total(wall_ms), min(at_ms)
FROM consultations WHERE at_ms >= :since AND (:sender = '' OR sender = :sender)
"""
_SPENDING_OF_RUN = _SPENDING + "AND run_id = :run"
_BEHIND_WHERE = """
WHERE o.hub_id = ? AND o.agent = ? AND o.message_id = ? AND o.stage > ? AND o.state = 'open' ORDER BY o.seq
"""
_STUCK_WHERE = "WHERE o.agent = ? AND o.state IN ('in_doubt', 'dead') ORDER BY o.seq"


def moment(milliseconds: int) -> datetime:
    """Return the moment that many milliseconds after 1970."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds(moment: datetime) -> int:
    """Return whole milliseconds since 1970, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def read_blob(connection: sqlite3.Connection, digest: str) -> bytes | None:
    """Return the blob, or None; raises `LedgerError` when its bytes are not what the digest says."""
    row = connection.execute("SELECT bytes FROM blobs WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else _checked_blob(digest, row[0])


def _checked_blob(digest: str, data: object) -> bytes:
    if type(data) is not bytes or digest_bytes(data) != digest:
        raise LedgerError("a stored text is not what its digest says: it was changed", VERIFY_HINT)
    return data


def _disposition(row: Sequence[Any]) -> DispositionRecord:
    from warden.model.records import DispositionRecord

    return DispositionRecord(
        message=MessageKey(row[0], row[1], row[2]),
        disposition=Disposition(row[3]),
        reason=row[4],
        sender=row[5],
        thread_id=row[6],
        run_id=row[7],
        at=moment(row[8]),
        reopened=bool(row[9]),
        generation=row[10],
    )


def read_dispositions(
    connection: sqlite3.Connection, keys: Sequence[MessageKey]
) -> dict[MessageKey, DispositionRecord]:
    """Return the dispositions of those messages that have one, `KEYS_PER_QUERY` messages a query."""
    found: dict[MessageKey, DispositionRecord] = {}
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = keys[start : start + KEYS_PER_QUERY]
        rows = ", ".join(["(?, ?, ?)"] * len(part))
        values = [value for key in part for value in (key.hub_id, key.agent, key.message_id)]
        where = f"WHERE (hub_id, agent, message_id) IN (VALUES {rows})"
        for row in connection.execute(_DISPOSITION + where, values):
            record = _disposition(row)
            found[record.message] = record
    return found


def read_escalations(connection: sqlite3.Connection, where: tuple[str, str, str, str]) -> tuple[DispositionRecord, ...]:
    """Return the open escalations of (hub_id, agent, sender, thread_id), oldest first."""
    rows = connection.execute(
        _DISPOSITION + "WHERE hub_id = ? AND agent = ? AND sender = ? AND thread_id = ? AND disposition = 'escalated' "
        "ORDER BY at_ms, message_id",
        where,
    )
    return tuple(_disposition(row) for row in rows)


def read_pending(
    connection: sqlite3.Connection, hub_id: str, agent: str, due_ms: int, limit: int
) -> tuple[OutboxRecord, ...]:
    """Return the intents that may be attempted now, oldest first."""
    rows = connection.execute(_OUTBOX + _PENDING_WHERE, (hub_id, agent, due_ms, limit))
    return tuple(_outbox(row) for row in rows)


def read_stuck(connection: sqlite3.Connection, agent: str) -> tuple[OutboxRecord, ...]:
    """Return the agent's intents that are dead or in doubt, oldest first."""
    return tuple(_outbox(row) for row in connection.execute(_OUTBOX + _STUCK_WHERE, (agent,)))


def read_stuck_of(connection: sqlite3.Connection, key: MessageKey) -> tuple[OutboxRecord, ...]:
    """Return a message's intents that are dead or in doubt, and the open ones that wait behind the first of them."""
    where = "WHERE o.hub_id = ? AND o.agent = ? AND o.message_id = ? AND o.kind <> 'audit_event' AND o.state "
    of = (key.hub_id, key.agent, key.message_id)
    stuck = [_outbox(row) for row in connection.execute(_OUTBOX + where + "IN ('in_doubt', 'dead') ORDER BY o.seq", of)]
    if not stuck:
        return ()
    behind = [_outbox(row) for row in connection.execute(_OUTBOX + where + "= 'open' ORDER BY o.seq", of)]
    lowest = min(record.stage for record in stuck)
    return (*stuck, *(record for record in behind if record.stage > lowest))


def read_facts(connection: sqlite3.Connection, key: MessageKey) -> bytes | None:
    """Return the newest request that was judged about a message and not simply allowed, None when there is none."""
    row = connection.execute(
        "SELECT request_digest FROM sightings WHERE hub_id = ? AND agent = ? AND message_id = ?",
        (key.hub_id, key.agent, key.message_id),
    ).fetchone()
    return None if row is None or not row[0] else read_blob(connection, row[0])


def was_released(connection: sqlite3.Connection, action_digest: str) -> bool:
    """Return whether a person released exactly this action."""
    row = connection.execute(
        "SELECT 1 FROM review_items WHERE released = ? AND state = 'decided'", (action_digest,)
    ).fetchone()
    return row is not None


def reviews_wait(connection: sqlite3.Connection, agent: str, now_ms: int, raised_before_ms: int | None) -> bool:
    """Return whether an approval's time has run out, or an open item was not raised since that moment."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM review_items WHERE agent = ?1 AND expires_ms IS NOT NULL AND expires_ms <= ?2 "
        "AND state IN ('open', 'acknowledged')) OR (?3 IS NOT NULL AND EXISTS (SELECT 1 FROM review_items "
        "WHERE agent = ?1 AND state = 'open' AND coalesce(raised_ms, opened_ms) <= ?3))",
        (agent, now_ms, raised_before_ms),
    ).fetchone()
    return bool(row[0])


def read_intent(connection: sqlite3.Connection, key: str) -> OutboxRecord | None:
    """Return the intent with this key, or None."""
    row = connection.execute(_OUTBOX + "WHERE o.key = ?", (key,)).fetchone()
    return None if row is None else _outbox(row)


def read_intended(connection: sqlite3.Connection, keys: Iterable[str]) -> frozenset[str]:
    """Return the keys of these under which the outbox has an intent."""
    find = "SELECT 1 FROM outbox WHERE key = ?"
    return frozenset(key for key in keys if connection.execute(find, (key,)).fetchone() is not None)


def read_outcomes(connection: sqlite3.Connection, key: str) -> tuple[Outcome, ...]:
    """Return what was reported of this delivery, in the order of arrival."""
    from warden.model.outcome import Outcome, OutcomeStatus

    rows = connection.execute(
        "SELECT key, correlation_id, event_id, status FROM outcomes WHERE key = ? ORDER BY seq", (key,)
    )
    return tuple(Outcome(row[0], row[1], row[2], OutcomeStatus(row[3])) for row in rows)


def read_behind(connection: sqlite3.Connection, record: OutboxRecord) -> tuple[OutboxRecord, ...]:
    """Return the open intents of the same message that wait for this one."""
    key = record.intent.message
    rows = connection.execute(_OUTBOX + _BEHIND_WHERE, (key.hub_id, key.agent, key.message_id, record.stage))
    return tuple(_outbox(row) for row in rows)


def read_request(connection: sqlite3.Connection, record: OutboxRecord) -> bytes | None:
    """Return the request on which this intent was allowed, None when it was purged."""
    (seq,) = connection.execute("SELECT seq FROM outbox WHERE key = ?", (record.intent.key,)).fetchone()
    for _, digest in _requests_before(connection, seq, seq - DECISION_DISTANCE, {record.action_digest}):
        return read_blob(connection, digest)
    return None


def _requests_before(
    connection: sqlite3.Connection, end: int, first: int, action_digests: Collection[str]
) -> Iterator[tuple[int, str]]:
    """Return, newest first, the decisions about these actions between two entries, and the requests that were judged."""
    rows = connection.execute("SELECT seq, raw FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq DESC", (first, end))
    for seq, raw in rows:
        if b'"kind":"decided"' not in raw:
            continue
        fields = parse_entry(raw).fields
        if fields.get("action_digest") in action_digests and fields["request_digest"] is not None:
            yield seq, str(fields["request_digest"])


@dataclass(frozen=True, slots=True)
class Needs:
    """What unfinished deliveries need: the texts with these digests, and the entries from `first` on (None: none)."""

    digests: frozenset[str]
    first: int | None


def read_needs(connection: sqlite3.Connection) -> Needs:
    """Return what must be neither purged nor archived: payloads, and the decisions with the requests to judge again."""
    rows = connection.execute(
        "SELECT seq, payload_digest, action_digest FROM outbox WHERE state IN ('open', 'in_doubt', 'dead') ORDER BY seq"
    ).fetchall()
    waiting = _review_needs(connection)
    if not rows:
        return waiting
    requests = list(_requests_before(connection, rows[-1][0], rows[0][0] - DECISION_DISTANCE, {row[2] for row in rows}))
    digests = {row[1] for row in rows} | {digest for _, digest in requests}
    first = min(rows[0][0], *(seq for seq, _ in requests), rows[0][0])
    return Needs(waiting.digests | digests, first if waiting.first is None else min(first, waiting.first))


def _review_needs(connection: sqlite3.Connection) -> Needs:
    """Return what the live items of the queue need: messages' texts, payloads, the requests that were judged."""
    digests: set[str] = set()
    first: int | None = None
    rows = connection.execute(
        "SELECT i.seq, i.payload_digest, i.request_digest, s.seq, s.text_digest, s.request_digest FROM review_items i "
        "JOIN review_members m USING (number) "
        "LEFT JOIN sightings s ON (s.hub_id, s.agent, s.message_id) = (m.hub_id, m.agent, m.message_id) "
        "WHERE i.state IN ('open', 'acknowledged')"
    )
    for seq, payload, request, seen, text, asked in rows:
        digests.update(digest for digest in (payload, request, text, asked) if digest)
        oldest = seq if seen is None else min(seq, seen)
        first = oldest if first is None else min(first, oldest)
    return Needs(frozenset(digests), first)


def _outbox(row: Sequence[Any]) -> OutboxRecord:
    """What is delivered comes from the entry and the blob that it names, never from the outbox row alone: the row says
    only how the delivery stands."""
    from warden.model.delivery import Intent, payload_from_fields
    from warden.model.records import IntentState, OutboxRecord

    key, payload_digest, state, attempts, created_ms, due_ms, last_fault, spent, doubtful, raw, data = row
    lost = attempts > 0 and not last_fault
    entry = None if raw is None else parse_entry(raw)
    fields: Any = None if entry is None else entry.fields
    if state in ("done", "dropped") and (raw is None or data is None):
        raise StateError(f"delivery {quote(key)} is over, and its entry or text was archived or purged")
    if entry is None or entry.kind != "intended" or (fields["key"], fields["payload_digest"]) != (key, payload_digest):
        raise LedgerError("a row of the outbox is not what its entry says: it was changed", VERIFY_HINT)
    try:
        payload = payload_from_fields(fields["channel"], json.loads(_checked_blob(payload_digest, data)))
    except ValueError as error:
        raise LedgerError("a stored payload is not one of its channel", VERIFY_HINT) from error
    ref = fields["ref"]
    message = MessageKey(ref["hub_id"], ref["agent"], ref["message_id"])
    return OutboxRecord(
        intent=Intent(key, message, fields["thread_id"], fields["kind"], fields["channel"], payload),
        state=IntentState(state),
        attempts=attempts,
        created_at=moment(created_ms),
        due_at=moment(due_ms),
        sender=fields["sender"],
        action_digest=fields["action_digest"],
        stage=fields["stage"],
        closes=Disposition(fields["closes"]) if fields["closes"] else None,
        rule_ids=tuple(fields["rule_ids"]),
        snapshot=fields["snapshot"],
        last_fault=last_fault,
        spent=spent + lost,
        doubtful=bool(doubtful or lost),
    )


def read_busy_threads(connection: sqlite3.Connection, hub_id: str, agent: str) -> frozenset[str]:
    """Return the threads with an open intent on channel `message`.

    One that waits for an action of its message that was given up is left out: it may wait for ever.
    """
    rows = connection.execute(
        "SELECT DISTINCT o.thread_id FROM outbox o "
        "WHERE o.hub_id = ? AND o.agent = ? AND o.state = 'open' AND o.channel = 'message' AND NOT EXISTS ("
        " SELECT 1 FROM outbox p WHERE p.hub_id = o.hub_id AND p.agent = o.agent AND p.message_id = o.message_id"
        " AND p.stage < o.stage AND p.state IN ('in_doubt', 'dead', 'dropped'))",
        (hub_id, agent),
    )
    return frozenset(row[0] for row in rows)


def read_replies(connection: sqlite3.Connection, agent: str, since_ms: int) -> ReplyWindow:
    """Return the automatic replies intended since then, per thread and per sender."""
    from warden.model.records import ReplyWindow

    by_thread: dict[str, int] = {}
    by_sender: dict[str, int] = {}
    rows = connection.execute(
        "SELECT thread_id, sender, count(*) FROM outbox WHERE is_reply = 1 AND agent = ? AND intended_ms >= ? "
        "GROUP BY thread_id, sender",
        (agent, since_ms),
    )
    for thread_id, sender, number in rows:
        by_thread[thread_id] = by_thread.get(thread_id, 0) + number
        by_sender[sender] = by_sender.get(sender, 0) + number
    return ReplyWindow(by_thread, by_sender)


def read_requests(connection: sqlite3.Connection, bucket: str, since_ms: int) -> int:
    """Return how many requests were counted under this bucket since then."""
    rows = connection.execute("SELECT count(*) FROM velocity WHERE bucket = ? AND at_ms >= ?", (bucket, since_ms))
    return int(rows.fetchone()[0])


def read_plan(connection: sqlite3.Connection, plan_digest: str) -> PlanRecord | None:
    """Return what is known of a saved plan."""
    from warden.model.records import PlanRecord

    row = connection.execute("SELECT run_id, made_ms, used FROM plans WHERE plan_digest = ?", (plan_digest,)).fetchone()
    return None if row is None else PlanRecord(plan_digest, row[0], moment(row[1]), bool(row[2]))


def read_spending(connection: sqlite3.Connection, since_ms: int, run_id: str, sender: str) -> Spending:
    """Return what asking models used since then, in one run or for one sender when they are named."""
    from warden.model.budget import Spending
    from warden.model.consultation import Usage

    row = connection.execute(
        _SPENDING_OF_RUN if run_id else _SPENDING,
        {"since": since_ms, "run": run_id, "sender": sender},
    ).fetchone()
    number, calls, prompt_tokens, completion_tokens, cost, wall_ms, oldest = row
    used = Usage(int(calls), int(prompt_tokens), int(completion_tokens), cost, int(wall_ms))
    return Spending(used, moment(oldest) if number else None)


def read_spenders(connection: sqlite3.Connection, since_ms: int, limit: int) -> list[str]:
    """Return the senders about whose messages models were asked most often since then."""
    rows = connection.execute(
        "SELECT sender FROM consultations WHERE at_ms >= ? GROUP BY sender ORDER BY total(calls) DESC, sender LIMIT ?",
        (since_ms, limit),
    )
    return [row[0] for row in rows]


def read_answer(connection: sqlite3.Connection, input_digest: str) -> bytes | None:
    """Return the kept answer to this input, None when there is none or it was purged."""
    row = connection.execute("SELECT answer_digest FROM answers WHERE input_digest = ?", (input_digest,)).fetchone()
    return None if row is None else read_blob(connection, row[0])


def read_cursor(connection: sqlite3.Connection, hub_id: str, agent: str) -> str | None:
    """Return up to where this agent's progress events on this hub were compared with the log."""
    row = connection.execute(
        "SELECT cursor FROM progress_cursors WHERE hub_id = ? AND agent = ?", (hub_id, agent)
    ).fetchone()
    return None if row is None else str(row[0])
