"""Codes of the alerts that the schedule and notifications raise: what every append looks at, apart from the values."""

from __future__ import annotations

GATE_DRIFT, RUN_FAILED, SCHEDULE_MISSED, CLOCK_STEPPED = "gate-drift", "run-failed", "schedule-missed", "clock-stepped"
NOTIFY_FAILED = "notify-failed"
"""Code of the alert that a target of notifications did not take one; its subject is the agent, a colon, the target."""
STANDING = frozenset({GATE_DRIFT, RUN_FAILED, SCHEDULE_MISSED})
"""Codes of alerts of the schedule that stand until something ends them: the gate opens or is closed by a person, a pass goes
through. Their subject is the agent, a colon and a space, and a detail."""
