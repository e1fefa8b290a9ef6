"""A disk that fills in the middle of a run: the write that finds no room is one of SQLite's or of the head's, each in turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from simcase import Case, Op
from simplay import must_hold
from warden.model.hub import DeliveryMeans

MAIL: tuple[Op, ...] = tuple(("send", (word, "flex-auth", -1)) for word in ("both", "read", "escalate"))
STEP_BYTES = 2100
"""About half of a page with its header: every write of a page fails once at its start and once within."""
ENOUGH_BYTES = 1 << 24


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_disk_that_fills_at_any_write_of_a_run_loses_and_repeats_nothing(disk: Path) -> None:
    """From no room at all to enough of it, half a page more each time: what was begun is finished when there is room again."""
    ends: list[bool] = []
    for room in range(0, ENOUGH_BYTES, STEP_BYTES):
        world = must_hold(Case(DeliveryMeans.NONE, (*MAIL, ("full", room))), disk)
        ends.append(any("ended" in line for line in world.trace))
        if not ends[-1]:
            break
    assert not ends[-1]
    assert all(ends[:-1])
    assert len(ends) > 20
