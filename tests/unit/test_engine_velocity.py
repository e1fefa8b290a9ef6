"""Velocity rules: counted from our own ledger, in the run and across runs, never spent by a dry run."""

from __future__ import annotations

from enginebed import Bed, charter_kernel
from warden.documents.bundle import load_bundle
from warden.model.disposition import Disposition
from warden.policy import Kernel

OVERLAY = b"""
version: "1"
default_decision: abstain
rules:
  - id: two-an-hour
    match: {capabilities: [messaging.answer]}
    decision: throttle
    reason: at most two answers an hour
    velocity: {key: actor_id, max_requests: 2, window_seconds: 3600}
"""


def throttled_bed() -> Bed:
    """A bed whose kernel throttles answers."""
    return Bed(kernel=Kernel(charter_kernel().charter, (load_bundle(OVERLAY, "slow.yaml"),)))


def test_a_velocity_rule_holds_what_passes_its_limit_within_a_run() -> None:
    """The third answer of an hour is held, not refused, and the first two are sent."""
    bed = throttled_bed()
    for _ in range(3):
        bed.send(thread="")
    bed.execute()
    found = [report.disposition for report in bed.reports.messages]
    assert found == [Disposition.ANSWERED, Disposition.ANSWERED, Disposition.HELD]


def test_a_velocity_rule_counts_earlier_runs_and_forgets_after_its_window() -> None:
    """What an earlier run sent counts until the window has passed; then the held message is answered."""
    bed = throttled_bed()
    bed.send()
    bed.send()
    bed.execute()
    bed.send()
    bed.execute()
    assert [report.disposition for report in bed.reports.messages] == [Disposition.HELD]
    bed.clock.advance(3601)
    bed.execute()
    assert [report.disposition for report in bed.reports.messages] == [Disposition.ANSWERED]


def test_a_dry_run_spends_no_velocity() -> None:
    """A dry run shows what would be held and records no count."""
    bed = throttled_bed()
    for _ in range(3):
        bed.send()
    bed.dry()
    assert [report.disposition for report in bed.reports.messages][2] is Disposition.HELD
    assert bed.entries("counted") == []
    bed.execute()
    assert len(bed.entries("counted")) == 2
