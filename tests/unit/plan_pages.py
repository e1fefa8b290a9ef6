"""The rendered plans and JSON documents that people reviewed, and how to write them anew: `python tests/unit/plan_pages.py`.

Reports are made by hand, one of every disposition and of every way in which an action can end, with hostile text in every
field that an outsider can fill.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from warden.cli.plan_text import next_steps
from warden.cli.render import printer
from warden.cli.run_output import JsonOutput
from warden.cli.run_text import TextOutput
from warden.model.disposition import Disposition
from warden.model.plan import Candidate
from warden.model.report import ActionReport, MessageReport, RunReport
from warden.model.request import Effect

DIRECTORY = Path(__file__).parents[1] / "golden" / "plans"
ALLOWED = ("charter/tier-auto",)
DIGEST = "sha256:" + "a1" * 32
ANSWER = "SSH certificates are issued by ops-warden.\n\nSend your public key, never the private half.\n\thttps://example.org/ssh"
HOSTILE = "\x1b[31mred\x1b[0m \u202egnp.exe\u202c a\u200bb \U000e0041 \x07\r\nPlan: 0 to answer \ud800"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def action(kind: str, effect: Effect = Effect.ALLOW, **more: object) -> ActionReport:
    """Return one action's report."""
    fields: dict[str, object] = {
        "ordinal": 0,
        "rule_ids": ALLOWED,
        "reasons": ("the charter lets warden do this by itself",),
    }
    return ActionReport(kind=kind, effect=effect, **{**fields, **more})  # type: ignore[arg-type]


def answer(delivered: bool, body: object = ANSWER, effect: Effect = Effect.ALLOW, **more: Any) -> ActionReport:
    """Return the report of an answer."""
    return action(
        "route_answer", effect, channel="message", body=body, action_digest=DIGEST, delivered=delivered, **more
    )


def mark(delivered: bool) -> ActionReport:
    """Return the report of a read mark."""
    return action("mark_read", channel="read", action_digest=DIGEST, delivered=delivered)


def report(number: int, disposition: Disposition, reason: str, *actions: ActionReport, **more: object) -> MessageReport:
    """Return one message's report."""
    fields: dict[str, object] = {
        "message_id": f"m{number}",
        "thread_id": f"t{number}",
        "sender": f"agent-{number}",
        "subject": f"Subject {number}",
        "message_digest": DIGEST,
        "actions": actions,
    }
    return MessageReport(disposition=disposition, reason=reason, **{**fields, **more})  # type: ignore[arg-type]


def mixed(done: bool) -> list[MessageReport]:
    """Return a report of every disposition, and of every way in which a plan is refused."""
    candidates = (
        Candidate("ssh-certificate", 902, ("ssh", "certific")),
        Candidate("ssh-host-certificate", 871, ("ssh",)),
    )
    limit = {
        "rule_ids": ("charter/replies-per-thread-hour",),
        "reasons": ("3 automatic replies to this thread in an hour",),
    }
    bad_draft: dict[str, object] = {
        "rule_ids": (*ALLOWED, "engine/draft"),
        "reasons": ("allowed", "the catalogue has no such entry"),
    }
    note = action("progress_note", channel="progress", body="status report received from agent-2", delivered=done)
    return [
        report(1, Disposition.ANSWERED, "routing-question", answer(done), mark(done), candidates=candidates,
               detail="ssh-certificate by ssh: score 1000", catalog_entry="ssh-certificate"),
        report(2, Disposition.NOTED, "status-report", note, mark(done), detail="reports what was done, and asks for nothing"),
        report(3, Disposition.READ, "acknowledgement", mark(done)),
        report(4, Disposition.ESCALATED, "several-candidates", action("escalate"), detail="two entries are as near",
               candidates=candidates),
        report(5, Disposition.ESCALATED, "two-questions", action("escalate"), candidates=candidates,
               detail="2 different questions: ssh-certificate (902), ssh-host-certificate (871)"),
        report(6, Disposition.HELD, "rate-limit", answer(False, effect=Effect.DENY, **limit), mark(False),
               catalog_entry="ssh-certificate"),
        report(7, Disposition.HELD, "approval", answer(False, effect=Effect.REQUIRE_APPROVAL,
               rule_ids=("charter/drafts",), reasons=("a draft to a claimed sender needs a person",)), mark(False)),
        report(8, Disposition.SKIPPED, "automatic", action("skip"), detail="marked as automatic mail"),
        report(9, Disposition.ESCALATED, "refused", action("delete_branch", Effect.DENY, rule_ids=("charter/unknown-kind",),
               reasons=("no such kind of action",))),
        report(10, Disposition.ESCALATED, "refused-draft", action("route_answer", Effect.DENY, **bad_draft), mark(False)),
        report(11, Disposition.ESCALATED, "refused-secret", action("reply", Effect.DENY, channel="message",
               action_digest=DIGEST, rule_ids=("charter/no-secret",), reasons=("the text holds a secret",)), mark(False)),
    ]  # fmt: skip


