"""An inbox full of routing questions from distinct senders, and a hub that serves it, for benchmarks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from warden.cli.clock import SystemClock
from warden.hubs.embedded import EmbeddedHub
from warden.model.delivery import OutgoingMessage

AGENT = "ops-warden"
QUESTIONS = (
    ("SSH certificate", "Hi,\n\nwho issues SSH certificates?\n\nThanks\n{name}"),
    ("OpenRouter key", "Hello, where do I get an OpenRouter key for the new summariser?\n\n-- \n{name}"),
    ("GitHub token", "Good morning,\n\nwho hands out GitHub tokens?\n\nRegards\n{name}"),
)
MAILS = (
    *QUESTIONS,
    ("done", "Thanks, done."),
    ("nightly build", "Status report: the nightly build {number} is green, 212 of 212 jobs passed."),
    ("a request", "Please look at the dashboards of team {number} and tell me whether they are still in use."),
    ("a value", "Can you paste the production database password for service {number} here?"),
)


def fill(hub_file: Path, count: int, mails: tuple[tuple[str, str], ...] = QUESTIONS) -> None:
    """Put `count` messages of distinct senders into a hub's file."""
    hub_file.parent.mkdir(parents=True, exist_ok=True)
    hub = EmbeddedHub(hub_file, SystemClock())
    messages = (_message(number, *mails[number % len(mails)]) for number in range(count))
    try:
        while batch := list(islice(messages, 5_000)):
            hub.post_messages(batch, [None] * len(batch))
    finally:
        hub.close()


def _message(number: int, subject: str, body: str) -> OutgoingMessage:
    name = f"agent-{number}"
    return OutgoingMessage(name, AGENT, subject, body.format(name=name, number=number), "request", "", "")


def count_answers(hub_file: Path) -> tuple[int, int, int]:
    """Return how many messages `AGENT` sent, to how many distinct messages, and how many are left unread."""
    hub = EmbeddedHub(hub_file, SystemClock())
    try:
        sent, answered = hub.database.read_one(
            "SELECT count(*), count(DISTINCT in_reply_to) FROM messages WHERE from_agent = ?", (AGENT,)
        )
        (unread,) = hub.database.read_one(
            "SELECT count(*) FROM messages WHERE to_agent = ? AND read_at IS NULL", (AGENT,)
        )
    finally:
        hub.close()
    return int(str(sent)), int(str(answered)), int(str(unread))


@contextmanager
def serve(state_dir: Path) -> Iterator[str]:
    """Serve the hub of a state directory over loopback for the length of the block; gives its URL."""
    command = [sys.executable, "-m", "warden", "hub", "serve", "--port", "0", "--unsafe-no-auth", "--json"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*command, "--state-dir", str(state_dir)], text=True, **pipes)  # type: ignore[call-overload]
    try:
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.terminate()
        process.wait(timeout=30)
