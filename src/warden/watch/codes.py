"""Every code of an alert or of a notification: what it means, and what a person does about it. The one such table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a code means, in a sentence without a full stop, and the command or page that goes on from there."""

    meaning: str
    do: str


EXPLANATIONS: Mapping[str, Explanation] = {
    "escalation": Explanation("a message needs a person", "warden review"),
    "approval": Explanation("an action waits for its release", "warden review"),
    "dead-letter": Explanation("a delivery was given up", "warden dead list"),
    "in-doubt": Explanation(
        "a delivery may or may not have been taken, and is not repeated blindly", "warden dead list"
    ),
    "ledger-damaged": Explanation("the ledger does not verify, and nothing is executed", "warden ledger verify"),
    "gate-drift": Explanation(
        "charter, overlay, brain or catalogue changed since it was signed off: passes are dry runs",
        "warden schedule status",
    ),
    "run-failed": Explanation("a pass failed, and none has gone through since", "warden doctor"),
    "schedule-missed": Explanation("passes that the timetable wanted were not made", "warden status"),
    "clock-stepped": Explanation(
        "the system's clock was set back: ticks are counted anew", "warden ledger log --kind schedule_anchored"
    ),
    "policies": Explanation(
        "the policies could not be loaded; the last good set is in force, or everything is denied",
        "warden policy check",
    ),
    "model": Explanation("the model cannot be used before an operator acts", "warden doctor"),
    "witness-unreadable": Explanation("a place that keeps heads of the ledger cannot be read", "warden doctor"),
    "witness-empty": Explanation(
        "a place that keeps heads of the ledger holds none: right only when it is new", "warden doctor"
    ),
    "witness-foreign": Explanation(
        "a place that keeps heads of the ledger holds those of another log", "warden doctor"
    ),
    "witness-unwritable": Explanation(
        "a place that keeps heads of the ledger does not take the newest", "warden doctor"
    ),
    "heads-not-compared": Explanation("the heads on the hub could not be compared with the ledger", "warden doctor"),
    "outcome-after-end": Explanation(
        "a workload that was over was reported to have ended otherwise", "warden workload show"
    ),
    "review-unacknowledged": Explanation("an item of the review queue has waited for long", "warden review"),
    "notify-failed": Explanation("a target of notifications does not take them", "warden notify test"),
    "test": Explanation("somebody tries whether notifications arrive", "nothing"),
}


def explain(code: str) -> Explanation:
    """Return what a code means; one that a newer warden wrote says so."""
    return EXPLANATIONS.get(code) or Explanation("an alert of a newer warden", "warden doctor")
