"""The ledger in SQLite: `ports.LedgerStore` on one database file, or in memory with the path `:memory:`.

One commit is one transaction (WAL, synchronous=FULL): blobs, entries, projections and a signed checkpoint become
durable together or not at all; then the head is published outside the database. Several processes may append: each
append takes the database's writer lock and looks whether the log has grown since.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from warden import __version__
from warden.errors import LedgerError, StateError, quote
from warden.ledger.checkpoint import Checkpoint, Note, parse_note, sign_checkpoint
from warden.ledger.entry import GENESIS, StoredEntry, format_time, parse_entry, write_entry
from warden.ledger.merkle import Frontier, hash_leaf
from warden.ledger.schema import BLOB_FIELDS
from warden.ledger.signature import Signer, Verifier, verifier_of
from warden.model.digests import digest_bytes
from warden.model.entry import Batch, Entry, Head
from warden.store import queries, workloads
from warden.store.connection import (
    MEMORY,
    check_program,
    connect,
    identify,
    is_empty,
    sqlite_errors,
    stored_version,
    transaction,
)
from warden.store.headfile import HeadFile, HeadStore, MemoryHeads
from warden.store.logstate import (
    VERIFY_HINT,
    EmptyLogError,
    LogState,
    check_end,
    check_tail,
    damage,
    is_new,
    is_newest,
    read_state,
)
from warden.store.queries import milliseconds
from warden.store.tables import SCHEMA_VERSION, create_script, version_script
from warden.store.writerlock import NoLock, WriterLock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from warden.model.budget import Spending
    from warden.model.ids import MessageKey
    from warden.model.outcome import Outcome
    from warden.model.records import DispositionRecord, OutboxRecord, PlanRecord, ReplyWindow
    from warden.model.workload import WorkloadRecord
    from warden.ports import Clock

T = TypeVar("T")

ORIGIN_PREFIX = "ops-warden/"
ARCHIVE = "archive"
"""The directory of archived entries, beside the database."""
BATCH_LIMIT = 10_000
"""Entries of one commit."""


@dataclass(frozen=True, slots=True)
class NewLog:
    """What a log that does not exist yet is told: its id (fresh when empty), whether it replaces a log that was put aside,
    and the head of that one, when it is known."""

    log_id: str = ""
    previous_head: str | None = None
    replaces: bool = False


class SqliteLedgerStore:
    """The ledger at `path` (`:memory:` for one that lives as long as this object).

    `signer` signs every checkpoint (None only for simulations and for reading), `heads` keeps the published head (by
    default the file `<path>.head`), `new_log` says what a new log is told; with None a path without a ledger is
    refused. Opening raises `StateError` and `LedgerError`. Safe to call from several threads; not across a fork.
    """

    def __init__(
        self,
        path: Path | str,
        clock: Clock,
        signer: Signer | None = None,
        heads: HeadStore | None = None,
        new_log: NewLog | None = NewLog(),
    ) -> None:
        self._path = str(path)
        self._clock = clock
        self._signer = signer
        memory = self._path == MEMORY
        self._heads: HeadStore = heads or (MemoryHeads() if memory else HeadFile(Path(self._path + ".head")))
        self._process = os.getpid()
        self._mutex = threading.RLock()
        self._trusted: LogState | None = None
        if not memory and new_log is None and not Path(self._path).exists():
            raise StateError(
                f"there is no ledger at {quote(self._path)}",
                "a first `warden worker run` makes one; or name --state-dir",
            )
        before = None if memory else identify(self._path)
        with sqlite_errors(self._path):
            self._connection = connect(self._path, makes=new_log is not None)
            self._lock = NoLock() if memory else WriterLock(Path(self._path + ".lock"))
            self._file = None if memory else before or identify(self._path)
            try:
                self._open(new_log)
            except BaseException:
                self._connection.close()
                self._lock.close()
                raise

    # -- opening

    def _open(self, new_log: NewLog | None) -> None:
        if is_empty(self._connection):
            with self._holding():  # whoever is just making the log holds it until that is done
                if is_empty(self._connection):
                    if new_log is None:
                        raise EmptyLogError("the ledger is empty: all that it held is gone", VERIFY_HINT)
                    self._create(new_log.log_id or os.urandom(8).hex(), new_log.previous_head)
        check_program(self._connection, self._path)
        if stored_version(self._connection) < SCHEMA_VERSION:
            self._migrate(Path(self._path))
        first = self._connection.execute("SELECT raw FROM entries WHERE seq = 0").fetchone()
        started = None if first is None else parse_entry(first[0])
        if started is None or started.kind != "log_started":
            raise damage("the ledger does not begin with the start of a log")
        self._origin = ORIGIN_PREFIX + str(started.fields["log_id"])
        self._previous_head = str(started.fields["previous_head"] or "")
        public_key = str(started.fields["public_key"])
        try:
            self._verifier = verifier_of(self._origin, bytes.fromhex(public_key)) if public_key else None
        except (ValueError, LedgerError) as error:
            raise damage("the ledger's first entry names no usable key") from error
        self.recovered_entries = self._check_heads()

    def _migrate(self, database: Path) -> None:
        from warden.store.migration import migrate  # needed once in a ledger's life

        with self._holding():
            migrate(self._connection, database, database.parent / ARCHIVE, self._clock.now())

    def _create(self, log_id: str, previous_head: str | None) -> None:
        if self._heads.read() is not None:
            raise damage(f"the ledger {quote(self._path)} is gone, and the head that it published is still there")
        self._connection.execute("PRAGMA journal_mode = WAL")
        public_key = "" if self._signer is None else self._signer.public_key.hex()
        fields = {"log_id": log_id, "version": __version__, "public_key": public_key, "previous_head": previous_head}
        self._origin = ORIGIN_PREFIX + log_id
        with transaction(self._connection):
            for statement in create_script().split(";"):
                self._connection.execute(statement)
            for statement in version_script().split(";"):
                self._connection.execute(statement)
            start = LogState(Frontier(), GENESIS, sign_checkpoint(Checkpoint(self._origin, 0, Frontier().root()), None))
            state = self._append(start, Batch((Entry("log_started", fields),)))
        self._trusted = state
        self._heads.publish(state.note.text)

    def _check_heads(self) -> int:
        """Return how many entries the log has beyond its published head: a crash came between commit and publication.

        INVARIANT (tamper-evident): a database behind its head, or beside it, is refused before anything is appended.
        """
        published = (
            self._heads.read()
        )  # before the view: a log that grows meanwhile is ahead of its head, not behind it
        with self._viewing():
            state = read_state(self._connection)
            check_end(self._connection, state)
            if state.note.checkpoint.origin != self._origin:
                raise damage("the ledger's checkpoint is of another log")
            if published is not None:
                return self._count_unpublished(published, state)
            if is_new(self._connection):
                return state.size
        if self._heads.read() is None:
            raise damage("the file of the published head is gone")
        return self._check_heads()  # another process was just making the log

    def _count_unpublished(self, published: str, state: LogState) -> int:
        checkpoint = parse_note(published).checkpoint
        if checkpoint.origin != self._origin:
            raise damage("the published head is of another log")
        if checkpoint.size > state.size:
            raise damage(
                f"the ledger has {state.size} entries and its head says {checkpoint.size}: it was cut or rolled back"
            )
        before = read_state(self._connection, checkpoint.size)
        if before.note.checkpoint != checkpoint:
            raise damage("the ledger's tree differs from its published head: it was rewritten")
        if state.size > checkpoint.size:
            check_tail(self._connection, before, state)
        return state.size - checkpoint.size

    # -- appending

    def commit(self, batch: Batch) -> Head:
        """Make the batch durable, all or nothing, publish the head unless the batch leaves it, and return the head.

        Raises `TransitionError` for an edge that does not exist, `LedgerError` for an entry outside the schema or a log that
        was changed by somebody else, and `StateError` when the disk fails: then nothing is stored, except when only the
        publication failed, after which the log is ahead of its head as after a crash.
        """
        with self._using(), self._holding():
            if not batch.entries or len(batch.entries) > BATCH_LIMIT:
                raise LedgerError(f"a batch has {len(batch.entries)} entries; 1 to {BATCH_LIMIT} are allowed")
            with transaction(self._connection):
                state = self._append(self._trusted_state(), batch)
            self._trusted = state
            if batch.publish:
                self._heads.publish(state.note.text)
            return state.to_head()

    def revise(self, change: Callable[[sqlite3.Connection], Sequence[Entry]]) -> Head:
        """Run `change` in one write transaction together with the entries that it returns, which record what it did.

        For maintenance only (purge, archive, rebuild): `change` may touch blobs, rows that are kept elsewhere, and
        projections. No entry at all is fine when the log itself is not concerned.
        """
        with self._using(), self._holding():
            with transaction(self._connection):
                state = self._trusted_state()
                entries = tuple(change(self._connection))
                if entries:
                    state = self._append(state, Batch(entries))
            self._trusted = state
            self._heads.publish(state.note.text)
            return state.to_head()

    def compact(self) -> None:
        """Give freed space back, and leave no removed bytes behind; raises `StateError` when somebody's view keeps them."""
        with self._using(), self._holding():
            self._connection.execute("VACUUM")
            if self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise StateError(
                    f"what was removed from {quote(self._path)} is still on the disk: another process is reading it",
                    "its bytes go when that process has ended and the ledger is opened and closed again",
                )

    def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `question` finds in one consistent view of the database; it must not write."""
        with self._using(), self._viewing():
            return question(self._connection)

    @property
    def origin(self) -> str:
        """The log's name, under which its checkpoints are signed."""
        return self._origin

    @property
    def verifier(self) -> Verifier | None:
        """The key that the log's first entry names, None for an unsigned log."""
        return self._verifier

    def now(self) -> datetime:
        """Return the present moment of the ledger's clock."""
        return self._clock.now()

    def newest_checkpoint(self) -> Note:
        """Return the newest signed checkpoint."""
        with self._asking():
            return read_state(self._connection).note

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Write a consistent copy of the database into `target`."""
        with self._using():
            self._connection.backup(target)

    def note(self) -> str:
        """Return the text of the newest signed checkpoint: what is kept elsewhere."""
        return self.newest_checkpoint().text

    def check_heads(self, notes: Iterable[str]) -> int:
        """Return how many of these texts are no heads of this log; raises `DamagedLogError` for one that the log's key signed
        and that the log does not contain (`store.keptheads`)."""
        from warden.store.keptheads import LogIdentity, check_kept  # a dry run compares nothing

        with self._asking():
            return check_kept(self._connection, LogIdentity(self._origin, self._verifier, self._previous_head), notes)

    def check_log(self) -> None:
        """Raise `LedgerError` unless the log holds together, as far as an executing run looks (`store.logcheck`)."""
        from warden.store.logcheck import check_log  # an idle run checks the end only

        with self._asking():
            check_log(self._connection, self._verifier, lambda number: int.from_bytes(os.urandom(8)) % number)

    def progress_cursor(self, hub_id: str, agent: str) -> str | None:
        """Return up to where the agent's progress events on this hub were compared with the log, None when never."""
        with self._asking():
            return queries.read_cursor(self._connection, hub_id, agent)

    def published(self) -> str | None:
        """Return the note of the published head."""
        return self._heads.read()

    def _trusted_state(self) -> LogState:
        """Return the state to append to, after making sure that it is what we or another holder of the key signed."""
        trusted = self._trusted
        if trusted is not None and is_newest(self._connection, trusted):
            return trusted
        state = read_state(self._connection)
        check_end(self._connection, state)
        if trusted is not None:
            check_tail(self._connection, trusted, state)
        if self._verifier is not None:
            if self._signer is None or self._signer.public_key != self._verifier.public_key:
                raise LedgerError(
                    "the ledger's signing key is missing or is another one",
                    "put the key file back, or start a new log with `warden ledger repair`",
                )
            if not state.note.signed_by(self._verifier):
                raise damage("the ledger's last checkpoint is not signed with its key: it was rewritten")
        return state

    def _append(self, state: LogState, batch: Batch) -> LogState:
        from warden.store.projections import Projector  # a third of what a start imports, and readers need none of it

        now = self._clock.now()
        at, digest = format_time(now), state.entry_digest
        self._keep_blobs(batch, milliseconds(now))
        stored: list[StoredEntry] = []
        projector = Projector(self._connection)
        for entry in batch.entries:
            written = write_entry(state.size + len(stored), at, digest, entry.kind, entry.fields)
            self._check_blob(written, batch)
            projector.take(written)
            digest = written.digest
            stored.append(written)
        projector.finish()
        self._connection.executemany("INSERT INTO entries VALUES (?, ?)", [(entry.seq, entry.raw) for entry in stored])
        frontier = state.frontier.extended(hash_leaf(entry.raw) for entry in stored)
        note = sign_checkpoint(Checkpoint(self._origin, frontier.size, frontier.root()), self._signer)
        self._connection.execute(
            "INSERT INTO checkpoints VALUES (?, ?, ?, ?)", (frontier.size, digest, frontier.to_bytes(), note.text)
        )
        return LogState(frontier, digest, note)

    def _keep_blobs(self, batch: Batch, now_ms: int) -> None:
        for digest, data in batch.blobs.items():
            if digest_bytes(data) != digest:
                raise LedgerError(f"a blob is not what its digest {quote(digest)} says")
        self._connection.executemany(
            "INSERT INTO blobs VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE SET kept_ms = excluded.kept_ms",
            [(digest, now_ms, data) for digest, data in batch.blobs.items()],
        )

    def _check_blob(self, entry: StoredEntry, batch: Batch) -> None:
        name = BLOB_FIELDS.get(entry.kind)
        digest = None if name is None else entry.fields[name]
        if digest is None or digest in batch.blobs:
            return
        if self._connection.execute("SELECT 1 FROM blobs WHERE digest = ?", (digest,)).fetchone() is None:
            raise LedgerError(f"a {quote(entry.kind)} entry names a blob that is neither in its batch nor stored")

    # -- reading

    @contextmanager
    def _using(self) -> Iterator[None]:
        if os.getpid() != self._process:
            raise StateError("a ledger that was opened before a fork cannot be used after it", "open it anew")
        with self._mutex, sqlite_errors(self._path):
            yield

    @contextmanager
    def _holding(self) -> Iterator[None]:
        """The writer lock, on the file that was opened.

        INVARIANT (nothing-lost): what is appended to a file that a restore or a repair has put aside would be lost, and its
        head would accuse the log that stands there now.
        """
        with self._lock.held():
            if self._file is not None and identify(self._path) != self._file:
                raise StateError(
                    f"the ledger {quote(self._path)} was replaced while it was open",
                    "try again: it is opened anew then",
                )
            yield

    @contextmanager
    def _viewing(self) -> Iterator[None]:
        """One consistent view for several statements: what other processes append meanwhile is not in it."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """As `_using`, for questions: a row that is not of its form was changed by somebody else."""
        with self._using(), self._viewing():
            try:
                yield
            except (ValueError, TypeError, OverflowError) as error:
                raise damage("a row of the ledger's tables is not of its form: it was changed") from error

    def head(self) -> Head:
        """Return the present head."""
        with self._asking():
            return read_state(self._connection).to_head()

    def blob(self, digest: str) -> bytes | None:
        """Return the bytes kept under this digest, or None when purged or never kept."""
        with self._asking():
            return queries.read_blob(self._connection, digest)

    def dispositions(self, keys: Iterable[MessageKey]) -> Mapping[MessageKey, DispositionRecord]:
        """Return the disposition of each message that has one."""
        with self._asking():
            return queries.read_dispositions(self._connection, list(keys))

    def open_escalations(self, hub_id: str, agent: str, sender: str, thread_id: str) -> tuple[DispositionRecord, ...]:
        """Return the open escalations of this sender in this thread."""
        with self._asking():
            return queries.read_escalations(self._connection, (hub_id, agent, sender, thread_id))

    def pending(self, hub_id: str, agent: str, due: datetime, limit: int) -> tuple[OutboxRecord, ...]:
        """Return intents that are open, due and not waiting for a lower stage, oldest first."""
        with self._asking():
            return queries.read_pending(self._connection, hub_id, agent, milliseconds(due), limit)

    def intent(self, key: str) -> OutboxRecord | None:
        """Return the intent with this key, whatever its state, or None."""
        with self._asking():
            return queries.read_intent(self._connection, key)

    def intended(self, keys: Iterable[str]) -> frozenset[str]:
        """Return those of these keys under which an intent was ever made, whatever its state."""
        with self._asking():
            return queries.read_intended(self._connection, keys)

    def outcomes(self, key: str) -> tuple[Outcome, ...]:
        """Return what was reported of the delivery with this key, in the order of arrival."""
        with self._asking():
            return queries.read_outcomes(self._connection, key)

    def workload(self, workload_id: str) -> WorkloadRecord | None:
        """Return the workload with this id, or None."""
        with self._asking():
            return workloads.read_workload(self._connection, workload_id)

    def silent_workloads(self, hub_id: str, agent: str, since: datetime, limit: int) -> tuple[str, ...]:
        """Return delivered workloads without an end of which nothing was heard since then, oldest first."""
        with self._asking():
            return workloads.read_silent(self._connection, hub_id, agent, milliseconds(since), limit)

    def busy_threads(self, hub_id: str, agent: str) -> frozenset[str]:
        """Return the threads with an open intent on channel `message`."""
        with self._asking():
            return queries.read_busy_threads(self._connection, hub_id, agent)

    def replies_since(self, agent: str, since: datetime) -> ReplyWindow:
        """Return how many automatic replies were intended since then, per thread and per sender."""
        with self._asking():
            return queries.read_replies(self._connection, agent, milliseconds(since))

    def requests_since(self, bucket: str, since: datetime) -> int:
        """Return how many requests were recorded under this velocity bucket since then."""
        with self._asking():
            return queries.read_requests(self._connection, bucket, milliseconds(since))

    def plan_record(self, plan_digest: str) -> PlanRecord | None:
        """Return what the ledger knows of a saved plan with this digest, or None."""
        with self._asking():
            return queries.read_plan(self._connection, plan_digest)

    def answer(self, key: str) -> bytes | None:
        """Return a brain's kept answer under the digest of its input, or None."""
        with self._asking():
            return queries.read_answer(self._connection, key)

    def spending(self, since: datetime, run_id: str = "", sender: str = "") -> Spending:
        """Return what asking models used since then, in one run or for one sender when they are named."""
        with self._asking():
            return queries.read_spending(self._connection, milliseconds(since), run_id, sender)

    def close(self) -> None:
        """Give files back; the closing checkpoint of SQLite is made under the writer lock."""
        if os.getpid() != self._process:
            return
        with self._mutex, sqlite_errors(self._path), self._lock.held():
            self._connection.close()
        self._lock.close()
