"""Bringing an older ledger's database forward, when a newer warden first opens it.

The log itself (entries, checkpoints, blobs) never changes its form: only the tables that are derived from it do. So a
migration is a rebuild: a copy of the database is kept, then every derived table is made anew from the entries and the
version is raised, in one transaction under the writer lock. A crash leaves the old version and, perhaps, a copy. There
is no way backward: an older warden refuses a newer file, and the copy is what it can be given.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

from warden.ledger.entry import format_time
from warden.store.connection import stored_version, transaction
from warden.store.durable import disk_errors, make_directory, sync_directory
from warden.store.segments import all_raws, all_records
from warden.store.tables import LOG_TABLE_NAMES, PROJECTION_TABLES, SCHEMA_VERSION
from warden.store.verification import fill_projections

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

COPIES = "backups"
"""The directory beside the database that keeps what a migration found."""


def rederive(connection: sqlite3.Connection, segments: Path | None) -> int:
    """Make every derived table anew from the entries, inside the caller's transaction, and return how many there are.

    Raises `LedgerError` when an entry does not follow from those before it.
    """
    raws = all_raws(all_records(connection, segments))  # names the archived parts before their table goes
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    for (table,) in tables.fetchall():
        if table not in LOG_TABLE_NAMES:
            connection.execute(f'DROP TABLE "{table}"')
    for statement in PROJECTION_TABLES.split(";"):
        connection.execute(statement)
    return fill_projections(connection, raws)


def migrate(connection: sqlite3.Connection, database: Path, segments: Path, now: datetime) -> Path | None:
    """Bring the database forward to the version that this warden knows; the caller holds the writer lock.

    Returns the copy that was kept of it, None when another process was faster. Raises `StateError` when the disk fails
    and `LedgerError` when the entries do not hold together: then nothing changed.
    """
    version = stored_version(connection)
    if version >= SCHEMA_VERSION:
        return None
    stamp = format_time(now).replace(":", "").replace(".", "")
    copy = _keep_copy(connection, database.parent / COPIES / f"{database.stem}-v{version}-{stamp}.db")
    with transaction(connection):
        rederive(connection, segments)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    return copy


def _keep_copy(connection: sqlite3.Connection, copy: Path) -> Path:
    make_directory(copy.parent)
    beside = copy.with_name(f".{copy.name}.{os.getpid()}")
    with disk_errors(copy):
        try:
            os.close(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            target = sqlite3.connect(beside)
            try:
                connection.backup(target)
            finally:
                target.close()
            os.replace(beside, copy)
            sync_directory(copy.parent)
        finally:
            beside.unlink(missing_ok=True)
    return copy
