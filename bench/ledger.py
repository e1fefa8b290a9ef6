"""The ledger: appends against the raw disk and raw SQLite, verifying against hashlib, the cost of growth, an idle run."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench.harness import Case, Figure, time_call, time_process

from warden.ledger.checkpoint import Checkpoint, Note, sign_checkpoint
from warden.ledger.entry import GENESIS, format_time, write_entry
from warden.ledger.merkle import Frontier, hash_leaf
from warden.ledger.signature import SeedSigner, Verifier
from warden.ledger.verify import LogVerifier, Record
from warden.model.entry import Batch, Entry
from warden.store.sqlite import SqliteLedgerStore
from warden.store.verification import Source, verify_ledger
from warden.testing.ledger import RUN, ZERO, Story, delivered

SIGNER = SeedSigner.from_seed(bytes(32))
ROUND = 50
GROUP = 64
ORIGIN = "ops-warden/bench"
SMALL, LARGE = 1_000, 1_000_000
OPEN_INTENTS = 10_000

OPEN_AND_COMMIT = """
import sys
from pathlib import Path
from datetime import UTC, datetime
from warden.model.entry import Batch, Entry
from warden.store.files import LedgerFiles
class Clock:
    def now(self): return datetime.now(UTC)
store = LedgerFiles(Path(sys.argv[1]), Path(sys.argv[1])).open(Clock())
store.commit(Batch(tuple(Entry("alert_raised", {"run_id": None, "code": "idle", "subject": ""}) for _ in range(2))))
store.close()
"""
SAME_IMPORTS = "import sqlite3, json, hashlib, base64, dataclasses, enum, datetime, pathlib, threading, fcntl"


class WallClock:
    """The system's time."""

    def now(self) -> datetime:
        """Return the present moment."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Let them pass."""
        time.sleep(seconds)


def decided(number: int) -> Entry:
    """Return an entry of the size that a decision has."""
    fields: dict[str, object] = {"run_id": RUN, "ref": Story(str(number)).ref, "kind": "route_answer", "ordinal": 0}
    fields |= {"effect": "allow", "rule_ids": ["charter/messaging", "overlay/office-hours"], "snapshot": ZERO}
    fields |= {"action_digest": ZERO, "request_digest": ZERO, "body_bytes": 512, "secret_kinds": [], "errors": []}
    return Entry("decided", fields)


def raw_commits(path: Path, payload: bytes, group: int) -> Callable[[], float]:
    """Return a round of raw SQLite commits of `group` rows, in milliseconds for one row."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, raw BLOB NOT NULL)")

    def run() -> None:
        for _ in range(ROUND):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO entries (raw) VALUES (?)", [(payload,)] * group)
            connection.execute("COMMIT")

    return lambda: time_call(run) / ROUND / group


def raw_syncs(path: Path, payload: bytes) -> Callable[[], float]:
    """Return a round of appends to a file, each with its fdatasync, in milliseconds for one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def run() -> None:
        for _ in range(ROUND):
            os.write(descriptor, payload)
            os.fdatasync(descriptor)

    return lambda: time_call(run) / ROUND


def appends(store: SqliteLedgerStore, group: int, publish: bool) -> Callable[[], float]:
    """Return a round of commits of `group` entries, in milliseconds for one entry."""
    batch = Batch(tuple(decided(number) for number in range(group)), publish=publish)

    def run() -> None:
        for _ in range(ROUND):
            store.commit(batch)

    return lambda: time_call(run) / ROUND / group


def open_store(path: Path) -> SqliteLedgerStore:
    """Return a new signed ledger."""
    return SqliteLedgerStore(path, WallClock(), SIGNER)


def cases(scratch: Path) -> Iterator[Case | Figure]:
    """Return the comparisons."""
    yield from append_cases(scratch)
    yield from processor_figures(scratch)
    yield from verify_cases()
    yield from whole_figures(scratch)
    yield from growth_cases(scratch)
    yield recovery_figure(scratch)
    yield idle_case(scratch)


