"""The catalogue as an index, and the score of every entry for the words of a question.

A word's weight is its rarity: the share of entries that use it in title, topics, aliases or questions, on a scale from 1 (one
entry) towards 0 (all of them). An entry's score has two parts: *explained*, the weight of the question's words that the entry
knows, over the weight of all of them; and *named*, how much of one of the entry's own phrases the question says. Words that
only stand in answers or owners' names explain a little and name nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from warden.brains.rules import words as lexicon
from warden.brains.rules.tokens import fold, split_words, stem
from warden.model.catalog import Catalog, CatalogEntry

ADJUNCT_MOST = 0.4
TYPO_MATCH = 0.9
TYPO_MIN_CHARS = 5
TYPO_TWICE_MIN_CHARS = 8
TYPO_MAX_CHARS = 24
ANSWER_MATCH = 0.5
TOPIC_FACTOR = 0.85
GENERIC_FACTOR = 0.3
COUNT_BASE = 0.3

_STOP = lexicon.STOP
_ACT = re.compile(r"^(?:who|which \w+|what \w+) (?:(?:can|could|will|would|may|should) )?([a-z]{3,})\b")
_PARTICLES = frozenset({"up", "out", "in", "off", "on", "over"})
_FRAME = lexicon.STOP | lexicon.ROUTE
_LIGHT = lexicon.stems(lexicon.GENERIC_NOUN | lexicon.MODIFIER | lexicon.OBTAIN)
_OPTIONAL = lexicon.stems(lexicon.OBTAIN)
_COMMON = lexicon.stems(
    lexicon.STOP | lexicon.ROUTE | lexicon.OBTAIN | lexicon.OPERATE | lexicon.MODIFIER | lexicon.CONTEXT | lexicon.PROBLEM
    | lexicon.COMMON
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """A word of the catalogue that a question says: its stem, weight, how sure the reading is, and who uses it."""

    stem: str
    weight: float
    match: float
    entries: frozenset[int]


@dataclass(slots=True)
class Weighed:
    """The words of one question with their weights.

    `known`: a word of the catalogue, its weight in this question, and how far it counts as said (0 to 1). `weak`: words
    that only answers know. `unknown`: the weight of the words that nobody knows. `beside` and `adjunct` are known and unknown
    words of what the thing is needed for: together they never weigh more than `ADJUNCT_MOST` against an entry.
    """

    known: list[tuple[Known, float, float]] = field(default_factory=list)
    beside: list[tuple[Known, float, float]] = field(default_factory=list)
    weak: list[tuple[frozenset[int], float]] = field(default_factory=list)
    unknown: float = 0.0
    adjunct: float = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """An entry's score for one question, between 0 and 1, and its parts; `terms` are the stems that matched."""

    entry: CatalogEntry
    value: float
    explained: float
    named: float
    terms: tuple[str, ...]


UNNAMED = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Phrase:
    entry: int
    stems: frozenset[str]
    factor: float
    weight: float = 0.0


def deletions(word: str, depth: int) -> set[str]:
    """Return the word and all that remain of it after `depth` letters or fewer are taken out."""
    found = {word}
    frontier = {word}
    for _ in range(depth):
        frontier = {text[:at] + text[at + 1 :] for text in frontier for at in range(len(text))}
        found |= frontier
    return found


def _typo_depth(word: str) -> int:
    if not TYPO_MIN_CHARS <= len(word) <= TYPO_MAX_CHARS or not word.isalpha():
        return 0
    return 2 if len(word) >= TYPO_TWICE_MIN_CHARS else 1


