"""`warden worker shakedown`: dry-run passes on the real inbox, and a report of them for a person to sign off."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli import compose
from warden.cli.flags import AgentFlag, BrainFlag, CatalogFlag, ConfigFlag, HubFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.output import print_json, talk
from warden.cli.policy_output import table
from warden.cli.render import visible
from warden.cli.run_output import is_refused
from warden.cli.signals import SignalStop
from warden.cli.worker import open_desk
from warden.cli.worker_options import RunOptions
from warden.config.state import ensure_private_dir
from warden.engine.cycle import run_dry
from warden.engine.parts import BRAIN_FAULTS
from warden.errors import EXIT_DONE, EXIT_PARTIAL, GateError, InterruptedRunError, TerminatedRunError, WardenError
from warden.model.digests import digest_bytes
from warden.model.entry import Batch, Entry
from warden.model.schedule import Basis, Scope

if TYPE_CHECKING:
    from pathlib import Path

    from warden.config.settings import Settings
    from warden.model.report import MessageReport
    from warden.model.saved_plan import PlanHeader, PlanItem

SCHEMA = "warden.shakedown/1"
REPLIES_KEPT = 500
"""INVARIANT (bounded): would-be replies that a report holds in full."""

PassesFlag = Annotated[
    int | None,
    typer.Option("--passes", min=1, max=100, metavar="N", help="How many; as many as are wanted by default."),
]


@dataclass(slots=True)
class Pass:
    """What one pass found; a reporter of a run."""

    reports: dict[str, MessageReport] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)
    error: str = ""
    stopped: str = ""
    exit_status: int = 0
    seconds: float = 0.0

    def message(self, report: MessageReport) -> None:
        """Take one message."""
        self.reports[report.message_id] = report

    def alert(self, text: str) -> None:
        """Show what an operator should know; it says nothing about whether the plans are good."""
        talk(f"alert: {text}")

    @property
    def faults(self) -> int:
        """How many messages no brain could plan."""
        return sum(report.reason in BRAIN_FAULTS for report in self.reports.values())

    @property
    def clean(self) -> bool:
        """Whether the pass went through without an error, an alert or a brain that failed."""
        return not (self.error or self.stopped or self.exit_status or self.faults or self.alerts)

    def outcomes(self) -> dict[str, tuple[str, str, tuple[object, ...]]]:
        """Return what was decided, by message, to be compared with another pass."""
        return {
            name: (
                one.disposition.value,
                one.reason,
                tuple((action.kind, action.effect, action.body) for action in one.actions),
            )
            for name, one in self.reports.items()
        }


def shakedown(
    passes: PassesFlag = None,
    agent: AgentFlag = None,
    hub: HubFlag = None,
    catalog: CatalogFlag = None,
    brain: BrainFlag = None,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Make dry-run passes on the inbox and report them; nothing is sent, and nothing at the hub changes.

    The report is saved in the state directory. Read it, then sign it off with `warden schedule approve`. Exit status 3 says
    that not every pass was clean: those that were not do not count.
    """
    settings = compose.load_settings(config, state_dir, hub, agent, catalog, brain)
    wanted = passes or settings.schedule.clean_passes
    made: list[Pass] = []
    footings: set[tuple[Scope, Basis]] = set()
    stop = SignalStop()
    with stop.listening():
        for _ in range(wanted):
            made.append(_make_pass(settings, stop, footings.add))
            if stop.requested():
                kind = TerminatedRunError if stop.requested() == "terminated" else InterruptedRunError
                raise kind("the shakedown was ended before its report", "its passes that went through count")
    if len(footings) != 1:
        if not footings:
            raise WardenError(f"no pass could be made: {made[-1].error}", "`warden doctor` looks at what a pass needs")
        raise GateError("charter, policies, brain or catalogue changed between the passes", "run it again")
    scope, basis = footings.pop()
    document = to_document(made, scope, basis, settings)
    data = (json.dumps(document, ensure_ascii=True, indent=2) + "\n").encode()
    saved = _save(settings, data, scope, basis, made)
    if as_json:
        print_json({**document, "report_digest": digest_bytes(data), "saved_as": saved})
    else:
        sys.stdout.writelines(line + "\n" for line in to_lines(document))
        talk(f"saved as {visible(saved)}", quiet)
        talk("next: `warden schedule approve --reason TEXT` signs it off", quiet)
    return EXIT_DONE if all(one.clean for one in made) else EXIT_PARTIAL


def _make_pass(settings: Settings, stop: SignalStop, found: Callable[[tuple[Scope, Basis]], None]) -> Pass:
    """Make one pass; an error of it is part of what is reported."""
    one = Pass()
    began = time.monotonic()
    try:
        with open_desk(settings, stop, "dry-run", RunOptions(quiet=True)) as desk:
            # A header is wanted, so that a pass over an empty inbox names its policies too.
            report = run_dry(replace(desk.parts, reporter=one), desk.terms, _keep_nothing)
            one.exit_status, one.stopped = report.exit_status, report.stopped
            parts = desk.parts
            kernel = parts.kernel
            basis = Basis(kernel.charter_digest, kernel.snapshot, parts.brain.digest, parts.catalog.digest)
            found((Scope(settings.agent, parts.hub.traits().hub_id), basis))
            one.alerts.extend(parts.alerts())
    except WardenError as error:
        one.error = error.code
        talk(f"error: {error.message}")
    one.seconds = round(time.monotonic() - began, 3)
    return one


