"""Where the files of a ledger lie, and opening it with all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from warden.errors import LedgerError, StateError, quote
from warden.store.headfile import HeadFile
from warden.store.keys import KeyFiles
from warden.store.logstate import EmptyLogError
from warden.store.sqlite import ARCHIVE, NewLog, SqliteLedgerStore
from warden.store.writerlock import WriterLock

if TYPE_CHECKING:
    from collections.abc import Callable

    from warden.ports import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LedgerFiles:
    """The files of one ledger, from the state directory and the configuration directory."""

    state_dir: Path
    config_dir: Path

    @property
    def database(self) -> Path:
        """Entries, blobs, projections, checkpoints."""
        return self.state_dir / "ledger.db"

    @property
    def head(self) -> Path:
        """The published head."""
        return self.state_dir / "checkpoints" / "ledger.head"

    @property
    def segments(self) -> Path:
        """Archived entries."""
        return self.state_dir / ARCHIVE

    @property
    def evidence(self) -> Path:
        """What repairs put aside."""
        return self.state_dir / "evidence"

    @property
    def keys(self) -> KeyFiles:
        """The signing key, and its pin: one per state directory, which may be many to one configuration directory."""
        place = sha256(os.fsencode(self.state_dir.resolve())).hexdigest()[:16]
        return KeyFiles(self.state_dir / "ledger.key", self.config_dir / "pins" / f"ledger-{place}.fingerprint")

    def exists(self) -> bool:
        """Return whether there is, or was, a ledger; raises `StateError` when this user may not look."""
        try:
            return self.database.exists() or self.head.exists()
        except OSError as error:
            raise StateError(
                f"{quote(self.state_dir)} cannot be looked into: {(error.strerror or 'it failed').lower()}",
                "run it as the user of the worker or one with access to its files; other people decide at `warden console`",
            ) from error

    def open(self, clock: Clock, new_log: NewLog | None = None) -> SqliteLedgerStore:
        """Return the ledger for reading and appending, made when `new_log` says how and there is none.

        Raises `StateError` when there is none and `new_log` is None, or a file cannot be used; `LedgerError` when the
        ledger, its key or its head do not hold together.
        """
        return self._settled(lambda: self._open(clock, new_log))

    def _open(self, clock: Clock, new_log: NewLog | None) -> SqliteLedgerStore:
        if not self.exists():
            if new_log is None:
                raise no_ledger(self.database)
        elif not self.database.exists():
            raise LedgerError(
                f"the ledger {quote(self.database)} is gone, and the head that it published is still there",
                "put a copy back, or start a new log with `warden ledger repair`",
            )
        replaced = new_log is not None and new_log.replaces
        pinned = self.keys.read_pin()  # before looking for the ledger, which another process may make just now
        signer = self.keys.load(pinned, self.exists(), replaced)
        if not replaced and pinned is not None:
            new_log = None  # what is pinned says that there was a ledger: an emptied one is not begun anew
        store = SqliteLedgerStore(self.database, clock, signer, HeadFile(self.head), new_log)
        self.keys.pin_once(signer.public_key)
        return store

    def open_reader(self, clock: Clock) -> SqliteLedgerStore:
        """Return the ledger for reading: no key is needed; raises as `open`."""
        return self._settled(lambda: self._open_reader(clock))

    def _open_reader(self, clock: Clock) -> SqliteLedgerStore:
        if not self.exists():
            raise no_ledger(self.database)
        try:
            return SqliteLedgerStore(self.database, clock, None, HeadFile(self.head), None)
        except EmptyLogError as error:
            if self.keys.read_pin() is None and HeadFile(self.head).read() is None:
                raise no_ledger(self.database) from error  # its making was interrupted; the next run makes it
            raise

    def _settled(self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` does; when it fails, try once more after whoever was just replacing the files has done so."""
        try:
            return attempt()
        except (LedgerError, StateError):
            if not self.wait_for_writer():
                raise
        return attempt()

    def wait_for_writer(self) -> bool:
        """Wait until nobody appends to, restores or repairs the ledger; return False when that cannot be found out."""
        lock = WriterLock(Path(f"{self.database}.lock"))
        try:
            with lock.held(makes=False):
                return True
        except StateError:
            return False
        finally:
            lock.close()


def no_ledger(path: Path) -> StateError:
    """Return the error for a state directory in which nothing was recorded yet."""
    return StateError(
        f"there is no ledger at {quote(path)}", "a first `warden worker run` makes one; or name another --state-dir"
    )
