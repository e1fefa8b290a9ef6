"""Proof files: strict, alone, and about one log."""

from __future__ import annotations

import base64
import json
from types import MappingProxyType

import pytest

from warden.errors import LedgerError
from warden.ledger.checkpoint import Checkpoint, Note, sign_checkpoint
from warden.ledger.damage import Damage, DamagedLogError
from warden.ledger.entry import GENESIS, StoredEntry, parse_entry, write_entry
from warden.ledger.merkle import hash_leaf, root_of
from warden.ledger.proof import PROOF_LIMIT, make_consistency, make_inclusion, parse_proof
from warden.ledger.signature import SeedSigner, Verifier
from warden.ledger.verify import LogVerifier, parse_at, parse_checkpoint_at

AT = "2026-01-02T03:04:05.678Z"
ORIGIN = "ops-warden/test"
SIGNER = SeedSigner.from_seed(bytes(32))
KEY = Verifier(ORIGIN, SIGNER.public_key)


def entries() -> list[StoredEntry]:
    """Return five linked entries."""
    made: list[StoredEntry] = []
    for seq in range(5):
        prev = made[-1].digest if made else GENESIS
        made.append(write_entry(seq, AT, prev, "alert_raised", {"run_id": None, "code": f"c{seq}", "subject": "ü"}))
    return made


ENTRIES = entries()
LEAVES = [hash_leaf(entry.raw) for entry in ENTRIES]


def note(size: int, signer: SeedSigner = SIGNER, origin: str = ORIGIN) -> Note:
    """Return the signed checkpoint over the first `size` entries."""
    return sign_checkpoint(Checkpoint(origin, size, root_of(LEAVES[:size])), signer)


@pytest.mark.parametrize("seq", range(5))
def test_inclusion_round_trip(seq: int) -> None:
    """A proof is read back the same and holds under the log's key only."""
    proof = make_inclusion(LEAVES, ENTRIES[seq].raw, note(5))
    again = parse_proof(proof.to_json())
    assert again == proof
    again.check(KEY)
    with pytest.raises(LedgerError):
        again.check(Verifier(ORIGIN, SeedSigner.from_seed(b"x" * 32).public_key))
    with pytest.raises(LedgerError):
        again.check(Verifier("other", SIGNER.public_key))


def test_consistency_round_trip() -> None:
    """A proof between two sizes is read back the same and holds; one with the wrong root does not."""
    proof = make_consistency(LEAVES, note(3), note(5))
    again = parse_proof(proof.to_json())
    assert again == proof
    again.check(KEY)
    wrong = sign_checkpoint(Checkpoint(ORIGIN, 3, bytes(32)), SIGNER)
    with pytest.raises(LedgerError, match="size 3"):
        make_consistency(LEAVES, wrong, note(5)).check(KEY)
    with pytest.raises(LedgerError):
        make_consistency(LEAVES, note(3, SeedSigner.from_seed(b"x" * 32)), note(5)).check(KEY)


def test_no_proof_of_what_is_not_there() -> None:
    """There is no proof for an entry of another log, or under a checkpoint of another size."""
    other = write_entry(2, AT, GENESIS, "alert_raised", {"run_id": None, "code": "x", "subject": ""})
    far = write_entry(9, AT, GENESIS, "alert_raised", {"run_id": None, "code": "x", "subject": ""})
    for raw, size in ((other.raw, 5), (far.raw, 5), (ENTRIES[0].raw, 4)):
        with pytest.raises(LedgerError):
            make_inclusion(LEAVES, raw, note(size))
    for old, new in ((5, 3), (3, 4)):
        with pytest.raises(LedgerError):
            make_consistency(LEAVES, note(old), note(new))


def test_every_flipped_byte_of_a_proof() -> None:
    """No proof with one changed byte is read as one that holds."""
    for proof in (make_inclusion(LEAVES, ENTRIES[2].raw, note(5)), make_consistency(LEAVES, note(3), note(5))):
        data = proof.to_json()
        for place in range(len(data)):
            changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            with pytest.raises(LedgerError):
                parse_proof(changed).check(KEY)


