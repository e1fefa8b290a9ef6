"""What doctor thinks of plain facts."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta

import pytest

from warden.cli import checks
from warden.cli.checks import Outcome
from warden.errors import StateError
from warden.model.hub import DeliveryMeans, HubTraits

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DIRECTORY = stat.S_IFDIR | 0o700


@pytest.mark.parametrize(
    ("version", "outcome"),
    [((3, 40, 1), Outcome.WARN), ((3, 51, 2), Outcome.WARN), ((3, 51, 3), Outcome.OK), ((4, 0, 0), Outcome.OK)],
)
def test_sqlite_before_the_repair_is_a_warning(version: tuple[int, int, int], outcome: Outcome) -> None:
    """An old SQLite does not stop a run, because of the writer lock, but is said."""
    assert checks.check_sqlite(version).outcome is outcome


@pytest.mark.parametrize(("version", "outcome"), [((3, 10, 9), Outcome.FAIL), ((3, 11, 0), Outcome.OK)])
def test_python_before_3_11_fails(version: tuple[int, int, int], outcome: Outcome) -> None:
    """The lowest supported Python is the one that the package states."""
    assert checks.check_python(version).outcome is outcome


@pytest.mark.parametrize(
    ("mode", "owner", "writable", "outcome"),
    [
        (DIRECTORY, 7, True, Outcome.OK),
        (DIRECTORY, 8, True, Outcome.WARN),
        (DIRECTORY, 7, False, Outcome.FAIL),
        (stat.S_IFDIR | 0o750, 7, True, Outcome.FAIL),
        (stat.S_IFDIR | 0o701, 7, True, Outcome.FAIL),
        (stat.S_IFREG | 0o600, 7, True, Outcome.FAIL),
    ],
)
def test_the_state_directory_must_be_private_ours_and_writable(
    mode: int, owner: int, writable: bool, outcome: Outcome
) -> None:
    """Each way in which it is not has its own advice."""
    finding = checks.check_state_dir("/s", mode, owner, 7, writable)
    assert finding.outcome is outcome
    assert bool(finding.advice) == (outcome is not Outcome.OK)


@pytest.mark.parametrize(
    ("free", "outcome"), [(0, Outcome.FAIL), (17 * 2**20, Outcome.WARN), (300 * 2**20, Outcome.OK)]
)
def test_little_space_is_said_before_it_is_none(free: int, outcome: Outcome) -> None:
    """A full disk fails, a nearly full one warns."""
    assert checks.check_space(free).outcome is outcome


@pytest.mark.parametrize(
    ("entry", "installed", "outcome"),
    [
        (None, NOW - timedelta(days=1), Outcome.OK),
        (NOW + timedelta(minutes=4), NOW, Outcome.OK),
        (NOW + timedelta(minutes=6), NOW, Outcome.FAIL),
        (None, NOW + timedelta(days=1), Outcome.WARN),
    ],
)
def test_a_clock_that_runs_behind_its_own_past_is_found(
    entry: datetime | None, installed: datetime, outcome: Outcome
) -> None:
    """What was certainly in the past must not lie ahead."""
    assert checks.check_clock(NOW, entry, installed).outcome is outcome


@pytest.mark.parametrize(
    ("url", "token", "outcome"),
    [
        (None, False, Outcome.OK),
        ("https://hub.example", True, Outcome.OK),
        ("http://127.0.0.1:8765", True, Outcome.OK),
        ("http://localhost", True, Outcome.OK),
        ("http://[::1]:80", True, Outcome.OK),
        ("http://127.evil.example", True, Outcome.WARN),
        ("http://hub.example", True, Outcome.WARN),
        ("http://hub.example", False, Outcome.WARN),
    ],
)
def test_what_crosses_a_network_in_the_open_is_said(url: str | None, token: bool, outcome: Outcome) -> None:
    """Plain HTTP is for this machine only; a name that merely begins like a loopback address is not one."""
    assert checks.check_transport(url, token).outcome is outcome


@pytest.mark.parametrize(
    ("listed", "decided", "pages", "outcome"),
    [
        (100, 100, False, Outcome.FAIL),
        (100, 99, False, Outcome.WARN),
        (60, 60, False, Outcome.WARN),
        (10, 10, False, Outcome.OK),
        (100, 100, True, Outcome.OK),
        (0, 0, False, Outcome.OK),
    ],
)
def test_a_full_page_of_decided_messages_blocks_a_hub_without_paging(
    listed: int, decided: int, pages: bool, outcome: Outcome
) -> None:
    """With a cursor the next page can be asked for; without one nothing new is ever seen."""
    assert checks.check_inbox(listed, decided, pages, 100).outcome is outcome


@pytest.mark.parametrize(("authenticated", "outcome"), [(True, Outcome.OK), (False, Outcome.WARN)])
def test_unauthenticated_senders_are_said(authenticated: bool, outcome: Outcome) -> None:
    """It decides what goes out by itself, so an operator should know."""
    traits = HubTraits("h", DeliveryMeans.NONE, authenticated)
    assert checks.check_traits(traits, "`https://hub.example`").outcome is outcome


def test_an_error_keeps_its_advice_and_an_unforeseen_one_its_text_to_itself() -> None:
    """What raised is a finding; only errors of ours are quoted."""
    ours = checks.from_error("state", StateError("no space", "make room"))
    assert (ours.outcome, ours.seen, ours.advice) == (Outcome.FAIL, "no space", "make room")
    other = checks.from_error("state", ValueError("swordfish"))
    assert "swordfish" not in other.seen + other.advice
