"""What a run prints for people: the plan, message by message, and the sums."""

from __future__ import annotations

from warden.cli.plan_text import closing, heading, idle_lines, message_lines
from warden.cli.render import Line, PlainPrinter, StyledPrinter
from warden.cli.run_output import Sums
from warden.model.report import MessageReport, RunReport


class TextOutput:
    """Prints the plan for people; a run without anything to do is one line."""

    for_people = True

    def __init__(self, printer: PlainPrinter | StyledPrinter, mode: str) -> None:
        self._printer = printer
        self._mode = mode
        self._agent = ""
        self._heading: list[Line] = []
        self.sums = Sums()

    def begin(self, agent: str, hub: str, brain: str) -> None:
        """Take what stands above the plan; it is printed with the first message."""
        self._agent = agent
        self._heading = list(heading(self._mode, agent, hub, brain))

    def message(self, report: MessageReport) -> None:
        """Print one message."""
        self._print_heading()
        self.sums.add(report)
        self._printer.print(message_lines(report, self._mode == "dry-run"))

    def end(self, report: RunReport) -> None:
        """Print the sums."""
        if self.sums.counts:
            self._printer.print(closing(report, self.sums.counts, self._mode == "dry-run"))
        else:
            self._printer.print_own(idle_lines(report, self._agent))

    def finish(self) -> None:
        """Nothing comes after the sums."""

    def _print_heading(self) -> None:
        self._printer.print(self._heading)
        self._heading = []
