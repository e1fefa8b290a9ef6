"""`warden workload`: what runtimes were asked to execute, and where each of it stands."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli import compose
from warden.cli.flags import ConfigFlag, JsonFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.identity import operator_name
from warden.cli.ledger_parts import reading, writing
from warden.cli.output import print_json, talk
from warden.cli.render import visible
from warden.errors import GateError, InputError, quote
from warden.model.digests import digest_text
from warden.model.workload import WorkloadState
from warden.store import queries, workloads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from warden.config.settings import Settings
    from warden.engine.letters import Person
    from warden.model.workload import WorkloadRecord
    from warden.server.intake.trails import Trails
    from warden.store.sqlite import SqliteLedgerStore

SCHEMA = "warden.workload/1"
MOST = 10_000
app = new_app("Workloads that a runtime was asked to execute: look, cancel, try again.")

IdArgument = Annotated[str, typer.Argument(help="The workload's id, or the start of it.", metavar="ID")]
StateOption = Annotated[
    WorkloadState | None, typer.Option("--state", help="Only workloads in this state.", case_sensitive=False)
]
LimitOption = Annotated[int, typer.Option("--limit", "-n", help="How many, newest first.", min=1, max=MOST)]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; the ledger keeps its digest.", metavar="TEXT")]


@app.command("list", help="List workloads, newest first.")
def list_workloads(
    state: StateOption = None,
    limit: LimitOption = 50,
    json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> None:
    """List them."""
    with reading(config, state_dir) as (settings, store):
        wanted = "" if state is None else state.value
        rows = store.read(lambda c: workloads.read_workloads(c, settings.agent, wanted, None, limit))
    found = [record for _, record in rows]
    if json:
        from warden.server.intake.trails import workload_document

        print_json({"schema": SCHEMA, "workloads": [workload_document(record) for record in found]})
        return
    for record in found:
        parts = (
            f"{record.state.value:<9}",
            record.workload_id[:16],
            f"{visible(record.message.message_id)}",
            f"from {visible(record.sender)}",
            f"heard {_short(record.touched_at)}",
        )
        print("  ".join(parts))
    talk("no workload was asked for" if not found else "look at one with `warden workload show ID`")


@app.command("show", help="Show one: why it was started, when it was delivered, what was heard of it.")
def show(
    workload_id: IdArgument, json: JsonFlag = False, config: ConfigFlag = None, state_dir: StateDirFlag = None
) -> None:
    """Show one."""
    with reading(config, state_dir) as (settings, store):
        record = _find(settings, store, workload_id)
        with _trails(settings) as trails:
            detail = trails.workload_detail(record.workload_id) or {}
    if json:
        print_json({"schema": SCHEMA, "workload": detail})
        return
    heard, steps = detail.pop("heard", []), detail.pop("steps", [])
    for name, value in detail.items():
        if value is not None:
            print(f"{name:<14} {visible(str(value))}")
    for step in steps:
        words = " ".join(f"{name}={_shown(value)}" for name, value in step.items() if name not in ("at", "kind"))
        print(f"{step['at']}  {step['kind']:<16} {visible(words)}")
    for report in heard:
        said = f"{report['status']:<16} {report['event_id']} {report['details']}".rstrip()
        print(f"{report['received_at']}  heard {visible(said)}")


@app.command(
    "cancel", help="End one for us and revoke its grants. The runtime is not told: its protocol has no word for it."
)
def cancel(
    workload_id: IdArgument, reason: ReasonOption, config: ConfigFlag = None, state_dir: StateDirFlag = None
) -> None:
    """Cancel one."""
    from warden.cli.clock import RandomIds
    from warden.engine.workloads import cancelling, undelivered
    from warden.model.entry import Batch

    if not reason.strip():
        raise InputError("a cancelled workload needs a reason", "say why with --reason")
    with writing(config, state_dir) as (settings, store):
        record = _find(settings, store, workload_id)
        mine = store.intent(record.workload_id) if not record.state.ended and record.delivered_at is None else None
        behind = store.read(lambda c: queries.read_behind(c, mine)) if mine is not None else ()
        waiting = undelivered([mine, *behind]) if mine is not None else ()
        standing = store.dispositions([record.message]).get(record.message)
        entries = cancelling(record, waiting, _person(settings, reason), RandomIds().run_id(), standing)
        _revoke(settings, record.workload_id)  # first: what is over for us must not use what it was granted
        store.commit(Batch(entries))
    if record.delivered_at is None and not record.reports:
        talk(f"{record.workload_id[:16]} is withdrawn: its line was not written")
    else:
        talk(
            f"{record.workload_id[:16]} is cancelled here and its grants are revoked; the runtime was not told, stop it there"
        )


@app.command("retry", help="Start one that ended badly anew, under a new id; today's policy judges it.")
def retry(
    workload_id: IdArgument, reason: ReasonOption = "", config: ConfigFlag = None, state_dir: StateDirFlag = None
) -> None:
    """Try one again; exit 4 when today's policy does not allow it."""
    from warden.cli.clock import RandomIds
    from warden.documents.request import request_from_json
    from warden.engine.journal import Journal
    from warden.engine.release import Gate
    from warden.engine.workloads import try_again
    from warden.errors import TransitionError

    with writing(config, state_dir) as (settings, store):
        record = _find(settings, store, workload_id)
        before = store.intent(record.workload_id)
        kept = None if before is None else store.read(lambda c: queries.read_request(c, before))
        if before is None or kept is None:
            raise GateError("the facts on which it was allowed were purged", "take its event in again")
        journal = Journal(store, RandomIds().run_id())
        gate = Gate(compose.build_kernel(settings), compose.build_scanner(settings), store, compose.build_clock())
        key = try_again(journal, gate, record, before, request_from_json(kept), _person(settings, reason))
        try:
            journal.commit()
        except TransitionError as error:
            raise InputError(
                "its message was ended by a person", "take the event in again with `warden intake replay`"
            ) from error
    talk(f"{key[:16]} is delivered by the next `warden worker run --execute`")


def _find(settings: Settings, store: SqliteLedgerStore, start: str) -> WorkloadRecord:
    exact = store.workload(start)
    if exact is not None and exact.message.agent == settings.agent:
        return exact
    rows = store.read(lambda c: workloads.read_workloads(c, settings.agent, "", None, MOST))
    found = [record for _, record in rows if start and record.workload_id.startswith(start)]
    if len(found) != 1:
        problem = "is the start of several workloads" if found else "is not the id of a workload"
        raise InputError(f"{quote(start)} {problem}", "`warden workload list` names them")
    return found[0]


@contextmanager
def _trails(settings: Settings) -> Iterator[Trails]:
    from warden.cli.intake_api import build_trails
    from warden.cli.intake_parts import intake_file

    clock = compose.build_clock()
    with intake_file(settings, clock) as database:
        trails = build_trails(settings, database, clock)
        try:
            yield trails
        finally:
            trails.close()


def _revoke(settings: Settings, workload_id: str) -> None:
    from warden.cli.intake_parts import intake_file
    from warden.hubs.capabilities import end_workload

    clock = compose.build_clock()
    with intake_file(settings, clock) as database:
        now = clock.now().timestamp()
        database.write(lambda c: end_workload(c, workload_id, "cancelled", now))


def _person(settings: Settings, reason: str) -> Person:
    from warden.engine.letters import Person

    if compose.build_scanner(settings).scan(reason):
        raise InputError("the reason holds something that looks like a secret", "leave it out")
    return Person(operator_name(), digest_text(reason))


def _short(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _shown(value: object) -> str:
    return ",".join(str(item) for item in value) or "-" if isinstance(value, list) else str(value)
