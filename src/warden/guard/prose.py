"""Secrets that people write to people: passwords in a sentence or an assignment, one-time codes, recovery phrases.

What it does: finds values that are no random runs, where the words before them name them. What it does not: guess at
words without such a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from warden.guard.assignment import KIND_PASSWORD, RULE_PASSWORD
from warden.guard.names import NameStrength, strength_of
from warden.guard.outline import matches_at, starts_of
from warden.guard.shape import is_stand_in, syllables, word_likeness
from warden.model.finding import Finding

RULE_FLAG = "password-flag"
RULE_CODE = "one-time-code"
RULE_PHRASE = "recovery-phrase"
KIND_CODE = "one_time_code"
KIND_PHRASE = "recovery_phrase"

_ROOT = (
    r"pass(?:wor[dt]|wd|phrase|code)?|pwd|psw|\bpw\b|mot de passe|kennwort|contrase[nñ]a|senha|wachtwoord|парол[ьяею]|密码|"
    r"密碼|口令|パスワード|비밀번호|\bhas[lł]o\b|[sş]ifre|\bparola|l[oö]senord\w{0,2}|\bheslo|salasana|jelsz[oó]|secret|token|credential"
)
# What an alternative of `_ROOT` begins with: searching these is much cheaper than trying the pattern at each place.
_ROOT_STARTS = (
    *(
        "pass",
        "pwd",
        "psw",
        "pw",
        "mot de passe",
        "kennwort",
        "contrase",
        "senha",
        "wachtwoord",
        "парол",
        "密码",
        "密碼",
    ),
    *("口令", "パスワード", "비밀번호", "has", "sifre", "şifre", "parola", "losenord", "lösenord", "heslo", "salasana"),
    *("jelsz", "secret", "token", "credential"),
)
_FLAG_STARTS = ("--pass", "--pwd", "-pass", "-pwd", "mysql", "sshpass", "-storepass", "-keypass")
_CODE_STARTS = ("code", "otp", "pin", "passcode", "tan")
_NAME_START = r"[\w.$-]{0,40}"  # of a text that is read from its end
_REST = (
    r"(?i)(?P<name>[\w.$-]{0,24})"
    r"(?P<middle>[\"'`\])]{0,3}\s{0,3}(?:(?:for|to|of|on|in|at|von|für|im|de|du|des|para|del|della|da|"
    r"dla|do|för|til|pro|от|для)\s[^\n:=]{1,40}?)?"
    r"(?:\s(?:has been|was|is now|got|now)?\s{0,2}(?:changed|reset|set|updated|rotated))?\s{0,2}"
    r"(?::=|=>|==?|:|：|>|\||,\s{0,2}(?=[\"'])|\bis now\b|\bis\b|\bwas\b|\bist\b|\blautet\b|\bes\b|\best\b|\bè\b|\bé\b|"
    r"\bto\b|\bär\b|\bje\b|\bon\b|\beste\b|\ber\b|\blà\b|\badalah\b|это|це|は|은|는|是|为|為)\s{0,3})"
    r"(?P<quote>[\"'`“‘«]?)(?P<value>[^\s\"'`“”‘’«»<>|]{6,128})"
)
_FLAG = (
    r"(?i)(?:(?:(?<![\w-])--?|(?:(?<=--db)|(?<=--user)|(?<=--root)|(?<=--admin)|(?<=--smtp)|(?<=--redis))-|(?<![\w-])-(?:store|key))"
    r"(?:password|passphrase|passwd|pass|pwd)[ =]|"
    r"\bmysql[^\n]{0,60}\s-p|\bsshpass\s+-p\s?)[\"']?(?P<value>[^\s\"'-]["
    r"^\s\"']{4,127})"
)
NAME_REACH = 40
_BADGE = ".svg?"  # the address of a picture in a page that everybody may read
CODE_REACH = 64
_CODE_ROOT = r"\b(?:codes?|otp|pin|passcodes?|tan)\b"
_CODE_QUALIFIER = (
    r"(?:one[- ]time|verification|security|login|sign[- ]?in|authenti?cation|confirmation|access|2fa|mfa|sms|backup|recovery|"
    r"two[- ]factor|\byour|\bthe)\s{1,2}$"
)
_CODE_VALUE = (
    r"(?i)(?:\s(?:for|to)\s[^\n:]{1,30}?)?\s{0,2}(?:\bis\b:?|:|=|\bare\b:?|\bist\b:?|-)\s{0,3}[\"'`*]{0,2}"
    r"(?P<value>\d{3}[- ]?\d{3}|\d{4,8}|[A-Z0-9]{4}-[A-Z0-9]{4})(?![\w-])"
)
_CODE_USED = r"\s{1,2}(?P<value>\d{4,8})\s+to\s+(?:sign|log|verify|confirm|authenticate)\b"
_CODE_BEFORE = r"(?i)(?<![\w.#-])(?P<value>\d{3}[- ]?\d{3}|\d{6,8})\s+is\s+(?:your|the)\s[^\n.]{0,40}$"
_PHRASE_STARTS = ("seed", "recovery", "backup", "mnemonic", "secret", "wallet")
_PHRASE = (
    r"(?i)(?:(?:seed|recovery|backup|mnemonic|secret|wallet)[\s_-]{0,2}(?:phrase|words)|mnemonic)[^\n:=]{0,"
    r"40}?[:=]?\s{0,4}[\"']?"
    r"(?P<value>(?:(?:\d{1,2}[.)]\s?)?[a-z]{3,8}[\s,]{1,3}){11,23}(?:\d{1,2}[.)]\s?)?[a-z]{3,8})\b"
)
_ORDINARY = frozenset(
    [
        "required",
        "reset",
        "expired",
        "changed",
        "rotated",
        "incorrect",
        "invalid",
        "missing",
        "wrong",
        "hidden",
        "stored",
        "encrypted",
        "hashed",
        "protected",
        "needed",
        "disabled",
        "enabled",
        "optional",
        "secret",
        "password",
        "string",
        "number",
        "boolean",
        "object",
        "null",
        "none",
        "true",
        "false",
        "undefined",
        "unknown",
        "below",
        "above",
        "attached",
        "manager",
        "policy",
        "prompt",
        "field",
        "value",
        "default",
        "example",
        "empty",
    ]
)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def find_in_prose(text: str) -> Iterator[Finding]:
    """Yield a finding for each password, one-time code and recovery phrase that `text` names."""
    low = text.replace("\u0130", "i").lower()  # the one letter that lower case makes longer would move all places
    yield from _passwords(text, low)
    for match in matches_at(_compiled(_FLAG), text, starts_of(low, _FLAG_STARTS)):
        if not is_stand_in(match.group("value")):
            yield Finding(KIND_PASSWORD, *match.span("value"), RULE_FLAG)
    yield from _codes(text, low)
    for match in matches_at(_compiled(_PHRASE), text, starts_of(low, _PHRASE_STARTS)):
        if len(set(match.group("value").lower().split())) >= 9:
            yield Finding(KIND_PHRASE, *match.span("value"), RULE_PHRASE)


def _codes(text: str, low: str) -> Iterator[Finding]:
    """Yield one-time codes: the number after a word for one that is qualified, or before it (`… is your login code`)."""
    for root in matches_at(_compiled(_CODE_ROOT), low, starts_of(low, _CODE_STARTS)):
        left = low[max(0, root.start() - CODE_REACH) : root.start()]
        before = _compiled(_CODE_BEFORE).search(left)
        if before:
            shift = root.start() - len(left)
            yield Finding(KIND_CODE, before.start("value") + shift, before.end("value") + shift, RULE_CODE)
        is_named = not root.group().startswith("code") or _compiled(_CODE_QUALIFIER).search(left)
        match = _compiled(_CODE_VALUE if is_named else _CODE_USED).match(text, root.end())
        if match and (len(match.group("value")) >= 6 or not left.endswith(("the ", "your "))):
            yield Finding(KIND_CODE, *match.span("value"), RULE_CODE)


def _passwords(text: str, low: str) -> Iterator[Finding]:
    """Yield what is assigned to a name with one of the roots in it; the root is found first, the rest only there."""
    for root in matches_at(_compiled(_ROOT), low, starts_of(low, _ROOT_STARTS)):
        match = _compiled(_REST).match(text, root.end())
        if match is None:
            continue
        before = text[max(0, root.start() - NAME_REACH) : root.start()]
        if before.lower().endswith(_BADGE):
            continue
        strength = strength_of(_name_at_end(before) + root.group() + match.group("name"))
        value = match.group("value").rstrip(".,;:)]}")
        start = match.start("value")
        if strength >= NameStrength.STRONG and _is_password(
            strength, match.group("middle"), match.group("quote"), value
        ):
            yield Finding(KIND_PASSWORD, start, start + len(value), RULE_PASSWORD)


def _name_at_end(left: str) -> str:
    """Return the beginning of a name that `left` ends with, or an empty string."""
    found = _compiled(_NAME_START).match(left[::-1])
    return found.group()[::-1] if found else ""


def _is_password(strength: NameStrength, middle: str, quote: str, value: str) -> bool:
    """Return whether `value`, assigned to a name, is written like a password rather than like a word about one."""
    if len(value) < 6 or is_stand_in(value) or value.lower() in _ORDINARY:
        return False
    if "://" in value or value[0] in "$({[</\\":
        return False
    has_digit = any(c.isdigit() for c in value)
    has_letter = any(c.isalpha() for c in value)
    has_symbol = any(not c.isalnum() and c not in "-_./" for c in value)
    inner = value[1:]
    is_mixed = inner != inner.lower() and inner != inner.upper()
    if "(" in value or ("." in value and value.replace(".", "").replace("_", "").isalpha()):
        return False
    if strength is NameStrength.PASSWORD:
        written = has_letter and (has_digit or (has_symbol and len(value) >= 8))
        drawn = len(value) >= 8 and (word_likeness(value) < -0.4 or (is_mixed and bool(quote) and not value.isalpha()))
        scrambled = len(value) >= 10 and len(syllables(value)) * 2.6 > len(value) and any(c in middle for c in ":=")
        return written or drawn or scrambled
    has_operator = any(c in middle for c in ":=>")
    return (
        has_operator and has_letter and has_digit and (has_symbol or is_mixed) and len(value) >= 10 and "/" not in value
    )
