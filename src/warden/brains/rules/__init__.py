"""The rule brain: answers clear routing questions from a catalogue, and escalates the rest. No model, no randomness.

What it does, in this order: `mail` takes the noise of real mail away; `questions` finds what is asked and `phrasing` how;
`index` scores every entry of the catalogue against each question; `statements` recognises acknowledgements, reports and
further requests; `brain` puts them together into a plan that says why. What it does not: guess. Rules:

- a wrong answer costs ten escalations: an answer needs a question of the routing kind, words that one entry explains, no
  word that no entry explains in the place that matters, and a clear distance to the next entry;
- all weights come from the catalogue itself (how many entries share a word), so that any catalogue works unchanged;
- facts found by the guard come before anything that is matched here;
- work is bounded by the length of a message, and a message too long to be read whole is escalated.
"""
