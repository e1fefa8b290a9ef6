"""Words as they are compared: folded, without inflection, abbreviations written out."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile("[\u0300-\u036f\u200b-\u200f\u2060\ufeff\u00ad]")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "–": "-", "—": "-"})
_NOT = re.compile(r"\b(\w+?)n't\b")
_CLITIC = re.compile(r"(?<=\w)'(?:s|re|m|ve|ll|d)\b")
_VOWEL = re.compile("[aeiouy]")

_SAME = {
    "cert": "certificate", "certs": "certificate", "crt": "certificate", "cred": "credential", "creds": "credential",
    "config": "configuration", "conf": "configuration", "repo": "repository", "repos": "repository", "db": "database",
    "dbs": "database", "k8s": "kubernetes", "kube": "kubernetes", "pw": "password", "pwd": "password", "passwd":
        "password",
    "auth": "authentication", "admin": "administrator", "admins": "administrator", "org": "organization", "acct":
        "account",
    "prod": "production", "env": "environment", "dept": "department", "app": "application", "apps": "application",
    "licence": "license", "licences": "license", "email": "mail", "emails": "mail", "mailing": "mail", "doc":
        "document",
    "docs": "document", "ops": "operation", "info": "information", "mgmt": "management", "dev": "development",
    "signup": "sign", "login": "login", "logins": "login", "logon": "login", "signin": "login", "postgresql":
        "postgres",
    "holidays": "holiday", "laptops": "laptop", "colour": "color", "centre": "center", "cancelled": "cancel",
    "wifi": "wifi", "bought": "buy", "lost": "lose", "broken": "break", "paid": "pay", "left": "leave", "stolen":
        "steal",
    "children": "child", "people": "person", "employees": "employee", "analyses": "analysis", "data": "data",
}  # fmt: skip


def fold(text: str) -> str:
    """Return `text` in lower case without accents, typographic marks and invisible characters."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).translate(_APOSTROPHES))
    return _MARKS.sub("", folded).casefold()


def _undouble(word: str) -> str:
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "se":
        return word[:-1]
    return word


def _strip_plural(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is", "as", "os")):
        return word[:-1]
    return word


def _strip_verb(word: str) -> str:
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) > 2 and _VOWEL.search(rest):
            return _undouble(rest)
    return word


def _strip_noun(word: str) -> str:
    if word == "production":
        return word
    for ending, least in (("ation", 3), ("ment", 4), ("ate", 4), ("ion", 4)):
        if word.endswith(ending) and len(word) - len(ending) >= least:
            return word[: -len(ending)]
    return word


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """Return the form under which inflected and abbreviated forms of a folded English word are the same."""
    word = _SAME.get(word, word)
    if len(word) > 2 and word[-1] == "s" and word[-2].isdigit():
        return word[:-1]
    if len(word) <= 3 or not word.isalpha():
        return word[:-1] if len(word) == 4 and word.endswith("s") and word[:-1].isalpha() else word
    base = _strip_verb(_strip_plural(word))
    base = _SAME.get(base, base)
    base = base.replace("isation", "ization")
    base = _strip_noun(base)
    if base.endswith("ise") and len(base) > 5:
        base = base[:-3] + "iz"
    if base.endswith("e") and len(base) > 3:
        base = base[:-1]
    return _undouble(base)


def split_words(folded: str) -> list[str]:
    """Return the words of folded text; contractions are opened (`don't` is `do not`, `who's` is `who`)."""
    if "'" in folded:
        folded = _CLITIC.sub("", _NOT.sub(r"\1 not", folded))
    return _WORD.findall(folded)
