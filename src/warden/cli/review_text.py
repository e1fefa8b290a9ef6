"""The queue as people and programs read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from warden.cli.render import visible
from warden.engine.review_gates import overdue, owner_of, standing
from warden.errors import InputError, quote
from warden.model.review import ReviewKind, ReviewState, Selection

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from warden.cli.review_options import FilterOptions
    from warden.model.delivery import Payload
    from warden.model.review import Member, ReviewDetail, ReviewItem, ReviewRules, Ruling, Trace

T = TypeVar("T")

SCHEMA = "warden.review/1"
SHORT = 12
"""Characters of a digest that a person is shown."""
TRACES = 20
"""INVARIANT (bounded): entries of an item's history that a person is shown; `--json` has all that were read."""
_TOLD = frozenset(
    {"by", "verdict", "owner", "disposition", "reason", "effect", "fault", "number", "next", "code", "kind"}
)


def item_document(item: ReviewItem, rules: ReviewRules, now: datetime) -> dict[str, object]:
    """Return one item as JSON values."""
    return {
        "number": item.number,
        "kind": item.kind.value,
        "state": standing(item, now).value,
        "overdue": overdue(item, now),
        "message_id": item.message.message_id,
        "hub_id": item.message.hub_id,
        "agent": item.message.agent,
        "thread_id": item.thread_id,
        "sender": item.sender,
        "reason": item.reason,
        "messages": item.messages,
        "opened_at": item.opened_at.isoformat(),
        "changed_at": item.changed_at.isoformat(),
        "expires_at": item.expires_at.isoformat() if item.expires_at else None,
        "owner": owner_of(rules, item),
        "raised": item.raised,
        "verdict": item.verdict.value if item.verdict else None,
        "decided_by": item.decided_by or None,
        "action_kind": item.action_kind or None,
        "capability": item.capability or None,
        "action_digest": item.action_digest or None,
        "message_digest": item.message_digest or None,
        "snapshot": item.snapshot or None,
        "rule_ids": list(item.rule_ids),
        "requested_by": item.requested_by or None,
        "delivery": item.delivery or None,
    }


def detail_document(detail: ReviewDetail, rules: ReviewRules, now: datetime) -> dict[str, object]:
    """Return all of one item as JSON values."""
    return {
        **item_document(detail.item, rules, now),
        "text": _text(detail.payload),
        "votes": [vote.by for vote in detail.votes],
        "thread": [_member_document(member) for member in detail.members],
        "history": [_trace_document(trace) for trace in detail.history],
    }


def _text(payload: Payload | None) -> str | None:
    if payload is None:
        return None
    from warden.engine.draft import shown_text

    return shown_text(payload)


def _member_document(member: Member) -> dict[str, object]:
    return {
        "message_id": member.message.message_id,
        "disposition": member.disposition.value if member.disposition else None,
        "subject": member.subject,
        "body": member.body,
        "seen_at": member.seen_at.isoformat() if member.seen_at else None,
    }


def _trace_document(trace: Trace) -> dict[str, object]:
    return {"seq": trace.seq, "at": trace.at, "kind": trace.kind, "fields": dict(trace.fields)}


def ruling_document(ruling: Ruling) -> dict[str, object]:
    """Return what a decision did as JSON values."""
    return {
        "number": ruling.number,
        "state": ruling.state.value,
        "verdict": ruling.verdict.value if ruling.verdict else None,
        "released": list(ruling.released),
        "missing": ruling.missing or None,
        "note": ruling.note or None,
        "error": None,
    }


def item_line(item: ReviewItem, rules: ReviewRules, now: datetime) -> str:
    """Return one item as a line of the list, which an ordinary one leaves in the 80 columns of a terminal."""
    what = item.action_kind if item.action_digest else item.reason
    if item.delivery:
        what = f"deliver {what} again?"
    where = f"{item.number:>5} {item.kind.value:<10} {standing(item, now).value:<12} {_age(item, now):>4}"
    line = f"{where}  {visible(item.sender):<12}  {visible(what)}"
    owner = owner_of(rules, item)
    more = [
        f"{item.messages} messages" if item.messages > 1 else "",
        f"{_span((item.expires_at - now).total_seconds())} left"
        if item.expires_at and standing(item, now).live
        else "",
        f"for {visible(owner)}" if owner else "",
        f"raised {item.raised} times" if item.raised > 1 else "",
    ]
    return "  ".join([line, *filter(None, more)])


def _age(item: ReviewItem, now: datetime) -> str:
    return _span((now - item.opened_at).total_seconds())


def _span(seconds: float) -> str:
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit_s:
            return f"{int(seconds // unit_s)}{unit}"
    return f"{max(0, int(seconds))}s"


