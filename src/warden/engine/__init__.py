"""The engine: the only room that knows the order of things.

What it does: pulls messages, asks the brain, drafts final texts, has guard and kernel judge them, makes what is allowed
durable as intents, delivers, records receipts, and gives every message a disposition. What it does not: know a hub, a
database, a file, a terminal or the time; all of these come in through `warden.ports`.

Rules:

1. Pull -> plan -> judge is one path (`planning`), the same for a dry run, an executing run and an applied plan. What
   differs is only what is done with a judged message: `cycle` counts it, or hands it to `execution`.
2. Nothing leaves before its intent is durable; no disposition before its receipt is durable. Both happen in
   `outbox`, for new intents and for those that an earlier run left behind, by the same code.
3. A message's actions are carried out all or none: one refusal escalates the message, one hold holds it.
4. Everything that a brain or a sender says is data. Kinds, recipients, texts and threads of what leaves are made here.
5. Only `enforce` calls `Channel.deliver` and `Channel.find`.
"""
