"""Copies of a ledger: made while it is in use, and put back.

A copy that is put back is a log that went back in time. So it says so: what was there is kept as evidence, the copy's
head is published, the restore is recorded, and every delivery that was open in the copy is put in doubt, because it may
have been made since. Heads that were kept elsewhere after the copy was made are not in the log any more: up to the largest one
that is known, the restore records that it gives them up, so that later runs do not take the restore for a roll-back.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warden.errors import InputError, LedgerError, quote
from warden.ledger.entry import format_time
from warden.ledger.schema import bounded_word
from warden.model.entry import Batch, Entry
from warden.store.connection import check_program, sqlite_errors
from warden.store.durable import disk_errors, make_directory, place_once, replace_by_copy, sync_directory
from warden.store.headfile import HeadFile
from warden.store.inspection import KeptHeads, no_heads, open_snapshot, read_log_identity
from warden.store.keptheads import LogIdentity, largest_kept
from warden.store.logstate import read_state
from warden.store.writerlock import WriterLock, hold_directory

if TYPE_CHECKING:
    from warden.ports import Clock
    from warden.store.files import LedgerFiles
    from warden.store.sqlite import SqliteLedgerStore

COPY_LIMIT = 1 << 34
"""Bytes of a copy."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: entries in the copy, how many published ones it lacks, deliveries in doubt, the evidence."""

    entries: int
    lost: int
    in_doubt: int
    evidence: Path


def back_up(store: SqliteLedgerStore, target: Path) -> int:
    """Write a consistent copy of the database to the new file `target` and return its entries; raises `InputError`."""
    if target.exists():
        raise InputError(f"{quote(target)} exists", "name a file that does not exist")
    beside = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with disk_errors(target), sqlite_errors(str(target)):
            beside.touch(mode=0o600, exist_ok=False)
            copy = sqlite3.connect(beside)
            try:
                store.copy_to(copy)
                size = read_state(copy).size
            finally:
                copy.close()
            place_once(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    return size


def restore(files: LedgerFiles, copy: Path, clock: Clock, by: str, kept: KeptHeads = no_heads) -> Restored:
    """Put a copy in the ledger's place; the caller holds the run's lock. `kept` gives heads that were kept elsewhere: what
    they and the published head tell beyond the copy is recorded as given up. Raises `InputError` and `LedgerError`."""
    if not copy.is_file() or copy.stat().st_size > COPY_LIMIT:
        raise InputError(f"{quote(copy)} is not a copy of a ledger", "name a file that `warden ledger backup` made")
    with open_snapshot(copy) as connection:
        check_program(connection, str(copy))
        state = read_state(connection)
        log = read_log_identity(connection)
    known = largest_kept(log, kept(log.origin))
    evidence = files.evidence / ("restore-" + format_time(clock.now()).replace(":", "").replace(".", ""))
    make_directory(evidence)
    lock = WriterLock(Path(f"{files.database}.lock"))
    make_directory(files.state_dir)
    with lock.held(), hold_directory(files.state_dir, alone=True), disk_errors(files.database):
        known = max(known, _published_size(files, log))
        for path in (files.database, Path(f"{files.database}-wal"), Path(f"{files.database}-shm"), files.head):
            if path.exists():
                shutil.move(path, evidence / path.name)
        replace_by_copy(files.database, copy)
        make_directory(files.head.parent)
        HeadFile(files.head).publish(state.note.text)
        sync_directory(files.state_dir)
    lock.close()
    return _record(files, clock, by, Restored(state.size, max(known - state.size, 0), 0, evidence))


def _published_size(files: LedgerFiles, log: LogIdentity) -> int:
    """What the published head says, when it is one of the copied log: a size of another log tells nothing."""
    try:
        text = HeadFile(files.head).read()
    except LedgerError:
        return 0
    return 0 if text is None else largest_kept(log, [text])


def _record(files: LedgerFiles, clock: Clock, by: str, done: Restored) -> Restored:
    store = files.open(clock)
    try:
        head = store.head()
        fields = {"by": bounded_word(by), "source_size": head.size, "source_root": head.root}
        open_before = store.read(_count_open)
        entries = [Entry("state_restored", fields)]
        if done.lost:
            first, last = done.entries + 1, done.entries + done.lost
            entries.append(Entry("heads_excused", {"by": bounded_word(by), "first": first, "last": last}))
        store.commit(Batch(tuple(entries)))
    finally:
        store.close()
    return Restored(done.entries, done.lost, open_before, done.evidence)


def _count_open(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM outbox WHERE state = 'open'").fetchone()[0])
