"""Many starts of the program at once: how the ones end that find a cycle at work, and what each of them costs.

`overlap.py [--starts 1000] [--alive 1000] [--race 200]`. Two tables:

- held: a cycle is kept open by a hub on loopback that answers the delivery only when every other start has ended. Nothing in
  warden waits for that: the cycle is an ordinary one, with an ordinary time-out that is set to the longest that there is.
- race: starts that all wait at one named pipe and are let go at once, with no cycle before them.

What has to hold is checked, not only printed: in the ledger no run begins before the one before it has finished, every
status is 0 or 11, and what is delivered is delivered once. The status of this script is 1 when it does not hold. The baseline
is the interpreter that does nothing, started in the same way in the same number. A start that has the machine for itself is
told beside the crowd, in which each waits mostly for the others' processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "unit"))

from realprocess import QUESTION, Home, SlowHub, finish

PROGRAM = str(Path(sys.executable).with_name("warden"))
WAIT_S = 540.0
"""How long the hub keeps an answer back at most: under the longest time-out of the hub client, which is 600 s."""
ALONE = 50
"""Starts that have the machine for themselves."""
DELIVERED = 20
"""Messages that wait for the runs of the race."""
CLAIM = (PROGRAM, "worker", "run", "--once", "--execute", "--quiet")
NOTHING = (sys.executable, "-c", "pass")
AT_ONCE = "read line < {pipe}; exec {command}"
SAID = "stderr.txt"
RUN_KINDS = ("run_started", "run_finished")


@dataclass(frozen=True, slots=True)
class End:
    """How one process ended, and the seconds of time and of processor that it took."""

    status: int
    wall_s: float
    cpu_s: float


class PatientHub(SlowHub):
    """A hub that keeps each delivery's answer back until it is released, however long that takes."""

    def answer(self, method: str, path: str) -> tuple[int, object]:
        """Return status and document for a request."""
        if method == "POST":
            self.arrived.set()
            self.release.wait(WAIT_S)
        return super().answer(method, path)


