"""The plan as people read it: per message what will be done, why, by whose leave, and the exact text.

Pure: from reports to lines. The same lines serve a dry run (what would happen) and an executing run (what happened).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from warden.cli.render import Line, Span, visible
from warden.model.disposition import Disposition
from warden.model.report import ActionReport, MessageReport, RunReport
from warden.model.request import Effect

MAX_BODY_LINES = 200
"""INVARIANT (bounded): lines of one text that are shown; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How a message of some disposition is shown: a symbol, a word for before and after, a style."""

    symbol: str
    word: str
    done: str
    style: str


MARKS: Mapping[str, Mark] = {
    Disposition.ANSWERED: Mark("+", "answer", "answered", "bold green"),
    Disposition.NOTED: Mark("~", "note", "noted", "bold cyan"),
    Disposition.READ: Mark("=", "read", "read", "bold blue"),
    Disposition.ESCALATED: Mark("!", "escalate", "escalated", "bold yellow"),
    Disposition.HELD: Mark("|", "hold", "held", "bold magenta"),
    Disposition.SKIPPED: Mark("-", "skip", "skipped", "dim"),
    Disposition.FAILED: Mark("?", "retry", "failed", "bold red"),
    Disposition.DEAD: Mark("#", "give up", "given up", "bold red"),
    Disposition.QUARANTINED: Mark("%", "quarantine", "quarantined", "bold red"),
}
REFUSED = Mark("x", "refuse", "refused", "bold red")
_STALE = Mark("x", "stale", "stale", "bold red")
_CLOSING = (Disposition.ANSWERED, Disposition.NOTED)
_FURTHER = (
    Disposition.READ,
    Disposition.HELD,
    Disposition.SKIPPED,
    Disposition.FAILED,
    Disposition.DEAD,
    Disposition.QUARANTINED,
)


def is_refused(report: MessageReport) -> bool:
    """Return whether the message is escalated because an action of its plan was denied, or a plan's item is stale."""
    return report.stale or (
        report.disposition is Disposition.ESCALATED and report.reason in ("refused", "refused-secret", "refused-draft")
    )


def heading(mode: str, agent: str, hub: str, brain: str) -> Iterator[Line]:
    """Yield the lines above a plan; a dry run stands out."""
    about = f"  agent {visible(agent)}, hub {visible(hub)}, brain {visible(brain)}"
    if mode == "dry-run":
        yield (Span(" DRY RUN ", "bold black on yellow"), Span(" nothing is sent, nothing is marked read", "yellow"))
    elif mode == "apply":
        yield (Span(" APPLY ", "bold white on blue"), Span(" a saved plan, judged anew"))
    else:
        yield (Span(" EXECUTE ", "bold white on blue"), Span(" carrying out the automatic tier"))
    yield (Span(about, "dim"),)
    yield ()


def message_lines(report: MessageReport, dry: bool) -> Iterator[Line]:
    """Yield the lines of one message."""
    mark = _STALE if report.stale else REFUSED if is_refused(report) else MARKS[report.disposition]
    word = mark.word if dry else mark.done
    head = [Span(f"{mark.symbol} {word:<10}", mark.style), Span(f" {visible(report.message_id)}", "bold")]
    if report.sender:
        head.append(Span(f"  from {visible(report.sender)}"))
    if report.subject:
        head.append(Span(f"  {visible(report.subject)}", "italic"))
    yield tuple(head)
    yield (Span("    because  ", "dim"), Span(_because(report)))
    if report.candidates and report.catalog_entry is None:
        named = ", ".join(f"{visible(c.entry_id)} ({c.score / 1000:.2f})" for c in report.candidates[:3])
        yield (Span("    near     ", "dim"), Span(named))
    for action in report.actions:
        yield from _action_lines(action, report, dry)
    yield ()


def _because(report: MessageReport) -> str:
    parts = [report.reason]
    if report.catalog_entry is not None:
        parts.append(f"catalogue entry {visible(report.catalog_entry)}")
    if report.detail:
        parts.append(visible(report.detail))
    return ": ".join(parts)


def _action_lines(action: ActionReport, report: MessageReport, dry: bool) -> Iterator[Line]:
    if action.kind in ("escalate", "skip") and action.effect is not Effect.DENY:
        return
    rules = ", ".join(visible(rule) for rule in action.rule_ids)
    denied = action.effect <= Effect.REQUIRE_APPROVAL
    style = "red" if action.effect is Effect.DENY else "yellow" if denied else "dim"
    yield (
        Span("    action   ", "dim"),
        Span(visible(action.kind)),
        Span(f"  {action.effect.word.replace('_', ' ')}", style),
        Span(f"  {rules}", "dim"),
    )
    for reason in action.reasons if denied else ():
        yield (Span("             ", "dim"), Span(visible(reason), style))
    if action.body is None:
        return
    yield (Span(f"    {_text_title(action, report, dry)}", "dim"),)
    lines = visible(action.body, keep="\n\t").split("\n")
    for line in lines[:MAX_BODY_LINES]:
        yield (Span("      │ ", "dim"), Span(line))
    if len(lines) > MAX_BODY_LINES:
        yield (Span(f"      │ ... and {len(lines) - MAX_BODY_LINES} more lines", "dim"),)


def _text_title(action: ActionReport, report: MessageReport, dry: bool) -> str:
    to = f"to {visible(report.sender)}" if action.channel == "message" else "as a progress note"
    if action.delivered:
        return f"sent {to}"
    if action.effect <= Effect.REQUIRE_APPROVAL or report.disposition is Disposition.ESCALATED:
        return f"not sent {to}"
    return f"would be sent {to}" if dry else f"not yet sent {to}"


def closing(report: RunReport, sums: Mapping[str, int], dry: bool) -> Iterator[Line]:
    """Yield the lines below a plan; `sums` counts messages by disposition, refused ones apart."""
    lead = "Plan" if dry else "Done"
    parts = [_sum(sums, disposition, dry) for disposition in _CLOSING]
    parts.append(_sum(sums, Disposition.ESCALATED, dry))
    parts.append(f"{sums.get('refused', 0)} refused")
    parts += [_sum(sums, disposition, dry) for disposition in _FURTHER if sums.get(disposition)]
    yield (Span(f"{lead}: " + ", ".join(parts), "bold"),)
    counts = report.counts
    if counts.get("recovered"):
        yield (Span(f"{counts['recovered']} deliveries of an earlier run were completed first"),)
    if counts.get("waiting"):
        yield (Span(f"{counts['waiting']} messages wait behind an earlier reply in their thread"),)
    if report.inbox_blocked:
        yield (Span("inbox blocked: the hub's only page is full of messages that were decided before", "bold red"),)
    if report.stopped:
        yield (Span(f"stopped early: {report.stopped}; the rest is left for the next run", "bold yellow"),)


def _sum(sums: Mapping[str, int], disposition: Disposition, dry: bool) -> str:
    mark = MARKS[disposition]
    number = sums.get(disposition, 0)
    return f"{number} to {mark.word}" if dry else f"{number} {mark.done}"