def edit_distance(left: str, right: str) -> int:
    """Return the number of insertions, deletions, replacements and swaps of neighbours between two words."""
    older: list[int] = []
    last = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        row = [i]
        for j, b in enumerate(right, start=1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            row.append(best)
        older, last = last, row
    return last[-1]


class CatalogIndex:
    """Everything that matching needs to know of a catalogue, built once; immutable afterwards."""

    def __init__(self, catalog: Catalog) -> None:
        self._entries = catalog.entries
        self._users: dict[str, frozenset[int]] = {}
        self._answers: dict[str, frozenset[int]] = {}
        self._phrases: list[_Phrase] = []
        self._places: dict[str, list[int]] = {}
        self._joined: dict[str, tuple[str, str]] = {}
        self._names: set[str] = set()
        self._spellings: dict[str, str] = {}
        self._acts: set[str] = set()
        users: dict[str, set[int]] = {}
        answers: dict[str, set[int]] = {}
        for number, entry in enumerate(catalog.entries):
            for phrase in self._read_phrases(number, entry):
                for word in phrase.stems:
                    users.setdefault(word, set()).add(number)
                    self._places.setdefault(word, []).append(len(self._phrases))
                self._phrases.append(phrase)
            for word in split_words(fold(f"{entry.answer} {entry.owner}")):
                if word not in _FRAME:
                    answers.setdefault(stem(word), set()).add(number)
        self._users = {word: frozenset(numbers) for word, numbers in users.items()}
        self._answers = {word: frozenset(numbers) for word, numbers in answers.items()}
        self._scale = math.log(1 + len(catalog.entries))
        self._weights = {word: self._weight(word) for word in self._users}
        self._phrases = [self._weigh(phrase) for phrase in self._phrases]
        self._typos: dict[str, tuple[str, ...]] = self._index_typos()

    @property
    def entries(self) -> tuple[CatalogEntry, ...]:
        """The catalogue's entries, in its order."""
        return self._entries

    def _read_phrases(self, number: int, entry: CatalogEntry) -> Iterator[_Phrase]:
        named = [(entry.title, 1.0), *((alias, 1.0) for alias in entry.aliases)]
        # One word out of a title ("numbers and *tokens*") may be said of other entries as well; a topic counts likewise.
        named += [(part, 1.0 if " " in part else TOPIC_FACTOR) for part in _title_parts(entry.title)]
        named += [(topic, TOPIC_FACTOR) for topic in entry.topics]
        named += [(entry.id.replace("-", " ").replace("_", " "), 0.9)]
        for text, factor in named:
            if stems := self._read_words(text, _STOP):
                self._names |= stems
                yield _Phrase(number, stems, factor)
        for text in entry.questions:
            self._acts |= {stem(match[1]) for match in _ACT.finditer(fold(text))}
            if stems := self._read_words(text, _FRAME):
                yield _Phrase(number, stems, 1.0)

    def _read_words(self, text: str, leave_out: frozenset[str]) -> frozenset[str]:
        raw = split_words(fold(text))
        for first, second in pairwise(raw):
            free = first not in _STOP and (second not in _STOP or second in _PARTICLES)
            if free and len(first) + len(second) >= TYPO_MIN_CHARS:
                self._joined.setdefault(first + second, (first, second))
        found = set()
        for word in raw:
            if word not in leave_out and not (len(word) == 1 and not word.isdigit()):
                found.add(stem(word))
                self._spellings.setdefault(word, stem(word))
        return frozenset(found)

    def _index_typos(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for word in self._spellings:
            depth = _typo_depth(word)
            for key in deletions(word, depth) if depth else ():
                found.setdefault(key, []).append(word)
        return {key: tuple(words) for key, words in found.items()}

    def _weight(self, word: str) -> float:
        rarity = math.log(1 + len(self._entries) / len(self._users[word])) / self._scale
        return rarity * GENERIC_FACTOR if word in _LIGHT else rarity

    def _weigh(self, phrase: _Phrase) -> _Phrase:
        # In one order, so that the sum is the same in every process.
        return replace(phrase, weight=sum(self._weights[word] for word in sorted(phrase.stems)))

    def _known(self, word: str, match: float) -> Known:
        return Known(word, self._weights[word], match, self._users[word])

    def look_up(self, word: str) -> tuple[Known, ...]:
        """Return what a folded word means in this catalogue: a word of it, two that were written as one, or nothing."""
        base = stem(word)
        if base in self._users:
            return (self._known(base, 1.0),)
        pair = self._joined.get(word) or self._joined.get(base)
        if pair is not None and all(stem(part) in self._users for part in pair):
            return tuple(self._known(stem(part), 1.0) for part in pair)
        return ()

    @property
    def acts(self) -> set[str]:
        """Stems of what the catalogue's own questions say that owners do ("who *repairs* a pump?")."""
        return self._acts

    def names(self, word: str) -> bool:
        """Return whether a title, topic, alias or id uses this folded word."""
        return stem(word) in self._names

    def look_up_pair(self, first: str, second: str) -> Known | None:
        """Return the catalogue's word that was written as two (`open router` for `openrouter`), if there is one."""
        for joined in (stem(first + second), first + second):
            if joined in self._users:
                return self._known(joined, 1.0)
        return None

    def look_up_typo(self, word: str) -> Known | None:
        """Return the one word of the catalogue that this may be a misspelling of; None when unsure."""
        depth = _typo_depth(word)
        if depth == 0 or word in _COMMON or stem(word) in _COMMON:
            return None
        near: dict[str, int] = {}
        for key in deletions(word, depth):
            for candidate in self._typos.get(key, ()):
                allowed = min(depth, _typo_depth(candidate))
                distance = edit_distance(word, candidate)
                if distance <= allowed and (word[0] == candidate[0] or word[:2] == candidate[1::-1]):
                    base = self._spellings[candidate]
                    near[base] = min(distance, near.get(base, distance))
        if not near:
            return None
        least = min(near.values())
        best = [base for base, distance in near.items() if distance == least and base in self._users]
        return self._known(best[0], TYPO_MATCH if least == 1 else TYPO_MATCH - 0.1) if len(best) == 1 else None

    def explained_by_answers(self, word: str) -> frozenset[int]:
        """Return the entries whose answer or owner uses this word."""
        return self._answers.get(stem(word), frozenset())

    def score(self, words: Weighed) -> list[Score]:
        """Return the entries that know any of the words, best first."""
        known = words.known + words.beside
        core = words.unknown + sum(weight for _, weight in words.weak)
        core += sum(weight for word, weight, _ in words.known if word.stem not in _OPTIONAL)
        said: dict[str, float] = {}
        for word, _, stressed in known:
            said[word.stem] = max(word.match * stressed, said.get(word.stem, 0.0))
        heard = sum({word.stem: weight * word.match for word, weight, _ in known}.values())
        naming = self._name_all(said, heard)
        explained = _gather((word.entries, weight) for word, weight, _ in words.known)
        weakly = _gather((entries, weight * ANSWER_MATCH) for entries, weight in words.weak)
        own = _gather((word.entries, weight) for word, weight, _ in words.beside)
        chosen = _gather((word.entries, weight) for word, weight, _ in words.known if word.stem in _OPTIONAL)
        terms: dict[int, list[str]] = {}
        for word, _, _ in known:
            for number in word.entries:
                terms.setdefault(number, []).append(word.stem)
        found = []
        for number, stems in terms.items():
            foreign = words.adjunct + sum(weight for word, weight, _ in words.beside if number not in word.entries)
            mine = own.get(number, 0.0)
            total = core + chosen.get(number, 0.0) + mine + min(ADJUNCT_MOST, foreign)
            share = (explained.get(number, 0.0) + weakly.get(number, 0.0) + mine) / total if total else 0.0
            named, covered = naming.get(number, UNNAMED)
            value = share * (0.3 + 0.35 * named + 0.35 * covered)
            found.append(Score(self._entries[number], value, share, named, tuple(dict.fromkeys(stems))))
        found.sort(key=lambda score: (-score.value, score.entry.id))
        return found

    def _name_all(self, said: Mapping[str, float], heard: float) -> dict[int, tuple[float, float]]:
        """Return, for each entry of which a phrase was said, how much of its best phrase was said, and how much of what was
        said that phrase covers."""
        matched: dict[int, float] = {}
        counts: dict[int, int] = {}
        for word, match in said.items():
            weight = self._weights[word] * match
            for place in self._places.get(word, ()):
                matched[place] = matched.get(place, 0.0) + weight
                counts[place] = counts.get(place, 0) + 1
        best: dict[int, tuple[float, float]] = {}
        whole: dict[int, set[str]] = {}
        for place in sorted(matched):  # in the catalogue's order: of two that are as good, the first one counts
            if matched[place]:
                phrase = self._phrases[place]
                counted = counts[place] / len(phrase.stems)
                named = min(matched[place] / phrase.weight, COUNT_BASE + (1 - COUNT_BASE) * counted)
                pair = (named * phrase.factor, min(1.0, matched[place] / heard))
                best[phrase.entry] = max(best.get(phrase.entry, UNNAMED), pair, key=sum)
                if counts[place] == len(phrase.stems):
                    whole.setdefault(phrase.entry, set()).update(phrase.stems)
        for entry, stems in whole.items():  # several phrases said in full cover more together than the best one does
            covered = sum(self._weights[word] * said[word] for word in sorted(stems)) / heard
            best[entry] = (best[entry][0], max(best[entry][1], min(1.0, covered)))
        return best


def _gather(shares: Iterable[tuple[frozenset[int], float]]) -> dict[int, float]:
    """Return the sum of the weights of each entry, added in the order of the words."""
    sums: dict[int, float] = {}
    for entries, weight in shares:
        for number in entries:
            sums[number] = sums.get(number, 0.0) + weight
    return sums


def _title_parts(title: str) -> list[str]:
    parts = title.replace("/", " and ").replace(",", " and ").replace("&", " and ").replace("(", " and ").split(" and ")
    return [part.strip(" )") for part in parts] if len(parts) > 1 else []
