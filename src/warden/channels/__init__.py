"""Channels: each carries one kind of intent to the outside and brings back a receipt.

What it does: turns a durable intent into exactly one call of an adapter, under the intent's idempotency key. What it does not:
decide, retry, count or record; the engine does. Rules: a channel sends the payload as it is; it raises `HubError` and its
subclasses only; it is safe to call from several threads. A dry run has no channel at all.
"""
