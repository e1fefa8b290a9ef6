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
from typing import NamedTuple

from warden.guard.bare import RULE_BARE, stands_bare
from warden.guard.columns import strength_of_column
from warden.guard.names import NameStrength, is_uninformative, mentions_secret, strength_of
from warden.guard.naming import OPENING, name_before
from warden.guard.nearby import (
    is_announced,
    is_listed_innocent,
    strength_after,
    strength_nearby,
    strength_of_command,
    strength_of_element,
)
from warden.guard.outline import matches_in_runs, outline_of
from warden.guard.records import is_bare_key, is_field_name, is_handle
from warden.guard.shape import (
    count_digits,
    entropy,
    is_composed,
    is_hex,
    is_random,
    is_stand_in,
    is_uuid,
    word_likeness,
)
from warden.model.finding import Finding

RULE_ASSIGNED = "generic-assigned"
RULE_PASSWORD = "generic-password"
RULE_MENTIONED = "generic-mentioned"
KIND_SECRET = "secret"
KIND_PASSWORD = "password"

LOOK_BACK = 160
MENTION_REACH = 72
TITLE_REACH = 72
LOOK_AHEAD = 80
LEFT_REACH = 256
SHORTEST = 12
LONG = 128  # from here on reading the name costs less than looking at the value

Verdict = tuple[str, str]
NO_VERDICT: Verdict = ("", "")
_MEMBERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+/.~:"

_CANDIDATE = r"(?=[A-Za-z0-9_\-+/.~:]{12})[A-Za-z0-9_\-+/.~]{1,4096}(?::[A-Za-z0-9_\-+/.~]{8,4096}){0,3}={0,2}"
_TITLE = r"[A-Za-z][A-Za-z0-9_.-]{3,}"
_CLIENT = r"(?:[cC]lient|Api|API|SDK|Sdk|[aA]uth|[cC]onnect|[lL]ogin|Service|Session)$"
_NAMED_AFTER = (
    r"[\"'`]?,?\s{1,3}(?:as|is|was|=|being|for use as|(?:in|into|under)(?= (?:the )?(?:field|box|\")))\s{1,3}"
    r"(?:the|your|our|my|a|an|this|its)?\s{0,2}(?:(?:field|box)?\s{0,2}[\"'`])?(?P<name>[\w -]{3,48})"
    r"|[\"'`]?[;,]?\s{1,4}(?://|#|--|<!--|/\*)\s{0,3}(?P<comment>[\w -]{3,48})"
    r"|[\"'`]?\s{1,3}\(\s{0,2}(?P<aside>[\w -]{3,48})\)"
)
_SENTENCE_END = r"\n\s*\n|[.;!?]\s"
_LONG_RUN = r"[A-Za-z0-9+/=]{40,}"  # letters of an encoding are no words
_BLOCK_LINE = r"[A-Za-z0-9+/=]{60}(?:\r?\n[ \t>]{0,4}|(?:\\r)?\\)$"  # what goes on below is no value of its own
_BLOCK_ENDS = ("\n", " ", "\t", ">", "\\")  # what that pattern ends with
BLOCK_REACH = 70  # a little more than what the pattern matches at most
_CLONE = r"(?:^|[\"'`(])[\w.-]+@[\w.-]+:$"  # git@host:owner/name.git
_ID = r"(?i)\b((?:\w{0,24}_)?id)[\"']?\s{0,2}[:=]\s{0,2}[\"']?(?:gid://[\w/.-]{1,64}/)?$"
ID_REACH = 120
_DIGEST_NAMES = frozenset(
    ["h1", "sha1", "sha224", "sha256", "sha384", "sha512", "md5", "blake2b", "blake3", "sha3-256", "sha2"]
)
_PUBLIC = (
    "AAAAB3NzaC1",
    "AAAAC3NzaC1",
    "AAAAE2VjZHNh",
    "AAAAGnNr",
    "z6Mk",
    "sha256-",
    "sha384-",
    "sha512-",
    "sha1-",
    "ssh-",
)
_NOTE_VERIFIER = (
    r"(?!PRIVATE\+KEY\+)[^\s+]{1,256}\+[0-9a-f]{8}\+A[A-Za-z0-9+/]{40,}={0,2}"  # a public key of a signed note
)
# Ids that say of what: resources of AWS (8 or 17 hexadecimal digits), requests of Cloudflare, objects of Stripe.
_RESOURCE_ID = (
    r"[a-z]{1,12}-(?:[0-9a-f]{8}|[0-9a-f]{17})|[0-9a-f]{16}-[A-Z]{3}|(?:acct|ba|card|ch|cs|cus|dp|evt|fee|ii|il|in|pi|plink|pm|po|price|prod|promo|"
    r"pyr?|req|seti|src|si|sub|sub_sched|tr|txn|txr)_(?=[a-z0-9]{0,40}[A-Z])[A-Za-z0-9]{14,40}"
)
_FILE = r"[\w-]{1,64}(?:/[\w.=-]{1,128}){1,12}\.[a-z][a-z0-9]{1,7}"
_QUOTES = ("'", '"')
_ADDRESS_ENDS = "\"'`,;<>()"
_HOST = r"(?:[A-Za-z0-9_-]{1,63}\.){1,8}(?:com|net|org|io|dev|app|cloud|info|edu|gov|local|internal|svc|[a-z]{2})"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


