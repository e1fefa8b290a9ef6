"""Log records and tracebacks without secret values, wherever their handlers write.

What it does: puts the guard between a record or an error and who formats it. What it does not: decide what is logged, or
look at stdout and stderr (`streams`).
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from warden.cli.streams import WITHHELD

if TYPE_CHECKING:
    from warden.ports import Scanner


class RedactingFilter(logging.Filter):
    """Redacts a record's message, exception and stack in place, before any handler sees it.

    Put it on handlers rather than on a logger: a logger's filters are not asked for records of its children.
    """

    def __init__(self, scanner: Scanner) -> None:
        super().__init__()
        self._scanner = scanner

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True always: a record is changed, never dropped."""
        # INVARIANT (no-secret): what cannot be formatted or looked at is withheld, not passed.
        try:
            record.msg = redacted(self._scanner, record.getMessage())
        except Exception:  # noqa: BLE001 - logging must not raise, and must not leak
            record.msg = WITHHELD
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        record.exc_info = None
        if record.exc_text:
            record.exc_text = redacted(self._scanner, record.exc_text)
        if record.stack_info:
            record.stack_info = redacted(self._scanner, record.stack_info)
        self._redact_extras(record)
        return True

    def _redact_extras(self, record: logging.LogRecord) -> None:
        """Redact what `extra=` put on the record: formatters for JSON write it."""
        for name, value in list(vars(record).items()):
            if name in _PLAIN_FIELDS or isinstance(value, bool | int | float | type(None)):
                continue
            record.__dict__[name] = redacted(self._scanner, value if isinstance(value, str) else repr(value))


_PLAIN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def redacted(scanner: Scanner, text: str) -> str:
    """Return `text` without secret values, or a mark in its place when it cannot be looked at; never raises."""
    # INVARIANT (no-secret): a scanner that cannot be built says nothing about the text.
    try:
        from warden.guard import clean

        return clean(scanner, text).text
    except Exception:  # noqa: BLE001 - what is written here is often told of another error already
        return WITHHELD


def format_error(error: BaseException, scanner: Scanner) -> str:
    """Return the traceback of `error` without secret values; local variables are never part of it."""
    return redacted(scanner, "".join(traceback.format_exception(error)))


def install(scanner: Scanner) -> Callable[[], None]:
    """Let uncaught errors of all threads, every handler of the root logger, and the one that stands in when there is
    none redact; return what undoes that.

    `scanner` is not used before there is something to write, so a lazy one costs nothing until then.
    """
    before, before_thread = sys.excepthook, threading.excepthook
    one = RedactingFilter(scanner)
    handlers = [*logging.getLogger().handlers, *([logging.lastResort] if logging.lastResort else [])]

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(redacted(scanner, "".join(traceback.format_exception(kind, error, trace))))

    def thread_hook(given: Any) -> None:
        hook(given.exc_type, given.exc_value or given.exc_type(), given.exc_traceback)

    def undo() -> None:
        sys.excepthook, threading.excepthook = before, before_thread
        for handler in handlers:
            handler.removeFilter(one)

    for handler in handlers:
        handler.addFilter(one)
    sys.excepthook, threading.excepthook = hook, thread_hook
    return undo
