"""What adapters share that speak HTTP to servers which nobody trusts.

What it does: gives httpcore a network whose every step ends at the deadline of the whole exchange. What it does not: know hubs,
models, credentials or errors of ours, read the environment, or decide what an answer means: those stay with each adapter.
"""