class _Look(NamedTuple):
    """What a value looks like, wherever it stands."""

    is_public: bool
    is_machine: bool
    is_random: bool
    is_dense: bool

    @classmethod
    def of(cls, value: str) -> _Look:
        """Return the look of `value`; one that looks random is not asked whether it is dense."""
        is_machine = _is_machine(value)
        looks_random = not is_machine and is_random(value)
        return cls(
            _is_public(value), is_machine, looks_random, not is_machine and not looks_random and _is_dense(value)
        )


class Judgement:
    """What was said of the values of one text, which come again in its forms: by their look, and by what is near them."""

    def __init__(self) -> None:
        self._looks: dict[str, _Look] = {}
        self._verdicts: dict[tuple[str, int, int], Verdict] = {}

    def verdict_on(self, text: str, start: int, end: int) -> Verdict:
        """Return kind and rule of the value from `start` to `end`, as far as what stands near it tells."""
        reach = min(start, LEFT_REACH)
        key = (text[start - reach : end + LOOK_AHEAD], reach, end - start)
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._verdicts[key] = self._judge_run(key[0], reach, reach + end - start)
        return verdict

    def _judge_run(self, text: str, start: int, end: int) -> Verdict:
        """Return the verdict on a value in its surroundings; the cheapest test comes first."""
        value = text[start:end]
        if ".." in value or _is_in_address(text, start, value):
            return NO_VERDICT
        if len(value) >= LONG and not _may_tell(*_context(text, start, end)):
            return NO_VERDICT
        look = self._looks.get(value)
        if look is None:
            look = self._looks[value] = _Look.of(value)
        if look.is_public or not (look.is_machine or look.is_random or look.is_dense):
            return NO_VERDICT
        return _judge(text, start, end, look)


def find_assigned(text: str, judgement: Judgement | None = None, whole: str = "") -> Iterator[Finding]:
    """Yield a finding for each value that its name and its look give away.

    `judgement` is that of all forms of one text: most of a text is the same in each. `whole` is what `text` is a part of,
    when it is one.
    """
    judgement = judgement or Judgement()
    size = len(text.strip())
    runs = matches_in_runs(_compiled(_CANDIDATE), text, outline_of(text), _MEMBERS, SHORTEST)
    for match in runs:
        start, end = _trimmed(text, match.start(), match.end())
        if end - start < SHORTEST or (end - start < 16 and not count_digits(text[start:end])):
            continue
        kind, rule_id = judgement.verdict_on(text, start, end)
        if not rule_id and _is_own_beginning(text, match.start(), start):
            start = match.start()
            kind, rule_id = judgement.verdict_on(text, start, end)
        if rule_id == RULE_BARE and size <= end - start + 2:  # all that there is: nobody hands it over
            continue
        if rule_id and not _is_named_id(text, start, text[start:end], whole or text):
            yield Finding(kind, start, end, rule_id)


def _is_own_beginning(text: str, first: int, start: int) -> bool:
    """Return whether what `_trimmed` took off, `first` to `start`, is quoted with the value and no scheme of an address."""
    return start > first and text[first - 1 : first] in _QUOTES and not text.startswith("//", start - 2)


