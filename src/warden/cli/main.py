"""From the arguments of a process to its exit status: dispatch, and the one place where errors become words."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from warden.errors import EXIT_INTERRUPTED


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit status; everything that it raises is said on stderr.

    The table of exit statuses is docs/reference/exit-codes.md. A reader that goes away (`warden ... | head`) ends the
    command quietly with status 1, because not everything that was asked for was handed over.
    """
    _escape_what_cannot_be_written()
    try:
        status = _dispatch(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return _end_quietly()
    except Exception as error:  # noqa: BLE001 - the outermost frame: whatever comes becomes one line and a status
        from warden.cli.errors import tell

        return tell(error, argv)
    return status


def _dispatch(argv: Sequence[str]) -> int:
    if list(argv) == ["--version"]:
        from warden import __version__

        print(f"warden {__version__}")
        return 0
    from warden.cli import fastpath

    found = fastpath.find(argv)
    if found is not None:
        command, values = found
        return command.call(values)
    from warden.cli.app import invoke

    return invoke(argv)


def _escape_what_cannot_be_written() -> None:
    """A terminal's encoding must not turn an odd character in somebody's message into a failure of ours."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _end_quietly() -> int:
    """Point stdout at nothing, so that the interpreter's last flush does not complain about the reader that left."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
