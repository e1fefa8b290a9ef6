"""The script channel: runs the program that an operator's own rule names, and writes down how it ended.

What it does: starts an argument list without a shell, in a session of its own, with a document on stdin, an environment
of allowed names, a directory, limits of time, CPU, memory and output; waits for its end; ends its whole process group when
time is up. What it does not: decide what runs (the rule and the kernel did), or keep the program from what its user may do.
Rules: that a run began is durable before it begins, and how it ended before its receipt is given: after a crash a run whose
end is unknown is never repeated, unless its rule says that it may be; output is capped, then redacted, then kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Thread
from typing import IO, TYPE_CHECKING, Protocol

from warden.errors import HubBusyError, HubRejectedError, HubUncertainError, quote
from warden.model.delivery import Intent, Receipt, ScriptRun
from warden.model.hub import DeliveryMeans

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from warden.model.script_run import ScriptRunRecord

STDIN_BYTES = 1 << 20
OUTPUT_BYTES = 64 * 1024
"""INVARIANT (bounded): the most that is kept of what a program prints; the rest is read and thrown away."""
_CHUNK = 64 * 1024
_GRACE_S = 5.0
TIMED_OUT = "timed out"

# Limits are set by a small program that then becomes the script's: a function between fork and exec could stand still when
# another thread holds a lock.
_LAUNCHER = """
import json, os, resource, sys
(limits, names), argv = json.loads(sys.argv[1]), sys.argv[2:]
for name, value in limits.items():
    number = getattr(resource, name)
    hard = resource.getrlimit(number)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(number, (value, value))
try:
    os.execve(argv[0], argv, {name: os.environ[name] for name in names})
except OSError as error:
    sys.stderr.write("cannot run %s: %s\\n" % (argv[0], error.strerror))
    sys.exit(126 if isinstance(error, PermissionError) else 127)
"""


@dataclass(frozen=True, slots=True)
class ScriptTerms:
    """How the programs of one rule run.

    `environment` is all that the program finds in its environment. `retries` is how often a run that failed is made
    again, not before `retry_after_s`; `repeatable` says that a run whose end is unknown may be repeated. Limits are
    seconds and bytes; memory is address space (RLIMIT_AS).
    """

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 60.0
    cpu_s: int = 60
    memory_bytes: int = 1 << 30
    open_files: int = 256
    retries: int = 0
    retry_after_s: float = 60.0
    repeatable: bool = False


class RunRecords(Protocol):
    """Where runs are written down, durably; raises `StateError`."""

    def last(self, key: str) -> ScriptRunRecord | None:
        """Return the newest run under this key, None when there was none."""
        ...

    def begin(self, key: str, rule: str, number: int) -> None:
        """Write down that a run begins, before it does."""
        ...

    def finish(self, key: str, number: int, status: str, output: str) -> None:
        """Write down how it ended, and what it printed, redacted."""
        ...


class ScriptChannel:
    """Runs scripts. `terms` gives a rule's terms, None for a rule that is not there any more."""

    means = DeliveryMeans.LOOKUP
    reports_outcomes = False

    def __init__(
        self, terms: Callable[[str], ScriptTerms | None], runs: RunRecords, redact: Callable[[str], str]
    ) -> None:
        self._terms = terms
        self._runs = runs
        self._redact = redact

    def deliver(self, intent: Intent) -> Receipt:
        """Run the program to its end and return the receipt of a run that succeeded.

        Raises `HubRejectedError` for a payload that cannot be run, a rule that is gone, or the last failure; `HubBusyError`
        for a failure after which the rule runs it again.
        """
        payload, terms = self._resolve(intent)
        argv = _argv(payload)
        last = self._runs.last(intent.key)
        number = 1 if last is None else last.number + 1
        self._runs.begin(intent.key, payload.rule, number)
        status, output = run_program(argv, payload.stdin.encode("utf-8", "surrogatepass"), terms)
        self._runs.finish(intent.key, number, status, self._redact(output))
        if status == "exit 0":
            return Receipt(intent.key, f"run {number}")
        what = f"the script of rule {quote(payload.rule)} failed in run {number}: {status}"
        if number <= terms.retries:
            raise HubBusyError(what, retry_after_s=terms.retry_after_s)
        raise HubRejectedError(what, "`warden intake runs` shows what it printed")

    def find(self, intent: Intent) -> Receipt | None:
        """Return the receipt of a run that succeeded, None when it may be run (again).

        INVARIANT (exactly-once): raises `HubUncertainError` for a run that began and never was seen to end.
        """
        last = self._runs.last(intent.key)
        if last is None or (last.status and not last.succeeded):
            return None
        if last.succeeded:
            return Receipt(intent.key, f"run {last.number}", replayed=True)
        _, terms = self._resolve(intent)
        if terms.repeatable:
            return None
        raise HubUncertainError("a run of the script began, and how it ended is not known")

    def _resolve(self, intent: Intent) -> tuple[ScriptRun, ScriptTerms]:
        payload = intent.payload
        if not isinstance(payload, ScriptRun):
            raise HubRejectedError("the script channel does not carry this kind of delivery")
        terms = self._terms(payload.rule)
        if terms is None:
            raise HubRejectedError(
                f"there is no rule {quote(payload.rule)} any more", "put it back, or drop the letter"
            )
        return payload, terms