def _is_named_id(text: str, start: int, value: str, whole: str) -> bool:
    """Return whether a value that only its name can make a secret is an id somewhere in `whole`."""
    if not _is_machine(value.rpartition(":")[2]):
        return False
    return _is_also_id(whole, value) or is_bare_key(text[max(0, start - LOOK_BACK) : start])


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without punctuation round the value, and without a name joined to it by a colon."""
    colon = text.find(":", start, end)
    if colon >= 0 and not count_digits(text[start:colon]):
        start = colon + 1
    elif colon >= 0 and text[start:colon].lower() in _DIGEST_NAMES:
        return start, start
    while start < end and text[start] in "/.-+~:":
        start += 1
    while end > start and text[end - 1] in "./-:~":
        end -= 1
    return start, end


def _judge(text: str, start: int, end: int, look: _Look) -> Verdict:
    """Return kind and rule of the value from `start` to `end`, which has a look that may be a secret's."""
    value = text[start:end]
    strength, is_mentioned = _context(text, start, end, not look.is_machine)
    if is_mentioned and strength > NameStrength.SILENT and look.is_dense:
        return NO_VERDICT
    left, right = text[max(0, start - LEFT_REACH) : start], text[end : end + LOOK_AHEAD]
    if strength is NameStrength.INNOCENT or is_field_name(left, right) or is_handle(left, right):
        return NO_VERDICT
    if strength < NameStrength.STRONG and _compiled(_RESOURCE_ID).fullmatch(value):
        return NO_VERDICT
    if is_mentioned and is_composed(value):
        return NO_VERDICT
    rule_id = _rule_of(value, strength, is_mentioned, look)
    is_unnamed = not rule_id and look.is_random and strength is NameStrength.SILENT
    if is_unnamed and stands_bare(text, start, end, start < LEFT_REACH):
        rule_id = RULE_BARE
    if not rule_id or is_stand_in(value):
        return NO_VERDICT
    return KIND_PASSWORD if strength is NameStrength.PASSWORD else KIND_SECRET, rule_id


def _may_tell(strength: NameStrength, is_mentioned: bool) -> bool:
    """Return whether what stands near a value leaves open that it is a secret."""
    return strength is not NameStrength.INNOCENT and (strength is not NameStrength.SILENT or is_mentioned)


def _is_public(value: str) -> bool:
    """Return whether `value` has the form of a public key, a digest with its algorithm, a host or a file."""
    if value.startswith(_PUBLIC):
        return True
    if "+" in value and _compiled(_NOTE_VERIFIER).fullmatch(value):
        return True
    if "/" in value and _compiled(_FILE).fullmatch(value):
        return True
    return (
        "." in value
        and (value == value.lower() or not is_random(value))
        and _compiled(_HOST).fullmatch(value) is not None
    )


def _is_machine(value: str) -> bool:
    """Return whether `value` is a UUID or a run of hexadecimal digits: a secret only by its name."""
    return is_uuid(value) or (len(value) >= 14 and is_hex(value) and not value.isdigit())


def _is_also_id(text: str, value: str) -> bool:
    """Return whether `text` calls the same value an id somewhere: a cart's token that is the cart's id, say."""
    for place in re.finditer(re.escape(value), text):
        match = _compiled(_ID).search(text, max(0, place.start() - ID_REACH), place.start())
        if match and strength_of(match.group(1)) is NameStrength.INNOCENT:
            return True
    return False


def _is_in_address(text: str, start: int, value: str) -> bool:
    """Return whether `start` stands in the path of a URL, where only named query values count."""
    if not start or text[start - 1].isspace() or text[start - 1] in "=" + _ADDRESS_ENDS:
        return False
    word = text[max(0, start - LEFT_REACH) : start].rsplit(None, 1)[-1]
    if "/" in value and _compiled(_CLONE).search(word):
        return True
    at = max(word.rfind("://"), word.rfind("www."))
    return at >= 0 and not any(c in word[at:] for c in _ADDRESS_ENDS)


