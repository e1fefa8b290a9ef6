"""The ledger's reference page says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from warden.ledger.damage import Damage
from warden.ledger.entry import ENTRY_VERSION
from warden.ledger.review_transitions import REVIEW_EDGES
from warden.ledger.schema import KINDS
from warden.ledger.transitions import DISPOSITION_EDGES, INTENT_EDGES, REOPENED_EDGES
from warden.model.disposition import Disposition

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "ledger.md").read_text(encoding="utf-8")


def table(heading: str) -> list[tuple[str, ...]]:
    """Return the rows of the first table under a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows[2:]]


def words(after: frozenset[Disposition]) -> str:
    """Return a set of dispositions as the page writes it."""
    if after == frozenset(Disposition):
        return "any"
    return ", ".join(sorted(after)) or "nothing"


def test_every_kind_is_there() -> None:
    """The page lists every kind with exactly its fields, in the schema's order."""
    listed = {row[0].strip("`"): [cell.strip("` ") for cell in row[2].split(",")] for row in table("Entries")}
    assert listed == {kind: list(fields) for kind, fields in KINDS.items()}
    assert f"`v` ({ENTRY_VERSION})" in PAGE


def test_every_edge_of_a_delivery_is_there() -> None:
    """The page's table of states is the one that the store enforces, edge by edge."""
    listed = [(row[0], row[1].strip("`"), row[2], row[3]) for row in table("States of a delivery")]
    edges = [
        (before.value if before else "(new)", event, after.value, meaning)
        for (before, event), (after, meaning) in INTENT_EDGES.items()
    ]
    assert sorted(listed) == sorted(edges)


def test_every_edge_of_a_message_is_there() -> None:
    """The page's table of dispositions is the one that the store enforces."""
    edges = [
        (before.value if before else "(new)", words(DISPOSITION_EDGES[before]), words(REOPENED_EDGES[before]))
        for before in [None, *Disposition]
    ]
    assert sorted(table("Dispositions of a message")) == sorted(edges)


def test_every_edge_of_an_item_is_there() -> None:
    """The page's table of what waits for a person is the one that the store enforces, edge by edge."""
    listed = [(row[0], row[1], row[2].strip("`"), row[3], row[4]) for row in table("What waits for a person")]
    edges = [
        (kind.value, before.value if before else "(new)", event, after.value, meaning)
        for (kind, before, event), (after, meaning) in REVIEW_EDGES.items()
    ]
    assert sorted(listed) == sorted(edges)


@pytest.mark.parametrize("damage", list(Damage))
def test_every_damage_is_there(damage: Damage) -> None:
    """The page explains every name that verifying can say."""
    assert damage.value in {row[0].strip("`") for row in table("Damage")}