def _argv(payload: ScriptRun) -> list[str]:
    try:
        argv = json.loads(payload.argv)
    except ValueError as error:
        raise HubRejectedError("a script's arguments are not a JSON list") from error
    texts = isinstance(argv, list) and argv and all(isinstance(one, str) and "\0" not in one for one in argv)
    if not texts or not os.path.isabs(argv[0]):
        raise HubRejectedError("a script's arguments are a list of texts that begins with an absolute path")
    if len(payload.stdin) > STDIN_BYTES:
        raise HubRejectedError(f"a script reads at most {STDIN_BYTES} characters")
    return list(argv)


def run_program(argv: list[str], stdin: bytes, terms: ScriptTerms) -> tuple[str, str]:
    """Run `argv` and return how it ended (`exit N`, `signal N`, `timed out`, or why it did not start) and what it printed."""
    import subprocess
    import tempfile

    limits = {"RLIMIT_CPU": terms.cpu_s, "RLIMIT_AS": terms.memory_bytes, "RLIMIT_NOFILE": terms.open_files}
    # The names alone stand on the command line, which others can read; Python adds a name of its own (PEP 538).
    how = json.dumps([{**limits, "RLIMIT_CORE": 0}, sorted(terms.environment)])
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, how, *argv]
    with tempfile.TemporaryFile() as document:
        document.write(stdin)
        document.seek(0)
        try:
            process = subprocess.Popen(
                launcher,
                stdin=document,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=terms.directory,
                env=dict(terms.environment),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            return f"not started: {reason.lower()}", ""
    return _watch(process, terms.timeout_s)


def _watch(process: subprocess.Popen[bytes], timeout_s: float) -> tuple[str, str]:
    assert process.stdout is not None
    kept = bytearray()
    reader = Thread(target=_read, args=(process.stdout, kept), daemon=True)
    reader.start()
    ended = False
    try:
        ended = _has_ended(process.pid, timeout_s)
    finally:
        # Also after an orderly end: what the program left behind in its session ends with it. Before the process is waited
        # for, so that its number is still its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    reader.join(_GRACE_S)
    process.stdout.close() if not reader.is_alive() else None
    code = process.returncode
    status = TIMED_OUT if not ended else f"exit {code}" if code >= 0 else f"signal {-code}"
    return status, bytes(kept).decode("utf-8", "replace")


def _has_ended(pid: int, timeout_s: float) -> bool:
    """Return whether the process ends within the time, without taking its exit status (pidfd_open(2))."""
    import select

    descriptor = os.pidfd_open(pid)
    try:
        return bool(select.select([descriptor], [], [], timeout_s)[0])
    finally:
        os.close(descriptor)


def _read(stream: IO[bytes], kept: bytearray) -> None:
    """Read to the end, keep the beginning."""
    with contextlib.suppress(OSError, ValueError):
        while chunk := os.read(stream.fileno(), _CHUNK):
            kept.extend(chunk[: OUTPUT_BYTES - len(kept)])
