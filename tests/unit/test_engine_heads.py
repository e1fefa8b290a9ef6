"""Heads that are kept elsewhere: compared before anything is executed, and kept at the end of each executing run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from enginebed import AGENT, Bed, traits_with
from warden.engine import heads
from warden.engine.audit import KIND
from warden.errors import HubNotFoundError, HubRejectedError, HubUnreachableError, LedgerError, StateError
from warden.ledger.posted import posted_fields
from warden.ledger.signature import SeedSigner
from warden.model.delivery import ProgressEvent
from warden.store.sqlite import NewLog, SqliteLedgerStore

KEY = SeedSigner.from_seed(bytes(32))


@dataclass
class Shelf:
    """A witness in memory that can be made to fail."""

    name: str = "shelf"
    note: str | None = ""
    kept: list[str] = field(default_factory=list)
    broken: str = ""

    def read(self) -> str | None:
        """Return what is kept."""
        if "read" in self.broken:
            raise StateError("the shelf is away")
        return self.note

    def keep(self, note: str) -> None:
        """Keep it."""
        if "keep" in self.broken:
            raise StateError("the shelf is full")
        self.note = note
        self.kept.append(note)


class SignedBed(Bed):
    """A bed with a signed ledger on disk, which can be put back to an earlier moment, and with witnesses."""

    def __init__(self, directory: Path, *witnesses: Shelf, **more: object) -> None:
        self.place = directory / "ledger.db"
        self.witnesses = witnesses
        super().__init__(path=self.place, **more)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.store.close()
        for leftover in self.place.parent.glob("ledger.db*"):
            leftover.unlink()
        self.reopen()

    def reopen(self, log_id: str = "test") -> None:
        """Open what lies on the disk."""
        self.store = SqliteLedgerStore(self.place, self.clock, KEY, None, NewLog(log_id))

    def parts(self, executing: bool) -> object:  # type: ignore[override]
        """The parts of a run, with the witnesses of an executing one."""
        return replace(super().parts(executing), witnesses=self.witnesses if executing else ())

    def keep_copy(self) -> Path:
        """Copy the whole state and return where the copy lies."""
        self.store.close()
        copy = self.place.parent / "copy"
        copy.mkdir()
        for file in self.place.parent.glob("ledger.db*"):
            shutil.copy(file, copy)
        self.reopen()
        return copy

    def put_back(self, copy: Path) -> None:
        """Put a copy in the place of the whole state."""
        self.store.close()
        for file in self.place.parent.glob("ledger.db*"):
            file.unlink()
        for file in copy.iterdir():
            shutil.copy(file, self.place.parent)
        self.reopen()


def post_as(bed: Bed, **changes: str) -> None:
    """Post an event with a head under our log's name, as anybody may."""
    fields = {**posted_fields(bed.store.head()), **changes}
    bed.hub.post_progress(ProgressEvent(AGENT, "a forged event", "audit", metadata=fields))


def test_audit_events_carry_the_signed_head(tmp_path: Path) -> None:
    """What a run posts is a head that its own log contains and its key signed."""
    bed = SignedBed(tmp_path)
    bed.send()
    bed.execute()
    (event,) = bed.events()
    assert event.metadata["head-origin"] == bed.store.origin
    assert len(event.metadata["head-signature"]) == 92
    assert bed.execute().exit_status == 0
    assert bed.reports.alerts == []
    bed.store.close()


@pytest.mark.parametrize("runs_before", [0, 1])
def test_a_state_that_was_put_back_is_given_away_by_the_hub(tmp_path: Path, runs_before: int) -> None:
    """When the whole state goes back behind a posted head, the next executing run ends before it does anything."""
    bed = SignedBed(tmp_path)
    for number in range(runs_before):
        bed.send(sender=f"early-{number}")
        bed.execute()
    copy = bed.keep_copy()
    bed.send()
    bed.execute()
    bed.put_back(copy)
    bed.send(sender="late")
    size, calls = bed.store.head().size, len(bed.faults.calls)
    with pytest.raises(LedgerError, match="rolled back"):
        bed.execute()
    assert bed.store.head().size == size
    assert {call.operation for call in bed.faults.calls[calls:]} <= {"traits", "list_progress"}
    assert bed.dry().exit_status == 0
    bed.store.close()