def append_cases(scratch: Path) -> Iterator[Case]:
    """Single and grouped appends against the disk and SQLite."""
    payload = write_entry(1, format_time(datetime.now(UTC)), GENESIS, "decided", decided(1).fields).raw
    store = open_store(scratch / "ledger.db")
    raw_one = raw_commits(scratch / "raw.db", payload, 1)
    silent = appends(store, 1, publish=False)
    published = appends(store, 1, publish=True)
    yield Case("append 1, no head publication", silent, raw_one, "raw SQLite FULL commit", aim=1.11)
    yield Case("append 1, with head publication", published, raw_one, "raw SQLite FULL commit")
    yield Case("append 1, no head publication", silent, raw_syncs(scratch / "raw.log", payload), "write + fdatasync")
    grouped = appends(store, GROUP, publish=True)
    yield Case(f"append {GROUP}, per entry", grouped, silent, "append 1, no head publication", aim=0.05)
    yield Case(
        f"append {GROUP}, per entry",
        grouped,
        raw_commits(scratch / "raw64.db", payload, GROUP),
        "raw SQLite, same group",
    )
    yield Case(f"append {GROUP}, per entry", grouped, published, "append 1, with head publication")


def make_log(size: int) -> tuple[list[Record], list[bytes]]:
    """Return a signed log with a checkpoint every `GROUP` entries."""
    records: list[Record] = []
    raws: list[bytes] = []
    at, prev, frontier = format_time(datetime.now(UTC)), GENESIS, Frontier()
    for seq in range(size):
        entry = write_entry(seq, at, prev, "decided", decided(seq).fields)
        prev = entry.digest
        raws.append(entry.raw)
        records.append(entry.raw)
        frontier = frontier.extended([hash_leaf(entry.raw)])
        if (seq + 1) % GROUP == 0:
            records.append(sign_checkpoint(Checkpoint(ORIGIN, seq + 1, frontier.root()), SIGNER))
    return records, raws


def verify_cases() -> Iterator[Case | Figure]:
    """Verifying entries in memory against hashing the same bytes once."""
    records, raws = make_log(200 * GROUP)
    notes = sum(isinstance(record, Note) for record in records)
    key = Verifier(ORIGIN, SIGNER.public_key)

    def verify(strict: bool) -> None:
        verifier = LogVerifier(ORIGIN, key, None, strict)
        verifier.feed(records)
        assert verifier.finish().signed == notes

    def hash_all() -> None:
        for raw in raws:
            hashlib.sha256(raw).digest()

    yield Case(
        "verify chain, tree, signatures",
        lambda: time_call(lambda: verify(False)),
        lambda: time_call(hash_all),
        "hashlib",
    )
    yield Case(
        "verify all, with strict parsing",
        lambda: time_call(lambda: verify(True)),
        lambda: time_call(hash_all),
        "hashlib",
    )
    for strict in (False, True):
        best = min(time_call(lambda strict=strict: verify(strict)) for _ in range(5))  # type: ignore[misc]
        name = "strict" if strict else "chain, tree, signatures"
        yield Figure(f"verify rate, {name}", len(raws) / best * 1000, "entries/s", "200,000")


