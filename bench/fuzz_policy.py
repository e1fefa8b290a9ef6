"""A long differential run of the policy kernel against the naive model in tests/unit/policy_model.py.

    python bench/fuzz_policy.py --pairs 1000000 --seed 7

Prints how many (bundles, request) pairs were compared and how many were denied; ends with the first disagreement.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

CHUNK = 10_000


def main() -> int:
    """Run the comparison and return the exit status."""
    parser = argparse.ArgumentParser(description="compare the policy kernel with the naive model")
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit"))
    from policy_compare import compare_pairs

    started = time.perf_counter()
    done = denied = 0
    while done < options.pairs:
        pairs = min(CHUNK, options.pairs - done)
        denied += compare_pairs(options.seed * 1_000_003 + done, pairs)
        done += pairs
    print(f"{done} pairs, 0 disagreements, {denied} denied, {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