def _keep_nothing(header: PlanHeader) -> Callable[[PlanItem], None]:
    return lambda item: None


def to_document(made: list[Pass], scope: Scope, basis: Basis, settings: Settings) -> dict[str, object]:
    """Return the report as JSON values of schema `warden.shakedown/1`: sums over the messages of all passes, each as the
    last pass saw it, and a row for each pass."""
    messages = {name: report for one in made for name, report in one.reports.items()}
    dispositions = Counter("refused" if is_refused(one) else one.disposition.value for one in messages.values())
    decisions = Counter(action.effect.word for one in messages.values() for action in one.actions)
    replies = [(one, action.body) for one in messages.values() for action in one.actions if action.channel == "message"]
    waiting = dispositions["escalated"] + dispositions["refused"]
    outcomes = [one.outcomes() for one in made if not one.error]
    return {
        "schema": SCHEMA,
        "made_at": compose.build_clock().now().isoformat(timespec="seconds"),
        "agent": scope.agent,
        "hub_id": scope.hub_id,
        "brain": settings.brain,
        "charter_digest": basis.charter_digest,
        "snapshot": basis.snapshot,
        "brain_digest": basis.brain_digest,
        "catalog_digest": basis.catalog_digest,
        "passes": [
            {
                "clean": one.clean,
                "messages": len(one.reports),
                "seconds": one.seconds,
                "faults": one.faults,
                "alerts": len(one.alerts),
                "error": one.error,
                "stopped": one.stopped,
                "exit_status": one.exit_status,
            }
            for one in made
        ],
        "clean_passes": sum(one.clean for one in made),
        "passes_agree": all(one == outcomes[0] for one in outcomes),
        "messages": len(messages),
        "dispositions": dict(sorted(dispositions.items())),
        "decisions": dict(sorted(decisions.items())),
        "would_be_replies": len(replies),
        "escalation_rate": round(waiting / len(messages), 4) if messages else 0.0,
        "refusals": dispositions["refused"],
        "errors": sum(bool(one.error) + one.faults for one in made),
        "seconds": round(sum(one.seconds for one in made), 3),
        "reasons": dict(Counter(one.reason for one in messages.values()).most_common()),
        "replies": [
            {"message_id": one.message_id, "to": one.sender, "catalog_entry": one.catalog_entry, "body": body}
            for one, body in replies[:REPLIES_KEPT]
        ],
    }


def to_lines(document: dict[str, object]) -> Iterator[str]:
    """Return the report for people: the sums, the passes, and what would be replied to whom."""
    rows: list[tuple[str, str]] = []
    for name in ("agent", "hub_id", "brain", "charter_digest", "snapshot", "brain_digest", "catalog_digest"):
        rows.append((name.replace("_", " "), str(document[name])))
    passes, replies = document["passes"], document["replies"]
    assert isinstance(passes, list)
    assert isinstance(replies, list)
    agree = "all alike" if document["passes_agree"] else "they differ: the same messages were judged differently"
    rows.append(("clean passes", f"{document['clean_passes']} of {len(passes)}, {agree}"))
    for name in ("messages", "dispositions", "decisions", "would_be_replies", "escalation_rate", "refusals", "errors"):
        rows.append((name.replace("_", " "), _shown(document[name])))
    rows.append(("time", f"{document['seconds']} s"))
    yield from table(rows)
    for number, one in enumerate(passes, 1):
        state = "clean" if one["clean"] else f"not clean {one['error'] or one['stopped']}".rstrip()
        yield f"pass {number}: {state}, {one['messages']} messages, {one['seconds']} s"
    for reply in replies:
        yield visible(f"would reply to {reply['to']} ({reply['message_id']}, {reply['catalog_entry'] or 'draft'})")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{number} {name}" for name, number in value.items()) or "none"
    return f"{value:.1%}" if isinstance(value, float) else str(value)


def _save(settings: Settings, data: bytes, scope: Scope, basis: Basis, made: list[Pass]) -> str:
    """Write the report, and then that it is there into the ledger; returns its place."""
    from warden.store.durable import create_file

    digest = digest_bytes(data)
    path = report_path(settings, digest)
    ensure_private_dir(path.parent)
    create_file(path, data)
    fields = {
        "agent": scope.agent,
        "hub_id": scope.hub_id,
        **basis_fields(basis),
        "report_digest": digest,
        "passes": len(made),
        "clean": sum(one.clean for one in made),
    }
    store = compose.open_ledger(settings)
    try:
        store.commit(Batch((Entry("shakedown_finished", fields),)))
    except WardenError:
        with suppress(OSError):
            path.unlink()
        raise
    finally:
        store.close()
    return str(path)


def report_path(settings: Settings, digest: str) -> Path:
    """Return where the report with this digest lies."""
    return settings.shakedowns_dir / f"{digest.removeprefix('sha256:')[:24]}.json"


def basis_fields(basis: Basis) -> dict[str, str]:
    """Return a basis as fields of an entry."""
    return {
        "charter_digest": basis.charter_digest,
        "snapshot": basis.snapshot,
        "brain_digest": basis.brain_digest,
        "catalog_digest": basis.catalog_digest,
    }
