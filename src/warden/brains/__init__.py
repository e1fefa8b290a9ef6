"""Brains: what proposes a plan for a message.

What it does: implements `ports.Brain`: `rules` (deterministic, answers from the routing catalogue), and brains that ask a
language model. What it does not: decide, deliver, read files or the environment, hold a credential of the hub. Rules: a
brain sees a `BrainInput` and returns a `Plan`, nothing else; whatever it returns is judged by the kernel as if a stranger had
written it; only `BrainError` comes out; a brain whose answers can differ has another digest; nothing heavy is imported
before the brain that needs it is built.
"""
