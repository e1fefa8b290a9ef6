"""The queue of what waits for a person: looking, taking note, naming an owner, giving back.

One function per operation, used by the command line and by the console alike; what ends an item is in
`review_endings` and `review_rulings`.
Every function takes a `Desk` (the ports, the rules) and, where something changes, a `Reviewer`, and commits what it did
before it returns. What it raises: `InputError` for what cannot be used, `GateError` for what is refused,
`ReviewStateError` when the item is not what it was, `StateError` and `LedgerError` as the store does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from warden.engine.journal import Journal
from warden.engine.review_gates import check_live, overdue, owner_of, standing
from warden.errors import InputError, ReviewStateError, TransitionError, quote
from warden.model.review import ReviewDetail, ReviewItem, ReviewKind, ReviewState, Ruling, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from warden.engine.release import Gate
    from warden.model.delivery import Payload
    from warden.model.ids import MessageKey
    from warden.model.request import Request
    from warden.model.review import Reviewer, ReviewRules
    from warden.ports import Clock, LedgerStore, ReviewStore, Scanner

MAX_REASON = 4_000
"""INVARIANT (bounded): characters of a reason."""

FASTER = "somebody was faster: look again with `warden review show`"


@dataclass(frozen=True, slots=True)
class Desk:
    """What reviewing needs. `scanner` looks for secrets in what a person writes; `open_gate` returns what judges, made when
    something is to be judged: looking and taking note load no policy. `read_request` parses a recorded request, `read_json` a
    kept payload, `current_digest` says what a message's digest is now at its hub (raises `HubError`); `run_id` names this
    session in the ledger."""

    agent: str
    run_id: str
    store: LedgerStore
    queue: ReviewStore
    clock: Clock
    rules: ReviewRules
    scanner: Scanner
    open_gate: Callable[[], Gate]
    read_request: Callable[[bytes], Request]
    read_json: Callable[[bytes], object]
    current_digest: Callable[[MessageKey], str]

    @property
    def gate(self) -> Gate:
        """What judges a text that a person releases; raises what reading today's policy raises."""
        return self.open_gate()

    def journal(self) -> Journal:
        """Return a journal for one operation."""
        return Journal(self.store, self.run_id)


def select(desk: Desk, selection: Selection) -> tuple[ReviewItem, ...]:
    """Return the items that fit, oldest first."""
    now = desk.clock.now()
    items = desk.queue.items(desk.agent, _recorded_states(selection))
    return tuple(item for item in items if _fits(desk.rules, item, selection, now))


def _recorded_states(selection: Selection) -> frozenset[ReviewState]:
    """Return the states in which the ledger may hold an item that fits: one that is told as expired may be a live one."""
    live = frozenset(state for state in ReviewState if state.live)
    return selection.states | live if ReviewState.EXPIRED in selection.states else selection.states


def _fits(rules: ReviewRules, item: ReviewItem, selection: Selection, now: datetime) -> bool:
    """Return whether an item is one of the selection."""
    age_s = (now - item.opened_at).total_seconds()
    told = item.state if selection.overdue else standing(item, now)
    return (
        (told in selection.states or standing(item, now) in selection.states)
        and (selection.kind is None or item.kind is selection.kind)
        and (not selection.sender or item.sender == selection.sender)
        and (not selection.owner or owner_of(rules, item) == selection.owner)
        and (not selection.rule or any(_names(rule, selection.rule) for rule in item.rule_ids))
        and (not selection.reason or item.reason == selection.reason)
        and (selection.older_than_s is None or age_s >= selection.older_than_s)
        and (selection.younger_than_s is None or age_s < selection.younger_than_s)
    )


def _names(rule_id: str, wanted: str) -> bool:
    return rule_id == wanted or rule_id.rpartition("/")[2] == wanted


def find(desk: Desk, number: int) -> ReviewItem:
    """Return the agent's item with this number; raises `InputError` when there is none."""
    item = desk.queue.item(number)
    if item is None or item.message.agent != desk.agent:
        raise InputError(f"there is no item {quote(number)}", "`warden review list` names them")
    return item


def find_open(desk: Desk, number: int) -> ReviewItem:
    """Return the item when a person can still decide, else raise `ReviewStateError`.

    An approval whose time has run out is recorded as expired first, whoever asks: it is nobody's denial, and its message is
    an open escalation from then on.
    """
    item = find(desk, number)
    if overdue(item, desk.clock.now()):
        from warden.engine.review_upkeep import expire

        expire(desk, (item,))
        item = find(desk, number)
    if item.state is ReviewState.EXPIRED:
        instead = [str(live.number) for live in desk.queue.live(item.message)]
        hint = f"its message waits as item {instead[-1]}" if instead else "`warden review show` says how it ended"
        raise ReviewStateError(f"item {number} is expired: nobody decided in time", hint)
    check_live(item)
    return item


