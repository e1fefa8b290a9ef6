"""What the ledger's entries mean for the queue of what waits for a person.

`projections.project` calls these functions, in a commit and in a rebuild alike. Escalations follow from dispositions;
approvals from `review_asked`, or from a delivery that came to be in doubt. Every change of an item's state goes through the
table of edges, so that of two people who decide at once the second is refused.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from warden.errors import TransitionError
from warden.store.logstate import damage

if TYPE_CHECKING:
    from warden.model.review import ReviewKind, ReviewState

Fields = Mapping[str, Any]
Reference = tuple[str, str, str]

RAISED = "review-unacknowledged"
"""Code of the alert that raises an item that nobody took note of."""
APPROVAL_REASON = "approval"
DOUBT_REASON = "in-doubt"
_NEEDS_PERSON = frozenset({"escalated", "dead", "quarantined"})
_FREE_KINDS = frozenset({"mark_read", "audit_event"})
"""Kinds that may follow a released action by the policy's own word."""


def _reference(fields: Fields) -> Reference:
    ref = fields["ref"]
    return ref["hub_id"], ref["agent"], ref["message_id"]


def message_seen(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """Keep what an item will name of its message; mail of a sender in a thread joins the live escalation there."""
    reference = _reference(fields)
    connection.execute(
        "INSERT INTO sightings VALUES (?, ?, ?, ?, ?, ?, ?, '', '', '') ON CONFLICT (hub_id, agent, message_id) "
        "DO UPDATE SET seq = excluded.seq, message_digest = excluded.message_digest, text_digest = excluded.text_digest",
        (*reference, seq, at, fields["message_digest"], fields["text_digest"] or ""),
    )
    number = _thread_item(connection, reference, fields["sender"], fields["thread_id"])
    if number is not None:
        _join(connection, number, reference, at)


def decided(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """Keep why an action was not simply allowed, and on which facts."""
    kind = fields["kind"]
    if kind == "audit_event" or (fields["effect"] in ("allow", "allow_with_constraints") and kind != "escalate"):
        return
    connection.execute(
        "UPDATE sightings SET request_digest = ?, action_kind = ?, rules = ? WHERE hub_id = ? AND agent = ? AND message_id = ?",
        (fields["request_digest"] or "", kind, json.dumps(fields["rule_ids"]), *_reference(fields)),
    )


def check_intent(connection: sqlite3.Connection, fields: Fields) -> None:
    """Refuse an intent for a message whose approval is live, and another action than the one that was released.

    INVARIANT (charter-floor): what needs a person's release leaves only as the person saw it, whoever asks.
    """
    if fields["kind"] == "audit_event":
        return
    row = connection.execute(
        "SELECT i.kind, i.state, i.released, i.verdict FROM review_members m JOIN review_items i USING (number) "
        "WHERE m.hub_id = ? AND m.agent = ? AND m.message_id = ? ORDER BY number DESC LIMIT 1",
        _reference(fields),
    ).fetchone()
    if row is None:
        return
    kind, state, released, verdict = row
    if kind == "approval" and state in ("open", "acknowledged"):
        raise TransitionError("an action of a message that waits for a person's release cannot be intended")
    bound = state == "decided" and verdict in ("accept", "edit", "respond")
    if bound and fields["kind"] not in _FREE_KINDS and fields["action_digest"] != released:
        raise TransitionError("another action than the one that a person released cannot be intended")


def follow(
    connection: sqlite3.Connection, seq: int, at: int, where: tuple[Reference, str, str], standing: tuple[str, str]
) -> None:
    """Found or touch an item when a message (`where`: key, sender, thread) comes to need a person; `standing` is its
    disposition and reason."""
    disposition, reason = standing
    if disposition == "held":
        if reason == DOUBT_REASON:
            found_doubts(connection, seq, at, where[0])
            return
        if reason != APPROVAL_REASON or _live_of(connection, where[0], "approval"):
            return
    elif disposition not in _NEEDS_PERSON:
        return
    _escalate(connection, (seq, at), where, disposition, reason)


def _escalate(
    connection: sqlite3.Connection,
    when: tuple[int, int],
    where: tuple[Reference, str, str],
    disposition: str,
    reason: str,
) -> None:
    reference, sender, thread = where
    for number in _live_of(connection, reference, "escalation"):
        connection.execute(
            "UPDATE review_items SET reason = ?, changed_ms = ? WHERE number = ?", (reason, when[1], number)
        )
        return
    if disposition == "escalated":
        joined = _thread_item(connection, reference, sender, thread)
        if joined is not None:
            _join(connection, joined, reference, when[1])
            return
    sighting = _sighting(connection, reference)
    _found(
        connection,
        "escalation",
        when,
        where,
        {
            "reason": reason,
            "action_kind": sighting[3],
            "message_digest": sighting[1],
            "request_digest": sighting[2],
            "rule_ids": sighting[4] or "[]",
        },
    )


def found_doubts(connection: sqlite3.Connection, seq: int, at: int, reference: Reference) -> None:
    """Found an item for the first delivery of a message that is in doubt, unless one is live."""
    if _live_of(connection, reference, "approval"):
        return
    row = connection.execute(
        "SELECT key, kind, ordinal, action_digest, payload_digest, snapshot, rule_ids, sender, thread_id FROM outbox "
        "WHERE hub_id = ? AND agent = ? AND message_id = ? AND state = 'in_doubt' AND kind <> 'audit_event' "
        "ORDER BY stage, seq LIMIT 1",
        reference,
    ).fetchone()
    if row is None:
        return
    key, kind, ordinal, action_digest, payload_digest, snapshot, rule_ids, sender, thread = row
    _found(
        connection,
        "approval",
        (seq, at),
        (reference, sender, thread),
        {
            "reason": DOUBT_REASON,
            "action_kind": kind,
            "ordinal": ordinal,
            "action_digest": action_digest,
            "payload_digest": payload_digest,
            "message_digest": _sighting(connection, reference)[1],
            "snapshot": snapshot,
            "rule_ids": rule_ids,
            "requested_by": "warden",
            "delivery": key,
        },
    )


def asked(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """An action waits for its release; a message has one such item at a time."""
    reference = _reference(fields)
    if _live_of(connection, reference, "approval"):
        raise TransitionError("a message that waits for a person's release cannot ask for another one")
    expires = fields["expires_in_ms"]
    _found(
        connection,
        "approval",
        (seq, at),
        (reference, fields["sender"], fields["thread_id"]),
        {
            "reason": APPROVAL_REASON,
            "action_kind": fields["kind"],
            "ordinal": fields["ordinal"],
            "capability": fields["capability"],
            "action_digest": fields["action_digest"],
            "payload_digest": fields["payload_digest"],
            "message_digest": fields["message_digest"],
            "request_digest": fields["request_digest"],
            "snapshot": fields["snapshot"],
            "rule_ids": json.dumps(fields["rule_ids"]),
            "requested_by": fields["requested_by"],
            "expires_ms": None if expires is None else at + expires,
        },
    )


def acknowledged(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """A person took note."""
    _move(connection, fields["item"], "acknowledged", at)


def assigned(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """Somebody was named."""
    _move(connection, fields["item"], "assigned", at)
    connection.execute("UPDATE review_items SET owner = ? WHERE number = ?", (fields["owner"], fields["item"]))


def approved(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """One of two people released it: for these digests, and in place of what the same person said before."""
    number = fields["item"]
    _move(connection, number, "approved", at)
    _check_binding(connection, fields)
    connection.execute(
        "INSERT OR REPLACE INTO review_votes VALUES (?, ?, ?, ?, ?, ?)",
        (number, fields["by"], seq, fields["action_digest"], fields["message_digest"], fields["snapshot"]),
    )


def ruled(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """A person ended it."""
    number, verdict = fields["item"], fields["verdict"]
    _move(connection, number, "decided", at)
    if verdict in ("accept", "edit"):
        _check_binding(connection, fields)
    connection.execute(
        "UPDATE review_items SET verdict = ?, decided_by = ?, released = ? WHERE number = ?",
        (verdict, fields["by"], fields["action_digest"] or "", number),
    )
    if verdict == "replan":
        connection.execute(
            "UPDATE dispositions SET reopened = 1, generation = generation + 1 WHERE disposition = 'escalated' AND "
            "(hub_id, agent, message_id) IN (SELECT hub_id, agent, message_id FROM review_members WHERE number = ?)",
            (number,),
        )


def _check_binding(connection: sqlite3.Connection, fields: Fields) -> None:
    """Refuse a release of anything else than what the item names: one action, one message, one snapshot."""
    kind, action, message, snapshot, delivery = connection.execute(
        "SELECT kind, action_digest, message_digest, snapshot, delivery FROM review_items WHERE number = ?",
        (fields["item"],),
    ).fetchone()
    edited = fields.get("verdict") == "edit"
    same_action = (fields["action_digest"] == action) != edited
    same_snapshot = fields["snapshot"] == snapshot or delivery != ""
    if kind != "approval" or not same_action or fields["message_digest"] != message or not same_snapshot:
        raise TransitionError("an approval holds for one action of one message under one policy, and this is another")


def reevaluated(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """Today's policy asks the same: the item, and what was said of it, hold for its snapshot."""
    number, snapshot = fields["item"], fields["snapshot"]
    _move(connection, number, "reevaluated", at)
    connection.execute(
        "UPDATE review_items SET snapshot = ?, request_digest = ? WHERE number = ?",
        (snapshot, fields["request_digest"], number),
    )
    connection.execute("UPDATE review_votes SET snapshot = ? WHERE number = ?", (snapshot, number))


def expired(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """Nobody decided in time."""
    _move(connection, fields["item"], "expired", at)


def superseded(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """Something else takes its place."""
    _move(connection, fields["item"], "superseded", at)


def alert_raised(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """An item that nobody took note of was raised; other alerts say nothing about items."""
    if fields["code"] != RAISED:
        return
    number = int(fields["subject"]) if fields["subject"].isdecimal() else -1
    _move(connection, number, "raised", None)
    connection.execute("UPDATE review_items SET raised = raised + 1, raised_ms = ? WHERE number = ?", (at, number))


def reopened(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """A person gave it back; of an item that is over, the messages that ended are open escalations again."""
    number = fields["item"]
    state = _move(connection, number, "reopened", at)
    if state != "decided":
        return
    from warden.ledger.review_transitions import check_recalling
    from warden.model.disposition import TERMINAL, Disposition

    rows = connection.execute(
        "SELECT d.hub_id, d.agent, d.message_id, d.sender, d.thread_id, d.disposition FROM review_members m "
        "JOIN dispositions d USING (hub_id, agent, message_id) WHERE m.number = ? ORDER BY m.rowid",
        (number,),
    ).fetchall()
    ended = [row for row in rows if Disposition(row[5]) in TERMINAL]
    check_recalling(Disposition(row[5]) for row in rows)
    for hub_id, agent, message_id, sender, thread, _ in ended:
        connection.execute(
            "UPDATE dispositions SET disposition = 'escalated', reason = 'person', at_ms = ?, reopened = 0, "
            "generation = generation + 1 WHERE hub_id = ? AND agent = ? AND message_id = ?",
            (at, hub_id, agent, message_id),
        )
        where = ((hub_id, agent, message_id), sender, thread)
        _escalate(connection, (seq, at), where, "escalated", "person")


def delivery_settled(connection: sqlite3.Connection, seq: int, at: int, key: str, by: str, again: bool) -> None:
    """A person said what becomes of a stuck delivery, here or with `warden dead`: what asked for that is decided."""
    row = connection.execute("SELECT hub_id, agent, message_id FROM outbox WHERE key = ?", (key,)).fetchone()
    items = connection.execute(
        "SELECT number FROM review_items WHERE delivery = ? AND state IN ('open', 'acknowledged')", (key,)
    ).fetchall()
    if again:
        items += [(number,) for number in _live_of(connection, row, "escalation")]
    for (number,) in items:
        _end(connection, number, at, "accept" if again else "ignore", by)
    held = connection.execute(
        "SELECT 1 FROM dispositions WHERE hub_id = ? AND agent = ? AND message_id = ? "
        "AND disposition = 'held' AND reason = ?",
        (*row, DOUBT_REASON),
    ).fetchone()
    if held is not None:
        found_doubts(connection, seq, at, row)


def closed(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """A person gave a message another disposition: an item whose messages have all ended is decided with it."""
    reference = _reference(fields)
    if fields["disposition"] in _NEEDS_PERSON:
        sender, thread = connection.execute(
            "SELECT sender, thread_id FROM dispositions WHERE hub_id = ? AND agent = ? AND message_id = ?", reference
        ).fetchone()
        _escalate(connection, (seq, at), (reference, sender, thread), fields["disposition"], "person")
        return
    for number in _live_of(connection, reference, "escalation"):
        left = connection.execute(
            "SELECT 1 FROM review_members m JOIN dispositions d USING (hub_id, agent, message_id) "
            "WHERE m.number = ? AND d.disposition NOT IN ('answered', 'noted', 'read', 'skipped')",
            (number,),
        ).fetchone()
        if left is None:
            _end(connection, number, at, "ignore", fields["by"])


def restored(connection: sqlite3.Connection, seq: int, at: int) -> None:
    """A copy was put back: each message whose delivery is in doubt now, released ones included, waits for a person."""
    rows = connection.execute(
        "SELECT DISTINCT hub_id, agent, message_id FROM outbox WHERE state = 'in_doubt' AND kind <> 'audit_event' "
        "ORDER BY hub_id, agent, message_id"
    ).fetchall()
    for reference in rows:
        connection.execute(
            "UPDATE dispositions SET reason = ?, at_ms = ? WHERE disposition = 'held' AND reason IN ('approval', 'person') "
            "AND hub_id = ? AND agent = ? AND message_id = ?",
            (DOUBT_REASON, at, *reference),
        )
        held = connection.execute(
            "SELECT 1 FROM dispositions WHERE hub_id = ? AND agent = ? AND message_id = ? "
            "AND disposition = 'held' AND reason = ?",
            (*reference, DOUBT_REASON),
        ).fetchone()
        if held is not None:
            found_doubts(connection, seq, at, reference)


def _end(connection: sqlite3.Connection, number: int, at: int, verdict: str, by: str) -> None:
    _move(connection, number, "decided", at)
    connection.execute("UPDATE review_items SET verdict = ?, decided_by = ? WHERE number = ?", (verdict, by, number))


def _move(connection: sqlite3.Connection, number: int, event: str, at: int | None) -> str:
    from warden.ledger.review_transitions import next_review_state
    from warden.model.review import ReviewKind, ReviewState

    row = connection.execute("SELECT kind, state FROM review_items WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise TransitionError(f"there is no item {number}")
    try:
        before: tuple[ReviewKind, ReviewState] = (ReviewKind(row[0]), ReviewState(row[1]))
    except ValueError as error:
        raise damage("a row of the review items is not of its form: it was changed") from error
    state = next_review_state(*before, event)
    connection.execute(
        "UPDATE review_items SET state = ?, changed_ms = coalesce(?, changed_ms) WHERE number = ?",
        (state.value, at, number),
    )
    return state.value


_INSERT = (
    "INSERT INTO review_items SELECT coalesce(max(number), 0) + 1, :kind, 'open', :seq, :hub_id, :agent, :message_id, "
    ":sender, :thread_id, :at, :at, :reason, '', :action_kind, :ordinal, :capability, :action_digest, :payload_digest, "
    ":message_digest, :request_digest, :snapshot, :rule_ids, :requested_by, :expires_ms, :delivery, '', '', '', 0, NULL, 1 "
    "FROM review_items"
)
_BLANK: Mapping[str, object] = {
    "action_kind": "",
    "ordinal": 0,
    "capability": "",
    "action_digest": "",
    "payload_digest": "",
    "message_digest": "",
    "request_digest": "",
    "snapshot": "",
    "rule_ids": "[]",
    "requested_by": "",
    "expires_ms": None,
    "delivery": "",
}


def _found(
    connection: sqlite3.Connection,
    kind: str,
    when: tuple[int, int],
    where: tuple[Reference, str, str],
    values: Mapping[str, object],
) -> None:
    """Insert a new item; `when` is the founding entry's number and time."""
    reference, sender, thread = where
    place = dict(zip(("hub_id", "agent", "message_id"), reference, strict=True))
    row = {
        "kind": kind,
        "seq": when[0],
        "at": when[1],
        "sender": sender,
        "thread_id": thread,
        **place,
        **_BLANK,
        **values,
    }
    connection.execute(_INSERT, row)
    connection.execute("INSERT INTO review_members SELECT max(number), ?, ?, ? FROM review_items", reference)


def _join(connection: sqlite3.Connection, number: int, reference: Reference, at: int) -> None:
    added = connection.execute(
        "INSERT OR IGNORE INTO review_members VALUES (?, ?, ?, ?)", (number, *reference)
    ).rowcount
    if added:
        connection.execute(
            "UPDATE review_items SET messages = messages + 1, changed_ms = ? WHERE number = ?", (at, number)
        )


def _thread_item(connection: sqlite3.Connection, reference: Reference, sender: str, thread: str) -> int | None:
    if not sender or not thread:
        return None
    row = connection.execute(
        "SELECT number FROM review_items WHERE hub_id = ? AND agent = ? AND sender = ? AND thread_id = ? "
        "AND kind = 'escalation' AND state IN ('open', 'acknowledged') ORDER BY number LIMIT 1",
        (*reference[:2], sender, thread),
    ).fetchone()
    return None if row is None else int(row[0])


def _live_of(connection: sqlite3.Connection, reference: Reference, kind: str) -> list[int]:
    rows = connection.execute(
        "SELECT i.number FROM review_members m JOIN review_items i USING (number) "
        "WHERE m.hub_id = ? AND m.agent = ? AND m.message_id = ? AND i.kind = ? "
        "AND i.state IN ('open', 'acknowledged') ORDER BY i.number",
        (*reference, kind),
    )
    return [int(number) for (number,) in rows]


def _sighting(connection: sqlite3.Connection, reference: Reference) -> tuple[int, str, str, str, str]:
    row = connection.execute(
        "SELECT seq, message_digest, request_digest, action_kind, rules FROM sightings "
        "WHERE hub_id = ? AND agent = ? AND message_id = ?",
        reference,
    ).fetchone()
    return (0, "", "", "", "") if row is None else tuple(row)


HANDLERS: Mapping[str, Callable[[sqlite3.Connection, int, int, Fields], None]] = {
    "message_seen": message_seen,
    "decided": decided,
    "review_asked": asked,
    "review_acknowledged": acknowledged,
    "review_assigned": assigned,
    "review_approved": approved,
    "review_decided": ruled,
    "review_reevaluated": reevaluated,
    "review_expired": expired,
    "review_superseded": superseded,
    "review_reopened": reopened,
    "alert_raised": alert_raised,
}
"""What each kind of entry does to the queue, beside what `projections` calls by name."""
