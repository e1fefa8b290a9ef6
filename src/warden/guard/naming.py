"""The name that a text gives to what follows it: `const acmeKey = "`, `--api-key `, `<token>`, `password is `.

What it does: reads the name to the left of a value, and whether something assigns the value to it. What it does not: judge
the name (`names`) or look at the value.
"""

from __future__ import annotations

import re
from functools import cache

from warden.guard.names import LETTERS, NameStrength, strength_of

NAME_REACH = 80
SCHEME_REACH = 16
VERB_REACH = 8
_SIGNS = (
    "===",
    ":=",
    "=>",
    "->",
    "==",
    "!=",
    "=",
    ":",
    "：",
    ",",
    "|",
    ">",
    "→",
    "⇒",
    "➜",
    "➡",
    "👉",
)  # the longer ones first
_VERB = (
    r"\b(?:is|are|was|to|of|ist|lautet|est|es|è|é|sono|são|jest|är|je|er|este|là|adalah|είναι|это|це|е|הוא|هو|है)$|"
    r"(?<=avain )on$|"
    r"(?<=[ーキ键鍵匙码碼키호令牌])(?:は|が|是|为|為|는|은|가)$"
)
_BLOCK_SIGNS = (": >", ": |", ": >-", ": |-", ": >+", ": |+")  # a block of YAML follows on the next line
_TEXT_ELEMENTS = frozenset(("td", "th", "dd", "span", "code", "strong", "b", "em", "p", "li", "pre", "kbd"))
_TAGS = r"(?:\s{0,8}</?[A-Za-z][^<>]{0,80}>){1,8}$"
_DASH = r"(?<=[^\s-])[ \t]{1,3}[-–—]$"
_NAME = rf"(?<![0-9{LETTERS}$@_])[{LETTERS}$@_][0-9{LETTERS}$@_.\-]*$"
_TYPE = frozenset(
    ["string", "str", "char", "text", "bytes", "any", "var", "&str", "optional", "varchar", "const", "let"]
)
_DECLARING = frozenset(("const", "let", "var", "val", "final", "static", "export", "def", "env", "string", "readonly"))
_SCHEME = (
    r"(?i)\b(?:bearer|basic|token|digest|apikey|api-key|key|bot|bot-token|sso-key|ghost|jwt|pat|oauth|"
    r"splunk|genie-?key)$"
)
_ELEMENT = r"[A-Za-z][\w:.-]{0,63}"
OPENING = " \t\r\n\"'`([{<\\*“‘«„"
_CLOSING = " \t\r\n\"'`)]}\\*”’»_"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def name_before(left: str) -> tuple[str, bool]:
    """Return the name that text ending in `left` gives to what follows, and whether an operator assigns it."""
    rest = left.rstrip(OPENING)
    if rest.endswith("@") and left[len(rest) : len(rest) + 1] == '"':  # a string of Objective-C or C#
        rest = rest[:-1].rstrip(OPENING)
    if rest.endswith(("---", "===", "~~~")):  # the line under a heading
        rest = rest.rstrip("-=~").rstrip(OPENING)
    if rest.endswith(_BLOCK_SIGNS) and left[len(rest) : len(rest) + 1] in ("\n", "\r"):
        rest = rest.rstrip(">|+- ")
    is_apart = len(rest) < len(left)
    is_word = rest[-1:].isalpha()
    scheme = _compiled(_SCHEME).search(rest, max(0, len(rest) - SCHEME_REACH)) if is_apart and is_word else None
    if scheme:
        before = rest[: scheme.start()].rstrip(OPENING)
        if before.endswith((":", "=", ",")):
            return scheme.group() if "uthorization" not in before[-24:] else "Authorization", True
        if scheme.group().lower() in ("bearer", "basic"):
            return scheme.group(), True
    operator = _operator_at_end(rest)
    if not operator:
        flag = _flag_name(rest) if is_apart else ""
        if flag:
            return flag, True
        found = _last_name(rest)
        return (_with_qualifier(rest, found) if found else ""), False
    if operator == "|" and not is_apart and not rest.rpartition("\n")[2].startswith("|"):
        return "", False  # part of one word, not a cell of a table
    if operator == ">":
        element = rest.rfind("<")
        name = rest[element + 1 : -1].split(" ")[0] if element >= 0 else ""
        if name.lower() not in _TEXT_ELEMENTS:
            return (name, True) if _compiled(_ELEMENT).fullmatch(name) else ("", False)
        tags = _compiled(_TAGS).search(rest)
        operator = tags.group() if tags else operator
    rest = rest[: -len(operator)].rstrip(_CLOSING + ":")
    found = _last_name(rest)
    if found and found.group().lower() in _TYPE:
        typed = rest[: found.start()].rstrip(" \t&")
        if typed.endswith(":"):
            found = _compiled(_NAME).search(typed[:-1].rstrip(_CLOSING))
    if found is None:
        return "", True
    return _with_qualifier(rest, found), True


def _operator_at_end(rest: str) -> str:
    """Return the sign, the dash or the verb of an assignment that `rest` ends with, or an empty string."""
    if rest.endswith(_SIGNS):
        return next(filter(rest.endswith, _SIGNS))
    pattern = _VERB if rest[-1:].isalpha() else _DASH if rest.endswith(("-", "–", "—")) else ""
    found = _compiled(pattern).search(rest, max(0, len(rest) - VERB_REACH)) if pattern else None
    return found.group() if found else ""


def _last_name(rest: str) -> re.Match[str] | None:
    """Return the match of the name that `rest` ends with; there is no white space in one."""
    word = rest[-NAME_REACH:].rsplit(None, 1)[-1:]
    return _compiled(_NAME).search(rest, len(rest) - len(word[0])) if word and rest.endswith(word[0]) else None


def _flag_name(rest: str) -> str:
    """Return the name of a command-line flag that `rest` ends with (`--api-key`), or an empty string."""
    word = rest.rsplit(None, 1)[-1] if rest else ""
    return word.lstrip("-") if word.startswith("-") and len(word) > 3 else ""


def _with_qualifier(rest: str, found: re.Match[str]) -> str:
    """Return the name with up to four words before it on its line that belong to the same phrase.

    `access key` and `API key for staging` are phrases; `"id": 1, "key"` is not.
    """
    name = found.group()
    line = rest[: found.start()].rsplit("\n", 1)[-1].rstrip("([{<")
    if line.endswith(("'", "’")):
        line = _compiled(r"\b[dlDL]['’]$").sub("", line)
    if not line.endswith(" ") or strength_of(name) >= NameStrength.STRONG:
        return name
    kept: list[str] = []
    for word in reversed(line.split()[-4:]):
        bare = word.rpartition(">")[2].rpartition("|")[2]
        if bare.lower() in _DECLARING or not bare.replace("-", "").replace("_", "").replace("'", "").isalnum():
            break
        kept.insert(0, bare)
        if bare != word:  # an element or a cell begins here
            break
    phrase = " ".join([*kept, name])
    return phrase if strength_of(phrase) is not NameStrength.SILENT else name
