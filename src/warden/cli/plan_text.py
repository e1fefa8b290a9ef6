"""The plan as people read it: per message what will be done, why, by whose leave, and the exact text.

Pure: from reports to lines. The same lines serve a dry run (what would happen) and an executing run (what happened).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from warden.cli.render import Line, Span, visible
from warden.cli.run_output import is_refused
from warden.model.disposition import Disposition
from warden.model.report import ActionReport, MessageReport, RunReport
from warden.model.request import Effect

MAX_SUBJECT = 100
"""Characters of a subject that are shown."""
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
IN_DOUBT = "in-doubt"
REFUSED = Mark("x", "refuse", "refused", "bold red")
_STALE = Mark("x", "stale", "stale", "bold red")
_CARRIED_OUT = (Disposition.ANSWERED, Disposition.NOTED, Disposition.READ)
_CLOSING = (Disposition.ANSWERED, Disposition.NOTED)
_FURTHER = (
    Disposition.READ,
    Disposition.HELD,
    Disposition.SKIPPED,
    Disposition.FAILED,
    Disposition.DEAD,
    Disposition.QUARANTINED,
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
    head = [Span(f"{mark.symbol} {word:<11}", mark.style), Span(f" {visible(report.message_id):<6}", "bold")]
    if report.sender:
        head.append(Span(f" from {visible(report.sender)}"))
    if report.subject.strip():
        head.append(Span(f": {_cut(visible(report.subject))}", "italic"))
    yield tuple(head)
    yield from _because(report)
    for action in report.actions:
        yield from _action_lines(action, report, dry)
    yield ()


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SUBJECT else text[: MAX_SUBJECT - 1] + "…"


def _labelled(label: str, text: str, style: str = "") -> Line:
    return (Span(f"    {label:<9}", "dim"), Span(text, style))


def _because(report: MessageReport) -> Iterator[Line]:
    reason = visible(report.reason)
    if report.catalog_entry is not None:
        reason += f", catalogue entry {visible(report.catalog_entry)}"
    yield _labelled("because", reason)
    if report.detail:
        yield _labelled("", visible(report.detail))
    near = report.candidates[:3]
    if near and report.catalog_entry is None and not all(one.entry_id in report.detail for one in near):
        yield _labelled("near", ", ".join(f"{visible(one.entry_id)} ({one.score / 1000:.2f})" for one in near))


def _fate(action: ActionReport, report: MessageReport) -> str:
    """What became of an allowed action whose message did not end."""
    if carried_out(report) or _is_tried(report):
        return ""
    return "  its end is awaited" if action.delivered else "  left out with the rest"


def _action_lines(action: ActionReport, report: MessageReport, dry: bool) -> Iterator[Line]:
    if action.kind in ("escalate", "skip") and action.effect is not Effect.DENY:
        return
    rules = ", ".join(visible(rule) for rule in action.rule_ids)
    denied = action.effect <= Effect.REQUIRE_APPROVAL
    style = "red" if action.effect is Effect.DENY else "yellow" if denied else "dim"
    yield (
        Span("    action   ", "dim"),
        Span(f"{visible(action.kind):<14}"),
        Span(f" {action.effect.word.replace('_', ' ')}", style),
        Span(f"  {rules}", "dim"),
        Span(_fate(action, report) if not denied else "", "dim"),
    )
    for reason in action.reasons if denied else ():
        yield _labelled("", visible(reason), style)
    if action.body is None:
        return
    yield _labelled("", _text_title(action, report, dry) + ":", "dim")
    lines = visible(action.body, keep="\n\t").split("\n")
    for line in lines[:MAX_BODY_LINES]:
        yield (Span("           │ ", "dim"), Span(line))
    if len(lines) > MAX_BODY_LINES:
        yield (Span(f"           │ ... and {len(lines) - MAX_BODY_LINES} more lines; --json has all of them", "dim"),)


_PLACES = {
    "progress": "as a progress note",
    "script": "to the program",
    "workload": "as a workload",
    "trigger": "as a trigger",
}


def _text_title(action: ActionReport, report: MessageReport, dry: bool) -> str:
    to = f"to {visible(report.sender)}" if action.channel == "message" else _PLACES.get(action.channel, "")
    if action.delivered:
        return f"sent {to}"
    if report.reason == IN_DOUBT:
        return f"perhaps sent {to}"
    if report.disposition is Disposition.FAILED:
        return f"not yet sent {to}"
    if not carried_out(report):
        return f"not sent {to}"
    return f"to be sent {to}" if dry else f"not yet sent {to}"


def carried_out(report: MessageReport) -> bool:
    """Return whether the message's actions are carried out: all of them, or none."""
    return not report.stale and report.disposition in _CARRIED_OUT


