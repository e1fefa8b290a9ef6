"""The part of `intake.db` that is about workloads: what was heard of them, what they were granted, what clients asked for.

`reports` are lifecycle reports as they were heard, until a run takes them into the ledger; `ended` are the workloads that are
over, whoever said so; `capabilities` are grants, their tokens as hashes only; `claims` are what clients asked for under an
idempotency key, with the answer that they got.
"""

from __future__ import annotations

WORKLOAD_SCHEMA = """
CREATE TABLE reports (
  number INTEGER PRIMARY KEY AUTOINCREMENT, workload_id TEXT NOT NULL, event_id TEXT NOT NULL, status TEXT NOT NULL,
  occurred_at TEXT NOT NULL, details TEXT NOT NULL, received_at REAL NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
  UNIQUE (workload_id, event_id));
CREATE INDEX reports_waiting ON reports (number) WHERE state = 'waiting';
CREATE INDEX reports_received ON reports (received_at);
CREATE TABLE ended (workload_id TEXT PRIMARY KEY, at REAL NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX ended_at ON ended (at);
CREATE TABLE capabilities (
  id INTEGER PRIMARY KEY AUTOINCREMENT, workload_id TEXT NOT NULL, name TEXT NOT NULL, hook TEXT NOT NULL,
  operations TEXT NOT NULL, max_uses INTEGER NOT NULL, uses INTEGER NOT NULL, refused INTEGER NOT NULL,
  hash TEXT NOT NULL UNIQUE, client TEXT NOT NULL, issued_at REAL NOT NULL, expires_at REAL NOT NULL, used_at REAL,
  revoked_at REAL, revoked_for TEXT NOT NULL,
  UNIQUE (workload_id, name));
CREATE INDEX capabilities_revoked ON capabilities (revoked_at);
CREATE TABLE claims (
  client TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, status INTEGER NOT NULL, answer TEXT NOT NULL,
  at REAL NOT NULL, PRIMARY KEY (client, key)) WITHOUT ROWID;
CREATE INDEX claims_at ON claims (at);
"""
