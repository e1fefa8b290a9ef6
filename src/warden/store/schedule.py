"""What entries mean for unattended running: passes that count, sign-offs, gates, ticks, last runs; and reading it.

The functions that take an entry's fields are called by `projections.project` only. Tables that could grow without end are
trimmed as a function of the entries alone, so that a rebuild gives the same rows.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from warden.errors import TransitionError
from warden.model.alerts import GATE_DRIFT, RUN_FAILED, SCHEDULE_MISSED, STANDING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from warden.model.schedule import Alert, Basis, Enabled, Evidence, JobRecord, RunRecord, Scope, ShakedownRecord

    Fields = Mapping[str, Any]

TICKS_KEPT = 5_000
"""INVARIANT (bounded): ticks of one job whose claims are remembered one by one: three days and more of every minute."""
HEADLESS_KEPT = 24
ATTEMPTS = 3
"""How often an interrupted tick is claimed at most."""
LAST, GOOD, SCHEDULED = "last", "good", "scheduled"
"""The slots of `last_runs`: the last run of an agent, the last that went through, the last that a schedule started."""
ANCHORED = "anchored"
FAULTS = "faults"
"""Name of the count in `run_finished` of messages that no brain could plan."""
_BASIS = ("charter_digest", "snapshot", "brain_digest", "catalog_digest")
_WHERE = "agent = ? AND hub_id = ? AND charter_digest = ? AND snapshot = ? AND brain_digest = ? AND catalog_digest = ?"


def _key(fields: Fields) -> tuple[str, ...]:
    return (fields["agent"], fields["hub_id"], *(fields[name] for name in _BASIS))


def run_started(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """Remember the run until it ends; one that was killed is forgotten when the agent's next one starts."""
    connection.execute(
        "INSERT OR REPLACE INTO open_runs VALUES (?,?,?,?,?,?,?,?,?,0)",
        (
            fields["agent"], fields["run_id"], fields["mode"], fields["trigger"], fields["hub_id"],
            *(fields[name] for name in _BASIS),
        ),
    )  # fmt: skip
    if fields["mode"] == "execute" and fields["trigger"] == "headless":
        connection.execute("INSERT INTO headless_runs VALUES (?, ?, ?)", (seq, fields["agent"], at))
        connection.execute(
            "DELETE FROM headless_runs WHERE agent = ?1 AND seq NOT IN "
            "(SELECT seq FROM headless_runs WHERE agent = ?1 ORDER BY seq DESC LIMIT ?2)",
            (fields["agent"], HEADLESS_KEPT),
        )