def test_a_state_that_was_put_back_and_grew_again_is_given_away(tmp_path: Path) -> None:
    """A log that has outgrown the posted head by other entries is another history."""
    bed = SignedBed(tmp_path)
    copy = bed.keep_copy()
    bed.send()
    bed.execute()
    bed.put_back(copy)
    for _ in range(20):
        bed.dry()
    with pytest.raises(LedgerError, match="not those that a kept head names"):
        bed.execute()
    bed.store.close()


def test_applying_a_plan_compares_too(tmp_path: Path) -> None:
    """A plan that was made on a state that was put back is not applied, and not used up."""
    bed = SignedBed(tmp_path)
    copy = bed.keep_copy()
    bed.send()
    bed.execute()
    bed.put_back(copy)
    plan = bed.plan()
    with pytest.raises(LedgerError, match="rolled back"):
        bed.apply(plan)
    assert bed.entries("plan_applied") == []
    bed.store.close()


@pytest.mark.parametrize(
    "forged",
    [
        {"head-size": "999"},
        {"head-size": "999", "head-signature": ""},
        {"head-root": "nonsense"},
        {"head-size": "x" * 999},
    ],
)
def test_forged_events_raise_no_alarm(tmp_path: Path, forged: dict[str, str]) -> None:
    """Whoever posts events under our log's name cannot stop our runs."""
    bed = SignedBed(tmp_path)
    post_as(bed, **forged)
    bed.send()
    assert bed.execute().exit_status == 0
    assert len(bed.replies()) == 1
    bed.store.close()


def test_only_new_events_are_read(tmp_path: Path) -> None:
    """What was compared once is not read again, but for the last page; the ledger remembers how far that is."""
    bed = SignedBed(tmp_path)
    for _ in range(250):
        post_as(bed, **{"head-origin": "ops-warden/other"})
    post_as(bed, **{"head-size": "999"})
    bed.execute()
    asked = [call.operation for call in bed.faults.calls].count("list_progress")
    assert asked == 3
    (entry,) = bed.entries("heads_compared")
    assert (entry["agent"], entry["hub_id"], entry["cursor"]) == (AGENT, "hub-1", "200")
    assert (entry["events"], entry["others"]) == (251, 1)
    bed.reopen()
    bed.execute()
    assert [call.operation for call in bed.faults.calls].count("list_progress") == asked + 1
    assert len(bed.entries("heads_compared")) == 1
    bed.store.close()


def test_reading_is_bounded_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run reads so many pages and no more, says so, and the next one goes on where it stopped."""
    monkeypatch.setattr(heads, "PAGES_PER_RUN", 2)
    bed = SignedBed(tmp_path)
    for _ in range(450):
        post_as(bed)
    bed.execute()
    assert "200 progress events" in bed.reports.alerts[0]
    bed.execute()
    bed.execute()
    assert [entry["cursor"] for entry in bed.entries("heads_compared")] == ["200", "400"]
    assert len(bed.reports.alerts) == 2
    bed.store.close()


def test_a_cursor_that_the_hub_has_forgotten_begins_anew(tmp_path: Path) -> None:
    """A hub that refuses its own cursor is read from its first event."""
    bed = SignedBed(tmp_path)
    for _ in range(150):
        post_as(bed)
    bed.execute()
    bed.faults.plan("list_progress", HubRejectedError("no such cursor"))
    assert bed.execute().exit_status == 0
    assert bed.reports.alerts == []
    bed.store.close()


@pytest.mark.parametrize("error", [HubUnreachableError("down"), HubNotFoundError("no"), HubRejectedError("no")])
def test_a_hub_that_does_not_list_is_told_of_and_blocks_nothing(tmp_path: Path, error: Exception) -> None:
    """When events cannot be read the run says so, records it, and does its work."""
    bed = SignedBed(tmp_path)
    bed.send()
    bed.faults.plan("list_progress", error)
    assert bed.execute().exit_status == 0
    assert len(bed.replies()) == 1
    assert "not compared" in bed.reports.alerts[0]
    assert [entry["code"] for entry in bed.entries("alert_raised")] == ["heads-not-compared"]
    bed.store.close()


def test_a_hub_without_a_listing_is_told_of_each_time(tmp_path: Path) -> None:
    """A hub that declares that it lists no progress is not asked, and the run says what that means."""
    bed = SignedBed(tmp_path, traits=traits_with(lists_progress=False))
    assert bed.execute().exit_status == 0
    assert "lists no progress" in bed.reports.alerts[0]
    assert "list_progress" not in [call.operation for call in bed.faults.calls]
    bed.store.close()


def test_a_cursor_that_stands_still_ends_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub whose cursor never moves, or is nothing that an entry may hold, is read once."""
    bed = SignedBed(tmp_path)
    listing = bed.hub.list_progress
    for cursor in ("1", "x" * 1000):
        monkeypatch.setattr(
            bed.hub, "list_progress", lambda agent, after=None, limit=100, c=cursor: replace(listing(agent), after=c)
        )
        assert bed.execute().exit_status == 0
    assert [entry["cursor"] for entry in bed.entries("heads_compared")] == ["1"]
    bed.store.close()


