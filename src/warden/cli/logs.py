"""What a run logs on stderr: events with ids, digests, kinds and durations, as text or as one JSON object a line.

A log line holds no subject, body, name of a sender or text of a brain; what it holds passes the guard's stream as all output
does. No logger of the interpreter's registry is used: nothing that is imported can add to these lines or change them.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warden.config.settings import Settings
    from warden.model.report import MessageReport, RunReport

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_FIELDS = "warden_fields"


class _Form(logging.Formatter):
    """One event as one line."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        level = record.levelname.lower()
        fields = getattr(record, _FIELDS)
        if self._as_json:
            return json.dumps({"time": at, "level": level, "event": record.msg, **fields}, ensure_ascii=True)
        words = " ".join(f"{name}={_word(value)}" for name, value in fields.items())
        return f"{at} {level} {record.msg} {words}".rstrip()


class EventLog:
    """Writes events from a level on; `level` is a word of `LEVELS`."""

    def __init__(self, level: str, as_json: bool) -> None:
        self._logger = logging.Logger("warden", LEVELS[level])
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Form(as_json))
        self._logger.addHandler(handler)

    def info(self, event: str, **fields: object) -> None:
        """Log what is as it should be."""
        self._logger.info(event, extra={_FIELDS: fields})

    def debug(self, event: str, **fields: object) -> None:
        """Log a detail."""
        self._logger.debug(event, extra={_FIELDS: fields})

    def warning(self, event: str, **fields: object) -> None:
        """Log what somebody should know."""
        self._logger.warning(event, extra={_FIELDS: fields})

    def error(self, event: str, **fields: object) -> None:
        """Log a failure."""
        self._logger.error(event, extra={_FIELDS: fields})

    def message(self, report: MessageReport) -> None:
        """Log what was decided about a message."""
        self.info(
            "message.decided",
            message_id=report.message_id,
            message_digest=report.message_digest,
            disposition=report.disposition.value,
            reason=report.reason,
            catalog_entry=report.catalog_entry,
            kinds=[action.kind for action in report.actions],
            effects=[action.effect.word for action in report.actions],
            rule_ids=sorted({rule for action in report.actions for rule in action.rule_ids}),
        )

    def finished(self, report: RunReport, duration_ms: int) -> None:
        """Log how a run ended."""
        self.info(
            "run.finished",
            run_id=report.run_id,
            mode=report.mode,
            exit_status=report.exit_status,
            stopped=report.stopped,
            duration_ms=duration_ms,
            counts=dict(report.counts),
            plan_digest=report.plan_digest,
        )


def build_log(settings: Settings, verbose: bool, quiet: bool) -> EventLog:
    """Return the log that configuration and flags ask for: --quiet errors only, --verbose at least `info`.

    Without a level, JSON logs begin at `info` and text at `warning`: nobody asks for JSON who wants no events.
    """
    observe = settings.observe
    as_json = observe is not None and observe.log_format == "json"
    level = (observe.log_level if observe else "") or ("info" if as_json else "warning")
    if quiet:
        level = "error"
    elif verbose and LEVELS[level] > logging.INFO:
        level = "info"
    return EventLog(level, as_json)


def _word(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    plain = text and text.isascii() and text.isprintable() and not set(text) & set(' "=')
    return text if plain or not isinstance(value, str) else json.dumps(text, ensure_ascii=True)
