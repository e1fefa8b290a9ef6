"""How long somebody who failed to sign in has to wait: a function of how often, and of when. Pure.

Each address and each user counts by itself. The first few failures are free; then the wait doubles up to a limit; a quiet
time forgives everything. One-time links do not count against a user, so that nobody can be kept out by guesses at their
passphrase.
"""

from __future__ import annotations

from dataclasses import dataclass

FORGIVEN_AFTER_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How many failures are free, and the longest wait in seconds."""

    free: int
    longest_s: int


PER_ADDRESS = Patience(free=10, longest_s=900)
PER_USER = Patience(free=5, longest_s=300)


def wait_ms(patience: Patience, failures: int, last_ms: int, now_ms: int) -> int:
    """Return for how many milliseconds from now no sign-in is taken; 0 for none."""
    if failures < patience.free or now_ms - last_ms >= FORGIVEN_AFTER_MS:
        return 0
    doubled = min(failures - patience.free, 20)
    return max(0, last_ms + min(1 << doubled, patience.longest_s) * 1000 - now_ms)
