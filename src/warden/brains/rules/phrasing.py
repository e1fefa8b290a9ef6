"""The phrasing of a question: its turns of phrase, and what its opening says of who is asked for."""

from __future__ import annotations

import re

from warden.brains.rules import words as lexicon
from warden.brains.rules.tokens import split_words

MAX_TEXT_CHARS = 1200

_TOKEN = re.compile(r"[^\W_]+|[,(:;–]")
_TROUBLE_NOUN = re.compile(
    r"\b(?:issues?|problems?|troubles?) (?:with|in|on|about|around|regarding|connecting|logging|getting|using)\b|"
    r"\b(?:have|having|has|an|the|this|my|our|any) issues?\b"
)
_TIME_OR_PLACE = re.compile(
    r"\b(?:these days|nowadays|at the moment|right now|at present|for now|after hours|out of hours|"
    r"outside (?:of )?(?:office|business|working) hours|by the way|in general|around here|over "
    r"here|(?:on|from) our side|"
    r"(?:in|at) (?:our|the|this) (?:company|organi[sz]ation|place|house)|first of all|most likely|as of (?:now|"
    r"today))\b|"
    r"\b(?:over|under|above|below|up to|more than|less than|at least) \d[\d.,]*(?: ?(?:eur|usd|gbp|euros?|dollars?|k|gb|tb|mb|"
    r"people|persons|hours|days))?\b|"
    r"\b(?:that|which) (?:(?:is|are|has|have) )?(?:been |still |now )?(?:missing|broken|late|wrong|overdue|"
    r"blocked|expired|pending|delayed|rejected|incomplete|(?:never|not yet|not) (?:arrived|come|delivered))"
    r"\b|"
    r"\bnow that .*$|\b(?<=get )hold of\b|"
    r"\b(?:on|by|until|till|before|after|since|from|at|this|next|last|every|each) (?:the )?(?:(?:this|next|last|early|"
    r"late) )?(?:\d{1,2}(?:[:.]\d\d)?(?: ?(?:am|pm|st|nd|rd|th|o'?clock|h))?|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|"
    r"(?:week|month|year|quarter|season|summer|winter|spring|autumn|fall|semester|term|night|weekend|noon|midnight)s?)\b"
    r"(?! (?:shift|plan|report|of)\b)"
)
_OWN_ACT = re.compile(
    r"^(?:how|where)\S* (?:do|can|could|should|would|to|must|may|might|shall|am|are)\b(?: (?:i|we|one|you|"
    r"people))?"
)
_PAST = re.compile(r"^\w+(?:'s)? (?:did|was|were|had)\b")
_PAST_WHO = re.compile(
    r"^who(?:m|ever)? (?:has |have |had |just |last |recently |already |was |were |it was )*(?:\w+ed|broke|wrote|"
    r"took|gave|made|got|ran|sent|left|did|was|were|had|came|saw|used)\b(?! (?:person|to|for|in charge))"
)
_RECEIVES_WHO = re.compile(
    r"^who(?:ever)?(?: (?:else|all|currently|still|already|also|usually))* (?:gets?|receives?|obtains?|requests?|"
    r"asks?|finds?|applies|apply)\b"
)
_HAS_WHO = re.compile(
    r"^(?:who|which \w+|what \w+)(?: (?:else|currently|all|still|already|also|really|here|now|already)){0,2} (?:has|"
    r"have|uses|use|is using|are using|needs(?! to)|wants(?! to)|is on|is affected|can see|can read|pays? for it)\b"
)
_IS_WHERE = re.compile(
    r"^where(?:abouts)? (?:is|are) (?!.*\b(?:\w+ed|given|kept|held|done|place|desk|person|team|form|portal|best)\b)"
)
_ELSEWHERE = re.compile(
    r"\b(?:manager|contact|person|rep|representative|someone|anyone|people) at (?!the\b|our\b|this\b)\w"
)
_ASKS_WHO = re.compile(
    r"^(?:who(?:m|ever)?|which \w+|what \w+) (?:(?:do|should|can|must|would|could|shall|may|might|am|are) "
    r"(?:i|we|one|you|people|someone)\b|(?:can|could|may) (?!be\b)\w+|"
    r"(?:does|do) (?!i\b|we\b|you\b|one\b|they\b|he\b|she\b|it\b|not\b))"
)
_CIRCUMSTANCE = frozenset({"for", "to", "in", "on", "during", "within", "near"}) | frozenset(
    {"after", "when", "while", "before", "since", "until", "till", "if", "because"}
)


def read_tokens(text: str) -> list[str]:
    """Return the words and marks of a folded question, without times, limits and turns of phrase."""
    text = text[:MAX_TEXT_CHARS]
    text = _TIME_OR_PLACE.sub(" ", _TROUBLE_NOUN.sub(" problem ", text))
    found: list[str] = []
    for token in _TOKEN.findall(text) if "'" not in text else _TOKEN.findall(" ".join(_open(text))):
        found.append(token)
    return found


def _open(text: str) -> list[str]:
    return [" ".join(split_words(chunk)) if "'" in chunk else chunk for chunk in text.split()]


def asks_elsewhere(text: str) -> bool:
    """Return whether a question asks who has, uses or receives a thing, where it stands, or for somebody of another house."""
    matched = _HAS_WHO.match(text) or _IS_WHERE.match(text) or _RECEIVES_WHO.match(text)
    return matched is not None or _ELSEWHERE.search(text) is not None


def asks_past(text: str) -> bool:
    """Return whether a question is about what somebody did or had."""
    return (_PAST_WHO.match(text) or _PAST.match(text)) is not None


def asks_owner(text: str) -> bool:
    """Return whether a question is of the routing kind by its opening alone ("whom do I ...", "who can ...")."""
    return _ASKS_WHO.match(text) is not None


def asks_for_oneself(text: str) -> bool:
    """Return whether a question is "where can I ..." or "how do we ..."."""
    return _OWN_ACT.match(text) is not None


def is_who(word: str) -> bool:
    """Return whether a question that begins with this word asks for somebody."""
    return word.startswith("who") or word in ("which", "what")


def is_slight(word: str, preposition: str, following: str) -> bool:
    """Return whether what follows a preposition only says for whom or which part a thing is needed.

    "Who does captions *for the trailer*?" has the owner of captions; "a plant *for my garden*" and "visitors *from the press*"
    may be another matter.
    """
    if following in ("my", "mine", "his", "her"):
        return False
    if is_who(word):
        return preposition in _CIRCUMSTANCE
    return preposition == "for" and following in ("the", "a", "an", "our", "another", "this")


def acts_itself(text: str) -> bool:
    """Return whether the sender asks how or where to do what an owner does ("how do I give my token to ...")."""
    match = _OWN_ACT.match(text)
    if match is None:
        return False
    following = text[match.end() :].split()[:3]
    if text.startswith("where") and (following[:1] == ["take"] or following[:2] == ["turn", "to"]):
        return False
    if following[:2] in (["get", "hold"], ["hand", "in"], ["turn", "in"], ["hand", "it"]):
        return False
    if text.startswith("how") and following[:1] in (["write"], ["answer"]):
        return True
    return any(word in lexicon.RESPONSIBLE_ACT for word in following[:2])
