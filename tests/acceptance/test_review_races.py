"""Several real processes at one review queue."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from realprocess import QUESTION, Home, finish

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

OVERLAY = (
    "version: '1'\ndefault_decision: abstain\nrules:\n"
    "  - {id: look-first, match: {capabilities: [messaging.answer]}, decision: require_approval, reason: look first}\n"
)


def home_with(path: Path, messages: int) -> Home:
    """A home in which so many answers wait for their release."""
    config = path / "config" / "ops-warden"
    (config / "policies").mkdir(parents=True, mode=0o700)
    (config / "config.toml").write_text("[review]\nallow_same_uid = true\n", encoding="utf-8")
    (config / "policies" / "look.yaml").write_text(OVERLAY, encoding="utf-8")
    home = Home(path)
    home.send(*[QUESTION] * messages)
    result = home.run("worker", "run", "--execute", "--json")
    assert result.dispositions == ["held"] * messages, result.err
    return home


def replies(home: Home, messages: int) -> list[int]:
    """How many replies each sender has."""
    found = []
    for number in range(messages):
        inbox = home.run("hub", "inbox", "--all", "--json", "--agent", f"agent-{number}")
        found.append(len(inbox.document["messages"]))
    return found


def test_of_two_reviewers_of_one_item_one_decides(tmp_path: Path) -> None:
    """Five processes decide the same item at once, differently: one ruling stands, the others are told, one text leaves at
    most."""
    home = home_with(tmp_path, 1)
    accepts = [home.start("review", "accept", "1") for _ in range(3)]
    ignores = [home.start("review", "ignore", "1", "--reason", "no") for _ in range(2)]
    ended = [finish(process) for process in (*accepts, *ignores)]
    assert sorted(result.status for result in ended) == [0, 4, 4, 4, 4], [result.err for result in ended]
    assert home.run("worker", "run", "--execute", "--json").status == 0
    (item,) = home.run("review", "list", "--state", "all", "--json").document["items"]
    assert item["state"] == "decided"
    assert replies(home, 1) == [1 if item["verdict"] == "accept" else 0]
    assert home.run("ledger", "verify").status == 0


def test_a_killed_decision_leaves_nothing_or_an_answer(tmp_path: Path) -> None:
    """Accepting is killed at some moment, again and again: in the end each message has exactly one answer, and the ledger
    verifies."""
    messages = 6
    home = home_with(tmp_path, messages)
    for number in range(1, messages + 1):
        process = home.start("review", "accept", str(number))
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.12 * number)
        process.kill()
        finish(process)
    for number in range(1, messages + 1):
        assert home.run("review", "accept", str(number)).status in (0, 4)
    assert home.run("worker", "run", "--execute", "--json").status == 0
    assert replies(home, messages) == [1] * messages
    assert home.run("ledger", "verify").status == 0


def test_single_keys_decide_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal `warden review` shows an item, takes `n` and `a`, delivers, and ends when nothing else waits."""
    home = home_with(tmp_path, 2)
    master, slave = os.openpty()
    process = home.start("review", stdin=slave, stdout=slave, stderr=subprocess.DEVNULL)
    os.close(slave)
    for key in (b"n", b"a", b"q"):
        shown = b""
        while b"[q]uit" not in shown:
            shown += os.read(master, 65536)
        os.write(master, key)
        if key == b"a":
            break
    assert finish_terminal(process, master) == 0
    assert replies(home, 2) == [0, 1]


def finish_terminal(process: subprocess.Popen[str], master: int) -> int:
    """Press `q` until the program ends, reading what it shows; returns its status."""
    with suppress(OSError):
        os.write(master, b"q")
        while os.read(master, 65536):
            pass
    status = process.wait(60)
    os.close(master)
    return status
