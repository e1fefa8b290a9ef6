"""A dry run of a long inbox: how many messages a second, how much CPU for each, and whether memory stays flat.

The inbox is mixed: questions that are answered, acknowledgements, reports, requests that wait for a person; all of distinct
senders, in the embedded hub. A run allows at most `ACTIONS_PER_RUN` actions, so of a very long inbox the tail is planned and
judged like everything else and then held; the figures of what is held are given apart. The baseline is reading the same inbox
through the same hub and writing it as JSON, without planning or judging anything.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.harness import Case, Figure
from bench.inbox import AGENT, MAILS, fill

SIZES = (1_000, 10_000, 100_000)
MEASURED = 10_000
READING = """
import json, sys
from pathlib import Path
from warden.cli.clock import SystemClock
from warden.hubs.embedded import EmbeddedHub
hub, after = EmbeddedHub(Path(sys.argv[1]), SystemClock()), None
while True:
    page = hub.list_unread(sys.argv[2], after)
    for message in page.messages:
        content = message.content
        print(json.dumps([message.key.message_id, message.sender.name, content.subject, content.body]))
    after = page.after
    if after is None:
        break
"""


def cases(scratch: Path) -> Iterator[Case | Figure]:
    """Return the figures, and the comparison with only reading."""
    homes = {size: scratch / str(size) for size in SIZES}
    for size, home in homes.items():
        fill(home / "state" / "hub.db", size, MAILS)
    peaks = {}
    for size, home in homes.items():
        wall_s, cpu_s, peak_mb, summary = dry_run(home)
        peaks[size] = peak_mb
        held = summary["held"] / size
        yield Figure(f"dry run of {size}: messages a second", size / wall_s, "1/s")
        yield Figure(f"dry run of {size}: own CPU a message", cpu_s / size * 1000, "ms", "<= 3 ms")
        yield Figure(f"dry run of {size}: share held by the run's limit", held)
        yield Figure(f"dry run of {size}: peak memory", peak_mb, "MiB", "<= 120 MiB")
    yield Figure("peak memory, longest against shortest inbox", peaks[SIZES[-1]] / peaks[SIZES[0]], "x", "flat")
    home = homes[MEASURED]
    yield Case(
        f"dry run of {MEASURED}, CPU",
        lambda: dry_run(home)[1] * 1000,
        lambda: run_measured([sys.executable, "-c", READING, str(home / "state" / "hub.db"), AGENT], home)[1] * 1000,
        "only reading",
        rounds=3,
    )


def dry_run(home: Path) -> tuple[float, float, float, Mapping[str, int]]:
    """Make a dry run and return wall seconds, CPU seconds, peak memory in MiB, and the run's summary."""
    out = home / "run.json"
    figures = run_measured([sys.executable, "-m", "warden", "worker", "run", "--dry-run", "--json"], home, out)
    text = out.read_text(encoding="utf-8")
    summary: Mapping[str, int] = json.loads(text[text.rindex('"summary": ') + len('"summary": ') : text.rindex("}")])
    return *figures, summary


def run_measured(arguments: list[str], home: Path, out: Path | None = None) -> tuple[float, float, float]:
    """Run a process and return wall seconds, CPU seconds and peak memory in MiB (of it and what it started)."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "WARDEN_STATE_DIR": str(home / "state")}
    with (out or Path("/dev/null")).open("w", encoding="utf-8") as stream:
        start = time.perf_counter()
        process = subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=stream)
        usage = wait_for(process)
        wall_s = time.perf_counter() - start
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def wait_for(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    """Wait for a process and return what it used; raises when it failed."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return usage
