"""Everything that can be done to a log's bytes, and what verifying says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from warden.errors import LedgerError
from warden.ledger.checkpoint import Checkpoint, Note, sign_checkpoint
from warden.ledger.damage import Damage, DamagedLogError, Finding
from warden.ledger.entry import GENESIS, StoredEntry, write_entry
from warden.ledger.export import Header, read_records, verify_export, write_export
from warden.ledger.merkle import Frontier, hash_leaf, root_of
from warden.ledger.signature import SeedSigner, Verifier
from warden.ledger.verify import LogVerifier, Record, Start, Verdict

AT = "2026-01-02T03:04:05.678Z"
ORIGIN = "ops-warden/test"
SIGNER = SeedSigner.from_seed(bytes(range(32)))
THIEF = SeedSigner.from_seed(bytes(32))
KEY = Verifier(ORIGIN, SIGNER.public_key)
SIZES = (1, 3, 4, 7)
"""Where the checkpoints are."""


def make_entries(number: int, first: int = 0, prev: str = GENESIS, salt: str = "") -> list[StoredEntry]:
    """Return linked entries."""
    entries: list[StoredEntry] = []
    for seq in range(first, first + number):
        fields = {"run_id": None, "code": f"code-{seq}{salt}", "subject": ""}
        entries.append(write_entry(seq, AT, prev, "alert_raised", fields))
        prev = entries[-1].digest
    return entries


def with_checkpoints(raws: list[bytes], signer: SeedSigner | None = SIGNER, origin: str = ORIGIN) -> list[Record]:
    """Return the entries with a checkpoint at each of `SIZES`."""
    records: list[Record] = []
    for size, raw in enumerate(raws, 1):
        records.append(raw)
        if size in SIZES:
            root = root_of([hash_leaf(item) for item in raws[:size]])
            records.append(sign_checkpoint(Checkpoint(origin, size, root), signer))
    return records


ENTRIES = make_entries(7)
RAWS = [entry.raw for entry in ENTRIES]
RECORDS = with_checkpoints(RAWS)
HEAD = next(record for record in reversed(RECORDS) if isinstance(record, Note)).checkpoint
LINES = list(write_export(Header(ORIGIN, KEY.to_text(), Start()), RECORDS))


def check(records: list[Record], heads: tuple[Checkpoint, ...] = (HEAD,), strict: bool = True) -> Verdict:
    """Verify records against the log's key."""
    verifier = LogVerifier(ORIGIN, KEY, None, strict, heads)
    verifier.feed(records)
    return verifier.finish()


def finding(records: list[Record], heads: tuple[Checkpoint, ...] = (HEAD,), strict: bool = True) -> Finding:
    """Return what is found in records that must not verify."""
    with pytest.raises(DamagedLogError) as caught:
        check(records, heads, strict)
    return caught.value.finding


def replaced(place: int, raw: bytes) -> list[Record]:
    """Return the records with the bytes of one entry replaced, checkpoints left."""
    return [raw if record is RAWS[place] else record for record in RECORDS]


def flips(data: bytes) -> Iterator[bytes]:
    """Return the data with each byte changed in three ways: one bit, the next character, a NUL."""
    for place in range(len(data)):
        for value in {data[place] ^ 1, (data[place] + 1) % 256, 0} - {data[place]}:
            yield data[:place] + bytes([value]) + data[place + 1 :]


def test_an_intact_log_verifies() -> None:
    """The verdict names origin, size, root, and what was checked."""
    verdict = check(RECORDS)
    assert (verdict.origin, verdict.size, verdict.root, verdict.entry_digest) == (
        ORIGIN,
        7,
        HEAD.root,
        ENTRIES[-1].digest,
    )
    assert (verdict.checkpoints, verdict.signed, verdict.checkpointed, verdict.head_size) == (4, 4, 7, 7)


@pytest.mark.parametrize("place", range(7))
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "quick"])
def test_every_changed_byte_is_found_at_its_entry(place: int, strict: bool) -> None:
    """Whichever byte of whichever entry is changed, the log does not verify, and the entry that is named is that one."""
    for raw in flips(RAWS[place]):
        found = finding(replaced(place, raw), strict=strict)
        assert found.seq == place, (raw, found)
        assert found.damage in {Damage.CHANGED, Damage.MALFORMED}, (raw, found)


