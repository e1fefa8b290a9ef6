"""How often and how long a delivery is tried again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of redelivery.

    The delay before attempt n + 1 is drawn from [d/2, d] with d = min(longest_delay_s, first_delay_s * 2^(n - 1)), and is
    never shorter than what the hub asked for, up to half the age limit. While the hub is away or busy, d is at most
    `outage_delay_s`, so that what waits leaves soon after it is back. After `attempts_limit` attempts that the hub may have
    seen, or `age_limit_s` seconds since the intent was made, the delivery is given up: attempts that certainly never reached
    the hub count towards the age only (`model.delivery.UNCOUNTED`). The age limit stays below the 90 days for which a hub
    keeps idempotency keys.
    """

    first_delay_s: float = 5.0
    longest_delay_s: float = 3600.0
    attempts_limit: int = 12
    outage_delay_s: float = 900.0
    age_limit_s: float = 3 * 86400.0
