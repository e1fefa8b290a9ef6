"""A question against the catalogue: which words matter how much, and whether one entry clearly answers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from warden.brains.rules import words as lexicon
from warden.brains.rules.index import CatalogIndex, Known, Score
from warden.brains.rules.questions import OTHER, Question
from warden.brains.rules.tokens import split_words, stem

ANSWER_FROM = 0.70
"""An entry answers when its score is at least this ..."""
EXPLAINED_FROM = 0.70
"""... it explains at least this share of the question ..."""
NAMED_FROM = 0.55
"""... the question names at least this much of one of its phrases ..."""
DISTANCE = 0.12
"""... and the next entry's score is lower by at least this ..."""
RATIO = 0.85
"""... and at most this part of it."""
SAME_QUESTION_FROM = 0.9
"""A question that is not of the routing kind must be one of the entry's own to this degree."""

CORE_UNKNOWN = 1.0
LEADING_UNKNOWN = 1.4
PREMODIFIER_UNKNOWN = 0.5
ADJUNCT_UNKNOWN = 0.3
ADJUNCT_UNKNOWN_MOST = 0.4
ADJUNCT_KNOWN = 0.6
NAME_UNKNOWN = 0.1
CONTEXT_WEIGHT = 0.1
OPERATE_UNKNOWN = 0.45
TROUBLE_UNKNOWN = 1.5
NEGATION_UNKNOWN = 3.0
WEAK_WORD = 0.5

_TOKEN = re.compile(r"[^\W_]+|[,(:;–]")
_TROUBLE_NOUN = re.compile(
    r"\b(?:issues?|problems?|troubles?) (?:with|in|on|about|around|regarding|connecting|logging|getting|using)\b|\b(?:have|having|has|an|the|this|my|our|any) issues?\b"
)
_PAST_WHO = re.compile(
    r"^who(?:m|ever)? (?:has |have |had |just |last |recently |already |was |were |it was )*(?:\w+ed|broke|wrote|took|gave|made|got|ran|sent|left|did|was|were|had|came|saw|used)\b(?! (?:person|to|for|in charge))"
)
_HAS_WHO = re.compile(
    r"^(?:who|which \w+|what \w+)(?: \w+){0,2} (?:has|have|uses|use|is using|are using|needs|wants|is on|is affected|can see|can read|pays? for it)\b"
)
_PRONOUNS = frozenset("it this that one ones them these those such there here so".split())


@dataclass(frozen=True, slots=True)
class Finding:
    """What matching a question gave: its scores best first, the answering entry's id if one is clear, and a reason."""

    reason: str
    scores: tuple[Score, ...]
    entry_id: str | None = None
    empty: bool = False


@dataclass(slots=True)
class _Weighed:
    known: list[tuple[Known, float]]
    weak: list[tuple[frozenset[int], float]]
    unknown: float = 0.0
    adjunct: float = 0.0
    routed: bool = False
    pronoun: bool = False
    unknown_words: int = 0


def _tokens(text: str) -> list[str]:
    text = _TROUBLE_NOUN.sub(" problem ", text)
    found: list[str] = []
    for token in _TOKEN.findall(text) if "'" not in text else _TOKEN.findall(" ".join(_open(text))):
        found.append(token)
    return found


def _open(text: str) -> list[str]:
    return [" ".join(split_words(chunk)) if "'" in chunk else chunk for chunk in text.split()]


