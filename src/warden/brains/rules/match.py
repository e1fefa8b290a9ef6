"""A question against the catalogue: which words matter how much, and whether one entry clearly answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from warden.brains.rules import words as lexicon
from warden.brains.rules.index import CatalogIndex, Known, Score, Weighed, deletions, edit_distance
from warden.brains.rules.phrasing import (
    acts_itself,
    asks_elsewhere,
    asks_for_oneself,
    asks_owner,
    asks_past,
    is_slight,
    is_who,
    read_tokens,
)
from warden.brains.rules.questions import OTHER, Question
from warden.brains.rules.tokens import fold, split_words, stem

ANSWER_FROM = 0.75
"""An entry answers when its score is at least this ..."""
EXPLAINED_FROM = 0.70
"""... it explains at least this share of the question ..."""
NAMED_FROM = 0.66
"""... the question names at least this much of one of its phrases ..."""
DISTANCE = 0.10
"""... and the next entry's score is lower by at least this ..."""
RATIO = 0.90
"""... and at most this part of it."""
NAMED_IN_FULL = 0.9
"""A name said to this degree tells an entry apart from others that share the words."""
RIVAL_NAMED_FROM = 0.6
"""Another entry named to this degree by a word of its own is a second thing that is spoken of."""
SEVERAL_FROM = 0.4
"""Below this, entries that are near to each other are all far from the question."""
SAME_QUESTION_FROM = 0.9
"""A question that is not of the routing kind must be one of the entry's own to this degree."""

CORE_UNKNOWN = 1.0
LEADING_UNKNOWN = 1.4
PREMODIFIER_UNKNOWN = 0.5
ADJUNCT_UNKNOWN = 0.3
ADJUNCT_KNOWN = 0.3
JOINED_UNKNOWN = 0.2
"""What is joined to the thing: "hook up *a tool* to X"."""
SLIGHT_KNOWN = 0.15
NAME_UNKNOWN = 0.1
GENITIVE_UNKNOWN = 0.33
"""An unknown word after "of" belongs to the thing: "the onboarding of customers"."""
CONTEXT_WEIGHT = 0.1
CONTEXT_SAID = 0.2
PLACE_SAID = 0.65
"""Another thing that only tells where or when ("autosteer *on the tractor*") is not asked for itself."""
OPERATE_UNKNOWN = 0.45
ACT_TYPO_MIN_CHARS = 6
MAX_ACT_CHARS = 16
OPERATE_BY_OWNER = 0.25
SERVE_UNKNOWN = 0.05
ADMINISTRATIVE_UNKNOWN = 0.15
QUALIFIER_KNOWN = 0.15
TOLD_NAMED_FROM = 0.8
TOLD_RATIO = 0.8
TOLD_EXPLAINED_FROM = 0.4
"""Of a sentence before "who do I ask?" this share must be explained by the one entry that it names in full."""
TROUBLE_UNKNOWN = 1.5
KNOWN_TROUBLE = 0.3
NEGATION_UNKNOWN = 3.0
WEAK_WORD = 0.5
HEAD_WEIGHT = 0.3
"""A word over this names a thing; a light word such as "account" never does by itself."""
IN_FULL = 0.95

_CONTEXT = lexicon.stems(lexicon.CONTEXT)
_MODIFIER = lexicon.stems(lexicon.MODIFIER)
_OBTAIN = lexicon.stems(lexicon.OBTAIN)
_OPERATE = lexicon.stems(lexicon.OPERATE)
_SERVE = lexicon.stems(lexicon.SERVE)
_GENERAL = lexicon.stems(lexicon.GENERAL)
_LIGHT = lexicon.stems(lexicon.MODIFIER | lexicon.GENERIC_NOUN | lexicon.OBTAIN | lexicon.QUALIFIER)
_ACTS = _OBTAIN | _OPERATE | _SERVE
_ENDS = frozenset({"again", "on", "in", "with", "for", "from", "at", "so"})


@dataclass(frozen=True, slots=True)
class Finding:
    """What matching a question gave: its scores best first, the answering entry's id if one is clear, and a reason."""

    reason: str
    scores: tuple[Score, ...]
    entry_id: str | None = None
    empty: bool = False


@dataclass(slots=True)
class _Reading:
    """A question's words as they are being weighed."""

    words: Weighed = field(default_factory=Weighed)
    unknown_words: int = 0
    routed: bool = False
    pronoun: bool = False


class _Place(NamedTuple):
    """Where a word stands: after the thing was named, in what it is needed for, after "of".

    `slight` says that it only tells for whom or which part, `by_owner` that an owner's act is asked for; `leading` is the
    weight of an unknown word before the thing.
    """

    named: bool
    adjunct: bool
    genitive: bool
    slight: bool
    by_owner: bool
    leading: float