@pytest.mark.parametrize("place", range(7))
def test_another_valid_entry_in_its_place(place: int) -> None:
    """An entry that was exchanged for a well-formed one with the right link and number is named as changed."""
    prev = ENTRIES[place - 1].digest if place else GENESIS
    other = make_entries(1, place, prev, "forged")[0]
    found = finding(replaced(place, other.raw))
    assert (found.damage, found.seq) == (Damage.CHANGED, place)


@pytest.mark.parametrize("place", range(6))
def test_a_dropped_entry_is_missing(place: int) -> None:
    """An entry that was taken out, with all else left, is missing."""
    found = finding([record for record in RECORDS if record is not RAWS[place]])
    expected = {Damage.MISSING} if place + 1 not in SIZES else {Damage.MISSING, Damage.CHECKPOINT}
    assert found.damage in expected
    assert found.seq in {place, max(place - 1, 0)}


@pytest.mark.parametrize("place", range(1, 6))
def test_swapped_entries_are_out_of_order(place: int) -> None:
    """Two neighbours that changed places are named as such."""
    raws = [*RAWS]
    raws[place], raws[place + 1] = raws[place + 1], raws[place]
    notes = {record.checkpoint.size: record for record in RECORDS if isinstance(record, Note)}
    records: list[Record] = []
    for size, raw in enumerate(raws, 1):
        records += [raw, notes[size]] if size in notes else [raw]
    found = finding(records)
    assert found.seq == place
    assert found.damage in {Damage.ORDER, Damage.MISSING}
    if place + 1 not in SIZES:
        assert found.damage is Damage.ORDER


def test_a_repeated_entry_is_out_of_order() -> None:
    """An entry that stands twice is named at its second place."""
    records: list[Record] = [*RECORDS]
    records.insert(records.index(RAWS[1]) + 1, RAWS[1])
    found = finding(records)
    assert (found.damage, found.seq) == (Damage.ORDER, 2)


@pytest.mark.parametrize("place", range(1, 7))
def test_a_spliced_tail_is_found(place: int) -> None:
    """The tail of another log behind this one's beginning, checkpoints left, is named where it begins."""
    other = [entry.raw for entry in make_entries(7, salt="other")]
    swap = dict(zip(RAWS[place:], other[place:], strict=True))
    found = finding([swap.get(record, record) if isinstance(record, bytes) else record for record in RECORDS])
    assert found.seq in {place, place - 1}
    assert found.damage is Damage.CHANGED


@pytest.mark.parametrize("place", range(7))
def test_rehash_without_the_key(place: int) -> None:
    """A log that is linked and hashed anew behind a changed entry fails at the first checkpoint over it: with the old
    checkpoints the tree differs, with new ones the signature."""
    prev = ENTRIES[place - 1].digest if place else GENESIS
    forged = RAWS[:place] + [entry.raw for entry in make_entries(7 - place, place, prev, "forged")]
    first_over = next(size for size in SIZES if size > place)
    notes = {record.checkpoint.size: record for record in RECORDS if isinstance(record, Note)}
    kept: list[Record] = []
    for size, raw in enumerate(forged, 1):
        kept += [raw, notes[size]] if size in notes else [raw]
    found = finding(kept)
    last_before = max((size for size in SIZES if size <= place), default=0)
    if first_over < 7:  # the entries behind it follow: all since the checkpoint before were made anew
        assert (found.damage, found.seq) == (Damage.REWRITTEN, last_before)
    else:  # nothing follows: a changed last entry looks the same
        assert (found.damage, found.seq) == (Damage.CHANGED, 6)
    stolen = finding(with_checkpoints(forged, THIEF))
    assert (stolen.damage, stolen.seq) == (Damage.SIGNATURE, max(next(iter(SIZES)) - 1, 0))
    mixed = [*with_checkpoints(RAWS[:place]), *with_checkpoints(forged, THIEF)[len(with_checkpoints(RAWS[:place])) :]]
    resigned = finding(mixed)
    assert (resigned.damage, resigned.seq) == (Damage.SIGNATURE, first_over - 1)


def test_rehash_with_the_key_needs_a_head_from_elsewhere() -> None:
    """Whoever has the key can write another history: only a head that was published before gives it away."""
    forged = with_checkpoints([entry.raw for entry in make_entries(7, salt="forged")])
    assert check(forged, heads=()).size == 7
    assert finding(forged).damage is Damage.REWRITTEN
    early = Checkpoint(ORIGIN, 3, root_of([hash_leaf(raw) for raw in RAWS[:3]]))
    assert finding(forged, (early,)).damage is Damage.REWRITTEN


