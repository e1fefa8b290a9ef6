"""What one sees of warden from outside: codes of alerts with their explanations, metrics, notifications, traces.

What it does: turns a read model (`model.watch.Standing`, conditions, reports of a run) into the formats that monitoring speaks,
and carries notifications to the places that an operator named. What it does not: read a ledger or a configuration, decide
anything about a message, or fail a run. INVARIANT (no-secret): what leaves here holds codes, counts, digests and ids; never a
subject, a body, a sender or an address.

`prometheus_client`, `opentelemetry` and `apprise` are imported when they are used, and not before.
"""