class QuestionMatcher:
    """Weighs the words of questions and decides; all constants above, all weights from the index."""

    def __init__(self, index: CatalogIndex) -> None:
        self._index = index
        self._plain = lexicon.STOP | lexicon.ROUTE
        self._act_spellings: dict[str, set[str]] = {}
        for word in lexicon.ROUTE_ACT:
            for rest in deletions(word, 1) if len(word) >= ACT_TYPO_MIN_CHARS else ():
                self._act_spellings.setdefault(rest, set()).add(word)
        self._listed: dict[frozenset[str], dict[str, set[tuple[str, ...]]]] = {}
        """What each listed question says: of its words, by the entries that list them, in what order they are listed."""
        for entry in index.entries:
            for listed in entry.questions:
                said = _in_order(fold(listed))
                self._listed.setdefault(frozenset(said), {}).setdefault(entry.id, set()).add(said)

    def match(self, question: Question, context: str = "") -> Finding:
        """Return what the catalogue says to one question; `context` (a subject, an earlier sentence) decides ties."""
        if asks_past(question.text):
            return Finding("weak-match", tuple(self._index.score(self._weigh(read_tokens(question.text)).words)))
        listed = self._match_listed(question)
        if listed is not None:
            return listed
        if question.kind == OTHER or asks_elsewhere(question.text):
            return self._match_other(question)
        reading = self._weigh(read_tokens(question.text))
        if acts_itself(question.text):
            reading.words.unknown += CORE_UNKNOWN
        reading.routed = reading.routed or asks_owner(question.text)
        known = reading.words.known + reading.words.beside
        if reading.pronoun and all(word.stem in _MODIFIER or self._is_act(word.stem) for word, _, _ in known):
            return Finding("no-object", (), empty=reading.unknown_words == 0)
        if not reading.words.known and not reading.words.beside:
            nothing = reading.unknown_words == 0
            return Finding("no-object" if nothing else "weak-match", (), empty=nothing)
        scores = self._index.score(reading.words)
        if not reading.routed and not _says_it_all(question, scores) and not self._is_listed(question, scores):
            return Finding("weak-match", tuple(scores))
        finding = decide(scores)
        if finding.reason == "several-candidates" and context:
            return self._with_context(reading, context) or finding
        return finding

    def _match_listed(self, question: Question) -> Finding | None:
        """Return the entry that lists this very question, if it is the only one that does.

        The same words in another order may be another thing (a certificate for a host is no host certificate): they do when no
        other entry fits as well.
        """
        for text in (question.text, f"{question.lead} {question.text}"):
            said = _in_order(text)
            owners = self._listed.get(frozenset(said), {})
            if len(owners) == 1:
                [(entry_id, orders)] = owners.items()
                scores = self._index.score(self._weigh(read_tokens(text)).words)
                own = [score for score in scores if score.entry.id == entry_id]
                rest = [score for score in scores if score.entry.id != entry_id]
                if own and (said in orders or all(score.value < own[0].value for score in rest)):
                    return Finding("routing-question", (*own, *rest), entry_id)
        return None

    def match_text(self, text: str) -> Finding:
        """Return what the catalogue says to a text that names a thing, such as a subject or what somebody needs."""
        reading = self._weigh(read_tokens(text), CORE_UNKNOWN)
        if not reading.words.known:
            return Finding("weak-match", (), empty=True)
        return decide(self._index.score(reading.words))

    def match_told(self, text: str) -> Finding:
        """Return what a whole sentence told before "who do I ask?" is about: the one entry that it names in full."""
        reading = self._weigh(read_tokens(text), CORE_UNKNOWN)
        scores = tuple(self._index.score(reading.words))
        if not scores or scores[0].named < TOLD_NAMED_FROM or scores[0].explained < TOLD_EXPLAINED_FROM:
            return Finding("weak-match", scores)
        if any(score.named >= TOLD_NAMED_FROM or score.value > scores[0].value * TOLD_RATIO for score in scores[1:]):
            return Finding("several-candidates", scores)
        return Finding("routing-question", scores, scores[0].entry.id)

    def _match_other(self, question: Question) -> Finding:
        """A question that is not about routing is answered only where the catalogue lists it in nearly these words."""
        scores = self._index.score(self._weigh(read_tokens(question.text)).words)
        finding = decide(scores)
        if finding.entry_id is not None and self._is_listed(question, scores):
            return finding
        return Finding("weak-match", tuple(scores))

    def _is_listed(self, question: Question, scores: list[Score]) -> bool:
        if not scores:
            return False
        words = _content(question.text)
        for listed in scores[0].entry.questions:
            other = _content(fold(listed))
            both = len(words & other)
            if both and 2 * both / (len(words) + len(other)) >= SAME_QUESTION_FROM:
                return True
        return False

    def _with_context(self, reading: _Reading, context: str) -> Finding | None:
        """Decide between several candidates by what stands around the question; it must be one of those."""
        said = {word.stem for word, _, _ in reading.words.known + reading.words.beside}
        more = self._weigh(read_tokens(context), CORE_UNKNOWN).words.known
        words = reading.words
        scores = self._index.score(Weighed(words.known + more, words.beside, words.weak, words.unknown, words.adjunct))
        finding = decide(scores)
        return finding if finding.entry_id is not None and said & set(scores[0].terms) and more else None

    def _is_act(self, base: str) -> bool:
        """Return whether a stem is something owners do, by our words or as the catalogue's questions say it of its owners."""
        return base in _ACTS or base in self._index.acts

    def _is_misspelt_act(self, token: str) -> bool:
        """Return whether a word is one slip of the pen away from a word of responsibility ("who *isues* ...")."""
        if not ACT_TYPO_MIN_CHARS - 1 <= len(token) <= MAX_ACT_CHARS or token in lexicon.COMMON:
            return False
        near = {word for rest in deletions(token, 1) for word in self._act_spellings.get(rest, ())}
        return any(edit_distance(token, word) == 1 and word[0] == token[0] for word in near)

    def _is_frame(self, token: str, before: str, following: str) -> bool:
        """Return whether a word only belongs to the form of a question."""
        if token not in self._plain or (token in lexicon.PROCEDURE and following in ("to", "for")):
            return token in self._plain
        if token in lexicon.ROUTE_NOUN and before not in lexicon.FRAME_BEFORE:
            return not self._index.names(token)
        return True

    def _weigh(self, tokens: list[str], leading: float = LEADING_UNKNOWN) -> _Reading:
        reading = _Reading()
        named = adjunct = genitive = slight = skip = False
        joint = ""
        by_owner = bool(tokens) and is_who(tokens[0])
        for at, token in enumerate(tokens):
            if skip:
                skip = False
                continue
            rest = tokens[at + 1 :]
            if token in ",(:;–" or token in lexicon.PREPOSITION:
                adjunct = adjunct or named
                genitive, joint = token == "of", token
                slight = is_slight(tokens[0], token, rest[0] if rest else "")
            elif token in lexicon.NEGATION:
                reading.words.unknown += NEGATION_UNKNOWN
                reading.unknown_words += 1
            elif self._is_frame(token, tokens[at - 1] if at else "", rest[0] if rest else ""):
                reading.routed = reading.routed or token in lexicon.ROUTE_ACT
                reading.pronoun = reading.pronoun or token in lexicon.PRONOUN
            else:
                found, skip = self._find(token, rest[0] if rest else "")
                acts = not named and self._is_act(stem(token))
                for word in found:
                    context = adjunct and stem(token) in _CONTEXT
                    share = (
                        (CONTEXT_WEIGHT if context else SLIGHT_KNOWN if slight else ADJUNCT_KNOWN) if adjunct else 1.0
                    )
                    share *= QUALIFIER_KNOWN if token in lexicon.QUALIFIER else 1.0
                    place = reading.words.beside if adjunct else reading.words.known
                    said = CONTEXT_SAID if context else PLACE_SAID if adjunct and slight and joint != "for" else 1.0
                    place.append((word, word.weight * share, said))
                    named = named or (word.weight * share > HEAD_WEIGHT and not acts)
                reading.words.unknown += (
                    KNOWN_TROUBLE if found and token in lexicon.PROBLEM - lexicon.QUALIFIER else 0.0
                )
                reading.routed = reading.routed or acts or self._is_act(stem(token))
                if not found:
                    self._weigh_unknown(
                        reading, token, rest, _Place(named, adjunct, genitive, slight, by_owner, leading)
                    )
        return reading

    def _find(self, token: str, following: str) -> tuple[tuple[Known, ...], bool]:
        """Return the catalogue's words that a word stands for, and whether the one after it belongs to it."""
        found = self._index.look_up(token)
        pair = self._index.look_up_pair(token, following) if following.isalnum() else None
        if pair is not None:
            return (*found, pair), True
        if found:
            return found, False
        typo = self._index.look_up_typo(token)
        return ((typo,), False) if typo is not None else ((), False)

    def _weigh_unknown(self, reading: _Reading, token: str, rest: list[str], place: _Place) -> None:
        named, adjunct = place.named, place.adjunct
        words = reading.words
        if token in lexicon.MODIFIER and not (
            token == "working" and (not rest or not rest[0].isalnum() or rest[0] in _ENDS)
        ):
            if named and not adjunct and token not in lexicon.TRAILING:
                words.unknown += CORE_UNKNOWN / 2
            return
        if token in lexicon.GENERIC_NOUN:
            return
        if token in lexicon.QUALIFIER and self._leads_into_name(rest):
            return
        if stem(token) in _OBTAIN:
            reading.routed = True
            return
        if not named and stem(token) in _SERVE:
            reading.routed = True
            words.unknown += SERVE_UNKNOWN
            return
        if not named and self._is_misspelt_act(token):
            reading.routed = True
            return
        if token in lexicon.ADMINISTRATIVE and token not in lexicon.PROBLEM:
            words.unknown += 0.0 if adjunct else ADMINISTRATIVE_UNKNOWN
            return
        if stem(token) in _OPERATE:
            reading.routed = True
            words.unknown += OPERATE_BY_OWNER if place.by_owner else OPERATE_UNKNOWN
            return
        if adjunct and token in lexicon.QUALIFIER and token not in lexicon.PROBLEM:
            words.adjunct += NAME_UNKNOWN
            return
        reading.unknown_words += 1
        users = self._index.explained_by_answers(token)
        if token in lexicon.PROBLEM or token == "working":
            words.unknown += TROUBLE_UNKNOWN
        elif users:
            words.weak.append((users, ADJUNCT_UNKNOWN if adjunct else WEAK_WORD))
        elif adjunct:
            plain = place.slight or stem(token) in _CONTEXT or any(c.isdigit() for c in token)
            if place.genitive and token not in lexicon.SYSTEM:
                words.unknown += GENITIVE_UNKNOWN
            else:
                words.adjunct += NAME_UNKNOWN if plain else ADJUNCT_UNKNOWN
        elif named:
            words.unknown += CORE_UNKNOWN / 2 if stem(token) in _CONTEXT else CORE_UNKNOWN
        elif stem(token) in _CONTEXT and rest[:1] in (["to"], ["into"], ["onto"]):
            words.unknown += JOINED_UNKNOWN
        elif self._leads_into_name(rest):
            words.unknown += PREMODIFIER_UNKNOWN
        elif self._leads_into_verb(rest):
            words.unknown += NAME_UNKNOWN
        else:
            words.unknown += place.leading

    def _leads_into_name(self, rest: list[str]) -> bool:
        for token in rest[:2]:
            if token in lexicon.PREPOSITION or token in ",(:;–" or token in self._plain:
                return False
            if self._index.look_up(token):
                return True
        return False

    def _leads_into_verb(self, rest: list[str]) -> bool:
        """Return whether the word belongs to who asks: "where does *the contractor* get ..."."""
        for token in rest[:5]:
            if (token in lexicon.ROUTE_ACT and token not in lexicon.ROLE) or stem(token) in _OBTAIN:
                return True
            if token not in lexicon.STOP and self._index.look_up(token) and stem(token) not in _CONTEXT:
                return False
        return False


