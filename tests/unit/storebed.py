"""A small ledger in files, for tests of the store."""

from __future__ import annotations

import sqlite3

from warden.ledger.damage import Damage
from warden.model.entry import Batch
from warden.store.files import LedgerFiles
from warden.store.inspection import inspect
from warden.store.sqlite import NewLog, SqliteLedgerStore
from warden.testing.engine import FixedClock
from warden.testing.ledger import Story, delivered, run_finished, run_started


def open_ledger(files: LedgerFiles) -> SqliteLedgerStore:
    """Open it, making it when needed."""
    return files.open(FixedClock(), NewLog())


def fill(files: LedgerFiles) -> None:
    """Record a run with one answered, one open and one escalated message, in four commits."""
    store = open_ledger(files)
    store.commit(Batch((run_started(),)))
    first, second = delivered(Story("1"))
    store.commit(first)
    store.commit(second)
    store.commit(Story("2").intended())
    store.commit(Batch((Story("3").disposed("escalated"), run_finished())))
    store.close()


def damage_of(files: LedgerFiles) -> Damage:
    """Return what verifying says of files that must not verify."""
    findings = inspect(files).report.findings
    assert findings
    return findings[0].damage


def execute(files: LedgerFiles, statement: str, *values: object) -> None:
    """Change the database behind the ledger's back."""
    connection = sqlite3.connect(files.database)
    with connection:
        assert connection.execute(statement, values).rowcount
    connection.close()