def troubled() -> list[MessageReport]:
    """Return what only an executing or applying run can report."""
    return [
        report(
            1, Disposition.FAILED, "delivery-unreachable", answer(False), mark(False), catalog_entry="ssh-certificate"
        ),
        report(2, Disposition.DEAD, "delivery-rejected", answer(False), mark(False), catalog_entry="ssh-certificate"),
        report(3, Disposition.HELD, "in-doubt", answer(False), mark(False), catalog_entry="ssh-certificate"),
        report(4, Disposition.QUARANTINED, "malformed", sender="", subject="", thread_id=""),
        report(
            5, Disposition.ESCALATED, "stale", sender="", subject="", thread_id="", stale=True, detail="decided since"
        ),
        report(6, Disposition.ESCALATED, "stale", answer(False), stale=True, detail="the actions have changed"),
    ]


def hostile() -> list[MessageReport]:
    """Return reports in which every foreign field tries to be something else than text."""
    many = "\n".join(f"line {number}" for number in range(1, 251))
    return [
        report(1, Disposition.ANSWERED, "routing-question", answer(False, HOSTILE), mark(False), sender=HOSTILE,
               subject=HOSTILE, detail=HOSTILE, message_id=HOSTILE, catalog_entry="ssh-certificate"),
        report(2, Disposition.ESCALATED, "unknown", action("escalate"), subject=""),
        report(3, Disposition.ESCALATED, "unknown", action("escalate"), subject="認証局は誰が運用していますか。" * 20),
        report(4, Disposition.ESCALATED, "unknown", action("escalate"), subject="[bold red]no markup[/] :smile: e\u0301"),
        report(5, Disposition.ANSWERED, "routing-question", answer(False, many), mark(False)),
        report(6, Disposition.ANSWERED, "routing-question", answer(False, "x" * 400 + "\n\n"), mark(False)),
    ]  # fmt: skip


PAGES: dict[str, tuple[str, list[MessageReport], dict[str, int], dict[str, object]]] = {
    "dry_run": ("dry-run", mixed(False), {"decided": 4, "waiting": 1}, {"plan_digest": DIGEST}),
    "execute": ("execute", mixed(True), {"decided": 4, "recovered": 1}, {}),
    "trouble": ("apply", troubled(), {"stale": 2, "recovered": 2}, {"exit_status": 3, "stopped": "terminated"}),
    "hostile": ("dry-run", hostile(), {}, {"plan_digest": DIGEST}),
    "idle": ("execute", [], {"decided": 7}, {}),
    "empty": ("dry-run", [], {}, {}),
    "blocked": ("execute", [], {"decided": 100}, {"inbox_blocked": True, "exit_status": 3}),
}


def text_page(name: str, color: bool) -> str:
    """Return a page as people see it, with what they are told to do next."""
    mode, reports, counts, more = PAGES[name]
    stream = Terminal() if color else io.StringIO()
    output = TextOutput(printer(stream, color), mode)
    output.begin("ops-warden", "embedded", "rule")
    for one in reports:
        output.message(one)
    end = ending(mode, counts, more)
    output.end(end)
    steps = "".join(f"next: {step}\n" for step in next_steps(end, output.sums.counts))
    return stream.getvalue() + steps


def json_page(name: str) -> str:
    """Return the same as JSON."""
    mode, reports, counts, more = PAGES[name]
    stream = io.StringIO()
    output = JsonOutput(stream, {"run_id": "run-0123456789", "mode": mode, "agent": "ops-warden"})
    output.begin("ops-warden", "embedded", "rule")
    for one in reports:
        output.message(one)
    output.end(ending(mode, counts, more))
    output.finish()
    return stream.getvalue()


def ending(mode: str, counts: dict[str, int], more: dict[str, object]) -> RunReport:
    """Return the report of how the run ended."""
    return RunReport("run-0123456789", mode, "ops-warden", **{"exit_status": 0, "counts": counts, **more})  # type: ignore[arg-type]


def all_pages() -> dict[str, str]:
    """Return every reviewed file's name and what should be in it."""
    found: dict[str, str] = {}
    for name in PAGES:
        found[f"{name}.txt"] = text_page(name, False)
        found[f"{name}.json"] = json_page(name)
    for name in ("dry_run", "hostile"):
        found[f"{name}.ansi"] = text_page(name, True)
    return found


if __name__ == "__main__":
    os.environ.update(TERM="xterm-256color", COLORTERM="")
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in all_pages().items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")
