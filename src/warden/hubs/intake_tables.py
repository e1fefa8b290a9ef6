"""The schema of `intake.db`: what came in, what is to be done about it, what was refused, and who holds which issue.

`deliveries` are what sources sent, once each; their bodies are redacted before they get here. A `task` is what one rule set
made of a delivery: one message of the second source. `answers` and `progress` are what the worker says about them. Nothing
here is a decision: those are in the ledger.
"""

from __future__ import annotations

from warden.hubs.workload_tables import WORKLOAD_SCHEMA

_SCHEMA_1 = """
CREATE TABLE hub (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, delivery_id TEXT NOT NULL, event TEXT NOT NULL,
  type TEXT NOT NULL, action TEXT NOT NULL, repository TEXT NOT NULL, number TEXT NOT NULL, branch TEXT NOT NULL,
  labels TEXT NOT NULL, sender TEXT NOT NULL, trust TEXT NOT NULL, assurance TEXT NOT NULL, title TEXT NOT NULL,
  text TEXT NOT NULL, url TEXT NOT NULL, flags TEXT NOT NULL, body_digest TEXT NOT NULL, body BLOB, headers TEXT NOT NULL,
  received_at REAL NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, origin TEXT NOT NULL);
CREATE INDEX deliveries_received ON deliveries (received_at);
CREATE INDEX deliveries_state ON deliveries (state, id);
CREATE TABLE seen (
  source TEXT NOT NULL, name TEXT NOT NULL, delivery INTEGER NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (source, name)) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);
CREATE TABLE tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, delivery INTEGER NOT NULL, rule_set TEXT NOT NULL, rule TEXT NOT NULL,
  does TEXT NOT NULL, key TEXT NOT NULL, concurrency TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
  made_at REAL NOT NULL, taken_at REAL, done_at REAL, issue TEXT NOT NULL, fence INTEGER NOT NULL);
CREATE INDEX tasks_waiting ON tasks (id) WHERE state = 'waiting';
CREATE INDEX tasks_key ON tasks (key, id) WHERE state = 'waiting';
CREATE INDEX tasks_delivery ON tasks (delivery);
CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, reason TEXT NOT NULL, address TEXT NOT NULL,
  headers TEXT NOT NULL, headers_digest TEXT NOT NULL, body_digest TEXT NOT NULL, body_bytes INTEGER NOT NULL,
  body BLOB, received_at REAL NOT NULL, times INTEGER NOT NULL, last_at REAL NOT NULL);
CREATE INDEX quarantine_received ON quarantine (last_at);
CREATE TABLE answers (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task INTEGER NOT NULL, key TEXT UNIQUE, digest TEXT NOT NULL, agent TEXT NOT NULL,
  recipient TEXT NOT NULL, thread_id TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, metadata TEXT NOT NULL,
  made_at REAL NOT NULL);
CREATE INDEX answers_task ON answers (task);
CREATE TABLE progress (
  id INTEGER PRIMARY KEY AUTOINCREMENT, agent TEXT NOT NULL, key TEXT UNIQUE, digest TEXT NOT NULL, kind TEXT NOT NULL,
  summary TEXT NOT NULL, detail TEXT, message_id TEXT, thread_id TEXT, metadata TEXT NOT NULL, made_at REAL NOT NULL);
CREATE INDEX progress_agent ON progress (agent, id);
CREATE TABLE locks (
  name TEXT PRIMARY KEY, owner TEXT NOT NULL, fence INTEGER NOT NULL, state TEXT NOT NULL, taken_at REAL NOT NULL,
  expires_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE cursors (source TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (source, name)) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""

OPEN_TASKS = "state IN ('waiting', 'ruling', 'escalated')"
"""What the index of open tasks is about: a query that says it in these words is answered by it."""

_SCHEMA_3 = f"CREATE INDEX tasks_open ON tasks (state, id) WHERE {OPEN_TASKS};"

INTAKE_MIGRATIONS = (_SCHEMA_1, WORKLOAD_SCHEMA, _SCHEMA_3)
"""Entry n takes a file of version n to version n + 1; an entry that was released is never edited."""
