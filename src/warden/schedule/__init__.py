"""Turns time into passes over the inbox.

What it does: decides when the next cycle begins (an interval or a calendar expression, with jitter that is handed in),
and calls it; lets a signal end the waiting at once. What it does not: know what a cycle does, build adapters, hold the
lock (the cycle takes it), or keep state of its own: a missed tick is one late cycle, never two.
"""
