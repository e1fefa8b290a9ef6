"""Durable state on one host: the ledger in SQLite, heads and keys in files, locks.

What it does: appends entries and updates the projections in one transaction under one short writer lock per database
file (`sqlite`, `projections`), publishes the head outside the database (`headfile`), keeps the signing key (`keys`),
excludes a second cycle (`locks`), and repairs, archives and purges (`repair`, `archive`).

What it does not: decide anything. What an entry is and which edges states have is `warden.ledger`'s; the order of
things is the engine's.

Rules: a file that holds state is 0600 in a 0700 directory; every write that matters is followed by its fsync before the
next step; a failure of the disk is a `StateError` with a hint, a file that was changed by anyone else a `LedgerError`;
portalocker, pynacl and pydantic are not imported with `store.sqlite`.
"""
