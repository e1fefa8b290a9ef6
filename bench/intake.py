"""Durable accepts a second and their times with 16 connections, beside adnanh/webhook: `python bench/intake.py [--memory N]`.

Both check the same HMAC over the same kind of body and answer when the delivery is on the disk: warden by a group commit
(SQLite, synchronous=FULL) after reading, redacting and sorting it; webhook by a command that appends it to a file with fsync.
The rounds alternate, so that what else the machine does meets both. With `--memory N` the intake takes N deliveries more and
its resident memory is printed on the way.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

KEY = "a-key-of-the-benchmark"
CONNECTIONS = 16
ROUNDS = 3
ROUND_S = 5.0
RULES = """
version: 1
sets:
  - name: s
    rules:
      - {id: a, when: {event: issues, label: deploy}, do: script, script: {argv: [/bin/true]}}
"""


def request(number: int, path: str) -> bytes:
    """Return one signed request, different from every other."""
    text = f"The pump of hall {number} stands still since this morning; somebody should have a look at it. " * 6
    issue = {
        "number": number,
        "title": f"Pump {number}",
        "body": text,
        "labels": [{"name": "bug"}],
        "user": {"login": "ada"},
    }
    repository = {"full_name": "ops/site", "owner": {"login": "ops"}, "html_url": "https://git.example/ops/site"}
    body = json.dumps(
        {"action": "opened", "issue": issue, "repository": repository, "sender": {"login": "ada"}}
    ).encode()
    mac = hmac.digest(KEY.encode(), body, "sha256").hex()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f"x-gitea-event: issues\r\nx-gitea-delivery: bench-{number}\r\nx-gitea-signature: {mac}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Load:
    """What was sent: how long each took, and how many were refused."""

    times_s: list[float] = field(default_factory=list)
    refused: int = 0
    length_s: float = 0.0
    computing_s: float = 0.0

    @property
    def rate(self) -> float:
        """Accepted requests a second."""
        return (len(self.times_s) - self.refused) / self.length_s

    def quantile_ms(self, share: float) -> float:
        """Return the time, in milliseconds, under which this share of the requests stayed."""
        ordered = sorted(self.times_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


async def send(port: int, path: str, load: Load, first: int, stop_at: float, most: int | None = None) -> int:
    """Send from all connections until the time is up or so many were sent; returns the next free number."""
    number = first

    async def one() -> None:
        nonlocal number
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < stop_at and (most is None or number - first < most):
            number += 1
            data = request(number, path)
            begun = time.perf_counter()
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            await reader.readexactly(length)
            load.times_s.append(time.perf_counter() - begun)
            load.refused += not head.startswith(b"HTTP/1.1 20")
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return number


def run_load(port: int, path: str, load: Load, first: int, seconds: float, most: int | None = None) -> int:
    """Send for so many seconds; returns the next free number."""
    begun = time.perf_counter()
    number = asyncio.run(send(port, path, load, first, begun + seconds, most))
    load.length_s += time.perf_counter() - begun
    return number


@contextmanager
def warden(scratch: Path) -> Iterator[tuple[int, int]]:
    """Serve warden's intake; gives its port and process id."""
    (scratch / "forge.key").write_text(KEY)
    (scratch / "forge.key").chmod(0o600)
    (scratch / "rules.yaml").write_text(RULES)
    (scratch / "config.toml").write_text(
        '[intake]\nlisten = "127.0.0.1:0"\nrules = "rules.yaml"\nsource_per_minute = 1000000\naddress_per_minute = 1000000\n'
        '[intake.sources.forge]\nkind = "gitea"\nkey_file = "forge.key"\n'
    )
    command = [sys.executable, "-m", "warden", "intake", "serve", "--json"]
    where = ["--config", str(scratch / "config.toml"), "--state-dir", str(scratch / "state")]
    with subprocess.Popen([*command, *where], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(json.loads(process.stdout.readline())["url"].rpartition(":")[2]), process.pid
        finally:
            process.terminate()


@contextmanager
def webhook(scratch: Path, program: str) -> Iterator[tuple[int, int]]:
    """Serve adnanh/webhook; gives its port and process id."""
    script = scratch / "append.sh"
    script.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$BODY" | dd of={scratch}/deliveries oflag=append conv=notrunc,fsync status=none\n'
    )
    script.chmod(0o700)
    hook = {
        "id": "forge",
        "execute-command": str(script),
        "include-command-output-in-response": True,
        "pass-environment-to-command": [{"source": "entire-payload", "envname": "BODY"}],
        "trigger-rule": {
            "match": {
                "type": "payload-hmac-sha256",
                "secret": KEY,
                "parameter": {"source": "header", "name": "X-Gitea-Signature"},
            }
        },
        "trigger-rule-mismatch-http-response-code": 401,
    }
    (scratch / "hooks.json").write_text(json.dumps([hook]))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "-hooks", str(scratch / "hooks.json"), "-ip", "127.0.0.1", "-port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.05)
            yield port, process.pid
        finally:
            process.terminate()


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process, in megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def computing_s(pid: int) -> float:
    """Return the seconds of computing that a process has used, its ended children's included (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(value) for value in fields[11:15]) / 100


def measure_memory(port: int, pid: int, deliveries: int, number: int) -> None:
    """Take so many deliveries in, and print the resident memory ten times on the way."""
    for part in range(1, 11):
        load = Load()
        number = run_load(port, "/hooks/forge", load, number, 3600.0, deliveries // 10)
        done = deliveries // 10 * part
        print(f"memory  {done:>7} deliveries  {resident_mb(pid):6.1f} MB  {load.rate:6.0f}/s", flush=True)


def main() -> int:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", type=int, metavar="N", help="take N deliveries more and print the memory")
    more = parser.parse_args().memory
    program = shutil.which("webhook")
    ours, theirs, number = Load(), Load(), 0
    with tempfile.TemporaryDirectory(prefix="bench-intake-") as name:
        scratch = Path(name)
        with warden(scratch) as (port, pid):
            number = run_load(port, "/hooks/forge", Load(), number, 1.0)
            for _ in range(ROUNDS):
                before = computing_s(pid)
                number = run_load(port, "/hooks/forge", ours, number, ROUND_S)
                ours.computing_s += computing_s(pid) - before
                if program is not None:
                    with webhook(scratch, program) as (other, its_pid):
                        number = run_load(other, "/hooks/forge", theirs, number, ROUND_S)
                        theirs.computing_s += computing_s(its_pid)
            tell("warden intake", ours)
            if program is None:
                print("webhook is not installed: `apt-get install webhook` for the comparison")
            else:
                tell("webhook", theirs)
                print(f"ratio {ours.rate / theirs.rate:.1f}")
            if more:
                measure_memory(port, pid, more, number)
    return 0


def tell(name: str, load: Load) -> None:
    """Print one row."""
    print(
        f"{name:14} {load.rate:8.0f}/s  p50 {load.quantile_ms(0.5):6.1f} ms  p99 {load.quantile_ms(0.99):6.1f} ms"
        f"  computing {load.computing_s / len(load.times_s) * 1000:5.2f} ms  refused {load.refused}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