@pytest.mark.parametrize("size", range(7))
def test_a_cut_needs_a_head(size: int) -> None:
    """A log that was cut is too short for its published head; cut at a checkpoint it verifies without one."""
    found = finding(with_checkpoints(RAWS[:size]))
    assert found.damage is Damage.CUT
    assert found.seq == size
    assert check(with_checkpoints(RAWS[:size]), heads=()).size == size


def test_checkpoint_damage_is_named() -> None:
    """A checkpoint of another log, for another size, or under another key is named with the entry before it."""
    third = next(record for record in RECORDS if isinstance(record, Note) and record.checkpoint.size == 3)
    place = RECORDS.index(third)
    root = third.checkpoint.root
    cases = [
        (sign_checkpoint(Checkpoint("ops-warden/other", 3, root), SIGNER), Damage.CHECKPOINT),
        (sign_checkpoint(Checkpoint(ORIGIN, 2, root), SIGNER), Damage.CHECKPOINT),
        (sign_checkpoint(Checkpoint(ORIGIN, 3, root), THIEF), Damage.SIGNATURE),
        (sign_checkpoint(Checkpoint(ORIGIN, 3, root), None), Damage.SIGNATURE),
    ]
    for note, damage in cases:
        found = finding([*RECORDS[:place], note, *RECORDS[place + 1 :]])
        assert (found.damage, found.seq) == (damage, 2)


def test_heads_of_other_logs_are_refused() -> None:
    """A head that is given must be of this log."""
    for size in (3, 9):
        assert finding(RECORDS, (Checkpoint("ops-warden/other", size, HEAD.root),)).damage is Damage.HEAD


def test_a_later_part_verifies_from_where_the_earlier_ended() -> None:
    """Verification can begin at a checkpoint, with what the part before ended with; heads from before do not matter."""
    start = Start(Frontier().extended(hash_leaf(raw) for raw in RAWS[:3]), ENTRIES[2].digest)
    later = RECORDS[RECORDS.index(RAWS[3]) :]
    early = Checkpoint(ORIGIN, 1, bytes(32))
    verifier = LogVerifier(ORIGIN, KEY, start, True, [early, HEAD])
    verifier.feed(later)
    assert verifier.finish().size == 7
    for wrong in (Start(start.frontier, GENESIS), Start(Frontier().extended([bytes(32)] * 3), ENTRIES[2].digest)):
        with pytest.raises(DamagedLogError):
            LogVerifier(ORIGIN, KEY, wrong).feed(later)


def test_quick_verifying_takes_signed_bytes_as_they_are() -> None:
    """Without strict parsing an entry of an unknown kind is taken at its bytes, when links, tree and signature hold; with
    it, it is malformed."""
    unknown = RAWS[0].replace(b"alert_raised", b"alert_lifted")
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, root_of([hash_leaf(unknown)])), SIGNER)
    assert check([unknown, note], heads=(), strict=False).signed == 1
    assert finding([unknown, note], heads=()).damage is Damage.MALFORMED


def test_feeding_in_parts_is_the_same() -> None:
    """A log that is fed record by record gives the same verdict."""
    verifier = LogVerifier(ORIGIN, KEY, heads=[HEAD])
    for record in RECORDS:
        verifier.feed([record])
    assert verifier.finish() == check(RECORDS)


# -- exports


def verify_lines(lines: list[bytes], key: Verifier | None = KEY, heads: tuple[Checkpoint, ...] = ()) -> Verdict:
    """Verify an export."""
    return verify_export(iter(lines), key, heads)


def test_an_export_verifies_with_nothing_but_the_key() -> None:
    """An export verifies with the key, with the key that it names, and against a head."""
    assert verify_lines(LINES).signed == 4
    assert verify_lines(LINES, None).size == 7
    assert verify_lines(LINES, KEY, (HEAD,)).head_size == 7


@pytest.mark.slow
def test_every_changed_byte_of_an_export_is_found() -> None:
    """No export with one changed byte verifies with the key."""
    data = b"".join(LINES)
    for changed in flips(data):
        with pytest.raises(LedgerError):
            verify_lines(changed.splitlines(keepends=True))


@pytest.mark.slow
def test_every_cut_of_an_export() -> None:
    """A cut within a line is torn or leaves uncovered entries; a cut after a checkpoint is found only with a head."""
    data = b"".join(LINES)
    ends = {len(b"".join(LINES[: place + 1])) for place, line in enumerate(LINES) if line.startswith(b'{"checkpoint"')}
    for length in range(len(data)):
        lines = data[:length].splitlines(keepends=True)
        if length in ends:
            assert verify_lines(lines).size < 7
        else:
            with pytest.raises(LedgerError):
                verify_lines(lines)
        with pytest.raises(LedgerError):
            verify_lines(lines, KEY, (HEAD,))