def show(desk: Desk, number: int) -> ReviewDetail:
    """Return all that a person needs to decide."""
    item = find(desk, number)
    return ReviewDetail(
        item=item,
        members=desk.queue.members(number),
        payload=payload_of(desk, item),
        votes=desk.queue.votes(number),
        history=desk.queue.history(number),
        owner=owner_of(desk.rules, item),
        overdue=overdue(item, desk.clock.now()),
    )


def following(desk: Desk, after: int = 0) -> ReviewItem | None:
    """Return the item that a person should look at next, as `ReviewStore.following` orders them; None when nothing waits."""
    return desk.queue.following(desk.agent, desk.clock.now(), after)


def payload_of(desk: Desk, item: ReviewItem) -> Payload | None:
    """Return the exact payload of an approval, None for an escalation and for one whose text was purged."""
    data = desk.store.blob(item.payload_digest) if item.payload_digest else None
    if data is None:
        return None
    from warden.model.delivery import CHANNELS, payload_from_fields

    fields = desk.read_json(data)
    for channel in CHANNELS:
        try:
            return payload_from_fields(channel, fields)
        except ValueError:
            continue
    return None


def acknowledge(desk: Desk, reviewer: Reviewer, number: int, reason: str = "") -> Ruling:
    """Take note of an item, so that it is not raised again."""
    if find(desk, number).state is ReviewState.ACKNOWLEDGED:
        raise ReviewStateError(
            f"somebody took note of item {number} already", "give it back with `warden review reopen`"
        )
    return _note(desk, number, "review_acknowledged", {"by": reviewer.identity}, reason)


def assign(desk: Desk, reviewer: Reviewer, number: int, owner: str, reason: str = "") -> Ruling:
    """Name somebody to handle an item: a person whom the configuration declares."""
    if owner not in desk.rules.people:
        raise InputError(f"nobody called {quote(owner)} is declared", "declare people under [review.people]")
    return _note(desk, number, "review_assigned", {"by": reviewer.identity, "owner": owner}, reason)


def reopen(desk: Desk, reviewer: Reviewer, number: int, reason: str = "") -> Ruling:
    """Give an acknowledged item back, or make the ended messages of a decided one an open escalation again."""
    item = find(desk, number)
    ruling = _note(desk, number, "review_reopened", {"by": reviewer.identity}, reason, live=False)
    if item.state is not ReviewState.DECIDED:
        return ruling
    again = desk.queue.live(item.message)
    return Ruling(number, ruling.state, note=f"item {again[-1].number} is open for it" if again else "")


def _note(desk: Desk, number: int, kind: str, fields: Mapping[str, str], reason: str, *, live: bool = True) -> Ruling:
    if live:
        find_open(desk, number)
    else:
        find(desk, number)
    journal = desk.journal()
    journal.record(kind, item=number, **fields, reason_digest=keep_reason(desk, journal, reason))
    commit(journal)
    return Ruling(number, find(desk, number).state)


def keep_reason(desk: Desk, journal: Journal, reason: str, why_needed: str = "") -> str | None:
    """Keep a person's reason with the next commit and return its digest, None when there is none.

    Raises `InputError` for a missing one when `why_needed` says that it is needed, for one that is too long, and for one that
    holds a secret or cannot be written down.
    """
    text = reason.strip()
    if not text:
        if why_needed:
            raise InputError(f"{why_needed} needs a reason", "say why with --reason")
        return None
    if len(text) > MAX_REASON:
        raise InputError(f"a reason has at most {MAX_REASON} characters", "shorten it")
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError("the reason holds characters that cannot be written down", "leave them out") from error
    if desk.scanner.scan(text):
        raise InputError("the reason holds something that looks like a secret", "leave it out")
    return journal.keep(data)


def commit(journal: Journal) -> None:
    """Make an operation durable; raises `ReviewStateError` when the item changed since it was looked at."""
    try:
        journal.commit()
    except TransitionError as error:
        raise ReviewStateError(f"nothing was done: {error.message}", FASTER) from error


__all__ = [
    "Desk",
    "ReviewKind",
    "acknowledge",
    "assign",
    "find",
    "following",
    "reopen",
    "select",
    "show",
]
