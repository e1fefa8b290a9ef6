"""Frozen values that every room shares: message, plan, action, request, decision, intent, receipt, entry; digests.

What it does: names the things of the pipeline (DESIGN section 1) as immutable dataclasses, and gives each thing that
is bound to another a digest over canonical bytes. What it does not: parse, validate foreign input, read clocks, touch
files. Rules: no module here imports another room; every value is frozen; a mapping in a value is never changed after
the value was made; digests are `sha256:<hex>` over `digests.canonical_bytes`.
"""