def detail_lines(detail: ReviewDetail, now: datetime) -> list[str]:
    """Return one item as lines for a person: what is asked, why, the messages, the exact text."""
    item = detail.item
    lines = [f"item {item.number}: {item.kind.value}, {standing(item, now).value}, {_age(item, now)} old"]
    facts = (
        ("from", item.sender),
        ("thread", item.thread_id),
        ("reason", item.reason),
        ("rules", ", ".join(item.rule_ids)),
        ("action", f"{item.action_kind} {item.action_digest[7 : 7 + SHORT]}" if item.action_digest else ""),
        ("asked by", item.requested_by),
        ("policy", item.snapshot[: SHORT + 2]),
        *_ending(item, now),
        ("owner", detail.owner),
        ("released by", ", ".join(vote.by for vote in detail.votes)),
        ("decided", f"{item.verdict.value} by {item.decided_by}" if item.verdict else ""),
        ("delivery", f"in doubt: {item.delivery[:16]}" if item.delivery else ""),
    )
    lines += [f"  {name:<12} {visible(value)}" for name, value in facts if value]
    for member in detail.members:
        where = member.disposition.value if member.disposition else "in hand"
        lines += ["", f"--- {visible(member.message.message_id)} ({where}) {visible(member.subject or '')}".rstrip()]
        body = member.body if member.body is not None else "(the text was purged or never read)"
        lines += visible(body, keep="\n\t").splitlines()
    text = _text(detail.payload)
    if text is not None:
        lines += ["", "=== would be sent, exactly:" if standing(item, now).live else "=== was asked about:"]
        lines += visible(text, keep="\n\t").splitlines()
    return lines


def history_lines(detail: ReviewDetail) -> list[str]:
    """Return what the ledger holds about an item as lines, the newest last."""
    return ["", "--- what happened", *map(_trace_line, detail.history[-TRACES:])] if detail.history else []


def _ending(item: ReviewItem, now: datetime) -> tuple[tuple[str, str], ...]:
    """Return when an approval runs out of time, or did."""
    if item.expires_at is None:
        return ()
    at = f"{item.expires_at:%Y-%m-%d %H:%M} UTC"
    if standing(item, now).live:
        return (("expires", f"{at}, in {_span((item.expires_at - now).total_seconds())}"),)
    return (("expired", at),) if standing(item, now) is ReviewState.EXPIRED else ()


def _trace_line(trace: Trace) -> str:
    told = [f"{name} {value}" for name, value in trace.fields if name in _TOLD and value not in (None, "", [])]
    return visible(f"{trace.at[:16].replace('T', ' ')}  {trace.kind:<19} {', '.join(told)}".rstrip())


def ruling_line(ruling: Ruling) -> str:
    """Return what a decision did as a line."""
    what = ruling.verdict.value if ruling.verdict else ruling.state.value
    missing = f"waits for {ruling.missing}" if ruling.missing else ""
    return f"item {ruling.number}: " + ", ".join(filter(None, [what if not missing else "", missing, ruling.note]))


def percent(thousandths: object) -> str:
    """Return a rate in thousandths as a percentage, `-` where there is none."""
    return f"{thousandths / 10:g} %" if isinstance(thousandths, int) else "-"


def read_age(text: str) -> float:
    """Return an age in seconds; raises `InputError`."""
    unit_s = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}.get(text[-1:])
    if unit_s is None or not (text[:-1].isascii() and text[:-1].isdigit()) or len(text) > 6:
        raise InputError(f"{quote(text)} is not an age", "write 90m, 12h, 3d or 2w")
    return float(int(text[:-1]) * unit_s)


def selection(options: FilterOptions) -> Selection:
    """Return the filters as a selection; raises `InputError` for a word or an age that there is not."""
    states = options.state
    return Selection(
        kind=None if options.kind is None else _word(ReviewKind, options.kind, "kind"),
        states=_states(states) if states else frozenset(state for state in ReviewState if state.live),
        sender=options.sender or "",
        owner=options.owner or "",
        rule=options.rule or "",
        reason=options.because or "",
        older_than_s=None if options.older_than is None else read_age(options.older_than),
        younger_than_s=None if options.newer_than is None else read_age(options.newer_than),
        overdue=not states,
    )


def _states(names: list[str]) -> frozenset[ReviewState]:
    if "all" in names:
        return frozenset(ReviewState)
    return frozenset(_word(ReviewState, name, "state") for name in names)


def _word(words: Callable[[str], T], text: str, what: str) -> T:
    try:
        return words(text)
    except ValueError as error:
        raise InputError(f"there is no {what} {quote(text)}", "see `warden review list --help`") from error
