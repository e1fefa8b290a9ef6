"""`warden schedule`: sign a shakedown off, open and close the gate of unattended running, and look at it."""

from __future__ import annotations

import sys
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warden.cli import compose, schedule_install
from warden.cli.flags import AgentFlag, BrainFlag, CatalogFlag, ConfigFlag, HubFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.identity import operator_name
from warden.cli.output import print_json, talk
from warden.cli.policy_output import table
from warden.cli.schedule_parts import Footing, known_timetable, present_gate, read_footing, reading_if_any
from warden.cli.shakedown import basis_fields, report_path
from warden.cli.timers import is_timers, last_seen
from warden.errors import EXIT_DONE, GateError, InputError, UsageError, quote
from warden.model.digests import digest_bytes, digest_text
from warden.model.entry import Batch, Entry
from warden.model.schedule import DRIFTS, Evidence
from warden.schedule.entries import to_text
from warden.schedule.gate import Missing, check_drifts, missing_steps
from warden.schedule.timetable import next_ticks
from warden.store import schedule as stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from warden.config.settings import Settings
    from warden.model.schedule import Enabled, ShakedownRecord
    from warden.schedule.gate import Gate

SCHEMA = "warden.schedule/1"
REPORT_LIMIT = 16 * 1024 * 1024
app = new_app("Unattended running: sign off, open and close its gate, see what is next.")
app.command("install")(schedule_install.install)

ReasonFlag = Annotated[str, typer.Option("--reason", help="Why; the ledger keeps its digest.", metavar="TEXT")]
ReportFlag = Annotated[
    Path | None, typer.Option("--report", help="The report that you read; the newest by default.", metavar="FILE")
]
DriftFlag = Annotated[
    list[str] | None,
    typer.Option("--allow-drift", help=f"Stay enabled when this changes: {', '.join(DRIFTS)}.", metavar="KIND"),
]
CountFlag = Annotated[int, typer.Option("--count", min=1, max=1000, help="How many ticks.", metavar="N")]


