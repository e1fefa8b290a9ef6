"""What a run prints for programs: one JSON document of schema `warden.run/1`, written as the run goes; and the sums.

A run of any length is never held in memory: each message is printed when it is reported. Where a cycle has a second pass,
over events, what that prints stands inside the document of the first, as `events`.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, TextIO

from warden.cli.streams import unsafe_write
from warden.model.disposition import Disposition
from warden.model.report import ActionReport, MessageReport, RunReport

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "warden.run/1"


def is_refused(report: MessageReport) -> bool:
    """Return whether the message is escalated because an action of its plan was denied, or a plan's item is stale."""
    return report.stale or (
        report.disposition is Disposition.ESCALATED and report.reason in ("refused", "refused-secret", "refused-draft")
    )


class Sums:
    """Counts of messages by disposition, refused ones apart, and whether something waits for a person."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, report: MessageReport) -> None:
        """Count one message."""
        self.counts["refused" if is_refused(report) else report.disposition.value] += 1

    @property
    def waiting(self) -> bool:
        """Whether something was found that waits for a person."""
        names = ("escalated", "refused", "held", "dead", "quarantined", "failed")
        return any(self.counts[name] for name in names)


class JsonOutput:
    """Writes `{"schema": "warden.run/1", ...}` to `stream`, a message at a time; with `inside` the part of another's document
    that has not been finished."""

    for_people = False

    def __init__(
        self, stream: TextIO, head: Mapping[str, str], gate: str | None = None, inside: JsonOutput | None = None
    ) -> None:
        self._stream = stream
        self._head = head
        self._gate = gate
        self._inside = inside
        self.holds_another = False
        self.sums = Sums()
        self._first = True

    def begin(self, agent: str, hub: str, brain: str) -> None:
        """Write the start of the document."""
        head = dict(self._head)
        if self._inside is None:
            head = {"schema": SCHEMA, **head}
        else:
            self._inside.holds_another = True
            unsafe_write(self._stream, ',\n  "events": ')
        unsafe_write(self._stream, json.dumps(head, ensure_ascii=True, indent=2).removesuffix("\n}"))
        unsafe_write(self._stream, ',\n  "messages": [')

    def message(self, report: MessageReport) -> None:
        """Write one message, on a line of its own."""
        self.sums.add(report)
        self._stream.write("\n    " if self._first else ",\n    ")
        self._first = False
        self._stream.write(json.dumps(message_document(report), ensure_ascii=True))

    def end(self, report: RunReport) -> None:
        """Write the sums; `finish` ends the document."""
        summary = {
            **{disposition.value: self.sums.counts[disposition.value] for disposition in Disposition},
            "messages": sum(self.sums.counts.values()),
            "refused": self.sums.counts["refused"],
            "decided_before": report.counts.get("decided", 0),
            "waiting": report.counts.get("waiting", 0),
            "recovered": report.counts.get("recovered", 0),
            "stale": report.counts.get("stale", 0),
            "asked": report.counts.get("asked", 0),
            "replayed": report.counts.get("replayed", 0),
            "inbox_blocked": report.inbox_blocked,
            "stopped": report.stopped,
            "exit_status": report.exit_status,
            "plan_digest": report.plan_digest,
            "gate": self._gate,
        }
        unsafe_write(self._stream, "" if self._first else "\n  ")
        body = json.dumps(summary, ensure_ascii=True, indent=2).replace("\n", "\n  ")
        unsafe_write(self._stream, f'],\n  "summary": {body}')

    def finish(self) -> None:
        """Write the end of the document, and of the one that it is inside."""
        unsafe_write(self._stream, "\n}")
        if self._inside is not None:
            self._inside.finish()
        else:
            unsafe_write(self._stream, "\n")


def message_document(report: MessageReport) -> dict[str, object]:
    """Return one message as `warden.run/1` has it."""
    document: dict[str, object] = {
        "id": report.message_id,
        "thread_id": report.thread_id,
        "from_agent": report.sender,
        "subject": report.subject,
        "disposition": report.disposition.value,
        "reason": report.reason,
        "detail": report.detail,
        "candidates": [
            {"entry": candidate.entry_id, "score": candidate.score / 1000, "terms": list(candidate.terms)}
            for candidate in report.candidates
        ],
        "stale": report.stale,
        "actions": [_action_document(action) for action in report.actions],
    }
    if report.catalog_entry is not None:
        document["catalog_entry"] = report.catalog_entry
    return document


def _action_document(action: ActionReport) -> dict[str, object]:
    document: dict[str, object] = {
        "kind": action.kind,
        "decision": action.effect.word,
        "rule_ids": list(action.rule_ids),
        "reasons": list(action.reasons),
        "delivered": action.delivered,
    }
    if action.body is not None:
        document["body"] = action.body
    if action.action_digest is not None:
        document["action_digest"] = action.action_digest
    return document
