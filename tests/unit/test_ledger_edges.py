"""The ledger's exact bounds, and that each refusal says what is wrong and where: at the last value that fits, and the next."""

from __future__ import annotations

import base64
import json

import pytest

from warden.errors import LedgerError, TransitionError
from warden.ledger.checkpoint import (
    NOTE_LIMIT,
    Checkpoint,
    Note,
    Signature,
    parse_note,
    sign_checkpoint,
)
from warden.ledger.damage import Damage, DamagedLogError
from warden.ledger.entry import ENTRY_LIMIT, GENESIS, StoredEntry, parse_entry, write_entry
from warden.ledger.export import Header, read_records, verify_export
from warden.ledger.grammar import is_plain
from warden.ledger.merkle import hash_leaf, root_of
from warden.ledger.proof import PATH_LIMIT, PROOF_LIMIT, make_consistency, make_inclusion, parse_proof
from warden.ledger.schema import ITEMS_LIMIT, is_count, is_integer, is_layers
from warden.ledger.signature import SeedSigner, Verifier
from warden.ledger.transitions import check_disposition, check_reopening, next_intent_state
from warden.ledger.verify import LogVerifier, Start, parse_checkpoint_at
from warden.model.digests import MAX_INTEGER, canonical_bytes
from warden.model.disposition import Disposition
from warden.model.records import IntentState

AT = "2026-01-02T03:04:05.678Z"
ORIGIN = "ops-warden/test"
SIGNER = SeedSigner.from_seed(bytes(32))
KEY = Verifier(ORIGIN, SIGNER.public_key)
ROOT = hash_leaf(b"x")


def chain(size: int) -> list[StoredEntry]:
    """Return linked entries."""
    made: list[StoredEntry] = []
    for seq in range(size):
        prev = made[-1].digest if made else GENESIS
        made.append(write_entry(seq, AT, prev, "alert_raised", {"run_id": None, "code": f"c{seq}", "subject": ""}))
    return made


ENTRIES = chain(6)
LEAVES = [hash_leaf(entry.raw) for entry in ENTRIES]


def note(size: int) -> Note:
    """Return the signed checkpoint over the first entries."""
    return sign_checkpoint(Checkpoint(ORIGIN, size, root_of(LEAVES[:size])), SIGNER)


def signed_by_others(length: int) -> Note:
    """Return a note of exactly so many characters, with signatures of keys that nobody knows."""
    others = 12
    bare = Note(Checkpoint(ORIGIN, 1, ROOT), tuple(Signature("w", b"abcd", bytes(200)) for _ in range(others)))
    each, more = divmod(length - len(bare.text), others)
    names = ["w" * (1 + each + (number < more)) for number in range(others)]
    return Note(bare.checkpoint, tuple(Signature(name, b"abcd", bytes(200)) for name in names))


def test_a_note_has_as_many_characters_as_its_limit() -> None:
    """A note of the limit is read, one of a character more is refused for its length."""
    assert parse_note(signed_by_others(NOTE_LIMIT).text) == signed_by_others(NOTE_LIMIT)
    assert len(signed_by_others(NOTE_LIMIT + 1).text) == NOTE_LIMIT + 1
    with pytest.raises(LedgerError, match=f"longer than {NOTE_LIMIT} characters"):
        parse_note(signed_by_others(NOTE_LIMIT + 1).text)


def test_an_origin_has_at_most_256_characters() -> None:
    """The longest origin is read; one more character is refused."""
    longest = Note(Checkpoint("o" * 256, 1, ROOT), ())
    assert parse_note(longest.text) == longest
    with pytest.raises(LedgerError, match="origin is not acceptable"):
        parse_note(Note(Checkpoint("o" * 257, 1, ROOT), ()).text)