def _rule_of(value: str, strength: NameStrength, is_mentioned: bool, look: _Look) -> str:
    """Return the rule under which `value` is a secret, or an empty string."""
    if strength >= NameStrength.STRONG:
        return RULE_ASSIGNED
    if strength is NameStrength.WEAK:
        is_long_hex = look.is_machine and len(value) >= 24 and not is_uuid(value)
        return RULE_ASSIGNED if is_long_hex or look.is_random else ""
    if strength is NameStrength.PROVIDER:
        return RULE_ASSIGNED if len(value) >= (20 if look.is_machine else 16) else ""
    return RULE_MENTIONED if is_mentioned and look.is_random and len(value) >= 16 else ""


def _is_dense(value: str) -> bool:
    """Return whether `value` mixes letters and digits more than a name does, a lower bar than `is_random`."""
    digits = count_digits(value)
    if digits < 3 or sum(map(str.isalpha, value)) < 4 or entropy(value) < 3.0 or value.count("/") > 1:
        return False
    return word_likeness(value) < 0.8 or (digits * 5 >= len(value) and len(value) >= 20)


def _context(text: str, start: int, end: int, may_be_mentioned: bool = True) -> tuple[NameStrength, bool]:
    """Return what the name of the value at `start` says, and whether the words before it speak of a secret.

    Without `may_be_mentioned` nobody asks for words where nothing is said of the value itself.
    """
    left = text[max(0, start - LOOK_BACK) : start]
    if left.endswith(_BLOCK_ENDS) and _compiled(_BLOCK_LINE).search(left, max(0, len(left) - BLOCK_REACH)):
        return NameStrength.SILENT, False
    column = strength_of_column(text[:start], start >= LEFT_REACH)
    if column is not NameStrength.SILENT:
        return column, False
    name, is_assigned = name_before(left)
    right = text[end : end + LOOK_AHEAD]
    if left.endswith("\n") and is_announced(left, MENTION_REACH):
        return NameStrength.STRONG, False
    if name and is_assigned:
        strength = strength_of_element(left)
        strength = strength or (_strength_of_title(left, name) if is_uninformative(name) else strength_of(name))
        strength = strength or _strength_after(right) or strength_after(left, right)
        if strength is NameStrength.PROVIDER and is_listed_innocent(left):
            return NameStrength.INNOCENT, False
        if strength is NameStrength.SILENT and is_announced(left, MENTION_REACH):
            return NameStrength.STRONG, False
        return strength, False
    command = strength_of_command(left)
    if command:
        return command, False
    if name and "(" in left[-3:]:
        strength = _strength_of_call(name)
        if strength is not NameStrength.SILENT:
            return strength, False
    if name and not is_assigned:
        strength = strength_of(name)
        is_identifier = "_" in name or name.isupper()
        if strength >= NameStrength.STRONG or strength is NameStrength.INNOCENT or (strength and is_identifier):
            return strength, True
    strength = _strength_after(right) or strength_nearby(left, right)
    if strength is not NameStrength.SILENT or not may_be_mentioned:
        return strength, strength is not NameStrength.SILENT
    sentence = _compiled(_LONG_RUN).sub(" ", _compiled(_SENTENCE_END).split(left[-MENTION_REACH:])[-1])
    return NameStrength.SILENT, mentions_secret(sentence)


def _strength_of_title(left: str, name: str) -> NameStrength:
    """Return what the last telling word before `name` says: `- name: ACME_TOKEN`, then `value: …`."""
    before = left[: left.rstrip(OPENING).rfind(name)][-TITLE_REACH:]
    for word in reversed(_compiled(_TITLE).findall(before)):
        strength = strength_of(word)
        if strength is not NameStrength.SILENT:
            return strength
    return NameStrength.SILENT


def _strength_of_call(name: str) -> NameStrength:
    """Return what the name of a called function says of its one argument."""
    strength = strength_of(name)
    if strength is NameStrength.SILENT and _compiled(_CLIENT).search(name):
        return NameStrength.WEAK
    return strength


def _strength_after(right: str) -> NameStrength:
    """Return what text after a value says that it was: `… as the API key`, `… // our token`."""
    match = _compiled(_NAMED_AFTER).match(right)
    if match is None:
        return NameStrength.SILENT
    told = match.group("name") or match.group("comment") or match.group("aside")
    strength = strength_of(told)
    return NameStrength.WEAK if strength < NameStrength.WEAK and " key " in f" {told.lower()} " else strength
