"""What stands near a value that no name is assigned to: a service, words for a secret in several languages, a call.

What it does: judges the words before and after a value on its line, in its sentence or in the heading above it. What it
does not: look at the value, or further than the text it is given.
"""

from __future__ import annotations

import re
from functools import cache

from warden.guard.names import NameStrength, has_provider, is_innocent, mentions_secret, strength_of, words_of

CALL_REACH = 64
CALL_END = 4  # as long as what `_CALL` matches at most
NAME_END = 64  # a little more than what `_NAME_AT_END` matches at most
LINE_REACH = 96
_NAME_AT_END = (
    r"(?<![\w+/=.])([A-Za-z][\w.]{1,31})[\"'`*_)]{0,2}[ \t]{0,3}(?:\s[-–—][ \t]{1,3}|[:：]?[ \t]{0,3}\r?\n\s{0,8}|\s)"
    r"[\"'`(]{0,2}$"
)
_CALL = r"\(\s{0,2}[\"'`]$"
_SUBCOMMANDS = ("login", "auth", "authenticate", "configure", "init")
_COMMAND = r"(?:^|[\n;&|`$]\s{0,4}|\s)([A-Za-z][\w.-]{1,32})\s(?:login|auth|authenticate|configure|init)\s[\"']?$"
_ELEMENT_NAME = r"(?:name|key|id)\s?=\s?[\"']([\w.:-]{1,80})[\"'][^<>]{0,80}>$"
_PLIST_KEY = r"<key>([\w.:-]{1,80})</key>\s{0,40}<string>$"
_GIVEN_TO = (
    r"[\"'`*]{0,3},?\s{1,3}(?:for|with|on|in|pour|f[uü]r|para|per|voor|dla|von)\s{1,3}"
    r"(?:the|our|your|my|das|den|unser|le|la|el|il|o)?\s{0,2}(?P<name>[A-Za-z][\w.]{1,47})"
)
_SAID_AFTER = (
    r"[\"'`*]{0,3}[.,;]?\s{1,3}(?:[-–—]\s{0,3})?(?:(?:that|this|it|which|das|c|è|es)\s?(?:'s|’s|\bis\b|'est|\bist\b)\s|is\s)"
    r"(?:the|our|your|my|a|an|der|die|das|unser|la|le|el|il)?\s{0,2}(?P<name>[\w -]{3,48})"
)
_SENTENCE_END = r"\n\s*\n|[.;!?]\s"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def strength_nearby(left: str, right: str) -> NameStrength:
    """Return what the text on both sides of a value says of it, when nothing is assigned."""
    if _compiled(_CALL).search(left, max(0, len(left) - CALL_END)):
        return _strength_of_call(left)
    is_apart = left.rstrip("\"'`(")[-1:].isspace()
    before = _compiled(_NAME_AT_END).search(left, max(0, len(left) - NAME_END)) if is_apart else None
    if before and has_provider(words_of(before.group(1))) and not is_innocent(words_of(_line(left)[-LINE_REACH:])):
        return NameStrength.PROVIDER
    return strength_after(left, right)


def strength_of_command(left: str) -> NameStrength:
    """Return what a command says of its one argument: `stripe login …`."""
    body = left[:-1] if left.endswith(("'", '"')) else left
    if not body[-1:].isspace() or not body[:-1].endswith(_SUBCOMMANDS):
        return NameStrength.SILENT
    command = _compiled(_COMMAND).search(left[-LINE_REACH:])
    return NameStrength.STRONG if command and has_provider(words_of(command.group(1))) else NameStrength.SILENT


def strength_of_element(left: str) -> NameStrength:
    """Return what the attributes of an XML element, or the key before it in a property list, say of its text."""
    if left.endswith(">"):
        for pattern in (_ELEMENT_NAME, _PLIST_KEY):
            match = _compiled(pattern).search(left)
            if match:
                return strength_of(match.group(1))
    return NameStrength.SILENT


def _strength_of_call(left: str) -> NameStrength:
    """Return what a call says of its one argument: `Stripe::configure('…`, `require('stripe')('…`."""
    called = _line(left)[-CALL_REACH:]
    words = words_of(called)
    return NameStrength.PROVIDER if has_provider(words) and not is_innocent(words) else NameStrength.SILENT


def strength_after(left: str, right: str) -> NameStrength:
    """Return what the words after a value say that it is, or whom it is for."""
    said = _compiled(_SAID_AFTER).match(right)
    if said:
        return strength_of(said.group("name"))
    given = _compiled(_GIVEN_TO).match(right)
    if given and has_provider(words_of(given.group("name"))) and not is_innocent(words_of(_line(left)[-LINE_REACH:])):
        return NameStrength.PROVIDER
    return NameStrength.SILENT


def is_announced(left: str, reach: int) -> bool:
    """Return whether a value stands on a line below a sentence that speaks of a secret and ends with a colon or asks."""
    body = left.rstrip()
    if not body.endswith((":", "：", "?", "？")) or "\n" not in left[len(body) :]:
        return False
    sentence = _compiled(_SENTENCE_END).split(body[-reach:-1])[-1]
    return mentions_secret(sentence) and not is_innocent(words_of(sentence))


def is_listed_innocent(left: str) -> bool:
    """Return whether the heading of an indented list, `SPEC CHECKSUMS:` say, tells that its values are no secrets."""
    *above, row = left.split("\n")
    heading = next((line for line in reversed(above) if line and not line[0].isspace()), "")
    return row[:1] in (" ", "\t") and heading.rstrip().endswith(":") and is_innocent(words_of(heading))


def _line(left: str) -> str:
    """Return the line that `left` ends with, or the one before when it is empty."""
    lines = left.rstrip().rsplit("\n", 1)
    return lines[-1]
