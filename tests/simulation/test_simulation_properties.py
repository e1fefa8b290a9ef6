"""The invariants over sequences that hypothesis chooses, and makes small when they fail."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcase import PAIRS, WORDS, Case, Op, pairs_for
from simplay import play
from warden.model.hub import DeliveryMeans

OPS: st.SearchStrategy[Op] = st.one_of(
    st.tuples(
        st.just("send"),
        st.tuples(st.sampled_from(WORDS), st.sampled_from(["flex-auth", "billing"]), st.integers(-1, 5)),
    ),
    st.tuples(st.just("execute"), st.none()),
    st.tuples(st.just("pair"), st.sampled_from(PAIRS)),
    st.tuples(st.just("send_second"), st.sampled_from(WORDS)),
    st.tuples(st.just("full"), st.integers(0, 150_000)),
    st.tuples(st.just("dry"), st.none()),
    st.tuples(st.just("apply"), st.none()),
    st.tuples(st.just("clock"), st.sampled_from([1.0, 30.0, 3700.0, 86400.0, -60.0, -86400.0])),
)
FAULTS = st.dictionaries(st.integers(1, 100), st.integers(0, 30), max_size=8)
"""Whether a step is before or after a call is applied, and what goes wrong there, are chosen apart."""


@pytest.mark.slow
@settings(max_examples=150)
@given(st.sampled_from(DeliveryMeans), st.lists(OPS, min_size=2, max_size=14), FAULTS)
def test_any_sequence_of_mail_runs_and_faults_keeps_the_invariants(
    means: DeliveryMeans, ops: list[Op], faults: dict[int, int]
) -> None:
    """Exactly once, nothing lost, intents before deliveries, receipts before dispositions: checked against the hub."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        allowed = [op for op in ops if op[0] != "pair" or op[1] in pairs_for(means)]
        play(Case(means, tuple(allowed), faults), Path(directory) / "world")
