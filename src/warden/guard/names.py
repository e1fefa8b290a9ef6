"""What a name says of the value that is assigned to it: a secret, an identifier, nothing.

What it does: judges names of variables, keys, headers, flags and elements. What it does not: look at values.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cache

from warden.guard.providers import provider_names


class NameStrength(IntEnum):
    """How strongly a name says that its value is secret; `INNOCENT` says that it is not."""

    INNOCENT = -1
    SILENT = 0
    PROVIDER = 1
    WEAK = 2
    STRONG = 3
    PASSWORD = 4


_PASSWORD = (
    r"pass(?:wor[dt]|wd|phrase|code)|\bpwd|pwd\b|passwort|contrase[nñ]a|mot ?de ?passe|kennwort|\bsenha|wachtwoord|пароль|密码|"
    r"\bpass$|^pass\b|_pass|\bpw$|\bpsw$|requirepass"
)
_STRONG = (
    r"secret|token|api ?key|apikey|access ?key|private ?key|priv ?key|auth ?key|account ?key|master ?key|secret ?key|"
    r"signing ?key|encryption ?key|license ?key|licence ?key|service ?key|shared ?key|session ?key|storage ?key|client ?key|"
    r"write ?key|admin ?key|server ?key|app ?key|application ?key|integration ?key|routing ?key|ingest ?key|deploy ?key|"
    r"live ?key|prod ?key|subscription ?key|user ?key|consumer ?key|rest ?key|webhook ?key|project ?key|"
    r"credential|\bcreds?\b|bearer|authorization|\bjwt\b|\bpat\b|cookie|session ?id|sessid|\bconnect\b ?sid|seed ?phrase|"
    r"mnemonic|\botp\b|api ?auth|x ?auth|\bkeytab\b|\bpsk\b|\bpsk|wpa"
)
_WEAK = r"key\b|keys\b|auth|\bpin\b|\bsig\b|signature|\bsalt\b|\bnonce\b|\bdsn\b|\blicen[sc]e\b|\bsid\b|\bhash\b|\bapi\b|\bpass|\bcode\b"
_INNOCENT = (
    r"public|\bpub\b|fingerprint|\bsha ?\d*\b|\bsha$|\bdigest|checksum|\bcommit|revision|\bnode\b|\betag|\bmd ?5|\bcursor|"
    r"\bpage\b|next ?token|pagination|continuation|idempoten|\bprimary key|foreign ?key|partition|\bsort ?key|\bcache|"
    r"\btype\b|\bcount|limit|\bname\b|\burl\b|\buri\b|\bpath\b|\bfile\b|\blength|\bexpires?|expir|\bttl|\bttl\b|\bsize\b|"
    r"delivery|\bcart\b|checkout|\bprompt|completion|input ?tokens?|output ?tokens?|max ?tokens|tokens? used|total ?tokens|"
    r"\bgravatar|avatar|\bevent|\bmessage|\btrace|\bspan\b|\brequest ?id|correlation|\bchannel|\bthread|\bhint\b|\bpolicy\b|"
    r"\bmanager\b|\bendpoint|\bintegrity|\bresolved|\btree\b|\bparent|\bblob\b|\bbefore\b|\bafter\b|\bhead\b|\bbase\b|"
    r"\balgo|\bscopes?\b|\bdate\b|\bat\b|\bversion|\bregex|\bpattern|\benabled|\brequired|\bformat|\blabel|\bstatus|"
    r"\bissue|\bjira|\bobject ?key|\bs ?3 ?key|\bkey ?id|\bkid\b|\bkeyid|secret ?id$|secret ?arn|\barn\b|token ?id$|\bsecret ?name|"
    r"\bparam|transmission|\bcert\b|certificate|\bcsrf|xsrf|\bverif(?:y|ied|ication) ?sig|\bsignature ?v|\bhmac\b|svix|"
    r"\brecipient|\bemail|\bprice|\bcustomer|\binvoice|\bcharge|\bbuild|\brun\b|\bjob\b|\bimage\b|\bvolume|\bcontainer"
)
_UNINFORMATIVE = frozenset(
    "value val v data content string str text default const final return var let x s a env add set get append arg args "
    "password_value new with using is was be as to here for in".split()
)
_SPLIT = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-zÀ-ÿа-яА-Я一-鿿]+"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def words_of(name: str) -> str:
    """Return the words of an identifier, lower case, with one space between: `X-ApiKey` is `x api key`."""
    return _compiled(_SPLIT).sub(" ", name).strip().lower()


def is_uninformative(name: str) -> bool:
    """Return whether `name` says nothing of its value, so that what stands before it must."""
    return name.strip("_.-$").lower() in _UNINFORMATIVE


def strength_of(name: str) -> NameStrength:
    """Return what `name` says of a value that is directly assigned to it."""
    words = words_of(name)
    if not words:
        return NameStrength.SILENT
    joined = words.replace(" ", "")
    is_password = _compiled(_PASSWORD).search(words) or _compiled(_PASSWORD).search(joined)
    if _compiled(_INNOCENT).search(words):
        return NameStrength.INNOCENT
    if is_password:
        return NameStrength.PASSWORD
    if _compiled(_STRONG).search(words) or _compiled(_STRONG).search(joined):
        return NameStrength.STRONG
    if _compiled(_WEAK).search(words):
        return NameStrength.WEAK
    return NameStrength.PROVIDER if has_provider(words) else NameStrength.SILENT


def has_provider(words: str) -> bool:
    """Return whether one of the space-separated lower-case `words`, or two neighbours joined, is a provider's name."""
    parts = words.split()
    known = provider_names()
    return any(part in known for part in parts) or any(a + b in known for a, b in zip(parts, parts[1:], strict=False))


def mentions_secret(context: str) -> bool:
    """Return whether running text `context` speaks of a secret by one of its strong names."""
    words = words_of(context)
    return _compiled(_PASSWORD).search(words) is not None or _compiled(_STRONG).search(words) is not None