def _is_tried(report: MessageReport) -> bool:
    """Return whether the message's actions were tried, without an end that is known and good."""
    return report.disposition in (Disposition.FAILED, Disposition.DEAD) or report.reason == IN_DOUBT


def closing(report: RunReport, sums: Mapping[str, int], dry: bool) -> Iterator[Line]:
    """Yield the lines below a plan; `sums` counts messages by disposition, refused ones apart."""
    lead = "Plan" if dry else "Done"
    parts = [_sum(sums, disposition, dry) for disposition in _CLOSING]
    parts.append(_sum(sums, Disposition.ESCALATED, dry))
    parts.append(f"{sums.get('refused', 0)} refused")
    parts += [_sum(sums, disposition, dry) for disposition in _FURTHER if sums.get(disposition)]
    yield (Span(f"{lead}: " + ", ".join(parts), "bold"),)
    yield from _remarks(report)


def idle_lines(report: RunReport, agent: str) -> Iterator[Line]:
    """Yield the one line of a run that found nothing to do, and what else there is to say."""
    decided = report.counts.get("decided", 0)
    rest = f": {_count(decided, 'unread message')} decided before" if decided else ""
    yield (Span(f"Nothing to do for {visible(agent)}{rest}"),)
    yield from _remarks(report)


def _remarks(report: RunReport) -> Iterator[Line]:
    counts = report.counts
    if recovered := counts.get("recovered", 0):
        yield (Span(f"First of all, {_count(recovered, 'delivery', 'deliveries')} of an earlier run came to an end"),)
    if waiting := counts.get("waiting", 0):
        yield (Span(f"Left for later, behind an open reply in the same thread: {_count(waiting, 'message')}"),)
    if asked := counts.get("asked", 0):
        yield (Span(f"A model was asked about {_count(asked, 'message')}; `warden budget` shows what that used"),)
    if replayed := counts.get("replayed", 0):
        yield (Span(f"Answers of a model that were kept and used again: {replayed}"),)
    if report.inbox_blocked:
        yield (Span("Inbox blocked: the hub's only page is full of messages that were decided before", "bold red"),)
    if report.stopped:
        yield (Span(f"Stopped early: {report.stopped}; the rest is left for the next run", "bold yellow"),)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def next_steps(report: RunReport, sums: Mapping[str, int], saved_as: str = "") -> Iterator[str]:
    """Yield what a person may do next; `saved_as` names the file that the plan was saved in, empty for none."""
    if report.mode == "dry-run" and any(sums.get(disposition) for disposition in _CARRIED_OUT):
        yield f"carry it out with `warden worker {f'apply {visible(saved_as)}' if saved_as else 'run --execute'}`"
    if sums.get(Disposition.ESCALATED) or sums.get("refused"):
        when = "will stay" if report.mode == "dry-run" else "stay"
        yield f"escalated messages {when} unread for a person: `warden review` shows them, and takes what you decide"
    if sums.get(Disposition.HELD):
        yield "held messages are judged again by every run, and go out as soon as what holds them has passed"
        if report.mode != "dry-run":
            yield "what is held in doubt waits in `warden dead list`"
    if report.mode != "dry-run" and sums.get(Disposition.FAILED):
        yield "deliveries that failed are made again by later runs, when they are due"
    if report.mode != "dry-run" and sums.get(Disposition.DEAD):
        yield "deliveries that were given up wait in `warden dead list`"


def _sum(sums: Mapping[str, int], disposition: Disposition, dry: bool) -> str:
    mark = MARKS[disposition]
    number = sums.get(disposition, 0)
    return f"{number} to {mark.word}" if dry else f"{number} {mark.done}"
