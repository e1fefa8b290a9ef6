"""Where events come in: a Starlette application that checks, sorts and keeps deliveries, and does no work.

What it does: proves who sent a delivery over its raw bytes, reads what happened, takes secret values out, matches the
operator's trigger rules, makes all of it durable in one transaction that many deliveries share, and answers. What it does
not: run anything, ask a brain, touch the ledger or the hub. A cycle of the worker finds what was taken in as messages of a
second source. Rules: nothing is parsed before its signature holds; nothing is answered with 2xx before it is durable; what is
refused is written down with its reason; no unredacted word is stored.
"""