def start(arguments: Sequence[str], home: Home) -> int:
    """Start a process that reads nothing and says what it says on stderr to the home's file; returns its id."""
    null = os.open(os.devnull, os.O_RDWR)
    said = os.open(home.path / SAID, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        actions = [(os.POSIX_SPAWN_DUP2, one, descriptor) for one, descriptor in ((null, 0), (null, 1), (said, 2))]
        return os.posix_spawnp(arguments[0], list(arguments), home.environment, file_actions=actions)
    finally:
        os.close(null)
        os.close(said)


def other_words(home: Home) -> list[str]:
    """Return the different lines that processes said beside that the lock is held."""
    lines = (home.path / SAID).read_text(encoding="utf-8", errors="replace").splitlines()
    return sorted({line for line in lines if "is held by" not in line and "a lock never outlives" not in line})


def collect(started: dict[int, float]) -> End:
    """Wait for one of the processes, take it out of `started`, and return how it ended."""
    while True:
        process, status, usage = os.wait3(0)
        if process in started:
            wall_s = time.perf_counter() - started.pop(process)
            return End(os.waitstatus_to_exitcode(status), wall_s, usage.ru_utime + usage.ru_stime)


def crowd(arguments: Sequence[str], home: Home, starts: int, alive: int) -> list[End]:
    """Start so many processes, at most `alive` of them at a time, and return how they ended."""
    started: dict[int, float] = {}
    ends: list[End] = []
    for _ in range(starts):
        if len(started) >= alive:
            ends.append(collect(started))
        began = time.perf_counter()
        started[start(arguments, home)] = began
    while started:
        ends.append(collect(started))
    return ends


def row(name: str, ends: Sequence[End]) -> str:
    """Return a line with the median and the 99th percentile of the time and of the processor's part."""
    if not ends:
        return f"{name:<34} none"
    parts = []
    for values in ([end.wall_s * 1000 for end in ends], [end.cpu_s * 1000 for end in ends]):
        ordered = sorted(values)
        parts.append(f"{statistics.median(ordered):>9.0f} {ordered[int(len(ordered) * 0.99) - 1]:>9.0f}")
    return f"{name:<34} {len(ends):>5}  " + "  ".join(parts)


HEADING = f"{'':<34} {'':>5}  {'time ms, median and p99':>19}  {'processor ms, same':>19}"


def told(ends: Sequence[End]) -> str:
    """Return how often each status came."""
    counts = Counter(end.status for end in ends)
    return ", ".join(f"{number} ended with {status}" for status, number in sorted(counts.items()))


def runs_in(home: Home) -> list[tuple[str, str]]:
    """Return kind and run of each entry that begins or ends a run, in the order of the ledger."""
    kinds = [word for kind in RUN_KINDS for word in ("--kind", kind)]
    result = subprocess.run(
        [PROGRAM, "ledger", "log", "--all", "--json", *kinds], env=home.environment, check=True, stdout=subprocess.PIPE
    )
    return [(entry["kind"], entry["fields"]["run_id"]) for entry in json.loads(result.stdout)["entries"]]


def most_open(entries: Sequence[tuple[str, str]]) -> int:
    """Return how many runs were open at once at most, by the order of their entries."""
    now = most = 0
    for kind, _ in entries:
        now += 1 if kind == "run_started" else -1
        most = max(most, now)
    return most


def held(home: Home, starts: int, alive: int) -> list[str]:
    """Start many while one cycle is open; prints the table and returns what does not hold."""
    config = home.path / "config" / "ops-warden" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("[hub]\ntimeout_s = 600\n", encoding="utf-8")
    hub = PatientHub(messages=1)
    with hub.listening() as url:
        first = home.start("worker", "run", "--execute", "--json", "--hub", url)
        if not hub.arrived.wait(WAIT_S):
            raise SystemExit("error: the cycle that should hold the lock never delivered")
        began = time.perf_counter()
        ends = crowd((*CLAIM, "--hub", url), home, starts, alive)
        alone = crowd((*CLAIM, "--hub", url), home, ALONE, 1)
        took_s = time.perf_counter() - began
        still = first.poll() is None
        meanwhile = runs_in(home)
        hub.release.set()
        last = finish(first)
    bare, bare_alone = crowd(NOTHING, home, starts, alive), crowd(NOTHING, home, ALONE, 1)
    print(
        f"held: {starts} starts, at most {alive} alive, while one cycle is open: {told(ends)}; {took_s:.0f} s\n{HEADING}"
    )
    print(row("ended with 11", [end for end in ends if end.status == 11]))
    print(row("interpreter that does nothing", bare))
    print(row("ended with 11, one at a time", [end for end in alone if end.status == 11]))
    print(row("interpreter, one at a time", bare_alone))
    for line in other_words(home):
        print(f"said: {line}")
    started = [run for kind, run in meanwhile if kind == "run_started"]
    print(f"runs begun by then: {len(started)}; the cycle that held: status {last.status}, deliveries {hub.posts}")
    wrong = [] if still else ["the cycle that held ended before the others"]
    wrong += [f"status {end.status}" for end in (*ends, *alone) if end.status != 11]
    wrong += [] if len(started) == 1 else [f"{len(started)} runs begun"]
    wrong += [] if last.status == 0 else [f"the cycle that held ended with {last.status}: {last.err}"]
    return wrong + ([] if hub.posts.count("/messages") == 1 else [f"deliveries: {hub.posts}"])


@contextmanager
def barrier(path: Path) -> Iterator[str]:
    """Make a named pipe at which processes wait until `open_barrier` opens it; gives its path."""
    os.mkfifo(path)
    try:
        yield str(path)
    finally:
        path.unlink()


def race(home: Home, starts: int) -> list[str]:
    """Let many go at once with no cycle before them; prints the table and returns what does not hold."""
    home.send(*[QUESTION] * DELIVERED)
    with barrier(home.path / "barrier") as pipe:
        command = ("sh", "-c", AT_ONCE.format(pipe=pipe, command=" ".join(CLAIM)))
        waiting = {start(command, home): 0.0 for _ in range(starts)}
        while not all(_waits(process) for process in waiting):
            time.sleep(0.05)
        began = time.perf_counter()
        waiting = dict.fromkeys(waiting, began)
        os.close(os.open(pipe, os.O_WRONLY))
        ends = [collect(waiting) for _ in range(starts)]
    entries = runs_in(home)
    print(f"\nrace: {starts} starts let go at once: {told(ends)}; {time.perf_counter() - began:.0f} s\n{HEADING}")
    for status in (0, 11):
        print(row(f"ended with {status}", [end for end in ends if end.status == status]))
    for line in other_words(home):
        print(f"said: {line}")
    print(f"runs in the ledger: {len(entries) // 2}, open at once at most {most_open(entries)}")
    replies = home.run("hub", "progress", "--limit", "1000", "--json").document["events"]
    verified = home.run("ledger", "verify").status
    again = home.run("worker", "run", "--execute", "--json")
    left = again.document["summary"]["messages"]
    print(
        f"messages that a later run still finds: {left}; the ledger verifies with {verified}; audit events {len(replies)}"
    )
    wrong = [f"status {end.status}" for end in ends if end.status not in (0, 11)]
    wrong += [] if most_open(entries) == 1 else ["two runs were open at once"]
    begun = sum(kind == "run_started" for kind, _ in entries)
    done = sum(end.status == 0 for end in ends)
    wrong += [] if begun == done else [f"{begun} runs begun, {done} ended well"]
    return wrong + ([] if (left, verified) == (0, 0) else [f"{left} messages left, verify {verified}"])


def _waits(process: int) -> bool:
    """Return whether a shell sleeps, as it does once it has opened nothing but waits at the pipe (proc_pid_stat(5))."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def main() -> int:
    """Print both tables; returns 1 when something does not hold that has to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=1000, help="processes while a cycle is open")
    parser.add_argument("--alive", type=int, default=1000, help="of which so many at a time at most")
    parser.add_argument("--race", type=int, default=200, help="processes that are let go at once")
    given = parser.parse_args()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="overlap-") as scratch:
        for name in ("held", "race"):
            (Path(scratch) / name).mkdir()
        wrong += held(Home(Path(scratch) / "held"), given.starts, given.alive)
        wrong += race(Home(Path(scratch) / "race"), given.race)
    for line, number in Counter(wrong).items():
        print(f"error: {line} ({number} times)")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
