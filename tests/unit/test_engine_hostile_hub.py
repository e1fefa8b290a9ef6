"""What a hub may send that must neither end a run nor reach the ledger as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enginebed import AGENT, SECRET, Bed, with_content
from warden.engine import pull
from warden.errors import HubBusyError
from warden.model.disposition import Disposition
from warden.model.hub import InboxPage
from warden.model.message import Principal
from warden.model.posted import Accepted


@pytest.mark.parametrize("name", ["subject", "body"])
def test_a_lone_surrogate_quarantines_the_message(name: str) -> None:
    """Text without a canonical form is refused before it is planned."""
    bed = Bed()
    bed.send()
    bed.hub.listing = lambda page: replace(
        page, messages=tuple(with_content(message, **{name: "a\ud800b"}) for message in page.messages)
    )
    assert bed.execute().exit_status == 3
    assert bed.record("m1").reason == "unreadable-text"  # type: ignore[union-attr]
    assert bed.disposition("m1") is Disposition.QUARANTINED


@pytest.mark.parametrize("metadata", [{"note": "a\udfffb"}, {"no\ud800te": "x"}, {"ключ": "x"}])
def test_metadata_that_has_no_canonical_form_quarantines_or_is_kept_whole(metadata: dict[str, str]) -> None:
    """Metadata of any text never ends a run."""
    bed = Bed()
    bed.send()
    bed.hub.listing = lambda page: replace(
        page, messages=tuple(with_content(message, metadata=metadata) for message in page.messages)
    )
    bed.execute()
    assert bed.disposition("m1") in (Disposition.QUARANTINED, Disposition.ANSWERED)


def test_a_time_that_is_not_text_quarantines_the_message() -> None:
    """A lone surrogate in the time that a hub gives is treated like one in the text."""
    bed = Bed()
    bed.send()
    bed.hub.listing = lambda page: replace(
        page, messages=tuple(replace(message, received_at="2026\ud800") for message in page.messages)
    )
    bed.execute()
    assert bed.disposition("m1") is Disposition.QUARANTINED


@pytest.mark.parametrize("identity", ["", "x" * 300, "a\nb", "a\ud800", SECRET])
def test_an_unreadable_message_with_a_hostile_id_is_recorded_by_its_digest(identity: str) -> None:
    """An id that may not be written down is replaced by its digest, and the message is recorded once."""
    bed = Bed()
    bed.hub.listing = lambda page: InboxPage((), None, ((identity, "no subject"),))
    assert bed.execute().counts == {"quarantined": 1}
    assert bed.execute().counts == {}
    (entry,) = bed.entries("disposed")
    assert entry["ref"]["message_id"].startswith("sha256:")
    assert entry["disposition"] == "quarantined"


def test_an_unreadable_message_is_recorded_by_its_id_once() -> None:
    """A message that the adapter cannot read is quarantined under its own id, not again in the next run."""
    bed = Bed()
    bed.hub.listing = lambda page: InboxPage((), None, (("m7", "no subject"), ("m7", "no subject")))
    for make in (bed.dry, bed.execute):
        assert make().counts == {"quarantined": 1}
        report = bed.report("m7")
        assert (report.disposition, report.reason) == (Disposition.QUARANTINED, "malformed")
        assert (report.sender, report.subject, report.actions) == ("", "", ())
    assert bed.execute().counts == {}
    assert bed.record("m7").reason == "malformed"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: replace(m, sender=Principal("two words")), "malformed-id"),
        (lambda m: replace(m, sender=Principal(SECRET)), "secret-in-id"),
        (lambda m: with_content(m, thread_id="t\x00"), "malformed-id"),
        (lambda m: with_content(m, in_reply_to="a b"), "malformed-id"),
        (lambda m: with_content(m, in_reply_to="x" * 129), "malformed-id"),
        (lambda m: replace(m, key=replace(m.key, message_id=SECRET)), "secret-in-id"),
    ],
)
def test_ids_that_may_not_be_written_down_quarantine_the_message(change: object, reason: str) -> None:
    """A malformed id, or one that holds a secret, is written down nowhere; its message goes to a person once."""
    bed = Bed()
    bed.send()
    bed.hub.listing = lambda page: replace(
        page,
        messages=tuple(change(message) for message in page.messages),  # type: ignore[operator]
    )
    bed.execute()
    bed.execute()
    (entry,) = bed.entries("disposed")
    assert (entry["disposition"], entry["reason"]) == ("quarantined", reason)
    assert SECRET not in str(bed.entries())
    assert bed.replies() == []


def test_a_quarantined_message_that_can_be_read_later_is_handled_and_seen() -> None:
    """Quarantine ends when the hub gives the message in a form that can be read; its text is kept then."""
    bed = Bed()
    bed.send()
    whole = bed.hub.listing
    bed.hub.listing = lambda page: replace(page, messages=(), quarantined=(("m1", "no subject"),))
    bed.execute()
    bed.hub.listing = whole
    bed.execute()
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert [entry["ref"]["message_id"] for entry in bed.entries("message_seen")] == ["m1"]


def test_cursors_that_never_end_end_the_listing_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that always names another page is read only so far."""
    bed = Bed()
    monkeypatch.setattr(pull, "MAX_PAGES", 3)
    pages: list[str | None] = []

    def endless(page: InboxPage) -> InboxPage:
        pages.append(page.after)
        return replace(page, after=str(len(pages) + 100))

    bed.hub.listing = endless
    assert bed.execute().exit_status == 0
    assert len(pages) == 3


@pytest.mark.parametrize("identity", ["", "x" * 1000, "a\nb\u2028", "a\ud800"])
def test_a_receipt_with_a_hostile_id_is_recorded(identity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever id a hub answers with, the receipt becomes durable and the message is answered once."""
    bed = Bed()
    bed.send()
    post = bed.hub.post_message
    monkeypatch.setattr(bed.hub, "post_message", lambda message, key=None: replace(post(message, key), id=identity))
    assert bed.execute().exit_status == 0
    assert bed.disposition("m1") is Disposition.ANSWERED
    assert len(bed.replies()) == 1


@pytest.mark.parametrize("after", [float("inf"), 1e300, float("nan"), -5.0, 3.0e9])
def test_a_hostile_retry_after_keeps_the_reply_in_the_outbox(after: float) -> None:
    """An absurd Retry-After neither ends the run nor puts the reply off for ever."""
    bed = Bed()
    bed.send()
    bed.faults.plan("post_message", HubBusyError("later", retry_after_s=after))
    assert bed.execute().exit_status == 3
    assert bed.disposition("m1") is Disposition.FAILED
    bed.clock.advance(36 * 3600.0)
    assert bed.execute().counts["recovered"] == 3
    assert len(bed.replies()) == 1


def test_an_answer_that_repeats_our_own_mail_is_never_answered() -> None:
    """Mail from ourselves in our inbox is skipped without asking the brain."""
    bed = Bed()
    bed.send(sender=AGENT)
    bed.execute()
    assert bed.disposition("m1") is Disposition.SKIPPED
    assert bed.brain.asked == 0  # type: ignore[attr-defined]
    assert isinstance(bed.hub.mark_read(AGENT, "m1"), Accepted)