def test_a_witness_is_given_the_newest_head(tmp_path: Path) -> None:
    """At the end of each executing run, idle or not, the witness holds the log's last signed checkpoint."""
    shelf = Shelf()
    bed = SignedBed(tmp_path, shelf)
    bed.execute()
    assert shelf.note == bed.store.note()
    assert "holds no head yet" in bed.reports.alerts[0]
    bed.send()
    bed.execute()
    assert shelf.note == bed.store.note()
    bed.dry()
    assert len(shelf.kept) == 2
    bed.store.close()


def test_a_witness_gives_a_roll_back_away(tmp_path: Path) -> None:
    """A state that was put back is noticed without any word of the hub."""
    bed = SignedBed(tmp_path, Shelf(), traits=traits_with(lists_progress=False))
    copy = bed.keep_copy()
    bed.execute()
    bed.put_back(copy)
    with pytest.raises(LedgerError, match="rolled back"):
        bed.execute()
    bed.store.close()


def test_a_witness_that_holds_something_else_is_told_of_and_replaced(tmp_path: Path) -> None:
    """What nobody signed with our key raises an alert once, and no alarm."""
    shelf = Shelf(note="something else")
    bed = SignedBed(tmp_path, shelf)
    assert bed.execute().exit_status == 0
    assert "no head of this log" in bed.reports.alerts[0]
    assert [entry["code"] for entry in bed.entries("alert_raised")] == ["witness-foreign"]
    bed.execute()
    assert len(bed.reports.alerts) == 1
    bed.store.close()


def test_a_witness_that_only_takes_is_not_compared(tmp_path: Path) -> None:
    """A witness that cannot be asked for its head is no news."""
    shelf = Shelf(note=None)
    bed = SignedBed(tmp_path, shelf)
    bed.execute()
    assert bed.reports.alerts == []
    assert shelf.kept == [bed.store.note()]
    bed.store.close()


def test_a_broken_witness_blocks_nothing(tmp_path: Path) -> None:
    """A witness that can be neither read nor written is told of and recorded, and the others are given their head."""
    broken, sound = Shelf("broken", broken="read keep"), Shelf("sound")
    bed = SignedBed(tmp_path, broken, sound)
    bed.send()
    assert bed.execute().exit_status == 0
    assert len(bed.replies()) == 1
    assert [entry["code"] for entry in bed.entries("alert_raised")] == [
        "witness-unreadable", "witness-empty", "witness-unwritable",
    ]  # fmt: skip
    assert len(sound.kept) == 1
    assert bed.store.check_heads(sound.kept) == 0
    assert KIND in {entry["kind"] for entry in bed.entries("intended")}
    bed.store.close()


def test_a_run_that_ends_with_an_error_keeps_its_head_too(tmp_path: Path) -> None:
    """When the hub fails in the middle, what was recorded until then is witnessed."""
    shelf = Shelf()
    bed = SignedBed(tmp_path, shelf)
    bed.faults.plan("list_unread", HubUnreachableError("down"))
    with pytest.raises(HubUnreachableError):
        bed.execute()
    assert shelf.note == bed.store.note()
    bed.store.close()
