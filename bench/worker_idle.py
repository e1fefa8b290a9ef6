"""The long-running worker while it has nothing to do: its memory, and the share of one core that it takes.

Against an interpreter that has imported the scheduler's library and sleeps. The worker has made one pass over an inbox with a
message in it, so that everything a pass loads is in memory, and then waits; its clock is looked at every half minute.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.harness import Case, Figure

WATCHED_S = 60.0
SETTLE_S = 10.0
BASELINE = "import apscheduler.schedulers.background, time; time.sleep(10000)"


def cases(scratch: Path) -> Iterator[Case | Figure]:
    """Return the figures."""
    program = str(Path(sys.executable).with_name("warden"))
    environment = {"HOME": str(scratch), "PATH": "/usr/bin:/bin", "WARDEN_STATE_DIR": str(scratch / "state")}
    send = (
        "hub",
        "send",
        "--from",
        "bench",
        "--to",
        "ops-warden",
        "--subject",
        "x",
        "--body",
        "Who issues SSH certificates?",
    )
    subprocess.run([program, *send], env=environment, check=True, stdout=subprocess.DEVNULL)
    for name, interval in (("waiting", "1h"), ("a pass a minute", "1m")):
        memory, share = watch([program, "worker", "run", "--every", interval], environment)
        yield Figure(f"memory, {name}", memory, "MB", "<= 60 MB")
        yield Figure(f"share of a core, {name}", share, "%", "<= 0.2 %")
    memory, share = watch([sys.executable, "-c", BASELINE], environment)
    yield Figure("memory, a scheduler's library asleep", memory, "MB", "the baseline")
    yield Figure("share of a core, a scheduler's library asleep", share, "%", "the baseline")


def watch(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return a process's resident memory in MB and the percentage of a core that it takes once it has settled."""
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(SETTLE_S)
        before, begun = cpu_s(process.pid), time.monotonic()
        time.sleep(WATCHED_S)
        share = 100 * (cpu_s(process.pid) - before) / (time.monotonic() - begun)
        return resident_mb(process.pid), share
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def cpu_s(process: int) -> float:
    """Return the seconds of a core that a process has used (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(process: int) -> float:
    """Return the resident memory of a process in MB."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