@app.command()
def approve(
    reason: ReasonFlag,
    report: ReportFlag = None,
    agent: AgentFlag = None,
    hub: HubFlag = None,
    catalog: CatalogFlag = None,
    brain: BrainFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Sign a shakedown's report off, for exactly the charter, policies, brain and catalogue that it was made with."""
    settings = compose.load_settings(config, state_dir, hub, agent, catalog, brain)
    _check_reason(settings, reason)
    with reading_if_any(settings) as store:
        digest = None if report is None else digest_bytes(_read_report(report))
        record = (
            store.read(lambda connection: stored.read_shakedown(connection, settings.agent, digest)) if store else None
        )
    if record is None:
        what = "no shakedown has made a report yet" if report is None else f"no shakedown made {quote(report)}"
        raise GateError(what, "run `warden worker shakedown`, read its report, and sign that off")
    if report is None:
        _check_report(settings, record)
    footing = read_footing(settings)
    if (footing.scope, footing.basis) != (record.scope, record.basis):
        raise GateError(
            f"the report is not about what is here now: {', '.join(_differences(record, footing))} changed since",
            "run `warden worker shakedown` again",
        )
    fields = {
        **_scope_fields(footing),
        **basis_fields(footing.basis),
        "report_digest": record.report_digest,
        "by": operator_name(),
        "reason_digest": digest_text(reason),
    }
    _write(settings, Entry("schedule_approved", fields))
    talk(f"signed off by {operator_name()}: {record.report_digest}", quiet)
    return EXIT_DONE


@app.command()
def enable(
    allow_drift: DriftFlag = None,
    reason: ReasonFlag = "",
    agent: AgentFlag = None,
    hub: HubFlag = None,
    catalog: CatalogFlag = None,
    brain: BrainFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Let scheduled passes execute; refused until shakedown, sign-off and a pass by hand are there for what is here now.

    A later change of charter, policies, brain or catalogue makes scheduled passes dry runs again. --allow-drift leaves one
    kind of change out of that, never the charter.
    """
    try:
        drifts = check_drifts(tuple(allow_drift or ()))
    except ValueError as error:
        hint = f"one of {', '.join(DRIFTS)}; a changed charter always closes the gate"
        raise UsageError("--allow-drift names a kind of change that cannot be allowed", hint) from error
    settings = compose.load_settings(config, state_dir, hub, agent, catalog, brain)
    if reason:
        _check_reason(settings, reason)
    footing = read_footing(settings)
    missing = missing_steps(_evidence(settings, footing), settings.schedule.clean_passes)
    if missing:
        steps = [f"({number}) {step.how}" for number, step in enumerate(missing, 1)]
        hint = "; ".join(steps) if len(steps) > 1 else missing[0].how
        raise GateError(f"not enabled; missing: {'; '.join(step.what for step in missing)}", hint)
    fields = {
        **_scope_fields(footing),
        **basis_fields(footing.basis),
        "policy_files_digest": footing.policy_files_digest,
        "allow_drift": list(drifts),
        "by": operator_name(),
        "reason_digest": digest_text(reason) if reason else None,
    }
    _write(settings, Entry("schedule_enabled", fields))
    talk(f"enabled by {operator_name()}: scheduled passes execute from now on", quiet)
    return EXIT_DONE


@app.command()
def disable(
    reason: ReasonFlag = "",
    agent: AgentFlag = None,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Make scheduled passes dry runs again, from the next one on."""
    settings = compose.load_settings(config, state_dir, agent=agent)
    if reason:
        _check_reason(settings, reason)
    with reading_if_any(settings) as store:
        gates = store.read(lambda connection: stored.read_gates(connection, settings.agent)) if store else ()
    if not gates:
        talk("it is not enabled", quiet)
        return EXIT_DONE
    told = {"by": operator_name(), "reason_digest": digest_text(reason) if reason else None}
    _write(
        settings,
        *(
            Entry("schedule_disabled", {"agent": gate.scope.agent, "hub_id": gate.scope.hub_id, **told})
            for gate in gates
        ),
    )
    talk("disabled: scheduled passes are dry runs from now on", quiet)
    return EXIT_DONE


@app.command()
def status(
    agent: AgentFlag = None,
    hub: HubFlag = None,
    catalog: CatalogFlag = None,
    brain: BrainFlag = None,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Say whether scheduled passes execute, and what is missing until they can."""
    settings = compose.load_settings(config, state_dir, hub, agent, catalog, brain)
    with reading_if_any(settings) as store:
        gate, enabled = present_gate(settings, store) if store else (None, None)
    footing = read_footing(settings)
    evidence = _evidence(settings, footing)
    missing = missing_steps(evidence, settings.schedule.clean_passes)
    document = _status_document(gate, enabled, evidence, footing, missing)
    if as_json:
        print_json(document)
    else:
        sys.stdout.writelines(line + "\n" for line in _status_lines(document))
    return EXIT_DONE


@app.command("next")
def upcoming(
    count: CountFlag = 5,
    agent: AgentFlag = None,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
) -> int:
    """Show the next ticks: of the schedule that a worker or a timer used last, else of the one in the configuration.

    An interval that a timer keeps is counted from its last pass: the timer itself knows the minute.
    """
    settings = compose.load_settings(config, state_dir, agent=agent)
    with reading_if_any(settings) as store:
        jobs = store.read(lambda connection: stored.read_jobs(connection, settings.agent)) if store else ()
        job = next(iter(jobs), None)
        own = job is not None and not is_timers(job)
        last = job.last_at if job and own else last_seen(store, settings.agent, job) if store else None
    timetable = known_timetable(settings, job)
    now = compose.build_clock().now().astimezone(UTC)
    ticks = next_ticks(timetable, last, now, count) if timetable else ()
    if as_json:
        text = timetable.text if timetable else None
        print_json({"schema": SCHEMA, "schedule": text, "ticks": [to_text(tick) for tick in ticks]})
        return EXIT_DONE
    for tick in ticks:
        print(to_text(tick))
    if timetable is None:
        talk("no schedule is known: `worker run` with --every or --cron has one, or [schedule] in the configuration")
    return EXIT_DONE


def _check_reason(settings: Settings, reason: str) -> None:
    if not reason.strip():
        raise InputError("a reason is needed", "say why with --reason")
    if compose.build_scanner(settings).scan(reason):
        raise InputError("the reason holds something that looks like a secret", "leave it out")


def _read_report(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise InputError(f"report {quote(path)} is not an ordinary file", "name a saved report")
    try:
        with path.open("rb") as file:
            data = file.read(REPORT_LIMIT + 1)
    except OSError as error:
        raise InputError(f"report {quote(path)} cannot be read: {error.strerror}", "name a saved report") from error
    if len(data) > REPORT_LIMIT:
        raise InputError(f"report {quote(path)} is larger than {REPORT_LIMIT} bytes", "name a saved report")
    return data


def _check_report(settings: Settings, record: ShakedownRecord) -> None:
    """What is signed off must be there to be read, as it was made."""
    path = report_path(settings, record.report_digest)
    if not path.is_file() or digest_bytes(_read_report(path)) != record.report_digest:
        raise GateError(f"the report {quote(path)} is gone or was changed", "run `warden worker shakedown` again")


def _differences(record: ShakedownRecord, footing: Footing) -> Iterator[str]:
    if record.scope != footing.scope:
        yield "the hub"
    before, now = basis_fields(record.basis), basis_fields(footing.basis)
    for name, word in (
        ("charter_digest", "the charter"),
        ("snapshot", "the policies"),
        ("brain_digest", "the brain"),
        ("catalog_digest", "the catalogue"),
    ):
        if before[name] != now[name]:
            yield word


def _scope_fields(footing: Footing) -> dict[str, str]:
    return {"agent": footing.scope.agent, "hub_id": footing.scope.hub_id}


def _evidence(settings: Settings, footing: Footing) -> Evidence:
    with reading_if_any(settings) as store:
        if store is None:
            return Evidence()
        key = stored.evidence_key(footing.scope, footing.basis)
        return store.read(lambda connection: stored.read_evidence(connection, key))


def _write(settings: Settings, *entries: Entry) -> None:
    store = compose.open_ledger(settings)
    try:
        store.commit(Batch(entries))
    finally:
        store.close()


def _status_document(
    gate: Gate | None, enabled: Enabled | None, evidence: Evidence, footing: Footing, missing: tuple[Missing, ...]
) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        **_scope_fields(footing),
        "gate": gate.reason if gate else "not-enabled",
        "executes": gate is not None and gate.holds,
        "drift": list(gate.drift) if gate else [],
        "allowed_drift": list(gate.allowed) if gate else [],
        "enabled_by": enabled.by if enabled else None,
        "enabled_at": to_text(enabled.at) if enabled else None,
        "allow_drift": list(enabled.allow_drift) if enabled else [],
        "present": {**basis_fields(footing.basis)},
        "evidence": {
            "clean_dry_passes": evidence.dry_passes,
            "executed_passes": evidence.execute_passes,
            "approved_by": evidence.approved_by or None,
            "approved_at": to_text(evidence.approved_at) if evidence.approved_at else None,
            "report_digest": evidence.report_digest or None,
        },
        "missing": [{"what": step.what, "how": step.how} for step in missing],
    }


def _status_lines(document: dict[str, object]) -> Iterator[str]:
    evidence, drift, missing = document["evidence"], document["drift"], document["missing"]
    assert isinstance(evidence, dict)
    assert isinstance(drift, list)
    assert isinstance(missing, list)
    if document["executes"]:
        yield f"open: scheduled passes execute (enabled by {document['enabled_by']} at {document['enabled_at']})"
    elif drift:
        yield f"closed: changed since it was signed off: {', '.join(drift)}; scheduled passes are dry runs"
    else:
        yield "closed: not enabled; scheduled passes are dry runs"
    rows = [
        ("clean dry-run passes", str(evidence["clean_dry_passes"])),
        ("passes by hand that executed", str(evidence["executed_passes"])),
        ("signed off", str(evidence["approved_by"] or "no")),
    ]
    yield from table(rows)
    for step in missing:
        yield f"missing: {step['what']}: {step['how']}"
    if not missing and not document["executes"]:
        yield "next: `warden schedule enable`"
