"""Brains that ask a language model, contained: whatever the model returns becomes one of five plain plans, or an escalation.

What it does, in this order: `context` gathers layers (system, charter, catalogue, thread, message), has each redacted and then
cut; `prompt` renders them with the message as marked data; `client` asks a `provider` over one bounded `exchange`; `answers`
finds the one JSON object in what came back; `decisions` reads it strictly; `containment` and `echoes` look at every word that
would leave; `brain` puts them together behind `ports.ModelBrain`.

What it does not: decide, deliver, touch ledger, guard or environment, or hold a hub's credential. Rules:

- rules come first: what the guard calls a request for a secret, a change or an order to the worker never reaches a model;
- a model names no recipient and no new kind of action, and its words about its reasons are shown to nobody;
- nothing that a server or a model returns can raise out of here, run for ever or fill memory: every size, time, number of
  attempts and depth has a bound;
- what is read is the redacted answer with the random marks of the call taken out, so that a kept answer gives the same plan;
- randomness, clock and credential are handed in; httpx is imported when a model is first asked.
"""
