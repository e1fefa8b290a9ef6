"""The inbox as hubs really list it: repeated, reordered, broken, endless."""

from __future__ import annotations

from dataclasses import replace

from enginebed import Bed, escalating
from warden.model.disposition import Disposition
from warden.model.hub import InboxPage


def test_a_message_listed_twice_on_one_page_is_handled_once() -> None:
    """A page that repeats a message gives it one plan, one reply and one disposition."""
    bed = Bed()
    first = bed.send()
    bed.hub.listing = lambda page: replace(page, messages=page.messages * 2)
    report = bed.execute()
    assert report.exit_status == 0
    assert report.counts == {"answered": 1}
    assert len(bed.replies()) == 1
    assert bed.disposition(first) is Disposition.ANSWERED


def test_an_escalated_message_listed_twice_is_recorded_once() -> None:
    """A page that repeats an escalated message gives it one disposition and one audit event."""
    bed = Bed(escalating)
    bed.send()
    bed.hub.listing = lambda page: replace(page, messages=page.messages * 3)
    assert bed.execute().counts == {"escalated": 1}
    assert len(bed.entries("disposed")) == 1
    assert len(bed.events()) == 1


def test_a_dry_run_plans_a_message_that_two_pages_list_once() -> None:
    """A message that slides to the next page while pages are read is shown and planned once."""
    bed = Bed()
    for _ in range(4):
        bed.send()
    seen: list[InboxPage] = []

    def slide(page: InboxPage) -> InboxPage:
        again = seen[-1].messages[-1:] if seen else ()
        seen.append(page)
        return replace(page, messages=again + page.messages)

    bed.hub.listing = slide
    assert bed.dry(page_size=2).counts == {"answered": 4}
    assert bed.brain.asked == 4  # type: ignore[attr-defined]
    assert [report.message_id for report in bed.reports.messages] == ["m1", "m2", "m3", "m4"]