def test_torn_line_is_told_apart() -> None:
    """A file that ends within a line is torn, not changed, and the entry is named."""
    with pytest.raises(DamagedLogError) as caught:
        verify_lines([*LINES[:5], LINES[5][:-9]])
    assert caught.value.finding.damage is Damage.TORN
    assert caught.value.finding.seq == 2 + 1


@pytest.mark.parametrize("drop", range(len(LINES)))
def test_every_dropped_line_of_an_export(drop: int) -> None:
    """No line can be taken out, except a checkpoint in the middle: the next one covers the same entries."""
    lines = LINES[:drop] + LINES[drop + 1 :]
    if LINES[drop].startswith(b'{"checkpoint"') and drop != len(LINES) - 1:
        assert verify_lines(lines).size == 7
    else:
        with pytest.raises(LedgerError):
            verify_lines(lines)


def test_every_swap_of_lines() -> None:
    """No two neighbouring lines can change places."""
    for first, second in pairwise(range(len(LINES))):
        lines = [*LINES]
        lines[first], lines[second] = lines[second], lines[first]
        with pytest.raises(LedgerError):
            verify_lines(lines)


def test_an_export_under_another_key() -> None:
    """A file that was made anew under another key verifies by its own word, and not with the real key."""
    other = Verifier(ORIGIN, THIEF.public_key)
    records = with_checkpoints([entry.raw for entry in make_entries(7, salt="x")], THIEF)
    lines = list(write_export(Header(ORIGIN, other.to_text(), Start()), records))
    assert verify_lines(lines, None).size == 7
    with pytest.raises(DamagedLogError) as caught:
        verify_lines(lines)
    assert caught.value.finding.damage is Damage.KEY


def test_an_unsigned_export_does_not_pass_for_a_signed_one() -> None:
    """A file that names no key is refused when a key is asked for."""
    lines = list(write_export(Header(ORIGIN, "", Start()), with_checkpoints(RAWS, None)))
    assert verify_lines(lines, None).signed == 0
    with pytest.raises(DamagedLogError):
        verify_lines(lines)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b"\xff\n",
        b'{"export":1}\n',
        b"[" * 100_000,
        LINES[0].replace(b'"export":1', b'"export":2'),
        LINES[0].replace(b'"first":0', b'"first":false'),
        LINES[0].replace(b'"first":0', b'"first":-1'),
        LINES[0].replace(b'"first":0', b'"first":0.0'),
        LINES[0].replace(b'"frontier":[]', b'"frontier":["00"]'),
        LINES[0].replace(b'"frontier":[]', b'"frontier":""'),
        LINES[0].replace(b'"frontier":[]', b'"frontier":[7]'),
        LINES[0].replace(b'"prev":"sha256', b'"prev":7,"x":"sha256'),
        LINES[0].replace(b'"key":"', b'"key":"x'),
        LINES[0].replace(b'"origin":"', b'"origin":"\\n'),
        LINES[0].replace(b"{", b"{ ", 1),
    ],
)
def test_first_lines_are_strict(line: bytes) -> None:
    """What is not the first line of an export in its only form ends in an error of ours."""
    for key in (KEY, None):
        with pytest.raises(LedgerError):
            verify_lines([line, *LINES[1:]], key)


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b"\\n", b"\\u000a"),
        lambda line: b'{"checkpoint": ' + line.removeprefix(b'{"checkpoint":'),
        lambda line: b'{"checkpoint":7}\n',
        lambda line: b'{"checkpoint":{}\n',
        lambda line: line.replace(b"}", b',"more":1}'),
        lambda line: b'{"checkpoint":' + b"[" * 100_000 + b"\n",
    ],
)
def test_checkpoint_lines_are_strict(change: Callable[[bytes], bytes]) -> None:
    """A checkpoint line in another form is refused and named."""
    with pytest.raises(DamagedLogError) as caught:
        verify_lines([*LINES[:-1], change(LINES[-1])])
    assert caught.value.finding.damage is Damage.CHECKPOINT


def test_an_endless_line_is_refused() -> None:
    """A line over the limit of an entry is refused before it is parsed."""
    with pytest.raises(DamagedLogError) as caught:
        list(read_records([b"x" * (300 * 1024) + b"\n"], 0))
    assert caught.value.finding.damage is Damage.MALFORMED
