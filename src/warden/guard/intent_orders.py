"""Whether a verb is ordered: an imperative, or after "please", "can you", "I need you to" and the like."""

from __future__ import annotations

import re

from warden.guard import intent_words as lexicon

_WORD = re.compile(r"[a-z0-9_]+(?:'[a-z]+)?")
_OPENING = frozenset(',;:.!?()[]"')
_BOUNDARY = frozenset(",;:.!?-()[]\"'/")
_FRAME_WORDS = 5


def split_part(part: str) -> tuple[list[str], list[str]]:
    """Return the words of a folded part of a sentence, and the last visible character before each."""
    words: list[str] = []
    before: list[str] = []
    for match in _WORD.finditer(part):
        words.append(match[0])
        before.append(part[max(0, match.start() - 3) : match.start()].rstrip()[-1:])
    return words, before


def is_ordered(words: list[str], at: int, before: str) -> bool:
    """Return whether the verb at this place is asked for: at the start, or after a word that opens a request.

    `before` is the last visible character before the verb.
    """
    if words[at].endswith("ing"):
        return _is_gerund_ordered(words, at)
    place = at
    while place > 0 and words[place - 1] in lexicon.FILLER:
        place -= 1
    if any(word in lexicon.NEGATION for word in words[max(0, place - 2) : at]):
        return False
    if place == 0:
        return True
    previous = words[place - 1]
    if previous in ("let's", "lets", "ahead"):
        return True
    if previous == "to":
        return place == at and any(
            word in lexicon.BEFORE_TO for word in words[max(0, place - _FRAME_WORDS) : place - 1]
        )
    if place == at:
        return bool(before) and before in _OPENING
    return _is_ordered_after(words[place:at], previous, words[:place], before)


def _is_ordered_after(fillers: list[str], previous: str, earlier: list[str], before: str) -> bool:
    """Return whether fillers such as "please", "can you" or "and" before the verb make it an order."""
    if _is_told_of(fillers, previous) or (fillers[-1] == "no" and not (before and before in _BOUNDARY)):
        return False
    if fillers[-1] in ("and", "then") and _opens_order(earlier):
        return True
    if previous in lexicon.SUBJECT or fillers[-1] in lexicon.JOINING:
        opened = bool(before) and before in _BOUNDARY and previous not in lexicon.SUBJECT
        return fillers[-1] in ("please", "you") or opened
    return True


def _is_gerund_ordered(words: list[str], at: int) -> bool:
    """Return whether a verb in -ing is asked for: "would you mind sending", "how about sending", "sending me ..." """
    near = words[max(0, at - 3) : at]
    if at >= 2 and words[at - 1] == "about":
        return words[at - 2] in ("how", "what")
    return any(word in lexicon.BEFORE_GERUND or word in ("you", "please") for word in near)


def _opens_order(earlier: list[str]) -> bool:
    """Return whether an order was begun before an "and", so that the verb after it is ordered as well."""
    if not earlier:
        return False
    modal = any(
        word in lexicon.ADDRESSED and earlier[at - 1] in lexicon.MODAL for at, word in enumerate(earlier) if at > 0
    )
    begins = earlier[0] in lexicon.GIVE or earlier[0] in lexicon.CHANGE or earlier[0] in lexicon.LOOK
    return modal or begins or any(word in lexicon.POLITE_ONLY for word in earlier)


def _is_told_of(fillers: list[str], previous: str) -> bool:
    """Return whether "you" before the verb is not asked but spoken of: "do you issue", "I heard that you sign"."""
    addressed = [at for at, word in enumerate(fillers) if word in lexicon.ADDRESSED]
    if not addressed:
        return False
    opening = fillers[: addressed[-1]]
    asked = any(word in lexicon.MODAL or word in lexicon.POLITE for word in opening)
    return not asked and previous not in lexicon.MODAL and previous not in ("sure", "ensure", "about")
