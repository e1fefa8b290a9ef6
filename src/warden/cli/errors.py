"""Errors as people and programs read them: `error:` and `hint:` on stderr, or one JSON line there with `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from warden.errors import EXIT_FAILED, EXIT_USAGE, WardenError

REPORT_TO = "run it again with WARDEN_DEBUG=1 for the traceback, and report it (CONTRIBUTING.md says how)"


def tell(error: BaseException, argv: Sequence[str]) -> int:
    """Say what went wrong on stderr and return the exit status.

    An error that nobody foresaw is named by its type only: its text could quote a message, a credential or a reply.
    """
    if isinstance(error, WardenError):
        return _say(argv, error.code, error.message, error.hint, error.exit_status)
    if _debugging():
        from warden.cli.redaction import format_error
        from warden.guard import GuardScanner

        sys.stderr.write(format_error(error, GuardScanner()))
    return _say(argv, "unexpected", f"unexpected {type(error).__name__} in {_place(error)}", REPORT_TO, EXIT_FAILED)


def tell_usage(message: str, command: str, argv: Sequence[str]) -> int:
    """Say that the command line cannot be used as it is, and where its help is."""
    lowered = message[:1].lower() + message[1:].rstrip(".")
    return _say(argv, "usage", lowered, f"see `{command} --help`", EXIT_USAGE)


def _say(argv: Sequence[str], code: str, message: str, hint: str, status: int) -> int:
    if wants_json(argv):
        body = {"schema": "warden.error/1", "code": code, "message": message, "hint": hint, "exit_status": status}
        print(json.dumps(body, ensure_ascii=True), file=sys.stderr)
        return status
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return status


def wants_json(argv: Sequence[str]) -> bool:
    """Whether the arguments ask for JSON; decided from the words alone, because parsing may be what failed."""
    words = list(argv)
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def _debugging() -> bool:
    from warden.config.environment import read_environment

    return read_environment().debug


def _place(error: BaseException) -> str:
    """Return module and line of the innermost frame of ours: enough to find the fault, without any value."""
    place = "warden"
    trace = error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if isinstance(module, str) and module.split(".")[0] == "warden":
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
