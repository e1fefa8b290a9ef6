"""What a name says of the value that is assigned to it: a secret, an identifier, nothing.

What it does: judges names of variables, keys, headers, flags and elements. What it does not: look at values.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cache, lru_cache
from itertools import pairwise

from warden.guard.providers import provider_names


class NameStrength(IntEnum):
    """How strongly a name says that its value is secret; `INNOCENT` says that it is not."""

    INNOCENT = -1
    SILENT = 0
    PROVIDER = 1
    WEAK = 2
    STRONG = 3
    PASSWORD = 4


# The letters of names: Latin with its accents, Greek, Cyrillic, Hebrew, Arabic, Devanagari, kana, Han, Hangul.
LETTERS = "A-Za-zÀ-ɏͰ-ϿЀ-ӿא-תء-يऀ-ॿ぀-ヿ一-鿿가-힣"
_PASSWORD = (
    r"pass(?:wor[dt]|wd|phrase|code)|\bpwd|pwd\b|passwort|contrase[nñ]a|mot ?de ?passe|kennwort|\bsenha|"
    r"wachtwoord|парол[ьяею]|密码|密碼|口令|パスワード|비밀번호|\bhas[lł]o\b|\b[sş]ifre|\bparola|l[oö]senord|\bheslo\b|"
    r"salasana|jelsz[oó]|κωδικ|"
    r"\bpass$|\bpw$|\bpsw$|requirepass"
)
_STRONG = (
    r"secret|token|"
    r"(?:api|access|private|priv|auth|account|master|signing|encryption|licen[sc]e|service|shared|session|"
    r"storage|client|write|"
    r"admin|server|app|application|integration|ingest|deploy|live|prod|production|subscription|user|consumer|"
    r"rest|webhook|"
    r"project|developer|dev|org|security|developer|personal|rapidapi|host|root|test|sandbox|sdk|read|vault|"
    r"jwt|setup|push|join|management|enrol?lment) ?keys?\b|"
    r"credential|\bcreds?\b|bearer|authorization|\bjwt\b|\bpat\b|cookie|session ?id\b|sessid|seed ?phrase|mnemonic|"
    r"\bapi ?auth|\bpsk\b|\bapi ?pass|secret ?key ?base|\bapp ?id$|"
    r"\bjetons?\b|geheimnis|zugangsschl[uü]ssel|密钥|密鑰|令牌|トークン|秘密鍵|토큰|\bтокен"
)
_WEAK = (
    r"keys?$|\bkey (?:for|to|of) [\w ]+$|key (?:prod(?:uction)?|staging|dev|test|live|sandbox|new|old|"
    r"main|primary|secondary|[a-z])$|"
    r"(?:schl[uü]ssel|\bcl[eé]|\bclave|\bllave|\bchiave|\bchave|\bsleutel|\bklucz|\bklíč|\bkľúč|\bključ|\bnyckeln?|\bn[øo](?:gle|kkel)(?:e?n)?|"
    r"\bavain|\bkulcs|\bcheia?|\bkhóa|\bkunci|\bκλειδί|\bключ(?:а|ът)?|\banahtar[ıi]?|מפתח|مفتاح|कुंजी|キー|鍵|密匙|키|\bcheie)"
    r"(?: (?:de|do|du|di|da|del|della|la|per|pentru|pour|para|for|von|für|voor|dla|od|k|ke|do|til|till|của|untuk|για|для|к|до) "
    r"[\w ]+| [\w-]+(?: [\w-]+){0,3})?$|"
    r"\bauth$|\bpin$|\bsalt$|\bdsn$|\bsid$|\bapi$|\bpass|\bauth code$"
)
# After a secret's word these say that the value is something about it, not the secret itself.
_ABOUT = frozenset(
    [
        "type",
        "types",
        "count",
        "limit",
        "limits",
        "name",
        "names",
        "url",
        "uri",
        "path",
        "file",
        "filename",
        "length",
        "size",
        "expires",
        "expiry",
        "expiration",
        "expired",
        "ttl",
        "at",
        "id",
        "ids",
        "hint",
        "policy",
        "manager",
        "provider",
        "endpoint",
        "algorithm",
        "algo",
        "scope",
        "scopes",
        "date",
        "version",
        "regex",
        "pattern",
        "enabled",
        "required",
        "format",
        "label",
        "status",
        "usage",
        "used",
        "left",
        "budget",
        "rotation",
        "reset",
        "refresh",
        "audit",
        "arn",
        "ref",
        "reference",
        "fingerprint",
        "hash",
        "digest",
        "sha",
        "checksum",
        "prefix",
        "suffix",
        "field",
        "column",
        "header",
        "param",
        "parameter",
        "env",
        "var",
        "variable",
        "source",
        "kind",
        "mode",
        "method",
        "service",
        "store",
        "storage",
        "review",
        "leak",
        "scanning",
        "alert",
        "bypassed",
        "lifetime",
        "validity",
        "age",
        "index",
        "position",
        "offset",
        "window",
    ]
)
_INNOCENT_PAIR = (
    r"\b(?:public|pub|host|ssh|gpg|pgp|primary|foreign|partition|sort|range|idempotency|idempotence|cache|"
    r"object|s3|jira|issue|project "
    r"issue|incident|dedup|deduplication|routing|translation|i18n|message|event|group|grouping|correlation|"
    r"tracking|order|sequence|"
    r"shard|composite|natural|surrogate|external|unique|node|label|config|feature|page|row|column|meta|"
    r"map|lookup|index|"
    r"next|page|continuation|sync|cursor|cart|checkout|csrf|xsrf|prompt|input|output|max|min|total|completion|"
    r"cached|context|"
    r"lock|resume|pagination|skip|hub|network|stop|special|device|answer|question|verification|verify|"
    r"artifact|recv|list|locate|trusted|authorized|file|aggreg(?:at(?:e|ion))?|cycle|version|alias|registry ?value) ?"
    r"(?:key|token)s?\b|\bamz credential|"
    r"\b(?:account|call|sms|mms|message|messaging service|service|conference|participant|recording|room|track|flow|"
    r"execution|conversation|queue|worker|task|workspace|application) sid\b|\bsession id\b|\bx (?:\w+ )+source\b|"
    r"\bsecrets? (?:santa|scanning|type)|\bkeyboard|\bkeyword|\bkeynote|\bkey ?points?|\bkey takeaways?|"
    r"\btokeni[sz]|\bsecretar|\bturkey|\bmonkey|"
    r"\bauthor(?!ization$)|\bx \w+ sid\b|\bmid ?token|\bresource ?key|\bdid ?key|\bline code"
)
_INNOCENT = (
    r"\bsha ?\d*\b|sha$|digest|checksum|\bcommit|revision|\bnode\b|\betag\b|\bmd ?5|cursor|\btree\b|\bparent|"
    r"\bblob\b|before\b|"
    r"after\b|\bhead\b|\bbase\b|integrity|resolved|fingerprint|\bid\b|ids\b|uuid|guid|\bname\b|\burl\b|"
    r"\buri\b|\bref\b|version|"
    r"\bhash\b|signature|\bsig\b|gravatar|avatar|delivery|request|trace|span|\bimage\b|\bbuild\b|\brun\b|"
    r"\bjob\b|event|message|"
    r"diff|deploy|number|serial|tracking|order|invoice|ticket|issue|pull|branch|tag\b|file|path|ulid|certificate|"
    r"public|\bssh\b|"
    r"document|upload|download|channel|thread|user\b|login\b|host\b|region|\bcert\b|transmission|challenge|"
    r"nonce|state\b"
)
_UNINFORMATIVE = frozenset(
    [
        "value",
        "val",
        "v",
        "data",
        "content",
        "body",
        "string",
        "str",
        "text",
        "default",
        "const",
        "final",
        "return",
        "var",
        "let",
        "x",
        "s",
        "a",
        "env",
        "add",
        "set",
        "get",
        "append",
        "arg",
        "args",
        "new",
        "with",
        "using",
        "is",
        "was",
        "be",
        "as",
        "to",
        "here",
        "for",
        "in",
    ]
)
_SPLIT = rf"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^{LETTERS}]+"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def words_of(name: str) -> str:
    """Return the words of an identifier, lower case, with one space between: `X-ApiKey` is `x api key`."""
    return _compiled(_SPLIT).sub(" ", name).strip().lower()


def is_uninformative(name: str) -> bool:
    """Return whether `name` says nothing of its value, so that what stands before it must."""
    return name.strip("_.-$").lower() in _UNINFORMATIVE


@lru_cache(maxsize=4096)
def strength_of(name: str) -> NameStrength:
    """Return what `name` says of a value that is directly assigned to it."""
    words = words_of(name)
    if not words:
        return NameStrength.SILENT
    if _compiled(_INNOCENT_PAIR).search(words):
        return NameStrength.INNOCENT
    for pattern, strength in (
        (_PASSWORD, NameStrength.PASSWORD),
        (_STRONG, NameStrength.STRONG),
        (_WEAK, NameStrength.WEAK),
    ):
        match = _compiled(pattern).search(words) or (
            _compiled(pattern).search(words.replace(" ", "")) if strength > NameStrength.WEAK else None
        )
        if match and _is_about(words, match):
            return NameStrength.INNOCENT
        if match:  # a service's own key is one of its secrets
            return NameStrength.STRONG if strength is NameStrength.WEAK and has_provider(words) else strength
    if _compiled(_INNOCENT).search(words):
        return NameStrength.INNOCENT
    return NameStrength.PROVIDER if has_provider(words) else NameStrength.SILENT


def _is_about(words: str, match: re.Match[str]) -> bool:
    """Return whether the words after the secret's word make the name one of something else (`token_type`)."""
    if match.string != words or words.endswith("secret id"):  # AppRole's secret_id is the secret itself
        return False
    tail = words[match.end() :].split()
    return bool(tail) and (tail[-1] in _ABOUT or tail[0] in _ABOUT)


def has_provider(words: str) -> bool:
    """Return whether one of the space-separated lower-case `words`, or two neighbours joined, is a provider's name."""
    parts = words.split()
    known = provider_names()
    return any(part in known for part in parts) or any(a + b in known for a, b in pairwise(parts))


def is_innocent(words: str) -> bool:
    """Return whether one of the space-separated lower-case `words` speaks of an identifier, a commit, a page and the like."""
    return _compiled(_INNOCENT).search(words) is not None or _compiled(_INNOCENT_PAIR).search(words) is not None


def mentions_secret(context: str) -> bool:
    """Return whether running text `context` speaks of a secret by one of its strong names."""
    words = words_of(context)
    return _compiled(_PASSWORD).search(words) is not None or _compiled(_STRONG).search(words) is not None