@pytest.mark.parametrize(("size", "fits"), [(4, False), (5, True), (256, True), (257, False)])
def test_a_signature_is_more_than_its_key_id_and_not_too_long(size: int, fits: bool) -> None:
    """A key id of four bytes and at least one byte of signature, at most the limit."""
    data = bytes(range(4)) + b"s" * (size - 4)
    text = f"{Checkpoint(ORIGIN, 1, ROOT).to_text()}\n— witness {base64.b64encode(data).decode()}\n"
    if fits:
        assert parse_note(text).signatures == (Signature("witness", data[:4], data[4:]),)
    else:
        with pytest.raises(LedgerError, match="no acceptable length"):
            parse_note(text)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"v":1', b'"v":2', "another version"),
        (b'"v":1', b'"v":true', "another version"),
        (b'"seq":5', b'"seq":-5', "no sequence number"),
        (b'"seq":5', b'"seq":true', "no sequence number"),
        (b'"seq":5', b'"seq":%d' % (MAX_INTEGER + 1), "no sequence number"),
        (b"sha256:", b"sha512:", "does not name the entry before it"),
        (b'"alert_raised"', b"7", "no time or no kind"),
        (b"03:04:05.678Z", b"03:04:05.6Z", "no valid time"),
        (b'"v":1', b'"v":1,"w":1', "missing or unknown parts"),
        (b'{"at"', b' {"at"', "canonical form"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said(old: bytes, new: bytes, why: str) -> None:
    """Each part of an entry is refused for its own reason."""
    with pytest.raises(LedgerError, match=why):
        parse_entry(ENTRIES[5].raw.replace(old, new))


def test_the_largest_sequence_number_and_the_largest_entry() -> None:
    """A sequence number of 2^53 - 1 is one; bytes over the limit are refused before they are parsed."""
    assert parse_entry(ENTRIES[5].raw.replace(b'"seq":5', b'"seq":%d' % MAX_INTEGER)).seq == MAX_INTEGER
    with pytest.raises(LedgerError, match="larger than"):
        parse_entry(b" " * (ENTRY_LIMIT + 1))
    with pytest.raises(LedgerError, match="not JSON"):
        parse_entry(b" " * ENTRY_LIMIT)


def test_a_field_of_no_json_type_is_refused_and_not_left_out() -> None:
    """Where a field may be null, a number with a fraction or bytes do not become null."""
    for value in (1.5, b"run-00000001", {"run-00000001"}):
        with pytest.raises(LedgerError):
            write_entry(0, AT, GENESIS, "alert_raised", {"run_id": value, "code": "c", "subject": ""})


def test_numbers_end_where_json_keeps_them() -> None:
    """Counts and integers reach 2^53 - 1, and no further."""
    assert is_count(0)
    assert is_count(MAX_INTEGER)
    assert not is_count(MAX_INTEGER + 1)
    assert not is_count(-1)
    assert is_integer(MAX_INTEGER)
    assert is_integer(-MAX_INTEGER)
    assert not is_integer(MAX_INTEGER + 1)
    assert not is_integer(-MAX_INTEGER - 1)


def planned(kinds: int) -> bytes:
    """Return the bytes of a `planned` entry with so many kinds."""
    ref = {"hub_id": "h", "agent": "a", "message_id": "m"}
    fields: dict[str, object] = {
        "run_id": "r",
        "ref": ref,
        "plan_digest": GENESIS,
        "brain": "rule",
        "reason": "",
        "catalog_entry": None,
    }
    fields |= {"score": None, "kinds": ["reply"] * kinds}
    value = {"v": 1, "seq": 0, "at": AT, "prev": GENESIS, "kind": "planned", "fields": fields}
    return canonical_bytes(value)


def test_the_quick_look_takes_lists_to_their_limit() -> None:
    """The longest list is plain, and a longer one is neither plain nor an entry."""
    assert is_plain(planned(ITEMS_LIMIT))
    assert parse_entry(planned(ITEMS_LIMIT))
    assert not is_plain(planned(ITEMS_LIMIT + 1))
    with pytest.raises(LedgerError):
        parse_entry(planned(ITEMS_LIMIT + 1))


def test_a_key_is_refused_for_what_is_wrong_with_it() -> None:
    """Another algorithm or another length is no Ed25519 key, whatever else fits."""
    for data in (b"\x02" + SIGNER.public_key, b"\x01" + SIGNER.public_key[:-1], b"\x01" + SIGNER.public_key + b"x"):
        with pytest.raises(LedgerError, match="not an Ed25519 key"):
            Verifier.from_text(f"{ORIGIN}+{KEY.key_id.hex()}+{base64.b64encode(data).decode()}")


def export(size: int, *checkpoints: int) -> list[bytes]:
    """Return the lines of an export of so many entries, with checkpoints of these sizes."""
    lines = [Header(ORIGIN, KEY.to_text(), Start()).to_line()]
    for number, entry in enumerate(ENTRIES[:size], 1):
        lines.append(entry.raw + b"\n")
        if number in checkpoints:
            lines.append(canonical_bytes({"checkpoint": note(number).text}) + b"\n")
    return lines


def test_where_an_export_was_cut_is_said() -> None:
    """The finding names the last entry that a checkpoint covers; with none there is no entry to speak for."""
    assert verify_export(export(6, 6)).checkpoints == 1
    with pytest.raises(DamagedLogError) as caught:
        verify_export(export(6, 3))
    assert (caught.value.finding.damage, caught.value.finding.seq) == (Damage.CUT, 3)
    assert "after entry 2 are under no checkpoint" in caught.value.finding.detail
    with pytest.raises(DamagedLogError) as caught:
        verify_export(export(2))
    assert "after entry 0 are" in caught.value.finding.detail


@pytest.mark.parametrize(("size", "last"), [(1, 0), (4, 3)])
def test_a_checkpoint_that_cannot_be_read_is_named_by_the_entry_before_it(size: int, last: int) -> None:
    """A malformed checkpoint line, and one in another form, are found at their place."""
    for changed in (b'{"checkpoint":7}\n', b'{"checkpoint": "' + note(size).text.encode() + b'"}\n'):
        lines = export(6, size, 6)
        lines[size + 1] = changed
        with pytest.raises(DamagedLogError) as caught:
            verify_export(lines)
        assert (caught.value.finding.damage, caught.value.finding.seq) == (Damage.CHECKPOINT, last)


def test_a_stored_checkpoint_that_cannot_be_read_is_named_by_the_entry_before_it() -> None:
    """Behind the first entry it is the first that is named, and not one that there is not."""
    for size, seq in ((0, 0), (1, 0), (2, 1)):
        with pytest.raises(DamagedLogError) as caught:
            parse_checkpoint_at("nothing", size)
        assert (caught.value.finding.damage, caught.value.finding.seq) == (Damage.CHECKPOINT, seq)


def test_a_prompt_has_at_most_so_many_layers() -> None:
    """As many layers as a list may have are listed, and not one more."""
    layer = {"name": "mail", "digest": GENESIS, "size_bytes": 1, "cut": False, "redactions": {}}
    assert is_layers([layer] * ITEMS_LIMIT)
    assert not is_layers([layer] * (ITEMS_LIMIT + 1))


def test_missing_entries_are_named_from_the_first_to_the_last() -> None:
    """What is gone from the middle is named exactly, one entry as well as several."""
    for gap in (range(2, 3), range(1, 4)):
        verifier = LogVerifier(ORIGIN, None)
        with pytest.raises(DamagedLogError) as caught:
            verifier.feed(entry.raw for entry in ENTRIES if entry.seq not in gap)
        assert caught.value.finding.damage is Damage.MISSING
        assert caught.value.finding.detail == f"entries {gap[0]} to {gap[-1]} are missing"


def test_entries_are_parsed_strictly_unless_one_says_otherwise() -> None:
    """An entry that is linked well and fits no schema is refused; only who asks for it takes entries at their bytes."""
    odd = ENTRIES[0].raw.replace(b'"code":"c0"', b'"code":""')
    LogVerifier(ORIGIN, None, strict=False).feed([odd])
    with pytest.raises(DamagedLogError) as caught:
        LogVerifier(ORIGIN, None).feed([odd])
    assert caught.value.finding.damage is Damage.MALFORMED


def test_a_proof_from_the_first_entry_on() -> None:
    """A log of one entry is a prefix like any other; one of none is not."""
    make_consistency(LEAVES, note(1), note(6)).check(KEY)
    with pytest.raises(LedgerError, match="do not follow each other"):
        make_consistency(LEAVES, sign_checkpoint(Checkpoint(ORIGIN, 0, root_of([])), SIGNER), note(6))


def test_a_log_is_a_prefix_of_itself() -> None:
    """Two checkpoints of the same size are proved by nothing but their roots."""
    proof = make_consistency(LEAVES, note(6), note(6))
    assert proof.path == ()
    proof.check(KEY)


def test_a_line_of_an_export_has_its_limit() -> None:
    """A line may be as long as an entry and its newline, and no longer: it is refused before it is parsed."""
    line = b"x" * ENTRY_LIMIT
    assert list(read_records([line + b"\n"], 0)) == [line]
    with pytest.raises(DamagedLogError) as caught:
        list(read_records([line + b"x\n"], 0))
    assert (caught.value.finding.damage, caught.value.finding.seq) == (Damage.MALFORMED, 0)


def test_a_refused_change_of_state_names_where_it_began() -> None:
    """The error names the state before, `new` where there was none, and what was wanted of it."""
    with pytest.raises(TransitionError, match="an intent that is `dead` has no edge for `received`"):
        next_intent_state(IntentState.DEAD, "received")
    with pytest.raises(TransitionError, match="an intent that is `new` has no edge for `attempted`"):
        next_intent_state(None, "attempted")
    with pytest.raises(TransitionError, match="a message that is `answered` cannot become `held`"):
        check_disposition(Disposition.ANSWERED, Disposition.HELD, free=True)
    with pytest.raises(TransitionError, match="a message that is `new` cannot be reopened"):
        check_reopening(None)


def test_a_proof_has_its_limits() -> None:
    """Bytes over the limit are refused unread; a path may be as long as its limit, and no longer."""
    with pytest.raises(LedgerError, match="larger than"):
        parse_proof(b" " * (PROOF_LIMIT + 1))
    with pytest.raises(LedgerError, match="not a proof"):
        parse_proof(b" " * PROOF_LIMIT)
    value = json.loads(make_inclusion(LEAVES, ENTRIES[2].raw, note(6)).to_json())
    for length, fits in ((PATH_LIMIT, True), (PATH_LIMIT + 1, False)):
        data = canonical_bytes({**value, "path": ["00" * 32] * length}) + b"\n"
        if fits:
            assert len(parse_proof(data).path) == length
        else:
            with pytest.raises(LedgerError, match="only form"):
                parse_proof(data)
