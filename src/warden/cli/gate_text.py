"""What a scheduled pass prints for people while its gate is closed: one line, because a timer makes one every minute."""

from __future__ import annotations

from typing import TextIO

from warden.cli.run_output import Sums
from warden.model.report import MessageReport, RunReport
from warden.schedule.gate import Gate


class GateOutput:
    """Counts the messages of a dry run, and says in one line why it was one and what it would have done."""

    for_people = False

    def __init__(self, stream: TextIO, gate: Gate) -> None:
        self._stream = stream
        self._gate = gate
        self.sums = Sums()

    def begin(self, agent: str, hub: str, brain: str) -> None:
        """Nothing stands above the line."""

    def message(self, report: MessageReport) -> None:
        """Count one message."""
        self.sums.add(report)

    def end(self, report: RunReport) -> None:
        """Write the line."""
        counts = self.sums.counts
        would = ", ".join(f"{counts[name]} {name}" for name in sorted(counts) if counts[name])
        why = "as asked for" if self._gate.holds else f"schedule {self._gate.text}"
        self._stream.write(f"dry run ({why}): {'would be ' + would if would else 'nothing to do'}\n")

    def finish(self) -> None:
        """Nothing comes after the line."""