def alert_raised(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """Policies that could not be loaded make a run one that proves nothing; an alert of the schedule stands until something
    ends it."""
    if fields["run_id"] is not None and fields["code"] == "policies":
        connection.execute("UPDATE open_runs SET alerts = alerts + 1 WHERE run_id = ?", (fields["run_id"],))
    elif fields["code"] in STANDING:
        agent, _, detail = fields["subject"].partition(": ")
        connection.execute(
            "INSERT OR REPLACE INTO standing_alerts VALUES (?, ?, ?, ?)", (agent, fields["code"], detail, at)
        )


def _end_alerts(connection: sqlite3.Connection, agent: str, *codes: str) -> None:
    connection.executemany(
        "DELETE FROM standing_alerts WHERE agent = ? AND code = ?", [(agent, code) for code in codes]
    )


def run_finished(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """Note the end of a run, and count it as evidence when it is."""
    row = connection.execute(
        "DELETE FROM open_runs WHERE run_id = ? RETURNING agent, mode, started_by, hub_id, charter_digest, snapshot, "
        "brain_digest, catalog_digest, alerts",
        (fields["run_id"],),
    ).fetchone()
    if row is None:
        return
    agent, mode, started_by, alerts = row[0], row[1], row[2], row[8]
    good = fields["exit_status"] == 0 and not fields["stopped"]
    slots = [LAST] + [GOOD] * good + [SCHEDULED] * (started_by == "scheduled")
    end = (fields["run_id"], mode, started_by, fields["exit_status"], fields["stopped"], at)
    connection.executemany(
        "INSERT OR REPLACE INTO last_runs VALUES (?,?,?,?,?,?,?,?)", [(agent, slot, *end) for slot in slots]
    )
    if good:
        _end_alerts(connection, agent, RUN_FAILED, SCHEDULE_MISSED)
    if mode == "execute" and started_by == "scheduled":
        _end_alerts(connection, agent, GATE_DRIFT)
    clean = good and not alerts and not fields["counts"].get(FAULTS)
    # A run that judged nothing names no snapshot, and one of an earlier warden may lack a digest: neither proves anything.
    basis = row[4:8]
    if clean and all(basis) and (mode == "dry-run" or (mode == "execute" and started_by != "scheduled")):
        connection.execute(
            "INSERT INTO passes VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET dry = dry + excluded.dry, "
            "executed = executed + excluded.executed",
            (agent, row[3], *basis, int(mode == "dry-run"), int(mode == "execute")),
        )


def shakedown_finished(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """A report exists that a person may sign off."""
    connection.execute(
        "INSERT OR REPLACE INTO shakedowns VALUES (?,?,?,?,?,?,?,?,?)",
        (fields["report_digest"], seq, *_key(fields), at),
    )


def schedule_approved(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """A person signed a report off; raises `TransitionError` for a report that no shakedown made on this basis."""
    row = connection.execute(
        f"SELECT 1 FROM shakedowns WHERE report_digest = ? AND {_WHERE}",  # noqa: S608 - a constant
        (fields["report_digest"], *_key(fields)),
    ).fetchone()
    if row is None:
        raise TransitionError("a report that no shakedown made cannot be signed off")
    connection.execute(
        "INSERT OR REPLACE INTO approvals VALUES (?,?,?,?,?,?,?,?,?)",
        (*_key(fields), fields["by"], at, fields["report_digest"]),
    )


def schedule_enabled(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """The gate is open; raises `TransitionError` without a sign-off, a dry pass and an executed pass on this basis."""
    evidence = read_evidence(connection, _key(fields))
    if not (evidence.approved_by and evidence.dry_passes and evidence.execute_passes):
        raise TransitionError("a schedule cannot be enabled before its passes and its sign-off are there")
    _end_alerts(connection, fields["agent"], GATE_DRIFT)
    connection.execute(
        "INSERT OR REPLACE INTO gates VALUES (?,?,?,?,?,?,?,?,?,?)",
        (*_key(fields), fields["policy_files_digest"], json.dumps(list(fields["allow_drift"])), fields["by"], at),
    )


def schedule_disabled(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """The gate is closed."""
    _end_alerts(connection, fields["agent"], GATE_DRIFT)
    connection.execute("DELETE FROM gates WHERE agent = ? AND hub_id = ?", (fields["agent"], fields["hub_id"]))


def schedule_anchored(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """From now on ticks of this job count: its first start, or a clock that was set back."""
    connection.execute(
        "INSERT INTO jobs VALUES (?1, ?2, ?3, ?4, 1, 0, 0, 0, ?3) ON CONFLICT (job) DO UPDATE SET last_ms = ?3, "
        "outcome = ?4, attempt = 1, touched_ms = ?3",
        (fields["job"], fields["agent"], at, ANCHORED),
    )


def tick_claimed(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """A tick belongs to who wrote this; raises `TransitionError` when it was claimed before and is not interrupted."""
    job, scheduled, attempt = fields["job"], fields["scheduled_ms"], fields["attempt"]
    row = connection.execute(
        "SELECT outcome FROM ticks WHERE job = ? AND scheduled_ms = ?", (job, scheduled)
    ).fetchone()
    standing = connection.execute("SELECT last_ms, attempt FROM jobs WHERE job = ?", (job,)).fetchone()
    again = row is not None and row[0] == "" and standing == (scheduled, attempt - 1) and attempt <= ATTEMPTS
    if not again and (row is not None or attempt != 1):
        raise TransitionError("a tick that was claimed before cannot be claimed")
    connection.execute("INSERT OR REPLACE INTO ticks VALUES (?, ?, ?, '')", (job, scheduled, seq))
    connection.execute(
        "DELETE FROM ticks WHERE job = ?1 AND seq <= (SELECT seq FROM ticks WHERE job = ?1 ORDER BY seq DESC "
        "LIMIT 1 OFFSET ?2)",
        (job, TICKS_KEPT),
    )
    connection.execute(
        "INSERT INTO jobs VALUES (?1, ?2, ?3, '', ?4, ?5, 0, 0, ?6) ON CONFLICT (job) DO UPDATE SET last_ms = ?3, "
        "outcome = '', attempt = ?4, missed = missed + ?5, touched_ms = ?6",
        (job, fields["agent"], scheduled, attempt, fields["missed"], at),
    )


def tick_finished(connection: sqlite3.Connection, seq: int, at: int, fields: Fields) -> None:
    """A tick ended; raises `TransitionError` for one that is not claimed, or ended before."""
    job, scheduled, outcome = fields["job"], fields["scheduled_ms"], fields["outcome"]
    ended = connection.execute(
        "UPDATE ticks SET outcome = ? WHERE job = ? AND scheduled_ms = ? AND outcome = ''", (outcome, job, scheduled)
    ).rowcount
    if not ended:
        raise TransitionError("a tick that is not claimed, or ended before, cannot end")
    connection.execute(
        "UPDATE jobs SET outcome = CASE WHEN last_ms = ?2 THEN ?3 ELSE outcome END, touched_ms = ?4, "
        "missed = missed + ?5, skipped = skipped + ?6, failed = failed + ?7 WHERE job = ?1",
        (job, scheduled, outcome, at, outcome == "missed", outcome == "skipped", outcome in ("failed", "interrupted")),
    )


def read_evidence(connection: sqlite3.Connection, key: Sequence[str]) -> Evidence:
    """Return what there is for (agent, hub_id, charter, snapshot, brain, catalogue)."""
    from warden.model.schedule import Evidence
    from warden.store.queries import moment

    passes = connection.execute(f"SELECT dry, executed FROM passes WHERE {_WHERE}", key).fetchone()  # noqa: S608
    approval = connection.execute(
        f"SELECT approved_by, at_ms, report_digest FROM approvals WHERE {_WHERE}",  # noqa: S608 - a constant
        key,
    ).fetchone()
    dry, executed = passes or (0, 0)
    if approval is None:
        return Evidence(dry, executed)
    return Evidence(dry, executed, approval[0], moment(approval[1]), approval[2])


def evidence_key(scope: Scope, basis: Basis) -> tuple[str, ...]:
    """Return the key that `read_evidence` takes."""
    return (
        scope.agent, scope.hub_id, basis.charter_digest, basis.snapshot, basis.brain_digest, basis.catalog_digest,
    )  # fmt: skip


def read_gates(connection: sqlite3.Connection, agent: str) -> tuple[Enabled, ...]:
    """Return the agent's open gates, by hub."""
    from warden.model.schedule import Basis, Enabled, Scope
    from warden.store.queries import moment

    rows = connection.execute(
        "SELECT agent, hub_id, charter_digest, snapshot, brain_digest, catalog_digest, policy_files_digest, allow_drift, "
        "enabled_by, at_ms FROM gates WHERE agent = ? ORDER BY hub_id",
        (agent,),
    )
    return tuple(
        Enabled(Scope(row[0], row[1]), Basis(*row[2:6]), row[6], row[8], moment(row[9]), tuple(json.loads(row[7])))
        for row in rows
    )


def read_shakedown(connection: sqlite3.Connection, agent: str, report_digest: str | None) -> ShakedownRecord | None:
    """Return the agent's report with this digest, the newest for None; None when there is none."""
    from warden.model.schedule import Basis, Scope, ShakedownRecord
    from warden.store.queries import moment

    row = connection.execute(
        "SELECT report_digest, agent, hub_id, charter_digest, snapshot, brain_digest, catalog_digest, at_ms "
        "FROM shakedowns WHERE agent = ?1 AND (?2 IS NULL OR report_digest = ?2) ORDER BY seq DESC LIMIT 1",
        (agent, report_digest),
    ).fetchone()
    return None if row is None else ShakedownRecord(row[0], Scope(row[1], row[2]), Basis(*row[3:7]), moment(row[7]))


def read_last_runs(connection: sqlite3.Connection, agent: str) -> dict[str, RunRecord]:
    """Return the agent's last runs by slot."""
    from warden.model.schedule import RunRecord
    from warden.store.queries import moment

    rows = connection.execute(
        "SELECT slot, run_id, mode, started_by, exit_status, stopped, at_ms FROM last_runs WHERE agent = ?", (agent,)
    )
    return {row[0]: RunRecord(row[1], row[2], row[3], row[4], row[5], moment(row[6])) for row in rows}


def read_headless_runs(connection: sqlite3.Connection, agent: str) -> tuple[int, ...]:
    """Return when the agent's last executing runs without a terminal and without a schedule began, in milliseconds."""
    rows = connection.execute("SELECT at_ms FROM headless_runs WHERE agent = ? ORDER BY seq", (agent,))
    return tuple(row[0] for row in rows)


def read_jobs(connection: sqlite3.Connection, agent: str, job: str | None = None) -> tuple[JobRecord, ...]:
    """Return the agent's schedules, or the one named `job`, the one that was touched last first."""
    from warden.model.schedule import JobRecord
    from warden.store.queries import moment

    rows = connection.execute(
        "SELECT job, agent, last_ms, outcome, attempt, missed, skipped, failed, touched_ms FROM jobs "
        "WHERE agent = ?1 AND (?2 IS NULL OR job = ?2) ORDER BY touched_ms DESC, job",
        (agent, job),
    )
    return tuple(
        JobRecord(row[0], row[1], moment(row[2]), row[3], row[4], row[5], row[6], row[7], moment(row[8]))
        for row in rows
    )


def read_alerts(connection: sqlite3.Connection, agent: str) -> tuple[Alert, ...]:
    """Return the agent's alerts that stand, by code."""
    from warden.model.schedule import Alert
    from warden.store.queries import moment

    rows = connection.execute("SELECT code, detail, at_ms FROM standing_alerts WHERE agent = ? ORDER BY code", (agent,))
    return tuple(Alert(row[0], row[1], moment(row[2])) for row in rows)


def is_claimed(connection: sqlite3.Connection, job: str, scheduled_ms: int) -> bool:
    """Return whether this tick was claimed, as far as claims are remembered."""
    row = connection.execute("SELECT 1 FROM ticks WHERE job = ? AND scheduled_ms = ?", (job, scheduled_ms)).fetchone()
    return row is not None


HANDLERS = {
    "alert_raised": alert_raised,
    "shakedown_finished": shakedown_finished,
    "schedule_approved": schedule_approved,
    "schedule_enabled": schedule_enabled,
    "schedule_disabled": schedule_disabled,
    "schedule_anchored": schedule_anchored,
    "tick_claimed": tick_claimed,
    "tick_finished": tick_finished,
}
