"""The ledger's contract, on a file, in memory, and on a file that is opened anew for each question."""

from __future__ import annotations

from pathlib import Path

import pytest

from warden.ledger.signature import SeedSigner
from warden.model.entry import Batch, Head
from warden.ports import Clock, LedgerStore
from warden.store.sqlite import SqliteLedgerStore
from warden.testing.ledger_contract import LedgerContract, Make

SIGNER = SeedSigner.from_seed(bytes(32))


class TestInMemory(LedgerContract):
    """The form that tests use."""

    @pytest.fixture
    def make(self) -> Make:
        """Make a ledger in memory."""
        return lambda clock: SqliteLedgerStore(":memory:", clock, SIGNER)


class TestOnDisk(LedgerContract):
    """The form that runs use."""

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        """Make a ledger in a file."""
        return lambda clock: SqliteLedgerStore(tmp_path / "state" / "ledger.db", clock, SIGNER)


class TurningStore(SqliteLedgerStore):
    """Commits through another instance on the same file each time, as several processes do."""

    def commit(self, batch: Batch) -> Head:
        """Commit through a fresh instance."""
        other = SqliteLedgerStore(self._path, self._clock, SIGNER, new_log=None)
        try:
            return other.commit(batch)
        finally:
            other.close()


class TestManyWriters(LedgerContract):
    """Every commit comes from another instance than the reads."""

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        """Make a ledger whose commits come from elsewhere."""

        def build(clock: Clock) -> LedgerStore:
            return TurningStore(tmp_path / "ledger.db", clock, SIGNER)

        return build