def _says_it_all(question: Question, scores: list[Score]) -> bool:
    """Return whether "where can I ...", whose verb is none of routing, is explained to its last word by one entry."""
    if question.kind not in ("where", "how") or not asks_for_oneself(question.text):
        return False
    return scores[0].explained >= IN_FULL and scores[0].named >= NAMED_IN_FULL


def _content(text: str) -> set[str]:
    return set(_in_order(text))


def _in_order(text: str) -> tuple[str, ...]:
    kept = lexicon.NEGATION | {"when", "what", "how"}
    return tuple(stem(word) for word in split_words(text) if word not in lexicon.STOP or word in kept)


def decide(scores: list[Score]) -> Finding:
    """Return the clear winner of the scores, or why there is none."""
    found = tuple(scores)
    if not found:
        return Finding("no-match", ())
    best = found[0]
    if best.value < ANSWER_FROM or best.explained < EXPLAINED_FROM or best.named < NAMED_FROM:
        near = [score for score in found[1:] if score.value >= best.value * RATIO or _is_second_thing(best, score)]
        return Finding("several-candidates" if near and best.value >= SEVERAL_FROM else "weak-match", found)
    if any(_rivals(best, score) for score in found[1:]):
        return Finding("several-candidates", found)
    if best.named < NAMED_IN_FULL and _GENERAL.issuperset(set(best.terms) - _LIGHT):
        return Finding("weak-match", found)
    return Finding("routing-question", found, best.entry.id)


def _rivals(best: Score, other: Score) -> bool:
    """Return whether another entry is too near to the best one for an answer without a person.

    It is when its score is near, when it explains all that the best one explains and the best one is not named in full, or
    when it is itself named by a word that the best one does not know (two things are spoken of).
    """
    if best.value - other.value < DISTANCE or other.value > best.value * RATIO:
        return True
    if best.named < NAMED_IN_FULL and other.explained >= best.explained * 0.98:
        return True
    return _is_second_thing(best, other)


def _is_second_thing(best: Score, other: Score) -> bool:
    return other.named >= RIVAL_NAMED_FROM and not set(other.terms) <= set(best.terms)
