"""The tables of the ledger's database, its identity and its version."""

from __future__ import annotations

APPLICATION_ID = 0x77647231
"""`wdr1` in SQLite's header: the file is a ledger of warden."""
SCHEMA_VERSION = 7
"""Raised whenever a derived table changes its form: opening an older database makes them anew (`store.migration`)."""

LOG_TABLE_NAMES = frozenset({"entries", "checkpoints", "blobs"})
"""What is not derived, and keeps its form for ever."""

LOG_TABLES = """
CREATE TABLE entries (seq INTEGER PRIMARY KEY, raw BLOB NOT NULL);
CREATE TABLE checkpoints (
  size INTEGER PRIMARY KEY,
  entry_digest TEXT NOT NULL,
  frontier BLOB NOT NULL,
  note TEXT NOT NULL
);
CREATE TABLE blobs (digest TEXT PRIMARY KEY, kept_ms INTEGER NOT NULL, bytes BLOB NOT NULL);
"""

PROJECTION_TABLES = """
CREATE TABLE dispositions (
  hub_id TEXT NOT NULL, agent TEXT NOT NULL, message_id TEXT NOT NULL,
  disposition TEXT NOT NULL, reason TEXT NOT NULL, sender TEXT NOT NULL, thread_id TEXT NOT NULL,
  run_id TEXT NOT NULL, at_ms INTEGER NOT NULL, reopened INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (hub_id, agent, message_id)
) WITHOUT ROWID;
CREATE INDEX escalations ON dispositions (hub_id, agent, sender, thread_id) WHERE disposition = 'escalated';
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
  hub_id TEXT NOT NULL, agent TEXT NOT NULL, message_id TEXT NOT NULL,
  thread_id TEXT NOT NULL, sender TEXT NOT NULL, kind TEXT NOT NULL, ordinal INTEGER NOT NULL,
  channel TEXT NOT NULL, action_digest TEXT NOT NULL, payload_digest TEXT NOT NULL,
  is_reply INTEGER NOT NULL, stage INTEGER NOT NULL, closes TEXT NOT NULL, rule_ids TEXT NOT NULL,
  snapshot TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
  intended_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,
  last_fault TEXT NOT NULL, remote_id TEXT NOT NULL,
  spent INTEGER NOT NULL, doubtful INTEGER NOT NULL
);
CREATE INDEX outbox_open ON outbox (hub_id, agent, due_ms) WHERE state = 'open';
CREATE INDEX outbox_stuck ON outbox (state) WHERE state IN ('in_doubt', 'dead');
CREATE INDEX outbox_message ON outbox (hub_id, agent, message_id, stage);
CREATE INDEX outbox_replies ON outbox (agent, intended_ms, thread_id, sender) WHERE is_reply = 1;
CREATE TABLE outcomes (
  correlation_id TEXT NOT NULL, event_id TEXT NOT NULL, seq INTEGER NOT NULL, key TEXT NOT NULL,
  status TEXT NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (correlation_id, event_id)
) WITHOUT ROWID;
CREATE TABLE workloads (
  workload_id TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, hub_id TEXT NOT NULL, agent TEXT NOT NULL,
  message_id TEXT NOT NULL, sender TEXT NOT NULL, thread_id TEXT NOT NULL, ordinal INTEGER NOT NULL, state TEXT NOT NULL,
  intended_ms INTEGER NOT NULL, touched_ms INTEGER NOT NULL, delivered_ms INTEGER, ended_ms INTEGER,
  reports INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX workloads_silent ON workloads (hub_id, agent, touched_ms)
  WHERE state IN ('delivered', 'running', 'preempted');
CREATE INDEX workloads_message ON workloads (hub_id, agent, message_id);
CREATE TABLE velocity (
  bucket TEXT NOT NULL, at_ms INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (bucket, at_ms, seq)
) WITHOUT ROWID;
CREATE TABLE plans (
  plan_digest TEXT PRIMARY KEY, run_id TEXT NOT NULL, made_ms INTEGER NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE dry_runs (run_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE segments (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, segment TEXT NOT NULL, file_digest TEXT NOT NULL);
CREATE TABLE progress_cursors (
  hub_id TEXT NOT NULL, agent TEXT NOT NULL, cursor TEXT NOT NULL,
  PRIMARY KEY (hub_id, agent)
) WITHOUT ROWID;
CREATE TABLE excused_heads (first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (first, last)) WITHOUT ROWID;
CREATE TABLE answers (input_digest TEXT PRIMARY KEY, answer_digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE consultations (
  seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, run_id TEXT NOT NULL, sender TEXT NOT NULL,
  calls INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
  cost_microunits INTEGER, wall_ms INTEGER NOT NULL
);
CREATE INDEX consultations_time ON consultations (at_ms, sender);
CREATE INDEX consultations_run ON consultations (run_id);
CREATE TABLE open_runs (
  agent TEXT PRIMARY KEY, run_id TEXT NOT NULL, mode TEXT NOT NULL, started_by TEXT NOT NULL, hub_id TEXT NOT NULL,
  charter_digest TEXT, snapshot TEXT NOT NULL, brain_digest TEXT, catalog_digest TEXT, alerts INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE last_runs (
  agent TEXT NOT NULL, slot TEXT NOT NULL, run_id TEXT NOT NULL, mode TEXT NOT NULL, started_by TEXT NOT NULL,
  exit_status INTEGER NOT NULL, stopped TEXT NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (agent, slot)
) WITHOUT ROWID;
CREATE TABLE headless_runs (seq INTEGER PRIMARY KEY, agent TEXT NOT NULL, at_ms INTEGER NOT NULL);
CREATE TABLE passes (
  agent TEXT NOT NULL, hub_id TEXT NOT NULL,
  charter_digest TEXT NOT NULL, snapshot TEXT NOT NULL, brain_digest TEXT NOT NULL, catalog_digest TEXT NOT NULL,
  dry INTEGER NOT NULL, executed INTEGER NOT NULL,
  PRIMARY KEY (agent, hub_id, charter_digest, snapshot, brain_digest, catalog_digest)
) WITHOUT ROWID;
CREATE TABLE shakedowns (
  report_digest TEXT PRIMARY KEY, seq INTEGER NOT NULL, agent TEXT NOT NULL, hub_id TEXT NOT NULL,
  charter_digest TEXT NOT NULL, snapshot TEXT NOT NULL, brain_digest TEXT NOT NULL, catalog_digest TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE approvals (
  agent TEXT NOT NULL, hub_id TEXT NOT NULL,
  charter_digest TEXT NOT NULL, snapshot TEXT NOT NULL, brain_digest TEXT NOT NULL, catalog_digest TEXT NOT NULL,
  approved_by TEXT NOT NULL, at_ms INTEGER NOT NULL, report_digest TEXT NOT NULL,
  PRIMARY KEY (agent, hub_id, charter_digest, snapshot, brain_digest, catalog_digest)
) WITHOUT ROWID;
CREATE TABLE gates (
  agent TEXT NOT NULL, hub_id TEXT NOT NULL,
  charter_digest TEXT NOT NULL, snapshot TEXT NOT NULL, brain_digest TEXT NOT NULL, catalog_digest TEXT NOT NULL,
  policy_files_digest TEXT NOT NULL, allow_drift TEXT NOT NULL, enabled_by TEXT NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (agent, hub_id)
) WITHOUT ROWID;
CREATE TABLE jobs (
  job TEXT PRIMARY KEY, agent TEXT NOT NULL, last_ms INTEGER NOT NULL, outcome TEXT NOT NULL, attempt INTEGER NOT NULL,
  missed INTEGER NOT NULL, skipped INTEGER NOT NULL, failed INTEGER NOT NULL, touched_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE ticks (
  job TEXT NOT NULL, scheduled_ms INTEGER NOT NULL, seq INTEGER NOT NULL, outcome TEXT NOT NULL,
  PRIMARY KEY (job, scheduled_ms)
) WITHOUT ROWID;
CREATE INDEX ticks_by_claim ON ticks (job, seq);
CREATE TABLE standing_alerts (
  agent TEXT NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (agent, code)
) WITHOUT ROWID;
CREATE TABLE tallies (
  agent TEXT NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL, value INTEGER NOT NULL,
  PRIMARY KEY (agent, name, label)
) WITHOUT ROWID;
CREATE TABLE alerts (seq INTEGER PRIMARY KEY, agent TEXT NOT NULL, code TEXT NOT NULL, at_ms INTEGER NOT NULL);
CREATE TABLE notices (
  agent TEXT NOT NULL, target TEXT NOT NULL, subject TEXT NOT NULL, state TEXT NOT NULL,
  reminders INTEGER NOT NULL, at_ms INTEGER NOT NULL, seq INTEGER NOT NULL UNIQUE,
  PRIMARY KEY (agent, target, subject)
);
CREATE TABLE notice_messages (
  message_id TEXT PRIMARY KEY, agent TEXT NOT NULL, target TEXT NOT NULL, at_ms INTEGER NOT NULL, seq INTEGER NOT NULL UNIQUE
);
CREATE TABLE notify_faults (
  agent TEXT NOT NULL, target TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (agent, target)
) WITHOUT ROWID;
CREATE TABLE sightings (
  hub_id TEXT NOT NULL, agent TEXT NOT NULL, message_id TEXT NOT NULL, seq INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL, message_digest TEXT NOT NULL, text_digest TEXT NOT NULL,
  request_digest TEXT NOT NULL, action_kind TEXT NOT NULL,
  rules TEXT NOT NULL,
  PRIMARY KEY (hub_id, agent, message_id)
) WITHOUT ROWID;
CREATE TABLE review_items (
  number INTEGER PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, seq INTEGER NOT NULL,
  hub_id TEXT NOT NULL, agent TEXT NOT NULL, message_id TEXT NOT NULL, sender TEXT NOT NULL, thread_id TEXT NOT NULL,
  opened_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, reason TEXT NOT NULL, owner TEXT NOT NULL,
  action_kind TEXT NOT NULL, ordinal INTEGER NOT NULL, capability TEXT NOT NULL, action_digest TEXT NOT NULL,
  payload_digest TEXT NOT NULL, message_digest TEXT NOT NULL, request_digest TEXT NOT NULL, snapshot TEXT NOT NULL,
  rule_ids TEXT NOT NULL, requested_by TEXT NOT NULL, expires_ms INTEGER, delivery TEXT NOT NULL,
  released TEXT NOT NULL, verdict TEXT NOT NULL, decided_by TEXT NOT NULL, raised INTEGER NOT NULL, raised_ms INTEGER,
  messages INTEGER NOT NULL
);
CREATE INDEX review_live ON review_items (agent, number) WHERE state IN ('open', 'acknowledged');
CREATE INDEX review_open ON review_items (agent, coalesce(raised_ms, opened_ms)) WHERE state = 'open';
CREATE INDEX review_expiring ON review_items (agent, expires_ms)
  WHERE expires_ms IS NOT NULL AND state IN ('open', 'acknowledged');
CREATE INDEX review_threads ON review_items (hub_id, agent, sender, thread_id)
  WHERE kind = 'escalation' AND state IN ('open', 'acknowledged');
CREATE INDEX review_of_message ON review_items (hub_id, agent, message_id);
CREATE TABLE review_members (
  number INTEGER NOT NULL, hub_id TEXT NOT NULL, agent TEXT NOT NULL, message_id TEXT NOT NULL,
  UNIQUE (hub_id, agent, message_id, number)
);
CREATE INDEX review_members_of ON review_members (number);
CREATE TABLE review_votes (
  number INTEGER NOT NULL, voter TEXT NOT NULL, seq INTEGER NOT NULL, action_digest TEXT NOT NULL,
  message_digest TEXT NOT NULL, snapshot TEXT NOT NULL,
  PRIMARY KEY (number, voter)
) WITHOUT ROWID;
"""

