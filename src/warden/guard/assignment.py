"""Generic detection: a value that looks drawn at random, in a place that says what it is.

What it does: finds candidate values, reads the name to the left of each (`const acmeKey = "…"`, `--api-key …`,
`<token>…</token>`, `password is …`) and joins what the name says with what the value looks like. What it does not: know
formats of single providers (`tokens`) or of documents (`structures`).

The rule of thumb: the stronger the name, the less the value must look random; a name that says something else (a commit,
a digest, a page) clears the value; with no name, only the words just before it and a very random look count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from warden.guard.names import NameStrength, is_uninformative, mentions_secret, strength_of, words_of
from warden.guard.shape import entropy, is_hex, is_random, is_stand_in, is_uuid, word_likeness
from warden.model.finding import Finding

RULE_ASSIGNED = "generic-assigned"
RULE_PASSWORD = "generic-password"
RULE_MENTIONED = "generic-mentioned"
KIND_SECRET = "secret"
KIND_PASSWORD = "password"

LOOK_BACK = 160
MENTION_REACH = 72
LONGEST_VALUE = 4096

_CANDIDATE = r"[A-Za-z0-9_\-+/.~]{12,4096}={0,2}"
_OPERATOR = r"(?::=|=>|->|===?|!=|=|:|,|\||>|\bis|\bare|\bwas|\bto|\bof)$"
_NAME = r"[A-Za-zÀ-ÿа-яА-Я一-鿿$@_][A-Za-z0-9À-ÿа-яА-Я一-鿿$@_.\-]*$"
_TYPE = frozenset("string str char text bytes any var &str optional varchar const let".split())
_SCHEME = r"(?i)\b(?:bearer|basic|token|digest|apikey|api-key|key|bot|bot-token|sso-key|ghost|jwt|pat|oauth|splunk|genie-?key)$"
_OPENING = " \t\r\n\"'`([{<\\*“‘«„"
_CLOSING = " \t\r\n\"'`)]}\\*”’»_"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def find_assigned(text: str) -> Iterator[Finding]:
    """Yield a finding for each value that its name and its look give away."""
    for match in _compiled(_CANDIDATE).finditer(text):
        yield from _judge_run(text, match.start(), match.end())


def _judge_run(text: str, start: int, end: int) -> Iterator[Finding]:
    value = text[start:end]
    if not any(c in "0123456789" for c in value) and not is_random(value):
        return
    if value[0] in "/.-+~":
        trimmed = value.lstrip("./-~")
        if value[0] == "/" and "://" in text[max(0, start - 3) : start + 2]:
            return
        start += len(value) - len(trimmed)
        value = trimmed
    if value.endswith((".", "-", "/")):
        value = value.rstrip("./-")
    if len(value) < 12 or _is_in_address(text, start):
        return
    strength, mentioned = _context(text, start)
    if strength is NameStrength.INNOCENT or is_stand_in(value):
        return
    rule_id = _verdict(value, strength, mentioned)
    if rule_id:
        kind = KIND_PASSWORD if strength is NameStrength.PASSWORD else KIND_SECRET
        yield Finding(kind, start, start + len(value), rule_id)


def _is_in_address(text: str, start: int) -> bool:
    """Return whether `start` stands in the path of a URL, where only named query values count."""
    if start and text[start - 1] == "=":
        return False
    left = text[max(0, start - 256) : start]
    word = left.rsplit(None, 1)[-1] if left and not left[-1].isspace() else ""
    at = max(word.rfind("://"), word.rfind("www."))
    return at >= 0 and not any(c in word[at:] for c in "\"'`,;<>()")


def _verdict(value: str, strength: NameStrength, mentioned: bool) -> str:
    """Return the rule under which `value` is a secret, or an empty string."""
    machine = is_uuid(value) or (len(value) >= 16 and is_hex(value) and not value.isdigit())
    if strength >= NameStrength.STRONG:
        drawn = machine or is_random(value) or (len(value) >= 12 and _is_dense(value))
        return RULE_ASSIGNED if drawn else ""
    if strength is NameStrength.WEAK:
        return RULE_ASSIGNED if (machine and len(value) >= 24) or is_random(value) else ""
    if strength is NameStrength.PROVIDER:
        return RULE_ASSIGNED if (machine and len(value) >= 24) or (len(value) >= 16 and is_random(value)) else ""
    if mentioned and not machine and len(value) >= 16 and is_random(value):
        return RULE_MENTIONED
    return ""


def _is_dense(value: str) -> bool:
    """Return whether `value` mixes letters and digits more than a name does, a lower bar than `is_random`."""
    digits = sum(c.isdigit() for c in value)
    letters = sum(c.isalpha() for c in value)
    return digits >= 3 and letters >= 4 and entropy(value) >= 3.0 and word_likeness(value) < 0.8 and "/" not in value


def _context(text: str, start: int) -> tuple[NameStrength, bool]:
    """Return what the name of the value at `start` says, and whether the words before it speak of a secret."""
    left = text[max(0, start - LOOK_BACK) : start]
    name, is_assigned = name_before(left)
    if name and is_assigned and not is_uninformative(name):
        return strength_of(name), False
    near = left[-MENTION_REACH:]
    if not is_assigned and name and "(" in left[-3:]:
        strength = strength_of(name)
        if strength >= NameStrength.WEAK:
            return strength, False
    if is_assigned and name and not mentions_secret(near):
        return NameStrength.SILENT, False
    return NameStrength.SILENT, mentions_secret(near)


def name_before(left: str) -> tuple[str, bool]:
    """Return the name that text ending in `left` gives to what follows, and whether an operator assigns it."""
    rest = left.rstrip(_OPENING)
    scheme = _compiled(_SCHEME).search(rest)
    if scheme and len(rest) < len(left):
        before = rest[: scheme.start()].rstrip(_OPENING)
        if before.endswith((":", "=", ",")):
            return scheme.group() if "uthorization" not in before[-24:] else "Authorization", True
        if scheme.group().lower() in ("bearer", "basic"):
            return scheme.group(), True
    operator = _compiled(_OPERATOR).search(rest)
    if operator is None:
        flag = _flag_name(rest) if len(rest) < len(left) else ""
        if flag:
            return flag, True
        found = _compiled(_NAME).search(rest)
        return (found.group() if found else ""), False
    if operator.group() == ">":
        element = rest.rfind("<")
        return (rest[element + 1 : -1].split(" ")[0] if element >= 0 else ""), element >= 0
    rest = rest[: operator.start()].rstrip(_CLOSING)
    found = _compiled(_NAME).search(rest)
    if found and found.group().lower() in _TYPE:
        typed = rest[: found.start()].rstrip(" \t&")
        if typed.endswith(":"):
            found = _compiled(_NAME).search(typed[:-1].rstrip(_CLOSING))
    if found is None:
        return "", True
    return _with_qualifier(rest, found), True


def _flag_name(rest: str) -> str:
    """Return the name of a command-line flag that `rest` ends with (`--api-key`), or an empty string."""
    word = rest.rsplit(None, 1)[-1] if rest else ""
    return word.lstrip("-") if word.startswith("-") and len(word) > 3 else ""


def _with_qualifier(rest: str, found: re.Match[str]) -> str:
    """Return the name with the one or two words before it on its line, where these are words of the same phrase.

    `access key` and `API key for staging` are phrases; `"id": 1, "key"` is not.
    """
    name = found.group()
    before = rest[: found.start()]
    line = before.rsplit("\n", 1)[-1]
    if not line.endswith(" ") or not line.strip():
        return name
    words = line.rstrip().rsplit(" ", 3)[-3:]
    kept: list[str] = []
    for word in reversed(words):
        if not word or not word.replace("-", "").replace("'", "").isalpha():
            break
        kept.insert(0, word)
    phrase = " ".join([*kept, name])
    if strength_of(name) is NameStrength.SILENT or strength_of(name) is NameStrength.WEAK:
        return phrase if strength_of(phrase) > NameStrength.SILENT else name
    return name


__all__ = ["KIND_PASSWORD", "KIND_SECRET", "find_assigned", "name_before", "words_of"]
