"""One timeline of an event: what came in, why it was assigned, when it was delivered, what became of it.

What it does: puts together what the file of events knows (delivery, claim, tasks, answers, reports) and what the ledger knows
(plan, decisions, attempts, receipts, outcomes, disposition). What it does not: change anything. The ledger is opened for
reading when it is first asked; before the first run there is none, and a timeline has only its first part.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

from warden.errors import LedgerError, StateError
from warden.hubs.workload_reports import ReportFile
from warden.model.delivery import WorkloadStart
from warden.model.ids import MessageKey
from warden.server.intake.moments import moment
from warden.store import workloads
from warden.store.trails import read_decisions, read_trail

if TYPE_CHECKING:
    from sqlite3 import Connection

    from warden.hubs.capabilities import Capability
    from warden.hubs.database import Database
    from warden.ledger.entry import StoredEntry
    from warden.model.script_run import ScriptRunRecord
    from warden.model.workload import WorkloadRecord
    from warden.ports import Clock
    from warden.store.sqlite import SqliteLedgerStore

T = TypeVar("T")

TASKS_OF_ONE = 64
RUNS_OF_ONE = 32
_FIELDS = {
    "planned": ("brain", "reason", "kinds"),
    "decided": ("kind", "effect", "rule_ids", "secret_kinds", "errors", "snapshot"),
    "intended": ("kind", "channel", "key", "rule_ids"),
    "attempted": ("key", "number"),
    "received": ("key", "number", "remote_id", "replayed"),
    "faulted": ("key", "number", "fault", "next", "detail", "retry_in_ms"),
    "outcome_reported": ("key", "status", "event_id"),
    "disposed": ("disposition", "reason"),
    "closed": ("by", "disposition"),
    "dead_retried": ("key", "by"),
    "dead_dropped": ("key", "by"),
    "review_asked": ("kind", "rule_ids"),
    "reopened": ("by_message_id",),
    "alert_raised": ("code",),
}
"""What a step of a timeline shows of its entry: no digests of texts, and never a text."""


class Trails:
    """Reads for the API. `open_ledger` raises `StateError` while there is none. Safe to call from several threads."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        agent: str,
        open_ledger: Callable[[], SqliteLedgerStore],
        runs_of: Callable[[str], tuple[ScriptRunRecord, ...]] = lambda key: (),
    ) -> None:
        self._database = database
        self._agent = agent
        self._open = open_ledger
        self._runs_of = runs_of
        self._reports = ReportFile(database, clock)
        self._store: SqliteLedgerStore | None = None
        self._turn = Lock()

    def close(self) -> None:
        """Give the ledger back."""
        with self._turn:
            if self._store is not None:
                self._store.close()
                self._store = None

    def _ledger(self, question: Callable[[Connection], T]) -> T | None:
        """Return the answer of the ledger, None while there is none."""
        with self._turn:
            if self._store is None:
                try:
                    self._store = self._open()
                except StateError:
                    return None
            store = self._store
        return store.read(question)

    # -- workloads

    def workload(self, workload_id: str) -> tuple[WorkloadRecord, str] | None:
        """Return a workload and its action (empty when its text was purged), None for one that is not ours."""
        record = self._ledger(lambda c: workloads.read_workload(c, workload_id))
        if record is None or record.message.agent != self._agent:
            return None
        return record, self._start(workload_id).get("action", "")

    def _start(self, workload_id: str) -> dict[str, str]:
        assert self._store is not None  # its record was read from it
        try:
            found = self._store.intent(workload_id)
        except (StateError, LedgerError):  # over, and its text was purged or archived
            return {}
        payload = None if found is None else found.intent.payload
        if not isinstance(payload, WorkloadStart):
            return {}
        return {"source": payload.source, "action": payload.action, "event_id": payload.event_id}

    def workload_page(self, state: str, before: int | None, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """Return one page of workloads, newest first, and where it ended when there is more."""
        rows = self._ledger(lambda c: workloads.read_workloads(c, self._agent, state, before, limit + 1)) or ()
        more = len(rows) > limit
        page = [workload_document(record) for _, record in rows[:limit]]
        return page, rows[limit - 1][0] if more else None

    def workload_detail(self, workload_id: str) -> dict[str, Any] | None:
        """Return one workload with all that was heard of it and its message's timeline."""
        known = self.workload(workload_id)
        if known is None:
            return None
        record, _ = known
        return {
            **workload_document(record),
            **{name: value for name, value in self._start(workload_id).items() if name != "event_id"},
            "heard": self._heard(workload_id),
            "steps": self._steps(record.message),
        }

    def _heard(self, workload_id: str) -> list[dict[str, Any]]:
        names = ("event_id", "status", "occurred_at", "details", "received_at", "state")
        rows = [dict(zip(names, row, strict=True)) for row in self._reports.heard(workload_id)]
        return [{**row, "received_at": moment(row["received_at"])} for row in rows]

    # -- decisions

    def decision_page(self, before: int | None, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """Return one page of the kernel's decisions, newest first, and where it ended when there may be more."""
        entries = self._ledger(lambda c: read_decisions(c, before, limit)) or ()
        page = [{"seq": entry.seq, "message": _message_id(entry), **_step(entry)} for entry in entries]
        return page, entries[-1].seq if len(entries) == limit else None

    # -- events

    def event_page(self, source: str, before: int | None, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """Return one page of events, newest first, of one source when it is named."""
        rows = self._database.read(
            _EVENTS + "WHERE (?1 = '' OR source = ?1) AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3",
            (source, before, limit + 1),
        )
        return [_event(row) for row in rows[:limit]], int(str(rows[limit - 1][0])) if len(rows) > limit else None

    def timeline(self, number: int) -> dict[str, Any] | None:
        """Return the whole story of one event, None when there is no such event (any more)."""
        row = self._database.read_one(_EVENTS + "WHERE id = ?", (number,))
        if not row:
            return None
        claims = self._database.read(
            "SELECT client, at FROM claims WHERE client = ? AND answer LIKE ? ORDER BY at LIMIT 8",
            (row[1], f'{{"event": "d{number}",%'),
        )
        tasks = self._database.read(
            "SELECT id, rule_set, rule, does, key, state, reason, made_at, taken_at, done_at FROM tasks WHERE delivery = ?"
            " ORDER BY id LIMIT ?",
            (number, TASKS_OF_ONE),
        )
        return {
            **_event(row),
            "claims": [{"client": client, "at": moment(cast(float, at))} for client, at in claims],
            "tasks": [self._task(task) for task in tasks],
        }

    def number_of(self, text: str) -> int | None:
        """Return the number of the event that `d12` or its task `e7` names, None for neither."""
        digits = text[1:]
        if text[:1] not in ("d", "e") or not digits.isascii() or not digits.isdigit() or len(digits) > 15:
            return None
        if text[0] == "d":
            return int(digits)
        row = self._database.read_one("SELECT delivery FROM tasks WHERE id = ?", (int(digits),))
        return int(str(row[0])) if row else None

    def _task(self, row: tuple[Any, ...]) -> dict[str, Any]:
        key = MessageKey(self._database.hub_id, self._agent, f"e{row[0]}")
        found = self._ledger(lambda c: workloads.read_of_message(c, key)) or ()
        steps = self._steps(key)
        deliveries = [step["key"] for step in steps if step["kind"] == "intended" and step["channel"] == "script"]
        answers = self._database.read(
            "SELECT subject, body, made_at FROM answers WHERE task = ? ORDER BY id LIMIT 20", (row[0],)
        )
        return {
            "task": f"e{row[0]}",
            "rule": f"{row[1]}/{row[2]}",
            "does": row[3],
            "key": row[4],
            "state": row[5],
            "reason": row[6],
            "made_at": moment(row[7]),
            "taken_at": moment(row[8]),
            "done_at": moment(row[9]),
            "workloads": [{**workload_document(record), "heard": self._heard(record.workload_id)} for record in found],
            "runs": [run_document(run) for delivery in deliveries for run in self._runs_of(delivery)[:RUNS_OF_ONE]],
            "answers": [
                {"subject": subject, "body": body, "at": moment(cast(float, at))} for subject, body, at in answers
            ],
            "steps": steps,
        }

    def _steps(self, key: MessageKey) -> list[dict[str, Any]]:
        return [_step(entry) for entry in self._ledger(lambda c: read_trail(c, key)) or ()]


_EVENTS = (
    "SELECT id, source, delivery_id, event, type, action, repository, number, branch, labels, sender, trust, assurance,"
    " received_at, state, reason, origin FROM deliveries "
)


def _event(row: tuple[Any, ...]) -> dict[str, Any]:
    names = ("source", "delivery_id", "event", "type", "action", "repository", "number", "branch")
    return {
        "event_id": f"d{row[0]}",
        **dict(zip(names, row[1:9], strict=True)),
        "labels": row[9].split("\n") if row[9] else [],
        **dict(zip(("sender", "trust", "assurance"), row[10:13], strict=True)),
        "received_at": moment(row[13]),
        **dict(zip(("state", "reason", "origin"), row[14:17], strict=True)),
    }


def _message_id(entry: StoredEntry) -> str:
    return str(cast(dict[str, object], entry.fields["ref"])["message_id"])


def _step(entry: StoredEntry) -> dict[str, Any]:
    names = _FIELDS.get(entry.kind, ())
    return {"at": entry.at, "kind": entry.kind, **{_name(name): entry.fields[name] for name in names}}


def _name(field: str) -> str:
    return "action" if field == "kind" else field


def workload_document(record: WorkloadRecord) -> dict[str, Any]:
    """Return what people and clients are told of a workload."""
    return {
        "workload_id": record.workload_id,
        "state": record.state.value,
        "ended": record.state.ended,
        "task": record.message.message_id,
        "sender": record.sender,
        "thread": record.thread_id,
        "try": record.ordinal + 1,
        "intended_at": moment(record.intended_at),
        "delivered_at": moment(record.delivered_at),
        "heard_at": moment(record.touched_at),
        "ended_at": moment(record.ended_at),
        "reports": record.reports,
    }


def run_document(run: ScriptRunRecord) -> dict[str, Any]:
    """Return what people and clients are told of a script's run; its output is redacted."""
    return {
        "key": run.key,
        "number": run.number,
        "rule": run.rule,
        "began_at": run.began_at,
        "ended_at": run.ended_at or None,
        "status": run.status or "unknown",
        "output": run.output,
    }


def capability_document(one: Capability, now: float) -> dict[str, Any]:
    """Return what people and clients are told of a grant: never a token or its hash."""
    return {
        "id": one.id,
        "workload_id": one.workload_id,
        "name": one.name,
        "hook": one.hook,
        "operations": list(one.operations),
        "max_uses": one.max_uses,
        "uses": one.uses,
        "refused": one.refused,
        "state": one.state(now),
        "client": one.client,
        "issued_at": moment(one.issued_at),
        "expires_at": moment(one.expires_at),
        "used_at": moment(one.used_at),
        "revoked_at": moment(one.revoked_at),
        "revoked_for": one.revoked_for,
    }
