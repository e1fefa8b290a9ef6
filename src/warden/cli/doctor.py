"""`warden doctor`: looks at everything that a run needs, changes nothing, and says what to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import warden
from warden.cli import checks, compose
from warden.cli.checks import Finding, Outcome
from warden.cli.flags import AgentFlag, CatalogFlag, ConfigFlag, HubFlag, JsonFlag, QuietFlag, StateDirFlag
from warden.cli.framework import new_app
from warden.cli.output import print_json
from warden.cli.render import visible
from warden.config.settings import Settings
from warden.errors import EXIT_DONE, EXIT_FAILED, quote

if TYPE_CHECKING:
    from warden.store.sqlite import SqliteLedgerStore

SCHEMA = "warden.doctor/1"
LISTED = 100
EXTRAS = {"cedar": "cedarpy", "notify": "apprise", "obs": "opentelemetry", "secrets": "kingfisher_sdk"}
"""Optional parts and the module that each needs."""
MARKS = {Outcome.OK: "ok  ", Outcome.WARN: "warn", Outcome.FAIL: "FAIL"}

app = new_app("Check that warden can work, and say what to do where it cannot.")

FullFlag = Annotated[bool, typer.Option("--full", help="Verify every entry of the ledger, not only its ends.")]


@app.command()
def doctor(
    full: FullFlag = False,
    agent: AgentFlag = None,
    hub: HubFlag = None,
    catalog: CatalogFlag = None,
    as_json: JsonFlag = False,
    config: ConfigFlag = None,
    state_dir: StateDirFlag = None,
    quiet: QuietFlag = False,
) -> int:
    """Check configuration, state, hub, charter, policies, catalogue, ledger and host; exit 1 when something fails."""

    def load() -> Settings:
        return compose.load_settings(config=config, state_dir=state_dir, hub=hub, agent=agent, catalog=catalog)

    findings = list(examine(load, full))
    failed = any(finding.outcome is Outcome.FAIL for finding in findings)
    if as_json:
        print_json(to_document(findings))
    else:
        for finding in findings:
            if not quiet or finding.outcome is not Outcome.OK:
                sys.stdout.write(to_text(finding))
    return EXIT_FAILED if failed else EXIT_DONE


def to_document(findings: list[Finding]) -> dict[str, object]:
    """Return the report as JSON values of schema `warden.doctor/1`."""
    outcomes = [finding.outcome for finding in findings]
    worst = next((one for one in (Outcome.FAIL, Outcome.WARN) if one in outcomes), Outcome.OK)
    return {
        "schema": SCHEMA,
        "outcome": worst.value,
        "checks": [
            {"check": one.check, "outcome": one.outcome.value, "seen": one.seen, "advice": one.advice}
            for one in findings
        ],
    }


def to_text(finding: Finding) -> str:
    """Return one finding as a line, and its advice as a second one."""
    line = f"{MARKS[finding.outcome]}  {finding.check:<10} {visible(finding.seen)}\n"
    return line + (f"      {'':<10} {visible(finding.advice)}\n" if finding.advice else "")


def examine(load: Callable[[], Settings], full: bool) -> Iterator[Finding]:
    """Return all findings, one check after the other; a check that breaks is a finding itself and stops no other."""
    version = sys.version_info
    yield checks.check_python((version.major, version.minor, version.micro))
    yield checks.check_sqlite(sqlite_version())
    try:
        settings = load()
    except Exception as error:  # noqa: BLE001 - doctor reports what would stop a run, whatever it is
        yield checks.from_error("config", error)
        return
    yield checks.ok("config", str(settings.config_file or f"none; defaults, in {settings.config_dir}"))
    probes: tuple[tuple[str, Callable[[Settings, bool], Iterator[Finding]]], ...] = (
        ("state", _state),
        ("charter", _policy),
        ("catalog", _catalog),
        ("guard", _guard),
        ("ledger", _ledger),
        ("lock", _lock),
        ("schedule", _schedule),
        ("hub", _hub),
        ("heads", _heads),
        ("model", _model),
        ("alerts", _alerts),
        ("notify", _onlookers),
        ("extras", _extras),
    )
    for name, probe in probes:
        try:
            yield from probe(settings, full)
        except Exception as error:  # noqa: BLE001 - as above
            yield checks.from_error(name, error)


def sqlite_version() -> tuple[int, int, int]:
    """Return the version of the SQLite library that Python is linked to."""
    major, minor, patch = sqlite3.sqlite_version_info[:3]
    return major, minor, patch


def _state(settings: Settings, full: bool) -> Iterator[Finding]:
    path = settings.state_dir
    if not path.exists():
        above = next((parent for parent in path.parents if parent.exists()), Path("/"))
        if os.access(above, os.W_OK | os.X_OK):
            yield checks.ok("state", f"{path}, made on first use")
        else:
            yield checks.fail("state", f"cannot make {quote(path)}", "name another with --state-dir, or make it")
        yield checks.check_space(shutil.disk_usage(above).free)
        return
    found = path.stat()
    writable = os.access(path, os.W_OK | os.X_OK)
    yield checks.check_state_dir(str(path), found.st_mode, found.st_uid, os.geteuid(), writable)
    yield checks.check_space(shutil.disk_usage(path).free)


def _policy(settings: Settings, full: bool) -> Iterator[Finding]:
    from warden.cli.policy_parts import build_judge
    from warden.config.policies import CURRENT, NONE_GOOD

    judge = build_judge(settings, remember=False)
    signed = " and signed" if settings.policy.charter_public_key else ""
    yield checks.ok("charter", f"{judge.kernel.charter_digest}, pinned{signed}")
    policies = judge.policies
    if policies.source == CURRENT and not policies.alerts:
        yield checks.ok(
            "policies", f"{len(policies.layers)} in {settings.policy.dir}, snapshot {judge.kernel.snapshot}"
        )
        return
    alerts = "; ".join(policies.alerts)
    if policies.source == NONE_GOOD:
        yield checks.fail("policies", alerts, "run `warden policy check`; until it holds everything is denied")
    else:
        yield checks.warn("policies", alerts, "run `warden policy check`; until it holds the last good set is in force")


def _catalog(settings: Settings, full: bool) -> Iterator[Finding]:
    catalog = compose.load_catalog(settings)
    place = str(settings.catalog) if settings.catalog else "the packaged one"
    if not catalog.entries:
        yield checks.warn("catalog", f"{place}, without entries", "add entries; every question is escalated until then")
    else:
        yield checks.ok("catalog", f"{place}, {len(catalog.entries)} entries")


def _ledger(settings: Settings, full: bool) -> Iterator[Finding]:
    files = compose.ledger_files(settings)
    newest = None
    pinned = files.keys.read_pin()  # before looking for the ledger, which a first run may make just now
    if not files.exists() and pinned is not None:
        seen = "gone: a key is pinned for this state directory, so there was one"
        yield checks.fail("ledger", seen, "put a copy back, or start a new log with `warden ledger repair`")
    elif not files.exists():
        yield checks.ok("ledger", "none yet; the first run makes it")
    else:
        store = compose.read_ledger(settings)
        try:
            newest = _newest_entry(store)
            yield _whole(store, settings) if full else _quick(store)
        finally:
            store.close()
    installed = datetime.fromtimestamp(Path(warden.__file__).stat().st_mtime, UTC)
    yield checks.check_clock(compose.build_clock().now(), newest, installed)


def _heads(settings: Settings, full: bool) -> Iterator[Finding]:
    from warden.cli.doctor_heads import look_at_heads

    return look_at_heads(settings, full)


def _quick(store: SqliteLedgerStore) -> Finding:
    """Opening has compared the end of the log with its checkpoint and with the published head."""
    head = store.head()
    ahead = store.recovered_entries
    newer = f", {ahead} of them newer than its published head, as after a crash" if ahead else ""
    return checks.ok("ledger", f"{head.size} entries{newer}, its end and its head agree (--full verifies every entry)")


def _whole(store: SqliteLedgerStore, settings: Settings) -> Finding:
    report = compose.verify_ledger(settings, store)
    if report.verdict is not None and report.sound:
        seen = f"{report.verdict.size} entries and {report.blobs} texts verify"
        return checks.ok(
            "ledger", f"{seen}, {report.verdict.signed} of {report.verdict.checkpoints} checkpoints signed"
        )
    return checks.fail(
        "ledger", report.findings[0].detail, "see `warden ledger verify`; nothing is executed until then"
    )


def _newest_entry(store: SqliteLedgerStore) -> datetime | None:
    from warden.ledger.entry import parse_entry, parse_time

    row = store.read(
        lambda connection: connection.execute("SELECT raw FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    )
    return parse_time(parse_entry(row[0]).at) if row else None


def _lock(settings: Settings, full: bool) -> Iterator[Finding]:
    if not settings.locks_dir.exists():
        yield checks.ok("lock", "free")
        return
    holder = compose.build_locks(settings).holder(f"cycle-{settings.agent}")
    if holder:
        told = ", ".join(f"{name} {quote(holder[name])}" for name in sorted(holder))
        yield checks.ok("lock", f"held by {told}")
    else:
        yield checks.ok("lock", "free")


def _hub(settings: Settings, full: bool) -> Iterator[Finding]:
    yield checks.check_transport(settings.hub.url, settings.hub.token.is_set)
    if settings.hub.url is None and not settings.hub_file.exists():
        yield checks.ok("hub", "embedded, made on first use")
        return
    hub = compose.open_hub(settings)
    try:
        traits = hub.traits()
        yield checks.check_traits(traits, quote(settings.hub.url) if settings.hub.url else "embedded")
        page = hub.list_unread(settings.agent, limit=LISTED)
    finally:
        hub.close()
    keys = [message.key for message in page.messages]
    decided = 0
    if keys and compose.ledger_files(settings).exists():
        store = compose.read_ledger(settings)
        try:
            decided = len(store.dispositions(keys))
        finally:
            store.close()
    yield checks.check_inbox(len(keys), decided, traits.pages, traits.page_size)


def _schedule(settings: Settings, full: bool) -> Iterator[Finding]:
    from warden.cli.schedule_parts import read_health, reading_if_any
    from warden.cli.scheduled import configured_quiet, configured_timetable
    from warden.schedule.gate import NOT_ENABLED
    from warden.schedule.health import recurs_like_a_timer
    from warden.store import schedule

    table = configured_timetable(settings)
    configured_quiet(settings)
    health = read_health(settings)
    for problem in health.problems:
        yield checks.fail("schedule", f"{problem.code}: {problem.text}", problem.advice)
    if health.healthy:
        yield checks.ok("schedule", f"gate {health.gate.text}, {health.missed} ticks missed")
    if health.gate.reason != NOT_ENABLED.reason and health.next_tick is None and table is None:
        yield checks.warn(
            "timer",
            "no timer has said how often it calls: a missed pass would not be noticed",
            "give its `warden worker run --once --scheduled` an `--every 5m`; `warden schedule install` writes it",
        )
    with reading_if_any(settings) as store:
        starts = store.read(lambda connection: schedule.read_headless_runs(connection, settings.agent)) if store else ()
    interval_s = recurs_like_a_timer(starts)
    if interval_s is not None:
        yield checks.warn(
            "by hand",
            f"`warden worker run --execute` recurs without a terminal, every {interval_s} s: a timer seems to call it",
            "let the timer call `warden worker run --once --scheduled`, which looks at the gate",
        )


def _guard(settings: Settings, full: bool) -> Iterator[Finding]:
    scanner = compose.build_scanner(settings)
    second = ", with kingfisher" if settings.guard.kingfisher else ""
    yield checks.ok("guard", f"{scanner.digest}{second}")


def _model(settings: Settings, full: bool) -> Iterator[Finding]:
    from warden.cli.model_doctor import examine_model

    yield from examine_model(settings)


def _alerts(settings: Settings, full: bool) -> Iterator[Finding]:
    from warden.cli.observing_doctor import examine_alerts

    yield from examine_alerts(settings, full)


def _onlookers(settings: Settings, full: bool) -> Iterator[Finding]:
    from warden.cli.observing_doctor import examine_onlookers

    yield from examine_onlookers(settings, full)


def _extras(settings: Settings, full: bool) -> Iterator[Finding]:
    from importlib.util import find_spec

    found = [name for name, module in EXTRAS.items() if find_spec(module)]
    yield checks.ok("extras", ", ".join(found) or "none installed")
