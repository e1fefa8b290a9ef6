"""Saved plans: written item by item, read back as exactly what was written, or refused."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warden.documents.plan import MAX_PLAN_BYTES, PlanWriter, read_plan
from warden.errors import DocumentError
from warden.model.disposition import Disposition
from warden.model.saved_plan import PlanHeader, PlanItem, SavedPlan

DIGEST = "sha256:" + "0" * 64
HEADER = PlanHeader(
    "run-1", "2026-01-01T00:00:00.000Z", "ops-warden", "hub", DIGEST, "1:s", "rule", DIGEST, DIGEST, DIGEST
)
ITEM = PlanItem(
    "m1", DIGEST, "routing-question", "", "ssh", "answered", (("route_answer", (("entry_id", "ssh"),)),), (DIGEST,)
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
NAME = st.text("abc_", max_size=5)
ITEMS = st.builds(
    PlanItem,
    message_id=TEXT,
    message_digest=st.just(DIGEST),
    reason=TEXT,
    detail=TEXT,
    catalog_entry=st.none() | TEXT,
    disposition=st.sampled_from([one.value for one in Disposition]),
    proposals=st.lists(
        st.tuples(TEXT, st.dictionaries(NAME, TEXT, max_size=3).map(lambda found: tuple(sorted(found.items())))),
        max_size=3,
    ).map(tuple),
    action_digests=st.lists(st.sampled_from([DIGEST, ""]), max_size=3).map(tuple),
)


def write(items: list[PlanItem], header: PlanHeader = HEADER) -> bytes:
    """Return the bytes of a plan."""
    stream = io.StringIO()
    writer = PlanWriter(stream, header)
    for item in items:
        writer.add(item)
    writer.close()
    return stream.getvalue().encode("ascii")


@given(st.lists(ITEMS, max_size=4), st.builds(PlanHeader, *[TEXT] * 10))
def test_what_is_written_is_what_is_read(items: list[PlanItem], header: PlanHeader) -> None:
    """Header, items and digest survive the file, whatever text is in them."""
    plan = read_plan(write(items, header), "plan.json")
    assert plan == SavedPlan(header, tuple(items))
    assert plan.digest == SavedPlan(header, tuple(items)).digest


@given(ITEMS, ITEMS)
def test_another_item_is_another_plan(one: PlanItem, other: PlanItem) -> None:
    """Two plans have one digest only when they are the same plan."""
    digests = {SavedPlan(HEADER, (item,)).digest for item in (one, other)}
    assert len(digests) == len({one, other})


def test_order_and_number_of_items_count() -> None:
    """Leaving out, repeating or moving an item changes the digest."""
    other = PlanItem("m2", DIGEST, "r", "", None, "read", (), ())
    plans = [(), (ITEM,), (other,), (ITEM, other), (other, ITEM), (ITEM, ITEM)]
    assert len({SavedPlan(HEADER, items).digest for items in plans}) == len(plans)


def altered(*path: object, value: object = None, remove: bool = False) -> bytes:
    """Return a plan with one place changed or removed."""
    document: Any = json.loads(write([ITEM]))
    place = document
    for step in path[:-1]:
        place = place[step]
    if remove:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(document).encode("ascii")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"schema": 1, "schema": 2}',
        altered("schema", value="warden.plan/2"),
        altered("agent", remove=True),
        altered("agent", value=None),
        altered("more", value="x"),
        altered("items", value={}),
        altered("items", 0, value=[]),
        altered("items", 0, "reason", value=3),
        altered("items", 0, "reason", value=True),
        altered("items", 0, "disposition", value="approved"),
        altered("items", 0, "catalog_entry", value=[]),
        altered("items", 0, "action_digests", value=DIGEST),
        altered("items", 0, "action_digests", 0, value=None),
        altered("items", 0, "proposals", 0, "arguments", value=[]),
        altered("items", 0, "proposals", 0, "arguments", "entry_id", value={"a": "b"}),
        altered("items", 0, "proposals", 0, "to", value="somebody"),
        write([ITEM]).replace(b'"m1"', b"1.5"),
        write([ITEM]).replace(b'"m1"', b"NaN"),
        write([ITEM]).replace(b'"m1"', b'"\\ud800"'),
        write([ITEM]).replace(b'"entry_id"', b'"\\u00e9"'),
    ],
)
def test_what_warden_did_not_write_is_refused_by_the_files_name(data: bytes) -> None:
    """Every other document is one error that names the file and says how to make a plan."""
    with pytest.raises(DocumentError, match=r"plan\.json") as raised:
        read_plan(data, "plan.json")
    assert "--out" in raised.value.hint


def test_a_plan_is_read_within_bounds() -> None:
    """A file over the limit is refused before it is parsed."""
    with pytest.raises(DocumentError, match="larger"):
        read_plan(bytes(MAX_PLAN_BYTES + 1), "plan.json")
