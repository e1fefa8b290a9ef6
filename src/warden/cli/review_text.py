"""The queue as people and programs read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warden.cli.render import visible
from warden.engine.draft import shown_text
from warden.engine.review_gates import overdue, owner_of, standing
from warden.errors import InputError, quote

if TYPE_CHECKING:
    from datetime import datetime

    from warden.model.review import Member, ReviewDetail, ReviewItem, ReviewRules, Ruling, Trace

SCHEMA = "warden.review/1"
SHORT = 12
"""Characters of a digest that a person is shown."""


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
        "text": shown_text(detail.payload) if detail.payload is not None else None,
        "votes": [vote.by for vote in detail.votes],
        "thread": [_member_document(member) for member in detail.members],
        "history": [_trace_document(trace) for trace in detail.history],
    }


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
    """Return one item as a line of the list."""
    what = item.action_kind if item.action_digest else item.reason
    if item.delivery:
        what = f"deliver {what} again?"
    where = f"{item.number:>6}  {item.kind.value:<10}  {standing(item, now).value:<12}  {_age(item, now):>4}"
    line = f"{where}  {visible(item.sender):<16}  {visible(what)}"
    owner = owner_of(rules, item)
    more = [
        f"{item.messages} messages" if item.messages > 1 else "",
        f"for {visible(owner)}" if owner else "",
        f"expires in {_span((item.expires_at - now).total_seconds())}"
        if item.expires_at and item.expires_at > now
        else "",
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
    """Return one item as lines for a person: what is asked, why, the messages, the exact text, what happened."""
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
        ("expires", item.expires_at.isoformat() if item.expires_at else ""),
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
    text = shown_text(detail.payload) if detail.payload is not None else None
    if text is not None:
        lines += ["", "=== would be sent, exactly:" if item.state.live else "=== was asked about:"]
        lines += visible(text, keep="\n\t").splitlines()
    return lines


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
