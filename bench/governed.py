"""Governed against naive: a thousand messages answered over loopback, by warden and by a script without any safety.

Both talk to `warden hub serve` in a process of its own, with a fresh inbox of distinct senders for every round, and both are
timed from the start of their process to its end. Warden judges every action, writes a signed ledger that survives power
loss, and delivers with idempotency keys; the script (naive.py) lists, replies, notes and marks read, one request after
another. A round counts only when every message has exactly one reply and is marked read.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.harness import Case, time_process
from bench.inbox import AGENT, count_answers, fill, serve

MESSAGES = 1_000
NAIVE = Path(__file__).with_name("naive.py")


def cases(scratch: Path) -> Iterator[Case]:
    """Return the comparison."""

    def governed(url: str) -> Sequence[str]:
        return [sys.executable, "-m", "warden", "worker", "run", "--execute", "--json", "--hub", url]

    def naive(url: str) -> Sequence[str]:
        return [sys.executable, str(NAIVE), url, AGENT]

    def one(command: Callable[[str], Sequence[str]]) -> float:
        return answer_inbox(scratch, command)

    name = f"{MESSAGES} messages executed over loopback"
    yield Case(name, lambda: one(governed), lambda: one(naive), "naive.py", aim=1.0, rounds=5)


def answer_inbox(scratch: Path, command: Callable[[str], Sequence[str]]) -> float:
    """Let a command answer a fresh inbox, and return how long it took in milliseconds; raises when it did not."""
    with tempfile.TemporaryDirectory(dir=scratch) as made:
        place = Path(made)
        hub = place / "hub"
        fill(hub / "hub.db", MESSAGES)
        environment = {"HOME": made, "PATH": "/usr/bin:/bin", "WARDEN_STATE_DIR": str(place / "state")}
        with serve(hub) as url:
            taken_ms = time_process(command(url), environment)
        found = count_answers(hub / "hub.db")
        if found != (MESSAGES, MESSAGES, 0):
            raise RuntimeError(f"replies, answered messages, unread messages: {found}")
    return taken_ms
