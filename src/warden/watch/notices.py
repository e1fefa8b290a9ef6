"""Which notifications are to be sent: new ones once for each subject and state, reminders, digests, quiet hours. Pure.

Rules, in this order: what stands in another state than a target was last told of is new; what stands unchanged for longer than
`remind_after` is a reminder; in quiet hours only urgent codes count; more than `digest_over` subjects at once, or more than
the hour's allowance leaves, make one digest; without any allowance nothing leaves, and all of it is still due later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from warden.model.digests import digest_value
from warden.watch.codes import explain

if TYPE_CHECKING:
    from warden.model.watch import Condition, SentNotice

LISTED = 20
"""INVARIANT (bounded): subjects that one notification names; the counts cover all."""
BATCH = 500
"""INVARIANT (bounded): subjects of one digest; the rest follows in the next pass."""


@dataclass(frozen=True, slots=True)
class NoticeTerms:
    """What an operator asked for. `remind_after` None means never."""

    remind_after: timedelta | None
    per_hour: int
    digest_over: int
    urgent: frozenset[str]


@dataclass(frozen=True, slots=True)
class Notice:
    """One subject that is to be told of; `reminders` counts those that this one makes."""

    condition: Condition
    reminders: int = 0


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one target. The id is the same whenever the same is tried again: receivers tell repeats by it."""

    message_id: str
    agent: str
    notices: tuple[Notice, ...]
    at: datetime

    @property
    def counts(self) -> Mapping[str, int]:
        """How many subjects there are of each code."""
        found = Counter(notice.condition.code for notice in self.notices)
        return {code: found[code] for code in sorted(found)}

    @property
    def title(self) -> str:
        """One line for people."""
        reminder = "reminder: " if all(notice.reminders for notice in self.notices) else ""
        words = ", ".join(f"{number} {code}" for code, number in self.counts.items())
        return f"warden {self.agent}: {reminder}{words}"

    def text(self) -> str:
        """Return what people read: codes, ids of ours and the commands to run; never a word from a message."""
        lines = []
        for code, number in self.counts.items():
            named = [n.condition.subject for n in self.notices if n.condition.code == code]
            more = f" and {number - LISTED} more" if number > LISTED else ""
            about = explain(code)
            lines.append(f"{code}: {about.meaning} ({', '.join(named[:LISTED])}{more}). Next: {about.do}")
        return "\n".join(lines)

    def document(self) -> dict[str, object]:
        """Return it as JSON values: type, timestamp and data, as Standard Webhooks recommends."""
        items = [
            {
                "code": notice.condition.code,
                "subject": notice.condition.subject,
                "reminder": notice.reminders,
                "meaning": explain(notice.condition.code).meaning,
                "next": explain(notice.condition.code).do,
            }
            for notice in self.notices[:LISTED]
        ]
        data = {"schema": "warden.notification/1", "agent": self.agent, "counts": dict(self.counts), "items": items}
        timestamp = self.at.isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"type": "warden.notification", "timestamp": timestamp, "data": data}


def due_notices(
    conditions: Iterable[Condition], sent: Mapping[str, SentNotice], now: datetime, terms: NoticeTerms
) -> list[Notice]:
    """Return what a target is to be told of now, were it always awake."""
    found = []
    for condition in conditions:
        before = sent.get(condition.subject)
        if before is None or before.state != condition.state:
            found.append(Notice(condition))
        elif condition.lasting and terms.remind_after is not None and now - before.at >= terms.remind_after:
            found.append(Notice(condition, before.reminders + 1))
    return found


def plan_notifications(
    agent: str, due: Sequence[Notice], terms: NoticeTerms, now: datetime, state: TargetState
) -> list[Notification]:
    """Return the notifications that leave now."""
    wanted = [notice for notice in due if not state.quiet or notice.condition.code in terms.urgent]
    left = terms.per_hour - state.sent_in_hour
    if not wanted or left <= 0:
        return []
    digest = len(wanted) > min(terms.digest_over, left)
    parts = [tuple(wanted[:BATCH])] if digest else [(notice,) for notice in wanted]
    return [Notification(message_id(agent, state.target, part), agent, part, now) for part in parts]


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target's name, how many notifications it took in the last hour, and whether it is in its quiet hours."""

    target: str
    sent_in_hour: int = 0
    quiet: bool = False


def message_id(agent: str, target: str, notices: Iterable[Notice]) -> str:
    """Return the id of a notification, a function of what it says."""
    said = [[one.condition.subject, one.condition.state, one.condition.code, one.reminders] for one in notices]
    return "ntf_" + digest_value({"agent": agent, "target": target, "said": said}).removeprefix("sha256:")[:40]
