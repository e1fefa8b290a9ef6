"""Which notifications leave: once for each subject and state, reminders, digests, limits and quiet hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from warden.model.watch import Condition, SentNotice
from warden.watch.notices import (
    LISTED,
    Notice,
    NoticeTerms,
    Notification,
    TargetState,
    due_notices,
    message_id,
    plan_notifications,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TERMS = NoticeTerms(timedelta(hours=4), per_hour=10, digest_over=3, urgent=frozenset({"ledger-damaged"}))
ITEM = Condition("review:1", "open", "escalation")
AWAKE = TargetState("webhook")


def plan(due: list[Notice], state: TargetState = AWAKE, terms: NoticeTerms = TERMS) -> list[Notification]:
    """Return what leaves now."""
    return plan_notifications("ops-warden", due, terms, NOW, state)


def items(number: int) -> list[Notice]:
    """Return so many new escalations."""
    return [Notice(Condition(f"review:{n}", "open", "escalation")) for n in range(number)]


def test_a_subject_is_told_once_for_each_state() -> None:
    """What a target was told of in this state is not told again; another state is news."""
    sent = {"review:1": SentNotice("open", 0, NOW)}
    assert due_notices([ITEM], {}, NOW, TERMS) == [Notice(ITEM)]
    assert due_notices([ITEM], sent, NOW, TERMS) == []
    changed = replace(ITEM, state="in_doubt")
    assert due_notices([changed], sent, NOW, TERMS) == [Notice(changed)]


def test_one_is_reminded_until_it_is_over() -> None:
    """What stands unchanged for the configured time is told again and counted; never means never."""
    sent = {"review:1": SentNotice("open", 2, NOW - timedelta(hours=4))}
    assert due_notices([ITEM], sent, NOW, TERMS) == [Notice(ITEM, 3)]
    assert due_notices([ITEM], sent, NOW - timedelta(seconds=1), TERMS) == []
    assert due_notices([ITEM], sent, NOW, replace(TERMS, remind_after=None)) == []
    assert due_notices([], sent, NOW, TERMS) == []
    assert due_notices([replace(ITEM, lasting=False)], sent, NOW, TERMS) == []


def test_few_leave_one_by_one_and_many_as_one() -> None:
    """Up to the configured number each subject has its own notification; one more makes a digest of all."""
    assert [len(one.notices) for one in plan(items(3))] == [1, 1, 1]
    (digest,) = plan(items(4))
    assert len(digest.notices) == 4
    assert digest.title == "warden ops-warden: 4 escalation"


def test_the_hour_has_a_limit() -> None:
    """What is left of the hour's allowance bounds what leaves: a digest when it is too little, nothing when it is spent."""
    assert [len(one.notices) for one in plan(items(2), TargetState("webhook", 9))] == [2]
    assert [len(one.notices) for one in plan(items(1), TargetState("webhook", 9))] == [1]
    assert plan(items(2), TargetState("webhook", 10)) == []


def test_quiet_hours_let_urgent_ones_through_only() -> None:
    """In quiet hours what is urgent leaves alone; the rest is due afterwards."""
    urgent = Notice(Condition("ledger", "damaged", "ledger-damaged"))
    (only,) = plan([*items(2), urgent], TargetState("webhook", 0, quiet=True))
    assert only.notices == (urgent,)
    assert plan(items(2), TargetState("webhook", 0, quiet=True)) == []


def test_the_id_names_what_is_said() -> None:
    """The same said again to the same target has the same id; a reminder, another target or another state has another."""
    first = message_id("a", "webhook", [Notice(ITEM)])
    assert first == message_id("a", "webhook", [Notice(ITEM)])
    others = {
        message_id("a", "apprise", [Notice(ITEM)]),
        message_id("a", "webhook", [Notice(ITEM, 1)]),
        message_id("a", "webhook", [Notice(replace(ITEM, state="x"))]),
        message_id("b", "webhook", [Notice(ITEM)]),
    }
    assert len(others | {first}) == 5


def test_a_digest_is_bounded_and_counts_all() -> None:
    """A digest names a bounded number of subjects, and its counts cover every one."""
    (digest,) = plan(items(LISTED + 30))
    data = digest.document()["data"]
    assert isinstance(data, dict)
    assert (len(data["items"]), data["counts"]) == (LISTED, {"escalation": LISTED + 30})
    assert "and 30 more" in digest.text()
    assert "warden review" in digest.text()


def test_a_reminder_says_so() -> None:
    """People see that they were told before."""
    reminder = Notification("ntf_1", "ops-warden", (Notice(ITEM, 1),), NOW)
    assert reminder.title == "warden ops-warden: reminder: 1 escalation"