PROJECTIONS = {
    "dispositions": "hub_id, agent, message_id",
    "outbox": "seq",
    "outcomes": "correlation_id, event_id",
    "workloads": "workload_id",
    "velocity": "bucket, at_ms, seq",
    "plans": "plan_digest",
    "dry_runs": "run_id",
    "segments": "first",
    "progress_cursors": "hub_id, agent",
    "excused_heads": "first, last",
    "answers": "input_digest",
    "consultations": "seq",
    "open_runs": "agent",
    "last_runs": "agent, slot",
    "headless_runs": "seq",
    "passes": "agent, hub_id, charter_digest, snapshot, brain_digest, catalog_digest",
    "shakedowns": "report_digest",
    "approvals": "agent, hub_id, charter_digest, snapshot, brain_digest, catalog_digest",
    "gates": "agent, hub_id",
    "jobs": "job",
    "ticks": "job, scheduled_ms",
    "standing_alerts": "agent, code",
    "tallies": "agent, name, label",
    "alerts": "seq",
    "notices": "agent, target, subject",
    "notice_messages": "message_id",
    "notify_faults": "agent, target",
    "sightings": "hub_id, agent, message_id",
    "review_items": "number",
    "review_members": "number, hub_id, agent, message_id",
    "review_votes": "number, voter",
}
"""The tables that are derived from the entries, each with the columns that order it."""


def create_script() -> str:
    """Return the statements that make an empty ledger's tables."""
    return LOG_TABLES + PROJECTION_TABLES


def version_script() -> str:
    """Return the statements that mark the file as ours."""
    return f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
