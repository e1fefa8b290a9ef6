"""The kernel against the naive model of `policy_model`: two readings of the same rules must agree on everything.

`make fuzz` runs ten times as many pairs with `bench/fuzz_policy.py`.
"""

from __future__ import annotations

import pytest

from policy_compare import compare_pairs

MANY = 100_000


@pytest.mark.parametrize("seed", range(4))
def test_kernel_and_model_agree_on_a_sample(seed: int) -> None:
    """For random bundles and requests the kernel decides exactly as the naive model does."""
    denied = compare_pairs(seed, 1_000)
    assert 0 < denied < 1_000


@pytest.mark.untraced
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kernel_and_model_agree_on_many_pairs() -> None:
    """The same for 100,000 pairs."""
    denied = compare_pairs(20_261_121, MANY)
    assert 0 < denied < MANY