def processor_time(call: Callable[[], object], times: int, rounds: int = 7) -> float:
    """Return the processor's time of one call, in microseconds: the best round, whatever else the machine does."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(times):
            call()
        found.append((time.process_time() - start) / times * 1_000_000)
    return min(found)


def whole_figures(scratch: Path) -> Iterator[Figure]:
    """What `ledger verify` does (the log, strictly parsed, the texts, every table made again and compared), on decisions and
    on deliveries; and what an executing run looks at before it acts."""
    decisions = open_store(scratch / "whole.db")
    batch = Batch(tuple(decided(number) for number in range(GROUP)), publish=False)
    for _ in range(200):
        decisions.commit(batch)
    decisions.commit(Batch((decided(0),)))
    deliveries = open_store(scratch / "deliveries.db")
    for start in range(0, 3_000, 50):
        pairs = [delivered(Story(str(number), thread_id=str(number))) for number in range(start, start + 50)]
        for batches in zip(*pairs, strict=True):
            blobs = {digest: data for batch in batches for digest, data in batch.blobs.items()}
            deliveries.commit(Batch(tuple(entry for batch in batches for entry in batch.entries), blobs))
    for name, store in (("decisions", decisions), ("deliveries", deliveries)):

        def verify(store: SqliteLedgerStore = store) -> None:
            source = partial(Source, segments=None, origin=store.origin, key=store.verifier)
            assert store.read(lambda connection: verify_ledger(source(connection), store.published())).sound

        rate = store.head().size / processor_time(verify, 1, 3) * 1_000_000
        yield Figure(f"verify rate, stored ledger with its tables, {name}, processor time", rate, "entries/s")
    yield Figure(
        "look at 10,000 entries before acting, processor time", processor_time(decisions.check_log, 1, 3), "us"
    )


def processor_figures(scratch: Path) -> Iterator[Figure]:
    """The processor's part of appends, whatever the disk: what the disk must take for a ratio follows from it."""
    store = open_store(scratch / "processor.db")
    one = Batch((decided(0),), publish=False)
    group = Batch(tuple(decided(number) for number in range(GROUP)))
    payload = write_entry(1, format_time(datetime.now(UTC)), GENESIS, "decided", decided(1).fields).raw
    raw = processor_time(raw_commits(scratch / "raw-processor.db", payload, 1), 1) / ROUND
    yield Figure("raw SQLite FULL commit, processor time", raw, "us")
    yield Figure("append 1, processor time", processor_time(lambda: store.commit(one), ROUND), "us")
    grouped = processor_time(lambda: store.commit(group), ROUND) / GROUP
    yield Figure(f"append {GROUP} with head publication, per entry, processor time", grouped, "us")


def grow(store: SqliteLedgerStore, size: int) -> None:
    """Fill a ledger to about `size` entries, in large commits."""
    batch = Batch(tuple(decided(number) for number in range(10_000)), publish=False)
    while store.head().size < size:
        missing = size - store.head().size
        store.commit(batch if missing >= len(batch.entries) else replace(batch, entries=batch.entries[:missing]))
    store.commit(Batch((decided(0),)))


def growth_cases(scratch: Path) -> Iterator[Case]:
    """One append to a large ledger against one to a small one."""
    small, large = open_store(scratch / "small.db"), open_store(scratch / "large.db")
    grow(small, SMALL)
    grow(large, LARGE)
    name = f"append 1 at {LARGE:,} entries"
    yield Case(name, appends(large, 1, False), appends(small, 1, False), f"at {SMALL:,} entries", aim=1.2)
    for store in (large, small):
        store.commit(Batch((decided(0),)))
        store.close()

    def reopen(name: str) -> float:
        return time_call(lambda: open_store(scratch / name).close())

    ours = f"open and close at {LARGE:,} entries"
    yield Case(ours, lambda: reopen("large.db"), lambda: reopen("small.db"), f"at {SMALL:,} entries")


def recovery_figure(scratch: Path) -> Figure:
    """How long it takes to open a ledger with open intents and read all of them."""
    store = open_store(scratch / "recovery.db")
    for start in range(0, OPEN_INTENTS, 500):
        batches = [Story(str(number), thread_id=str(number)).intended() for number in range(start, start + 500)]
        blobs = {digest: data for batch in batches for digest, data in batch.blobs.items()}
        store.commit(Batch(tuple(entry for batch in batches for entry in batch.entries), blobs))
    store.close()

    def recover() -> None:
        again = open_store(scratch / "recovery.db")
        assert len(again.pending("hub", "ops-warden", datetime.now(UTC), OPEN_INTENTS)) == OPEN_INTENTS
        again.close()

    return Figure(f"open and read {OPEN_INTENTS:,} open intents", time_call(recover), "ms")


def idle_case(scratch: Path) -> Case:
    """A process that opens the ledger, records an idle run in one commit, and closes it."""
    from warden.store.files import LedgerFiles
    from warden.store.sqlite import NewLog

    state = scratch / "idle"
    LedgerFiles(state, state).open(WallClock(), NewLog()).close()
    environment = {**os.environ}
    return Case(
        "process: open, commit 2 entries, close",
        lambda: time_process([sys.executable, "-c", OPEN_AND_COMMIT, str(state)], environment),
        lambda: time_process([sys.executable, "-c", SAME_IMPORTS], environment),
        "same stdlib imports",
    )
