"""The ledger's own rules: what an entry is, how entries are linked, signed, proved and verified.

What it does: the closed schema of entries and their one byte form (`schema`, `entry`), the edges that states may take
(`transitions`), the Merkle tree of RFC 6962 (`merkle`), signed checkpoints in the C2SP form (`signature`,
`checkpoint`), proofs as files (`proof`), exports (`export`) and their verification (`verify`).

What it does not: store, lock, read a clock or a file. `warden.store` does that and calls this room. With this room,
`errors` and `model` alone (and pynacl for the signatures) an export is verified by somebody who trusts nothing else.

Rules: pure; strict parsing (one meaning has one byte string, and what renders differently from what was read is
refused); a ledger never holds text, only ids, kinds, rule ids, sizes and digests; nothing is imported from pynacl
before a signature is made or checked.
"""
