"""Errors as people and programs read them: `error:` and `hint:` on stderr, or one JSON line there with `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from warden.errors import EXIT_FAILED, EXIT_USAGE, WardenError

if TYPE_CHECKING:
    from types import TracebackType

    from warden.ports import Scanner

REPORT_TO = "run it again with WARDEN_DEBUG=1 for the traceback, and report it (CONTRIBUTING.md says how)"


def tell(error: BaseException, argv: Sequence[str]) -> int:
    """Say what went wrong on stderr and return the exit status.

    An error that nobody foresaw is named by its type only: its text could quote a message, a credential or a reply.
    """
    if isinstance(error, WardenError):
        return _say(argv, error.code, error.message, error.hint, error.exit_status)
    if _debugging():
        from warden.cli.redaction import format_error

        sys.stderr.write(format_error(error, _scanner()))
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


def tell_uncaught(argv: Sequence[str]) -> None:
    """Have errors that no frame catches, in any thread, told in one line as all others, instead of by their text."""
    import threading

    def tell_thread(given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None and not isinstance(given.exc_value, SystemExit):
            tell(given.exc_value, argv)

    def tell_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        tell(error, argv)

    # INVARIANT (no-secret): a traceback that the interpreter prints would hold the error's text.
    sys.excepthook = tell_process
    threading.excepthook = tell_thread


def _scanner() -> Scanner:
    """Return the guard with the enrolled values when they can be read; while telling an error nothing else may fail."""
    try:
        from warden.cli.compose import load_settings
        from warden.cli.guard_parts import build_guard

        return build_guard(load_settings(), has_own=False)
    except Exception:  # noqa: BLE001 - whatever is wrong with the settings, the traceback is redacted by the rules alone
        from warden.guard import GuardScanner

        return GuardScanner()


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
