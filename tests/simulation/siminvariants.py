"""What must hold after a world was healed, checked against the hub's own record and the ledger's own entries."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

from enginebed import AGENT
from simworld import SECOND, World
from warden.engine.audit import AUDIT_STAGE
from warden.model.disposition import Disposition
from warden.model.hub import DeliveryMeans
from warden.model.ids import MessageKey
from warden.model.message import MARKER
from warden.store.verification import Source, verify_ledger

EXPECTED = {
    "answer": {"answered"},
    "reply": {"answered"},
    "note": {"noted"},
    "read": {"read"},
    "escalate": {"escalated"},
    "both": {"answered"},
    "garbage": {"escalated"},
    "later": {"answered", "escalated"},
}
REPLIES = {"answer": 1, "reply": 1, "both": 1, "later": 1}
NOTES = {"note": 1, "both": 1}
HANDLED = {"answered", "noted", "read"}


def check(world: World) -> None:
    """Raise `AssertionError` with what does not hold."""
    ledger = Ledger(world)
    certain = world.case.means is not DeliveryMeans.NONE and not world.aged
    assert not world.violations, world.violations
    check_verifies(world)
    check_nothing_lost(world, ledger, certain)
    check_exactly_once(world, ledger, certain)
    check_audit(world, ledger, certain)
    check_receipts_first(ledger)


class Ledger:
    """The ledger's entries, and the read models that follow from them."""

    def __init__(self, world: World) -> None:
        rows = world.store.read(
            lambda connection: connection.execute("SELECT raw FROM entries ORDER BY seq").fetchall()
        )
        self.entries: list[tuple[str, dict[str, Any]]] = []
        for (raw,) in rows:
            entry = json.loads(raw)
            self.entries.append((entry["kind"], entry["fields"]))
        keys = [MessageKey(world.hub.traits().hub_id, agent, identity) for identity, agent in world.agents.items()]
        records = world.store.dispositions(keys)
        self.dispositions = {key.message_id: record.disposition.value for key, record in records.items()}
        self.generations = {key.message_id: record.generation for key, record in records.items()}
        self.states = world.store.read(
            lambda connection: connection.execute("SELECT kind, message_id, state FROM outbox").fetchall()
        )


def check_verifies(world: World) -> None:
    """The whole ledger verifies: log, heads, texts, and read models against entries."""
    store = world.store
    report = store.read(
        lambda connection: verify_ledger(Source(connection, None, store.origin, store.verifier), store.published())
    )
    assert report.sound, f"the ledger does not verify: {report.findings}"


def check_nothing_lost(world: World, ledger: Ledger, certain: bool) -> None:
    """INVARIANT (nothing-lost): every message has a disposition, and the right one unless something is in doubt."""
    doubtful = {message for _, message, state in ledger.states if state in ("in_doubt", "dead")}
    assert not (certain and doubtful), f"in doubt or dead without need: {doubtful}"
    for message, word in world.words.items():
        disposition = ledger.dispositions.get(message)
        assert disposition is not None, f"{message} ({word}) has no disposition"
        allowed = EXPECTED[word] | ({"held", "dead"} if message in doubtful else set())
        assert disposition in allowed, f"{message} ({word}) is {disposition}"
    left = [row for row in ledger.states if row[2] == "open" and row[1] not in doubtful]
    assert not left, f"open intents are left: {left}"


def check_exactly_once(world: World, ledger: Ledger, certain: bool) -> None:
    """INVARIANT (exactly-once): the hub has each reply and each note once, and read flags only where they belong."""
    sent = [message for agent in (AGENT, SECOND) for message in world.hub.sent_by(agent)]
    replies = Counter(message.content.in_reply_to for message in sent)
    notes = Counter(event.message_id for event in events(world) if event.kind == "note")
    for message, word in world.words.items():
        disposition = ledger.dispositions.get(message)
        done = disposition in HANDLED
        for found, wanted in ((replies[message], REPLIES.get(word, 0)), (notes[message], NOTES.get(word, 0))):
            assert found <= wanted, f"{message} ({word}) has {found} of {wanted}"
            assert not done or found == wanted, f"{message} ({word}) is {disposition} with {found} of {wanted}"
        read = world.hub.is_read(message)
        # When the flag was perhaps set, and it took so long that nobody asks any more, a person is told that it is in doubt.
        doubtful = ("mark_read", message, "in_doubt") in ledger.states
        assert done or not read or doubtful, f"{message} ({word}) is marked read and is {disposition}"
        assert read or not (certain and done), f"{message} ({word}) is {disposition} and not marked read"
    markers = Counter(message.content.metadata.get(MARKER) for message in sent)
    assert not markers or max(markers.values()) == 1, "a reply was sent twice"


def check_audit(world: World, ledger: Ledger, certain: bool) -> None:
    """One audit event for each disposition of a message that was acted on or escalated, never two."""
    audits = [event for event in events(world) if event.kind == "audit"]
    assert len({event.metadata[MARKER] for event in audits}) == len(audits), "an audit event was posted twice"
    found = Counter((event.message_id, event.metadata["disposition"]) for event in audits)
    assert not found or max(found.values()) == 1, f"a disposition has two audit events: {found}"
    for message, disposition in ledger.dispositions.items():
        if certain and disposition in HANDLED | {"escalated"}:
            assert found[message, disposition] == 1, f"{message} is {disposition} and has no audit event"


def check_receipts_first(ledger: Ledger) -> None:
    """INVARIANT (receipt-before-handled): in the log, each receipt stands before the disposition that rests on it."""
    intents: dict[str, list[str]] = defaultdict(list)
    received: set[str] = set()
    attempted: Counter[str] = Counter()
    for kind, fields in ledger.entries:
        if kind == "intended" and fields["stage"] < AUDIT_STAGE:
            intents[fields["ref"]["message_id"]].append(fields["key"])
        elif kind == "attempted":
            attempted[fields["key"]] += 1
        elif kind == "received":
            assert attempted[fields["key"]], "a receipt without an attempt"
            received.add(fields["key"])
        elif kind == "disposed" and Disposition(fields["disposition"]).value in HANDLED:
            message = fields["ref"]["message_id"]
            assert intents[message], f"{message} was handled without an intent"
            assert received.issuperset(intents[message]), f"{message} was handled before its receipts"


def events(world: World) -> list[Any]:
    """All progress events that the hub has."""
    return list(world.hub._state.events)