GOOD = json.loads(make_inclusion(LEAVES, ENTRIES[2].raw, note(5)).to_json())


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {**GOOD, "schema": "other/1"},
        {**GOOD, "more": 1},
        {**GOOD, "path": "00"},
        {**GOOD, "path": ["zz"]},
        {**GOOD, "path": ["00"]},
        {**GOOD, "path": ["00" * 32] * 200},
        {**GOOD, "entry": "!"},
        {**GOOD, "entry": base64.b64encode(b"{}").decode()},
        {**GOOD, "checkpoint": "x"},
        {**GOOD, "checkpoint": 7},
    ],
)
def test_other_documents_are_no_proofs(value: object) -> None:
    """What is not a proof in its only form ends in an error of ours."""
    data = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    with pytest.raises(LedgerError):
        parse_proof(data)


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b" " * (PROOF_LIMIT + 1)])
def test_other_bytes_are_no_proofs(data: bytes) -> None:
    """Garbage and huge files end in an error of ours."""
    with pytest.raises(LedgerError):
        parse_proof(data)


# -- what is read from a database that others may have changed


def test_places_of_unreadable_values_are_named() -> None:
    """An entry or checkpoint that cannot be read is named by its place."""
    with pytest.raises(DamagedLogError) as caught:
        parse_at(b"{}", 4)
    assert (caught.value.finding.damage, caught.value.finding.seq) == (Damage.MALFORMED, 4)
    with pytest.raises(DamagedLogError) as caught:
        parse_checkpoint_at("x", 4)
    assert (caught.value.finding.damage, caught.value.finding.seq) == (Damage.CHECKPOINT, 3)
    for value in (None, "text", 7):
        with pytest.raises(LedgerError):
            parse_entry(value)  # type: ignore[arg-type]


def test_the_last_entry_without_a_checkpoint_behind_it() -> None:
    """An entry that does not follow, at the end of a log without a later checkpoint, is itself the changed one."""
    broken = write_entry(2, AT, GENESIS, "alert_raised", {"run_id": None, "code": "x", "subject": ""})
    with pytest.raises(DamagedLogError) as caught:
        LogVerifier(ORIGIN, None).feed([ENTRIES[0].raw, ENTRIES[1].raw, broken.raw])
    assert (caught.value.finding.damage, caught.value.finding.seq) == (Damage.CHANGED, 2)


def test_two_bad_entries_beside_each_other() -> None:
    """When the entry after a bad one cannot be read either, the first that does not follow is named."""
    moved = write_entry(3, AT, GENESIS, "alert_raised", {"run_id": None, "code": "x", "subject": ""})
    for following in (b"garbage", ENTRIES[3].raw):
        with pytest.raises(DamagedLogError) as caught:
            LogVerifier(ORIGIN, None).feed([ENTRIES[0].raw, ENTRIES[1].raw, moved.raw, following])
        assert (caught.value.finding.damage, caught.value.finding.seq) == (Damage.MISSING, 2)
    wrong = write_entry(2, AT, GENESIS, "alert_raised", {"run_id": None, "code": "x", "subject": ""})
    with pytest.raises(DamagedLogError) as caught:
        LogVerifier(ORIGIN, None).feed([ENTRIES[0].raw, ENTRIES[1].raw, wrong.raw, b"garbage"])
    assert (caught.value.finding.damage, caught.value.finding.seq) == (Damage.CHANGED, 2)


def test_fields_of_any_container_are_written_plainly() -> None:
    """Read-only mappings become objects and tuples lists."""
    fields: dict[str, object] = {"run_id": "r", "exit_status": 0, "stopped": "", "plan_digest": None}
    entry = write_entry(0, AT, GENESIS, "run_finished", {**fields, "counts": MappingProxyType({"b": 1, "a": 2})})
    assert b'"counts":{"a":2,"b":1}' in entry.raw
    assert parse_entry(entry.raw) == entry
    planned = {"run_id": "r", "ref": {"hub_id": "h", "agent": "a", "message_id": "m"}, "plan_digest": GENESIS}
    more = {"brain": "b", "reason": "", "catalog_entry": None, "score": -3, "kinds": ("reply", "mark_read")}
    assert b'"kinds":["reply","mark_read"]' in write_entry(0, AT, GENESIS, "planned", {**planned, **more}).raw
