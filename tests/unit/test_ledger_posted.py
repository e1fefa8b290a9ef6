"""Heads in the metadata of audit events: what a log takes for a head of its own, and what it makes of all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from warden.errors import LedgerError
from warden.hubs.contract import check_metadata
from warden.ledger.checkpoint import Checkpoint, parse_note, sign_checkpoint
from warden.ledger.damage import Damage, DamagedLogError
from warden.ledger.posted import posted_fields, posted_note
from warden.ledger.signature import SeedSigner
from warden.model.entry import Batch, Entry
from warden.store.sqlite import NewLog, SqliteLedgerStore
from warden.testing.engine import FixedClock
from warden.testing.ledger import alert

KEY = SeedSigner.from_seed(bytes(32))
OTHER_KEY = SeedSigner.from_seed(b"x" * 32)


def signed_log(length: int = 3, new_log: NewLog = NewLog("test")) -> SqliteLedgerStore:
    """Return a signed log with so many commits after its first."""
    store = SqliteLedgerStore(":memory:", FixedClock(), KEY, None, new_log)
    for _ in range(length):
        store.commit(Batch((alert(), alert())))
    return store


def forged(store: SqliteLedgerStore, size: int, root: bytes = bytes(32)) -> str:
    """Return a head of that log which its own key signed and which never was."""
    return sign_checkpoint(Checkpoint(store.origin, size, root), KEY).text


def test_a_posted_head_comes_back_as_its_signed_checkpoint() -> None:
    """What an event carries fits a hub's metadata and is the checkpoint, signature and all."""
    store = signed_log()
    fields = posted_fields(store.head())
    assert check_metadata(fields) == fields
    note = posted_note({**fields, "run": "r"}, store.origin)
    assert note == store.note()
    assert store.verifier is not None
    assert parse_note(str(note)).signed_by(store.verifier)
    store.close()


def test_events_about_other_logs_carry_no_head_of_ours() -> None:
    """An event without a head, or with one of another origin, is not looked at."""
    fields = posted_fields(signed_log().head())
    assert posted_note(fields, "ops-warden/other") is None
    assert posted_note({}, "ops-warden/test") is None


def test_an_unsigned_log_posts_heads_without_a_signature() -> None:
    """There is nothing to sign with, so nothing that looks signed."""
    store = SqliteLedgerStore(":memory:", FixedClock())
    assert set(posted_fields(store.head())) == {"head-origin", "head-size", "head-root"}
    assert store.check_heads([str(posted_note(posted_fields(store.head()), store.origin))]) == 1
    store.close()


@pytest.mark.parametrize(
    "change",
    [
        {"head-size": ""},
        {"head-size": "-1"},
        {"head-size": "1.0"},
        {"head-size": "٩٩"},
        {"head-size": "9" * 16},
        {"head-size": "99"},
        {"head-size": "99\n"},
        {"head-root": ""},
        {"head-root": "sha256:zz"},
        {"head-root": "sha256:" + "00" * 31},
        {"head-root": "sha256:" + "00" * 32},
        {"head-signature": ""},
        {"head-signature": "AAAA"},
        {"head-signature": "x" * 1024},
        {"head-signature": "AAAA\n— ops-warden/test AAAA"},
    ],
)
def test_what_the_key_did_not_sign_is_counted_and_ignored(change: Mapping[str, str]) -> None:
    """Malformed, forged and unsigned heads under our log's name raise no alarm, whatever they say."""
    store = signed_log()
    fields = {**posted_fields(replace(store.head(), size=99)), **change}
    assert store.check_heads([str(posted_note(fields, store.origin))]) == 1
    store.close()


def test_a_head_that_another_key_signed_is_not_ours() -> None:
    """A larger size under our origin and somebody else's key is somebody else's."""
    store = signed_log()
    assert store.check_heads([sign_checkpoint(Checkpoint(store.origin, 99, bytes(32)), OTHER_KEY).text]) == 1
    store.close()


def test_a_log_contains_every_head_that_it_had() -> None:
    """However often and in whatever order they come, heads of the log are in it."""
    store = signed_log(0)
    notes = [store.note()]
    for _ in range(3):
        store.commit(Batch((alert(), alert())))
        notes.append(store.note())
    assert store.check_heads([*reversed(notes), *notes]) == 0
    assert store.check_heads([]) == 0
    store.close()


@pytest.mark.parametrize("size", [3, 4, 9, 2**53 - 1])
def test_a_signed_head_that_the_log_does_not_have_is_a_roll_back(size: int) -> None:
    """A larger size, another root at a size, and a size at which no commit ended each name the damage."""
    store = signed_log()
    with pytest.raises(DamagedLogError) as caught:
        store.check_heads([store.note(), forged(store, size)])
    assert caught.value.finding.damage is Damage.ROLLED_BACK
    assert caught.value.exit_status == 6
    assert "ledger restore" in caught.value.hint
    store.close()


def test_a_log_that_continues_another_knows_it() -> None:
    """A head of another log of our key is an alarm, unless our log says that it replaced that one."""
    first = signed_log(new_log=NewLog("first"))
    second = signed_log(new_log=NewLog("second"))
    with pytest.raises(LedgerError, match="another log of the same key"):
        second.check_heads([first.note()])
    head = first.head()
    repaired = signed_log(new_log=NewLog("third", f"{head.origin} {head.size} {head.root}"))
    assert repaired.check_heads([first.note()]) == 0
    for store in (first, second, repaired):
        store.close()


def test_what_a_restore_gave_up_is_excused() -> None:
    """After a recorded restore, heads of the sizes that it gave up are no alarm, and those of others are."""
    store = signed_log()
    store.commit(Batch((Entry("heads_excused", {"by": "ada", "first": 8, "last": 20}),)))
    assert store.check_heads([forged(store, 9), forged(store, 20)]) == 0
    for size in (5, 21):
        with pytest.raises(LedgerError):
            store.check_heads([forged(store, size)])
    store.close()
