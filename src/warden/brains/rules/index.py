"""The catalogue as an index, and the score of every entry for the words of a question.

A word's weight is its rarity: the share of entries that use it in title, topics, aliases or questions, on a scale from 1 (one
entry) towards 0 (all of them). An entry's score has two parts: *explained*, the weight of the question's words that the entry
knows, over the weight of all of them; and *named*, how much of one of the entry's own phrases the question says. Words that
only stand in answers or owners' names explain a little and name nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from warden.brains.rules import words as lexicon
from warden.brains.rules.tokens import fold, split_words, stem
from warden.model.catalog import Catalog, CatalogEntry

TYPO_MATCH = 0.85
TYPO_MIN_CHARS = 5
TYPO_TWICE_MIN_CHARS = 9
TYPO_MAX_CHARS = 24
ANSWER_MATCH = 0.5
TOPIC_FACTOR = 0.85
GENERIC_FACTOR = 0.3

_STOP = lexicon.STOP
_FRAME = lexicon.STOP | lexicon.ROUTE
_LIGHT = lexicon.stems(lexicon.GENERIC_NOUN | lexicon.MODIFIER | lexicon.OBTAIN)
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


@dataclass(frozen=True, slots=True)
class Score:
    """An entry's score for one question, between 0 and 1, and its parts; `terms` are the stems that matched."""

    entry: CatalogEntry
    value: float
    explained: float
    named: float
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Phrase:
    stems: frozenset[str]
    factor: float


def _deletions(word: str, depth: int) -> set[str]:
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


def _distance(left: str, right: str) -> int:
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
        self._phrases: list[tuple[_Phrase, ...]] = []
        self._joined: dict[str, tuple[str, str]] = {}
        self._spellings: dict[str, str] = {}
        users: dict[str, set[int]] = {}
        answers: dict[str, set[int]] = {}
        for number, entry in enumerate(catalog.entries):
            phrases = tuple(self._read_phrases(entry))
            self._phrases.append(phrases)
            for phrase in phrases:
                for word in phrase.stems:
                    users.setdefault(word, set()).add(number)
            for word in split_words(fold(f"{entry.answer} {entry.owner}")):
                if word not in _FRAME:
                    answers.setdefault(stem(word), set()).add(number)
        self._users = {word: frozenset(numbers) for word, numbers in users.items()}
        self._answers = {word: frozenset(numbers) for word, numbers in answers.items()}
        self._scale = math.log(1 + len(catalog.entries))
        self._typos: dict[str, tuple[str, ...]] = self._index_typos()

    @property
    def entries(self) -> tuple[CatalogEntry, ...]:
        """The catalogue's entries, in its order."""
        return self._entries

    def _read_phrases(self, entry: CatalogEntry) -> Iterator[_Phrase]:
        named = [(entry.title, 1.0), *((alias, 1.0) for alias in entry.aliases)]
        named += [(part, 1.0) for part in _title_parts(entry.title)]
        named += [(topic, TOPIC_FACTOR) for topic in entry.topics]
        named += [(entry.id.replace("-", " ").replace("_", " "), 0.9)]
        for text, factor in named:
            if stems := self._read_words(text, _STOP):
                yield _Phrase(stems, factor)
        for text in entry.questions:
            if stems := self._read_words(text, _FRAME):
                yield _Phrase(stems, 1.0)

    def _read_words(self, text: str, leave_out: frozenset[str]) -> frozenset[str]:
        raw = split_words(fold(text))
        for first, second in zip(raw, raw[1:], strict=False):
            if first not in _STOP and second not in _STOP and len(first) + len(second) >= TYPO_MIN_CHARS:
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
            for key in _deletions(word, depth) if depth else ():
                found.setdefault(key, []).append(word)
        return {key: tuple(words) for key, words in found.items()}

    def weight(self, word: str) -> float:
        """Return the rarity of a stem of the catalogue, between 0 and 1."""
        return math.log(1 + len(self._entries) / len(self._users[word])) / self._scale

    def _known(self, word: str, match: float) -> Known:
        weight = self.weight(word)
        return Known(word, weight * GENERIC_FACTOR if word in _LIGHT else weight, match, self._users[word])

    def look_up(self, word: str) -> tuple[Known, ...]:
        """Return what a folded word means in this catalogue: a word of it, two that were written as one, or nothing."""
        base = stem(word)
        if base in self._users:
            return (self._known(base, 1.0),)
        pair = self._joined.get(word) or self._joined.get(base)
        if pair is not None and all(stem(part) in self._users for part in pair):
            return tuple(self._known(stem(part), 1.0) for part in pair)
        return ()

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
        for key in _deletions(word, depth):
            for candidate in self._typos.get(key, ()):
                allowed = min(depth, _typo_depth(candidate))
                distance = _distance(word, candidate)
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

    def score(
        self, known: Sequence[tuple[Known, float]], unknown: float, weak: Iterable[tuple[frozenset[int], float]]
    ) -> list[Score]:
        """Return the entries that know any of the words, best first.

        `known` pairs each word with the weight that it has in this question, `unknown` is the weight of the words that
        nobody knows, `weak` holds those that only answers know.
        """
        total = unknown + sum(weight for _, weight in known)
        weak = tuple(weak)
        total += sum(weight for _, weight in weak)
        numbers = {number for word, _ in known for number in word.entries}
        found = []
        said = _best_matches(known)
        for number in numbers:
            explained = sum(weight * word.match for word, weight in known if number in word.entries)
            explained += sum(weight * ANSWER_MATCH for entries, weight in weak if number in entries)
            share = explained / total if total else 0.0
            named = self._named(number, said)
            terms = tuple(dict.fromkeys(word.stem for word, _ in known if number in word.entries))
            found.append(Score(self._entries[number], share * (0.4 + 0.6 * named), share, named, terms))
        found.sort(key=lambda score: (-score.value, score.entry.id))
        return found

    def _named(self, number: int, said: Mapping[str, float]) -> float:
        best = 0.0
        for phrase in self._phrases[number]:
            total = matched = 0.0
            for word in phrase.stems:
                weight = self._known(word, 1.0).weight
                total += weight
                matched += weight * said.get(word, 0.0)
            if total and matched / total * phrase.factor > best:
                best = matched / total * phrase.factor
        return best


def _best_matches(known: Sequence[tuple[Known, float]]) -> dict[str, float]:
    said: dict[str, float] = {}
    for word, _ in known:
        said[word.stem] = max(word.match, said.get(word.stem, 0.0))
    return said


def _title_parts(title: str) -> list[str]:
    parts = title.replace("/", " and ").replace(",", " and ").replace("&", " and ").replace("(", " and ").split(" and ")
    return [part.strip(" )") for part in parts] if len(parts) > 1 else []
