"""What a run writes of the review queue is written under a policy that it names."""

from __future__ import annotations

import pytest

from reviewbed import drafting


@pytest.mark.parametrize(("wait_s", "written"), [(3 * 86_400.0, "review_expired"), (3_700.0, "alert_raised")])
def test_a_run_that_only_tends_the_queue_names_its_policy_and_looks_at_its_log(wait_s: float, written: str) -> None:
    """An approval that runs out and an item that is raised end or change what waits: no run does that on a log unseen."""
    bed = drafting()
    bed.clock.advance(wait_s)
    looked: list[int] = []
    bed.store.check_log = lambda: looked.append(bed.runs)  # type: ignore[method-assign]
    bed.execute(raise_after_s=3_600.0)
    assert len(bed.entries(written)) == 1
    assert bed.entries("run_started")[-1]["snapshot"] == bed.kernel.snapshot
    assert looked == [bed.runs]