class QuestionMatcher:
    """Weighs the words of questions and decides; all constants above, all weights from the index."""

    def __init__(self, index: CatalogIndex) -> None:
        self._index = index
        self._plain = lexicon.STOP | lexicon.ROUTE

    def match(self, question: Question, context: str = "") -> Finding:
        """Return what the catalogue says to one question; `context` (a subject, an earlier sentence) decides ties."""
        if question.kind == OTHER or _PAST_WHO.match(question.text) or _HAS_WHO.match(question.text):
            return self._match_other(question)
        weighed = self._weigh(_tokens(question.text))
        if not weighed.known and not weighed.unknown_words:
            return Finding("no-object", (), empty=True)
        scores = self._index.score(
            weighed.known, weighed.unknown + min(weighed.adjunct, ADJUNCT_UNKNOWN_MOST), weighed.weak
        )
        if not weighed.known:
            return Finding("weak-match", (), empty=weighed.pronoun and weighed.unknown_words == 0)
        if not weighed.routed and not self._is_listed(question, scores):
            return Finding("weak-match", tuple(scores))
        finding = decide(scores)
        if finding.reason == "several-candidates" and context:
            return self._with_context(weighed, context) or finding
        return finding

    def match_text(self, text: str) -> Finding:
        """Return what the catalogue says to a text that names a thing, such as a subject or what somebody needs."""
        weighed = self._weigh(_tokens(text), CORE_UNKNOWN)
        if not weighed.known:
            return Finding("weak-match", (), empty=True)
        return decide(
            self._index.score(weighed.known, weighed.unknown + min(weighed.adjunct, ADJUNCT_UNKNOWN_MOST), weighed.weak)
        )

    def _match_other(self, question: Question) -> Finding:
        """A question that is not about routing is answered only where the catalogue lists it in nearly these words."""
        weighed = self._weigh(_tokens(question.text))
        scores = self._index.score(weighed.known, weighed.unknown + weighed.adjunct, weighed.weak)
        finding = decide(scores)
        if finding.entry_id is not None and not self._is_listed(question, scores):
            return Finding("weak-match", tuple(scores))
        return finding if finding.reason != "no-match" else Finding("weak-match", tuple(scores))

    def _is_listed(self, question: Question, scores: list[Score]) -> bool:
        if not scores:
            return False
        words = _content(question.text)
        for listed in scores[0].entry.questions:
            other = _content(listed.lower())
            both = len(words & other)
            if both and 2 * both / (len(words) + len(other)) >= SAME_QUESTION_FROM:
                return True
        return False

    def _with_context(self, weighed: _Weighed, context: str) -> Finding | None:
        more = self._weigh(_tokens(context), CORE_UNKNOWN)
        if not more.known:
            return None
        known = weighed.known + [(word, weight) for word, weight in more.known]
        scores = self._index.score(known, weighed.unknown, weighed.weak)
        finding = decide(scores)
        said = {word.stem for word, _ in weighed.known}
        if finding.entry_id is None or not said & set(scores[0].terms):
            return None
        return finding

    def _weigh(self, tokens: list[str], leading: float = LEADING_UNKNOWN) -> _Weighed:
        weighed = _Weighed([], [])
        named = adjunct = False
        skip = False
        for at, token in enumerate(tokens):
            if skip:
                skip = False
                continue
            following = tokens[at + 1] if at + 1 < len(tokens) else ""
            if token in ",(:;–" or token in lexicon.PREPOSITION:
                adjunct = adjunct or named
                continue
            if token in lexicon.NEGATION:
                weighed.unknown += NEGATION_UNKNOWN
                weighed.unknown_words += 1
                continue
            if token in self._plain:
                weighed.routed = weighed.routed or token in lexicon.ROUTE_ACT
                weighed.pronoun = weighed.pronoun or token in _PRONOUNS
                continue
            found, skip = self._find(token, following)
            if found:
                for word in found:
                    weight = word.weight * self._place_weight(token, adjunct)
                    weighed.known.append((word, weight))
                    named = named or weight >= 0.3
                weighed.routed = weighed.routed or token in lexicon.OBTAIN or token in lexicon.OPERATE
                continue
            self._weigh_unknown(weighed, token, tokens[at + 1 :], (named, adjunct), leading)
        return weighed

    def _find(self, token: str, following: str) -> tuple[tuple[Known, ...], bool]:
        if following and following.isalnum() and following not in lexicon.STOP:
            pair = self._index.look_up_pair(token, following)
            if pair is not None and not self._index.look_up(token):
                return (pair,), True
        found = self._index.look_up(token)
        if found:
            return found, False
        typo = self._index.look_up_typo(token)
        return ((typo,), False) if typo is not None else ((), False)

    def _place_weight(self, token: str, adjunct: bool) -> float:
        if not adjunct:
            return 1.0
        return CONTEXT_WEIGHT if token in lexicon.CONTEXT else ADJUNCT_KNOWN

    def _weigh_unknown(
        self, weighed: _Weighed, token: str, rest: list[str], place: tuple[bool, bool], leading: float
    ) -> None:
        named, adjunct = place
        if token in lexicon.MODIFIER or token in lexicon.GENERIC_NOUN:
            return
        if token in lexicon.OBTAIN:
            weighed.routed = True
            return
        if token in lexicon.PROBLEM:
            weighed.unknown += TROUBLE_UNKNOWN
            weighed.unknown_words += 1
            return
        if token in lexicon.OPERATE:
            weighed.routed = True
            weighed.unknown += OPERATE_UNKNOWN
            return
        weighed.unknown_words += 1
        users = self._index.explained_by_answers(token)
        if users:
            weighed.weak.append((users, ADJUNCT_UNKNOWN if adjunct else WEAK_WORD))
            return
        if adjunct:
            plain = token in lexicon.CONTEXT or any(c.isdigit() for c in token)
            weighed.adjunct += NAME_UNKNOWN if plain else ADJUNCT_UNKNOWN
        elif named:
            weighed.unknown += CORE_UNKNOWN / 2 if token in lexicon.CONTEXT else CORE_UNKNOWN
        elif self._leads_into_name(rest):
            weighed.unknown += PREMODIFIER_UNKNOWN
        elif self._leads_into_verb(rest):
            weighed.unknown += NAME_UNKNOWN
        else:
            weighed.unknown += leading

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
            if token in lexicon.ROUTE_ACT or token in lexicon.OBTAIN:
                return True
            if token not in lexicon.STOP and self._index.look_up(token) and token not in lexicon.CONTEXT:
                return False
        return False


def _content(text: str) -> set[str]:
    return {stem(word) for word in split_words(text) if word not in lexicon.STOP or word in ("when", "what", "how")}


def decide(scores: list[Score]) -> Finding:
    """Return the clear winner of the scores, or why there is none."""
    found = tuple(scores)
    if not found:
        return Finding("no-match", ())
    best = found[0]
    if best.value < ANSWER_FROM or best.explained < EXPLAINED_FROM or best.named < NAMED_FROM:
        near = [score for score in found if score.value >= best.value * RATIO]
        return Finding("several-candidates" if len(near) > 1 and best.value >= 0.4 else "weak-match", found)
    if len(found) > 1 and (best.value - found[1].value < DISTANCE or found[1].value > best.value * RATIO):
        return Finding("several-candidates", found)
    return Finding("routing-question", found, best.entry.id)
