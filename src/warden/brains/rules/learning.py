"""What people's decisions teach the rule brain: words for entries that it did not know.

An example is a message and the entry that answered it in the end. For each example that the catalogue does not answer, phrases
of the message are tried as aliases of its entry; one is proposed only when the example is then answered and no other example
is answered worse. Nothing here is saved: `warden catalog apply` does that, after a person looked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from warden.brains.rules.brain import RuleBrain
from warden.model.ids import MessageKey
from warden.model.message import BrainInput, Mail, Message, MessageFacts, Principal

if TYPE_CHECKING:
    from warden.model.catalog import Catalog

MAX_PHRASE_WORDS = 4
MAX_TRIES = 40
"""INVARIANT (bounded): phrases that are tried for one example."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_COMMON = frozenset(
    _WORD.findall(
        "a an and any are as at be been but by can could do does for from get give got had has have hello hey hi how i if in "
        "is it know me my need new of on or our please some tell thank thanks that the their them there this to us want was we "
        "were what when where which who whom whose why will with would you your ask find out about obtain request someone "
        "somebody anyone"
    )
)

Facts = Callable[[Message], MessageFacts]


@dataclass(frozen=True, slots=True)
class Example:
    """A message, and the entry that answers it; None when no entry does."""

    name: str
    subject: str
    body: str
    entry: str | None


@dataclass(frozen=True, slots=True)
class Score:
    """How a catalogue does on examples: answers that are right and wrong, and how many should be answered."""

    right: int
    wrong: int
    wanted: int

    @property
    def precision(self) -> int:
        """The share of its answers that are right, in thousandths; 1000 when it gives none."""
        return 1000 if not self.right + self.wrong else round(1000 * self.right / (self.right + self.wrong))

    @property
    def recall(self) -> int:
        """The share of what should be answered that is answered rightly, in thousandths."""
        return 1000 if not self.wanted else round(1000 * self.right / self.wanted)


@dataclass(frozen=True, slots=True)
class Proposal:
    """An alias for an entry, and the examples that it answers."""

    entry: str
    alias: str
    answers: tuple[str, ...]


def answer_of(brain: RuleBrain, facts: Facts, example: Example) -> str | None:
    """Return the entry that the brain answers an example with, None when it leaves it to a person."""
    mail = Mail(example.subject, example.body, "request", "learning")
    message = Message(
        MessageKey("learning", "ops-warden", example.name), Principal("sender"), "1970-01-01T00:00:00Z", mail
    )
    plan = brain.propose(BrainInput(message, facts(message)))
    return plan.catalog_entry if any(action.kind == "route_answer" for action in plan.actions) else None


def score(catalog: Catalog, examples: Iterable[Example], facts: Facts) -> Score:
    """Return how the catalogue does on the examples."""
    return _score(RuleBrain(catalog), examples, facts)


def _score(brain: RuleBrain, examples: Iterable[Example], facts: Facts) -> Score:
    right = wrong = wanted = 0
    for example in examples:
        found = answer_of(brain, facts, example)
        wanted += example.entry is not None
        right += found is not None and found == example.entry
        wrong += found is not None and found != example.entry
    return Score(right, wrong, wanted)


def learn(catalog: Catalog, examples: Sequence[Example], facts: Facts) -> tuple[Catalog, tuple[Proposal, ...]]:
    """Return the catalogue with the aliases that are worth adding, and what each of them answers."""
    proposals: list[Proposal] = []
    brain = RuleBrain(catalog)  # made anew only for another catalogue: its index takes a tenth of a second
    for example in examples:
        if example.entry is None or catalog.find(example.entry) is None:
            continue
        if answer_of(brain, facts, example) is not None:
            continue
        before = _score(brain, examples, facts)
        for phrase in phrases(catalog, example):
            changed = with_alias(catalog, example.entry, phrase)
            taught = RuleBrain(changed)
            if answer_of(taught, facts, example) != example.entry:
                continue
            after = _score(taught, examples, facts)
            if after.wrong <= before.wrong and after.right > before.right:
                answers = tuple(
                    other.name
                    for other in examples
                    if answer_of(taught, facts, other) == other.entry != answer_of(brain, facts, other)
                )
                proposals.append(Proposal(example.entry, phrase, answers))
                catalog, brain = changed, taught
                break
    return catalog, tuple(proposals)


def with_alias(catalog: Catalog, entry_id: str, alias: str) -> Catalog:
    """Return the catalogue with one more alias for an entry."""
    return replace(
        catalog,
        entries=tuple(
            replace(entry, aliases=(*entry.aliases, alias)) if entry.id == entry_id else entry
            for entry in catalog.entries
        ),
    )


def phrases(catalog: Catalog, example: Example) -> list[str]:
    """Return phrases of a message that may name what it asks about, the most telling first: those with words that the
    catalogue does not know, shorter ones first, and never one that begins or ends with a word that says nothing."""
    known = {
        word.lower()
        for entry in catalog.entries
        for text in (entry.title, *entry.topics, *entry.aliases)
        for word in _WORD.findall(text)
    }
    found: dict[str, tuple[int, int]] = {}
    for line in (example.body, example.subject):
        words = [word.strip("._-/").lower() for word in _WORD.findall(line)]
        for length in range(1, MAX_PHRASE_WORDS + 1):
            for start in range(len(words) - length + 1):
                part = words[start : start + length]
                if not {part[0], part[-1]} & _COMMON and all(part):
                    unknown = sum(word not in known and word not in _COMMON for word in part)
                    found.setdefault(" ".join(part), (-unknown, length))
    return sorted(found, key=lambda phrase: (*found[phrase], phrase))[:MAX_TRIES]
