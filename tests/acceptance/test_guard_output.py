"""What a real process prints, logs and fails with holds no enrolled value, however it is written."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from warden.cli.clock import SystemClock
from warden.hubs.embedded import EmbeddedHub
from warden.model.delivery import OutgoingMessage

VALUE = "Zq7#vT2m/Kd90+pLw_4x"
MARK = "[redacted:known_secret"
SCRIPT = """
import logging, sys, threading
from warden.cli import main

def fail(argv):
    value = sys.argv[1]
    logging.basicConfig()
    logging.getLogger("some.library").error("a header was %s", value)
    logging.getLogger("some.library").error("once more", extra={"detail": value}, exc_info=ValueError(value))
    for part in (value[:5], value[5:11], value[11:]):
        sys.stdout.write(part)
        sys.stdout.flush()
    print()
    print('{"text": "' + value + '"}')
    worker = threading.Thread(target=lambda: print(value[::-1], file=sys.stderr))
    worker.start()
    worker.join()
    raise RuntimeError("bad " + value) from KeyError(value)

main._dispatch = fail
sys.exit(main.run(["worker", "run"]))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables of a home in which one value is enrolled, and lies in the hub in a message."""
    state = tmp_path / "state"
    found = {"WARDEN_STATE_DIR": str(state), "XDG_CONFIG_HOME": str(tmp_path / "config"), "PATH": os.environ["PATH"]}
    enroll = [sys.executable, "-m", "warden", "guard", "enroll", "value"]
    subprocess.run(enroll, input=VALUE.encode(), env=found, check=True, capture_output=True, timeout=60)
    hub = EmbeddedHub(state / "hub.db", SystemClock())
    hub.post_message(OutgoingMessage("ana", "ops-warden", f"see {VALUE}", f"use\n{VALUE}\nnow", "request", "", "", {}))
    hub.close()
    return found


def on_a_terminal(arguments: list[str], environment: dict[str, str]) -> str:
    """Return what the command writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "warden", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm-256color"},
    )
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    process.wait(timeout=60)
    os.close(ours)
    return b"".join(parts).decode()


@pytest.mark.acceptance
def test_errors_logs_and_pieces(environment: dict[str, str]) -> None:
    """An unforeseen error with its causes, a log line, text in pieces, and another thread's: none shows the value."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, VALUE],
        env={**environment, "WARDEN_DEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert VALUE not in done.stdout + done.stderr
    assert VALUE[::-1] not in done.stderr
    assert done.stdout.count(MARK) == 2
    assert f"a header was {MARK}" in done.stderr
    assert f"ValueError: {MARK}" in done.stderr
    assert f"RuntimeError: bad {MARK}" in done.stderr
    assert "KeyError: " in done.stderr
    assert "error: unexpected RuntimeError" in done.stderr


@pytest.mark.acceptance
@pytest.mark.parametrize("arguments", [["hub", "inbox", "--json"], ["worker", "run", "--dry-run", "--json"]])
def test_json_documents(arguments: list[str], environment: dict[str, str]) -> None:
    """A message that holds the value is printed as JSON that parses and does not hold it."""
    done = subprocess.run(
        [sys.executable, "-m", "warden", *arguments], env=environment, capture_output=True, timeout=60, check=True
    )
    json.loads(done.stdout)
    assert VALUE not in json.dumps(json.loads(done.stdout))
    assert MARK.encode() in done.stdout
    assert VALUE.encode() not in done.stdout + done.stderr


@pytest.mark.acceptance
@pytest.mark.parametrize("arguments", [["hub", "inbox"], ["worker", "run", "--dry-run"]])
def test_tables_on_a_terminal(arguments: list[str], environment: dict[str, str]) -> None:
    """The table that rich draws for a person, with its colours, does not hold the value."""
    shown = on_a_terminal(arguments, environment)
    assert "\x1b[" in shown
    assert MARK in shown
    assert VALUE not in shown


@pytest.mark.acceptance
def test_redacted_bytes(environment: dict[str, str]) -> None:
    """Bytes that are no UTF-8 come back as they were; only the value is replaced."""
    given = b"no \xff\xfe UTF-8 " + VALUE.encode() + b" \xc3\r\n"
    done = subprocess.run(
        [sys.executable, "-m", "warden", "guard", "redact"],
        input=given,
        env=environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == given.replace(VALUE.encode(), b"[redacted:known_secret]")
