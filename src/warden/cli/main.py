"""From the arguments of a process to its exit status: dispatch, and the one place where errors become words."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence

from warden.cli.streams import finish, guard_streams, scanner_of, unsafe_write
from warden.errors import EXIT_INTERRUPTED, WardenError


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit status; everything that it raises is said on stderr.

    The table of exit statuses is docs/reference/exit-codes.md. A reader that goes away (`warden ... | head`) ends the
    command quietly with status 1, because not everything that was asked for was handed over.
    """
    _open_what_is_closed()
    _escape_what_cannot_be_written()
    # INVARIANT (no-secret): the one place where output meets the guard, whatever command writes it and by what means.
    undo = guard_streams(lambda held: scanner_of(argv, held))
    try:
        return _run_guarded(argv)
    finally:
        undo()


def _run_guarded(argv: Sequence[str]) -> int:
    try:
        status = _dispatch(argv)
        finish(sys.stdout)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return _end_quietly()
    except OSError as error:
        from warden.cli.errors import tell

        return tell(_as_output_error(error), argv)
    except Exception as error:  # noqa: BLE001 - the outermost frame: whatever comes becomes one line and a status
        from warden.cli.errors import tell

        return tell(error, argv)
    return status


def _dispatch(argv: Sequence[str]) -> int:
    if list(argv) == ["--version"]:
        from warden import __version__

        unsafe_write(sys.stdout, f"warden {__version__}\n")
        return 0
    from warden.cli import fastpath

    found = fastpath.find(argv)
    if found is not None:
        command, values = found
        return command.call(values)
    from warden.cli.app import invoke

    return invoke(argv)


def _open_what_is_closed() -> None:
    """Give a process that was started without stdout or stderr (`>&-`) one that forgets what is written to it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open until the process ends


def _escape_what_cannot_be_written() -> None:
    """A terminal's encoding must not turn an odd character in somebody's message into a failure of ours."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _as_output_error(error: OSError) -> Exception:
    """Name a full disk behind stdout as what it is; what names a file, or is no lack of room, stays what it was."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or error.filename is not None:
        return error
    _end_quietly()
    reason = os.strerror(error.errno).lower()
    return WardenError(f"the output cannot be written: {reason}", "make room where stdout goes to, then run it again")


def _end_quietly() -> int:
    """Point stdout at nothing, so that the interpreter's last flush does not complain about what cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
