"""Options of `warden worker run` and `warden worker apply`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from warden.cli.options import AGENT, CONFIG, JSON, NO_INPUT, STATE_DIR, Command, Option


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `warden worker run` was asked for. A dry run unless `execute`, or unless `scheduled` and the gate holds; one pass
    unless `every` gives an interval or `cron` a calendar expression; with `once` too, they say how often a timer calls."""

    execute: bool = False
    dry_run: bool = False
    once: bool = False
    scheduled: bool = False
    every: str | None = None
    cron: str | None = None
    jitter: str | None = None
    timezone: str | None = None
    deadline: str | None = None
    limit: int | None = None
    brain: str | None = None
    agent: str | None = None
    hub: str | None = None
    catalog: Path | None = None
    json: bool = False
    out: Path | None = None
    config: Path | None = None
    state_dir: Path | None = None
    quiet: bool = False
    verbose: bool = False
    no_input: bool = False
    detailed_exitcode: bool = False

    @property
    def names_timetable(self) -> bool:
        """Whether the command line says when passes come."""
        return self.every is not None or self.cron is not None

    @property
    def goes_on(self) -> bool:
        """Whether pass follows pass; with `once`, the timetable is that of a timer which calls us."""
        return self.names_timetable and not self.once


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """What `warden worker apply PLAN` was asked for."""

    plan: Path
    agent: str | None = None
    hub: str | None = None
    catalog: Path | None = None
    brain: str | None = None
    json: bool = False
    config: Path | None = None
    state_dir: Path | None = None
    quiet: bool = False
    verbose: bool = False
    no_input: bool = False
    detailed_exitcode: bool = False


WHERE = (
    AGENT,
    Option("hub", ("--hub",), str, None, "Base URL of the hub, or `embedded`.", metavar="URL"),
    Option("catalog", ("--catalog",), Path, None, "Routing catalogue to answer from.", metavar="FILE"),
    Option("brain", ("--brain",), str, None, "What proposes plans.", metavar="NAME"),
)
HOUSE = (
    JSON,
    CONFIG,
    STATE_DIR,
    Option("quiet", ("--quiet", "-q"), bool, False, "Say nothing on stderr but errors."),
    Option("verbose", ("--verbose", "-v"), bool, False, "Say more on stderr."),
    NO_INPUT,
    Option("detailed_exitcode", ("--detailed-exitcode",), bool, False, "Exit 5 when something was found or waits."),
)

RUN = Command(
    path=("worker", "run"),
    help="Plan answers to the unread messages; with --execute, also deliver what the charter allows.",
    options=(
        Option("execute", ("--execute",), bool, False, "Carry out the automatic tier."),
        Option("dry_run", ("--dry-run",), bool, False, "Only show the plan, and change nothing (the default)."),
        Option("once", ("--once",), bool, False, "Make one pass and end (the default)."),
        Option("scheduled", ("--scheduled",), bool, False, "Execute only while the gate of `warden schedule` holds."),
        Option("every", ("--every",), str, None, "Keep going, a scheduled pass in each interval.", metavar="INTERVAL"),
        Option(
            "cron", ("--cron",), str, None, "Keep going, scheduled passes by five calendar fields.", metavar="FIELDS"
        ),
        Option("jitter", ("--jitter",), str, None, "Delay each pass at random, up to this.", metavar="INTERVAL"),
        Option("timezone", ("--timezone",), str, None, "Zone of calendar expression and quiet hours.", metavar="NAME"),
        Option("deadline", ("--deadline",), str, None, "Stop a pass between steps after this.", metavar="INTERVAL"),
        Option("limit", ("--limit",), int, None, "Plan at most so many messages.", low=1, metavar="N"),
        *WHERE,
        Option("out", ("--out",), Path, None, "Save the plan here, for `warden worker apply`.", metavar="FILE"),
        *HOUSE,
    ),
    make=RunOptions,
    target="warden.cli.worker:run",
)

APPLY = Command(
    path=("worker", "apply"),
    help="Carry out a saved plan; everything in it is fetched and judged anew.",
    options=(Option("plan", (), Path, None, "The saved plan.", metavar="PLAN"), *WHERE, *HOUSE),
    make=ApplyOptions,
    target="warden.cli.worker:apply",
)

COMMANDS = (RUN, APPLY)
"""What the fast path knows of `warden worker`."""
