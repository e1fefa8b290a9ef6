"""Heads in the metadata of audit events: only well-formed ones of our own log count."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from warden.errors import LedgerError
from warden.ledger.checkpoint import Checkpoint
from warden.ledger.posted import read_posted_head
from warden.ledger.signature import SeedSigner
from warden.model.entry import Batch
from warden.store.sqlite import SqliteLedgerStore
from warden.testing.engine import FixedClock
from warden.testing.ledger import alert

ORIGIN = "ops-warden/test"
ROOT = "sha256:" + "ab" * 32
GOOD = {"head-origin": ORIGIN, "head-size": "12", "head-root": ROOT, "run": "r"}


def test_a_posted_head_is_read() -> None:
    """Origin, size and root come out of an event of our own."""
    assert read_posted_head(GOOD, ORIGIN) == Checkpoint(ORIGIN, 12, b"\xab" * 32)


@pytest.mark.parametrize(
    "change",
    [
        {"head-origin": "ops-warden/other"},
        {"head-size": ""},
        {"head-size": "-1"},
        {"head-size": "1.0"},
        {"head-size": "١٢"},
        {"head-size": "9" * 16},
        {"head-root": ""},
        {"head-root": "sha256:zz"},
        {"head-root": ROOT + "00"},
    ],
)
def test_anything_else_is_ignored(change: Mapping[str, str]) -> None:
    """Events of others, and malformed ones, are no heads and no errors."""
    assert read_posted_head({**GOOD, **change}, ORIGIN) is None
    assert read_posted_head({}, ORIGIN) is None


def test_a_log_contains_its_heads() -> None:
    """A log contains every head that it had, and no larger or other one."""
    store = SqliteLedgerStore(":memory:", FixedClock(), SeedSigner.from_seed(bytes(32)))
    heads = [store.newest_checkpoint().checkpoint]
    for _ in range(3):
        store.commit(Batch((alert(), alert())))
        heads.append(store.newest_checkpoint().checkpoint)
    store.check_contains(heads)
    store.check_contains([])
    last = heads[-1]
    for wrong in (Checkpoint(last.origin, 9, last.root), Checkpoint(last.origin, 3, bytes(32))):
        with pytest.raises(LedgerError):
            store.check_contains([*heads, wrong])
    store.close()
